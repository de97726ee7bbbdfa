"""Slicer's markup files (``.mrk.json``): read into landmarks, and landmarks written as them."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..anatomy.landmarks import (
    MARKED_MISSING,
    NOT_PLACED,
    Landmark,
    LandmarkSet,
    LandmarkStatus,
    PlacedBy,
    empty_landmarks,
    landmark_definitions,
    landmark_label,
    parse_label,
)
from ..values import IFIMeasureError, Side, point3
from .texts import read_text

SAME_PLACE_MM = 0.002
"""A point no farther than this, along each axis, from where the program put it still lies there: files round."""


def describe_landmark(key: str, landmark: Landmark) -> str:
    """Return the description of a landmark's control point, for people; :func:`parse_description` reads it back.

    :param landmark: with its position in the frame of the list of points.
    """
    if landmark.status is LandmarkStatus.UNDEFINED:
        return landmark_definitions()[key].how
    if landmark.status is LandmarkStatus.MISSING:
        if not landmark.by_person:
            return f"missing: {landmark.reason}"
        return _BY_PERSON if landmark.reason == MARKED_MISSING else f"{_BY_PERSON}: {landmark.reason}"
    if landmark.by_person:
        return "manual"
    assert landmark.position_ras_mm is not None
    return "automatic at RAS " + " ".join(f"{v:.3f}" for v in landmark.position_ras_mm)


_BY_PERSON = "missing by a person"


def parse_description(
    description: str, position_ras_mm: tuple[float, float, float] | None, status: LandmarkStatus
) -> Landmark:
    """Return the landmark that a control point of a file means.

    Who placed it stands in its description alone, as this version or 0.1.0 wrote it: Slicer's files of points keep
    nothing else. A point that still lies where the program put it is the program's; all that the description does not
    say of the program is a person's.

    :param position_ras_mm: where it lies, in the frame of the list of points; None unless the status is defined.
    """
    if status is LandmarkStatus.MISSING:
        if description.startswith("missing: ") and description != f"missing: {MARKED_MISSING}":  # so wrote 0.1.0
            return Landmark.missing(description.removeprefix("missing: "))
        said = description.removeprefix(f"{_BY_PERSON}: ") if description.startswith(f"{_BY_PERSON}: ") else ""
        return Landmark.missing(said or MARKED_MISSING, PlacedBy.PERSON)
    if status is not LandmarkStatus.DEFINED or position_ras_mm is None:
        return NOT_PLACED
    placed = parse_automatic(description)
    if placed is not None and still_there(placed, position_ras_mm):
        return Landmark.automatic(position_ras_mm)
    return Landmark.manual(position_ras_mm)


def parse_automatic(description: str) -> tuple[float, float, float] | None:
    """Return where the program put a point, as its description tells; None where it does not."""
    match = re.match(rf"automatic at RAS {_NUMBER} {_NUMBER} {_NUMBER}$", description)
    return None if match is None else point3([float(v) for v in match.groups()])


_NUMBER = r"(-?\d+(?:\.\d*)?)"


def still_there(placed_ras_mm: tuple[float, float, float], position_ras_mm: tuple[float, float, float]) -> bool:
    """Whether a point still lies where the program put it (both in one frame)."""
    return all(abs(a - b) < SAME_PLACE_MM for a, b in zip(placed_ras_mm, position_ras_mm))


_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/"
    "Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#"
)


def markups_document(landmarks: dict[Side, LandmarkSet], name: str) -> dict[str, Any]:
    """Return the content of a Slicer markups file (schema 1.0.3, LPS millimeter) of one or both sides' landmarks."""
    points: list[dict[str, Any]] = []
    for side, chosen in landmarks.items():
        for key, landmark in chosen.items():
            place = landmark.position_ras_mm
            points.append(
                {
                    "id": str(len(points) + 1),
                    "label": landmark_label(side, key),
                    "description": describe_landmark(key, landmark),
                    "associatedNodeID": "",
                    "position": "" if place is None else [-place[0], -place[1], place[2]],
                    "orientation": [-1.0, -0.0, -0.0, -0.0, -1.0, -0.0, 0.0, 0.0, 1.0],
                    "selected": True,
                    "locked": False,
                    "visibility": True,
                    "positionStatus": landmark.status.value,
                }
            )
    return {
        "@schema": _SCHEMA,
        "markups": [
            {
                "type": "Fiducial",
                "name": name,
                "coordinateSystem": "LPS",
                "coordinateUnits": "mm",
                "locked": False,
                "fixedNumberOfControlPoints": True,
                "labelFormat": "%N-%d",
                "lastUsedControlPointNumber": len(points),
                "controlPoints": points,
            }
        ],
    }


@dataclass(frozen=True)
class MarkupsPoint:
    """A control point of a markups file; the position is RAS millimeter, None where it is not placed."""

    list_name: str
    label: str
    description: str
    status: LandmarkStatus
    position_ras_mm: tuple[float, float, float] | None


_STATUSES = [status.value for status in LandmarkStatus]


def read_markups(path: Path, what: str, wanted: Callable[[str, str], bool]) -> list[MarkupsPoint]:
    """Read the control points of a Slicer markups file (``.mrk.json``, or ``.fcsv`` of older versions).

    :param what: what it holds, for messages (``landmarks``).
    :param wanted: of the list's name and the point's label, whether the point matters; others are left alone, whatever
        they hold.
    :raises IFIMeasureError: where it is no markups file, not in millimeters, or a position is not finite.
    """
    if not path.exists():
        raise IFIMeasureError(f"{path}: there is no such file of {what}.")
    text = read_text(path)
    try:
        markups = _fcsv(text, path.stem) if text.startswith("# Markups fiducial file") else json.loads(text)["markups"]
        points = [(node, point) for node in markups for point in node.get("controlPoints", [])]
        named = [(node, point, str(node.get("name", "")), str(point.get("label", ""))) for node, point in points]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error):
        raise IFIMeasureError(
            f"{path}: this is not a Slicer markups file; save the {what} from Slicer as .mrk.json."
        ) from None
    found = []
    for node, point, name, label in named:
        if not wanted(name, label):
            continue
        unit = node.get("coordinateUnits", "mm")
        if unit not in ("mm", ["mm", "UCUM", "millimeter"]) and "mm" not in str(unit):
            raise IFIMeasureError(f"{path}: the coordinates are in {unit}; save the {what} in millimeters.")
        said = str(point.get("positionStatus", "defined"))
        status = LandmarkStatus(said) if said in _STATUSES else LandmarkStatus.UNDEFINED  # Slicer knows "preview", too
        place = None
        if status is LandmarkStatus.DEFINED:
            place = _position_ras_mm(point.get("position"), str(node.get("coordinateSystem", "LPS")))
            if place is None:
                raise IFIMeasureError(
                    f"{path}: the position of '{label or name}' is {point.get('position')}, "
                    "which is not three finite numbers; place the point again."
                )
        description = str(point.get("description", ""))
        found.append(
            MarkupsPoint(list_name=name, label=label, description=description, status=status, position_ras_mm=place)
        )
    return found


_FCSV_COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"


def _fcsv(text: str, name: str) -> list[dict[str, Any]]:
    """The points of a file of Slicer's older format, as the newer one has them; millimeters."""
    system, columns = "LPS", _FCSV_COLUMNS
    rows = []
    for line in text.splitlines():
        key, _, value = line.lstrip("# ").partition("=")
        if line.startswith("#"):
            system = value.strip() if key.strip() == "CoordinateSystem" else system
            columns = value.strip() if key.strip() == "columns" else columns
        elif line.strip():
            rows.append(line)
    points = []
    for row in csv.DictReader(rows, fieldnames=columns.split(",")):
        label, description = str(row.get("label") or ""), str(row.get("desc") or "")
        points.append({"label": label, "description": description, "position": [row.get(axis) for axis in "xyz"]})
    return [{"name": name, "coordinateSystem": system, "controlPoints": points}]


def _position_ras_mm(written: Any, system: str) -> tuple[float, float, float] | None:
    """A position of a file in RAS; None where it is not three finite numbers. Slicer 4.10 wrote RAS, later ones LPS."""
    try:
        values = [float(v) for v in written]
    except (TypeError, ValueError):
        return None
    if len(values) != 3 or not all(math.isfinite(v) for v in values):
        return None
    x, y, z = values
    return (x, y, z) if system.upper() in ("RAS", "0") else (-x, -y, z)


def read_landmarks(path: Path) -> dict[Side, LandmarkSet]:
    """Read the landmarks of a Slicer markups file (``.mrk.json``); points with other labels are left alone.

    :raises IFIMeasureError: where it is no markups file, holds no landmark of ours, or a position is not finite.
    """
    found: dict[Side, LandmarkSet] = {}
    for point in read_markups(path, "landmarks", lambda name, label: parse_label(label) is not None):
        parsed = parse_label(point.label)
        assert parsed is not None
        side, key = parsed
        landmarks = found.setdefault(side, empty_landmarks())
        if landmarks[key].position_ras_mm is not None and point.position_ras_mm is not None:
            raise IFIMeasureError(f"{path}: there are two points labeled '{point.label}'; keep one.")
        landmarks[key] = parse_description(point.description, point.position_ras_mm, point.status)
    if not found:
        raise IFIMeasureError(
            f"{path}: no point has the label of a landmark, such as "
            f"'{landmark_label(Side.LEFT, 'lesser_trochanter_tip')}'; "
            "start from the template that 'ifimeasure landmarks' writes."
        )
    return found
