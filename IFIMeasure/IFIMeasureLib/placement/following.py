"""What hangs on landmarks follows them where a person moved them (side frame)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..values import Array
from .attachments import place_attachments
from .bone_field import BoneField
from .femoral_head import radius_about
from .femur import find_from_head, find_greater_trochanter, find_neck
from .placement import Placement
from .shaft import find_shaft_below

FOLLOWED = (
    "femoral_head_center",
    "greater_trochanter_tip",
    "ischial_tuberosity_lowest",
    "lesser_trochanter_tip",
    "shaft_axis_distal",
    "shaft_axis_proximal",
)
"""Landmarks that others are placed from."""

_SHAFT = ("shaft_axis_proximal", "shaft_axis_distal")


def follow(femur: BoneField, hip: BoneField, found: Placement, moved: Mapping[str, Array], draft: bool) -> None:
    """Place again what hangs on landmarks that a person moved; changes ``found``.

    The head carries its radius and the neck's center, and all that is found from it where it was not found; the tip of
    the lesser trochanter the shaft's axis below it; the shaft's axis the top of the greater trochanter; all of them the
    attachment corners.

    :param moved: places (3,) of landmarks that a person placed, by id: any of :data:`FOLLOWED`.
    :param draft: whether a point is being dragged: what takes long stays as it is.
    """
    head_was_found = "femoral_head_center" in found.points
    _put(found, moved)
    head = moved.get("femoral_head_center")
    if head is not None:
        found.head_radius_mm = radius_about(femur, head)
    if not draft:
        if head is not None and not head_was_found:
            find_from_head(femur, found)
            _put(found, moved)
        if "lesser_trochanter_tip" in moved:
            find_shaft_below(femur, moved["lesser_trochanter_tip"], found)
            _put(found, moved)
        if any(key in moved for key in _SHAFT) and "femoral_head_center" in found.points:
            _follow_shaft(femur, found)
            _put(found, moved)
        if head is not None:
            _forget(found, "femoral_neck_center")
            find_neck(femur, found)
    place_attachments(femur, hip, found)


def _follow_shaft(femur: BoneField, found: Placement) -> None:
    ends = [found.points.get(key) for key in _SHAFT]
    if ends[0] is not None and ends[1] is not None:
        along = ends[0] - ends[1]
        length = float(np.linalg.norm(along))
        if length > 1.0 and along[2] > 0.0:
            found.shaft_axis = along / length
            _forget(found, "greater_trochanter_tip")
            find_greater_trochanter(femur, found)


def _forget(found: Placement, key: str) -> None:
    found.points.pop(key, None)
    found.missing.pop(key, None)


def _put(found: Placement, moved: Mapping[str, Array]) -> None:
    for key, place in moved.items():
        found.points[key] = place
        found.missing.pop(key, None)
