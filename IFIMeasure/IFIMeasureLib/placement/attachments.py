"""The corners of the attachments of the quadratus femoris, from femur and hip bone (side frame)."""

from __future__ import annotations

import numpy as np

from ..anatomy.regions import ADULT_HEAD_RADIUS_MM
from ..values import Array
from .bone_field import BoneField
from .placement import Placement

_ON_ISCHIUM = ("quadratus_ischium_superior", "quadratus_ischium_inferior")

_ON_FEMUR = ("quadratus_femur_superior", "quadratus_femur_inferior")


def place_attachments(femur: BoneField, hip: BoneField, found: Placement) -> None:
    """Place the four attachment corners of the quadratus femoris on the two bones; adds to ``found``.

    On the femur they are the quadrate tubercle, on the intertrochanteric crest halfway from the lesser to the greater
    trochanter, and the line down to the lesser trochanter's level. On the ischium they lie on the lateral border of
    the tuberosity, from the same level as the upper corner of the femur (the fibers run across) down to a quarter of a
    head radius above the lowest point.
    """
    levels = _levels(found)
    for name in _ON_ISCHIUM:
        if "ischial_tuberosity_lowest" not in found.points:
            found.missing[name] = "it is found from the lowest point of the ischium, which is missing."
            continue
        place = _on_ischium(hip, levels[name], levels["quadratus_ischium_inferior"], found)
        _add(found, name, place, "no ischium lies at its level.")
    for name in _ON_FEMUR:
        if "lesser_trochanter_tip" not in found.points:
            found.missing[name] = "it is found from the lesser trochanter, which is missing."
            continue
        _add(found, name, _on_femur(femur, levels[name], found), "no femur lies at its level.")


def _add(found: Placement, name: str, place: Array | None, reason: str) -> None:
    if place is None:
        found.missing[name] = reason
    else:
        found.points[name] = place


def _levels(found: Placement) -> dict[str, float]:
    """Superior coordinates of those corners that can be found, millimeter."""
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    tip = found.points.get("lesser_trochanter_tip")
    greater = found.points.get("greater_trochanter_tip")
    lowest = found.points.get("ischial_tuberosity_lowest")
    head = found.points.get("femoral_head_center")
    levels: dict[str, float] = {}
    if tip is not None:
        up = 0.5 * (greater[2] - tip[2]) if greater is not None else 1.4 * radius
        levels["quadratus_femur_superior"] = float(tip[2] + up)
        levels["quadratus_femur_inferior"] = float(tip[2] - 0.1 * radius)
    if lowest is not None:
        top = levels.get("quadratus_femur_superior", lowest[2] + 1.7 * radius)
        # below the acetabulum, and far enough above the lower corner to be a border
        top = min(top, head[2] - 1.2 * radius if head is not None else top)
        levels["quadratus_ischium_superior"] = float(max(top, lowest[2] + 0.9 * radius))
        levels["quadratus_ischium_inferior"] = float(lowest[2] + 0.25 * radius)
    return levels


def _on_ischium(hip: BoneField, highest: float, lowest: float, found: Placement) -> Array | None:
    """The lateral border of the ischium at a level, or below it where nothing is; None where nothing is at all."""
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    head = found.points.get("femoral_head_center")
    points, _ = hip.surface
    # behind the acetabulum's wall, which is more lateral than the ischium
    behind = np.linalg.norm(points[:, :2] - found.points["ischial_tuberosity_lowest"][:2], axis=1) < 2.4 * radius
    if head is not None:
        behind &= points[:, 1] < head[1] - 0.75 * radius
    for level in np.arange(highest, lowest - 1e-6, -0.1 * radius):
        near = points[behind & _at_level(hip, points, level)]
        if len(near):
            return np.asarray(near[(near @ np.array([1.0, 0.15, 0.0])).argmax()])
    return None


def _on_femur(femur: BoneField, level: float, found: Placement) -> Array | None:
    """The posterior border of the femur at a level; None where no femur is."""
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    tip = found.points["lesser_trochanter_tip"]
    points, _ = femur.surface
    close = np.linalg.norm(points[:, :2] - tip[:2], axis=1) < 2.0 * radius
    # lateral of the trochanter's tip, which is more posterior than the line behind it
    lateral = points[:, 0] > tip[0] + 0.25 * radius
    near = points[_at_level(femur, points, level) & close & lateral]
    return np.asarray(near[(near @ np.array([-0.25, -1.0, 0.0])).argmax()]) if len(near) else None


def _at_level(bone: BoneField, points: Array, level: float) -> Array:
    """Which points (N, 3) lie within about a slice of a level."""
    return np.asarray(np.abs(points[:, 2] - level) < 0.6 * float(max(bone.grid.spacing[2], 1.5)))
