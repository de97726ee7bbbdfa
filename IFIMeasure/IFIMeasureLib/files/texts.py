"""Text files and JSON as people give them: what cannot be read is told in one sentence, and memory is bounded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..values import IFIMeasureError
from .intact import refuse_unreadable

MOST_BYTES = 1 << 28
"""No table and no document of a study comes near; more would only fill the memory."""


def read_text(path: Path, windows: bool = False) -> str:
    """Return a text file in UTF-8 or, where it says so itself, UTF-16.

    :param windows: whether one that is neither may be as Windows writes western languages.
    :raises IFIMeasureError: where it cannot be read, is no text, or is larger than any such file; one sentence.
    """
    refuse_unreadable(path)
    if path.stat().st_size > MOST_BYTES:
        raise IFIMeasureError(f"{path}: the file has {path.stat().st_size:,} bytes, too many for what it should be.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise IFIMeasureError(f"{path}: the file cannot be read ({error.strerror or error}).") from None
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        if windows:
            return content.decode("cp1252", "replace")
        raise IFIMeasureError(f"{path}: this is no text in UTF-8; save it as such again.") from None


def read_json(path: Path) -> Any:
    """Return JSON content.

    :raises IFIMeasureError: as :func:`read_text`.
    :raises ValueError: where the text is no JSON, or is nested deeper than any document.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
