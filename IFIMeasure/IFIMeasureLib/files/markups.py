"""Slicer's markup files (``.mrk.json``): read into landmarks, and landmarks written as them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..anatomy.landmarks import (
    LandmarkSet,
    LandmarkState,
    empty_landmarks,
    landmark_definitions,
    landmark_description,
    landmark_label,
    parse_label,
    parse_origin,
)
from ..values import IFIMeasureError, Side, point3


def markups_document(landmarks: dict[Side, LandmarkSet], name: str) -> dict[str, Any]:
    """Return the content of a Slicer markups file (schema 1.0.3, LPS millimeter) of one or both sides' landmarks."""
    points: list[dict[str, Any]] = []
    for side, chosen in landmarks.items():
        for key, landmark in chosen.items():
            definition = landmark_definitions()[key]
            place = landmark.position_ras_mm
            status = {LandmarkState.MISSING: "missing", LandmarkState.NOT_PLACED: "undefined"}.get(
                landmark.state, "defined"
            )
            points.append(
                {
                    "id": str(len(points) + 1),
                    "label": landmark_label(side, key),
                    "description": definition.how
                    if landmark.state is LandmarkState.NOT_PLACED
                    else landmark_description(landmark),
                    "associatedNodeID": "",
                    "position": "" if place is None else [-place[0], -place[1], place[2]],
                    "orientation": [-1.0, -0.0, -0.0, -0.0, -1.0, -0.0, 0.0, 0.0, 1.0],
                    "selected": True,
                    "locked": False,
                    "visibility": True,
                    "positionStatus": status,
                }
            )
    return {
        "@schema": "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#",
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
    status: str
    position_ras_mm: tuple[float, float, float] | None


def read_markups(path: Path, what: str, wanted: Callable[[str, str], bool]) -> list[MarkupsPoint]:
    """Read the control points of a Slicer markups file (``.mrk.json``).

    :param what: what it holds, for messages (``landmarks``).
    :param wanted: of the list's name and the point's label, whether the point matters; others are left alone, whatever they hold.
    :raises IFIMeasureError: where it is no markups file, not in millimeters, or a position is not finite.
    """
    if not path.exists():
        raise IFIMeasureError(f"{path}: there is no such file of {what}.")
    try:
        markups = json.loads(path.read_text(encoding="utf-8-sig"))["markups"]
        points = [(node, point) for node in markups for point in node.get("controlPoints", [])]
        named = [(node, point, str(node.get("name", "")), str(point.get("label", ""))) for node, point in points]
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
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
        flip = (
            np.array([1.0, 1.0, 1.0])
            if str(node.get("coordinateSystem", "LPS")) in ("RAS", "0")
            else np.array([-1.0, -1.0, 1.0])
        )
        status = str(point.get("positionStatus", "defined"))
        place = None
        if status == "defined":
            try:
                raw = [float(v) for v in point.get("position", [])]
            except (TypeError, ValueError):
                raw = []
            if len(raw) != 3 or not all(math.isfinite(v) for v in raw):
                raise IFIMeasureError(
                    f"{path}: the position of '{label or name}' is {point.get('position')}, which is not three finite numbers; place the point again."
                )
            place = point3(np.array(raw) * flip)
        found.append(MarkupsPoint(name, label, str(point.get("description", "")), status, place))
    return found


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
        description = "" if point.description == landmark_definitions()[key].how else point.description
        landmarks[key] = parse_origin(description, point.position_ras_mm, point.status)
    if not found:
        raise IFIMeasureError(
            f"{path}: no point has the label of a landmark, such as '{landmark_label(Side.LEFT, 'lesser_trochanter_tip')}'; "
            "start from the template that 'ifimeasure landmarks' writes."
        )
    return found
