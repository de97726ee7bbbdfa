"""A study that was measured: what ``study.json``, a scene and a DICOM Segmentation keep of it, written and read.

The form in memory, :class:`SavedStudy`, knows no registry: what another version measured is read as well. In the
document numbers are numbers, what is missing is null beside a reason, points are LPS millimeter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..anatomy.findings import Findings
from ..anatomy.landmarks import (
    Landmark,
    LandmarkSet,
    LandmarkStatus,
    PlacedBy,
    empty_landmarks,
    landmark_definitions,
)
from ..anatomy.reference_values import Subject, known_sex
from ..images.grid import LPS_TO_RAS, Grid, axis_of_plane
from ..values import IFIMeasureError, Measured, NotMeasurable, Result, Side, iso_date
from .checksums import checksum_of_content
from .results_0_1 import as_version_2
from .texts import read_json

FORMAT = "IFIMeasure study"
"""What the document's ``format`` begins with; the number of the format follows."""

FORMAT_VERSION = 2

Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class SavedMeasurement:
    """One result of one side (None: between both), with what stands beside it.

    :param reference: comparisons with published values, a sentence each.
    :param pose: angles of the femur against the pelvis, degree, by the ids of their measurements.
    :param pose_frame: the frame that these stand on, in words.
    """

    id: str
    title: str
    unit: str
    side: Side | None
    result: Result
    reference: tuple[str, ...] = ()
    pose: Mapping[str, float] = field(default_factory=dict)
    pose_frame: str = ""


@dataclass(frozen=True, kw_only=True)
class ProfileRow:
    """A space in one axial plane, or why there is none: in this plane, or (``level_mm`` None) in any.

    :param level_mm: superior coordinate of the plane, RAS millimeter.
    :param slice_number: zero-based number of the acquired slice from the feet; None for a cut between slices.
    :param points_ras_mm: on the medial and on the lateral structure; empty where there is no distance.
    """

    side: Side
    space: str
    level_mm: float | None = None
    slice_number: int | None = None
    distance_mm: float | None = None
    points_ras_mm: tuple[Point, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class SectionRow:
    """The quadratus femoris in one axial plane: its area at a superior coordinate (RAS millimeter)."""

    side: Side
    level_mm: float
    area_mm2: float


@dataclass(frozen=True)
class HistogramRow:
    """Number of the muscle's voxels whose fat fraction lies in a class (0 to 1), and where the fraction came from."""

    side: Side
    fat_fraction_from: float
    fat_fraction_to: float
    voxels: int
    source: str


@dataclass(frozen=True, kw_only=True)
class SavedStudy:
    """What is kept of a study.

    :param provenance: what :meth:`IFIMeasureLib.study.provenance.Provenance.from_document` reads.
    :param date: of the examination, ISO 8601; empty where it is not known.
    :param grid: that it was measured on, RAS.
    :param landmarks: final ones of each side that was measured.
    :param outputs: checksums of the files that were written with it, by name.
    :param altered: whether its document was changed since it was written.
    """

    provenance: Mapping[str, Any]
    date: str
    subject: Subject
    findings: Findings
    notes: tuple[str, ...]
    absent_sides: Mapping[Side, str]
    grid: Grid
    measurements: tuple[SavedMeasurement, ...]
    profile: tuple[ProfileRow, ...]
    muscle_sections: tuple[SectionRow, ...]
    fat_histogram: tuple[HistogramRow, ...]
    landmarks: Mapping[Side, LandmarkSet]
    outputs: Mapping[str, str] = field(default_factory=dict)
    altered: bool = False

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that were asked for, the right one first."""
        return tuple(side for side in Side if side in self.landmarks or side in self.absent_sides)


# -- the document ---------------------------------------------------------------------------------------------

DOCUMENT_KEYS: dict[str, str] = {
    "format": f"`{FORMAT} {FORMAT_VERSION}`; a program that knows lower numbers only cannot read it.",
    "created": "When it was measured, ISO 8601 with its time zone.",
    "versions": "Versions of IFIMeasure, Python and the libraries that results hang on.",
    "inputs": "What was read first: role (segmentation, image), name without folders, number of files, SHA-256 "
    "(of several files: of their checksums).",
    "series": "DICOM series of the image: uid, study_uid, number, description, modality; null for other images.",
    "options": "What was asked for; files by their names alone.",
    "contrast": "What the image is: t1, t2fs, water or in-phase; empty where no one has said.",
    "muscle_origins": "Where the quadratus femoris of each side came from: segment, image, drawn slices, "
    "or image, with other examinations.",
    "structures": "By structure, the segments of the input that it was read from; none for what was made here.",
    "date": "Date of the examination, ISO 8601; null where it is not known.",
    "subject": "sex (F, M), age_years, height_m, weight_kg; null where not known.",
    "findings": "What a reader found, by side and field.",
    "segmentation": "Grid it was measured on: size, spacing_mm, plane, ijk_to_ras_mm.",
    "notes": "What a reader must know of the whole study.",
    "absent_sides": "Sides that were asked for and not measured, and why.",
    "measurements": "One object a measurement and side.",
    "profile": "One object a side, space and axial plane.",
    "muscle_sections": "side, slice_s_mm, area_mm2 of the quadratus femoris in each axial plane.",
    "fat_histogram": "side, fat_fraction_from, fat_fraction_to, voxels, source.",
    "landmarks": "One object a landmark and side.",
    "codes": "Codes (scheme, value, meaning) of measurements (concept, quantity) and landmarks.",
    "outputs": "SHA-256 of the files written with it: what was changed, or is of another run, is noticed.",
    "checksum": "SHA-256 of all else in the document, as JSON with sorted keys and without spaces: what was changed "
    "since is noticed.",
}
"""Keys of ``study.json``."""

MEASUREMENT_KEYS: dict[str, str] = {
    "measurement": "Id of the measurement; stable.",
    "title": "Its name for people.",
    "side": "right, left, or both for measurements between the sides.",
    "status": "measured, or not_measurable.",
    "value": "The number; null where there is none.",
    "unit": "UCUM unit of the value.",
    "reason": "Why there is no value; else null.",
    "missing": "Ids of structures or landmarks that were needed and absent.",
    "method": "How it was measured.",
    "plane": "Plane or space it was measured in; for poses, the frame they stand on.",
    "slice": "Zero-based number of the slice, counted from the feet; null where the plane is no acquired slice.",
    "slice_s_mm": "Superior coordinate of the plane (RAS and LPS alike), millimeter.",
    "plane_low_mm": "Of the spaces in axial planes: the smallest that the value becomes when all planes move by up to "
    "half their distance, millimeter; null for other measurements, and where it is not known.",
    "plane_high_mm": "The largest that it becomes then, millimeter.",
    "points_lps_mm": "Where it was measured, [x, y, z] each: two ends of a distance, or leg, vertex, leg of an angle.",
    "source": "What the surfaces or points came from.",
    "reference": "Comparisons with published values, a sentence each; no diagnosis.",
    "notes": "What a reader must know beside the value.",
    "pose": "Angles of the femur against the pelvis, degree, by id, where the femur's pose belongs beside the value.",
    "pose_frame": "The frame these angles stand on.",
}
"""Keys of each object in ``measurements``."""

PROFILE_KEYS: dict[str, str] = {
    "side": "right or left.",
    "space": "ifs or qfs.",
    "slice": "Zero-based number of the slice, counted from the feet; null for a cut between slices.",
    "slice_s_mm": "Superior coordinate of the axial plane (RAS and LPS alike), millimeter; null for all planes.",
    "distance_mm": "The space in this plane; null where there is none.",
    "status": "measured, or not_measurable.",
    "reason": "Why there is no value; else null.",
    "points_lps_mm": "On the medial, then on the lateral structure, [x, y, z] each.",
}
"""Keys of each object in ``profile``."""

LANDMARK_KEYS: dict[str, str] = {
    "landmark": "Id of the landmark; stable.",
    "side": "right or left.",
    "status": "defined, missing, or undefined (not placed), as in 3D Slicer.",
    "placed_by": "program or person: who placed it, or said that it is missing; null where it is undefined.",
    "reason": "Why it is missing; else null.",
    "position_lps_mm": "[x, y, z] in LPS millimeter; null unless it is defined.",
    "code": "Code of the structure it lies on, as scheme:value.",
}
"""Keys of each object in ``landmarks``."""


def to_document(study: SavedStudy) -> dict[str, Any]:
    """Return a study as JSON content; :func:`from_document` reads it back."""
    grid = study.grid
    return {
        "format": f"{FORMAT} {FORMAT_VERSION}",
        **study.provenance,
        "date": study.date or None,
        "subject": asdict(study.subject),
        "findings": {side.value: dict(found) for side, found in study.findings.items()},
        "segmentation": {
            "size": list(grid.shape),
            "spacing_mm": grid.spacing.tolist(),
            "plane": grid.plane_name,
            "ijk_to_ras_mm": grid.affine.tolist(),
        },
        "notes": list(study.notes),
        "absent_sides": {side.value: reason for side, reason in study.absent_sides.items()},
        "measurements": [_of_measurement(row) for row in study.measurements],
        "profile": [_of_profile(row) for row in study.profile],
        "muscle_sections": [
            {"side": row.side.value, "slice_s_mm": row.level_mm, "area_mm2": row.area_mm2}
            for row in study.muscle_sections
        ],
        "fat_histogram": [{**asdict(row), "side": row.side.value} for row in study.fat_histogram],
        "landmarks": [
            _of_landmark(side, key, landmark)
            for side, landmarks in study.landmarks.items()
            for key, landmark in landmarks.items()
        ],
    }


def _of_measurement(row: SavedMeasurement) -> dict[str, Any]:
    result = row.result
    document = {
        "measurement": row.id,
        "title": row.title,
        "side": "both" if row.side is None else row.side.value,
        "status": "measured" if isinstance(result, Measured) else "not_measurable",
        "value": None,
        "unit": row.unit,
        "reason": None,
        "missing": [],
        **dict.fromkeys(("method", "plane", "slice", "slice_s_mm", "plane_low_mm", "plane_high_mm")),
        "points_lps_mm": [],
        "source": None,
        "reference": list(row.reference),
        "notes": [],
        "pose": dict(row.pose),
        "pose_frame": row.pose_frame or None,
    }
    if isinstance(result, NotMeasurable):
        document.update(reason=result.reason, missing=list(result.missing))
        return document
    document.update(
        value=result.value,
        method=result.method or None,
        plane=result.plane or None,
        slice=result.slice_number,
        slice_s_mm=result.slice_ras_s_mm,
        plane_low_mm=result.plane_low_mm,
        plane_high_mm=result.plane_high_mm,
        points_lps_mm=[lps_point(point) for point in result.points_ras_mm],
        source=result.source or None,
        notes=list(result.notes),
    )
    return document


def _of_profile(row: ProfileRow) -> dict[str, Any]:
    return {
        "side": row.side.value,
        "space": row.space,
        "slice": row.slice_number,
        "slice_s_mm": row.level_mm,
        "distance_mm": row.distance_mm,
        "status": "not_measurable" if row.distance_mm is None else "measured",
        "reason": row.reason or None,
        "points_lps_mm": [lps_point(point) for point in row.points_ras_mm],
    }


def _of_landmark(side: Side, key: str, landmark: Landmark) -> dict[str, Any]:
    place, code = landmark.position_ras_mm, landmark_definitions()[key].code
    return {
        "landmark": key,
        "side": side.value,
        "status": landmark.status.value,
        "placed_by": None if landmark.placed_by is None else landmark.placed_by.value,
        "reason": landmark.reason or None,
        "position_lps_mm": None if place is None else lps_point(place),
        "code": f"{code[0]}:{code[1]}",
    }


def lps_point(point_ras_mm: Sequence[float]) -> list[float]:
    """Return a RAS point (3,) in LPS millimeter, without a sign on zero."""
    return [float(v) for v in np.diag(LPS_TO_RAS)[:3] * np.asarray(point_ras_mm, float) + 0.0]


# -- reading --------------------------------------------------------------------------------------------------


def read_study(path: Path) -> SavedStudy:
    """Read a ``study.json`` of this version or of an earlier one.

    :raises IFIMeasureError: where it is none, is damaged, or was made by a newer version; one sentence.
    """
    if not path.exists():
        raise IFIMeasureError(
            f"{path}: there is no such file, so this is no study that IFIMeasure wrote; give a folder of results, or "
            "measure the study."
        )
    try:
        document = read_json(path)
    except IFIMeasureError:
        raise
    except ValueError:
        document = None
    return from_document(document, path)


def from_document(document: Any, where: object) -> SavedStudy:
    """Return the study that a document of this version or of an earlier one holds.

    :param document: JSON content.
    :param where: where it stands, for messages.
    :raises IFIMeasureError: where it is no study, is damaged, or was made by a newer version; one sentence.
    """
    found = re.fullmatch(rf"{FORMAT} (\d+)", str(document.get("format")) if isinstance(document, dict) else "")
    if found is None:
        raise IFIMeasureError(
            f"{where}: this is no study that IFIMeasure wrote, or it is damaged; "
            "give a folder of results, or measure the study again."
        )
    number = int(found[1])
    if number > FORMAT_VERSION:
        versions = document.get("versions")
        version = versions.get("ifimeasure", "not said") if isinstance(versions, dict) else "not said"
        raise IFIMeasureError(
            f"{where}: it was made by a newer version of IFIMeasure (format {number}, version {version}); "
            "update IFIMeasure."
        )
    try:
        return _study(document if number == FORMAT_VERSION else as_version_2(document))
    except (IFIMeasureError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        raise IFIMeasureError(f"{where}: the study in it is damaged; measure the study again.") from None


def _study(document: Mapping[str, Any]) -> SavedStudy:
    landmarks: dict[Side, LandmarkSet] = {}
    for of in document["landmarks"]:
        side = Side(of["side"])
        if of["landmark"] in landmark_definitions():  # another version may know more
            landmarks.setdefault(side, empty_landmarks())[of["landmark"]] = _landmark(of)
    grid = document["segmentation"]
    affine = np.array([[_number(v) for v in row] for row in grid["ijk_to_ras_mm"]]).reshape(4, 4)
    i, j, k = (int(n) for n in grid["size"])
    subject = document["subject"]
    return SavedStudy(
        provenance={key: document.get(key) for key in _PROVENANCE_KEYS},
        date=iso_date(_text(document["date"])),
        subject=Subject(
            sex=known_sex(_text(subject["sex"])),
            **{key: _optional(subject[key]) for key in ("age_years", "height_m", "weight_kg")},
        ),
        findings={
            Side(side): {_text(key): _text(choice) for key, choice in found.items()}
            for side, found in document["findings"].items()
        },
        notes=tuple(_texts(document["notes"])),
        absent_sides={Side(side): _text(reason) for side, reason in document["absent_sides"].items()},
        grid=Grid((i, j, k), affine, axis_of_plane(grid.get("plane"))),
        measurements=tuple(_measurement(of) for of in document["measurements"]),
        profile=tuple(_profile(of) for of in document["profile"]),
        muscle_sections=tuple(
            SectionRow(Side(of["side"]), _number(of["slice_s_mm"]), _number(of["area_mm2"]))
            for of in document["muscle_sections"]
        ),
        fat_histogram=tuple(_histogram(of) for of in document["fat_histogram"]),
        landmarks=landmarks,
        outputs={_text(name): _text(checksum) for name, checksum in (document.get("outputs") or {}).items()},
        altered=document.get("checksum") not in (None, checksum_of_content(document)),
    )


_PROVENANCE_KEYS = (
    "created", "versions", "inputs", "series", "options", "contrast", "muscle_origins", "structures",
)  # fmt: skip


def _measurement(of: Mapping[str, Any]) -> SavedMeasurement:
    result: Result
    if of["value"] is None:
        result = NotMeasurable(_text(of["reason"]), tuple(_texts(of["missing"])))
    else:
        result = Measured(
            value=_number(of["value"]),
            unit=_text(of["unit"]),
            points_ras_mm=_points(of["points_lps_mm"]),
            plane=_text(of["plane"]),
            slice_ras_s_mm=_optional(of["slice_s_mm"]),
            slice_number=_count(of["slice"]),
            method=_text(of["method"]),
            source=_text(of["source"]),
            notes=tuple(_texts(of["notes"])),
            plane_low_mm=_optional(of.get("plane_low_mm")),
            plane_high_mm=_optional(of.get("plane_high_mm")),
        )
    return SavedMeasurement(
        id=_text(of["measurement"]),
        title=_text(of["title"]),
        unit=_text(of["unit"]),
        side=None if of["side"] == "both" else Side(of["side"]),
        result=result,
        reference=tuple(_texts(of["reference"])),
        pose={_text(key): _number(angle) for key, angle in of["pose"].items()},
        pose_frame=_text(of["pose_frame"]),
    )


def _profile(of: Mapping[str, Any]) -> ProfileRow:
    return ProfileRow(
        side=Side(of["side"]),
        space=_text(of["space"]),
        level_mm=_optional(of["slice_s_mm"]),
        slice_number=_count(of["slice"]),
        distance_mm=_optional(of["distance_mm"]),
        points_ras_mm=_points(of["points_lps_mm"]),
        reason=_text(of["reason"]),
    )


def _histogram(of: Mapping[str, Any]) -> HistogramRow:
    return HistogramRow(
        side=Side(of["side"]),
        fat_fraction_from=_number(of["fat_fraction_from"]),
        fat_fraction_to=_number(of["fat_fraction_to"]),
        voxels=int(of["voxels"]),
        source=_text(of["source"]),
    )


def _landmark(of: Mapping[str, Any]) -> Landmark:
    place, by = of["position_lps_mm"], of["placed_by"]
    return Landmark(
        status=LandmarkStatus(of["status"]),
        position_ras_mm=None if place is None else _ras_point(place),
        placed_by=None if by is None else PlacedBy(by),
        reason=_text(of["reason"]),
    )


def _points(points_lps_mm: Iterable[Sequence[Any]]) -> tuple[Point, ...]:
    return tuple(_ras_point(point) for point in points_lps_mm)


def _ras_point(point_lps_mm: Sequence[Any]) -> Point:
    x, y, z = (_number(v) for v in point_lps_mm)
    return (0.0 - x, 0.0 - y, z)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _optional(value: Any) -> float | None:
    return None if value is None else _number(value)


def _count(value: Any) -> int | None:
    return None if value is None else int(_number(value))


def _text(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value or ""


def _texts(values: Iterable[Any]) -> list[str]:
    if isinstance(values, str):
        raise TypeError
    return [_text(value) for value in values]
