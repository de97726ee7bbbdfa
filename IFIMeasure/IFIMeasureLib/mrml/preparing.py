"""A study's nodes read and prepared to be measured, and what tells that they must be read again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..anatomy.structures import Structure, definitions, parse_structure
from ..images.masks import Segmentation, SegmentRef, Volume
from ..muscle.images import muscle_images
from ..study.prepared import PreparedStudy
from ..study.provenance import FOUND_IN_IMAGE, Provenance
from ..study.result import Progress
from ..study.structures import resolve_structures
from ..values import IFIMeasureError, Side
from .matrices import ijk_to_ras, world_matrix
from .record import StudyRecord
from .segmentations import read_segmentation_node
from .study_segments import is_filled, muscle_origins, segment_ids, structures_of
from .volumes import read_volume_node

BOTH_SIDES = (Side.RIGHT, Side.LEFT)


def bones_stamp(study: StudyRecord) -> object:
    """Return something that changes whenever voxels, structures, image or transforms of a study change."""
    node, volume, second = study.segmentation, study.volume, study.second_volume
    if node is None:
        return None
    segmentation = node.GetSegmentation()
    source = segmentation.GetSourceRepresentationName()
    images = [segmentation.GetSegment(key).GetRepresentation(source) for key in segment_ids(node)]
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


def prepare(
    study: StudyRecord, progress: Progress | None = None, sides: tuple[Side, ...] = BOTH_SIDES
) -> PreparedStudy:
    """Read the segmentation and place the landmarks; see :class:`~IFIMeasureLib.study.prepared.PreparedStudy`.

    :param sides: the sides to measure.
    :raises IFIMeasureError: with one sentence for the person.
    """
    if study.segmentation is None:
        raise IFIMeasureError(
            "No segmentation is chosen; choose one that holds hip bones and femora, or segment them first."
        )
    segmentation, ids = read_segmentation_node(study.segmentation)
    structures = _resolved(study, segmentation, ids)
    volume = image_of(study)
    provenance, notes = _provenance(study, Provenance.of(segmentation, structures, volume))
    if study.same_place:
        provenance = replace(provenance, options={**provenance.options, "same_place": True})
    prepared = PreparedStudy(
        segmentation,
        structures,
        volume=volume,
        sides=sides,
        subject=study.subject,
        progress=progress,
        provenance=provenance,
    )
    prepared.notes += notes
    if volume is not None and study.contrast:
        second = second_image_of(study)
        if second is not None:
            prepared.notes += prepared.second_image_notes(second, "second image")
        prepared.images = muscle_images(study.contrast, volume, second)
    prepared.findings, prepared.date = study.findings, study.date
    return prepared


def _resolved(study: StudyRecord, segmentation: Segmentation, ids: list[str]) -> dict[Structure, list[SegmentRef]]:
    """Segments of each structure.

    :param ids: of the segments, in the order that ``segmentation`` has them.
    """
    said = structures_of(study)
    # by id, not by name: names need not be unique, and the person chose for this very segment
    filled = [key for key in ids if said.get(key) and is_filled(study, key)]
    mapping = {f"segment {key}": parse_structure(said[key], "segment") for key in filled}
    renamed = [replace(ref, name=f"segment {key}") for key, ref in zip(ids, segmentation.segments)]
    try:
        found = resolve_structures(replace(segmentation, segments=renamed, named=False), mapping)
    except IFIMeasureError:
        _refuse_empty(study, said, filled)
        names = ", ".join(ref.name for ref in segmentation.segments[:40])
        chosen = ", ".join(sorted(structure.title for structure in mapping.values())) or "none"
        raise IFIMeasureError(
            f"{study.segmentation.GetName()}: a hip bone and a femur are needed, and the structures chosen for its "
            f"segments ({names}) are {chosen}; choose them in the table of segments."
        ) from None
    original = {f"segment {key}": ref for key, ref in zip(ids, segmentation.segments)}
    return {structure: [original[ref.name] for ref in refs] for structure, refs in found.items()}


def _refuse_empty(study: StudyRecord, said: dict[str, str], filled: list[str]) -> None:
    """Refuse bones that are listed and that no one has drawn yet."""
    listed = [parse_structure(name, "segment") for key, name in said.items() if name and key not in filled]
    empty = sorted(structure.title for structure in listed if definitions()[structure.id].bone)
    if empty:
        raise IFIMeasureError(
            f"{study.segmentation.GetName()}: a hip bone and a femur of one side are needed, and nothing is drawn yet "
            f"in {', '.join(empty)}; draw them in the Segment Editor."
        )


def second_image_of(study: StudyRecord) -> Volume | None:
    """Return the second image of Dixon, RAS (world); None where there is none."""
    return None if study.second_volume is None else read_volume_node(study.second_volume)


def image_of(study: StudyRecord) -> Volume | None:
    """Return the image, RAS (world); None where there is none.

    A volume node keeps directions apart from spacings, so that its grid rounds each time it is saved, and numbers with
    it; where it is the grid that was measured but for that, it is that one.
    """
    if study.volume is None:
        return None
    volume = replace(read_volume_node(study.volume), contrast=study.contrast)
    measured = study.measured_affine
    if measured is None or not np.allclose(volume.grid.affine, measured, rtol=0.0, atol=1e-9):
        return volume
    return replace(volume, grid=replace(volume.grid, affine=measured))


def _provenance(study: StudyRecord, fresh: Provenance) -> tuple[Provenance, list[str]]:
    """Where the results to come are from: what was known of these nodes before, else what they tell by themselves.

    :param fresh: what the nodes tell by themselves.
    :returns: that, and notes for the reader.
    """
    origins = muscle_origins(study)
    made = {Structure("quadratus_femoris", side).name for side, of in origins.items() if of in FOUND_IN_IMAGE}
    structures = {name: () if name in made else segments for name, segments in fresh.structures.items()}
    fresh = replace(fresh, muscle_origins=origins, structures=structures)
    try:
        known = study.provenance if study.measured_these_nodes() else None
    except IFIMeasureError:
        return fresh, ["what the scene says of the study's inputs is damaged; they are named as its nodes are"]
    if known is None:
        return fresh, []
    if study.measured_these_structures(structures_of(study)):
        structures = dict(known.structures)
    return replace(known, contrast=fresh.contrast, muscle_origins=origins, structures=structures), []


def _is_linear(node: Any) -> bool:
    transform = node.GetParentTransformNode()
    return transform is None or bool(transform.IsTransformToWorldLinear())
