"""A study's results as typed rows, one a measurement and side, plane, landmark, finding.

They are what tables and documents hold. Numbers stay numbers here, points RAS millimeter; text is made where it is
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..anatomy.findings import FINDINGS, FindingDefinition, Findings
from ..anatomy.landmarks import Landmark, LandmarkDefinition, LandmarkSet, landmark_definitions
from ..anatomy.reference_values import Statement, statements
from ..files.results import HistogramRow, ProfileRow, SavedMeasurement, SectionRow
from ..images.frames import SideFrame
from ..measuring.definition import Kind, MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..measuring.spaces import ProfilePoint, Space
from ..values import Measured, NotMeasurable, Result, Side, point3
from .result import StudyResult


@dataclass(frozen=True, kw_only=True)
class MeasurementRow:
    """One result with what stands beside it.

    :param side: None for a measurement between both sides.
    :param pose: of the femur on that side, by the ids of its measurements, where it belongs beside this one.
    :param statements: comparisons with published values.
    """

    definition: MeasurementDefinition
    side: Side | None
    result: Result
    pose: Mapping[str, Measured] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()

    def saved(self) -> SavedMeasurement:
        """Return the row as it is written into tables and documents."""
        frames = dict.fromkeys(of.plane.removeprefix("frame: ") for of in self.pose.values())
        result = self.result
        if isinstance(result, Measured) and not result.source:
            result = replace(result, source="landmarks")
        return SavedMeasurement(
            id=self.definition.id,
            title=self.definition.title,
            unit=self.definition.unit,
            side=self.side,
            result=result,
            reference=tuple(statement.text for statement in self.statements),
            pose={key: of.value for key, of in self.pose.items()},
            pose_frame="; ".join(frames),
        )


@dataclass(frozen=True)
class LandmarkRow:
    """One landmark of one side."""

    definition: LandmarkDefinition
    side: Side
    landmark: Landmark


@dataclass(frozen=True)
class FindingRow:
    """What a reader chose in one field of one side; empty where no one has filled it in."""

    definition: FindingDefinition
    side: Side
    choice: str


def measurement_rows(study: StudyResult) -> list[MeasurementRow]:
    """Return every measurement of the registry for every side that was asked for, the right one first."""
    rows = []
    for definition in MEASUREMENTS:
        for side in (None,) if definition.paired else Side:
            result = study.result(definition.id, side)
            if result is not None:
                rows.append(_row(definition, side, result, study))
    return rows


def _row(definition: MeasurementDefinition, side: Side | None, result: Result, study: StudyResult) -> MeasurementRow:
    pose: dict[str, Measured] = {}
    compared: tuple[Statement, ...] = ()
    if isinstance(result, Measured):
        compared = tuple(statements(definition.id, result.value, study.subject))
        if definition.posed and side is not None:
            for other in MEASUREMENTS:
                angle = study.hips[side].results.get(other.id) if other.kind is Kind.POSE else None
                if isinstance(angle, Measured):
                    pose[other.id] = angle
    return MeasurementRow(definition=definition, side=side, result=result, pose=pose, statements=compared)


def profile_rows(study: StudyResult) -> list[ProfileRow]:
    """Return one row a side, space and axial plane; one a side and space where there is none at all."""
    rows = []
    for side, hip in study.hips.items():
        for name, space in hip.spaces.items():
            if isinstance(space, Space):
                rows += [_profile_row(side, name, point) for point in space.profile]
            else:
                rows.append(ProfileRow(side=side, space=name, reason=space.reason))
    return rows


def _profile_row(side: Side, space: str, point: ProfilePoint) -> ProfileRow:
    if point.distance_mm is None or point.medial_side is None or point.lateral_side is None:
        return ProfileRow(
            side=side,
            space=space,
            level_mm=point.level_mm,
            slice_number=point.slice_number,
            reason="not both structures are in this plane",
        )
    frame = SideFrame(side)
    return ProfileRow(
        side=side,
        space=space,
        level_mm=point.level_mm,
        slice_number=point.slice_number,
        distance_mm=point.distance_mm,
        points_ras_mm=tuple(point3(frame.to_ras(of)) for of in (point.medial_side, point.lateral_side)),
    )


def section_rows(study: StudyResult) -> list[SectionRow]:
    """Return one row a side and axial plane that shows the quadratus femoris, from below."""
    return [
        SectionRow(side, level, area)
        for side, numbers in study.muscles.items()
        if not isinstance(numbers, NotMeasurable)
        for level, area in numbers.areas
    ]


def histogram_rows(study: StudyResult) -> list[HistogramRow]:
    """Return one row a side and class of fat fraction, where the fat fraction is known."""
    rows = []
    for side, numbers in study.muscles.items():
        if isinstance(numbers, NotMeasurable) or numbers.fat_histogram is None:
            continue
        classes = len(numbers.fat_histogram)
        for n, count in enumerate(numbers.fat_histogram):
            rows.append(
                HistogramRow(
                    side=side,
                    fat_fraction_from=n / classes,
                    fat_fraction_to=(n + 1) / classes,
                    voxels=int(count),
                    source=numbers.fat_source,
                )
            )
    return rows


def landmark_rows(landmarks: Mapping[Side, LandmarkSet]) -> list[LandmarkRow]:
    """Return one row a landmark and side."""
    return [
        LandmarkRow(landmark_definitions()[key], side, landmark)
        for side, of in landmarks.items()
        for key, landmark in of.items()
    ]


def finding_rows(findings: Findings, sides: Iterable[Side]) -> list[FindingRow]:
    """Return one row a field and side."""
    return [
        FindingRow(definition, side, findings.get(side, {}).get(definition.id, ""))
        for definition in FINDINGS
        for side in sides
    ]
