"""The landmarks of one side: what they are, whether each has a place, and who placed it.

The list, its order, how to find each point and its code stand in ``Resources/Definitions/landmarks.json``.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass

import numpy as np

from ..resources import read_json
from ..values import Array, IFIMeasureError, Side


class LandmarkStatus(enum.Enum):
    """Whether a landmark has a place; the values are Slicer's own. Saved by value: never rename."""

    UNDEFINED = "undefined"
    """Nobody has placed it yet."""
    DEFINED = "defined"
    MISSING = "missing"
    """Looked for, and not to be found."""


class PlacedBy(enum.Enum):
    """Who placed a landmark, or said that it is missing. Saved by value: never rename."""

    PROGRAM = "program"
    PERSON = "person"


MARKED_MISSING = "marked as not identifiable by a person."
"""Reason of a landmark that a person marked as missing without a word."""


@dataclass(frozen=True)
class LandmarkDefinition:
    """One landmark: its id, title, code (scheme, value, meaning), and how to find it.

    It lies on the surface of the structure ``on`` or, where not ``surface``, in it.
    """

    id: str
    title: str
    code: tuple[str, str, str]
    how: str
    on: str
    surface: bool


@dataclass(frozen=True)
class Landmark:
    """A landmark of one side; make it by :meth:`automatic`, :meth:`manual`, :meth:`missing`, or take :data:`NOT_PLACED`.

    :param status: whether it has a place.
    :param position_ras_mm: its place, RAS millimeter; None unless the status is defined.
    :param placed_by: who placed it or said that it is missing; None where the status is undefined.
    :param reason: a sentence that says why it is missing; empty unless it is.
    :raises IFIMeasureError: where these contradict one another.
    """

    status: LandmarkStatus
    position_ras_mm: tuple[float, float, float] | None = None
    placed_by: PlacedBy | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.position_ras_mm is not None) is not (self.status is LandmarkStatus.DEFINED):
            raise IFIMeasureError(
                f"position_ras_mm is {self.position_ras_mm} for a landmark that is {self.status.value}."
            )
        if (self.placed_by is None) is not (self.status is LandmarkStatus.UNDEFINED):
            raise IFIMeasureError(f"placed_by is {self.placed_by} for a landmark that is {self.status.value}.")

    @classmethod
    def automatic(cls, position_ras_mm: tuple[float, float, float]) -> Landmark:
        """Return a landmark that the program placed, RAS millimeter."""
        return cls(LandmarkStatus.DEFINED, position_ras_mm, PlacedBy.PROGRAM)

    @classmethod
    def manual(cls, position_ras_mm: tuple[float, float, float]) -> Landmark:
        """Return a landmark that a person placed, RAS millimeter."""
        return cls(LandmarkStatus.DEFINED, position_ras_mm, PlacedBy.PERSON)

    @classmethod
    def missing(cls, reason: str, placed_by: PlacedBy = PlacedBy.PROGRAM) -> Landmark:
        """Return a landmark that was looked for and not found.

        :param reason: a sentence that says why.
        :param placed_by: who says so.
        """
        return cls(LandmarkStatus.MISSING, None, placed_by, reason)

    @property
    def by_person(self) -> bool:
        """Whether a person placed it or said that it is missing: the program leaves it as it is."""
        return self.placed_by is PlacedBy.PERSON

    @property
    def state(self) -> str:
        """The word for it in tables: ``automatic``, ``manual``, ``missing`` or ``not placed``."""
        if self.status is LandmarkStatus.DEFINED:
            return "manual" if self.by_person else "automatic"
        return "missing" if self.status is LandmarkStatus.MISSING else "not placed"


NOT_PLACED = Landmark(LandmarkStatus.UNDEFINED)
"""A landmark that nobody has placed yet."""

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
    """Return the side and id that a control point's label (or ``left lesser_trochanter_tip``) means; None for others."""
    words = re.sub(r"[^a-z0-9]+", " ", label.lower()).split()
    if not words or words[0] not in ("left", "right", "l", "r"):
        return None
    plain = " ".join(words[1:])
    for definition in landmark_definitions().values():
        if plain in (re.sub(r"[^a-z0-9]+", " ", definition.title.lower()).strip(), definition.id.replace("_", " ")):
            return (Side.LEFT if words[0].startswith("l") else Side.RIGHT), definition.id
    return None


def merge(automatic: LandmarkSet, person: LandmarkSet) -> LandmarkSet:
    """Return the automatic landmarks with a person's in their place, point by point; a person's "missing" counts, too."""
    return {
        key: person[key] if key in person and person[key].by_person else landmark for key, landmark in automatic.items()
    }


def position(landmarks: LandmarkSet, landmark_id: str) -> Array | None:
    """Return a landmark's position, RAS millimeter, or None where it is not placed."""
    place = landmarks[landmark_id].position_ras_mm
    return None if place is None else np.array(place)
