"""The tables of a study: their columns, and their rows as cells that are numbers, text, or None where there is nothing.

Points are text, ``x y z`` in LPS millimeter, the frame of DICOM and of Slicer's files; the column's name says so.
A value that is absent is an empty cell beside the reason, never 0 or NaN. Written as CSV (RFC 4180, UTF-8), numbers
have full precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..files.results import (
    HistogramRow,
    ProfileRow,
    SavedMeasurement,
    SectionRow,
    lps_point,
)
from ..measuring.definition import Kind
from ..measuring.registry import MEASUREMENTS
from ..measuring.units import unit_of
from ..study.follow_up import Change, Comparison
from ..study.repeatability import RepeatabilityRow
from ..study.result import StudyResult
from ..study.rows import (
    FindingRow,
    LandmarkRow,
    finding_rows,
    histogram_rows,
    landmark_rows,
    measurement_rows,
    profile_rows,
    section_rows,
)
from ..values import Measured, Side
from .rows import Rows
from .text import number_text

Cell = float | int | str | None

Cells = dict[str, Cell]
"""One row, by the names of the columns."""


FINDING_COLUMNS: dict[str, str] = {
    "finding": "Id of the field; stable.",
    "title": "Its name for people.",
    "side": "right or left.",
    "value": "What the reader chose; empty where no one has filled it in.",
    "code": "Code of the finding, as scheme:value.",
}
"""Columns of ``findings.csv``."""


_MEASUREMENT_COLUMNS: dict[str, str] = {
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
    "plane_low_mm": "Of the spaces in axial planes: the smallest that the value becomes when all planes move by up to "
    "half their distance, from the surfaces; empty for other measurements, and where it is not known.",
    "plane_high_mm": "The largest that it becomes then, millimeter.",
    "point_a_lps_mm": "First point: x y z in LPS millimeter; for spaces on ischium or hamstring tendon.",
    "point_b_lps_mm": "Second point: x y z in LPS millimeter; for spaces on lesser trochanter or iliopsoas tendon.",
    "source": "What the surfaces or points came from.",
    "reference": "Comparison with published values, with study; no diagnosis.",
    "notes": "What a reader must know beside the value.",
}


def measurement_columns() -> dict[str, str]:
    """Return the columns of ``measurements.csv`` and what they hold; each angle of the femur's pose has one."""
    poses = {name: f"{title}, beside every space." for name, title in _pose_columns().items()}
    return {**_MEASUREMENT_COLUMNS, **poses, "pose_frame": "The frame these angles stand on."}


def measurement_numbers() -> dict[str, type]:
    """Return those columns of ``measurements.csv`` that hold numbers, with their type."""
    numbers = {"value": float, "slice": int, **dict.fromkeys(("slice_s_mm", "plane_low_mm", "plane_high_mm"), float)}
    return {**numbers, **dict.fromkeys(_pose_columns(), float)}


def _pose_columns() -> dict[str, str]:
    return {_pose_column(m.id): m.title for m in MEASUREMENTS if m.kind is Kind.POSE}


def _pose_column(measurement_id: str) -> str:
    return f"{measurement_id}_deg"


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

_PROFILE_NUMBERS = {"slice": int, "slice_s_mm": float, "distance_mm": float}


MUSCLE_COLUMNS: dict[str, str] = {
    "side": "right or left.",
    "slice_s_mm": "Superior coordinate of the axial plane (RAS and LPS alike), millimeter.",
    "area_mm2": "Area of the quadratus femoris in this plane, square millimeter.",
}
"""Columns of ``muscle_sections.csv``: the muscle along its length."""

_MUSCLE_NUMBERS = {"slice_s_mm": float, "area_mm2": float}


HISTOGRAM_COLUMNS: dict[str, str] = {
    "side": "right or left.",
    "fat_fraction_from": "Lower limit of the class, 0 to 1.",
    "fat_fraction_to": "Upper limit of the class, 0 to 1.",
    "voxels": "Number of the muscle's voxels in it.",
    "source": "Dixon, or T1 (an estimate).",
}
"""Columns of ``fat_histogram.csv``."""

_HISTOGRAM_NUMBERS = {"fat_fraction_from": float, "fat_fraction_to": float, "voxels": int}


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
"""Columns of the landmark table in the workbook."""


FOLLOW_UP_COLUMNS: dict[str, str] = {
    "measurement": "Id of the measurement; stable.",
    "title": "Its name for people.",
    "side": "right or left.",
    "unit": "UCUM unit of the values.",
    "first_date": "Date of the first examination, ISO 8601.",
    "date": "Date of this examination, ISO 8601.",
    "first_value": "Value of the first examination, full precision.",
    "value": "Value of this examination, full precision.",
    "change": "This minus first, in the unit.",
    "change_percent": "100 (this - first) / first.",
    "change_symmetric_percent": "200 (this - first) / (this + first).",
    "change_annualized_percent": "100 ((this / first)^(1 / years) - 1).",
    "repeatability_percent": (
        "Repeatability coefficient the symmetric change is set against; empty where none is known."
    ),
    "repeatability": "What the change is set against, in the unit: the repeatability coefficient of your own "
    "measurements where no percentage fits, or for a space what the leg's and the planes' position explain.",
    "verdict": "within measurement error, beyond measurement error, or empty where no repeatability is known.",
    "notes": "What a reader must know beside the change, or why there is none.",
}
"""Columns of ``follow_up.csv``."""

_FOLLOW_UP_NUMBERS = {
    "first_value": float,
    "value": float,
    "change": float,
    "change_percent": float,
    "change_symmetric_percent": float,
    "change_annualized_percent": float,
    "repeatability_percent": float,
    "repeatability": float,
}


REPEATABILITY_COLUMNS: dict[str, str] = {
    "measurement": "Id of the measurement.",
    "unit": "UCUM unit, where it is a measurement of this program.",
    "subjects": "Number of persons (or hips, where the side is given) measured at least twice.",
    "measurements": "Number of their measurements.",
    "mean": "Mean of the persons' means.",
    "wsd": "Within-subject standard deviation, in the unit.",
    "wcv_percent": "Within-subject coefficient of variation, from logarithms; empty where a value is not positive.",
    "rc": "Repeatability coefficient 1.96 sqrt(2) wSD, in the unit: "
    "two measurements of one person differ by less in 95 of 100.",
    "rc_percent": "1.96 sqrt(2) wCV.",
    "bias": "Mean difference, second minus first measurement.",
    "agreement_low": "Lower limit of agreement: bias - 1.96 SD of the differences.",
    "agreement_high": "Upper limit of agreement.",
    "icc": "Intraclass correlation ICC(A,1); empty where the persons were not measured equally often "
    "or the library pingouin is absent.",
    "icc_low": "Lower end of its 95 % confidence interval.",
    "icc_high": "Upper end of its 95 % confidence interval.",
    "notes": "What a reader must know beside the numbers.",
}
"""Columns of ``repeatability.csv``."""

_REPEATABILITY_NUMBERS: dict[str, type] = {
    "subjects": int,
    "measurements": int,
    **dict.fromkeys(("mean", "wsd", "wcv_percent", "rc", "rc_percent", "bias"), float),
    **dict.fromkeys(("agreement_low", "agreement_high", "icc", "icc_low", "icc_high"), float),
}


def measurement_table(study: StudyResult) -> Rows:
    """Return ``measurements.csv``: every measurement of the registry for every side asked for."""
    return Rows(
        measurement_columns(),
        [measurement_cells(row.saved()) for row in measurement_rows(study)],
        measurement_numbers(),
    )


def profile_table(study: StudyResult) -> Rows:
    """Return ``profile.csv``: a row a side, space and axial plane."""
    return Rows(PROFILE_COLUMNS, [profile_cells(row) for row in profile_rows(study)], _PROFILE_NUMBERS)


def muscle_table(study: StudyResult) -> Rows:
    """Return ``muscle_sections.csv``: a row a side and axial plane that shows the muscle."""
    return Rows(MUSCLE_COLUMNS, [_section_cells(row) for row in section_rows(study)], _MUSCLE_NUMBERS)


def histogram_table(study: StudyResult) -> Rows:
    """Return ``fat_histogram.csv``: a row a side and class of fat fraction."""
    return Rows(HISTOGRAM_COLUMNS, [_histogram_cells(row) for row in histogram_rows(study)], _HISTOGRAM_NUMBERS)


def finding_table(study: StudyResult) -> Rows:
    """Return ``findings.csv``: a row a field and side."""
    return Rows(FINDING_COLUMNS, [_finding_cells(row) for row in finding_rows(study.findings, study.hips)])


def landmark_table(study: StudyResult) -> Rows:
    """Return the landmarks: a row a landmark and side."""
    landmarks = {side: hip.landmarks for side, hip in study.hips.items()}
    return Rows(LANDMARK_COLUMNS, [_landmark_cells(row) for row in landmark_rows(landmarks)])


def follow_up_table(changes: Comparison | None) -> Rows:
    """Return ``follow_up.csv``: a row a measurement, side and later examination; none without changes."""
    return Rows(
        FOLLOW_UP_COLUMNS,
        [] if changes is None else [change_cells(change) for change in changes.rows],
        _FOLLOW_UP_NUMBERS,
    )


def repeatability_table(found: Iterable[RepeatabilityRow]) -> Rows:
    """Return ``repeatability.csv``: a row a measurement."""
    rows: list[Cells] = [{name: getattr(of, name) for name in REPEATABILITY_COLUMNS} for of in found]
    return Rows(REPEATABILITY_COLUMNS, [_without_empty_text(row) for row in rows], _REPEATABILITY_NUMBERS)


def summary_table(study: StudyResult) -> Rows:
    """Return one row a measurement with both sides beside each other, rounded for reading; a dash for no value."""
    rows: list[Cells] = []
    for definition in MEASUREMENTS:
        row: Cells = {"measurement": definition.title, "unit": definition.unit}
        for side in Side:
            result = study.result(definition.id, side)
            row[side.value] = number_text(result.value, definition.decimals) if isinstance(result, Measured) else "–"
        rows.append(row)
    return Rows(SUMMARY_COLUMNS, rows)


# -- cells ------------------------------------------------------------------------------------------------------


def measurement_cells(row: SavedMeasurement) -> Cells:
    """Return the cells of :func:`measurement_columns`."""
    cells: Cells = dict.fromkeys(measurement_columns())
    cells.update(measurement=row.id, title=row.title, side=_side_text(row.side), unit=row.unit)
    result = row.result
    if not isinstance(result, Measured):
        cells.update(status="not_measurable", reason=result.reason)
        return _without_empty_text(cells)
    cells.update(
        value=result.value,
        status="measured",
        method=result.method,
        plane=result.plane,
        slice=result.slice_number,
        slice_s_mm=result.slice_ras_s_mm,
        plane_low_mm=result.plane_low_mm,
        plane_high_mm=result.plane_high_mm,
        source=result.source,
        reference="; ".join(row.reference),
        notes="; ".join(result.notes),
        pose_frame=row.pose_frame,
    )
    if len(result.points_ras_mm) == 2:
        cells.update(_two_points(result.points_ras_mm))
    for key, angle in row.pose.items():
        if _pose_column(key) in cells:  # a study of another version may hold what this one does not know
            cells[_pose_column(key)] = angle
    return _without_empty_text(cells)


def profile_cells(row: ProfileRow) -> Cells:
    """Return the cells of :data:`PROFILE_COLUMNS`."""
    cells: Cells = {
        **dict.fromkeys(PROFILE_COLUMNS),
        "side": row.side.value,
        "space": row.space,
        "slice": row.slice_number,
        "slice_s_mm": row.level_mm,
        "distance_mm": row.distance_mm,
        "status": "not_measurable" if row.distance_mm is None else "measured",
        "reason": row.reason,
    }
    if len(row.points_ras_mm) == 2:
        cells.update(_two_points(row.points_ras_mm))
    return _without_empty_text(cells)


def change_cells(change: Change) -> Cells:
    """Return the cells of :data:`FOLLOW_UP_COLUMNS`."""
    return {
        "measurement": change.definition.id,
        "title": change.definition.title,
        "side": _side_text(change.side),
        "unit": change.definition.unit,
        "first_date": change.first_date.isoformat(),
        "date": change.date.isoformat(),
        "first_value": change.first_value,
        "value": change.value,
        "change": change.absolute,
        "change_percent": change.percent,
        "change_symmetric_percent": change.symmetric_percent,
        "change_annualized_percent": change.annualized_percent,
        "repeatability_percent": change.repeatability_percent,
        "repeatability": change.repeatability,
        "verdict": None if change.verdict is None else change.verdict.value,
        "notes": "; ".join(change.notes) or None,
    }


def _section_cells(row: SectionRow) -> Cells:
    return {"side": row.side.value, "slice_s_mm": row.level_mm, "area_mm2": row.area_mm2}


def _histogram_cells(row: HistogramRow) -> Cells:
    return {
        "side": row.side.value,
        "fat_fraction_from": row.fat_fraction_from,
        "fat_fraction_to": row.fat_fraction_to,
        "voxels": row.voxels,
        "source": row.source,
    }


def _landmark_cells(row: LandmarkRow) -> Cells:
    landmark, code = row.landmark, row.definition.code
    return {
        "landmark": row.definition.id,
        "side": row.side.value,
        "state": landmark.state,
        "reason": landmark.reason or None,
        "position_lps_mm": lps_text(landmark.position_ras_mm),
        "code": f"{code[0]}:{code[1]}",
    }


def _finding_cells(row: FindingRow) -> Cells:
    code = row.definition.code
    return {
        "finding": row.definition.id,
        "title": row.definition.title,
        "side": row.side.value,
        "value": row.choice or None,
        "code": f"{code[0]}:{code[1]}",
    }


def lps_text(point_ras_mm: Sequence[float] | None) -> str | None:
    """Return a RAS point as ``x y z`` in LPS, full precision; None for None."""
    return None if point_ras_mm is None else " ".join(repr(v) for v in lps_point(point_ras_mm))


def _two_points(points_ras_mm: Sequence[Sequence[float]]) -> Cells:
    first, second = points_ras_mm
    return {"point_a_lps_mm": lps_text(first), "point_b_lps_mm": lps_text(second)}


def _without_empty_text(cells: Cells) -> Cells:
    return {name: None if cell == "" else cell for name, cell in cells.items()}


def _side_text(side: Side | None) -> str:
    return "both" if side is None else side.value


def column_name(measurement_id: str, side: Side | None, unit: str) -> str:
    """Return the name of a measurement's column where a study is one row; the unit is in it."""
    return "_".join(part for part in (measurement_id, side.value if side else "", unit_of(unit).column) if part)
