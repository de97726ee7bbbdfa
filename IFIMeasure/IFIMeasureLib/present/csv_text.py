"""CSV text (RFC 4180, UTF-8); cells that a spreadsheet would run as a formula are guarded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import IO, Any


def csv_text(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a CSV document. Text that a spreadsheet would run as a formula is put behind an apostrophe."""
    stream = io.StringIO(newline="")
    write_rows(stream, columns, rows)
    return stream.getvalue()


def write_rows(
    stream: IO[str], columns: Iterable[str], rows: Iterable[Mapping[str, Any]], separator: str = ","
) -> None:
    """Write the document of :func:`csv_text` row by row, so that any number of rows takes the same memory."""
    names = list(columns)
    writer = csv.writer(stream, delimiter=separator, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([safe_text(row[name]) for name in names])


def cell_text(value: Any) -> str:
    """Return a cell as text: numbers at full precision, nothing for None."""
    if value is None:
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def safe_text(value: Any) -> str:
    """Return a cell's text, behind an apostrophe where a spreadsheet would run it as a formula."""
    text = cell_text(value)
    if text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not _is_numbers(text)):
        return "'" + text
    return text


def _is_numbers(text: str) -> bool:
    try:
        [float(word) for word in text.split()]
    except ValueError:
        return False
    return True
