"""Tables as people save them: CSV with a comma, semicolon or tab, of any spreadsheet program and country, and Excel."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ..values import IFIMeasureError
from .intact import first_bytes
from .texts import read_text

_POINT = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)?(\.\d*)?([eE][+-]?\d+)?")
"""Numbers with a decimal point, and perhaps commas between thousands."""

_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)?(,\d*)?([eE][+-]?\d+)?")
"""Numbers with a decimal comma, and perhaps points between thousands."""

_MOST_CELLS = 10_000_000


def read_table(path: Path, numbers: Collection[str]) -> list[dict[str, Any]]:
    """Return the rows of a table, by the names in its first row; empty ones at its end are left out.

    :param numbers: columns of numbers: their decimal commas become points.
    :returns: cells as text, or as Excel has them.
    :raises IFIMeasureError: where the table cannot be read, or it cannot be told whether a comma is a decimal one.
    """
    if first_bytes(path, 4) == b"PK\x03\x04":
        return _rows(_cells_of_excel(path))
    lines = read_text(path, windows=True).splitlines()
    said = re.fullmatch(r'"?sep=(.)"?', lines[0].strip() or "\t") if lines else None
    lines = lines[1:] if said else lines
    separator = said[1] if said else _separator(lines[0] if lines else "")
    try:
        rows = _rows(list(csv.reader(lines, delimiter=separator)))
    except csv.Error as error:
        raise IFIMeasureError(f"{path}: this is no table that can be read ({error}); save it as CSV again.") from None
    for name in numbers:
        _make_points(rows, name, separator, path)
    return rows


def _separator(head: str) -> str:
    """What stands between the names of the columns."""
    return max(",;\t", key=head.count)


def _rows(cells: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    names = [str(name or "").strip() for name in cells[0]] if cells else []
    last = max((number for number, row in enumerate(cells) if any(cell not in (None, "") for cell in row)), default=0)
    rows = [dict(zip(names, row)) for row in cells[1 : last + 1]]
    return [{name: row.get(name, "") for name in names if name} for row in rows]


def _make_points(rows: list[dict[str, Any]], name: str, separator: str, path: Path) -> None:
    """Make the decimal commas of a column points.

    :raises IFIMeasureError: where its numbers can be read in two ways.
    """
    written = [str(row[name]).strip() for row in rows if name in row and str(row[name]).strip()]
    if not any("," in text for text in written):
        return
    point, comma = (all(pattern.fullmatch(text) for text in written) for pattern in (_POINT, _COMMA))
    if point and comma and separator != ";":
        raise IFIMeasureError(
            f"{path}: it cannot be told whether a comma in the column {name} is a decimal one (such as "
            f"{next(text for text in written if ',' in text)}); write the numbers with a decimal point."
        )
    if not point and not comma:
        return  # something among them is no number, which whoever needs it says
    for row in rows:
        text = str(row.get(name, "")).strip()
        row[name] = text.replace(".", "").replace(",", ".") if comma else text.replace(",", "")


def _cells_of_excel(path: Path) -> list[list[Any]]:
    """The cells of the first sheet of a workbook."""
    try:
        import openpyxl
    except ImportError:
        raise IFIMeasureError(
            f"{path}: an Excel workbook needs the package openpyxl, which is not installed; install it, or save the "
            "table as CSV."
        ) from None
    try:
        sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0]
        if (sheet.max_row or 0) * (sheet.max_column or 0) > _MOST_CELLS:
            raise IFIMeasureError(f"{path}: the sheet has more than {_MOST_CELLS:,} cells; save the table alone.")
        return [list(row) for row in sheet.iter_rows(values_only=True)]
    except IFIMeasureError:
        raise
    except Exception as error:  # a workbook is a zip of XML, and anything may be wrong in it
        raise IFIMeasureError(f"{path}: the Excel workbook cannot be read ({error}); save the table as CSV.") from None
