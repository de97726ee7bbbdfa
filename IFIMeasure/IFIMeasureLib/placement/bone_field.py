"""A bone as a coarse signed distance (side frame): its surface, sections and edges."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import scipy

from ..images.grid import Grid
from ..images.masks import Mask, block_mean
from ..images.surface import Patch, signed_distance
from ..values import Array

_FINEST_FIELD_MM = 1.45

_OUTSIDE_MM = -50.0
"""Signed distance far outside."""

_MOST_SECTIONS = 200
"""How many axial sections are kept."""


class Section(NamedTuple):
    """A plane section of a bone.

    :param area: square millimeter.
    :param centroid: (3,).
    :param moments: (2, 2) second moments about the centroid, square millimeter, along the plane's own axes.
    """

    area: float
    centroid: Array
    moments: Array


class BoneField:
    """Signed distance of one bone at 1 to 1.5 mm, for searching; what is measured uses finer surfaces.

    :param mask: the bone in the side frame.
    :param upper_mm: how much of the bone to keep from its upper end, millimeter; all where None.
    :param lower_mm: the same from its lower end.
    """

    def __init__(self, mask: Mask, upper_mm: float | None = None, lower_mm: float | None = None) -> None:
        self.mask = mask
        self.cut = mask.cut
        array, grid = _part(mask, upper_mm, lower_mm)
        factors = np.maximum(1, np.floor(_FINEST_FIELD_MM / grid.spacing + 1e-6)).astype(int)
        occupancy, grid = block_mean(array, grid, factors)
        corners = grid.corners()
        self.low, self.high = corners.min(0), corners.max(0)
        occupancy = np.pad(occupancy, 2)
        affine = grid.affine.copy()
        affine[:3, 3] = grid.to_ras(np.array([-2.0, -2.0, -2.0]))
        self.grid = Grid.of(occupancy.shape, affine)
        self.phi = signed_distance(occupancy, self.grid.spacing, far=False)
        self._inverse = np.linalg.inv(affine)
        # kept, as the same ones are asked for at each step of a point that is being dragged
        self._axial_sections: dict[float, Array] = {}
        self._last_section: tuple[object, Section | None] | None = None

    def sample(self, points: Array) -> Array:
        """Signed distance at points (..., 3); far outside the field a large negative number."""
        return self._at(np.moveaxis(points @ self._inverse[:3, :3].T + self._inverse[:3, 3], -1, 0))

    def _at(self, ijk: Array) -> Array:
        """The same at indices (3, ...)."""
        return np.asarray(scipy.ndimage.map_coordinates(self.phi, ijk, order=1, mode="constant", cval=_OUTSIDE_MM))

    @functools.cached_property
    def surface(self) -> tuple[Array, Array]:
        """Surface points and outward unit normals, (N, 3) each."""
        points = Patch(self.phi, self.grid).surface_points()
        step = 0.7 * float(self.grid.spacing.min())
        normals = np.stack(
            [self.sample(points - step * axis) - self.sample(points + step * axis) for axis in np.eye(3)], axis=1
        )
        length = np.linalg.norm(normals, axis=1)
        good = (length > 1e-3) & (length < 10.0)
        return points[good], normals[good] / length[good, None]

    def axial_section(self, level_mm: float) -> Array:
        """Outline in the axial plane at ``level_mm``; segments (N, 2, 3)."""
        lines = self._axial_sections.get(level_mm)
        if lines is None:
            if len(self._axial_sections) > _MOST_SECTIONS:
                self._axial_sections.clear()
            lines = self._axial_sections[level_mm] = Patch(self.phi, self.grid).section(level_mm)
        return lines

    def section(self, origin: Array, normal: Array, half_mm: float, step_mm: float = 0.8) -> Section | None:
        """Return the section through ``origin`` across ``normal``, both (3,).

        Only the part connected to the place nearest ``origin`` counts. None where nothing is cut within ``half_mm``,
        or where the field of view cuts the section off.
        """
        key = (origin.tobytes(), normal.tobytes(), half_mm, step_mm)
        if self._last_section is None or self._last_section[0] != key:
            self._last_section = (key, self._section(origin, normal, half_mm, step_mm))
        return self._last_section[1]

    def _section(self, origin: Array, normal: Array, half_mm: float, step_mm: float) -> Section | None:
        u, v = _axes_across(normal / np.linalg.norm(normal))
        start = self._inverse[:3, :3] @ origin + self._inverse[:3, 3]
        along_u, along_v = self._inverse[:3, :3] @ u, self._inverse[:3, :3] @ v
        whole = int(half_mm / step_mm)
        # most sections lie whole in the smaller window, which tells the same of them
        for n in (int(0.6 * whole), whole):
            offsets = step_mm * np.arange(-n, n + 1)
            ijk = start[:, None, None] + along_u[:, None, None] * offsets[:, None] + along_v[:, None, None] * offsets
            phi = self._at(ijk)
            chosen = _nearest_piece(phi > 0)
            if chosen is not None and not _reaches_border(chosen):
                break
        if chosen is None:
            return None
        chosen = scipy.ndimage.binary_dilation(chosen)
        i, j = np.nonzero(chosen)
        if self._crosses_border(origin + offsets[i, None] * u + offsets[j, None] * v):
            return None
        weight = np.clip(phi[i, j] / step_mm + 0.5, 0.0, 1.0)
        places = np.stack([offsets[i], offsets[j]])
        total = weight.sum()
        center = places @ weight / total
        places -= center[:, None]
        return Section(
            area=float(total * step_mm**2),
            centroid=origin + center[0] * u + center[1] * v,
            moments=(places * weight) @ places.T / total,
        )

    def _crosses_border(self, points: Array) -> bool:
        """Whether points (N, 3) reach beyond an image face that the bone touches."""
        index = self.mask.grid.to_ijk(points)
        last = np.array(self.mask.grid.shape) - 0.5
        beyond = {(axis, -1): index[:, axis].min() < -0.5 for axis in range(3)}
        beyond |= {(axis, 1): index[:, axis].max() > last[axis] for axis in range(3)}
        return any(beyond[face] for face in self.cut)

    def is_cut_within(self, center: Array, radius: float) -> bool:
        """Whether an image face that the bone touches comes within ``radius`` of a point."""
        return any(self.face_distance(center, axis, end) < radius for axis, end in self.cut)

    def face_distance(self, point: Array, axis: int, end: int) -> float:
        """Distance from a point to one face of the bone's box, along that voxel axis, millimeter."""
        return self.mask.face_distance(point, axis, end)


def _part(mask: Mask, upper_mm: float | None, lower_mm: float | None) -> tuple[Array, Grid]:
    """The upper or lower part of a mask, and its grid."""
    depth, step = mask.array.shape[2], mask.grid.spacing[2]
    start = 0 if upper_mm is None else max(depth - int(np.ceil(upper_mm / step)), 0)
    stop = depth if lower_mm is None else min(int(np.ceil(lower_mm / step)), depth)
    box = (slice(0, mask.array.shape[0]), slice(0, mask.array.shape[1]), slice(start, stop))
    return mask.array[box], mask.grid.cropped(box)


def _axes_across(normal: Array) -> tuple[Array, Array]:
    """Two unit vectors across a unit vector and across each other."""
    x, y, z = normal
    u = np.array([-z, 0.0, x]) / np.hypot(x, z)
    return u, np.array([y * u[2], z * u[0] - x * u[2], -y * u[0]])


def _nearest_piece(inside: Array) -> Array | None:
    """The connected piece of a square (N, N) bool that lies nearest to its middle; None where it is empty."""
    labels, count = scipy.ndimage.label(inside)
    if not count:
        return None
    middle = len(labels) // 2
    nearest = labels[middle, middle]
    if not nearest:
        places = np.argwhere(labels)
        nearest = labels[tuple(places[((places - middle) ** 2).sum(1).argmin()])]
    return np.asarray(labels == nearest)


def _reaches_border(chosen: Array) -> bool:
    return bool(chosen[[0, -1]].any() or chosen[:, [0, -1]].any())
