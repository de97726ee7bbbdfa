"""One table over many studies, and tables as other programs like them: wide rows, workbook, Parquet, schema.

Everything derives from ``study.json``, which each study's folder holds; studies are read one by one, so memory does
not grow with their number.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..anatomy.findings import FINDINGS
from ..files.exchange import restore
from ..files.results import SavedStudy, read_study
from ..measuring.registry import MEASUREMENTS
from ..present.csv_text import write_rows
from ..present.tables import (
    Cells,
    column_name,
    measurement_cells,
    measurement_columns,
    measurement_numbers,
)
from ..study.provenance import Provenance
from ..values import IFIMeasureError, Measured, Side
from .mixture import foreign_files, remarks_on
from .whole import file_written_whole
from .workbook import write_workbook

_ABOUT: dict[str, str] = {
    "study": "Name of the study's folder, with the folders above it up to the one that was given; not its place on "
    "the disk.",
    "date": "Date of the examination, ISO 8601; empty where it is not known.",
    "series": "Description of the series.",
    "sex": "F, M, or empty.",
    "age_years": "Age in years.",
    "height_m": "Height in meters.",
    "weight_kg": "Weight in kilograms.",
    "plane": "Plane of the segmentation's image.",
    "spacing_mm": "Distance between voxels along its axes, millimeter.",
    "version": "Version of IFIMeasure that measured.",
}

_LARGEST_CHECKED = 1 << 24
"""Bytes of the largest file whose checksum is compared: thousands of studies hold large scenes."""


_ABOUT_NUMBERS = ("age_years", "height_m", "weight_kg")


def wide_columns() -> dict[str, str]:
    """Return the columns of a table with one row a study, and what they hold; the unit is in the name."""
    columns = dict(_ABOUT)
    for m in MEASUREMENTS:
        for side in (None,) if m.paired else Side:
            of = f", {side.value}" if side is not None else ""
            columns[column_name(m.id, side, m.unit)] = f"{m.title}{of}; empty where it is not measurable."
    for f in FINDINGS:
        for side in Side:
            columns[_finding_column(f.id, side)] = f"{f.title}, {side.value}: what a reader found."
    return columns


def long_columns() -> dict[str, str]:
    """Return the columns of a table with one row a study, measurement and side, and what they hold."""
    return {"study": _ABOUT["study"], "date": _ABOUT["date"], **measurement_columns()}


def number_columns(long: bool) -> dict[str, type]:
    """Return those columns of either table that hold numbers, with their type; the others are text."""
    if long:
        return measurement_numbers()
    measured = {column_name(m.id, side, m.unit) for m in MEASUREMENTS for side in ((None,) if m.paired else Side)}
    return dict.fromkeys((*_ABOUT_NUMBERS, *measured), float)


def _finding_column(finding_id: str, side: Side) -> str:
    return f"{finding_id}_{side.value}"


def wide_row(saved: SavedStudy, name: str) -> Cells:
    """Return a study's row with the columns :func:`wide_columns`."""
    provenance = Provenance.from_document(saved.provenance, name)
    subject, series = saved.subject, provenance.series
    row: Cells = {
        **dict.fromkeys(wide_columns()),
        "study": name,
        "date": saved.date or None,
        "series": (series.description if series is not None else "") or None,
        "sex": subject.sex,
        "age_years": subject.age_years,
        "height_m": subject.height_m,
        "weight_kg": subject.weight_kg,
        "plane": saved.grid.plane_name,
        "spacing_mm": " ".join(repr(v) for v in saved.grid.spacing.tolist()),
        "version": provenance.versions.get("ifimeasure"),
    }
    for of in saved.measurements:
        column = column_name(of.id, of.side, of.unit)
        if column in row and isinstance(of.result, Measured):  # another version may know what this one does not
            row[column] = of.result.value
    for side, found in saved.findings.items():
        for key, choice in found.items():
            if _finding_column(key, side) in row:
                row[_finding_column(key, side)] = choice
    return row


def long_rows(saved: SavedStudy, name: str) -> list[Cells]:
    """Return a study's rows with the columns :func:`long_columns`."""
    return [{"study": name, "date": saved.date or None, **measurement_cells(of)} for of in saved.measurements]


def find_studies(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield every ``study.json`` in folders and the folders below them, in order.

    :raises IFIMeasureError: where a folder does not exist or holds none.
    """
    for folder in folders:
        restore(folder)
        if not folder.is_dir():
            raise IFIMeasureError(
                f"{folder}: there is no such folder;"
                " give folders that 'ifimeasure measure' wrote, or one that holds them."
            )
        any_found = False
        for where, below, files in os.walk(folder):
            below[:] = sorted(_restored(where, below))
            if "study.json" in files:
                any_found = True
                yield Path(where) / "study.json"
        if not any_found:
            raise IFIMeasureError(
                f"{folder}: there is no study in it (no study.json); give folders that 'ifimeasure measure' wrote."
            )


def named_studies(folders: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield every ``study.json`` as :func:`find_studies` does, with the name of its study.

    A name begins with that of the folder that was given, and with folders above it only where several are called alike.
    """
    places = [Path(os.path.abspath(folder)) for folder in folders]
    depth = 1
    most = max((len(place.parts) for place in places), default=0)
    while depth < most and len({place.parts[-depth:] for place in places}) < len(set(places)):
        depth += 1
    for folder, place in zip(folders, places):
        for file in find_studies([folder]):
            name = Path(*place.parts[-depth:], *file.parent.relative_to(folder).parts)
            yield file, name.as_posix()


def _restored(where: str, below: list[str]) -> set[str]:
    """Names of the folders in a folder but hidden ones; those that a killed run had put aside are put back."""
    for name in below:
        if name.startswith(".") and name.endswith(".partial"):
            restore(Path(where, name[1 : -len(".partial")]))
    return {entry.name for entry in os.scandir(where) if entry.is_dir() and not entry.name.startswith(".")}


def write_collected(folders: Sequence[Path], path: Path, long: bool, force: bool) -> tuple[int, list[str]]:
    """Write one table over many studies: CSV, TSV, Excel workbook or Parquet, by the file's name.

    :param long: one row a measurement instead of one a study.
    :param force: whether a file that is there may be replaced.
    :returns: number of studies, and a sentence for each that was left out because it is damaged, or was changed.
    :raises IFIMeasureError: where nothing is found, the kind of file is not known, or the library for it is absent.
    """
    columns = long_columns() if long else wide_columns()
    remarks: list[str] = []
    count = 0

    def rows() -> Iterator[Cells]:
        nonlocal count
        for file, name in named_studies(folders):
            try:
                saved = read_study(file)
                foreign = foreign_files(file.parent, saved, largest=_LARGEST_CHECKED)
                remarks.extend(remarks_on(file.parent, saved, foreign))
                found = long_rows(saved, name) if long else [wide_row(saved, name)]
            except IFIMeasureError as error:
                remarks.append(f"Left out: {error}")
                continue
            count += 1
            yield from found

    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise IFIMeasureError(f"{path.name}: the table is a .csv, .tsv, .xlsx or .parquet file; name it so.")
    with file_written_whole(path, force) as beside:
        write(beside, columns, number_columns(long), rows())
        if not count:
            raise IFIMeasureError(" ".join(remarks[:3]))
    return count, remarks


_Rows = Iterator[Cells]

_Columns = dict[str, str]

_Types = dict[str, type]


def _write_csv(path: Path, columns: _Columns, numbers: _Types, rows: _Rows, separator: str = ",") -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        write_rows(stream, columns, rows, separator)


def _write_tsv(path: Path, columns: _Columns, numbers: _Types, rows: _Rows) -> None:
    _write_csv(path, columns, numbers, rows, "\t")


def _write_xlsx(path: Path, columns: _Columns, numbers: _Types, rows: _Rows) -> None:
    dictionary: Iterator[Cells] = ({"column": name, "content": text} for name, text in columns.items())
    sheets = {"studies": (list(columns), rows), "data dictionary": (["column", "content"], dictionary)}
    write_workbook(path, sheets)


def _write_parquet(path: Path, columns: _Columns, numbers: _Types, rows: _Rows) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise IFIMeasureError(
            "Parquet needs the package pyarrow, which is not installed; install it, or write .csv."
        ) from None
    kinds = {float: pyarrow.float64(), int: pyarrow.int64(), str: pyarrow.string()}
    schema = pyarrow.schema([(name, kinds[numbers.get(name, str)]) for name in columns])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while batch := list(itertools.islice(rows, 1000)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema))


_WRITERS = {".csv": _write_csv, ".tsv": _write_tsv, ".xlsx": _write_xlsx, ".parquet": _write_parquet}
