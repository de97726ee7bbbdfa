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
            return _as_written_now(document)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise IFIMeasureError(
        f"{path}: this is no study that IFIMeasure wrote, or it is damaged; give a folder that 'ifimeasure measure' wrote, or measure the study again."
    )


def _as_written_now(document: dict[str, Any]) -> dict[str, Any]:
    """What version 0.1.0 wrote, under the names of today."""
    if "muscle_origins" in document:
        return dict(document)
    options = dict(document.get("options", {}))
    options["findings"] = options.pop("finding", [])
    return {
        **document,
        "options": options,
        "contrast": options.get("contrast") or "",
        "muscle_origins": document.get("muscle", {}),
        "structures": document.get("segmentation", {}).get("structures", {}),
    }
