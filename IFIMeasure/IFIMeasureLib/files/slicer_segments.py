"""The segments that the header of a Slicer segmentation (``.seg.nrrd``) names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..images.masks import SegmentRef
from ..values import IFIMeasureError
from .coded_segments import name_in_slicer
from .intact import damaged

_ALIKE = ("ID", "Name", "LabelValue", "Layer")
"""A writer gives a key of these to every segment, or to none."""


def slicer_segments(keys: Mapping[str, str], layers: int, path: Path) -> list[SegmentRef]:
    """Return the segments that a header names, in their order; none where it is not one of Slicer's.

    :param keys: of the header.
    :param layers: how many there are.
    :raises IFIMeasureError: where the header is damaged, or names a layer that is not there.
    """
    numbered: dict[int, dict[str, str]] = {}
    for key, value in keys.items():
        match = re.fullmatch(r"Segment(\d{1,6})_(\w+)", key)
        if match:
            numbered.setdefault(int(match[1]), {})[match[2]] = value
    segments = [of for _, of in sorted(numbered.items()) if "ID" in of or "Name" in of]
    if not segments:
        return []
    for key in _ALIKE:
        lacking = sum(key not in of for of in segments)
        if len(segments) < len(numbered) or 0 < lacking < len(segments):
            raise damaged(path, f"its header says no {key} of some segments, and one of others")
    return [_segment(of, number, layers, len(segments), path) for number, of in enumerate(segments)]


def _segment(of: Mapping[str, str], number: int, layers: int, segments: int, path: Path) -> SegmentRef:
    name = of.get("Name") or of.get("ID") or str(number)
    if _is_flipped(name, of.get("ID", name)):
        raise damaged(path, f"its header calls a segment {name!r} and {of['ID']!r}")
    # files that say no layers have one for all segments, or (of Slicer 4.10 and before) one for each
    layer = _whole(of.get("Layer", str(number if layers == segments else 0)), f"layer of {name}", path)
    value = _whole(of.get("LabelValue", "1" if layers == segments else str(number + 1)), f"label of {name}", path)
    if not 0 <= layer < layers:
        raise IFIMeasureError(
            f"{path}: the segment {name} lies in layer {layer} by the header, and layers 0 to {layers - 1} are there; "
            "save the segmentation again from 3D Slicer."
        )
    return SegmentRef(name_in_slicer(name, of.get("Tags", "")), layer, value)


def _is_flipped(one: str, other: str) -> bool:
    """Whether two texts differ by a single bit, as names that were written twice do when one is damaged."""
    if len(one) != len(other) or one == other:
        return False
    bits = [ord(a) ^ ord(b) for a, b in zip(one, other) if a != b]
    return len(bits) == 1 and bits[0].bit_count() == 1


def _whole(text: str, what: str, path: Path) -> int:
    if not re.fullmatch(r"\s*-?\d{1,9}\s*", text):
        raise damaged(path, f"its header says {text[:40]!r} for the {what}")
    return int(text)


def refuse_contradiction(segments: Sequence[SegmentRef], boxes: Mapping[int, list[Any]], path: Path) -> None:
    """Refuse segments that do not fit the labels that are there.

    :param boxes: by layer, the bounding box of each label from 1 on, None where it has no voxel.
    :raises IFIMeasureError: where two are the same label, or one has no voxel and voxels belong to none.
    """
    places: dict[tuple[int, int], str] = {}
    for ref in segments:
        other = places.setdefault((ref.layer, ref.value), ref.name)
        if other is not ref.name:
            raise damaged(path, f"its header gives {ref.name} the label {ref.value}, which is that of {other}")
    for number, of_layer in boxes.items():
        there = {value for value, box in enumerate(of_layer, 1) if box is not None}
        said = {ref.value for ref in segments if ref.layer == number}
        if there - said and said - there:
            values = ", ".join(map(str, sorted(there - said)[:5]))
            empty = ", ".join(ref.name for ref in segments if ref.layer == number and ref.value not in there)
            raise damaged(path, f"voxels of label {values} belong to no segment, and none to {empty}")
