"""Segments of a study: what structure each is, and where a muscle among them came from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast, get_args

import numpy as np
import slicer
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import reference

from ..anatomy.structures import (
    SIDE_CODES,
    Structure,
    definitions,
    names_known_unasked,
    parse_structure,
    structure_from_name,
)
from ..images.masks import Mask
from ..study.provenance import FOUND_IN_IMAGE, MuscleOrigin
from ..values import Side
from .matrices import world_matrix
from .record import StudyRecord
from .segmentations import replace_voxels, write_segment

_ORIGIN = "IFIMeasure.origin"
"""Tag of a segment: where it came from, and the checksum of its voxels as they were then."""

_FOUND = "IFIMeasure.automatic"
"""The same in version 0.1.0, of a segment that was found in the image: the checksum alone."""


def structures_of(study: StudyRecord) -> dict[str, str]:
    """Return what each segment is taken for, as segment id to structure name; empty for none of them.

    A person's word counts first, then the segment's name, then its terminology.
    """
    node, said = study.segmentation, study.mapping
    if node is None:
        return {}
    segmentation = node.GetSegmentation()
    return {
        key: said[key] if key in said else guess_structure(segmentation.GetSegment(key)) for key in segment_ids(node)
    }


def is_filled(study: StudyRecord, segment_id: str) -> bool:
    """Whether anything is drawn in a segment; a new segmentation lists those that are still to be drawn."""
    segmentation = study.segmentation.GetSegmentation()
    image = segmentation.GetSegment(segment_id).GetRepresentation(segmentation.GetSourceRepresentationName())
    return image is not None and image.GetNumberOfPoints() > 0


def guess_structure(segment: Any) -> str:
    """Return the structure that a segment's name or, failing that, its terminology means; empty where neither does."""
    structure = structure_from_name(segment.GetName() or "", names_known_unasked())
    if structure is not None:
        return structure.name
    entry = reference("")
    if not segment.GetTag("TerminologyEntry", entry):
        return ""
    parts = str(entry).split("~")
    if len(parts) < 4:
        return ""
    scheme_value = tuple(parts[2].split("^")[:2])
    modifier = (parts[3].split("^") + ["", ""])[1]
    side = next((side for side, code in SIDE_CODES.items() if code[1] == modifier), None)
    for definition in definitions().values():
        if definition.code[:2] == scheme_value and definition.code[1] != "13024002":  # "tendon" alone says not which
            return Structure(definition.id, side if definition.sided else None).name
    return ""


def write_muscle(study: StudyRecord, side: Side, mask: Mask, origin: MuscleOrigin) -> None:
    """Write a quadratus femoris into the segmentation, marked with where it came from.

    :param mask: in world coordinates.
    :param origin: one that was found in the image is a segment of its own, and may be replaced as long as no one has
        edited it. ``drawn slices`` are what a person drew, filled, in their own segment.
    """
    node = study.segmentation
    into_node = np.linalg.inv(world_matrix(node))
    own = Mask(mask.array, replace(mask.grid, affine=into_node @ mask.grid.affine), mask.cut)
    wanted = Structure("quadratus_femoris", side).name
    known = next((key for key, name in structures_of(study).items() if name == wanted), None)
    if origin in FOUND_IN_IMAGE:
        # a segment that a person wants to be nothing of ours keeps its voxels, whatever its id
        segment_id = known or node.GetSegmentation().GenerateUniqueSegmentID(wanted)
        write_segment(node, "quadratus_femoris", side, own, segment_id)
        if known is None and segment_id in study.mapping:  # said of a segment that is gone
            study.mapping = {key: name for key, name in study.mapping.items() if key != segment_id}
    else:
        assert known is not None
        segment_id = known
        replace_voxels(node, segment_id, own)
    _mark_origin(node, segment_id, origin)


def mark_origins(node: Any, origins: Mapping[Side, MuscleOrigin]) -> None:
    """Mark the muscles of a segmentation that was just made of a study with where they came from."""
    for side, origin in origins.items():
        segment_id = Structure("quadratus_femoris", side).name
        if origin != "segment" and node.GetSegmentation().GetSegment(segment_id) is not None:
            _mark_origin(node, segment_id, origin)


def _mark_origin(node: Any, segment_id: str, origin: MuscleOrigin) -> None:
    """Mark a segment with where it came from, which holds as long as its voxels stay as they are."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    segment.RemoveTag(_FOUND)
    segment.SetTag(_ORIGIN, f"{origin};{_checksum(node, segment_id)}")


def muscle_origins(study: StudyRecord) -> dict[Side, MuscleOrigin]:
    """Where the quadratus femoris of each side came from; sides without one are absent."""
    found: dict[Side, MuscleOrigin] = {}
    for segment_id, name in structures_of(study).items():
        structure = parse_structure(name, "segment") if name else None
        if structure is not None and structure.id == "quadratus_femoris" and structure.side is not None:
            more = structure.side in found  # of several segments that are one muscle, a person chose
            found[structure.side] = "segment" if more else _origin(study.segmentation, segment_id)
    return found


def _origin(node: Any, segment_id: str) -> MuscleOrigin:
    segment, tag = node.GetSegmentation().GetSegment(segment_id), reference("")
    if segment.GetTag(_ORIGIN, tag):
        origin, _, checksum = str(tag).partition(";")
    elif segment.GetTag(_FOUND, tag):
        origin, checksum = "image", str(tag)
    else:
        return "segment"
    known = next((of for of in get_args(MuscleOrigin) if of == origin), "segment")
    return cast(MuscleOrigin, known) if checksum == str(_checksum(node, segment_id)) else "segment"


def _checksum(node: Any, segment_id: str) -> int:
    """Checksum of a segment's voxels, however much around them is kept with them (a saved scene crops it)."""
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(segment_id, image)
    scalars = image.GetPointData().GetScalars()
    if scalars is None:
        return 0
    array = vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1]) != 0
    used = [np.flatnonzero(array.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    if not len(used[0]):
        return 0
    inside = array[tuple(slice(int(of[0]), int(of[-1]) + 1) for of in used)]
    # as version 0.1.0 took it of what it had written: one voxel around
    return zlib.crc32(np.argwhere(np.pad(inside, 1).reshape(-1)).astype(np.int32).tobytes())


def segment_ids(node: Any) -> list[str]:
    """Return the ids of a segmentation node's segments, in their order."""
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
