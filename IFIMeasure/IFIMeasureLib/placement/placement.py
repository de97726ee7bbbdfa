"""What placing has found on the bones of one side so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..anatomy.regions import ADULT_HEAD_RADIUS_MM
from ..values import Array


@dataclass
class Placement:
    """What placing has found on the bones of one side (side frame, millimeter); each step adds to it.

    :param points: places (3,) of landmarks, by id.
    :param missing: why a landmark was not found, by id: one sentence.
    :param head_radius_mm: radius of the sphere fitted to the femoral head.
    :param head_covered: share of that sphere, 0 to 1, that the bone's surface follows.
    :param shaft_axis: unit vector (3,) of the proximal shaft, upward.
    :param neck_axis: unit vector (3,) of the neck, from the head outward.
    """

    points: dict[str, Array] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    head_radius_mm: float | None = None
    head_covered: float = 0.0
    shaft_axis: Array | None = None
    neck_axis: Array | None = None

    @property
    def scale(self) -> float:
        """Size of this hip against an adult one."""
        return (self.head_radius_mm or ADULT_HEAD_RADIUS_MM) / ADULT_HEAD_RADIUS_MM
