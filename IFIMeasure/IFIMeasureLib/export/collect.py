"""One table over many studies, and tables as other programs like them: wide rows, workbook, Parquet, schema.

Everything derives from ``study.json``, which each study's folder holds; studies are read one by one, so memory does
not grow with their number.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..anatomy.findings import FINDINGS
from ..files.results import read_document
from ..measuring.registry import MEASUREMENTS
from ..measuring.units import unit_of
from ..present.csv_text import write_rows
from ..present.tables import MEASUREMENT_COLUMNS
from ..values import IFIMeasureError
from .workbook import write_workbook

_ABOUT: dict[str, str] = {
    "study": "Name of the study's folder, with the folders above it as they were given.",
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


def _column(measurement_id: str, side: str, unit: str) -> str:
    return "_".join(part for part in (measurement_id, side, unit_of(unit).column) if part)


def wide_columns() -> dict[str, str]:
    """Return the columns of a table with one row a study, and what they hold; the unit is in the name."""
    columns = dict(_ABOUT)
    for m in MEASUREMENTS:
        for side in ("",) if m.paired else ("right", "left"):
            columns[_column(m.id, side, m.unit)] = (
                f"{m.title}{f', {side}' if side else ''}; empty where it is not measurable."
            )
    for f in FINDINGS:
        for side in ("right", "left"):
            columns[f"{f.id}_{side}"] = f"{f.title}, {side}: what a reader found."
    return columns


def long_columns() -> dict[str, str]:
    """Return the columns of a table with one row a study, measurement and side, and what they hold."""
    return {"study": _ABOUT["study"], "date": _ABOUT["date"], **MEASUREMENT_COLUMNS}


def _about(document: dict[str, Any], name: str) -> dict[str, str]:
    subject, grid = document.get("subject", {}), document.get("segmentation", {})
    series = document.get("series") or {}
    row = {"study": name, "date": str(document.get("date", "")), "series": str(series.get("description", ""))}
    row.update(
        {
            key: "" if subject.get(key) is None else str(subject[key])
            for key in ("sex", "age_years", "height_m", "weight_kg")
        }
    )
    row.update(
        plane=str(grid.get("plane", "")),
        spacing_mm=" ".join(repr(float(v)) for v in grid.get("spacing_mm", [])),
        version=str(document.get("versions", {}).get("ifimeasure", "")),
    )
    return row


def wide_row(document: dict[str, Any], name: str) -> dict[str, str]:
    """Return a study's row with the columns :func:`wide_columns`, full precision."""
    row = {**dict.fromkeys(wide_columns(), ""), **_about(document, name)}
    for of in document["measurements"]:
        column = _column(of["measurement"], of["side"] if of["side"] != "both" else "", of["unit"])
        if column in row:  # a study of another version may hold what this one does not know
            row[column] = of["value"]
    for side, found in document.get("findings", {}).items():
        for key, choice in found.items():
            if f"{key}_{side}" in row:
                row[f"{key}_{side}"] = choice
    return row


def long_rows(document: dict[str, Any], name: str) -> list[dict[str, str]]:
    """Return a study's rows with the columns :func:`long_columns`."""
    about = _about(document, name)
    columns = long_columns()
    return [
        {**{key: str(of.get(key, "")) for key in columns}, "study": name, "date": about["date"]}
        for of in document["measurements"]
    ]


def find_studies(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield every ``study.json`` in folders and the folders below them, in order.

    :raises IFIMeasureError: where a folder does not exist or holds none.
    """
    for folder in folders:
        if not folder.is_dir():
            raise IFIMeasureError(
                f"{folder}: there is no such folder; give folders that 'ifimeasure measure' wrote, or one that holds them."
            )
        any_found = False
        for where, below, files in os.walk(folder):
            below[:] = sorted(name for name in below if not name.startswith("."))  # hidden: half-written ones
            if "study.json" in files:
                any_found = True
                yield Path(where) / "study.json"
        if not any_found:
            raise IFIMeasureError(
                f"{folder}: there is no study in it (no study.json); give folders that 'ifimeasure measure' wrote."
            )


def write_collected(folders: Sequence[Path], path: Path, long: bool) -> tuple[int, list[str]]:
    """Write one table over many studies: CSV, TSV, Excel workbook or Parquet, by the file's name.

    :param long: one row a measurement instead of one a study.
    :returns: number of studies, and a sentence for each that was left out because it is damaged.
    :raises IFIMeasureError: where nothing is found, the kind of file is not known, or the library for it is absent.
    """
    columns = list(long_columns() if long else wide_columns())
    left_out: list[str] = []
    count = 0

    def rows() -> Iterator[dict[str, str]]:
        nonlocal count
        for file in find_studies(folders):
            try:
                document = read_document(file)
                name = file.parent.as_posix()
                found = long_rows(document, name) if long else [wide_row(document, name)]
            except (IFIMeasureError, KeyError, TypeError, AttributeError, ValueError):
                left_out.append(f"{file} is damaged or of another program, and was left out.")
                continue
            count += 1
            yield from found

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    try:
        _WRITERS.get(path.suffix.lower(), _refuse)(beside, columns, rows())
        if not count:
            raise IFIMeasureError(" ".join(left_out[:3]))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return count, left_out


def _refuse(path: Path, columns: list[str], rows: Iterator[dict[str, str]]) -> None:
    raise IFIMeasureError(
        f"{path.name.removeprefix('.').removesuffix('.partial')}: the table is a .csv, .tsv, .xlsx or .parquet file; name it so."
    )


def _write_text(path: Path, columns: list[str], rows: Iterator[dict[str, str]], separator: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        write_rows(stream, columns, rows, separator)


def _write_csv(path: Path, columns: list[str], rows: Iterator[dict[str, str]]) -> None:
    _write_text(path, columns, rows, ",")


def _write_tsv(path: Path, columns: list[str], rows: Iterator[dict[str, str]]) -> None:
    _write_text(path, columns, rows, "\t")


def _write_xlsx(path: Path, columns: list[str], rows: Iterator[dict[str, str]]) -> None:
    descriptions = {**long_columns(), **wide_columns()}
    write_workbook(
        path,
        {
            "studies": (columns, rows),
            "data dictionary": (["column", "content"], ({"column": c, "content": descriptions[c]} for c in columns)),
        },
    )


def _write_parquet(path: Path, columns: list[str], rows: Iterator[dict[str, str]]) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise IFIMeasureError(
            "Parquet needs the package pyarrow, which is not installed; install it, or write .csv."
        ) from None
    numbers = {
        name
        for name in columns
        if name not in {*_ABOUT, *MEASUREMENT_COLUMNS, *(f"{f.id}_{s}" for f in FINDINGS for s in ("right", "left"))}
    }
    numbers |= {"age_years", "height_m", "weight_kg", "value", "slice_s_mm"} & set(columns)
    schema = pyarrow.schema([(name, pyarrow.float64() if name in numbers else pyarrow.string()) for name in columns])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        batch: list[dict[str, Any]] = []

        def flush() -> None:
            if batch:
                writer.write_table(pyarrow.Table.from_pylist(batch, schema))
                batch.clear()

        for row in rows:
            batch.append(
                {name: (float(row[name]) if row[name] else None) if name in numbers else row[name] for name in columns}
            )
            if len(batch) >= 1000:
                flush()
        flush()


_WRITERS = {".csv": _write_csv, ".tsv": _write_tsv, ".xlsx": _write_xlsx, ".parquet": _write_parquet}
