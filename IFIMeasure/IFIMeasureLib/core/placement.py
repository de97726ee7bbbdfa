"""Finding the landmarks of one hip on its bones.

Everything here works in the *side frame*: x lateral, y anterior, z superior, millimeter, so that both sides
are the same problem (``side_frame`` mirrors a left hip). Orientation of the body is taken from the image
(supine or prone, any rotation of the leg); no direction of the femur itself is assumed beyond that the
head lies medial of the shaft and above it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy

from .imaging import Grid, Mask
from .surface import Patch, signed_distance
from .values import Array, Side

ADULT_HEAD_RADIUS_MM = 24.0
"""Femoral head radius that the lengths below are scaled by, so that they hold for children as well."""

LESSER_TROCHANTER_HALF_HEIGHT = 0.42
"""Half height of the lesser trochanter in head radii (10 mm in an adult): the slices that count as through it."""

LESSER_TROCHANTER_RADIUS = 0.9
"""In-plane reach of the lesser trochanter around its tip in head radii (22 mm in an adult)."""

_MEDIAL = np.array([-1.0, 0.0, 0.0])
_UP = np.array([0.0, 0.0, 1.0])
_FINEST_FIELD_MM = 1.45


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


@dataclass
class Found:
    """What was found on the bones of one side, side frame, millimeter; ``missing`` says why a landmark is absent."""

    points: dict[str, Array] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    head_radius_mm: float | None = None
    shaft_axis: Array | None = None
    neck_axis: Array | None = None

    @property
    def scale(self) -> float:
        """Size of this hip against an adult one."""
        return (self.head_radius_mm or ADULT_HEAD_RADIUS_MM) / ADULT_HEAD_RADIUS_MM


_Section = tuple[float, Array, Array]
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
        self._last_section: tuple[object, _Section | None] | None = None

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
        normals = np.stack([self.sample(points - step * axis) - self.sample(points + step * axis) for axis in np.eye(3)], axis=1)
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

    def section(self, origin: Array, normal: Array, half_mm: float, step_mm: float = 0.8) -> _Section | None:
        """Area, centroid and second moments (2, 2) of the section through ``origin`` across ``normal``.

        Only the part connected to the place nearest ``origin`` counts. None where nothing is cut within ``half_mm``,
        or where the field of view cuts the section off.
        """
        key = (origin.tobytes(), normal.tobytes(), half_mm, step_mm)
        if self._last_section is None or self._last_section[0] != key:
            self._last_section = (key, self._section(origin, normal, half_mm, step_mm))
        return self._last_section[1]

    def _section(self, origin: Array, normal: Array, half_mm: float, step_mm: float) -> _Section | None:
        normal = normal / np.linalg.norm(normal)
        x, y, z = normal
        u = np.array([-z, 0.0, x]) / np.hypot(x, z)
        v = np.array([y * u[2], z * u[0] - x * u[2], -y * u[0]])
        start, along_u, along_v = self._inverse[:3, :3] @ origin + self._inverse[:3, 3], self._inverse[:3, :3] @ u, self._inverse[:3, :3] @ v
        whole = int(half_mm / step_mm)
        for n in (int(0.6 * whole), whole):  # most sections lie whole in the smaller window, which tells the same of them
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
        return any((index[:, axis].max() > self.mask.grid.shape[axis] - 0.5 if end > 0 else index[:, axis].min() < -0.5) for axis, end in self.cut)

    def is_cut_within(self, center: Array, radius: float) -> bool:
        """Whether an image face that the bone touches comes within ``radius`` of a point."""
        return any(self.face_distance(center, axis, end) < radius for axis, end in self.cut)

    def face_distance(self, point: Array, axis: int, end: int) -> float:
        """Distance from a point to one face of the bone's box, along that voxel axis, millimeter."""
        grid = self.mask.grid
        index = float(grid.to_ijk(point)[axis])
        return float(((grid.shape[axis] - 0.5 - index) if end > 0 else (index + 0.5)) * grid.spacing[axis])


def block_mean(array: Array, grid: Grid, factors: Array) -> tuple[Array, Grid]:
    """Average blocks of voxels, centered so that a mirrored array gives the mirrored result."""
    if (factors == 1).all():
        return array.astype(np.float32), grid
    pads: Any = []
    for n, f in zip(array.shape, factors):
        missing = int(-n % f)
        # an odd remainder cannot be split evenly; one more block keeps the halves equal
        while missing % 2:
            missing += int(f)
            if f % 2 == 0:
                break
        pads.append((missing // 2, missing - missing // 2))
    padded = np.pad(array, pads)
    shape = [m for n, f in zip(padded.shape, factors) for m in (n // f, f)]
    blocks = padded[: shape[0] * shape[1], : shape[2] * shape[3], : shape[4] * shape[5]].reshape(shape)
    mean = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_ras(np.array([-p[0] + (f - 1) / 2 for p, f in zip(pads, factors)]))
    affine[:3, :3] = affine[:3, :3] * factors
    return mean, Grid((mean.shape[0], mean.shape[1], mean.shape[2]), affine)


def find_on_femur(mask: Mask, found: Found) -> BoneField:
    """Place head, neck, shaft, both trochanters and the condyles on a femur (side frame); adds to ``found``."""
    bone = BoneField(mask, upper_mm=230.0)
    points, normals = bone.surface
    _head(bone, points, normals, found)
    if "femoral_head_center" not in found.points:
        reason = found.missing["femoral_head_center"]
        for name in ("femoral_neck_center", "shaft_axis_proximal", "shaft_axis_distal", "lesser_trochanter_tip", "greater_trochanter_tip"):
            found.missing[name] = f"It is found from the femoral head, which is missing: {reason}"
    else:
        _shaft_and_lesser_trochanter(bone, found)
        _neck(bone, found)
        _greater_trochanter(bone, points, found)
    _condyles(mask, found)
    return bone


def _head(bone: BoneField, points: Array, normals: Array, found: Found) -> None:
    """Fit the head's sphere: normals vote for centers, then least squares on what lies on the sphere.

    A vote for radius R at point p with outward normal n is p - R n; on a sphere all votes meet.
    """
    top = points[:, 2] > points[:, 2].max() - 75.0
    p, n = points[top], normals[top]
    best: tuple[float, Array, float, float] = (0.0, np.zeros(3), 0.0, 0.0)
    for candidate in np.arange(12.0, 34.0, 2.0):
        votes = p - candidate * n
        cells = np.floor(votes / 5.0).astype(np.int64)
        keys = cells[:, 0] * 73856093 ^ cells[:, 1] * 19349663 ^ cells[:, 2] * 83492791
        _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        fitted = _fit_sphere(p, n, np.median(votes[inverse == counts.argmax()], axis=0), float(candidate))
        # the head is the largest piece of a sphere on the upper femur
        if fitted is not None and fitted[2] * fitted[1] ** 2 > best[0]:
            best = (fitted[2] * fitted[1] ** 2, *fitted)
    _, center, radius, covered = best
    if covered < 0.3 or not 11.0 < radius < 36.0:
        found.missing["femoral_head_center"] = (
            "no sphere of the size of a femoral head fits the upper end of this femur; the head may be outside the field of view, deformed or replaced."
        )
        return
    if bone.is_cut_within(center, 0.75 * radius) or (covered < 0.45 and bone.is_cut_within(center, radius)):
        found.missing["femoral_head_center"] = "the field of view cuts the femoral head off."
        return
    found.points["femoral_head_center"] = center
    found.head_radius_mm = float(radius)


def _fit_sphere(p: Array, n: Array, center: Array, radius: float) -> tuple[Array, float, float] | None:
    """Least-squares sphere through the points near a first guess: center, radius, share of the sphere covered."""
    used = np.zeros(0, int)
    for tolerance in (3.0, 2.5, 2.0, 1.5, 1.5, 1.2, 1.2, 1.2):
        offset = p - center
        distance = _lengths(offset)
        aligned = np.einsum("ij,ij->i", offset, n) > 0.85 * distance
        used = np.flatnonzero((np.abs(distance - radius) < tolerance) & aligned)
        if len(used) < 30:
            return None
        near = p[used]
        design = np.full((len(near), 4), -1.0)
        for _ in range(3):
            offset = near - center
            distance = _lengths(offset)
            design[:, :3] = offset / -distance[:, None]
            change = np.linalg.lstsq(design.T @ design, design.T @ (radius - distance), rcond=None)[0]
            center, radius = center + change[:3], radius + float(change[3])
        if not 8.0 < radius < 45.0:
            return None
    return center, radius, _covered_fraction((p[used] - center) / radius)


def _lengths(vectors: Array) -> Array:
    """Lengths of vectors (N, 3), never quite 0."""
    return np.asarray(np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), 1e-6))


def _covered_fraction(directions: Array) -> float:
    """Share of the sphere's directions that have a point within 12 degree, by a spiral of 400 directions."""
    k = np.arange(400) + 0.5
    z = 1 - 2 * k / 400
    angle = np.pi * (1 + 5**0.5) * k
    spiral = np.column_stack([np.cos(angle) * np.sqrt(1 - z * z), np.sin(angle) * np.sqrt(1 - z * z), z])
    distance, _ = scipy.spatial.cKDTree(directions).query(spiral)
    return float((distance < 2 * np.sin(np.radians(6.0))).mean())


def _centerline(bone: BoneField, start: Array, low: float, high: float, scale: float) -> Array:
    """Centroids of axial sections from level ``high`` down to ``low``, following the bone; (N, 3)."""
    step = max(1.0, 0.5 * float(bone.grid.spacing[2]))
    centers: list[Array] = []
    at = start.copy()
    for level in np.arange(high, low - 1e-6, -step):
        at = np.array([at[0], at[1], level])
        cut = bone.section(at, _UP, 30.0 * scale)
        if cut is None:
            continue
        at = cut[1]
        centers.append(at)
    return np.array(centers).reshape(-1, 3)


def _fit_line(points: Array) -> tuple[Array, Array]:
    """Least-squares line through points (N, 3): centroid and unit direction pointing up."""
    center = points.mean(0)
    direction = np.linalg.svd(points - center)[2][0]
    return center, direction * (1.0 if direction[2] >= 0 else -1.0)


def _shaft_and_lesser_trochanter(bone: BoneField, found: Found) -> None:
    head = found.points["femoral_head_center"]
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    scale = found.scale
    bottom = float(bone.low[2]) + 0.5
    cut_below = (2, -1) in bone.cut
    below = "the field of view ends above the lesser trochanter" if cut_below else "no lesser trochanter stands out from the shaft of this femur"
    start_level = head[2] - 3.1 * radius
    if bottom > head[2] - 1.8 * radius:
        reason = f"{below} (it ends {head[2] - bottom:.0f} mm below the head center)."
        for name in ("lesser_trochanter_tip", "shaft_axis_proximal", "shaft_axis_distal"):
            found.missing[name] = reason
        return
    level = max(bottom, start_level)
    surface = Patch(bone.phi, bone.grid).surface_points()
    near = surface[np.abs(surface[:, 2] - level) < 4.0 + float(bone.grid.spacing[2])]
    if not len(near):
        found.missing["lesser_trochanter_tip"] = f"{below}."
        return
    seed = 0.5 * (near.min(0) + near.max(0))
    line = _centerline(bone, seed, max(bottom, level - 3.0 * radius), level, scale)
    if not len(line):
        found.missing["lesser_trochanter_tip"] = f"{below}."
        return
    long_enough = np.ptp(line[:, 2]) > 0.8 * radius
    origin, axis = _fit_line(line) if long_enough else (line.mean(0), _UP)
    tip = None
    shaft: Array | None = None
    for _ in range(3):
        tip = _lesser_trochanter(bone, head, radius, origin, axis)
        if tip is None:
            break
        upper = tip[2] - 0.75 * radius
        shaft = _centerline(bone, origin + axis * (upper - origin[2]) / axis[2], max(bottom, upper - 2.6 * radius), upper, scale)
        if len(shaft) < 3 or np.ptp(shaft[:, 2]) < 0.75 * radius:
            shaft = None
            break
        origin, axis = _fit_line(shaft)
    if tip is None:
        found.missing["lesser_trochanter_tip"] = f"{below}."
    else:
        found.points["lesser_trochanter_tip"] = tip
    if shaft is None:
        reason = (
            f"less than {0.75 * radius:.0f} mm of the shaft below the lesser trochanter is in the field of view, too little for its axis."
            if tip is not None
            else f"{below}, so the shaft's axis has no place to start."
        )
        found.missing["shaft_axis_proximal"] = found.missing["shaft_axis_distal"] = reason
    else:
        found.shaft_axis = axis
        found.points["shaft_axis_proximal"] = origin + axis * ((shaft[:, 2].max() - origin[2]) / axis[2])
        found.points["shaft_axis_distal"] = origin + axis * ((shaft[:, 2].min() - origin[2]) / axis[2])


def _lesser_trochanter(bone: BoneField, head: Array, radius: float, origin: Array, axis: Array) -> Array | None:
    """Tip of the lesser trochanter: the peak of the distance from the shaft's axis, posteromedial, below the neck.

    The distance is mapped over level and direction; at each direction its peaks along the shaft are ranked by
    prominence, so that the flare of the neck above (which only rises) is no candidate.
    """
    foot = origin + axis * ((head - origin) @ axis)
    medial = head - foot
    medial = medial / np.linalg.norm(medial)
    posterior = np.cross(axis, medial)
    # below the head, whose lower half would be the strongest bump of all
    top = float((head - origin) @ axis) - 1.1 * radius
    base = origin + axis * ((bone.low[2] + 0.3 - origin[2]) / axis[2])
    bottom = max(float((base - origin) @ axis), top - 5.0 * radius)
    levels = np.arange(bottom, top, 1.0)
    angles = np.radians(np.arange(-15.0, 118.0, 3.0))
    radii = np.arange(0.0, 2.3 * radius, 0.5)
    directions = np.cos(angles)[:, None] * medial + np.sin(angles)[:, None] * posterior
    rays = (origin + levels[:, None, None, None] * axis) + radii[None, None, :, None] * directions[None, :, None, :]
    phi = bone.sample(rays)
    inside = phi > 0
    started = inside[..., :12].any(-1)
    leaving = inside[..., :-1] & ~inside[..., 1:]
    exit_index = leaving.argmax(-1)
    a = np.take_along_axis(phi, exit_index[..., None], -1)[..., 0]
    b = np.take_along_axis(phi, exit_index[..., None] + 1, -1)[..., 0]
    reach = radii[exit_index] + 0.5 * a / np.where(a - b == 0, 1.0, a - b)
    reach = np.where(leaving.any(-1), reach, np.where(inside[..., -1], radii[-1], 0.0))
    reach[~started] = np.nan
    usable = np.isfinite(reach).all(1) & (reach > 0).all(1)
    if usable.sum() < 8:
        return None
    levels, reach = levels[usable], reach[usable]
    smooth = scipy.ndimage.gaussian_filter(reach, [1.2, 1.0], mode="nearest")
    best = _strongest_peak(smooth, angles, 0.06 * radius)
    if best is None:
        # thick slices or a short scan: a shoulder on the flank of the neck instead of a peak of its own
        below_neck = levels < float((head - origin) @ axis) - 1.3 * radius
        if below_neck.sum() < 8:
            return None
        levels, reach = levels[below_neck], reach[below_neck]
        smooth = smooth[below_neck]
        smooth = smooth - np.column_stack([_lower_envelope(levels, column) for column in smooth.T])
        best = _strongest_peak(smooth, angles, 0.05 * radius)
    if best is None:
        return None
    row, column = best
    # the middle of the cap, not its highest cell: a flat top would move the tip with every staircase
    cap, _ = scipy.ndimage.label(smooth > smooth[row, column] - 0.045 * radius)
    rows, columns = np.nonzero(cap == cap[row, column])
    near = (np.abs(rows - row) < 0.4 * radius) & (np.abs(columns - column) <= 10)
    rows, columns = rows[near], columns[near]
    weight = smooth[rows, columns] - smooth[row, column] + 0.045 * radius
    level = float((levels[rows] * weight).sum() / weight.sum())
    angle = float((angles[columns] * weight).sum() / weight.sum())
    distance = float(
        scipy.ndimage.map_coordinates(
            reach,
            [[np.interp(level, levels, np.arange(len(levels)))], [np.interp(angle, angles, np.arange(len(angles)))]],
            order=1,
        )[0]
    )
    tip = origin + level * axis + distance * (np.cos(angle) * medial + np.sin(angle) * posterior)
    return np.asarray(tip)


_SECTOR = (np.radians(2.0), np.radians(88.0))
"""Directions a lesser trochanter can have: from medial (the neck's) to posterior."""


def prominent_peaks(values: Array, least: float) -> list[tuple[int, float]]:
    """Return (index, prominence) of every peak of a curve (N,) that stands out by ``least``.

    The same as ``scipy.signal.find_peaks`` with ``prominence``; a test holds that. Loading scipy.signal would take
    longer than everything else that placement does.
    """
    found = []
    rising = np.flatnonzero(values[1:] > values[:-1]) + 1  # first place of each rise
    for start in rising:
        end = start
        while end + 1 < len(values) and values[end + 1] == values[start]:
            end += 1
        if end + 1 >= len(values) or values[end + 1] > values[start]:
            continue
        top = values[start]
        before, after = np.flatnonzero(values[:start] > top), np.flatnonzero(values[end + 1 :] > top)
        left = values[before[-1] + 1 if len(before) else 0 : start + 1].min()
        right = values[end : end + 1 + after[0] + 1 if len(after) else len(values)].min()
        prominence = float(top - max(left, right))
        if prominence >= least:
            found.append(((int(start) + int(end)) // 2, prominence))
    return found


def _strongest_peak(reach: Array, angles: Array, least: float) -> tuple[int, int] | None:
    """Top of the most prominent bump within the sector of the lesser trochanter; None where none is ``least`` mm high.

    Prominence is taken along the levels; a bump whose top lies outside the sector (the intertrochanteric
    crest, the flank of the neck) or at the end of the levels is none.
    """
    candidates: list[tuple[float, int, int]] = []
    for index in np.flatnonzero((angles >= _SECTOR[0]) & (angles <= _SECTOR[1])):
        candidates += [(prominence, peak, int(index)) for peak, prominence in prominent_peaks(reach[:, index], least)]
    for _, row, column in sorted(candidates, reverse=True):
        for _ in range(60):  # climb to the top of the bump
            low, left = max(row - 1, 0), max(column - 1, 0)
            window = reach[low : row + 2, left : column + 2]
            climb = divmod(int(window.argmax()), window.shape[1])
            if (low + climb[0], left + climb[1]) == (row, column):
                break
            row, column = low + climb[0], left + climb[1]
        if 3 <= row <= len(reach) - 4 and _SECTOR[0] <= angles[column] <= _SECTOR[1]:
            return row, column
    return None


def _lower_envelope(x: Array, y: Array) -> Array:
    """Lower convex envelope of the points (x, y), x increasing, at x."""
    kept: list[int] = []
    for i in range(len(x)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (y[b] - y[a]) * (x[i] - x[a]) < (y[i] - y[a]) * (x[b] - x[a]):
                break
            kept.pop()
        kept.append(i)
    return np.asarray(np.interp(x, x[kept], y[kept]))


def _neck(bone: BoneField, found: Found) -> None:
    """Neck axis from the head center through the centroid of the neck's narrowest section across that axis."""
    head = found.points["femoral_head_center"]
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    tip = found.points.get("lesser_trochanter_tip")
    proximal = found.points.get("shaft_axis_proximal")
    if proximal is not None and found.shaft_axis is not None:
        # the neck meets the shaft's axis a little above the lesser trochanter, lateral of the head
        foot = proximal + found.shaft_axis * ((head - proximal) @ found.shaft_axis)
        offset = float(np.linalg.norm(head - foot))
        direction = foot - found.shaft_axis * 0.8 * offset - head
    elif tip is not None:
        direction = tip + np.array([0.6 * radius, 0.4 * radius, 1.1 * radius]) - head
    else:
        direction = np.array([1.0, 0.0, -0.8])
    direction = direction / np.linalg.norm(direction)
    steps = np.arange(0.7, 2.4, 0.06) * radius
    center: Array | None = None
    for _ in range(6):
        areas, centers = [], []
        for step in steps:
            cut = bone.section(head + step * direction, direction, 1.7 * radius)
            areas.append(np.inf if cut is None else cut[0])
            centers.append(head + step * direction if cut is None else cut[1])
        smooth = scipy.ndimage.gaussian_filter1d(np.array(areas), 1.0, mode="nearest") if np.isfinite(areas).all() else np.array(areas)
        narrow = int(np.argmin(smooth))
        if narrow in (0, len(steps) - 1) or not np.isfinite(smooth[narrow]):
            center = None
            break
        # the sections around it steady the center, as long as no trochanter has joined them
        window = [n for n in range(max(narrow - 3, 0), min(narrow + 4, len(steps))) if areas[n] < 1.1 * areas[narrow]]
        center = np.mean([centers[n] for n in window], axis=0)
        turned = center - head
        turned = turned / np.linalg.norm(turned)
        if np.arccos(np.clip(turned @ direction, -1, 1)) < 1e-4:
            break
        direction = turned
    if center is None:
        found.missing["femoral_neck_center"] = "the neck has no narrowest section between head and trochanters here; the field of view may cut it."
        return
    found.points["femoral_neck_center"] = center
    found.neck_axis = direction


def _greater_trochanter(bone: BoneField, points: Array, found: Found) -> None:
    """Uppermost point of the greater trochanter along the shaft, lateral of the shaft's axis."""
    head = found.points["femoral_head_center"]
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    axis = found.shaft_axis if found.shaft_axis is not None else _UP
    anchor = found.points.get("shaft_axis_proximal")
    if anchor is None:
        tip = found.points.get("lesser_trochanter_tip")
        if tip is None:
            found.missing["greater_trochanter_tip"] = "it is found from the shaft's axis or the lesser trochanter, and both are missing."
            return
        anchor = tip + np.array([0.9 * radius, 0.5 * radius, 0.0])
    foot = anchor + axis * ((head - anchor) @ axis)
    medial = head - foot
    offset = float(np.linalg.norm(medial))
    medial = medial / offset
    relative = points - foot
    level = relative @ axis
    candidates = points[(relative @ medial < 0.1 * offset) & (level < 1.5 * radius) & (level > -2.5 * radius)]
    if not len(candidates):
        found.missing["greater_trochanter_tip"] = "no bone lies lateral of the shaft's axis at the level of the head."
        return
    height = (candidates - foot) @ axis
    tip = candidates[height > height.max() - 0.6].mean(0)
    tip = tip + axis * (height.max() - (tip - foot) @ axis)
    if any(bone.face_distance(tip, axis_, end) < 1.5 for axis_, end in bone.cut):
        found.missing["greater_trochanter_tip"] = "the field of view cuts the greater trochanter off."
        return
    found.points["greater_trochanter_tip"] = tip


def _condyles(mask: Mask, found: Found) -> None:
    """Posterior condyles: ends of the posterior edge of the convex hull of the femur's lower end seen from above."""
    names = ("posterior_condyle_medial", "posterior_condyle_lateral")
    height = float(mask.array.shape[2] * mask.grid.spacing[2])
    absent = None
    if height < 9.0 * (found.head_radius_mm or ADULT_HEAD_RADIUS_MM):
        absent = "the knee is not in the field of view."
    elif (2, -1) in mask.cut:
        absent = "the field of view ends above the femoral condyles."
    if absent:
        for name in names:
            found.missing[name] = absent
        return
    keep = int(np.ceil(42.0 * found.scale / mask.grid.spacing[2]))
    box = (slice(0, mask.array.shape[0]), slice(0, mask.array.shape[1]), slice(0, min(keep, mask.array.shape[2])))
    lower = BoneField(Mask(mask.array[box], mask.grid.cropped(box), frozenset()))
    points = Patch(lower.phi, lower.grid).surface_points()
    points = points[points[:, 2] < points[:, 2].min() + 38.0 * found.scale]
    hull = scipy.spatial.ConvexHull(points[:, :2])
    corners = points[hull.vertices]
    nxt = np.roll(corners, -1, axis=0)
    edge = (nxt - corners)[:, :2]
    length = np.linalg.norm(edge, axis=1)
    outward = np.column_stack([edge[:, 1], -edge[:, 0]]) / length[:, None]  # hull vertices run counterclockwise
    posterior = outward[:, 1] < -0.5
    if not posterior.any():
        for name in names:
            found.missing[name] = "the lower end of the femur has no posterior edge between two condyles."
        return
    best = int(np.where(posterior, length, 0).argmax())
    if length[best] < 20.0 * found.scale:
        for name in names:
            found.missing[name] = "the lower end of the femur shows no two condyles; it may not reach the knee."
        return
    ends = sorted([corners[best], nxt[best]], key=lambda p: p[0])
    found.points[names[0]], found.points[names[1]] = ends[0], ends[1]


def find_on_hip_bone(mask: Mask, found: Found) -> BoneField:
    """Place the lowest point of the ischial tuberosity (side frame); adds to ``found``."""
    bone = BoneField(mask, lower_mm=70.0 * found.scale)
    points = Patch(bone.phi, bone.grid).surface_points()
    lowest = points[points[:, 2].argmin()]
    if (2, -1) in bone.cut:
        found.missing["ischial_tuberosity_lowest"] = "the field of view ends above the lowest point of the ischium."
    else:
        found.points["ischial_tuberosity_lowest"] = lowest
    return bone


def place_attachments(femur: BoneField, hip: BoneField, found: Found) -> None:
    """Place the four attachment corners of the quadratus femoris on the two bones; adds to ``found``.

    On the femur the quadrate tubercle, on the intertrochanteric crest halfway from the lesser to the greater trochanter, and the line down to the lesser trochanter's level; on the ischium the lateral border of the
    tuberosity, from the same level as the upper corner of the femur (the fibers run across) down to a quarter of a
    head radius above the lowest point.
    """
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    tip = found.points.get("lesser_trochanter_tip")
    greater = found.points.get("greater_trochanter_tip")
    head = found.points.get("femoral_head_center")
    lowest = found.points.get("ischial_tuberosity_lowest")
    upper = None if tip is None else float(tip[2] + (0.5 * (greater[2] - tip[2]) if greater is not None else 1.4 * radius))
    levels: dict[str, float] = {}
    if tip is not None and upper is not None:
        levels["quadratus_femur_superior"], levels["quadratus_femur_inferior"] = upper, float(tip[2] - 0.1 * radius)
    if lowest is not None:
        top = lowest[2] + 1.7 * radius if upper is None else upper
        # below the acetabulum, and far enough above the lower corner to be a border
        top = min(top, head[2] - 1.2 * radius if head is not None else top)
        levels["quadratus_ischium_inferior"] = float(lowest[2] + 0.25 * radius)
        levels["quadratus_ischium_superior"] = float(max(top, lowest[2] + 0.9 * radius))
    hip_points, _ = hip.surface
    for name in ("quadratus_ischium_superior", "quadratus_ischium_inferior"):
        if lowest is None:
            found.missing[name] = "it is found from the lowest point of the ischium, which is missing."
            continue
        # behind the acetabulum's wall, which is more lateral than the ischium; lower where nothing is behind it
        behind = np.linalg.norm(hip_points[:, :2] - lowest[:2], axis=1) < 2.4 * radius
        if head is not None:
            behind &= hip_points[:, 1] < head[1] - 0.75 * radius
        for level in np.arange(levels[name], levels["quadratus_ischium_inferior"] - 1e-6, -0.1 * radius):
            near = behind & (np.abs(hip_points[:, 2] - level) < 0.6 * float(max(hip.grid.spacing[2], 1.5)))
            if near.any():
                found.points[name] = hip_points[near][(hip_points[near] @ np.array([1.0, 0.15, 0.0])).argmax()]
                break
        else:
            found.missing[name] = "no ischium lies at its level."
    femur_points, _ = femur.surface
    for name in ("quadratus_femur_superior", "quadratus_femur_inferior"):
        if tip is None:
            found.missing[name] = "it is found from the lesser trochanter, which is missing."
            continue
        level = levels[name]
        near = np.abs(femur_points[:, 2] - level) < 0.6 * float(max(femur.grid.spacing[2], 1.5))
        # lateral of the trochanter's tip, which is more posterior than the line behind it
        near &= (np.linalg.norm(femur_points[:, :2] - tip[:2], axis=1) < 2.0 * radius) & (femur_points[:, 0] > tip[0] + 0.25 * radius)
        if not near.any():
            found.missing[name] = "no femur lies at its level."
            continue
        found.points[name] = femur_points[near][(femur_points[near] @ np.array([-0.25, -1.0, 0.0])).argmax()]
