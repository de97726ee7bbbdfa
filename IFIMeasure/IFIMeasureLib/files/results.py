"""A study that was written before: its ``study.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..values import IFIMeasureError


def read_document(path: Path) -> dict[str, Any]:
    """Read a ``study.json``.

    :raises IFIMeasureError: where it is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if str(document["format"]).startswith("IFIMeasure study") and isinstance(document["measurements"], list):
            return dict(document)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise IFIMeasureError(
        f"{path}: this is no study that IFIMeasure wrote, or it is damaged; give a folder that 'ifimeasure measure' wrote, or measure the study again."
    )
