"""The femoral head: a sphere fitted to the surface of the femur (side frame)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ..values import Array
from .bone_field import BoneField
from .placement import Placement


def find_head(bone: BoneField, points: Array, normals: Array, found: Placement) -> None:
    """Fit the head's sphere: normals vote for centers, then least squares on what lies on the sphere.

    A vote for radius R at point p with outward normal n is p - R n; on a sphere all votes meet.
    """
    top = points[:, 2] > points[:, 2].max() - UPPER_END_MM
    head = best_sphere(points[top], normals[top])
    if head is None:
        found.missing["femoral_head_center"] = (
            "no sphere of the size of a femoral head fits the upper end of this femur;"
            " the head may be outside the field of view, deformed or replaced."
        )
        return
    cut = bone.is_cut_within(head.center, 0.6 * head.radius)
    if cut or (head.covered < 0.55 and bone.is_cut_within(head.center, head.radius)):
        found.missing["femoral_head_center"] = "the field of view cuts the femoral head off."
        return
    found.points["femoral_head_center"] = head.center
    found.head_radius_mm = float(head.radius)
    found.head_covered = head.covered


def radius_about(bone: BoneField, center: Array) -> float | None:
    """Return the radius of the head about a center (3,) that a person chose, millimeter; None where there is none."""
    points, normals = bone.surface
    offset = points - center
    distance = _lengths(offset)
    aligned = (np.einsum("ij,ij->i", offset, normals) > 0.85 * distance) & (distance < _RADII_MM[1])
    for _ in range(4):
        if aligned.sum() < 30:
            return None
        radius = float(np.median(distance[aligned]))
        aligned &= np.abs(distance - radius) < 0.25 * radius
    sphere = Sphere(center, radius, _covered_fraction(offset[aligned] / distance[aligned, None]))
    return radius if sphere.fits else None


@dataclass(frozen=True)
class Sphere:
    """A sphere fitted to a part of a surface; ``covered`` is the share of it (0 to 1) that the surface follows."""

    center: Array
    radius: float
    covered: float

    @property
    def fits(self) -> bool:
        """Whether it has the size of a femoral head, and enough of it is there."""
        return self.covered >= _LEAST_COVERED and _RADII_MM[0] < self.radius < _RADII_MM[1]

    @property
    def rank(self) -> float:
        """The area that the surface follows, times the share of the sphere that this is.

        By the area alone, a shallow dent of the flank of the trochanter that a sphere twice as wide follows would win.
        """
        return (self.covered * self.radius) ** 2


UPPER_END_MM = 75.0
"""How far below the femur's top the head is looked for."""

_LEAST_COVERED = 0.3

_RADII_MM = (11.0, 36.0)


def best_sphere(p: Array, n: Array) -> Sphere | None:
    """The sphere of a head's size that a surface follows most, points (N, 3) with outward unit normals (N, 3)."""
    best: Sphere | None = None
    for candidate in np.arange(12.0, 34.0, 2.0):
        votes = p - candidate * n
        cells = np.floor(votes / 5.0).astype(np.int64)
        keys = cells[:, 0] * 73856093 ^ cells[:, 1] * 19349663 ^ cells[:, 2] * 83492791
        _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        fitted = _fit_sphere(p, n, np.median(votes[inverse == counts.argmax()], axis=0), float(candidate))
        if fitted is not None and fitted.fits and (best is None or fitted.rank > best.rank):
            best = fitted
    return best


def _fit_sphere(p: Array, n: Array, center: Array, radius: float) -> Sphere | None:
    """Least-squares sphere through the points near a first guess; None where there is none."""
    used = np.zeros(0, int)
    for tolerance in (3.0, 2.5, 2.0, 1.5, 1.5, 1.2, 1.2, 1.2):
        offset = p - center
        distance = _lengths(offset)
        aligned = np.einsum("ij,ij->i", offset, n) > 0.85 * distance
        used = np.flatnonzero((np.abs(distance - radius) < tolerance) & aligned)
        if len(used) < 30:
            return None
        near = p[used]
        design = np.full((len(near), 4), -1.0)
        for _ in range(3):
            offset = near - center
            distance = _lengths(offset)
            design[:, :3] = offset / -distance[:, None]
            change = np.linalg.lstsq(design.T @ design, design.T @ (radius - distance), rcond=None)[0]
            center, radius = center + change[:3], radius + float(change[3])
        if not 8.0 < radius < 45.0:
            return None
    return Sphere(center, radius, _covered_fraction((p[used] - center) / radius))


def _lengths(vectors: Array) -> Array:
    """Lengths of vectors (N, 3), never quite 0."""
    return np.asarray(np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), 1e-6))


def _covered_fraction(directions: Array) -> float:
    """Share of the sphere's directions that have a point within 12 degree, by a spiral of 400 directions."""
    k = np.arange(400) + 0.5
    z = 1 - 2 * k / 400
    angle = np.pi * (1 + 5**0.5) * k
    spiral = np.column_stack([np.cos(angle) * np.sqrt(1 - z * z), np.sin(angle) * np.sqrt(1 - z * z), z])
    distance, _ = scipy.spatial.cKDTree(directions).query(spiral)
    return float((distance < 2 * np.sin(np.radians(6.0))).mean())
