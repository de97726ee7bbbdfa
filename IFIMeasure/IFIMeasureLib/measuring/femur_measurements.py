"""Measurements of the femur's own shape."""

from __future__ import annotations

import numpy as np

from ..values import Array, Measured, NotMeasurable, Result, point3
from .definition import HipData, Kind, MeasurementDefinition
from .geometry import NECK_AND_SHAFT, across_shaft, angle_deg, angle_rays, in_shaft_plane_deg, neck_axis, shaft_axis
from .units import ANGLE, DISTANCE, LENGTH

_CONDYLES = ("posterior_condyle_medial", "posterior_condyle_lateral")


def _neck_shaft_angle(data: HipData) -> Result:
    neck, shaft, head = neck_axis(data), shaft_axis(data), data.at("femoral_head_center")
    # the two axes pass each other; the angle is drawn where the shaft's comes nearest to the neck's
    across = np.cross(neck, shaft)
    offset = head - data.at("shaft_axis_proximal")
    vertex = data.at("shaft_axis_proximal") + shaft * (
        np.cross(offset, neck) @ across / -(across @ across) if across @ across > 1e-9 else 0.0
    )
    return Measured(
        value=angle_deg(neck, shaft),
        unit="deg",
        points_ras_mm=angle_rays(vertex, -neck, -shaft),
        plane="3D",
        method="neck axis (head center to neck center) against proximal shaft axis, in 3D",
    )


def _shaft_to(data: HipData, name: str) -> Array:
    """Vector from the shaft's axis to a landmark, across the shaft."""
    return across_shaft(data, data.at(name) - data.at("shaft_axis_proximal"))


def _lt_neck_angle(data: HipData) -> Result:
    neck, tip = across_shaft(data, -neck_axis(data)), _shaft_to(data, "lesser_trochanter_tip")
    return Measured(
        value=in_shaft_plane_deg(data, neck, tip),
        unit="deg",
        points_ras_mm=angle_rays(data.at("lesser_trochanter_tip") - tip, neck, tip),
        plane="across the shaft axis",
        method=(
            "neck axis against the line from the shaft axis to the lesser trochanter tip, seen along the shaft; "
            "positive: tip posterior of the neck"
        ),
    )


def _condylar_line(data: HipData) -> Array:
    """The posterior condylar line, from lateral to medial, across the shaft."""
    return across_shaft(data, data.at("posterior_condyle_medial") - data.at("posterior_condyle_lateral"))


def _version(data: HipData, direction: Array) -> float:
    """Angle of a medial direction against the posterior condylar line, seen along the shaft; positive anterior."""
    return -in_shaft_plane_deg(data, _condylar_line(data), direction)


def _lt_version(data: HipData) -> Result:
    tip = _shaft_to(data, "lesser_trochanter_tip")
    return Measured(
        value=_version(data, tip),
        unit="deg",
        points_ras_mm=angle_rays(data.at("lesser_trochanter_tip") - tip, _condylar_line(data), tip),
        plane="across the shaft axis",
        method=(
            "line from the shaft axis to the lesser trochanter tip against the posterior condylar line; "
            "negative: retroverted"
        ),
    )


def _femoral_version(data: HipData) -> Result:
    return Measured(
        value=_version(data, -neck_axis(data)),
        unit="deg",
        points_ras_mm=angle_rays(
            data.at("femoral_neck_center"), _condylar_line(data), across_shaft(data, -neck_axis(data))
        ),
        plane="across the shaft axis",
        method=(
            "neck axis (head center to neck isthmus, 3D) against the posterior condylar line, "
            "projected along the proximal shaft axis"
        ),
        notes=("methods differ by up to 18 degree in the same hips; compare only values of one method",),
    )


def _femoral_offset(data: HipData) -> Result:
    vector = _shaft_to(data, "femoral_head_center")
    head = data.at("femoral_head_center")
    return Measured(
        value=float(np.linalg.norm(vector)),
        unit="mm",
        points_ras_mm=(point3(head - vector), point3(head)),
        plane="3D",
        method="head center to the proximal shaft axis, perpendicular, in 3D",
    )


def _head_diameter(data: HipData) -> Result:
    if data.head_radius_mm is None:
        return NotMeasurable("the head center was placed by hand and no sphere was fitted.")
    return Measured(
        value=2 * data.head_radius_mm,
        unit="mm",
        points_ras_mm=_diameter_points(data, data.head_radius_mm),
        plane="3D",
        method="least-squares sphere",
    )


def _diameter_points(data: HipData, radius: float) -> tuple[tuple[float, float, float], ...]:
    center = data.at("femoral_head_center")
    return (point3(center - [radius, 0.0, 0.0]), point3(center + [radius, 0.0, 0.0]))


ENTRIES = (
    MeasurementDefinition(
        id="neck_shaft_angle",
        title="Neck-shaft angle",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=ANGLE,
        definition=(
            "Angle between the neck axis (head center to the center of the narrowest neck section) and "
            "the proximal shaft axis, in 3D. Shown, not scored: studies conflict."
        ),
        citation="common definition",
        needs=NECK_AND_SHAFT,
        compute=_neck_shaft_angle,
    ),
    MeasurementDefinition(
        id="lt_neck_angle",
        title="Lesser trochanter-neck angle",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=ANGLE,
        definition=(
            "Angle between the neck axis and the line from the shaft axis to the tip of the lesser "
            "trochanter, seen along the shaft; needs no knee."
        ),
        citation="method as published for lesser trochanter version",
        needs=(*NECK_AND_SHAFT, "lesser_trochanter_tip"),
        compute=_lt_neck_angle,
    ),
    MeasurementDefinition(
        id="lt_version",
        title="Lesser trochanter version",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=ANGLE,
        definition=(
            "Angle of the line from the shaft axis to the tip of the lesser trochanter against the "
            "posterior condylar line; only where the knee is in the scan."
        ),
        citation="method as published",
        needs=("lesser_trochanter_tip", "shaft_axis_proximal", "shaft_axis_distal", *_CONDYLES),
        compute=_lt_version,
    ),
    MeasurementDefinition(
        id="femoral_version",
        title="Femoral version (neck isthmus, posterior condyles)",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=ANGLE,
        definition=(
            "Angle of the neck axis against the posterior condylar line, seen along the shaft; only where"
            " the knee is in the scan. Methods differ by up to 18 degree, so ours is part of the name."
        ),
        citation="method defined here",
        needs=(*NECK_AND_SHAFT, *_CONDYLES),
        compute=_femoral_version,
    ),
    MeasurementDefinition(
        id="femoral_offset",
        title="Femoral offset",
        kind=Kind.LENGTH,
        unit="mm",
        decimals=1,
        quantity=DISTANCE,
        definition="Perpendicular distance of the head center from the proximal shaft axis, in 3D.",
        citation="common definition",
        needs=("femoral_head_center", "shaft_axis_proximal", "shaft_axis_distal"),
        compute=_femoral_offset,
    ),
    MeasurementDefinition(
        id="femoral_head_diameter",
        title="Femoral head diameter",
        kind=Kind.LENGTH,
        unit="mm",
        decimals=1,
        quantity=LENGTH,
        definition="Diameter of the sphere that fits the femoral head.",
        citation="common definition",
        needs=("femoral_head_center",),
        compute=_head_diameter,
    ),
)
