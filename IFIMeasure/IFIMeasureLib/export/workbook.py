"""Excel workbooks, and schemas of tables as 3D Slicer reads them."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..present.csv_text import csv_text
from ..present.tables import Cell, Cells
from ..values import IFIMeasureError

_MOST_ROWS = 1_048_575


def write_workbook(path: Path, sheets: Mapping[str, tuple[Sequence[str], Iterable[Cells]]]) -> None:
    """Write an Excel workbook: numbers as numbers, text as text, which is never run; rows are streamed to disk.

    :param sheets: by name, columns and rows.
    :raises IFIMeasureError: where the library for it is absent.
    """
    try:
        from openpyxl import Workbook
    except ImportError:
        raise IFIMeasureError(
            "An Excel workbook needs the package openpyxl, which is not installed; install it, or write .csv."
        ) from None
    with _temporary_files_in(path.parent):
        book = Workbook(write_only=True)
        _fill(book, sheets)
        content = io.BytesIO()  # a full disk is then told by the system, not amid openpyxl's own clearing up
        book.save(content)
    path.write_bytes(content.getbuffer())


def _fill(book: Any, sheets: Mapping[str, tuple[Sequence[str], Iterable[Cells]]]) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    for name, (columns, rows) in sheets.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "B2"
        for index, column in enumerate(columns, 1):
            sheet.column_dimensions[get_column_letter(index)].width = min(max(len(column) + 2, 10), 40)

        def cell(value: Cell, sheet: Any = sheet, bold: bool = False) -> Any:
            if not isinstance(value, str):
                return value
            made = WriteOnlyCell(sheet, value)
            made.data_type = "s"  # text, whatever it begins with
            if bold:
                made.font = Font(bold=True)
            return made

        sheet.append([cell(column, bold=True) for column in columns])
        for number, row in enumerate(rows, 1):
            if number > _MOST_ROWS:
                raise IFIMeasureError("An Excel sheet holds no more than 1,048,576 rows; write .csv or .parquet.")
            sheet.append([cell(row[column]) for column in columns])


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let libraries keep what they write meanwhile there, not in the system's temporary folder."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def schema_text(columns: Mapping[str, str]) -> str:
    """Return a table's schema as 3D Slicer reads it (``NAME.schema.csv``): name, description and type of each column.

    Every column is text, as an empty cell is no number.
    """
    rows = [{"columnName": name, "description": text, "type": "string"} for name, text in columns.items()]
    return csv_text(("columnName", "description", "type"), rows)
