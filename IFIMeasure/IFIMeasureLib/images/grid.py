"""Where voxels lie: a grid of indices (i, j, k) with an affine to RAS millimeter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..values import Array, IFIMeasureError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

MOST_SHEAR = 2e-3
"""Cosine between two axes up to which a grid is taken as it is (0.1 degree): headers and registrations round."""


_PLANES = ("sagittal", "coronal", "axial")


def axis_of_plane(name: object) -> int | None:
    """Return the axis across slices of a plane by its name; None for an oblique one, which its distances tell."""
    return _PLANES.index(name) if name in _PLANES else None


@dataclass(frozen=True)
class Grid:
    """Where voxels lie: ``affine`` (4, 4) maps the indices (i, j, k) of voxel centers to RAS millimeter.

    :param across: the axis across the acquired slices, where a file says it.
    """

    shape: tuple[int, int, int]
    affine: Array
    across: int | None = None

    @classmethod
    def of(cls, shape: Iterable[int], affine: Array, across: int | None = None) -> Grid:
        """Return a grid of as many voxels as an array's shape (I, J, K) says."""
        i, j, k = (int(n) for n in shape)
        return cls((i, j, k), affine, across)

    @classmethod
    def covering(cls, low: Array, high: Array, step_mm: float) -> Grid:
        """Return the cubic voxels from ``low`` (3,) on that reach ``high`` (3,), along the axes, RAS millimeter."""
        affine = np.diag([step_mm, step_mm, step_mm, 1.0])
        affine[:3, 3] = low
        return cls.of(np.ceil((high - low) / step_mm).astype(int) + 1, affine)

    @property
    def spacing(self) -> Array:
        """Distance between voxel centers along i, j, k in millimeter, (3,)."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def directions(self) -> Array:
        """Unit vectors of i, j, k as columns, RAS, (3, 3)."""
        return np.asarray(self.affine[:3, :3] / self.spacing)

    def to_ras(self, ijk: Array) -> Array:
        """Return RAS millimeter of indices (..., 3)."""
        return np.asarray(ijk @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_ijk(self, ras: Array) -> Array:
        """Return continuous indices of RAS millimeter (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(ras @ inverse[:3, :3].T + inverse[:3, 3])

    def nearest(self, ras: Array) -> tuple[Array, Array]:
        """Return the voxels nearest to points (N, 3), RAS millimeter.

        :returns: indices (N, 3) int, and which of the points (N,) bool lie in a voxel of this grid.
        """
        index = np.round(self.to_ijk(ras)).astype(int)
        return index, np.asarray(((index >= 0) & (index < self.shape)).all(1))

    def points(self) -> Array:
        """Return the centers of all voxels, (I, J, K, 3), RAS millimeter."""
        return self.to_ras(np.stack(np.meshgrid(*[np.arange(float(n)) for n in self.shape], indexing="ij"), axis=-1))

    def corners(self, beyond: float = 0.0) -> Array:
        """Return the eight corners, (8, 3), RAS millimeter: the centers of the outer voxels.

        :param beyond: how many voxels outside them.
        """
        last = np.array(self.shape) - 1.0
        return self.to_ras(box_corners(np.full(3, -beyond), last + beyond))

    def axis_tilt_deg(self, axis: int) -> float:
        """Angle between voxel axis ``axis`` and the RAS axis of the same number, in degree."""
        return float(np.degrees(np.arccos(np.clip(abs(self.directions[axis, axis]), 0.0, 1.0))))

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel, cubic millimeter."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def slice_axis(self) -> int:
        """The axis across the acquired slices: as the file says, else that of thick slices, else the third (axial)."""
        if self.across is not None:
            return self.across
        thick = thick_axis(self.spacing)
        return 2 if thick is None else thick

    @property
    def plane_name(self) -> str:
        """``axial``, ``sagittal`` or ``coronal`` after the slice axis, ``oblique`` where it is tilted over 2 degree."""
        axis = self.slice_axis
        if self.axis_tilt_deg(axis) > 2.0:
            return "oblique"
        return _PLANES[axis]

    def cropped(self, box: tuple[slice, slice, slice]) -> Grid:
        """Return the grid of ``array[box]``."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_ras(np.array([s.start for s in box], dtype=float))
        return Grid.of([s.stop - s.start for s in box], affine, self.across)

    def difference(self, other: Grid) -> str:
        """Say in words how another grid differs from this one; empty where they agree to 0.01 mm."""
        parts = []
        if self.shape != other.shape:
            parts.append(f"size {times_text(self.shape)} against {times_text(other.shape)}")
        if not np.allclose(self.spacing, other.spacing, atol=1e-3):
            parts.append(f"spacing {times_text(self.spacing)} against {times_text(other.spacing)} mm")
        turn = np.degrees(np.arccos(np.clip((self.directions * other.directions).sum(0), -1, 1))).max()
        if turn > 0.05:
            parts.append(f"directions by {turn:.2f} degree")
        shift = np.linalg.norm(self.affine[:3, 3] - other.affine[:3, 3])
        if shift > 0.01:
            parts.append(f"origin by {shift:.2f} mm")
        return ", ".join(parts)


def box_corners(low: Array, high: Array) -> Array:
    """Return the eight corners (8, 3) of a box from its lowest to its highest coordinates, (3,) each."""
    return np.array(np.meshgrid(*np.stack([low, high]).T, indexing="ij")).reshape(3, -1).T


def _nearest_order(direction: Array) -> tuple[int, int, int]:
    """Which axes of a grid, given its unit vectors as columns (3, 3), run nearest to R, A and S."""
    return max(
        ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)),
        key=lambda order: sum(abs(direction[row, order[row]]) for row in range(3)),
    )


def axis_codes(affine: Array) -> str:
    """Return to where i, j, k run, as letters of R, L, A, P, S and I.

    :param affine: (3, 4) or (4, 4), indices to RAS millimeter.

    >>> axis_codes(np.diag([-1.0, -1.0, 4.0, 1.0]))
    'LPS'
    """
    codes = [""] * 3
    for row, axis in enumerate(_nearest_order(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))):
        codes[axis] = ("RL", "AP", "SI")[row][int(affine[row, axis] < 0)]
    return "".join(codes)


def thick_axis(spacing: Array) -> int | None:
    """Return the axis across thick slices, or None where the distances of voxels (3,) show none.

    It is the one whose distance is larger than two that are equal, or by half than both.

    >>> thick_axis(np.array([4.0, 0.8, 0.8])), thick_axis(np.array([0.9, 0.9, 0.6]))
    (0, None)
    """
    small, middle, large = np.sort(spacing)
    thick = large > 1.5 * middle or (large > 1.05 * middle and middle <= 1.05 * small)
    return int(np.argmax(spacing)) if thick else None


def canonical(array: Array, affine: Array, across: int | None = None) -> tuple[Array, Grid]:
    """Turn and flip an array's axes (a view) so that i, j, k run nearest to R, A and S.

    :param array: (I, J, K).
    :param affine: (4, 4) indices to RAS millimeter.
    :param across: the axis of the array across the acquired slices, where it is known.
    :returns: the view, and its grid.
    """
    best = _nearest_order(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    turned = array.transpose(best)
    matrix = np.eye(4)
    matrix[:3, :3] = affine[:3, list(best)]
    matrix[:3, 3] = affine[:3, 3]
    for axis in range(3):
        if matrix[axis, axis] < 0:
            matrix[:3, 3] = matrix[:3, 3] + matrix[:3, axis] * (turned.shape[axis] - 1)
            matrix[:3, axis] = -matrix[:3, axis]
            turned = np.flip(turned, axis)
    return turned, Grid.of(turned.shape, matrix, None if across is None else best.index(across))


def shear(affine: Array) -> float:
    """Return the largest cosine between two axes of a grid, 0 where they are at right angles.

    :param affine: (3, 4) or (4, 4), indices to millimeter.
    """
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(unit.T @ unit - np.eye(3)).max())


def refuse_shear(affine: Array, path: Path | str) -> None:
    """Refuse a grid whose axes are not at right angles, but for the rounding of a header.

    :raises IFIMeasureError: says how far they are from it.
    """
    cosine = shear(affine)
    if cosine > MOST_SHEAR:
        degrees = float(np.degrees(np.arccos(min(cosine, 1.0))))
        raise IFIMeasureError(
            f"{path}: the axes of its grid are {degrees:.2f} degree apart instead of 90 (sheared, as a tilted gantry "
            "makes it); resample it on a grid of right angles first."
        )


def check_grid(grid: Grid, path: Path | str) -> None:
    """Refuse grids no hip can lie on: a single slice, units that are not millimeter, NaN.

    :raises IFIMeasureError: with what is wrong and what to do.
    """
    if not np.isfinite(grid.affine).all() or abs(np.linalg.det(grid.affine[:3, :3])) < 1e-12:
        raise IFIMeasureError(f"{path}: the geometry in the header is not usable (NaN or a direction of no length).")
    if min(grid.shape) < 2:
        raise IFIMeasureError(
            f"{path}: the image is {times_text(grid.shape)} voxels, a single slice;"
            " a volume of several slices is needed."
        )
    extent = grid.spacing * np.array(grid.shape)
    if grid.spacing.min() < 0.01 and extent.max() >= 10.0:
        raise IFIMeasureError(
            f"{path}: voxels of {grid.spacing.min():.3g} mm cannot be those of a hip; check the spacing in the header."
        )
    if extent.max() < 10.0:
        raise IFIMeasureError(
            f"{path}: the image is only {extent.max():.3g} mm wide, so its units look like meters, not millimeters; "
            "write the spacing in millimeters (multiply spacing and origin by 1000)."
        )
    if extent.min() > 5000.0 or grid.spacing.max() > 50.0:
        raise IFIMeasureError(
            f"{path}: voxels of {times_text(grid.spacing)} mm cannot show a hip; check the spacing in the header."
        )


def times_text(values: npt.ArrayLike) -> str:
    """Return numbers such as ``0.8 x 0.8 x 4``, to four decimals."""
    return " x ".join(f"{value:g}" for value in np.round(np.asarray(values, float), 4).tolist())
