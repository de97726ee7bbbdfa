"""What has been found on the bones of one side so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..anatomy.regions import ADULT_HEAD_RADIUS_MM
from ..values import Array


@dataclass
class Found:
    """What was found on the bones of one side, side frame, millimeter; ``missing`` says why a landmark is absent."""

    points: dict[str, Array] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    head_radius_mm: float | None = None
    shaft_axis: Array | None = None
    neck_axis: Array | None = None

    @property
    def scale(self) -> float:
        """Size of this hip against an adult one."""
        return (self.head_radius_mm or ADULT_HEAD_RADIUS_MM) / ADULT_HEAD_RADIUS_MM
