"""What codes say of a segment: in a DICOM Segmentation, or in the terminology of a Slicer segmentation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..anatomy.structures import SIDE_CODES, definitions, names_of_other_programs, structure_from_name
from ..values import Side

_SIDES = {code[1]: side for side, code in SIDE_CODES.items()} | {"G-A100": Side.RIGHT, "G-A101": Side.LEFT}
"""Sides by their codes, of SNOMED CT and of SNOMED RT, which older files have."""

_SAYS_NOTHING = re.compile(r"(segment(ation)?|label|region|roi|mask|new segment)?[ _-]*\d*")
"""Names that programs give to segments by themselves."""

Code = tuple[str, str, str]
"""Scheme, value and meaning."""


def coded_name(name: str, kinds: Iterable[Code], modifiers: Iterable[Code]) -> str:
    """Return the name of a segment: its own, or where that says nothing (``Segment_1``), what its codes say.

    A name that says a structure without its side gets the side of the codes.

    :param kinds: codes of its type, and of the region it lies in.
    :param modifiers: codes that may say the side.
    """
    own = structure_from_name(name, names_of_other_programs())
    side = next((_SIDES[value] for _, value, _ in modifiers if value in _SIDES), None)
    if own is not None:
        unsaid = own.side is None and side is not None and definitions()[own.id].sided
        return f"{name} {side.value}" if unsaid and side is not None else name
    for _, value, meaning in kinds if _SAYS_NOTHING.fullmatch(name.strip().lower()) else ():
        known = next((d.id for d in definitions().values() if value and d.code[1] == value), None)
        coded = structure_from_name(meaning)
        found = known or (coded.id if coded is not None else None)
        if found is not None:
            said = side or (coded.side if coded is not None else None)
            return found if said is None else f"{found}_{said.value}"
    return name


def name_in_dicom(description: Any) -> str:
    """Return the name of a segment of a DICOM Segmentation.

    :param description: item of its SegmentSequence (pydicom).
    """
    types = list(description.get("SegmentedPropertyTypeCodeSequence") or [])
    regions = list(description.get("AnatomicRegionSequence") or [])
    modifiers = [
        code
        for item, keyword in (
            *((item, "SegmentedPropertyTypeModifierCodeSequence") for item in (*types, description)),
            *((item, "AnatomicRegionModifierSequence") for item in regions),
        )
        for code in item.get(keyword) or []
    ]
    label = str(description.get("SegmentLabel", "") or f"segment {description.get('SegmentNumber', '')}")
    return coded_name(label, [_code(item) for item in (*types, *regions)], [_code(item) for item in modifiers])


def _code(item: Any) -> Code:
    scheme, meaning = item.get("CodingSchemeDesignator", ""), item.get("CodeMeaning", "")
    return str(scheme), str(item.get("CodeValue", "") or item.get("LongCodeValue", "")), str(meaning)


def name_in_slicer(name: str, tags: str) -> str:
    """Return the name of a segment of a Slicer segmentation.

    :param tags: of the segment, where Slicer keeps its terminology: category, type and modifier between ``~``, of
        scheme, value and meaning between ``^``.
    """
    entry = next((tag for tag in tags.split("|") if tag.startswith("TerminologyEntry:")), "")
    codes = [tuple((part.split("^") + ["", "", ""])[:3]) for part in entry.split("~")]
    kind, modifier = (codes[2:3], codes[3:4])
    region, region_modifier = (codes[5:6], codes[6:7])
    return coded_name(name, [_three(c) for c in (*kind, *region)], [_three(c) for c in (*modifier, *region_modifier)])


def _three(code: tuple[str, ...]) -> Code:
    scheme, value, meaning = code
    return scheme, value, meaning
