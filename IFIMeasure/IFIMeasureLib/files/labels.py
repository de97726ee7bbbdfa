"""Which label or segment of a file is which structure, as a person or a preset says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..anatomy.structures import Structure, parse_structure
from ..resources import read_json
from ..values import IFIMeasureError


def preset_names() -> list[str]:
    """Return the names of the label presets."""
    return list(read_json("Definitions/structures.json")["presets"])


def read_label_mapping(labels: str) -> tuple[dict[str, Structure], dict[str, str]]:
    """Return what a person says of the labels: label values or segment names to structures, and a preset's further names.

    :param labels: a preset's name, the path of a JSON file, or the JSON itself.
    :raises IFIMeasureError: where it is none of the three, or maps to an unknown structure.
    """
    table = read_json("Definitions/structures.json")
    extra: dict[str, str] = {}
    if labels in table["presets"]:
        raw: Any = table["presets"][labels]
        extra = table["preset_names"].get(labels, {})
        where = f"Preset {labels}"
    else:
        where = "labels"
        text = labels
        if not labels.lstrip().startswith(("{", "[")):
            path = Path(labels)
            if not path.is_file():
                raise IFIMeasureError(
                    f"labels is {labels!r}: it is no preset ({', '.join(table['presets'])}), no JSON file that exists, "
                    "and no JSON.",
                    argument="labels",
                )
            where = path.name
            text = path.read_text(encoding="utf-8-sig", errors="replace")
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise IFIMeasureError(
                f'{where} is not valid JSON ({error}); write it as {{"1": "hip_right", …}}.'
            ) from None
        if not isinstance(raw, dict) or not raw:
            raise IFIMeasureError(
                f'{where} must be one JSON object that maps labels to structures, as {{"1": "hip_right"}}.'
            )
    mapping: dict[str, Structure] = {}
    for key, value in raw.items():
        if isinstance(value, list):
            ids = {parse_structure(item, f"{where}: label {key!r}").id for item in value}
            if {"hip", "femur"} <= ids:
                raise IFIMeasureError(
                    f"{where}: label {key!r} joins femur and pelvis: the space between them cannot be measured; give femur and hip bone labels of their own."
                )
            raise IFIMeasureError(f"{where}: label {key!r} maps to several structures; a label is one structure.")
        mapping[str(key)] = parse_structure(value, f"{where}: label {key!r}")
    return mapping, extra
