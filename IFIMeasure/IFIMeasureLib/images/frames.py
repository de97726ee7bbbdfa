"""The side frame of one hip (lateral, anterior, superior) and RAS: left and right become one problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..values import Array, Side
from .grid import Grid
from .masks import Mask


@dataclass(frozen=True)
class SideFrame:
    """The frame in which both hips look alike: x lateral, y anterior, z superior, millimeter, origin of RAS.

    For the right hip it is RAS itself, for the left its mirror image across the plane of R = 0. What lies in it
    is called ``*_side``, what lies in RAS ``*_ras``.

    >>> frame = SideFrame(Side.LEFT)
    >>> frame.to_side([-90.0, 10.0, 5.0])  # 90 mm to the left is 90 mm lateral of the origin
    array([90., 10.,  5.])
    >>> frame.to_ras([90.0, 10.0, 5.0])
    array([-90.,  10.,   5.])
    """

    side: Side

    def to_side(self, points_ras: npt.ArrayLike) -> Array:
        """Return points or directions in RAS, (..., 3), in the side frame, (..., 3)."""
        return self._mirrored(points_ras)

    def to_ras(self, points_side: npt.ArrayLike) -> Array:
        """Return points or directions in the side frame, (..., 3), in RAS, (..., 3)."""
        return self._mirrored(points_side)

    def grid_to_ras(self, grid_side: Grid) -> Grid:
        """Return a grid that lies in the side frame as one that lies in RAS; the indices of the voxels stay."""
        return self._mirrored_grid(grid_side)

    def mask_to_side(self, mask_ras: Mask) -> Mask:
        """Return a mask (I, J, K) whose grid lies in RAS as one whose grid lies in the side frame.

        The voxels are the same, but those of a left hip are in reverse order along i, so that i grows to lateral.
        """
        if self.side is Side.RIGHT:
            return mask_ras
        affine_side = self._mirrored_grid(mask_ras.grid).affine
        last = mask_ras.array.shape[0] - 1
        affine_side[:3, 3] = affine_side[:3, 3] + affine_side[:3, 0] * last
        affine_side[:3, 0] = -affine_side[:3, 0]
        cut_side = frozenset((axis, -end if axis == 0 else end) for axis, end in mask_ras.cut)
        return Mask(np.flip(mask_ras.array, 0), Grid(mask_ras.grid.shape, affine_side, mask_ras.grid.across), cut_side)

    # The mirror is its own inverse: either way it is the same arithmetic, and the names above say which way it is.

    def _mirrored(self, points: npt.ArrayLike) -> Array:
        return np.asarray(np.asarray(points, float) * np.array([self.side.lateral_sign, 1.0, 1.0]))

    def _mirrored_grid(self, grid: Grid) -> Grid:
        affine = grid.affine.copy()
        affine[0] = affine[0] * self.side.lateral_sign
        return Grid(grid.shape, affine, grid.across)
