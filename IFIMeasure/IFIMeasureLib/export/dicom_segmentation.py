"""The structures of a study as a DICOM Segmentation, by highdicom; it carries the study's document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.sr.coding import Code

from .. import __version__
from ..anatomy.structures import SIDE_CODES, Structure, definitions
from ..files.dicom_study import add_study
from ..images.grid import LPS_TO_RAS, Grid
from ..images.masks import Mask, placed
from ..study.document import study_document
from ..study.result import StudyResult
from ..values import Array, Side
from .dicom_sources import MANUFACTURER, MODEL, Sources, dicom_code


def dicom_segmentation(study: StudyResult, sources: Sources) -> tuple[Any, dict[tuple[str, Side], int]]:
    """Return the segmentation on the grid it was measured on, and the number of each segment by structure and side."""
    import highdicom as hd

    masks = [(Structure(key, side), mask) for side, hip in study.hips.items() for key, mask in hip.masks.items()]
    stack = _Stack.of([mask for _, mask in masks], study.bones.grid)
    descriptions = [_description(study, structure, number) for number, (structure, _) in enumerate(masks, 1)]
    result = hd.seg.Segmentation(
        sources.headers,
        _volume(stack, str(sources.first.FrameOfReferenceUID)),
        hd.seg.SegmentationTypeValues.BINARY,
        descriptions,
        series_instance_uid=hd.UID(),
        series_number=sources.series_number(1),
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=__version__,
        device_serial_number="1",
        content_label="IFIMEASURE",
        content_description="Structures of the ischiofemoral space",
        series_description="IFIMeasure segmentation",
    )
    add_study(result, study_document(study))
    return result, {
        (structure.id, structure.side): number
        for number, (structure, _) in enumerate(masks, 1)
        if structure.side is not None and number in stack.filled
    }


@dataclass(frozen=True)
class _Stack:
    """Masks in one array on the slices that they lie on.

    :param array: (I, J, K) numbers of the masks from 1 or, where masks overlap, (I, J, K, mask) of 0 and 1: one number
        a voxel would lose one of them.
    :param grid: of the array, RAS.
    :param count: number of masks.
    :param filled: numbers of those that are not empty.
    """

    array: Array
    grid: Grid
    count: int
    filled: frozenset[int]

    @classmethod
    def of(cls, masks: list[Mask], grid: Grid) -> _Stack:
        part = _used_slices(masks, grid)
        labels = np.zeros(part.shape, np.uint8)
        stacked: Array | None = None
        filled: set[int] = set()
        for number, mask in enumerate(masks, 1):
            inside = placed(mask, part)
            if stacked is None and (labels[inside] != 0).any():
                stacked = np.stack([labels == n for n in range(1, len(masks) + 1)], axis=-1).astype(np.uint8)
            if stacked is not None:
                stacked[..., number - 1] = inside
            labels[inside] = number
            if inside.any():
                filled.add(number)
        return cls(labels if stacked is None else stacked, part, len(masks), frozenset(filled))


def _used_slices(masks: list[Mask], grid: Grid) -> Grid:
    """The part of a grid whose slices along k masks reach into."""
    lowest, highest = grid.shape[2], 0
    for mask in masks:
        index = grid.to_ijk(mask.grid.corners())[:, 2]
        lowest, highest = min(lowest, int(np.floor(index.min()))), max(highest, int(np.ceil(index.max())) + 1)
    i, j, k = grid.shape
    return grid.cropped((slice(0, i), slice(0, j), slice(max(lowest, 0), min(highest, k))))


def _volume(stack: _Stack, frame_of_reference: str) -> Any:
    """The stack as highdicom takes it: (K, J, I), LPS."""
    import highdicom as hd

    overlapping = stack.array.ndim == 4
    array = np.ascontiguousarray(stack.array.transpose((2, 1, 0, 3) if overlapping else (2, 1, 0)))
    affine = (LPS_TO_RAS @ stack.grid.affine)[:, [2, 1, 0, 3]]
    channels: dict[Any, Any] | None = {"SegmentNumber": list(range(1, stack.count + 1))} if overlapping else None
    return hd.Volume(array, affine, "PATIENT", frame_of_reference_uid=frame_of_reference, channels=channels)


def _description(study: StudyResult, structure: Structure, number: int) -> Any:
    """A segment's codes, color, and whether the program made it by itself."""
    import highdicom as hd

    definition, side = definitions()[structure.id], structure.side
    origin = study.provenance.muscle_origins.get(side, "segment") if side is not None else "segment"
    made = structure.id == "quadratus_femoris" and origin != "segment"
    kinds = hd.seg.SegmentAlgorithmTypeValues
    description = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=structure.name,
        segmented_property_category=dicom_code(definition.category),
        segmented_property_type=dicom_code(definition.code),
        algorithm_type=kinds.AUTOMATIC if made else kinds.SEMIAUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            MODEL, Code("113076", "DCM", "Segmentation"), __version__
        ),
        tracking_uid=hd.UID(),
        tracking_id=structure.name,
        display_color=hd.color.CIELabColor.from_rgb(*definition.color),
    )
    if side is not None:
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [
            hd.sr.CodedConcept.from_code(dicom_code(SIDE_CODES[side]))
        ]
    return description
