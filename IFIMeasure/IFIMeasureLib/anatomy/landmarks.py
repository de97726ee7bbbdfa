"""The landmarks of one side: what they are, where each comes from, and Slicer's markup files of them.

The list, its order, how to find each point and its code stand in ``Resources/Definitions/landmarks.json``.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass

import numpy as np

from ..resources import read_json
from ..values import Array, Side


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
        entry["id"]: LandmarkDefinition(
            entry["id"], entry["title"], tuple(entry["code"]), entry["how"], entry["on"], entry["surface"]
        )
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
        return Landmark(
            LandmarkState.MISSING,
            None,
            description.removeprefix("missing: ") or "marked as not identifiable by a person.",
        )
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
    return {
        key: person[key]
        if key in person and (person[key].state is LandmarkState.MANUAL or _marked_missing(person[key]))
        else landmark
        for key, landmark in automatic.items()
    }


def _marked_missing(landmark: Landmark) -> bool:
    return landmark.state is LandmarkState.MISSING and "by a person" in landmark.reason


def position(landmarks: LandmarkSet, landmark_id: str) -> Array | None:
    """Return a landmark's position, RAS millimeter, or None where it is not placed."""
    place = landmarks[landmark_id].position_ras_mm
    return None if place is None else np.array(place)
