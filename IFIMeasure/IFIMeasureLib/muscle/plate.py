"""The plate between the four attachment corners, along which the muscle is looked for (RAS millimeter)."""

from __future__ import annotations

import numpy as np

from ..anatomy.landmarks import LandmarkSet, landmark_definitions, position
from ..values import Array, IFIMeasureError

CORNERS = (
    "quadratus_ischium_superior",
    "quadratus_ischium_inferior",
    "quadratus_femur_superior",
    "quadratus_femur_inferior",
)
"""Landmarks of the four attachment corners."""

HALF_THICKNESS_MM = 5.5
"""Distance from the muscle's middle surface at which the prior is even; muscles of 6 to 14 mm lie within its slope."""

_BEYOND = (0.1, 0.2)
"""How far the plate goes on beyond ischium and femur, in lengths of the fibers: the bones end it, not the corners."""


def muscle_corners(landmarks: LandmarkSet) -> Array:
    """Return the four attachment corners (4, 3), RAS millimeter, in the order of :data:`CORNERS`.

    :raises IFIMeasureError: where one is missing; names it and says why.
    """
    places = []
    for key in CORNERS:
        place = position(landmarks, key)
        if place is None:
            why = landmarks[key].reason or "it is not placed yet."
            raise IFIMeasureError(
                f"{landmark_definitions()[key].title} is missing, so the muscle cannot be found: {why}"
            )
        places.append(place)
    return np.array(places)


def plate(corners: Array, count: int = 41) -> tuple[Array, Array]:
    """Return the bilinear surface between the corners and a little beyond.

    :param corners: (4, 3), RAS millimeter, in the order of :data:`CORNERS`.
    :param count: of points along each parameter.
    :returns: points (N, 3) and their parameters (N, 2): the first runs from ischium (0) to femur (1), the second from
        the upper (0) to the lower border (1).
    """
    along, down = np.linspace(-_BEYOND[0], 1 + _BEYOND[1], count), np.linspace(0, 1, count)
    u, v = (g.reshape(-1, 1) for g in np.meshgrid(along, down, indexing="ij"))
    a, b, c, d = corners
    points = (1 - u) * ((1 - v) * a + v * b) + u * ((1 - v) * c + v * d)
    return points, np.concatenate([u, v], axis=1)
