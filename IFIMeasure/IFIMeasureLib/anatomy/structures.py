"""Structures of the hip, and which label or segment of a file is which structure.

The names that other programs use (TotalSegmentator, MuscleMap, BodyParts3D) and the presets of label
values stand in ``Resources/Definitions/structures.json``.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

from ..resources import read_json
from ..values import IFIMeasureError, Side

SIDE_CODES = {Side.RIGHT: ("SCT", "24028007", "Right"), Side.LEFT: ("SCT", "7771000", "Left")}
"""Codes (scheme, value, meaning) of the sides."""

ANATOMICAL_STRUCTURE = ("SCT", "91723000", "Anatomical Structure")
_MUSCLE = ("SCT", "91727004", "Muscle")

_SIDE_WORDS = {
    "left": Side.LEFT,
    "right": Side.RIGHT,
    "l": Side.LEFT,
    "r": Side.RIGHT,
    "lt": Side.LEFT,
    "rt": Side.RIGHT,
}


@dataclass(frozen=True)
class StructureDefinition:
    """One kind of structure.

    :param id: stable and short; the name in mappings, tables and files.
    :param sided: whether there is one on each side.
    :param muscle: whether it is a muscle.
    :param bone: whether it is a bone.
    :param listed: whether a new segmentation lists it, to be drawn.
    :param color: red, green, blue, 0 to 255.
    :param code: code (scheme, value, meaning).
    :param names: what segments of it are called, in words of lower case joined by ``_``.
    """

    id: str
    title: str
    sided: bool
    muscle: bool
    bone: bool
    listed: bool
    color: tuple[int, int, int]
    code: tuple[str, str, str]
    names: tuple[str, ...]

    @property
    def category(self) -> tuple[str, str, str]:
        """Code (scheme, value, meaning) of the category it belongs to."""
        return _MUSCLE if self.muscle else ANATOMICAL_STRUCTURE


@dataclass(frozen=True)
class Structure:
    """A structure of one side, or (side ``None``) one in the midline or one that joins both sides."""

    id: str
    side: Side | None = None

    @property
    def name(self) -> str:
        """The name used in mappings and tables, such as ``femur_left``."""
        return self.id if self.side is None else f"{self.id}_{self.side.value}"

    @property
    def title(self) -> str:
        """The name for people, such as ``Left femur``."""
        title = definitions()[self.id].title
        return title if self.side is None else f"{self.side.value.capitalize()} {title[0].lower()}{title[1:]}"


@functools.cache
def definitions() -> dict[str, StructureDefinition]:
    """Return every kind of structure by id, in the order of the definition file. Do not change what is returned."""
    return {
        entry["id"]: StructureDefinition(
            id=entry["id"],
            title=entry["title"],
            sided=entry["sided"],
            muscle=entry.get("muscle", False),
            bone=entry.get("bone", False),
            listed=entry.get("listed", False),
            color=tuple(entry["color"]),
            code=tuple(entry["code"]),
            names=tuple(entry["names"]),
        )
        for entry in read_json("Definitions/structures.json")["structures"]
    }


def structure_from_name(name: str, extra_names: dict[str, str] | None = None) -> Structure | None:
    """Return the structure that a segment's name means, or None where it means none that is known.

    :param name: such as ``hip_left``, ``Right femur``, ``right_femur__FJ3365``.
    :param extra_names: further names of one program, as name to structure id.

    >>> structure_from_name("Left Femur").name
    'femur_left'
    >>> structure_from_name("liver") is None
    True
    """
    words = [word for word in re.split(r"[^a-z0-9]+", re.sub(r"__fj\d+m?$", "", name.lower())) if word]
    side = None
    kept = []
    for word in words:
        if word in _SIDE_WORDS and side is None:
            side = _SIDE_WORDS[word]
        else:
            kept.append(word)
    plain = "_".join(kept)
    for definition in definitions().values():
        if plain in definition.names:
            return Structure(definition.id, side if definition.sided else None)
    if extra_names and plain in extra_names:
        return Structure(extra_names[plain], side)
    return None


@functools.cache
def names_of_other_programs() -> dict[str, str]:
    """Return the names that the presets' programs give to structures of ours, as name to structure id."""
    return {
        name: structure
        for names in read_json("Definitions/structures.json")["preset_names"].values()
        for name, structure in names.items()
    }


def names_known_unasked() -> dict[str, str]:
    """Return those of :func:`names_of_other_programs` that count where a person has said nothing.

    BodyParts3D's are not among them: they take whole hamstring muscles for their tendons, which gives another space.
    """
    return dict(read_json("Definitions/structures.json")["preset_names"]["musclemap"])


def parse_structure(text: Any, where: str) -> Structure:
    """Return the structure that a mapping names.

    :raises IFIMeasureError: where the name is none of the known ones, or joins femur and pelvis.
    """
    if isinstance(text, str):
        structure = structure_from_name(text)
        if structure is not None:
            return structure
        words = set(re.split(r"[^a-z]+", text.lower()))
        if {"femur", "femora"} & words and {"hip", "pelvis"} & words:
            raise IFIMeasureError(
                f"{where} maps to {text!r}, which joins femur and pelvis: the space between them cannot be measured;"
                " give femur and hip bone labels of their own."
            )
    known = ", ".join(definitions())
    raise IFIMeasureError(
        f"{where} maps to {text!r}, which is no known structure; use one of {known}, with _left or _right behind it."
    )
