"""A bone as a coarse signed distance (side frame): its surface, sections and edges."""

from __future__ import annotations

import functools

import numpy as np
import scipy

from ..images.grid import Grid
from ..images.masks import Mask, block_mean
from ..images.surface import Patch, signed_distance
from ..values import Array

_FINEST_FIELD_MM = 1.45


Section = tuple[float, Array, Array]


_CROSS = scipy.ndimage.generate_binary_structure(2, 1)


class BoneField:
    """Signed distance of one bone at 1 to 1.5 mm, for searching; what is measured uses finer surfaces.

    :param mask: the bone in the side frame.
    :param upper_mm: how much of the bone to keep from its upper end, millimeter; all where None.
    :param lower_mm: the same from its lower end.
    """

    def __init__(self, mask: Mask, upper_mm: float | None = None, lower_mm: float | None = None) -> None:
        array, grid = mask.array, mask.grid
        depth = array.shape[2]
        start = 0 if upper_mm is None else max(depth - int(np.ceil(upper_mm / grid.spacing[2])), 0)
        stop = depth if lower_mm is None else min(int(np.ceil(lower_mm / grid.spacing[2])), depth)
        part = (slice(0, array.shape[0]), slice(0, array.shape[1]), slice(start, stop))
        array, grid = array[part], grid.cropped(part)
        factors = np.maximum(1, np.floor(_FINEST_FIELD_MM / grid.spacing + 1e-6)).astype(int)
        occupancy, grid = block_mean(array, grid, factors)
        occupancy = np.pad(occupancy, 2)
        affine = grid.affine.copy()
        affine[:3, 3] = grid.to_ras(np.array([-2.0, -2.0, -2.0]))
        self.grid = Grid((occupancy.shape[0], occupancy.shape[1], occupancy.shape[2]), affine)
        self.phi = signed_distance(occupancy, self.grid.spacing, far=False)
        self._inverse = np.linalg.inv(affine)
        self.cut = mask.cut
        corners = grid.corners()
        self.low, self.high = corners.min(0), corners.max(0)
        self.mask = mask
        # kept, as the same ones are asked for at each step of a point that is being dragged
        self._axial_sections: dict[float, Array] = {}
        self._last_section: tuple[object, Section | None] | None = None

    def sample(self, points: Array) -> Array:
        """Signed distance at points (..., 3); far outside the field a large negative number."""
        return self._at(np.moveaxis(points @ self._inverse[:3, :3].T + self._inverse[:3, 3], -1, 0))

    def _at(self, ijk: Array) -> Array:
        """The same at indices (3, ...)."""
        return np.asarray(scipy.ndimage.map_coordinates(self.phi, ijk, order=1, mode="constant", cval=-50.0))

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
            if len(self._axial_sections) > 200:
                self._axial_sections.clear()
            lines = self._axial_sections[level_mm] = Patch(self.phi, self.grid).section(level_mm)
        return lines

    def section(self, origin: Array, normal: Array, half_mm: float, step_mm: float = 0.8) -> Section | None:
        """Area, centroid and second moments (2, 2) of the section through ``origin`` across ``normal``.

        Only the part connected to the place nearest ``origin`` counts. None where nothing is cut within ``half_mm``,
        or where the field of view cuts the section off.
        """
        key = (origin.tobytes(), normal.tobytes(), half_mm, step_mm)
        if self._last_section is None or self._last_section[0] != key:
            self._last_section = (key, self._section(origin, normal, half_mm, step_mm))
        return self._last_section[1]

    def _section(self, origin: Array, normal: Array, half_mm: float, step_mm: float) -> Section | None:
        normal = normal / np.linalg.norm(normal)
        x, y, z = normal
        u = np.array([-z, 0.0, x]) / np.hypot(x, z)
        v = np.array([y * u[2], z * u[0] - x * u[2], -y * u[0]])
        start, along_u, along_v = (
            self._inverse[:3, :3] @ origin + self._inverse[:3, 3],
            self._inverse[:3, :3] @ u,
            self._inverse[:3, :3] @ v,
        )
        whole = int(half_mm / step_mm)
        for n in (
            int(0.6 * whole),
            whole,
        ):  # most sections lie whole in the smaller window, which tells the same of them
            offsets = step_mm * np.arange(-n, n + 1)
            ijk = start[:, None, None] + along_u[:, None, None] * offsets[:, None] + along_v[:, None, None] * offsets
            phi = self._at(ijk)
            labels, count = scipy.ndimage.label(phi > 0, _CROSS)
            if not count:
                continue
            nearest = labels[n, n]
            if not nearest:
                inside = np.argwhere(labels)
                nearest = labels[tuple(inside[((inside - n) ** 2).sum(1).argmin()])]
            chosen = labels == nearest
            if not (chosen[[0, -1]].any() or chosen[:, [0, -1]].any()):
                break
        if not count:
            return None
        chosen = scipy.ndimage.binary_dilation(chosen, _CROSS)
        i, j = np.nonzero(chosen)
        if self._crosses_border(origin + offsets[i, None] * u + offsets[j, None] * v):
            return None
        weight = np.clip(phi[i, j] / step_mm + 0.5, 0.0, 1.0)
        places = np.stack([offsets[i], offsets[j]])
        total = weight.sum()
        at = places @ weight / total
        places -= at[:, None]
        return float(total * step_mm**2), origin + at[0] * u + at[1] * v, (places * weight) @ places.T / total

    def _crosses_border(self, points: Array) -> bool:
        """Whether points (N, 3) reach beyond an image face that the bone touches."""
        index = self.mask.grid.to_ijk(points)
        return any(
            (index[:, axis].max() > self.mask.grid.shape[axis] - 0.5 if end > 0 else index[:, axis].min() < -0.5)
            for axis, end in self.cut
        )

    def is_cut_within(self, center: Array, radius: float) -> bool:
        """Whether an image face that the bone touches comes within ``radius`` of a point."""
        return any(self.face_distance(center, axis, end) < radius for axis, end in self.cut)

    def face_distance(self, point: Array, axis: int, end: int) -> float:
        """Distance from a point to one face of the bone's box, along that voxel axis, millimeter."""
        grid = self.mask.grid
        index = float(grid.to_ijk(point)[axis])
        return float(((grid.shape[axis] - 0.5 - index) if end > 0 else (index + 0.5)) * grid.spacing[axis])
