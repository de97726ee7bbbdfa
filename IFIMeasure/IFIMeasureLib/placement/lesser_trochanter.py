"""The tip of the lesser trochanter, and the peaks of a map that it is found in (side frame)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy

from ..values import Array
from .bone_field import BoneField
from .line import Line

_SECTOR = (np.radians(2.0), np.radians(88.0))
"""Directions a lesser trochanter can have: from medial (the neck's) to posterior."""

_FEWEST_LEVELS = 8
"""A map of fewer levels, a millimeter apart, shows no bump."""


def find_lesser_trochanter(bone: BoneField, head: Array, radius: float, shaft: Line) -> Array | None:
    """Return the tip of the lesser trochanter (3,): the peak of the distance from the shaft's axis, below the neck.

    The distance is mapped over level and direction; at each direction its peaks along the shaft are ranked by
    prominence, so that the flare of the neck above (which only rises) is no candidate.

    :param head: (3,) center of the femoral head, ``radius`` its radius, millimeter.
    :param shaft: its axis, as far as it is known.
    """
    reach = _reach_map(bone, head, radius, shaft)
    if reach is None:
        return None
    smooth = replace(reach, mm=scipy.ndimage.gaussian_filter(reach.mm, [1.2, 1.0], mode="nearest"))
    peak = _strongest_peak(smooth, 0.06 * radius)
    if peak is None:
        # thick slices or a short scan: a shoulder on the flank of the neck instead of a peak of its own
        below_neck = reach.levels < shaft.along(head) - 1.3 * radius
        if below_neck.sum() < _FEWEST_LEVELS:
            return None
        reach, smooth = reach.at(below_neck), smooth.at(below_neck)
        flank = np.column_stack([_lower_envelope(smooth.levels, column) for column in smooth.mm.T])
        smooth = replace(smooth, mm=smooth.mm - flank)
        peak = _strongest_peak(smooth, 0.05 * radius)
    if peak is None:
        return None
    level, angle = _middle_of_cap(smooth, peak, radius)
    return reach.place(level, angle)


@dataclass(frozen=True)
class _ReachMap:
    """How far a bone reaches from an axis.

    :param levels: (N,) along the axis, millimeter from its origin.
    :param angles: (M,) about the axis, radian from ``medial`` toward ``posterior``.
    :param mm: (N, M) distance of the surface from the axis.
    :param medial: (3,) unit vector across the axis, as ``posterior``.
    """

    axis: Line
    medial: Array
    posterior: Array
    levels: Array
    angles: Array
    mm: Array

    def at(self, chosen: Array) -> _ReachMap:
        """The map at some of its levels, (N,) bool."""
        return replace(self, levels=self.levels[chosen], mm=self.mm[chosen])

    def place(self, level: float, angle: float) -> Array:
        """The point of the surface at a level and in a direction."""
        row = np.interp(level, self.levels, np.arange(len(self.levels)))
        column = np.interp(angle, self.angles, np.arange(len(self.angles)))
        distance = float(scipy.ndimage.map_coordinates(self.mm, [[row], [column]], order=1)[0])
        outward = np.cos(angle) * self.medial + np.sin(angle) * self.posterior
        return np.asarray(self.axis.origin + level * self.axis.direction + distance * outward)


def _reach_map(bone: BoneField, head: Array, radius: float, shaft: Line) -> _ReachMap | None:
    """The map around the shaft below the head; None where hardly a level shows the whole bone."""
    medial = head - shaft.foot(head)
    medial = medial / np.linalg.norm(medial)
    posterior = np.cross(shaft.direction, medial)
    # below the head, whose lower half would be the strongest bump of all
    top = shaft.along(head) - 1.1 * radius
    bottom = max(shaft.along(shaft.at_level(bone.low[2] + 0.3)), top - 5.0 * radius)
    levels = np.arange(bottom, top, 1.0)
    angles = np.radians(np.arange(-15.0, 118.0, 3.0))
    radii = np.arange(0.0, 2.3 * radius, 0.5)
    outward = np.cos(angles)[:, None] * medial + np.sin(angles)[:, None] * posterior
    on_axis = shaft.origin + levels[:, None, None, None] * shaft.direction
    reach = _way_out(bone.sample(on_axis + radii[None, None, :, None] * outward[None, :, None, :]), radii)
    usable = np.isfinite(reach).all(1) & (reach > 0).all(1)
    if usable.sum() < _FEWEST_LEVELS:
        return None
    return _ReachMap(
        axis=shaft, medial=medial, posterior=posterior, levels=levels[usable], angles=angles, mm=reach[usable]
    )


def _way_out(phi: Array, radii: Array) -> Array:
    """Where rays first leave a bone, (N, M).

    :param phi: (N, M, R) signed distance along the rays, positive inside.
    :param radii: (R,) places along them.
    :returns: the last place for a ray that does not leave it; NaN for one that does not start in it.
    """
    inside = phi > 0
    leaving = inside[..., :-1] & ~inside[..., 1:]
    last_inside = leaving.argmax(-1)
    a = np.take_along_axis(phi, last_inside[..., None], -1)[..., 0]
    b = np.take_along_axis(phi, last_inside[..., None] + 1, -1)[..., 0]
    reach = radii[last_inside] + 0.5 * a / np.where(a - b == 0, 1.0, a - b)
    reach = np.where(leaving.any(-1), reach, np.where(inside[..., -1], radii[-1], 0.0))
    reach[~inside[..., :12].any(-1)] = np.nan
    return reach


def _strongest_peak(reach: _ReachMap, least: float) -> tuple[int, int] | None:
    """Top of the most prominent bump within the sector of the lesser trochanter; None where none is ``least`` mm high.

    Prominence is taken along the levels; a bump whose top lies outside the sector (the intertrochanteric
    crest, the flank of the neck) or at the end of the levels is none.
    """
    in_sector = (reach.angles >= _SECTOR[0]) & (reach.angles <= _SECTOR[1])
    candidates: list[tuple[float, int, int]] = []
    for column in np.flatnonzero(in_sector):
        peaks = prominent_peaks(reach.mm[:, column], least)
        candidates += [(prominence, row, int(column)) for row, prominence in peaks]
    for _, start_row, start_column in sorted(candidates, reverse=True):
        top_row, top_column = _top_of_bump(reach.mm, start_row, start_column)
        if 3 <= top_row <= len(reach.levels) - 4 and in_sector[top_column]:
            return top_row, top_column
    return None


def _top_of_bump(values: Array, row: int, column: int) -> tuple[int, int]:
    """The cell (row, column) that climbing from one to its highest neighbor leads to, in no more than 60 steps."""
    for _ in range(60):
        low, left = max(row - 1, 0), max(column - 1, 0)
        window = values[low : row + 2, left : column + 2]
        down, right = divmod(int(window.argmax()), window.shape[1])
        if (low + down, left + right) == (row, column):
            break
        row, column = low + down, left + right
    return row, column


def _middle_of_cap(reach: _ReachMap, peak: tuple[int, int], radius: float) -> tuple[float, float]:
    """Level and angle of the middle of a bump's cap; a flat top's highest cell would move with every staircase."""
    row, column = peak
    height = 0.045 * radius
    cap, _ = scipy.ndimage.label(reach.mm > reach.mm[row, column] - height)
    rows, columns = np.nonzero(cap == cap[row, column])
    near = (np.abs(rows - row) < 0.4 * radius) & (np.abs(columns - column) <= 10)
    rows, columns = rows[near], columns[near]
    weight = reach.mm[rows, columns] - reach.mm[row, column] + height
    level = (reach.levels[rows] * weight).sum() / weight.sum()
    angle = (reach.angles[columns] * weight).sum() / weight.sum()
    return float(level), float(angle)


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
