"""The files of one study, in the formats asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

from ..files.checksums import checksum_of_content, sha256_of_file
from ..files.images import write_volume
from ..images.masks import Volume
from ..muscle.images import fat_fraction_map
from ..present.csv_text import csv_text
from ..present.report import report_html
from ..present.rows import Rows
from ..present.tables import (
    finding_table,
    follow_up_table,
    histogram_table,
    landmark_table,
    measurement_table,
    muscle_table,
    profile_table,
)
from ..study.document import saved_study, study_document
from ..study.follow_up import Comparison
from ..study.result import StudyResult
from ..values import IFIMeasureError
from .collect import wide_columns, wide_row
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
    changes: Comparison | None = None,
) -> None:
    """Write a study's output files into ``folder`` (see :func:`written_whole` for doing it whole).

    :param formats: keys of :data:`OUTPUT_FORMATS`.
    :param identified: whether the report names the patient.
    :param changes: against earlier examinations of the same person: a table, a sheet, and a part of the report.
    :raises IFIMeasureError: for a study of landmarks alone.
    """
    name = name.encode("utf-8", "replace").decode()  # that of a folder need not be text
    if "tables" in formats:
        say("writing tables")
        _write_tables(study, folder, name, changes)
    if {"report", "pdf"} & set(formats):
        say("writing the report")
        page = report_html(study, identified, changes)
        if "report" in formats:
            (folder / "report.html").write_text(page, encoding="utf-8")
        if "pdf" in formats:
            _write_pdf(study, page, folder, "dicom" in formats, identified)
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
    outputs = {p.name: sha256_of_file(p) for p in sorted(folder.iterdir()) if p.is_file()}
    document = {**study_document(study), "outputs": outputs}
    document["checksum"] = checksum_of_content(document)
    (folder / "study.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_tables(study: StudyResult, folder: Path, name: str, changes: Comparison | None) -> None:
    """Write a CSV file and its schema of each table that has a row."""
    tables = {
        "measurements": measurement_table(study),
        "study": Rows(wide_columns(), [wide_row(saved_study(study), name)]),
        "profile": profile_table(study),
        "muscle_sections": muscle_table(study),
        "fat_histogram": histogram_table(study),
        **({"findings": finding_table(study)} if study.findings else {}),
        "follow_up": follow_up_table(changes),
    }
    for file, table in tables.items():
        if table:
            (folder / f"{file}.csv").write_bytes(csv_text(table.columns, table).encode())
            (folder / f"{file}.schema.csv").write_bytes(schema_text(table.descriptions).encode())


def _write_pdf(study: StudyResult, page: str, folder: Path, as_dicom: bool, identified: bool) -> None:
    """Write the report as PDF, and that once more as DICOM's encapsulated PDF where DICOM is written."""
    try:
        import weasyprint
    except (ImportError, OSError):  # OSError: the package is there, the library Pango that it draws with is not
        raise IFIMeasureError(
            "A PDF needs the package weasyprint and the library Pango, which are not installed;"
            " install them, or print report.html from a browser."
        ) from None
    pdf = weasyprint.HTML(string=page).write_pdf()
    (folder / "report.pdf").write_bytes(pdf)
    if as_dicom:
        from .dicom_pdf import write_encapsulated_pdf

        write_encapsulated_pdf(study, pdf, folder / "report_pdf.dcm", identified)


def _write_workbook(study: StudyResult, path: Path, changes: Comparison | None) -> None:
    tables = {
        "measurements": measurement_table(study),
        "profile": profile_table(study),
        "muscle": muscle_table(study),
        "fat": histogram_table(study),
        "findings": finding_table(study),
        "landmarks": landmark_table(study),
        "follow-up": follow_up_table(changes),
    }
    dictionary = Rows(
        {"sheet": "", "column": "", "content": ""},
        [
            {"sheet": name, "column": column, "content": text}
            for name, table in tables.items()
            for column, text in table.descriptions.items()
        ],
    )
    sheets = {**tables, "data dictionary": dictionary}
    write_workbook(path, {name: (table.columns, table) for name, table in sheets.items()})


def _write_fat_fraction(study: StudyResult, path: Path) -> None:
    """Write the map of fat over fat plus water (0 to 1), where there are Dixon images."""
    fraction = None if study.images is None else fat_fraction_map(study.images)
    if fraction is not None and study.images is not None:
        write_volume(Volume(fraction, study.images.grid, path), path)
