"""3D Slicer's terminology of our structures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .structures import ANATOMICAL_STRUCTURE, SIDE_CODES, definitions

TERMINOLOGY_NAME = "IFIMeasure"
"""Name of our terminology in 3D Slicer."""


def terminology_document(places: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """Return 3D Slicer's terminology file of our structures (segment context of dcmqi's schema).

    :param places: codes of further types that are no segments of ours but may be drawn.
    """

    def coded(code: tuple[str, str, str], **more: Any) -> dict[str, Any]:
        return {"CodeMeaning": code[2], "CodingSchemeDesignator": code[0], "CodeValue": code[1], **more}

    sides = [coded(code) for code in SIDE_CODES.values()]
    types: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for definition in definitions().values():
        more = {"recommendedDisplayRGBValue": list(definition.color), "3dSlicerLabel": definition.id}
        types.setdefault(definition.category, []).append(
            coded(definition.code, **more, **({"Modifier": sides} if definition.sided else {}))
        )
    for code in places:
        types[ANATOMICAL_STRUCTURE].append(coded(code, recommendedDisplayRGBValue=[230, 200, 120], Modifier=sides))
    return {
        "SegmentationCategoryTypeContextName": TERMINOLOGY_NAME,
        "@schema": "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/schemas/segment-context-schema.json#",
        "SegmentationCodes": {
            "Category": [coded(category, showAnatomy=False, Type=of) for category, of in types.items()]
        },
    }
