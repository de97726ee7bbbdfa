"""What one run found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..anatomy.findings import Findings
from ..anatomy.landmarks import LandmarkSet
from ..anatomy.reference_values import Subject
from ..anatomy.structures import Structure
from ..images.masks import Mask, Segmentation, SegmentRef, Volume
from ..measuring.definition import MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..measuring.spaces import Space
from ..muscle.images import MuscleImages
from ..muscle.numbers import MuscleNumbers
from ..values import IFIMeasureError, NotMeasurable, Result, Side
from .provenance import Provenance

Progress = Callable[[str], None]


@dataclass
class HipResult:
    """Results of one side. Points in RAS millimeter; ``spaces`` holds the profiles (side frame inside)."""

    side: Side
    landmarks: LandmarkSet
    spaces: dict[str, Space | NotMeasurable]
    results: dict[str, Result]
    masks: dict[str, Mask] = field(default_factory=dict, repr=False)


@dataclass
class StudyResult:
    """Everything one run found out.

    :param segmentation: None where landmarks alone were measured.
    :param images: those that told fat and edema of the muscle, or None.
    :param muscles: numbers of each side's muscle, where it has a segment.
    :param provenance: inputs, series, options, contrast, where the muscle of each side came from.
    :param findings: of a reader; copied, never computed.
    :param date: of the examination, ISO 8601; empty where it is not known.
    :param draft: whether the spaces were read from coarse surfaces while a point was dragged.
    """

    hips: dict[Side, HipResult]
    paired: dict[str, Result]
    absent_sides: dict[Side, str]
    subject: Subject
    segmentation: Segmentation | None
    structures: dict[Structure, list[SegmentRef]]
    volume: Volume | None
    notes: list[str]
    draft: bool = False
    images: MuscleImages | None = None
    muscles: dict[Side, MuscleNumbers | NotMeasurable] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    findings: Findings = field(default_factory=dict)
    date: str = ""

    @property
    def bones(self) -> Segmentation:
        """The segmentation that was measured.

        :raises IFIMeasureError: where landmarks alone were measured.
        """
        if self.segmentation is None:
            raise IFIMeasureError(
                "There is no segmentation, so there are no spaces to export;"
                " segment the bones, or copy the angles from the table."
            )
        return self.segmentation

    def of_files(self, files: tuple[Path, ...]) -> StudyResult:
        """Return the same result, of an image that was read from these DICOM files."""
        return self if self.volume is None else replace(self, volume=replace(self.volume, files=files))

    def result(self, measurement_id: str, side: Side | None) -> Result | None:
        """Return one result, or None where that side was not asked for.

        :param side: None for a measurement between both hips.
        """
        if measurement_id in self.paired:
            return self.paired[measurement_id]
        if side in self.absent_sides:
            return NotMeasurable(self.absent_sides[side])
        return self.hips[side].results[measurement_id] if side in self.hips else None


def each_result(study: StudyResult) -> Iterator[tuple[MeasurementDefinition, Side | None, Result]]:
    """Yield every result of the sides that were measured, with its definition and side.

    The side is None for measurements between both hips.
    """
    for definition in MEASUREMENTS:
        if definition.paired:
            yield definition, None, study.paired[definition.id]
        else:
            for side, hip in study.hips.items():
                yield definition, side, hip.results[definition.id]


def refuse_without_trochanter(study: StudyResult) -> None:
    """Refuse a study in which no side shows a lesser trochanter.

    :raises IFIMeasureError: with the reason of each side.
    """
    reasons = []
    for side, hip in study.hips.items():
        tip = hip.landmarks["lesser_trochanter_tip"]
        if tip.position_ras_mm is not None:
            return
        reasons.append(f"{side.value} side: {tip.reason.rstrip('.')}")
    raise IFIMeasureError(
        f"{study.bones.path}: no lesser trochanter was found, so no space can be measured ({'; '.join(reasons)}); "
        "give a scan that shows it, or place it by hand.",
        argument="landmarks",
    )
