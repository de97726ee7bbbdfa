"""The ischiofemoral and quadratus femoris spaces of one side: axial profile and 3D minimum (side frame)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy

from ..anatomy.regions import ADULT_HEAD_RADIUS_MM, LESSER_TROCHANTER_HALF_HEIGHT, Region
from ..images.distance import closest_between
from ..images.grid import Grid, box_corners
from ..images.masks import Mask
from ..images.surface import (
    SMOOTHING_LENGTH_3D_MM,
    SMOOTHING_LENGTH_VOXELS,
    Patch,
    edge_points,
    refined_patch,
)
from ..placement.bone_field import BoneField
from ..values import Array

_THIN_SLICE_MM = 2.0


_CUT_STEP_MM = 1.0


_STEEPEST = 4.0
"""How much a space may change over a millimeter along the body, where a surface ends."""


_COARSE_PLANES = 4


_COARSE_REACH_MM = 55.0


SPACES = {"ifs": "Ischiofemoral space", "qfs": "Quadratus femoris space"}
"""The spaces of a hip, by id, with their titles."""


@dataclass(frozen=True)
class ProfilePoint:
    """The space in one axial plane.

    :param level_mm: superior coordinate of the plane, RAS millimeter.
    :param slice_number: zero-based index along S of the segmentation's slice in that plane; None for a cut between
        slices.
    :param distance_mm: the space; None where one of the structures is not in the plane.
    :param medial_side: (3,) on the ischium or hamstring tendon, side frame.
    :param lateral_side: (3,) on the lesser trochanter or iliopsoas tendon, side frame.
    """

    level_mm: float
    slice_number: int | None
    distance_mm: float | None = None
    medial_side: Array | None = None
    lateral_side: Array | None = None


@dataclass(frozen=True)
class Space:
    """One space of one side; None for what cannot be had.

    :param profile: in each axial plane, from below.
    :param axial: the smallest of it.
    :param points_3d_side: the ends of the smallest distance in 3D, medial and lateral, (3,) each, side frame.
    :param at_edge: whether the smallest lies in the outermost plane, so that it may go on beyond.
    :param acquired: whether the planes are acquired slices.
    :param overlap: whether the structures touch or overlap in a plane.
    :param notes: what a reader must know of it, in any direction.
    :param plane_low_mm: the smallest that ``axial`` becomes when all planes move together by up to half their distance;
        ``plane_high_mm`` the largest. None where it is not known.
    """

    profile: tuple[ProfilePoint, ...]
    axial: ProfilePoint | None
    minimum_3d_mm: float | None
    points_3d_side: tuple[Array, Array] | None
    at_edge: bool
    acquired: bool
    overlap: bool = False
    notes: tuple[str, ...] = ()
    plane_low_mm: float | None = None
    plane_high_mm: float | None = None


def axial_levels(grid: Grid, tip: Array, head_radius_mm: float | None) -> tuple[list[tuple[float, int | None]], bool]:
    """Levels through the lesser trochanter as (superior coordinate, slice number), and whether they are acquired.

    Axial images give their own slices; where these are thin, the two ends of the trochanter are added, so that
    the result does not hang on which slice happens to be the last. Other images are cut every millimeter.

    :param grid: the whole label map's grid (RAS or side frame: only the third axis is used).
    """
    half = LESSER_TROCHANTER_HALF_HEIGHT * (head_radius_mm or ADULT_HEAD_RADIUS_MM)
    low, high = tip[2] - half, tip[2] + half
    if grid.axis_tilt_deg(2) < 0.05 and grid.slice_axis == 2:
        origin, step = grid.affine[2, 3], grid.affine[2, 2]
        numbers = [k for k in range(grid.shape[2]) if low <= origin + k * step <= high]
        levels: list[tuple[float, int | None]] = [(float(origin + k * step), k) for k in numbers]
        if not levels:  # slices thicker than the trochanter is high: the nearest one
            k = int(np.clip(round((tip[2] - origin) / step), 0, grid.shape[2] - 1))
            if abs(origin + k * step - tip[2]) <= 0.75 * step:
                levels = [(float(origin + k * step), k)]
        if step <= _THIN_SLICE_MM:
            levels = [(float(low), None), *levels, (float(high), None)]
        return levels, True
    count = max(2, round((high - low) / _CUT_STEP_MM))
    return [(float(level), None) for level in np.linspace(low, high, count + 1)], False


def moved_levels(grid: Grid, tip: Array, head_radius_mm: float | None) -> list[list[float]]:
    """Return the levels of :func:`axial_levels` when all planes move together, for moves of up to half their distance.

    Moves are a quarter of a millimeter apart, or an eighth of the planes' distance. The ends of the trochanter, which
    are added to thin slices, stay where they are.
    """
    levels, acquired = axial_levels(grid, tip, head_radius_mm)
    distance = float(grid.spacing[2]) if acquired else levels[1][0] - levels[0][0]
    half = 0.5 * distance
    moves = np.linspace(-half, half, 2 * max(2, min(8, round(half / 0.25))) + 1)
    moved = []
    for move in moves:
        if acquired:
            affine = grid.affine.copy()
            affine[2, 3] += move
            moved.append([level for level, _ in axial_levels(Grid(grid.shape, affine), tip, head_radius_mm)[0]])
        else:
            low, high = levels[0][0] - 1e-6, levels[-1][0] + 1e-6
            moved.append([level + move for level, _ in levels if low <= level + move <= high])
    return moved


def measure_space(
    medial: list[tuple[Mask, Region | None]],
    lateral: list[tuple[Mask, Region | None]],
    levels: list[tuple[float, int | None]],
    acquired: bool,
    moved: list[list[float]] | None = None,
) -> Space:
    """Measure the space between medial and lateral structures of one side (side frame).

    :param medial: masks with a test for the points that count (None: all): the ischium, or the hamstring tendon.
    :param lateral: the same for the other side: lesser trochanter, iliopsoas tendon.
    :param levels: from :func:`axial_levels`.
    :param moved: from :func:`moved_levels`, for the range that the planes leave open; without it that is not known.
    """
    span = np.array([level for level, _ in levels])
    low_level, high_level = float(span.min()), float(span.max())
    medial_parts = [_edge(mask, low_level - 45.0, high_level + 45.0, belongs) for mask, belongs in medial]
    lateral_parts = [_edge(mask, low_level, high_level, belongs) for mask, belongs in lateral]
    all_medial = np.concatenate(medial_parts) if medial_parts else np.zeros((0, 3))
    all_lateral = np.concatenate(lateral_parts) if lateral_parts else np.zeros((0, 3))
    empty = tuple(ProfilePoint(level, number) for level, number in levels)
    if not len(all_medial) or not len(all_lateral):
        return Space(empty, None, None, None, at_edge=False, acquired=acquired)
    slack = 2.5 + 2.0 * float(min(m.grid.spacing.min() for m, _ in medial))
    keep_medial = np.zeros(len(all_medial), bool)
    keep_lateral = np.zeros(len(all_lateral), bool)
    thickness = max(1.0, 0.75 * float(max(m.grid.spacing[2] for m, _ in medial)))
    for level in span:
        a = np.flatnonzero(np.abs(all_medial[:, 2] - level) <= thickness)
        b = np.flatnonzero(np.abs(all_lateral[:, 2] - level) <= thickness)
        if len(a) and len(b):
            _keep_near(all_medial, a, all_lateral, b, 2, slack, keep_medial, keep_lateral)
    in_plane = (
        _patches([m for m, _ in medial], medial_parts, keep_medial),
        _patches([m for m, _ in lateral], lateral_parts, keep_lateral),
    )
    keep_medial[:] = False
    keep_lateral[:] = False
    _keep_near(
        all_medial,
        np.arange(len(all_medial)),
        all_lateral,
        np.arange(len(all_lateral)),
        3,
        slack,
        keep_medial,
        keep_lateral,
    )
    near = (
        _patches([m for m, _ in medial], medial_parts, keep_medial, SMOOTHING_LENGTH_3D_MM),
        _patches([m for m, _ in lateral], lateral_parts, keep_lateral, SMOOTHING_LENGTH_3D_MM),
    )
    tests = ([r for _, r in medial], [r for _, r in lateral])
    space = _between_surfaces(in_plane, near, tests, levels, acquired)
    return space if moved is None else _with_plane_range(space, in_plane, tests, moved)


def coarse_space(
    medial: list[tuple[BoneField, Region | None]],
    lateral: list[tuple[BoneField, Region | None]],
    levels: list[tuple[float, int | None]],
    acquired: bool,
    tip: Array,
) -> Space:
    """The same space as :func:`measure_space` gives, in milliseconds but only to some tenths of a millimeter.

    For following a point while it is dragged; nothing that is kept or exported comes from it.

    :param tip: tip of the lesser trochanter; surfaces farther than 55 mm from it are left out.
    """
    levels = levels[:: -(-len(levels) // _COARSE_PLANES)]
    low, high = min(level for level, _ in levels), max(level for level, _ in levels)
    reach = np.array([_COARSE_REACH_MM, _COARSE_REACH_MM, 0.0])
    bottom, top = np.array([*tip[:2], low]) - reach, np.array([*tip[:2], high]) + reach
    medial_parts: _Patches = [_CoarsePart(bone, bottom - [0, 0, 6.0], top + [0, 0, 6.0]) for bone, _ in medial]
    lateral_parts: _Patches = [_CoarsePart(bone, bottom, top) for bone, _ in lateral]
    patches = (medial_parts, lateral_parts)
    return _between_surfaces(patches, patches, ([r for _, r in medial], [r for _, r in lateral]), levels, acquired)


class _CoarsePart:
    """The part of a coarse surface in a box; cut out of the whole bone's sections and points, which are kept."""

    def __init__(self, bone: BoneField, low: Array, high: Array) -> None:
        self._bone, self._low, self._high = bone, low, high

    def section(self, level_mm: float) -> Array:
        """As :meth:`.surface.Patch.section`."""
        lines = self._bone.axial_section(level_mm)
        return lines[self._inside(lines[:, 0])]

    def surface_points(self) -> Array:
        """As :meth:`.surface.Patch.surface_points`."""
        points = self._bone.surface[0]
        return points[self._inside(points)]

    def _inside(self, points: Array) -> Array:
        return np.asarray(((points >= self._low) & (points <= self._high)).all(1))


_Patches = list[Patch | _CoarsePart | None]


_Regions = list[Region | None]


def _between_surfaces(
    in_plane: tuple[_Patches, _Patches],
    near: tuple[_Patches, _Patches],
    tests: tuple[_Regions, _Regions],
    levels: list[tuple[float, int | None]],
    acquired: bool,
) -> Space:
    """Profile and 3D minimum between surfaces: ``in_plane`` for the planes, ``near`` for 3D."""
    profile = []
    overlap = False
    for level, number in levels:
        first = _sections(in_plane[0], tests[0], level)
        second = _sections(in_plane[1], tests[1], level)
        pair = closest_between(first, second)
        if pair is None:
            profile.append(ProfilePoint(level, number))
            continue
        overlap |= pair[0] < 0.05
        profile.append(ProfilePoint(level, number, *pair))
    measured = [p for p in profile if p.distance_mm is not None]
    axial = min(measured, key=lambda p: p.distance_mm or 0.0) if measured else None
    # a minimum in the last plane is no local minimum: a reader must know
    edges = {
        profile[0].level_mm,
        profile[-1].level_mm,
        *((measured[0].level_mm, measured[-1].level_mm) if measured else ()),
    }
    at_edge = axial is not None and axial.level_mm in edges

    best = _closest_3d(near, tests)
    if axial is not None and axial.distance_mm is not None and (best is None or best[0] > axial.distance_mm):
        # the axial pair lies on the same surfaces, so the 3D minimum is never larger
        assert axial.medial_side is not None and axial.lateral_side is not None
        best = (axial.distance_mm, axial.medial_side, axial.lateral_side)
    return Space(
        profile=tuple(profile),
        axial=axial,
        minimum_3d_mm=None if best is None else best[0],
        points_3d_side=None if best is None else (best[1], best[2]),
        at_edge=at_edge,
        acquired=acquired,
        overlap=overlap,
    )


def _with_plane_range(
    space: Space, patches: tuple[_Patches, _Patches], tests: tuple[_Regions, _Regions], moved: list[list[float]]
) -> Space:
    """A space with the range of its axial value over moved planes, each move a list of levels."""
    if space.axial is None or space.axial.distance_mm is None:
        return space
    smallest, base = space.axial.distance_mm, space.profile
    known = {point.level_mm: point.distance_mm for point in base}
    step = float(np.diff([point.level_mm for point in base]).max()) if len(base) > 1 else 0.0
    if step and step <= _THIN_SLICE_MM:
        # of thin slices only those near the smallest can become it: no bone's surface is steeper
        limit = smallest + _STEEPEST * step
        near = np.array([p.level_mm for p in base if p.distance_mm is not None and p.distance_mm <= limit])
        moved = [[z for z in levels if z in known or np.abs(near - z).min() <= 0.51 * step] for levels in moved]
    rounded = [[of.rounded_between_slices() if isinstance(of, Patch) else of for of in some] for some in patches]
    minima = [smallest]
    for levels in moved:
        for level in levels:
            if level not in known:
                pair = closest_between(*(_sections(of, test, level) for of, test in zip(rounded, tests)))
                known[level] = None if pair is None else pair[0]
        found = [distance for level in levels if (distance := known[level]) is not None]
        if found:
            minima.append(min(found))
    return replace(space, plane_low_mm=min(minima), plane_high_mm=max(minima))


def _edge(mask: Mask, low: float, high: float, belongs: Region | None) -> Array:
    """Edge points of the part of a mask between two levels."""
    grid = mask.grid
    corners = grid.corners(0.5)
    box_low, box_high = corners.min(0), corners.max(0)
    box_low[2], box_high[2] = max(low - grid.spacing[2], box_low[2]), min(high + grid.spacing[2], box_high[2])
    if box_low[2] >= box_high[2]:
        return np.zeros((0, 3))
    ijk = grid.to_ijk(box_corners(box_low, box_high))
    start = np.clip(np.floor(ijk.min(0)).astype(int), 0, mask.array.shape)
    stop = np.clip(np.ceil(ijk.max(0)).astype(int) + 1, 0, mask.array.shape)
    box = (slice(start[0], stop[0]), slice(start[1], stop[1]), slice(start[2], stop[2]))
    points = edge_points(np.ascontiguousarray(mask.array[box]), grid.cropped(box))
    if belongs is not None:
        points = points[belongs(points)]
    return points


def _keep_near(
    first: Array,
    a: Array,
    second: Array,
    b: Array,
    dimensions: int,
    slack: float,
    keep_first: Array,
    keep_second: Array,
) -> None:
    """Mark the points that may carry the smallest distance between two sets, within ``slack`` of the rough one."""
    tree = scipy.spatial.cKDTree(first[a, :dimensions])
    distance, index = tree.query(second[b, :dimensions])
    limit = distance.min() + slack
    near = distance <= limit
    keep_second[b[near]] = True
    keep_first[a[index[near]]] = True
    back, _ = scipy.spatial.cKDTree(second[b[near], :dimensions]).query(
        first[a, :dimensions], distance_upper_bound=limit
    )
    keep_first[a[back <= limit]] = True


def _patches(masks: list[Mask], parts: list[Array], keep: Array, least_smoothing_mm: float = 0.0) -> _Patches:
    patches: _Patches = []
    start = 0
    for mask, part in zip(masks, parts):
        kept = part[keep[start : start + len(part)]]
        start += len(part)
        smoothing = max(SMOOTHING_LENGTH_VOXELS, least_smoothing_mm / float(mask.grid.spacing.min()))
        patches.append(refined_patch(mask.array, mask.grid, kept.min(0), kept.max(0), smoothing) if len(kept) else None)
    return patches


def _sections(patches: _Patches, tests: _Regions, level: float) -> Array:
    pieces = []
    for patch, belongs in zip(patches, tests):
        if patch is None:
            continue
        lines = patch.section(level)
        if belongs is not None and len(lines):
            lines = lines[belongs(lines).any(1)]
        pieces.append(lines)
    return np.concatenate(pieces) if pieces else np.zeros((0, 2, 3))


def _closest_3d(
    patches: tuple[_Patches, _Patches], tests: tuple[_Regions, _Regions]
) -> tuple[float, Array, Array] | None:
    sides = []
    for chosen, regions in zip(patches, tests):
        pieces = []
        for patch, belongs in zip(chosen, regions):
            if patch is not None:
                points = patch.surface_points()
                pieces.append(points if belongs is None else points[belongs(points)])
        sides.append(np.concatenate(pieces) if pieces else np.zeros((0, 3)))
    a, b = sides
    if not len(a) or not len(b):
        return None
    distance, index = scipy.spatial.cKDTree(a).query(b)
    best = int(distance.argmin())
    return float(distance[best]), a[index[best]], b[best]
