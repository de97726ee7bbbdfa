"""Final landmarks of one side: a person's where there are some, else those found on the bones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..anatomy.landmarks import (
    NOT_PLACED,
    Landmark,
    LandmarkSet,
    LandmarkStatus,
    empty_landmarks,
    landmark_label,
    merge,
    position,
)
from ..images.grid import Grid
from ..placement.following import FOLLOWED, follow
from ..placement.placement import Placement
from ..values import Array, IFIMeasureError, Side, point3
from .bones import Bones


def unplaced(person: LandmarkSet | None) -> frozenset[str]:
    """Return ids of the landmarks that a person's list has not placed; all where there is no list."""
    landmarks = person or empty_landmarks()
    return frozenset(key for key, landmark in landmarks.items() if landmark.status is LandmarkStatus.UNDEFINED)


def place_landmarks(
    bones: Bones, person: LandmarkSet | None, fill: bool, draft: bool = False
) -> tuple[LandmarkSet, Placement]:
    """Return the final landmarks of one side, RAS, and what was found on its bones, side frame.

    :param person: landmarks that a person placed: they win, and what hangs on them follows.
    :param fill: whether what ``person`` has not placed is placed from the bones.
    :param draft: whether a point is being dragged: of what hangs on it, that which takes long stays as it was.
    """
    found = _following(bones, person, draft)
    automatic = empty_landmarks()
    for key in automatic:
        if key in found.points:
            automatic[key] = Landmark.automatic(point3(bones.frame.to_ras(found.points[key])))
        elif key in found.missing:
            automatic[key] = Landmark.missing(found.missing[key])
    landmarks = merge(automatic, person) if person else automatic
    if not fill:
        landmarks.update(dict.fromkeys(unplaced(person), NOT_PLACED))
    return landmarks, found


def _following(bones: Bones, person: LandmarkSet | None, draft: bool) -> Placement:
    """What was found on the bones, with what hangs on landmarks that a person moved placed from there."""
    moved = {
        key: place
        for key in FOLLOWED
        if person is not None
        and person[key].by_person
        and (place := person[key].position_ras_mm) is not None
        and not _stands(bones, key, place)
    }
    if bones.placed is not None and bones.placed[0] == moved:
        return bones.placed[1]
    known = bones.found if bones.placed is None or not draft else bones.placed[1]
    found = replace(known, points=dict(known.points), missing=dict(known.missing))
    places = {key: bones.frame.to_side(place) for key, place in moved.items()}
    follow(bones.fields["femur"], bones.fields["hip"], found, places, draft)
    if not draft:
        bones.placed = (moved, found)
    return found


def _stands(bones: Bones, key: str, place_ras_mm: tuple[float, float, float]) -> bool:
    """Whether a person left a landmark where it was found, but for rounding."""
    found = bones.found.points.get(key)
    return found is not None and float(np.linalg.norm(bones.frame.to_side(place_ras_mm) - found)) < _LEFT_MM


_LEFT_MM = 0.02


def refuse_other_side(landmarks: dict[Side, LandmarkSet], heads: dict[Side, Array]) -> None:
    """Refuse landmarks that a person has placed on the other hip: they would give numbers that look like any others.

    :param heads: centers of the femoral heads, RAS millimeter; nothing is refused where one is not known.
    """
    if len(heads) < 2:
        return
    if heads[Side.RIGHT][0] <= heads[Side.LEFT][0]:
        raise IFIMeasureError(
            "left and right are swapped: the right femoral head center lies to the patient's left of the other,"
            " or on it; place them again."
        )
    for side, points in landmarks.items():
        for key, landmark in points.items():
            place = position(points, key)
            if place is None or not landmark.by_person:
                continue
            if np.linalg.norm(place - heads[side]) > np.linalg.norm(place - heads[side.other]):
                raise IFIMeasureError(
                    f"{landmark_label(side, key)}: it was placed on the {side.other.value} hip;"
                    " place it again, or mark it as missing."
                )


def refuse_upside_down(landmarks: dict[Side, LandmarkSet]) -> None:
    """Refuse landmarks of which the femoral head lies below the lesser trochanter, or the tuberosity above the head."""
    for side, points in landmarks.items():
        head = position(points, "femoral_head_center")
        for key in ("lesser_trochanter_tip", "ischial_tuberosity_lowest"):
            place = position(points, key)
            if head is not None and place is not None and place[2] > head[2]:
                raise IFIMeasureError(
                    f"{landmark_label(side, key)}: it lies {place[2] - head[2]:.0f} mm above the center of the femoral"
                    " head; place both again, or check the orientation in the header where head and feet are exchanged."
                )


_FARTHEST_MM = 1000.0
"""How far a landmark may lie outside the segmentation: a condyle on slices of the knee does, nothing of a leg more."""


def refuse_far(landmarks: dict[Side, LandmarkSet], grid: Grid) -> None:
    """Refuse landmarks of a person that lie where nothing of this person can be.

    :param grid: of the segmentation, RAS.
    :raises IFIMeasureError: names the landmark and its distance.
    """
    low, high = grid.corners().min(axis=0), grid.corners().max(axis=0)
    for side, points in landmarks.items():
        for key in points:
            place = position(points, key)
            if place is None:
                continue
            away = float(np.abs(place - np.clip(place, low, high)).max())
            if not away <= _FARTHEST_MM:
                raise IFIMeasureError(
                    f"{landmark_label(side, key)}: it lies {away / 1000.0:.3g} m outside the segmentation; it is of "
                    "another study, or in another unit than millimeters: place it again."
                )


def pelvis_frame(landmarks: dict[Side, LandmarkSet]) -> tuple[Array, str]:
    """Return the pelvis' directions and what they stand on, in words.

    :returns: (3, 3) rows right, anterior, superior in RAS: transverse through both head centers, vertical of the image.
    """
    heads = {side: position(points, "femoral_head_center") for side, points in landmarks.items()}
    right, left = heads.get(Side.RIGHT), heads.get(Side.LEFT)
    if right is None or left is None:
        return np.eye(3), "image axes (the other head center is not known)"
    x = (right - left) / np.linalg.norm(right - left)
    z = np.array([0.0, 0.0, 1.0]) - x * x[2]
    z = z / np.linalg.norm(z)
    return np.array([x, np.cross(z, x), z]), "pelvis: transverse axis through both head centers, vertical of the image"
