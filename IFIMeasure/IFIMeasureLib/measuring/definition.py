"""What a measurement is: its definition, the data it is computed from, and what may be said wrongly of one."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..anatomy.landmarks import LandmarkSet, position
from ..anatomy.reference_values import Subject
from ..muscle.numbers import MuscleNumbers
from ..placement.bone_field import BoneField
from ..values import Array, IFIMeasureError, Measured, NotMeasurable, Result, Side
from .spaces import Space
from .units import Code


class DefinitionError(IFIMeasureError):
    """A measurement's definition is wrong, or its function asks for what the definition does not name."""


def _dependency(results: Mapping[str, Result], measurement_id: str) -> Measured:
    result = results.get(measurement_id)
    if isinstance(result, Measured):
        return result
    raise DefinitionError(f"its function asks for the result of {measurement_id!r}; name that in 'depends'.")


@dataclass
class HipData:
    """What is known of one hip when its measurements are taken.

    :param landmarks: final landmarks (automatic, or a person's in their place), RAS.
    :param spaces: ``ifs`` and ``qfs`` (side frame inside, see :mod:`.spaces`) or the reason why there is none.
    :param fields: coarse signed distances of ``hip`` and ``femur`` (side frame) where there is a segment.
    :param pelvis_frame: (3, 3) rows: right, anterior, superior unit vectors of the pelvis in RAS.
    :param pelvis_frame_name: what that frame stands on, in words.
    :param muscle: numbers of the quadratus femoris, or why there are none.
    :param results: those that the measurement at hand depends on.
    """

    side: Side
    landmarks: LandmarkSet
    spaces: dict[str, Space | NotMeasurable] = field(default_factory=dict)
    fields: dict[str, BoneField] = field(default_factory=dict)
    head_radius_mm: float | None = None
    subject: Subject = field(default_factory=Subject)
    pelvis_frame: Array = field(default_factory=lambda: np.eye(3))
    pelvis_frame_name: str = "image axes"
    source: str = ""
    notes: tuple[str, ...] = ()
    muscle: MuscleNumbers | NotMeasurable = field(
        default_factory=lambda: NotMeasurable("there is no segment of the quadratus femoris.", ("quadratus_femoris",))
    )
    results: Mapping[str, Result] = field(default_factory=dict)

    def at(self, landmark_id: str) -> Array:
        """Position of a landmark that the measurement names in ``needs``, RAS millimeter (3,)."""
        place = position(self.landmarks, landmark_id)
        if place is None:
            raise DefinitionError(
                f"its function asks for the place of {landmark_id!r}, which has none; name that in 'needs'."
            )
        return place

    def measured(self, measurement_id: str) -> Measured:
        """Result of a measurement of this hip that the one at hand names in ``depends``."""
        return _dependency(self.results, measurement_id)

    def value(self, measurement_id: str) -> float:
        """Value of a measurement of this hip that the one at hand names in ``depends``, in its unit."""
        return self.measured(measurement_id).value

    def frame(self) -> Array:
        """Rows: lateral, anterior, superior of the pelvis in RAS, for this side."""
        return np.asarray(self.pelvis_frame * np.array([[self.side.lateral_sign], [1.0], [1.0]]))


@dataclass(frozen=True)
class PairData:
    """What is known of both hips when the measurements between them are taken.

    :param results: those between both hips that the measurement at hand depends on; those of one hip are in its data.
    """

    right: HipData
    left: HipData
    results: Mapping[str, Result] = field(default_factory=dict)

    def measured(self, measurement_id: str) -> Measured:
        """Result of a measurement between both hips that the one at hand names in ``depends``."""
        return _dependency(self.results, measurement_id)

    def value(self, measurement_id: str) -> float:
        """Value of a measurement between both hips that the one at hand names in ``depends``, in its unit."""
        return self.measured(measurement_id).value


HipMeasure = Callable[[HipData], Result]
"""From one hip's data to a result; what the definition names in ``needs`` and ``depends`` is there."""

PairMeasure = Callable[[PairData], Result]
"""The same from both hips' data."""


class Kind(enum.Enum):
    """What sort of number a measurement is."""

    SPACE = "space"
    ANGLE = "angle"
    LENGTH = "length"
    POSE = "pose"
    MUSCLE = "muscle"


class Followed(enum.Enum):
    """Whether a measurement is followed over time, and what its change is judged against."""

    NO = "no"
    PROPORTIONAL = "proportional"
    """Errors grow with the value: judged in percent, against a within-subject coefficient of variation."""
    ABSOLUTE = "absolute"
    """Judged in the unit: against one's own repeatability, a space without it against the leg's position."""


@dataclass(frozen=True, kw_only=True)
class MeasurementDefinition:
    """One measurement: what it is, how it is computed, and how it behaves wherever it is shown.

    :param id: stable and short; the name in tables and files. Nothing is told from how it is spelled.
    :param unit: UCUM code.
    :param quantity: code (scheme, value, meaning) of the quantity.
    :param definition: what is measured, for documents; ends the question what the number means.
    :param needs: ids of the landmarks it needs.
    :param depends: ids of the measurements it needs.
    :param compute: from one hip's data.
    :param compute_pair: from the data of both hips; a definition has one of the two.
    :param short: its name in pictures and views; the title where empty.
    :param space: the space it is a number of, ``ifs`` or ``qfs``.
    :param structure: id of the structure whose segment it is a number of.
    :param followed: whether and how it is followed over time.
    :param scored: whether it is a headline: shown first, with the published cutoffs that it passes. Published rows
        stand beside any measurement that has some.
    :param drawn: whether its points stand in pictures of reports.
    :param labeled: whether it stands in the views unasked, with its value beside it.
    :param posed: whether the femur's pose stands beside it.
    """

    id: str
    title: str
    kind: Kind
    unit: str
    decimals: int
    quantity: Code
    definition: str
    citation: str
    needs: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    compute: HipMeasure | None = None
    compute_pair: PairMeasure | None = None
    short: str = ""
    space: str | None = None
    structure: str | None = None
    followed: Followed = Followed.NO
    scored: bool = False
    drawn: bool = False
    labeled: bool = False
    posed: bool = False

    @property
    def paired(self) -> bool:
        """Whether it is a measurement between both hips."""
        return self.compute_pair is not None

    @property
    def label(self) -> str:
        """Its name in pictures and views."""
        return self.short or self.title

    @property
    def code(self) -> Code:
        """The concept's private code."""
        return ("99IFIMEASURE", self.id.upper(), self.title)
