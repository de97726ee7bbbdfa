"""Masks of which only a shell is drawn, as a threshold in CT leaves the cortex of a bone."""

from __future__ import annotations

import numpy as np
import scipy

from ..values import Array
from .masks import Mask

_HOLLOW = 1.2
"""How much larger than what is drawn a structure is with its holes where it counts as hollow."""

_TRIED_SLICES = 16


def without_hollow(mask: Mask) -> Mask | None:
    """Return a mask with its holes filled slice by slice where it is hollow; None where it is not.

    :param mask: it must hold at least one voxel.
    """
    axis = mask.grid.slice_axis
    array = np.moveaxis(mask.array, axis, 0)
    used = np.flatnonzero(array.any(axis=(1, 2)))
    tried = array[used[np.linspace(0, len(used) - 1, min(_TRIED_SLICES, len(used))).round().astype(int)]]
    if _filled(tried).sum() <= _HOLLOW * tried.sum():
        return None
    return Mask(np.moveaxis(_filled(array), 0, axis), mask.grid, mask.cut)


def _filled(slices: Array) -> Array:
    """Slices (N, rows, columns) bool with what each encloses filled."""
    around = np.pad(~slices, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    beside = np.zeros((3, 3, 3), bool)
    beside[1] = [[False, True, False], [True, True, True], [False, True, False]]
    labels, count = scipy.ndimage.label(around, beside)
    outside = np.zeros(count + 1, bool)
    outside[labels[:, 0, 0]] = True
    return np.asarray(~outside[labels][:, 1:-1, 1:-1])
