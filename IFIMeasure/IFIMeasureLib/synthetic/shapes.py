"""Solids with exact signed distances, of which the phantom is made (side frame, millimeter)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..values import Array


class Shape(Protocol):
    """A solid."""

    def bounds(self) -> tuple[Array, Array]:
        """Return the lowest and highest coordinates, (3,) each."""

    def distance(self, p: Array) -> Array:
        """Return the signed distance of points (..., 3), negative inside; (...)."""


@dataclass(frozen=True)
class RoundCone:
    """All spheres between two: centers ``a``, ``b`` (3,), radii ``ra``, ``rb``. A sphere where a equals b."""

    a: Array
    b: Array
    ra: float
    rb: float

    def moved(self, matrix: Array, center: Array) -> RoundCone:
        """Return it turned by ``matrix`` about ``center``."""
        return replace(self, a=matrix @ (self.a - center) + center, b=matrix @ (self.b - center) + center)

    def bounds(self) -> tuple[Array, Array]:
        """Return the lowest and highest coordinates."""
        return np.minimum(self.a - self.ra, self.b - self.rb), np.maximum(self.a + self.ra, self.b + self.rb)

    def distance(self, p: Array) -> Array:
        """Signed distance of points (..., 3), negative inside.

        The nearest of a family of spheres with centers on a segment and radii that change linearly: the
        best place along the segment is that of the perpendicular foot, shifted by the cone's slope.
        """
        axis = self.b - self.a
        length = float(np.linalg.norm(axis))
        offset = p - self.a
        if length <= abs(self.ra - self.rb):  # one sphere holds the other
            center, radius = (self.a, self.ra) if self.ra >= self.rb else (self.b, self.rb)
            return np.asarray(np.linalg.norm(p - center, axis=-1) - radius)
        unit = axis / length
        along = offset @ unit
        across = np.sqrt(np.maximum(np.einsum("...i,...i", offset, offset) - along**2, 0.0))
        slope = (self.rb - self.ra) / length
        place = np.clip(along + across * slope / math.sqrt(1 - slope**2), 0.0, length)
        return np.asarray(np.sqrt((along - place) ** 2 + across**2) - (self.ra + slope * place))


@dataclass(frozen=True)
class Plate:
    """A triangle thickened by ``r``: corners (3, 3)."""

    corners: Array
    r: float

    def moved(self, matrix: Array, center: Array) -> Plate:
        """Return it turned by ``matrix`` about ``center``."""
        return replace(self, corners=(self.corners - center) @ matrix.T + center)

    def bounds(self) -> tuple[Array, Array]:
        """Return the lowest and highest coordinates."""
        return self.corners.min(0) - self.r, self.corners.max(0) + self.r

    def distance(self, p: Array) -> Array:
        """Signed distance of points (..., 3), negative inside."""
        a, b, c = self.corners
        normal = np.cross(b - a, c - a)
        normal = normal / np.linalg.norm(normal)
        edges = []
        inside = np.ones(p.shape[:-1], bool)
        for start, stop in ((a, b), (b, c), (c, a)):
            side = stop - start
            t = np.clip(((p - start) @ side) / (side @ side), 0, 1)
            edges.append(np.linalg.norm(p - start - t[..., None] * side, axis=-1))
            inside &= (p - start) @ np.cross(normal, side) >= 0
        return np.asarray(np.where(inside, np.abs((p - a) @ normal), np.minimum.reduce(edges)) - self.r)


@dataclass(frozen=True)
class Cup:
    """The acetabulum: a spherical shell around ``center`` that is open toward ``opening``."""

    center: Array
    inner: float
    outer: float
    opening: Array

    def bounds(self) -> tuple[Array, Array]:
        """Return the lowest and highest coordinates."""
        return self.center - self.outer, self.center + self.outer

    def distance(self, p: Array) -> Array:
        """Negative inside; a bound of the distance, not the distance itself, outside."""
        offset = p - self.center
        r = np.linalg.norm(offset, axis=-1)
        return np.asarray(
            np.maximum(np.maximum(r - self.outer, self.inner - r), offset @ self.opening - 0.15 * self.outer)
        )
