"""Finding the landmarks of one hip on its bones.

Everything here works in the *side frame*: x lateral, y anterior, z superior, millimeter, so that both sides
are the same problem (:class:`.frames.SideFrame` mirrors a left hip). Orientation of the body is taken from the image
(supine or prone, any rotation of the leg); no direction of the femur itself is assumed beyond that the
head lies medial of the shaft and above it.
"""

from __future__ import annotations

import numpy as np
import scipy

from ..anatomy.regions import ADULT_HEAD_RADIUS_MM
from ..images.masks import Mask
from ..images.surface import Patch
from ..values import Array
from .bone_field import BoneField
from .femoral_head import find_head
from .line import UP, Line
from .placement import Placement
from .plausible import check_head
from .shaft import find_shaft_and_lesser_trochanter

_CONDYLES = ("posterior_condyle_medial", "posterior_condyle_lateral")

_FOUND_FROM_HEAD = (
    "femoral_neck_center",
    "shaft_axis_proximal",
    "shaft_axis_distal",
    "lesser_trochanter_tip",
    "greater_trochanter_tip",
)


def find_on_femur(mask: Mask, hip: Mask, found: Placement) -> BoneField:
    """Place head, neck, shaft, both trochanters and the condyles on a femur; adds to ``found``.

    :param mask: the femur in the side frame, ``hip`` its hip bone.
    :raises IFIMeasureError: where the bones lie otherwise than in a patient.
    :returns: its upper part as a signed distance.
    """
    bone = BoneField(mask, upper_mm=230.0)
    points, normals = bone.surface
    find_head(bone, points, normals, found)
    check_head(bone, hip, found)
    if "femoral_head_center" not in found.points:
        reason = f"It is found from the femoral head, which is missing: {found.missing['femoral_head_center']}"
        found.missing.update(dict.fromkeys(_FOUND_FROM_HEAD, reason))
    else:
        find_from_head(bone, found)
    _condyles(mask, found)
    return bone


def find_from_head(bone: BoneField, found: Placement) -> None:
    """Place what is found from the femoral head's center, which is in ``found``; adds to it."""
    find_shaft_and_lesser_trochanter(bone, found)
    find_neck(bone, found)
    find_greater_trochanter(bone, found)


def find_neck(bone: BoneField, found: Placement) -> None:
    """Neck axis from the head center through the centroid of the neck's narrowest section across that axis."""
    head = found.points["femoral_head_center"]
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    direction = _first_neck_direction(head, radius, found)
    direction = direction / np.linalg.norm(direction)
    center: Array | None = None
    for _ in range(6):
        center = _narrowest_section(bone, head, direction, radius)
        if center is None:
            break
        turned = center - head
        turned = turned / np.linalg.norm(turned)
        if np.arccos(np.clip(turned @ direction, -1, 1)) < 1e-4:
            break
        direction = turned
    if center is None:
        found.missing["femoral_neck_center"] = (
            "the neck has no narrowest section between head and trochanters here; the field of view may cut it."
        )
        return
    found.points["femoral_neck_center"] = center
    found.neck_axis = direction


def _first_neck_direction(head: Array, radius: float, found: Placement) -> Array:
    """Where the neck goes from the head, as far as shaft and trochanter tell; not of unit length."""
    proximal = found.points.get("shaft_axis_proximal")
    if proximal is not None and found.shaft_axis is not None:
        # the neck meets the shaft's axis a little above the lesser trochanter, lateral of the head
        foot = Line(proximal, found.shaft_axis).foot(head)
        offset = float(np.linalg.norm(head - foot))
        return np.asarray(foot - found.shaft_axis * 0.8 * offset - head)
    tip = found.points.get("lesser_trochanter_tip")
    if tip is not None:
        return np.asarray(tip + np.array([0.6 * radius, 0.4 * radius, 1.1 * radius]) - head)
    return np.array([1.0, 0.0, -0.8])


def _narrowest_section(bone: BoneField, head: Array, direction: Array, radius: float) -> Array | None:
    """Center (3,) of the narrowest section across a direction from the head; None where none is narrowest."""
    areas, centers = [], []
    for step in np.arange(0.7, 2.4, 0.06) * radius:
        at = head + step * direction
        cut = bone.section(at, direction, 1.7 * radius)
        areas.append(np.inf if cut is None else cut.area)
        centers.append(at if cut is None else cut.centroid)
    smooth = np.array(areas)
    if np.isfinite(areas).all():
        smooth = scipy.ndimage.gaussian_filter1d(smooth, 1.0, mode="nearest")
    narrow = int(np.argmin(smooth))
    if narrow in (0, len(areas) - 1) or not np.isfinite(smooth[narrow]):
        return None
    # the sections around it steady the center, as long as no trochanter has joined them
    window = [n for n in range(max(narrow - 3, 0), min(narrow + 4, len(areas))) if areas[n] < 1.1 * areas[narrow]]
    return np.asarray(np.mean([centers[n] for n in window], axis=0))


def find_greater_trochanter(bone: BoneField, found: Placement) -> None:
    """Uppermost point of the greater trochanter along the shaft, lateral of the shaft's axis."""
    points, _ = bone.surface
    head = found.points["femoral_head_center"]
    radius = float(found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    axis = found.shaft_axis if found.shaft_axis is not None else UP
    anchor = found.points.get("shaft_axis_proximal")
    if anchor is None:
        tip = found.points.get("lesser_trochanter_tip")
        if tip is None:
            found.missing["greater_trochanter_tip"] = (
                "it is found from the shaft's axis or the lesser trochanter, and both are missing."
            )
            return
        anchor = tip + np.array([0.9 * radius, 0.5 * radius, 0.0])
    foot = Line(anchor, axis).foot(head)
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


def _condyles(mask: Mask, found: Placement) -> None:
    """Posterior condyles: ends of the posterior edge of the convex hull of the femur's lower end seen from above."""
    height = float(mask.array.shape[2] * mask.grid.spacing[2])
    reason = ""
    if height < 9.0 * (found.head_radius_mm or ADULT_HEAD_RADIUS_MM):
        reason = "the knee is not in the field of view."
    elif (2, -1) in mask.cut:
        reason = "the field of view ends above the femoral condyles."
    else:
        ends, reason = _posterior_edge(mask, found.scale)
        found.points.update(zip(_CONDYLES, ends))
    if reason:
        found.missing.update(dict.fromkeys(_CONDYLES, reason))


def _posterior_edge(mask: Mask, scale: float) -> tuple[list[Array], str]:
    """Medial and lateral end of the posterior edge of the femur's lower end, or none and why."""
    keep = int(np.ceil(42.0 * scale / mask.grid.spacing[2]))
    box = (slice(0, mask.array.shape[0]), slice(0, mask.array.shape[1]), slice(0, min(keep, mask.array.shape[2])))
    lower = BoneField(Mask(mask.array[box], mask.grid.cropped(box), frozenset()))
    points = Patch(lower.phi, lower.grid).surface_points()
    points = points[points[:, 2] < points[:, 2].min() + 38.0 * scale]
    hull = scipy.spatial.ConvexHull(points[:, :2])
    corners = points[hull.vertices]
    following = np.roll(corners, -1, axis=0)
    edge = (following - corners)[:, :2]
    length = np.linalg.norm(edge, axis=1)
    outward = np.column_stack([edge[:, 1], -edge[:, 0]]) / length[:, None]  # hull vertices run counterclockwise
    posterior = outward[:, 1] < -0.5
    if not posterior.any():
        return [], "the lower end of the femur has no posterior edge between two condyles."
    best = int(np.where(posterior, length, 0).argmax())
    if length[best] < 20.0 * scale:
        return [], "the lower end of the femur shows no two condyles; it may not reach the knee."
    return sorted([corners[best], following[best]], key=lambda p: float(p[0])), ""
