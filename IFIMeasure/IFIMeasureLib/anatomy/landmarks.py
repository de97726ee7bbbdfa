"""The landmarks of one side: what they are, whether each has a place, and who placed it.

The list, its order, how to find each point and its code stand in ``Resources/Definitions/landmarks.json``.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..resources import read_json
from ..values import Array, IFIMeasureError, Side
from .structures import definitions


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


@dataclass(frozen=True, kw_only=True)
class LandmarkDefinition:
    """One landmark. In the definition file, all but ``id``, ``title`` and ``how`` may be left out.

    :param how: how to find it.
    :param code: scheme, value, meaning; a private one where no standard has any.
    :param on: id of the structure it lies on, so that a point near its surface is drawn to it; empty where on none.
    :param surface: whether it lies on the structure's surface, or else within.
    :param by_hand: whether persons alone place it: the program does not look for it.
    """

    id: str
    title: str
    how: str
    code: tuple[str, str, str]
    on: str = ""
    surface: bool = True
    by_hand: bool = True

    @property
    def why_missing(self) -> str:
        """The reason where it was not placed, and nothing more is known."""
        if self.by_hand:
            return "it is placed by hand only, and nobody has placed it."
        return f"no {self.on} was found to place it on."


@dataclass(frozen=True)
class Landmark:
    """A landmark of one side.

    Make it by :meth:`automatic`, :meth:`manual` or :meth:`missing`, or take :data:`NOT_PLACED`.

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


DEFINITION_FILE = "Definitions/landmarks.json"
"""Below ``Resources``."""

_FIELDS = {"id", "title", "how", "code", "on", "surface", "placed"}
_PLACED = ("by hand", "by program")


@functools.cache
def landmark_definitions() -> dict[str, LandmarkDefinition]:
    """Return every landmark's definition by id, in their fixed order. Do not change what is returned.

    :raises IFIMeasureError: where the definition file is wrong.
    """
    found: dict[str, LandmarkDefinition] = {}
    for entry in read_json(DEFINITION_FILE)["landmarks"]:
        definition = _definition(entry)
        for other in found.values():
            if _plain(definition.id) == _plain(other.id) or _plain(definition.title) == _plain(other.title):
                raise IFIMeasureError(
                    f"{DEFINITION_FILE}: {other.id!r} and {definition.id!r} have one id or one title."
                )
        found[definition.id] = definition
    return found


def _definition(entry: dict[str, Any]) -> LandmarkDefinition:
    """A landmark as the definition file says it; what may be left out is filled in."""
    name = entry.get("id", entry)
    for wrong, sentence in (
        (entry.keys() - _FIELDS, f"it may hold {', '.join(sorted(_FIELDS))}, and nothing else."),
        ({"id", "title", "how"} - entry.keys(), "it needs an id, a title and how to find it."),
        (not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)), "its id must be of small letters, digits and underscores."),
        (entry.get("placed", _PLACED[0]) not in _PLACED, f"it must be placed {' or '.join(_PLACED)}."),
        (
            entry.get("on", "") not in ("", *definitions()),
            f"there is no structure {entry.get('on')!r} it could lie on.",
        ),
        (len(entry.get("code", ("",) * 3)) != 3, "its code must be scheme, value and meaning."),
        (not 0 < len(entry.get("title", "")) <= 64, "its title must have 1 to 64 characters, for DICOM."),
    ):
        if wrong:
            raise IFIMeasureError(f"{DEFINITION_FILE}: landmark {name!r}: {sentence}")
    title: str = entry["title"]
    scheme, value, meaning = entry.get("code", ("99IFIMEASURE", entry["id"].upper(), title))
    return LandmarkDefinition(
        id=entry["id"],
        title=title,
        how=entry["how"],
        code=(scheme, value, meaning),
        on=entry.get("on", ""),
        surface=entry.get("surface", True),
        by_hand=entry.get("placed", _PLACED[0]) == _PLACED[0],
    )


def _plain(text: str) -> str:
    """Words alone, for comparing: small letters and digits, one blank between words."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def empty_landmarks() -> LandmarkSet:
    """Return a set in which nothing is placed yet."""
    return dict.fromkeys(landmark_definitions(), NOT_PLACED)


def landmark_label(side: Side, landmark_id: str) -> str:
    """Return the label of a landmark's control point, such as ``Left lesser trochanter tip``."""
    title: str = landmark_definitions()[landmark_id].title
    return f"{side.value.capitalize()} {title[0].lower()}{title[1:]}"


@functools.lru_cache(maxsize=256)
def parse_label(label: str) -> tuple[Side, str] | None:
    """Return the side and id that a point's label (or ``left lesser_trochanter_tip``) means; None for other labels."""
    words = _plain(label).split()
    if not words or words[0] not in ("left", "right", "l", "r"):
        return None
    plain = " ".join(words[1:])
    for definition in landmark_definitions().values():
        if plain in (_plain(definition.title), _plain(definition.id)):
            return (Side.LEFT if words[0].startswith("l") else Side.RIGHT), definition.id
    return None


def merge(automatic: LandmarkSet, person: LandmarkSet) -> LandmarkSet:
    """Return the automatic landmarks with a person's in their place, point by point; their "missing" counts, too."""
    return {
        key: person[key] if key in person and person[key].by_person else landmark for key, landmark in automatic.items()
    }


def position(landmarks: LandmarkSet, landmark_id: str) -> Array | None:
    """Return a landmark's position, RAS millimeter, or None where it is not placed."""
    place = landmarks[landmark_id].position_ras_mm
    return None if place is None else np.array(place)
