"""One hip's shapes from a few numbers (side frame, millimeter)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..values import Array
from .shapes import Cup, Plate, RoundCone, Shape

HEAD_LATERAL_MM = 88.0
"""How far lateral of the middle the center of the femoral head lies."""

STRUCTURES = ("hip", "femur", "hamstring", "iliopsoas", "quadratus_femoris")
"""Structures of the phantom's label map, in the order they win where they touch."""


@dataclass(frozen=True)
class HipSpec:
    """What one hip of the phantom looks like and how its leg lies.

    Angles in degree, lengths in millimeter. ``flexion``, ``abduction`` and ``rotation`` (internal positive) turn the
    femur about its head center; ``fat_fraction`` and ``edema`` (0 to 1) are those of the quadratus femoris.
    """

    head_radius_mm: float = 24.0
    neck_shaft_angle_deg: float = 127.0
    anteversion_deg: float = 14.0
    lesser_trochanter_angle_deg: float = 38.0
    lesser_trochanter_reach_mm: float = 30.0
    lesser_trochanter_level_mm: float = 52.0
    offset_mm: float = 42.0
    ischium_shift_mm: float = 0.0
    flexion_deg: float = 0.0
    abduction_deg: float = 0.0
    rotation_deg: float = 0.0
    muscle_radius_mm: float = 5.0
    fat_fraction: float = 0.06
    edema: float = 0.0


NORMAL = HipSpec()
"""A hip with wide spaces and a healthy muscle."""

NARROW = HipSpec(
    ischium_shift_mm=10.0, lesser_trochanter_reach_mm=34.0, muscle_radius_mm=3.0, fat_fraction=0.35, edema=0.8
)
"""A hip with narrow spaces, and a muscle that is thin, fatty and edematous."""


def pose_matrix(spec: HipSpec) -> Array:
    """Return the rotation (3, 3) of the femur about its head center, side frame.

    The leg is abducted, then flexed, then rotated.
    """
    abduction = Rotation.from_euler("y", -spec.abduction_deg, degrees=True)
    flexion = Rotation.from_euler("x", spec.flexion_deg, degrees=True)
    rotation = Rotation.from_euler("z", spec.rotation_deg, degrees=True)
    return np.asarray((abduction * flexion * rotation).as_matrix())


def femur_points(spec: HipSpec) -> dict[str, Array]:
    """Return points and directions (3,) of the unturned femur, side frame; the shaft's axis is vertical."""
    head = np.array([HEAD_LATERAL_MM, 0.0, 0.0])
    version = math.radians(spec.anteversion_deg)
    tilt = math.radians(180.0 - spec.neck_shaft_angle_deg)
    medial = np.array([-math.cos(version), math.sin(version), 0.0])
    lesser = math.radians(spec.anteversion_deg - spec.lesser_trochanter_angle_deg)
    lesser_direction = np.array([-math.cos(lesser), math.sin(lesser), 0.0])
    root = head - spec.offset_mm * medial - np.array([0.0, 0.0, spec.offset_mm / math.tan(tilt)])
    level = -spec.lesser_trochanter_level_mm
    on_axis = np.array([root[0], root[1], level])
    return {
        "head": head,
        "root": root,
        "neck_axis": (root - head) / np.linalg.norm(root - head),
        "medial": medial,
        "lesser_direction": lesser_direction,
        "on_axis": on_axis,
        "tip": on_axis + spec.lesser_trochanter_reach_mm * lesser_direction,
        "greater": root + np.array([7.0, -7.0, 26.0]),
    }


def build_shapes(spec: HipSpec) -> dict[str, list[Shape]]:
    """Return the shapes of each of :data:`STRUCTURES`, side frame, millimeter; a structure is their union."""
    points = femur_points(spec)
    return {
        "hip": _hip_bone(spec, points),
        "femur": _turned(spec, points, _femur(spec, points)),
        "hamstring": _hamstring(spec),
        "iliopsoas": _turned(spec, points, _iliopsoas(points)),
        "quadratus_femoris": _quadratus_femoris(spec, points),
    }


_LATERAL = np.array([1.0, 0.0, 0.0])
_POSTERIOR = np.array([0.0, -1.0, 0.0])


def _femur(spec: HipSpec, points: dict[str, Array]) -> list[RoundCone]:
    """The unturned femur, whose shaft is vertical."""
    head, root, on_axis = points["head"], points["root"], points["on_axis"]
    tip, greater, lesser = points["tip"], points["greater"], points["lesser_direction"]
    waist = head + 0.6 * float(np.linalg.norm(root - head)) * points["neck_axis"]
    shaft = on_axis - np.array([0, 0, 12.0])
    knee = np.array([root[0], root[1], -400.0])
    above_knee = knee + np.array([0, 0, 20.0])
    crest = (greater + np.array([-2.0, -1.0, -10.0]), on_axis + 0.35 * (tip - on_axis) + 6.0 * _POSTERIOR)
    return [
        RoundCone(head, head, spec.head_radius_mm, spec.head_radius_mm),
        RoundCone(head, waist, 16.0, 12.5),
        RoundCone(waist, root, 12.5, 16.5),
        RoundCone(root, shaft, 16.5, 15.0),
        RoundCone(shaft, knee, 15.0, 13.5),
        RoundCone(on_axis + 4.0 * lesser, tip - 6.5 * lesser, 12.5, 6.5),
        RoundCone(root + 3.0 * _LATERAL + 2.0 * _POSTERIOR, greater, 16.0, 9.5),
        RoundCone(*crest, 9.0, 9.0),
        RoundCone(above_knee, knee - 24.0 * _LATERAL + 6.0 * _POSTERIOR, 15.0, 21.0),
        RoundCone(above_knee, knee + 24.0 * _LATERAL + 6.0 * _POSTERIOR, 15.0, 21.0),
    ]


def _tuber(spec: HipSpec) -> tuple[Array, Array]:
    """Upper and lower end of the ischial tuberosity's axis."""
    shift = spec.ischium_shift_mm
    return np.array([63.0 + shift, -33.0, -50.0]), np.array([55.0 + shift, -28.0, -80.0])


def _hip_bone(spec: HipSpec, points: dict[str, Array]) -> list[Shape]:
    """Acetabulum, ischium, both rami of the pubis, and the ilium."""
    head = points["head"]
    tuber_high, tuber_low = _tuber(spec)
    pubis = np.array([7.0, 32.0, -42.0])
    return [
        Cup(head, spec.head_radius_mm + 3.0, spec.head_radius_mm + 10.0, np.array([0.62, 0.35, -0.70])),
        RoundCone(head + np.array([-16.0, -22.0, -16.0]), tuber_high, 12.0, 13.0),
        RoundCone(tuber_high, tuber_low, 13.0, 9.5),
        RoundCone(tuber_low, pubis, 7.5, 6.0),
        RoundCone(head + np.array([-26.0, 14.0, 4.0]), pubis, 9.0, 7.0),
        RoundCone(head + np.array([-8.0, -8.0, 32.0]), np.array([60.0, -45.0, 90.0]), 11.0, 8.0),
        RoundCone(head + np.array([-8.0, -4.0, 32.0]), np.array([120.0, 30.0, 100.0]), 11.0, 6.0),
    ]


def _hamstring(spec: HipSpec) -> list[Shape]:
    """The common tendon down from the lateral face of the tuberosity."""
    start = _tuber(spec)[0] + np.array([16.5, 1.0, 4.0])
    middle, end = start + np.array([0.0, -6.0, -38.0]), start + np.array([6.0, -6.0, -110.0])
    return [RoundCone(start, middle, 4.5, 5.5), RoundCone(middle, end, 5.5, 9.0)]


def _iliopsoas(points: dict[str, Array]) -> list[RoundCone]:
    """The tendon down to the lesser trochanter of the unturned femur."""
    tip, lesser = points["tip"], points["lesser_direction"]
    return [RoundCone(tip + np.array([-1.0, 26.0, 38.0]), tip - 3.0 * lesser + np.array([0.5, 4.5, 1.0]), 9.0, 4.5)]


def _quadratus_femoris(spec: HipSpec, points: dict[str, Array]) -> list[Shape]:
    """The plate between the ischium and the crest of the turned femur."""
    head, on_axis, tip = points["head"], points["on_axis"], points["tip"]
    turn = pose_matrix(spec)
    crest_high, crest_low = (
        turn @ (place - head) + head
        for place in (
            points["greater"] + np.array([-6.0, -9.0, -30.0]),
            on_axis + 0.3 * (tip - on_axis) + 17.0 * _POSTERIOR,
        )
    )
    tuber_high, tuber_low = _tuber(spec)
    ischium_high = tuber_high + np.array([10.0, 6.0, 14.0])
    ischium_low = tuber_low + np.array([8.0, 2.0, 4.0])
    return [
        Plate(np.array([ischium_high, crest_high, crest_low]), spec.muscle_radius_mm),
        Plate(np.array([ischium_high, crest_low, ischium_low]), spec.muscle_radius_mm),
    ]


def _turned(spec: HipSpec, points: dict[str, Array], shapes: list[RoundCone]) -> list[Shape]:
    """The shapes turned with the leg about the center of the femoral head."""
    turn = pose_matrix(spec)
    return [shape.moved(turn, points["head"]) for shape in shapes]
