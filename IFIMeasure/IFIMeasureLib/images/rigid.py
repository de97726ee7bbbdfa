"""Rigid moves: matrices (4, 4) that take RAS millimeter to RAS millimeter."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from ..values import Array


def moved(points: Array, matrix: Array) -> Array:
    """Return points (N, 3) moved by a matrix (4, 4)."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def about(center: Array, turn_deg: Array, shift_mm: Array) -> Array:
    """Return the matrix that turns about a center (3,) by a rotation vector (3,) in degree, then shifts by (3,)."""
    matrix = np.eye(4)
    matrix[:3, :3] = scipy.spatial.transform.Rotation.from_rotvec(turn_deg, degrees=True).as_matrix()
    matrix[:3, 3] = center + shift_mm - matrix[:3, :3] @ center
    return matrix


def angle_deg(matrix: Array) -> float:
    """Return by how many degrees a matrix turns."""
    return float(np.degrees(scipy.spatial.transform.Rotation.from_matrix(matrix[:3, :3]).magnitude()))


def matrix_of(transform: Any) -> Array:
    """Return the matrix of a rigid transform of SimpleITK that has a center, in the frame that its points are in."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    center = np.array(transform.GetCenter())
    matrix[:3, 3] = np.array(transform.GetTranslation()) + center - matrix[:3, :3] @ center
    return matrix
