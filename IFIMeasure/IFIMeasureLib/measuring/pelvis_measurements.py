"""Measurements of the pelvis, and of the femur's pose against it."""

from __future__ import annotations

import numpy as np

from ..images.frames import SideFrame
from ..values import Array, Measured, NotMeasurable, Result, point3
from .definition import HipData, HipMeasure, Kind, MeasurementDefinition, PairData
from .geometry import NECK_AND_SHAFT, across_shaft, angle_rays, neck_axis, shaft_axis, unit_vector
from .units import ANGLE, DISTANCE

_POSE_NOTE = (
    "Repositioning changed the ischiofemoral space by 4 mm or more in 34 % of hips (PMC7901394), "
    "so it is reported with every space."
)


def _ischial_angle(data: HipData) -> Result:
    bone = data.fields.get("hip")
    if bone is None:
        return NotMeasurable("there is no segment of the hip bone on this side.", ("hip",))
    frame = SideFrame(data.side)
    place_side = frame.to_side(data.at("ischial_tuberosity_lateral"))
    cut = bone.section(place_side + np.array([-6.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0]), 45.0)
    if cut is None:
        return NotMeasurable("the ischium is not cut by the axial plane of its lateral point.")
    area, center, moments = cut
    values, vectors = np.linalg.eigh(moments)
    if np.sqrt(values[1] / max(values[0], 1e-9)) < 1.2:
        return NotMeasurable(f"the ischium's section ({area:.0f} mm²) is too round here for a long axis.")
    # the section's coordinates: u = superior x anterior = -lateral, v = superior x u = -anterior
    axis = np.array([-vectors[0, 1], -vectors[1, 1], 0.0])
    axis = axis * (1.0 if axis[0] >= 0 else -1.0)
    transverse = unit_vector(frame.to_side([*data.frame()[0, :2], 0.0]))
    angle = float(np.degrees(np.arctan2(transverse[0] * axis[1] - transverse[1] * axis[0], transverse @ axis)))
    return Measured(
        value=abs(angle),
        unit="deg",
        points_ras_mm=angle_rays(frame.to_ras(center), frame.to_ras(axis), frame.to_ras(transverse)),
        plane="axial",
        slice_ras_s_mm=float(center[2]),
        method=(
            "long axis of the ischium's axial section at the level of the ischiofemoral space "
            "against the transverse axis of the pelvis"
        ),
        notes=("published angles near 130 degree are of another line; compare only values of one method",),
    )


_POSES: dict[str, tuple[str, Array]] = {
    "flexion": ("proximal shaft axis in the sagittal plane; positive: flexion", np.array([0.0, 1.0, 1.0])),
    "abduction": ("proximal shaft axis in the coronal plane; positive: abduction", np.array([1.0, 0.0, 1.0])),
    "rotation": (
        (
            "azimuth of the neck axis across the shaft (apparent anteversion); grows with external, falls with "
            "internal rotation, and holds the femur's own version as well"
        ),
        np.array([1.0, 1.0, 0.0]),
    ),
}
"""Method of each pose angle, and the plane (lateral, anterior, superior) it is seen in."""


def _pose(kind: str) -> HipMeasure:
    method, plane = _POSES[kind]

    def compute(data: HipData) -> Result:
        frame = data.frame()
        if kind == "rotation":
            direction = (frame @ across_shaft(data, -neck_axis(data))) * plane
            value, zero, vertex = (
                np.arctan2(direction[1], -direction[0]),
                np.array([-1.0, 0.0, 0.0]),
                data.at("femoral_neck_center"),
            )
        else:
            direction = (frame @ shaft_axis(data)) * plane
            value = np.arctan2(-direction[1 if kind == "flexion" else 0], direction[2])
            zero, vertex = np.array([0.0, 0.0, 1.0]), data.at("shaft_axis_distal")
        return Measured(
            value=float(np.degrees(value)),
            unit="deg",
            points_ras_mm=angle_rays(vertex, frame.T @ zero, frame.T @ direction),
            plane=f"frame: {data.pelvis_frame_name}",
            method=method,
        )

    return compute


def _intertuberous(hips: PairData) -> Result:
    a, b = (hip.at("ischial_tuberosity_lowest") for hip in (hips.right, hips.left))
    return Measured(
        value=float(np.linalg.norm(a - b)),
        unit="mm",
        points_ras_mm=(point3(a), point3(b)),
        plane="3D",
        method="between the lowest points of both ischial tuberosities",
    )


ENTRIES = (
    MeasurementDefinition(
        id="ischial_angle",
        title="Ischial angle",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=ANGLE,
        definition=(
            "Angle between the long axis of the ischium's axial section at the level of the ischiofemoral"
            " space and the transverse axis of the pelvis. Published values near 130 degree are"
            " of another line: never set them beside this one."
        ),
        citation="line defined here",
        needs=("ischial_tuberosity_lateral",),
        compute=_ischial_angle,
    ),
    MeasurementDefinition(
        id="femur_flexion",
        title="Femur flexion against the pelvis",
        kind=Kind.POSE,
        unit="deg",
        decimals=1,
        quantity=ANGLE,
        definition=("Proximal shaft axis in the sagittal plane of the pelvis frame. " + _POSE_NOTE),
        citation="PMC7901394",
        needs=("shaft_axis_proximal", "shaft_axis_distal"),
        compute=_pose("flexion"),
    ),
    MeasurementDefinition(
        id="femur_abduction",
        title="Femur abduction against the pelvis",
        kind=Kind.POSE,
        unit="deg",
        decimals=1,
        quantity=ANGLE,
        definition=("Proximal shaft axis in the coronal plane of the pelvis frame. " + _POSE_NOTE),
        citation="PMC7901394",
        needs=("shaft_axis_proximal", "shaft_axis_distal"),
        compute=_pose("abduction"),
    ),
    MeasurementDefinition(
        id="femur_rotation_proxy",
        title="Femur rotation, proxy (neck azimuth)",
        kind=Kind.POSE,
        unit="deg",
        decimals=1,
        quantity=ANGLE,
        definition=(
            (
                "Azimuth of the neck axis against the transverse axis of the pelvis, seen along the shaft"
                " (apparent anteversion). "
            )
            + _POSE_NOTE
        ),
        citation="PMC7901394",
        needs=NECK_AND_SHAFT,
        compute=_pose("rotation"),
    ),
    MeasurementDefinition(
        id="intertuberous_distance",
        title="Intertuberous distance",
        kind=Kind.LENGTH,
        unit="mm",
        decimals=1,
        quantity=DISTANCE,
        definition="Distance between the lowest points of both ischial tuberosities.",
        citation="defined here",
        needs=("ischial_tuberosity_lowest",),
        compute_pair=_intertuberous,
    ),
)
