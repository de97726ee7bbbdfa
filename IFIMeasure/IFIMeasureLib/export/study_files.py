"""The files of one study, in the formats asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from ..files.checksums import sha256_of_file
from ..files.images import write_volume
from ..images.masks import Volume
from ..muscle.numbers import fat_fraction_map
from ..present.csv_text import csv_text
from ..present.report import report_html
from ..present.tables import (
    FINDING_COLUMNS,
    HISTOGRAM_COLUMNS,
    LANDMARK_COLUMNS,
    MEASUREMENT_COLUMNS,
    MUSCLE_COLUMNS,
    PROFILE_COLUMNS,
    finding_rows,
    histogram_rows,
    landmark_rows,
    measurement_rows,
    muscle_rows,
    profile_rows,
)
from ..study.follow_up import FOLLOW_UP_COLUMNS, Changes
from ..study.result import StudyResult
from ..values import IFIMeasureError
from .collect import wide_columns, wide_row
from .document import describe
from .fhir import fhir_bundle
from .formats import DEFAULT_FORMATS
from .mrml_files import write_mrml
from .workbook import schema_text, write_workbook


def write_outputs(
    study: StudyResult,
    folder: Path,
    name: str,
    say: Callable[[str], None] = lambda text: None,
    formats: Collection[str] = DEFAULT_FORMATS,
    identified: bool = False,
    changes: Changes | None = None,
) -> None:
    """Write a study's output files into ``folder`` (see :func:`written_whole` for doing it whole).

    :param formats: keys of :data:`OUTPUT_FORMATS`.
    :param identified: whether the report names the patient.
    :param changes: against earlier examinations of the same person: a table, a sheet, and a part of the report.
    :raises IFIMeasureError: for a study of landmarks alone.
    """
    provenance = describe(study)
    if "tables" in formats:
        say("writing tables")
        for file, columns, rows in (
            ("measurements", MEASUREMENT_COLUMNS, measurement_rows(study)),
            ("study", wide_columns(), [wide_row(provenance, name)]),
            ("profile", PROFILE_COLUMNS, profile_rows(study)),
            ("muscle_sections", MUSCLE_COLUMNS, muscle_rows(study)),
            ("fat_histogram", HISTOGRAM_COLUMNS, histogram_rows(study)),
            ("findings", FINDING_COLUMNS, finding_rows(study.findings, study.hips) if study.findings else []),
            ("follow_up", FOLLOW_UP_COLUMNS, changes.rows if changes is not None else []),
        ):
            if rows:
                (folder / f"{file}.csv").write_bytes(csv_text(columns, rows).encode())
                (folder / f"{file}.schema.csv").write_bytes(schema_text(columns).encode())
    if {"report", "pdf"} & set(formats):
        say("writing the report")
        page = report_html(study, identified, changes)
        if "report" in formats:
            (folder / "report.html").write_text(page, encoding="utf-8")
        if "pdf" in formats:
            _write_pdf(study, page, folder, "dicom" in formats)
    if "segmentation" in formats:
        _write_fat_fraction(study, folder / "fat_fraction.nrrd")
    if {"landmarks", "segmentation", "scene"} & set(formats):
        say("writing the files for 3D Slicer")
        write_mrml(study, folder, name, formats)
    if "fhir" in formats:
        bundle = fhir_bundle(study)
        (folder / "fhir.json").write_text(json.dumps(bundle, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if "dicom" in formats:
        from .dicom import write_dicom

        say("writing DICOM")
        write_dicom(study, folder)
    if "workbook" in formats:
        _write_workbook(study, folder / "measurements.xlsx", changes)
    provenance["outputs"] = {p.name: sha256_of_file(p) for p in sorted(folder.iterdir()) if p.is_file()}
    (folder / "study.json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_pdf(study: StudyResult, page: str, folder: Path, as_dicom: bool) -> None:
    """Write the report as PDF, and that once more as DICOM's encapsulated PDF where DICOM is written."""
    try:
        import weasyprint
    except (ImportError, OSError):  # OSError: the package is there, the library Pango that it draws with is not
        raise IFIMeasureError(
            "A PDF needs the package weasyprint and the library Pango, which are not installed; install them, or print report.html from a browser."
        ) from None
    pdf = weasyprint.HTML(string=page).write_pdf()
    (folder / "report.pdf").write_bytes(pdf)
    if as_dicom:
        from .dicom_pdf import write_encapsulated_pdf

        write_encapsulated_pdf(study, pdf, folder / "report_pdf.dcm")


def _write_workbook(study: StudyResult, path: Path, changes: Changes | None) -> None:
    tables = {
        "measurements": (MEASUREMENT_COLUMNS, measurement_rows(study)),
        "profile": (PROFILE_COLUMNS, profile_rows(study)),
        "muscle": (MUSCLE_COLUMNS, muscle_rows(study)),
        "fat": (HISTOGRAM_COLUMNS, histogram_rows(study)),
        "findings": (FINDING_COLUMNS, finding_rows(study.findings, study.hips)),
        "landmarks": (LANDMARK_COLUMNS, landmark_rows(study)),
        "follow-up": (FOLLOW_UP_COLUMNS, changes.rows if changes is not None else []),
    }
    dictionary = [
        {"sheet": name, "column": column, "content": text}
        for name, (columns, _) in tables.items()
        for column, text in columns.items()
    ]
    sheets: dict[str, tuple[Sequence[str], Iterable[dict[str, str]]]] = {
        name: (list(columns), rows) for name, (columns, rows) in tables.items()
    }
    write_workbook(path, {**sheets, "data dictionary": (["sheet", "column", "content"], dictionary)})


def _write_fat_fraction(study: StudyResult, path: Path) -> None:
    """Write the map of fat over fat plus water (0 to 1), where there are Dixon images."""
    fraction = None if study.images is None else fat_fraction_map(study.images)
    if fraction is not None and study.images is not None:
        write_volume(Volume(fraction, study.images.grid, path), path)
