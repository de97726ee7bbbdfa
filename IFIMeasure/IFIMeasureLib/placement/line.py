"""A straight line in space: the axis of a shaft or a neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..values import Array

UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Line:
    """A line through ``origin`` (3,) along the unit vector ``direction`` (3,)."""

    origin: Array
    direction: Array

    @classmethod
    def through(cls, points: Array) -> Line:
        """Return the least-squares line through points (N, 3); it points up."""
        center = points.mean(0)
        direction = np.linalg.svd(points - center)[2][0]
        return cls(center, direction * (1.0 if direction[2] >= 0 else -1.0))

    def at_level(self, level_mm: float) -> Array:
        """Return the point of the line at a superior coordinate, (3,)."""
        return np.asarray(self.origin + self.direction * ((level_mm - self.origin[2]) / self.direction[2]))

    def foot(self, point: Array) -> Array:
        """Return the point of the line nearest to a point, (3,)."""
        return np.asarray(self.origin + self.direction * self.along(point))

    def along(self, point: Array) -> float:
        """Return how far along the line from its origin a point lies, millimeter."""
        return float((point - self.origin) @ self.direction)
