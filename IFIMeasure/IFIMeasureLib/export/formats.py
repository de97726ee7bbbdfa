"""What a folder of results may hold; free of all that takes time to load, as the command line needs it at once."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection

OUTPUT_FORMATS: dict[str, tuple[str, ...]] = {
    "tables": tuple(
        f"{table}{ending}"
        for table in ("measurements", "study", "profile", "muscle_sections", "fat_histogram", "findings", "follow_up")
        for ending in (".csv", ".schema.csv")
    ),
    "report": ("report.html",),
    "pdf": ("report.pdf", "report_pdf.dcm"),
    "landmarks": ("landmarks_left.mrk.json", "landmarks_right.mrk.json"),
    "segmentation": ("segmentation.seg.nrrd", "fat_fraction.nrrd"),
    "scene": ("scene.mrb",),
    "workbook": ("measurements.xlsx",),
    "dicom": ("report.dcm", "segmentation.dcm"),
    "fhir": ("fhir.json",),
}
"""What can be written, and its files.

Those with nothing to tell (a side that was not measured, no muscle, no fat fraction) are left out.
"""


DEFAULT_FORMATS = ("tables", "report", "landmarks", "segmentation", "scene")
"""What is written where nothing else is said; the others are asked for."""


OUTPUT_FILES = (*(name for names in OUTPUT_FORMATS.values() for name in names), "study.json")
"""Every file of a study's folder; ``study.json`` is always written."""


FOLLOW_UP_FILES = ("follow_up.csv", "follow_up.html", "together_*.seg.nrrd")
"""Every file of a folder of changes over time; of the last there is one for each examination, with its date."""


def chosen_formats(asked: Collection[str] | str | None) -> tuple[str, ...]:
    """Return the formats that were asked for, by their names, separated by commas where it is one text.

    :param asked: None for :data:`DEFAULT_FORMATS`, ``all`` for every one.
    :raises IFIMeasureError: where there is no such format; names those that exist.
    """
    if asked is None:
        return DEFAULT_FORMATS
    given = asked.split(",") if isinstance(asked, str) else asked if isinstance(asked, Collection) else [asked]
    words = tuple(str(word).strip() for word in given if str(word).strip())
    if words == ("all",):
        return tuple(OUTPUT_FORMATS)
    unknown = [word for word in words if word not in OUTPUT_FORMATS]
    if unknown or not words:
        from ..values import IFIMeasureError  # not above: with it comes numpy

        raise IFIMeasureError(
            f"formats is {asked!r}: there is no format {', '.join(unknown) or 'in it'}; there are "
            f"{', '.join(OUTPUT_FORMATS)}, and all.",
            argument="formats",
        )
    return words


NEEDED_PACKAGES = {"workbook": "openpyxl", "dicom": "highdicom", "pdf": "weasyprint"}
"""Packages that are not part of 3D Slicer and that a format needs."""


def missing_packages(formats: Collection[str]) -> list[str]:
    """Return the packages that must be installed before these formats can be written."""
    return [
        package
        for name, package in NEEDED_PACKAGES.items()
        if name in formats and importlib.util.find_spec(package) is None
    ]
