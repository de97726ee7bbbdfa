"""The corners of the attachments of the quadratus femoris, from femur and hip bone (side frame)."""

from __future__ import annotations

import numpy as np

from ..anatomy.regions import ADULT_HEAD_RADIUS_MM
from .bone_field import BoneField
from .placement import Placement


def place_attachments(femur: BoneField, hip: BoneField, found: Placement) -> None:
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
    upper = (
        None if tip is None else float(tip[2] + (0.5 * (greater[2] - tip[2]) if greater is not None else 1.4 * radius))
    )
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
        near &= (np.linalg.norm(femur_points[:, :2] - tip[:2], axis=1) < 2.0 * radius) & (
            femur_points[:, 0] > tip[0] + 0.25 * radius
        )
        if not near.any():
            found.missing[name] = "no femur lies at its level."
            continue
        found.points[name] = femur_points[near][(femur_points[near] @ np.array([-0.25, -1.0, 0.0])).argmax()]
