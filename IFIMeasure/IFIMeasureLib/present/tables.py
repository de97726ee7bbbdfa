"""The tables of a study: their columns, their rows, and CSV files of them (RFC 4180, UTF-8, full precision).

Points are exported in LPS millimeter, the frame of DICOM and of Slicer's files; the column's name says so.
A value that is absent is an empty cell beside the reason, never 0 or NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..anatomy.findings import FINDINGS, Findings
from ..anatomy.landmarks import landmark_definitions
from ..anatomy.reference_values import statements
from ..images.frames import SideFrame
from ..images.grid import LPS_TO_RAS
from ..measuring.registry import MEASUREMENTS, measurement
from ..measuring.spaces import Space
from ..study.result import StudyResult
from ..values import Measured, NotMeasurable, Result, Side
from .text import number_text

FINDING_COLUMNS: dict[str, str] = {
    "finding": "Id of the field; stable.",
    "title": "Its name for people.",
    "side": "right or left.",
    "value": "What the reader chose; empty where no one has filled it in.",
    "code": "Code of the finding, as scheme:value.",
}
"""Columns of ``findings.csv``."""


def finding_rows(findings: Findings, sides: Iterable[Side]) -> list[dict[str, str]]:
    """Return one row a field and side."""
    return [
        {
            "finding": d.id,
            "title": d.title,
            "side": side.value,
            "value": findings.get(side, {}).get(d.id, ""),
            "code": f"{d.code[0]}:{d.code[1]}",
        }
        for d in FINDINGS
        for side in sides
    ]


MEASUREMENT_COLUMNS: dict[str, str] = {
    "measurement": "Id of the measurement; stable.",
    "title": "Its name for people.",
    "side": "right, left, or both for measurements between the sides.",
    "value": "The number, full precision; empty where there is none.",
    "unit": "UCUM unit of the value.",
    "status": "measured, or not_measurable.",
    "reason": "Why there is no value.",
    "method": "How it was measured.",
    "plane": "Plane or space it was measured in; for poses, the frame they stand on.",
    "slice": "Zero-based number of the slice, counted from the feet; empty where the plane is no acquired slice.",
    "slice_s_mm": "Superior coordinate of the plane (RAS and LPS alike), millimeter.",
    "point_a_lps_mm": "First point: x y z in LPS millimeter; for spaces on ischium or hamstring tendon.",
    "point_b_lps_mm": "Second point: x y z in LPS millimeter; for spaces on lesser trochanter or iliopsoas tendon.",
    "source": "What the surfaces or points came from.",
    "reference": "Comparison with published values, with study; no diagnosis.",
    "notes": "What a reader must know beside the value.",
    "femur_flexion_deg": "Flexion of the femur against the pelvis, with every space.",
    "femur_abduction_deg": "Abduction of the femur against the pelvis, with every space.",
    "femur_rotation_proxy_deg": "Azimuth of the neck (apparent anteversion), with every space.",
    "pose_frame": "The frame these angles stand on.",
}
"""Columns of ``measurements.csv`` and what they hold."""


PROFILE_COLUMNS: dict[str, str] = {
    "side": "right or left.",
    "space": "ifs or qfs.",
    "slice": "Zero-based number of the slice, counted from the feet; empty for a cut between slices.",
    "slice_s_mm": "Superior coordinate of the axial plane (RAS and LPS alike), millimeter.",
    "distance_mm": "The space in this plane; empty where there is none.",
    "status": "measured, or not_measurable.",
    "reason": "Why there is no value.",
    "point_a_lps_mm": "Point on ischium or hamstring tendon: x y z in LPS millimeter.",
    "point_b_lps_mm": "Point on lesser trochanter or iliopsoas tendon: x y z in LPS millimeter.",
}
"""Columns of ``profile.csv`` and what they hold."""


MUSCLE_COLUMNS: dict[str, str] = {
    "side": "right or left.",
    "slice_s_mm": "Superior coordinate of the axial plane (RAS and LPS alike), millimeter.",
    "area_mm2": "Area of the quadratus femoris in this plane, square millimeter.",
}
"""Columns of ``muscle_sections.csv``: the muscle along its length."""


HISTOGRAM_COLUMNS: dict[str, str] = {
    "side": "right or left.",
    "fat_fraction_from": "Lower limit of the class, 0 to 1.",
    "fat_fraction_to": "Upper limit of the class, 0 to 1.",
    "voxels": "Number of the muscle's voxels in it.",
    "source": "Dixon, or T1 (an estimate).",
}
"""Columns of ``fat_histogram.csv``."""


SUMMARY_COLUMNS: dict[str, str] = {
    "measurement": "What was measured.",
    "right": "Value of the right side; a dash where it is not measurable.",
    "left": "Value of the left side; a dash where it is not measurable.",
    "unit": "Unit of the values.",
}
"""Columns of the summary that stands beside the views."""


LANDMARK_COLUMNS: dict[str, str] = {
    "landmark": "Id of the landmark; stable.",
    "side": "right or left.",
    "state": "automatic, manual, or missing.",
    "reason": "Why it is missing.",
    "position_lps_mm": "x y z in LPS millimeter.",
    "code": "Code of the structure it lies on, as scheme:value.",
}
"""Columns of the landmark table in report and scene."""


def lps_text(point_ras_mm: Sequence[float] | None) -> str:
    """Return a RAS point as ``x y z`` in LPS, full precision; empty for None."""
    if point_ras_mm is None:
        return ""
    return " ".join(repr(float(v)) for v in np.diag(LPS_TO_RAS)[:3] * np.asarray(point_ras_mm, float) + 0.0)


def measurement_rows(study: StudyResult) -> list[dict[str, str]]:
    """Return the rows of ``measurements.csv``: every measurement of the registry for every side asked for."""
    rows = []
    for definition in MEASUREMENTS:
        if definition.compute is None:
            rows.append(_row(definition.id, "both", study.paired[definition.id], study))
            continue
        for side in (Side.RIGHT, Side.LEFT):
            if side in study.hips:
                rows.append(_row(definition.id, side.value, study.hips[side].results[definition.id], study))
            elif side in study.absent_sides:
                row = dict.fromkeys(MEASUREMENT_COLUMNS, "")
                row.update(measurement=definition.id, title=definition.title, side=side.value, unit=definition.unit)
                row.update(status="not_measurable", reason=study.absent_sides[side])
                rows.append(row)
    return rows


def summary_rows(study: StudyResult) -> list[dict[str, str]]:
    """Return one row a measurement with both sides beside each other, rounded for reading; a dash where there is no value."""
    rows = []
    for definition in MEASUREMENTS:
        row = {"id": definition.id, "measurement": definition.title, "unit": definition.unit}
        for side in Side:
            result = study.result(definition.id, side)
            row[side.value] = number_text(result.value, definition.decimals) if isinstance(result, Measured) else "–"
        rows.append(row)
    return rows


def _row(measurement_id: str, side: str, result: Result, study: StudyResult) -> dict[str, str]:
    definition = measurement(measurement_id)
    row = dict.fromkeys(MEASUREMENT_COLUMNS, "")
    row.update(measurement=measurement_id, title=definition.title, side=side, unit=definition.unit)
    if not isinstance(result, Measured):
        row.update(status="not_measurable", reason=result.reason)
        return row
    row.update(
        value=repr(result.value),
        status="measured",
        method=result.method,
        plane=result.plane,
        slice="" if result.slice_number is None else str(result.slice_number),
        slice_s_mm="" if result.slice_ras_s_mm is None else repr(result.slice_ras_s_mm),
        source=result.source or "landmarks",
        notes="; ".join(result.notes),
    )
    if len(result.points_ras_mm) == 2:
        row.update(point_a_lps_mm=lps_text(result.points_ras_mm[0]), point_b_lps_mm=lps_text(result.points_ras_mm[1]))
    if definition.scored:
        row["reference"] = "; ".join(s.text for s in statements(measurement_id, result.value, study.subject))
    if measurement_id.startswith(("ifs_", "qfs_")) and side != "both":
        results = study.hips[Side(side)].results
        for name in ("femur_flexion", "femur_abduction", "femur_rotation_proxy"):
            pose = results[name]
            if isinstance(pose, Measured):
                row[f"{name}_deg"] = repr(pose.value)
                row["pose_frame"] = pose.plane.removeprefix("frame: ")
    return row


def profile_rows(study: StudyResult) -> list[dict[str, str]]:
    """Return the rows of ``profile.csv``: one a plane, side and space."""
    rows = []
    for side, hip in study.hips.items():
        frame = SideFrame(side)
        for name, space in hip.spaces.items():
            if not isinstance(space, Space):
                row = dict.fromkeys(PROFILE_COLUMNS, "")
                row.update(side=side.value, space=name, status="not_measurable", reason=space.reason)
                rows.append(row)
                continue
            for point in space.profile:
                row = dict.fromkeys(PROFILE_COLUMNS, "")
                row.update(
                    side=side.value,
                    space=name,
                    slice="" if point.slice_number is None else str(point.slice_number),
                    slice_s_mm=repr(point.level_mm),
                )
                if point.distance_mm is None or point.medial_point is None or point.lateral_point is None:
                    row.update(status="not_measurable", reason="not both structures are in this plane")
                else:
                    row.update(
                        distance_mm=repr(point.distance_mm),
                        status="measured",
                        point_a_lps_mm=lps_text(frame.to_ras(point.medial_point).tolist()),
                        point_b_lps_mm=lps_text(frame.to_ras(point.lateral_point).tolist()),
                    )
                rows.append(row)
    return rows


def muscle_rows(study: StudyResult) -> list[dict[str, str]]:
    """Return one row a side and axial plane that shows the quadratus femoris, from below."""
    return [
        {"side": side.value, "slice_s_mm": repr(level), "area_mm2": repr(area)}
        for side, numbers in study.muscles.items()
        if not isinstance(numbers, NotMeasurable)
        for level, area in numbers.areas
    ]


def histogram_rows(study: StudyResult) -> list[dict[str, str]]:
    """Return one row a side and class of fat fraction, where the fat fraction is known."""
    rows = []
    for side, numbers in study.muscles.items():
        if isinstance(numbers, NotMeasurable) or numbers.fat_histogram is None:
            continue
        classes = len(numbers.fat_histogram)
        for n, count in enumerate(numbers.fat_histogram):
            limits = {"fat_fraction_from": repr(n / classes), "fat_fraction_to": repr((n + 1) / classes)}
            rows.append({"side": side.value, **limits, "voxels": str(count), "source": numbers.fat_source})
    return rows


def landmark_rows(study: StudyResult) -> list[dict[str, str]]:
    """Return one row a landmark and side."""
    rows = []
    for side, hip in study.hips.items():
        for key, landmark in hip.landmarks.items():
            definition = landmark_definitions()[key]
            rows.append(
                {
                    "landmark": key,
                    "side": side.value,
                    "state": landmark.state,
                    "reason": landmark.reason,
                    "position_lps_mm": lps_text(landmark.position_ras_mm),
                    "code": f"{definition.code[0]}:{definition.code[1]}",
                }
            )
    return rows
