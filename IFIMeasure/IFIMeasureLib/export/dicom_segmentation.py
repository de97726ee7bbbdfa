"""The structures of a study as a DICOM Segmentation, by highdicom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom.errors
from pydicom.sr.coding import Code

from .. import __version__
from ..anatomy.structures import SIDE_CODES, Structure, definitions
from ..images.grid import LPS_TO_RAS
from ..images.masks import Mask, placed
from ..study.result import StudyResult
from ..values import Array, Side
from .dicom_sources import MANUFACTURER, MODEL, dicom_code, series_number_of


def dicom_segmentation(study: StudyResult, sources: list[pydicom.Dataset]) -> tuple[Any, dict[tuple[str, Side], int]]:
    """The segmentation on the grid it was measured on, and the number of each segment by structure and side."""
    import highdicom as hd

    masks: list[tuple[Structure, Mask]] = []
    for side, hip in study.hips.items():
        masks += [(Structure(key, side), mask) for key, mask in hip.masks.items()]
    grid = study.bones.grid
    lowest, highest = grid.shape[2], 0
    for _, mask in masks:
        index = grid.to_ijk(mask.grid.corners())[:, 2]
        lowest, highest = min(lowest, int(np.floor(index.min()))), max(highest, int(np.ceil(index.max())) + 1)
    box = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(max(lowest, 0), min(highest, grid.shape[2])))
    part = grid.cropped(box)
    labels = np.zeros(part.shape, np.uint8)
    stacked: Array | None = (
        None  # (I, J, K, segment), made only where segments overlap: one label a voxel would lose one of them
    )
    filled: set[int] = set()
    descriptions = []
    algorithm = hd.AlgorithmIdentificationSequence(MODEL, Code("113076", "DCM", "Segmentation"), __version__)
    for number, (structure, mask) in enumerate(masks, 1):
        inside = placed(mask, part)
        if stacked is None and (labels[inside] != 0).any():
            stacked = np.stack([labels == n for n in range(1, len(masks) + 1)], axis=-1).astype(np.uint8)
        if stacked is not None:
            stacked[..., number - 1] = inside
        labels[inside] = number
        if inside.any():
            filled.add(number)
        made = (
            structure.id == "quadratus_femoris"
            and structure.side is not None
            and study.provenance.muscle_origins.get(structure.side, "segment") != "segment"
        )
        definition = definitions()[structure.id]
        descriptions.append(
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=structure.name,
                segmented_property_category=dicom_code(definition.category),
                segmented_property_type=dicom_code(definition.code),
                algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC
                if made
                else hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
                algorithm_identification=algorithm,
                tracking_uid=hd.UID(),
                tracking_id=structure.name,
                display_color=hd.color.CIELabColor.from_rgb(*definition.color),
            )
        )
        if structure.side is not None:
            descriptions[-1].SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [
                hd.sr.CodedConcept.from_code(dicom_code(SIDE_CODES[structure.side]))
            ]
    affine = (LPS_TO_RAS @ part.affine)[:, [2, 1, 0, 3]]
    array = np.ascontiguousarray(labels.transpose(2, 1, 0) if stacked is None else stacked.transpose(2, 1, 0, 3))
    channels: dict[Any, Any] | None = None if stacked is None else {"SegmentNumber": list(range(1, len(masks) + 1))}
    volume = hd.Volume(
        array, affine, "PATIENT", frame_of_reference_uid=str(sources[0].FrameOfReferenceUID), channels=channels
    )
    result = hd.seg.Segmentation(
        sources,
        volume,
        hd.seg.SegmentationTypeValues.BINARY,
        descriptions,
        series_instance_uid=hd.UID(),
        series_number=series_number_of(sources, 1),
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
    return result, {
        (structure.id, structure.side): number
        for number, (structure, _) in enumerate(masks, 1)
        if structure.side is not None and number in filled
    }
