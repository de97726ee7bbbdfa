"""The landmarks of one side: what they are, where each comes from, and Slicer's markup files of them.

The list, its order, how to find each point and its code stand in ``Resources/Definitions/landmarks.json``.
"""

from __future__ import annotations

import enum
import functools
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .resources import read_json
from .values import Array, IFIMeasureError, Side, point3


class LandmarkState(enum.Enum):
    """Where a landmark stands. Saved by value: never rename."""

    NOT_PLACED = "not placed"
    AUTOMATIC = "automatic"
    MANUAL = "manual"
    MISSING = "missing"


@dataclass(frozen=True)
class LandmarkDefinition:
    """One landmark: its id, title, code (scheme, value, meaning), how to find it, and the structure it lies on or (not ``surface``) in."""

    id: str
    title: str
    code: tuple[str, str, str]
    how: str
    on: str
    surface: bool


@dataclass(frozen=True)
class Landmark:
    """A landmark of one side. ``position_ras_mm`` is None unless the state is automatic or manual; ``reason`` says why it is missing."""

    state: LandmarkState
    position_ras_mm: tuple[float, float, float] | None = None
    reason: str = ""


NOT_PLACED = Landmark(LandmarkState.NOT_PLACED)

LandmarkSet = dict[str, Landmark]
"""All landmarks of one side, by id, in the order of the definition file."""


@functools.lru_cache(maxsize=None)
def landmark_definitions() -> dict[str, LandmarkDefinition]:
    """Return every landmark's definition by id, in their fixed order. Do not change what is returned."""
    return {
        entry["id"]: LandmarkDefinition(entry["id"], entry["title"], tuple(entry["code"]), entry["how"], entry["on"], entry["surface"])
        for entry in read_json("Definitions/landmarks.json")["landmarks"]
    }


def empty_landmarks() -> LandmarkSet:
    """Return a set in which nothing is placed yet."""
    return dict.fromkeys(landmark_definitions(), NOT_PLACED)


def landmark_label(side: Side, landmark_id: str) -> str:
    """Return the label of a landmark's control point, such as ``Left lesser trochanter tip``."""
    title: str = landmark_definitions()[landmark_id].title
    return f"{side.value.capitalize()} {title[0].lower()}{title[1:]}"


@functools.lru_cache(maxsize=256)
def parse_label(label: str) -> tuple[Side, str] | None:
    """Return the side and id that a control point's label (or ``left lesser_trochanter_tip``) means; None where none."""
    words = re.sub(r"[^a-z0-9]+", " ", label.lower()).split()
    if not words or words[0] not in ("left", "right", "l", "r"):
        return None
    plain = " ".join(words[1:])
    for definition in landmark_definitions().values():
        if plain in (re.sub(r"[^a-z0-9]+", " ", definition.title.lower()).strip(), definition.id.replace("_", " ")):
            return (Side.LEFT if words[0].startswith("l") else Side.RIGHT), definition.id
    return None


def landmark_description(landmark: Landmark) -> str:
    """Return what a control point's description says of its origin; :func:`parse_origin` reads it back."""
    if landmark.state is LandmarkState.AUTOMATIC and landmark.position_ras_mm is not None:
        return "automatic at RAS " + " ".join(f"{v:.3f}" for v in landmark.position_ras_mm)
    if landmark.state is LandmarkState.MISSING:
        return f"missing: {landmark.reason}"
    return str(landmark.state.value)


def parse_origin(description: str, position_ras_mm: tuple[float, float, float] | None, status: str) -> Landmark:
    """Return the landmark that a control point's description, position and status mean.

    A point that still lies where it was placed automatically is automatic; one that a person moved is manual.
    """
    if status == "missing":
        return Landmark(LandmarkState.MISSING, None, description.removeprefix("missing: ") or "marked as not identifiable by a person.")
    if status != "defined" or position_ras_mm is None:
        return NOT_PLACED
    match = re.match(r"automatic at RAS (\S+) (\S+) (\S+)$", description)
    if match:
        placed = np.array([float(v) for v in match.groups()])
        if np.abs(placed - position_ras_mm).max() < 0.002:
            return Landmark(LandmarkState.AUTOMATIC, position_ras_mm)
    return Landmark(LandmarkState.MANUAL, position_ras_mm)


def merge(automatic: LandmarkSet, person: LandmarkSet) -> LandmarkSet:
    """Return the automatic landmarks with a person's in their place, point by point."""
    return {key: person[key] if key in person and (person[key].state is LandmarkState.MANUAL or _marked_missing(person[key])) else landmark for key, landmark in automatic.items()}


def _marked_missing(landmark: Landmark) -> bool:
    return landmark.state is LandmarkState.MISSING and "by a person" in landmark.reason


def position(landmarks: LandmarkSet, landmark_id: str) -> Array | None:
    """Return a landmark's position, RAS millimeter, or None where it is not placed."""
    place = landmarks[landmark_id].position_ras_mm
    return None if place is None else np.array(place)


def markups_document(landmarks: dict[Side, LandmarkSet], name: str) -> dict[str, Any]:
    """Return the content of a Slicer markups file (schema 1.0.3, LPS millimeter) of one or both sides' landmarks."""
    points: list[dict[str, Any]] = []
    for side, chosen in landmarks.items():
        for key, landmark in chosen.items():
            definition = landmark_definitions()[key]
            place = landmark.position_ras_mm
            status = {LandmarkState.MISSING: "missing", LandmarkState.NOT_PLACED: "undefined"}.get(landmark.state, "defined")
            points.append(
                {
                    "id": str(len(points) + 1),
                    "label": landmark_label(side, key),
                    "description": definition.how if landmark.state is LandmarkState.NOT_PLACED else landmark_description(landmark),
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
        raise IFIMeasureError(f"{path}: this is not a Slicer markups file; save the {what} from Slicer as .mrk.json.") from None
    found = []
    for node, point, name, label in named:
        if not wanted(name, label):
            continue
        unit = node.get("coordinateUnits", "mm")
        if unit not in ("mm", ["mm", "UCUM", "millimeter"]) and "mm" not in str(unit):
            raise IFIMeasureError(f"{path}: the coordinates are in {unit}; save the {what} in millimeters.")
        flip = np.array([1.0, 1.0, 1.0]) if str(node.get("coordinateSystem", "LPS")) in ("RAS", "0") else np.array([-1.0, -1.0, 1.0])
        status = str(point.get("positionStatus", "defined"))
        place = None
        if status == "defined":
            try:
                raw = [float(v) for v in point.get("position", [])]
            except (TypeError, ValueError):
                raw = []
            if len(raw) != 3 or not all(math.isfinite(v) for v in raw):
                raise IFIMeasureError(f"{path}: the position of '{label or name}' is {point.get('position')}, which is not three finite numbers; place the point again.")
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
