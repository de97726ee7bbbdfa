"""CSV text (RFC 4180, UTF-8); cells that a spreadsheet would run as a formula are guarded."""

from __future__ import annotations

import csv
import io
import unicodedata
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
    begins = unicodedata.normalize("NFKC", text.lstrip(_BLANK)[:1])  # a full-width sign is one, too
    if text[:1] in ("\t", "\r", "\n") or begins in ("=", "+", "@") or (begins == "-" and not _is_numbers(text)):
        return "'" + text
    return text


_BLANK = "".join(map(chr, (*range(0x21), 0x7F, 0x85, 0xA0, 0x1680, 0x180E, *range(0x2000, 0x2010), 0x2028, 0x2029,
                          0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)))  # fmt: skip
"""What a spreadsheet may skip before a sign: control characters, blanks of every width, marks without width."""


def _is_numbers(text: str) -> bool:
    try:
        [float(word) for word in text.split()]
    except ValueError:
        return False
    return True
