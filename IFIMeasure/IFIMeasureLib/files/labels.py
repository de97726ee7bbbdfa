"""Which label or segment of a file is which structure, as a person or a preset says it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..anatomy.structures import Structure, parse_structure
from ..resources import read_json
from ..values import IFIMeasureError
from .texts import read_text


def preset_names() -> list[str]:
    """Return the names of the label presets."""
    return list(read_json("Definitions/structures.json")["presets"])


def read_label_mapping(
    labels: str | os.PathLike[str] | Mapping[Any, str],
) -> tuple[dict[str, Structure], dict[str, str]]:
    """Return what a person says of the labels.

    :param labels: a preset's name, the path of a JSON file, the JSON itself, or what it would say.
    :returns: label values or segment names to structures, and further names of structures that a preset knows.
    :raises IFIMeasureError: where it is none of them, or maps to an unknown structure.
    """
    table = read_json("Definitions/structures.json")
    if not isinstance(labels, (str, os.PathLike)):
        where, raw, extra = "labels", _checked(labels, "labels"), {}
    elif labels in table["presets"]:
        where = f"Preset {labels}"
        raw, extra = table["presets"][labels], table["preset_names"].get(labels, {})
    else:
        where, text = _mapping_text(os.fspath(labels))
        raw, extra = _parsed(text, where), {}
    mapping: dict[str, Structure] = {}
    for key, value in raw.items():
        label = str(key)
        if label in mapping:
            raise IFIMeasureError(f"{where} holds the label {label} twice; say once what it is.", argument="labels")
        mapping[label] = _structure_of(value, f"{where}: label {label!r}")
    return mapping, extra


def _mapping_text(labels: str) -> tuple[str, str]:
    """How a mapping is called in sentences, and its JSON, which is ``labels`` itself or the content of a file."""
    if labels.lstrip().startswith(("{", "[")):
        return "labels", labels
    path = Path(labels)
    if not path.is_file():
        raise IFIMeasureError(
            f"labels is {labels!r}: it is no preset ({', '.join(preset_names())}), no JSON file that exists, and no "
            "JSON.",
            argument="labels",
        )
    return path.name, read_text(path)


def _parsed(text: str, where: str) -> Mapping[Any, Any]:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise IFIMeasureError(
            f'{where} is not valid JSON ({error}); write it as {{"1": "hip_right", …}}.', argument="labels"
        ) from None
    return _checked(raw, where)


def _checked(raw: Any, where: str) -> Mapping[Any, Any]:
    if not isinstance(raw, Mapping) or not raw:
        raise IFIMeasureError(
            f'{where} must be one JSON object that maps labels to structures, as {{"1": "hip_right"}}.',
            argument="labels",
        )
    return raw


def _structure_of(value: Any, where: str) -> Structure:
    """The structure that a label maps to.

    :raises IFIMeasureError: where there are several, or it is unknown.
    """
    if not isinstance(value, list):
        return parse_structure(value, where)
    if {"hip", "femur"} <= {parse_structure(item, where).id for item in value}:
        raise IFIMeasureError(
            f"{where} joins femur and pelvis: the space between them cannot be measured;"
            " give femur and hip bone labels of their own."
        )
    raise IFIMeasureError(f"{where} maps to several structures; a label is one structure.")
