"""The axis of the proximal shaft, found together with the lesser trochanter that stands on it (side frame)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..anatomy.regions import ADULT_HEAD_RADIUS_MM
from ..images.surface import Patch
from ..values import Array
from .bone_field import BoneField
from .lesser_trochanter import find_lesser_trochanter
from .line import UP, Line
from .placement import Placement

_LEAST_SHAFT = 0.75
"""How much of the shaft its axis needs, in head radii."""

_SHAFT_POINTS = ("shaft_axis_proximal", "shaft_axis_distal")


def find_shaft_and_lesser_trochanter(bone: BoneField, found: Placement) -> None:
    """Place the tip of the lesser trochanter and two points on the axis of the shaft below it; adds to ``found``.

    Each is found from the other, so they are found in turns: the tip lies where the bone reaches furthest from the
    axis, and the axis runs through the middle of the shaft below the tip.
    """
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    head = found.points["femoral_head_center"]
    bottom = float(bone.low[2]) + 0.5
    absent = _why_absent(bone)
    if bottom > head[2] - 1.8 * radius:
        reason = f"{absent} (it ends {head[2] - bottom:.0f} mm below the head center)."
        found.missing.update(dict.fromkeys(("lesser_trochanter_tip", *_SHAFT_POINTS), reason))
        return
    start = _first_axis(bone, head, bottom, found)
    if start is None:
        found.missing["lesser_trochanter_tip"] = f"{absent}."
        return
    tip, shaft = _in_turns(bone, head, bottom, start, found)
    if tip is None:
        found.missing["lesser_trochanter_tip"] = f"{absent}."
    else:
        found.points["lesser_trochanter_tip"] = tip
    if tip is None:
        reason = f"{absent}, so the shaft's axis has no place to start."
        found.missing.update(dict.fromkeys(_SHAFT_POINTS, reason))
    else:
        _add_shaft(shaft, found)


def find_shaft_below(bone: BoneField, tip: Array, found: Placement) -> None:
    """Place both points on the shaft's axis below a tip (3,) of the lesser trochanter that is known; adds to ``found``.

    Nothing changes where the axis is not known at all.
    """
    proximal = found.points.get("shaft_axis_proximal")
    if found.shaft_axis is None or proximal is None:
        return
    _add_shaft(_shaft_below(bone, tip, Line(proximal, found.shaft_axis), float(bone.low[2]) + 0.5, found), found)


def _add_shaft(shaft: _Shaft | None, found: Placement) -> None:
    if shaft is None:
        radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
        reason = (
            f"less than {_LEAST_SHAFT * radius:.0f} mm of the shaft below the lesser trochanter is in the field of"
            " view, too little for its axis."
        )
        for key in _SHAFT_POINTS:
            found.points.pop(key, None)
            found.missing[key] = reason
        return
    found.shaft_axis = shaft.axis.direction
    found.points["shaft_axis_proximal"] = shaft.axis.at_level(shaft.centers[:, 2].max())
    found.points["shaft_axis_distal"] = shaft.axis.at_level(shaft.centers[:, 2].min())


def _why_absent(bone: BoneField) -> str:
    if (2, -1) in bone.cut:
        return "the field of view ends above the lesser trochanter"
    return "no lesser trochanter stands out from the shaft of this femur"


def _first_axis(bone: BoneField, head: Array, bottom: float, found: Placement) -> Line | None:
    """A first guess of the shaft's axis, from where the shaft must lie below the head; None where no bone is there."""
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    level = max(bottom, head[2] - 3.1 * radius)
    surface = Patch(bone.phi, bone.grid).surface_points()
    near = surface[np.abs(surface[:, 2] - level) < 4.0 + float(bone.grid.spacing[2])]
    if not len(near):
        return None
    middle = 0.5 * (near.min(0) + near.max(0))
    centers = _centerline(bone, middle, max(bottom, level - 3.0 * radius), level, found.scale)
    if not len(centers):
        return None
    if np.ptp(centers[:, 2]) > 0.8 * radius:
        return Line.through(centers)
    return Line(centers.mean(0), UP)


@dataclass(frozen=True)
class _Shaft:
    """The shaft below the lesser trochanter: its axis, and the centers (N, 3) of the sections it was fitted to."""

    axis: Line
    centers: Array


def _in_turns(
    bone: BoneField, head: Array, bottom: float, axis: Line, found: Placement
) -> tuple[Array | None, _Shaft | None]:
    """Tip of the lesser trochanter, and the shaft below it; None for what is not there."""
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    tip: Array | None = None
    shaft: _Shaft | None = None
    for _ in range(3):
        tip = find_lesser_trochanter(bone, head, radius, axis)
        if tip is None:
            break
        shaft = _shaft_below(bone, tip, axis, bottom, found)
        if shaft is None:
            return tip, None
        axis = shaft.axis
    return tip, shaft


def _shaft_below(bone: BoneField, tip: Array, axis: Line, bottom: float, found: Placement) -> _Shaft | None:
    """The shaft below a tip (3,) of the lesser trochanter, from a first guess of its axis; None where it is short."""
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    upper = tip[2] - 0.75 * radius
    centers = _centerline(bone, axis.at_level(upper), max(bottom, upper - 2.6 * radius), upper, found.scale)
    if len(centers) < 3 or np.ptp(centers[:, 2]) < _LEAST_SHAFT * radius:
        return None
    return _Shaft(Line.through(centers), centers)


def _centerline(bone: BoneField, start: Array, low: float, high: float, scale: float) -> Array:
    """Centroids of axial sections from level ``high`` down to ``low``, following the bone; (N, 3)."""
    step = max(1.0, 0.5 * float(bone.grid.spacing[2]))
    centers: list[Array] = []
    at = start
    for level in np.arange(high, low - 1e-6, -step):
        cut = bone.section(np.array([at[0], at[1], level]), UP, 30.0 * scale)
        if cut is not None:
            at = cut.centroid
            centers.append(at)
    return np.array(centers).reshape(-1, 3)
