"""Sizes of a hip relative to its femoral head, and which part of a bone counts for a space (side frame, millimeter)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..values import Array

ADULT_HEAD_RADIUS_MM = 24.0
"""Femoral head radius that the lengths below are scaled by, so that they hold for children as well."""

LESSER_TROCHANTER_HALF_HEIGHT = 0.42
"""Half height of the lesser trochanter in head radii (10 mm in an adult): the slices that count as through it."""

LESSER_TROCHANTER_RADIUS = 0.9
"""In-plane reach of the lesser trochanter around its tip in head radii (22 mm in an adult)."""

Region = Callable[[Array], Array]
"""A test for points (..., 3) of a structure: which of them count."""


def lesser_trochanter_region(tip: Array, head_radius_mm: float | None) -> Region:
    """Return a test for points (..., 3) of the femur that belong to the lesser trochanter.

    :param tip: (3,) of the lesser trochanter.
    """
    radius = head_radius_mm or ADULT_HEAD_RADIUS_MM

    def belongs(points: Array) -> Array:
        near_level = np.abs(points[..., 2] - tip[2]) <= LESSER_TROCHANTER_HALF_HEIGHT * radius + 1e-6
        near_axis = np.linalg.norm(points[..., :2] - tip[:2], axis=-1) <= LESSER_TROCHANTER_RADIUS * radius
        return np.asarray(near_level & near_axis)

    return belongs


def ischium_region(head_center: Array, head_radius_mm: float | None) -> Region:
    """Return a test for points (..., 3) of the hip bone that belong to the ischium: those below the femoral head.

    Without it the shortest way in 3D may lead up to the acetabulum.
    """
    level = head_center[2] - (head_radius_mm or ADULT_HEAD_RADIUS_MM)

    def belongs(points: Array) -> Array:
        return np.asarray(points[..., 2] <= level)

    return belongs
