"""Pieces of a structure that lie apart from its main one: stray islands are left out, larger pieces kept and named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ..anatomy.structures import definitions
from ..files.results import lps_point
from ..images.masks import Mask, cropped
from ..values import Array, Side, point3

_LEAST_ML = {"hip": 0.5, "femur": 0.5, "hamstring": 0.05, "iliopsoas": 0.05}
"""Below this volume a piece apart from the main one is taken for a stray island, by structure.

A trochanter that was torn off or a fragment of a fracture is larger. Tendons are thin, and so are their pieces.
"""

_MOST_NAMED = 3
"""How many pieces are named one by one; the largest ones."""


@dataclass(frozen=True)
class _Pieces:
    """Connected pieces of a mask: ``labels`` (I, J, K), 0 outside and n + 1 in piece n; their volumes (N,)."""

    mask: Mask
    labels: Array
    volumes_ml: Array

    def text(self, chosen: Array) -> str:
        """How many pieces (N,) bool, their volume together, and where the largest lie."""
        numbers = np.flatnonzero(chosen)
        named = numbers[np.argsort(-self.volumes_ml[numbers], kind="stable")][:_MOST_NAMED]
        places = "; ".join(self._place(int(n)) for n in named)
        more = "; and others" if len(numbers) > len(named) else ""
        return f"{len(numbers)} of {_volume(float(self.volumes_ml[numbers].sum()))} in all, at {places}{more}"

    def _place(self, number: int) -> str:
        middle = self.mask.grid.to_ras(np.argwhere(self.labels == number + 1).mean(0))
        x, y, z = lps_point(point3(middle))
        return f"{x:.0f} {y:.0f} {z:.0f} (LPS mm, {_volume(float(self.volumes_ml[number]))})"


def without_islands(key: str, side: Side, mask: Mask) -> tuple[Mask, list[str]]:
    """Return a structure without stray islands, and what a reader must know of its pieces.

    Voxels that touch by a face, an edge or a corner are one piece. Structures that are neither bones nor tendons come
    back as they are.

    :param key: id of the structure.
    :param mask: RAS; at least one voxel.
    """
    least_ml = _LEAST_ML.get(key)
    if least_ml is None:
        return mask, []
    labels, count = scipy.ndimage.label(mask.array, np.ones((3, 3, 3)))
    if count < 2:
        return mask, []
    volumes_ml = np.bincount(labels.reshape(-1), minlength=count + 1)[1:] * (mask.grid.voxel_mm3 / 1000.0)
    pieces = _Pieces(mask, labels, volumes_ml)
    stray = volumes_ml < least_ml
    apart = ~stray
    stray[volumes_ml.argmax()] = apart[volumes_ml.argmax()] = False
    name = f"{side.value} {definitions()[key].title.lower()}"
    notes = []
    if stray.any():
        notes.append(
            f"{name}: stray islands apart from the main piece were left out ({pieces.text(stray)});"
            " look whether they belong to it"
        )
        mask = cropped(Mask(np.concatenate([[False], ~stray])[labels], mask.grid, mask.cut))
    if apart.any() and definitions()[key].bone:  # a tendon in thick slices often has several
        notes.append(
            f"{name}: pieces apart from the main piece are measured with it ({pieces.text(apart)});"
            " look whether they belong to it"
        )
    return mask, notes


def _volume(volume_ml: float) -> str:
    return f"{volume_ml:.1f} mL" if volume_ml >= 0.1 else f"{1000.0 * volume_ml:.0f} mm³"
