"""The axis of the proximal shaft and the tip of the lesser trochanter (side frame)."""

from __future__ import annotations

import numpy as np
import scipy

from ..anatomy.regions import ADULT_HEAD_RADIUS_MM
from ..images.surface import Patch
from ..values import Array
from .bone_field import BoneField
from .placement import Placement

UP = np.array([0.0, 0.0, 1.0])


def _centerline(bone: BoneField, start: Array, low: float, high: float, scale: float) -> Array:
    """Centroids of axial sections from level ``high`` down to ``low``, following the bone; (N, 3)."""
    step = max(1.0, 0.5 * float(bone.grid.spacing[2]))
    centers: list[Array] = []
    at = start.copy()
    for level in np.arange(high, low - 1e-6, -step):
        at = np.array([at[0], at[1], level])
        cut = bone.section(at, UP, 30.0 * scale)
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


def find_shaft_and_lesser_trochanter(bone: BoneField, found: Placement) -> None:
    head = found.points["femoral_head_center"]
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    scale = found.scale
    bottom = float(bone.low[2]) + 0.5
    cut_below = (2, -1) in bone.cut
    below = (
        "the field of view ends above the lesser trochanter"
        if cut_below
        else "no lesser trochanter stands out from the shaft of this femur"
    )
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
    origin, axis = _fit_line(line) if long_enough else (line.mean(0), UP)
    tip = None
    shaft: Array | None = None
    for _ in range(3):
        tip = _lesser_trochanter(bone, head, radius, origin, axis)
        if tip is None:
            break
        upper = tip[2] - 0.75 * radius
        shaft = _centerline(
            bone, origin + axis * (upper - origin[2]) / axis[2], max(bottom, upper - 2.6 * radius), upper, scale
        )
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
