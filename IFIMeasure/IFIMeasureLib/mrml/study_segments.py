"""Segments of a study: what structure each is, the muscle written as one, and all of them read and prepared."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

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
from ..images.grid import Grid
from ..images.masks import Mask
from ..muscle.images import muscle_images
from ..study.prepared import PreparedStudy
from ..study.result import Progress
from ..study.structures import resolve_structures
from ..values import IFIMeasureError, Side
from .matrices import ijk_to_ras, world_matrix
from .record import StudyRecord
from .segmentations import read_segmentation_node, replace_voxels, write_segment
from .volumes import read_volume_node

_CHECKSUM = "IFIMeasure.automatic"
"""Tag of a segment that was found in the image: the checksum of its voxels as they were then."""


def structures_of(study: StudyRecord) -> dict[str, str]:
    """Return what each segment is taken for, as segment id to structure name; empty for none of them.

    A person's word counts first, then the segment's name, then its terminology.
    """
    node, said = study.segmentation, study.mapping
    if node is None:
        return {}
    segmentation = node.GetSegmentation()
    return {
        key: said[key] if key in said else guess_structure(segmentation.GetSegment(key)) for key in _segment_ids(node)
    }


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


def bones_stamp(study: StudyRecord) -> object:
    """Return something that changes whenever voxels, structures, image or transforms of a study change."""
    node, volume, second = study.segmentation, study.volume, study.second_volume
    if node is None:
        return None
    segmentation = node.GetSegmentation()
    source = segmentation.GetSourceRepresentationName()
    images = [segmentation.GetSegment(key).GetRepresentation(source) for key in _segment_ids(node)]
    places = [world_matrix(n).tobytes() if n is not None and _is_linear(n) else "" for n in (node, volume)]
    return (
        node.GetID(),
        tuple(0 if image is None else image.GetMTime() for image in images),
        tuple(structures_of(study).items()),
        tuple(places),
        volume.GetID() if volume is not None else "",
        study.contrast,
        second.GetID() if second is not None else "",
        b"" if volume is None else ijk_to_ras(volume).tobytes(),
    )


def prepare(study: StudyRecord, progress: Progress | None = None) -> PreparedStudy:
    """Read the segmentation and place the landmarks; see :class:`~IFIMeasureLib.study.prepared.PreparedStudy`.

    :raises IFIMeasureError: with one sentence for the person.
    """
    if study.segmentation is None:
        raise IFIMeasureError(
            "No segmentation is chosen; choose one that holds hip bones and femora, or segment them first."
        )
    segmentation, ids = read_segmentation_node(study.segmentation)
    said = structures_of(study)
    # by id, not by name: names need not be unique, and the person chose for this very segment
    mapping = {f"segment {key}": parse_structure(said[key], "segment") for key in ids if said.get(key)}
    by_id = replace(
        segmentation,
        segments=[replace(ref, name=f"segment {key}") for key, ref in zip(ids, segmentation.segments)],
        named=False,
    )
    try:
        found = resolve_structures(by_id, mapping)
    except IFIMeasureError:
        names = ", ".join(ref.name for ref in segmentation.segments[:40])
        chosen = ", ".join(sorted(structure.title for structure in mapping.values())) or "none"
        raise IFIMeasureError(
            f"{study.segmentation.GetName()}: a hip bone and a femur are needed, and the structures chosen for its "
            f"segments ({names}) are {chosen}; choose them in the table of segments."
        ) from None
    original = {f"segment {key}": ref for key, ref in zip(ids, segmentation.segments)}
    named = {structure: [original[ref.name] for ref in refs] for structure, refs in found.items()}
    volume = replace(read_volume_node(study.volume), contrast=study.contrast) if study.volume is not None else None
    prepared = PreparedStudy(segmentation, named, volume, subject=study.subject, progress=progress)
    if volume is not None and study.contrast:
        second = read_volume_node(study.second_volume) if study.second_volume is not None else None
        prepared.images = muscle_images(study.contrast, volume, second)
    prepared.findings, prepared.date = study.findings, study.date
    return prepared


def write_muscle(study: StudyRecord, side: Side, mask: Mask, automatic: bool) -> None:
    """Write a quadratus femoris into the segmentation.

    :param mask: in world coordinates.
    :param automatic: whether it was found in the image: then it is marked as such, with a checksum of its voxels, and
        may be replaced as long as no one has edited it. Otherwise it is what a person drew, filled, in their own segment.
    """
    node = study.segmentation
    into_node = np.linalg.inv(world_matrix(node))
    own = Mask(mask.array, Grid(mask.grid.shape, into_node @ mask.grid.affine), mask.cut)
    if automatic:
        key = write_segment(node, "quadratus_femoris", side, own)
        node.GetSegmentation().GetSegment(key).SetTag(_CHECKSUM, str(_checksum(node, key)))
    else:
        wanted = Structure("quadratus_femoris", side).name
        replace_voxels(node, next(key for key, name in structures_of(study).items() if name == wanted), own)


def made_here(study: StudyRecord, segment_id: str) -> bool:
    """Whether a segment was written by :func:`write_muscle` and no one has edited it since."""
    segment = study.segmentation.GetSegmentation().GetSegment(segment_id)
    tag = reference("")
    if segment is None or not segment.GetTag(_CHECKSUM, tag):
        return False
    return str(tag) == str(_checksum(study.segmentation, segment_id))


def _checksum(node: Any, segment_id: str) -> int:
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(segment_id, image)
    scalars = image.GetPointData().GetScalars()
    return 0 if scalars is None else zlib.crc32(np.argwhere(vtk_to_numpy(scalars)).astype(np.int32).tobytes())


def _is_linear(node: Any) -> bool:
    transform = node.GetParentTransformNode()
    return transform is None or bool(transform.IsTransformToWorldLinear())


def _segment_ids(node: Any) -> list[str]:
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
