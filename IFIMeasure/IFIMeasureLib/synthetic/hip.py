"""One hip's shapes from a few numbers (side frame, millimeter)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from ..values import Array
from .shapes import Cup, Plate, RoundCone

HEAD_LATERAL_MM = 88.0


STRUCTURES = ("hip", "femur", "hamstring", "iliopsoas", "quadratus_femoris")
"""Structures of the phantom's label map in the order they win where they touch; label = 2 * index + (1 right, 2 left)."""


@dataclass(frozen=True)
class HipSpec:
    """What one hip of the phantom looks like and how its leg lies.

    Angles in degree, lengths in millimeter, for an adult; ``scale`` shrinks everything.
    ``flexion``, ``abduction`` and ``rotation`` (internal positive) turn the femur about its head center.
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


NARROW = HipSpec(
    ischium_shift_mm=10.0, lesser_trochanter_reach_mm=34.0, muscle_radius_mm=3.0, fat_fraction=0.35, edema=0.8
)


def pose_matrix(spec: HipSpec) -> Array:
    """Rotation of the femur about its head center in the side frame: abduction, then flexion, then rotation of the leg."""
    return np.asarray(
        (
            Rotation.from_euler("y", -spec.abduction_deg, degrees=True)
            * Rotation.from_euler("x", spec.flexion_deg, degrees=True)
            * Rotation.from_euler("z", spec.rotation_deg, degrees=True)
        ).as_matrix()
    )


def femur_points(spec: HipSpec) -> dict[str, Array]:
    """Points and directions of the unturned femur, side frame; the shaft's axis is vertical."""
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


def build_shapes(spec: HipSpec) -> dict[str, list[Any]]:
    p = femur_points(spec)
    head, root, neck, tip = p["head"], p["root"], p["neck_axis"], p["tip"]
    neck_length = float(np.linalg.norm(root - head))
    waist = head + 0.6 * neck_length * neck
    on_axis, reach = p["on_axis"], p["lesser_direction"]
    knee = np.array([root[0], root[1], -400.0])
    transverse = np.array([1.0, 0.0, 0.0])
    behind = np.array([0.0, -1.0, 0.0])
    femur: list[Any] = [
        RoundCone(head, head, spec.head_radius_mm, spec.head_radius_mm),
        RoundCone(head, waist, 16.0, 12.5),
        RoundCone(waist, root, 12.5, 16.5),
        RoundCone(root, on_axis - np.array([0, 0, 12.0]), 16.5, 15.0),
        RoundCone(on_axis - np.array([0, 0, 12.0]), knee, 15.0, 13.5),
        RoundCone(on_axis + 4.0 * reach, tip - 6.5 * reach, 12.5, 6.5),
        RoundCone(root + 3.0 * transverse + 2.0 * behind, p["greater"], 16.0, 9.5),
        RoundCone(
            p["greater"] + np.array([-2.0, -1.0, -10.0]), on_axis + 0.35 * (tip - on_axis) + 6.0 * behind, 9.0, 9.0
        ),
        *(
            RoundCone(knee + np.array([0, 0, 20.0]), knee + sign * 24.0 * transverse + 6.0 * behind, 15.0, 21.0)
            for sign in (-1.0, 1.0)
        ),
    ]
    shift = spec.ischium_shift_mm
    tuber_high = np.array([63.0 + shift, -33.0, -50.0])
    tuber_low = np.array([55.0 + shift, -28.0, -80.0])
    pubis = np.array([7.0, 32.0, -42.0])
    hip: list[Any] = [
        Cup(head, spec.head_radius_mm + 3.0, spec.head_radius_mm + 10.0, np.array([0.62, 0.35, -0.70])),
        RoundCone(head + np.array([-16.0, -22.0, -16.0]), tuber_high, 12.0, 13.0),
        RoundCone(tuber_high, tuber_low, 13.0, 9.5),
        RoundCone(tuber_low, pubis, 7.5, 6.0),
        RoundCone(head + np.array([-26.0, 14.0, 4.0]), pubis, 9.0, 7.0),
        RoundCone(head + np.array([-8.0, -8.0, 32.0]), np.array([60.0, -45.0, 90.0]), 11.0, 8.0),
        RoundCone(head + np.array([-8.0, -4.0, 32.0]), np.array([120.0, 30.0, 100.0]), 11.0, 6.0),
    ]
    lateral_tuber = tuber_high + np.array([16.5, 1.0, 4.0])
    hamstring: list[Any] = [
        RoundCone(lateral_tuber, lateral_tuber + np.array([0.0, -6.0, -38.0]), 4.5, 5.5),
        RoundCone(
            lateral_tuber + np.array([0.0, -6.0, -38.0]), lateral_tuber + np.array([6.0, -6.0, -110.0]), 5.5, 9.0
        ),
    ]
    iliopsoas: list[Any] = [
        RoundCone(tip + np.array([-1.0, 26.0, 38.0]), tip - 3.0 * reach + np.array([0.5, 4.5, 1.0]), 9.0, 4.5),
    ]
    turn = pose_matrix(spec)
    femur = [shape.moved(turn, head) for shape in femur]
    iliopsoas = [shape.moved(turn, head) for shape in iliopsoas]
    crest = [
        turn @ (c - head) + head
        for c in (p["greater"] + np.array([-6.0, -9.0, -30.0]), on_axis + 0.3 * (tip - on_axis) + 17.0 * behind)
    ]
    ischium = [tuber_high + np.array([10.0, 6.0, 14.0]), tuber_low + np.array([8.0, 2.0, 4.0])]
    r = spec.muscle_radius_mm
    muscle: list[Any] = [
        Plate(np.array([ischium[0], crest[0], crest[1]]), r),
        Plate(np.array([ischium[0], crest[1], ischium[1]]), r),
    ]
    return {"hip": hip, "femur": femur, "hamstring": hamstring, "iliopsoas": iliopsoas, "quadratus_femoris": muscle}
