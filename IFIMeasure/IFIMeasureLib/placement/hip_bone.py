"""Landmarks of the hip bone (side frame)."""

from __future__ import annotations

from ..images.masks import Mask
from ..images.surface import Patch
from .bone_field import BoneField
from .placement import Placement


def find_on_hip_bone(mask: Mask, found: Placement) -> BoneField:
    """Place the lowest point of the ischial tuberosity; adds to ``found``.

    :param mask: the hip bone in the side frame.
    :returns: its lower part as a signed distance.
    """
    bone = BoneField(mask, lower_mm=70.0 * found.scale)
    points = Patch(bone.phi, bone.grid).surface_points()
    lowest = points[points[:, 2].argmin()]
    if (2, -1) in bone.cut:
        found.missing["ischial_tuberosity_lowest"] = "the field of view ends above the lowest point of the ischium."
    else:
        found.points["ischial_tuberosity_lowest"] = lowest
    return bone
