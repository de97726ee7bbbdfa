"""Axes and angles of one hip's landmarks, RAS."""

from __future__ import annotations

import numpy as np

from ..values import Array, point3
from .definition import HipData

_RAY_MM = 45.0

NECK_AND_SHAFT = ("femoral_head_center", "femoral_neck_center", "shaft_axis_proximal", "shaft_axis_distal")
"""Landmarks of the axes of neck and shaft."""


def unit_vector(vector: Array) -> Array:
    """The direction of a vector (3,)."""
    return np.asarray(vector / np.linalg.norm(vector))


def angle_deg(a: Array, b: Array) -> float:
    """The angle between two vectors (3,), 0 to 180 degree."""
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def angle_rays(vertex: Array, first: Array, second: Array) -> tuple[tuple[float, float, float], ...]:
    """An angle as three points to draw, RAS millimeter: end of the first leg, vertex, end of the second."""
    return (
        point3(vertex + _RAY_MM * unit_vector(first)),
        point3(vertex),
        point3(vertex + _RAY_MM * unit_vector(second)),
    )


def shaft_axis(data: HipData) -> Array:
    """Direction of the proximal shaft, upward, RAS (3,); needs both of its landmarks."""
    return unit_vector(data.at("shaft_axis_proximal") - data.at("shaft_axis_distal"))


def neck_axis(data: HipData) -> Array:
    """Direction of the neck, from the head outward, RAS (3,); needs the centers of head and neck."""
    return unit_vector(data.at("femoral_neck_center") - data.at("femoral_head_center"))


def across_shaft(data: HipData, vector: Array) -> Array:
    """The part of a vector (3,) that lies across the shaft, RAS."""
    up = shaft_axis(data)
    return np.asarray(vector - up * (vector @ up))


def in_shaft_plane_deg(data: HipData, first: Array, second: Array) -> float:
    """Signed angle from ``first`` to ``second`` seen along the shaft, positive where ``second`` lies more posterior."""
    up = shaft_axis(data)
    a, b = (unit_vector(v - up * (v @ up)) for v in (first, second))
    posterior = np.cross(up, a) * data.side.lateral_sign
    return float(np.degrees(np.arctan2(b @ posterior, b @ a)))
