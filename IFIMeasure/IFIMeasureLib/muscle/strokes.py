"""What a person marked as certainly inside or outside the muscle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files.markups import read_markups
from ..values import Array, IFIMeasureError


@dataclass(frozen=True)
class Strokes:
    """What a person marked: points inside and outside the muscle, each (N, 3) RAS millimeter."""

    inside: Array
    outside: Array

    @classmethod
    def none(cls) -> Strokes:
        """Return no strokes."""
        return cls(np.zeros((0, 3)), np.zeros((0, 3)))


def read_strokes(path: Path) -> Strokes:
    """Read strokes from a Slicer markups file whose lists (or their points) are named ``inside`` and ``outside``.

    :raises IFIMeasureError: where it is no markups file, holds neither, or a position is not finite.
    """
    found: dict[str, list[tuple[float, float, float]]] = {"inside": [], "outside": []}
    for point in read_markups(path, "strokes", lambda name, label: _stroke_kind(name, label) != ""):
        if point.position_ras_mm is not None:
            found[_stroke_kind(point.list_name, point.label)].append(point.position_ras_mm)
    if not any(found.values()):
        raise IFIMeasureError(
            f"{path}: no list or point is named 'inside' or 'outside'; name the lists so and save them again."
        )
    return Strokes(*(np.array(found[kind]).reshape(-1, 3) for kind in ("inside", "outside")))


def _stroke_kind(list_name: str, label: str) -> str:
    words = f"{list_name} {label}".lower()
    return "outside" if "outside" in words else "inside" if "inside" in words else ""
