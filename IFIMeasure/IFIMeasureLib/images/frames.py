"""The side frame (lateral, anterior, superior) of one hip and RAS: left and right become one problem."""

from __future__ import annotations

import numpy as np

from ..values import Array, Side
from .grid import Grid
from .masks import Mask


def side_frame(mask: Mask, side: Side) -> Mask:
    """Return the mask in the side frame (lateral, anterior, superior), mirrored for the left side."""
    if side is Side.RIGHT:
        return mask
    affine = mask.grid.affine.copy()
    affine[0] = -affine[0]
    affine[:3, 3] = affine[:3, 3] + affine[:3, 0] * (mask.array.shape[0] - 1)
    affine[:3, 0] = -affine[:3, 0]
    cut = frozenset((axis, -end if axis == 0 else end) for axis, end in mask.cut)
    return Mask(np.flip(mask.array, 0), Grid(mask.grid.shape, affine), cut)


def to_ras(point: Array, side: Side) -> Array:
    """Return side-frame points (..., 3) in RAS, or the reverse: the mirror is its own inverse."""
    return np.asarray(np.asarray(point, float) * np.array([side.lateral_sign, 1.0, 1.0]))
