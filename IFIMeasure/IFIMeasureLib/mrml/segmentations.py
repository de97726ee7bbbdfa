"""Segmentations as nodes, and back."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from vtkmodules.util.numpy_support import vtk_to_numpy

from ..anatomy.structures import SIDE_CODES, Structure, definitions
from ..anatomy.terminology import TERMINOLOGY_NAME
from ..files.segmentations import LayerWindow, acquired_axis, in_reference_geometry
from ..images.grid import Grid, canonical, check_grid
from ..images.masks import Mask, Segmentation, SegmentRef
from ..study.result import StudyResult
from ..values import Array, IFIMeasureError, Side
from .matrices import image_affine, rigid_or_scaling_world, vtk_matrix
from .volumes import image_data

_LABELS = "Binary labelmap"
_GEOMETRY = "Reference image geometry"


def _oriented(array: Array, grid: Grid) -> Any:
    oriented = slicer.vtkOrientedImageData()
    oriented.ShallowCopy(image_data(array))
    oriented.SetGeometryFromImageToWorldMatrix(vtk_matrix(grid.affine))
    return oriented


def add_segmentation(scene: Any, study: StudyResult, name: str) -> Any:
    """Add the structures that were measured, each side a segment of its own."""
    segments: list[tuple[str, Side | None, Mask]] = []
    for structure, refs in study.structures.items():
        if definitions()[structure.id].sided:
            sides = Side if structure.side is None else (structure.side,)
            segments += [
                (structure.id, side, study.hips[side].masks[structure.id])
                for side in sides
                if side in study.hips and structure.id in study.hips[side].masks
            ]
        else:
            mask = study.bones.mask(refs)
            segments += [] if mask is None else [(structure.id, None, mask)]
    return add_segments(scene, study.bones.grid, segments, name)


def add_segments(scene: Any, grid: Grid, segments: list[tuple[str, Side | None, Mask]], name: str) -> Any:
    """Add masks as segments with names, colors and terminology; cropped label maps keep memory small.

    :param grid: the image they were segmented on.
    :param segments: structure id, side (None for midline structures) and mask of each.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    # files of the size of the bones, not of the whole image; nothing is lost
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetCropToMinimumExtent(True)
    segmentation = node.GetSegmentation()
    segmentation.SetConversionParameter("Reference image geometry", _reference_geometry(grid))
    for structure_id, side, mask in segments:
        write_segment(node, structure_id, side, mask)
    return node


def write_segment(node: Any, structure_id: str, side: Side | None, mask: Mask, segment_id: str | None = None) -> str:
    """Add a mask as a segment with name, color and terminology, in place of one of that id; returns its id.

    :param segment_id: the structure's name where None.
    """
    segmentation = node.GetSegmentation()
    name = Structure(structure_id, side).name
    segment_id = segment_id or name
    if segmentation.GetSegment(segment_id) is not None:
        segmentation.RemoveSegment(segment_id)
    segment = _segment(structure_id, side, name)
    segment.AddRepresentation(_LABELS, _oriented(mask.array.view(np.uint8), mask.grid))
    segmentation.AddSegment(segment, segment_id)
    return segment_id


def list_segments(node: Any) -> None:
    """Add an empty segment for each structure that is to be drawn, with its name, color and terminology."""
    for definition in definitions().values():
        for side in (Side.RIGHT, Side.LEFT) if definition.listed else ():
            structure = Structure(definition.id, side)
            segment = _segment(definition.id, side, structure.title)
            node.GetSegmentation().AddSegment(segment, structure.name)


def _segment(structure_id: str, side: Side | None, name: str) -> Any:
    segment = slicer.vtkSegment()
    segment.SetName(name)
    color = np.array(definitions()[structure_id].color) / 255.0
    segment.SetColor(*(float(c) for c in color))
    segment.SetTag("TerminologyEntry", terminology_entry(structure_id, side))
    return segment


def replace_voxels(node: Any, segment_id: str, mask: Mask) -> None:
    """Give a segment other voxels; its name, color, tags and the other segments stay as they are."""
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(
        _oriented(mask.array.view(np.uint8), mask.grid), node, segment_id
    )


def terminology_entry(structure_id: str, side: Side | None) -> str:
    """Return a segment's terminology in Slicer's serialized form: category, type, side."""
    definition = definitions()[structure_id]
    scheme, value, meaning = definition.code
    category = "^".join(definition.category)
    modifier = "^".join(SIDE_CODES[side]) if side is not None else "^^"
    return (
        f"{TERMINOLOGY_NAME}~{category}~{scheme}^{value}^{meaning}~{modifier}~Anatomic codes - DICOM master list~^^~^^"
    )


def _reference_geometry(grid: Grid) -> str:
    matrix = ";".join(repr(float(v)) for v in grid.affine.reshape(-1))
    extent = ";".join(f"0;{n - 1}" for n in grid.shape)
    return f"{matrix};{extent};"


def write_segmentation(scene: Any, node: Any, path: Path) -> None:
    """Write a segmentation node as ``.seg.nrrd``."""
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    storage.SetUseCompression(True)
    storage.SetCropToMinimumExtent(True)
    written = storage.WriteData(node)
    scene.RemoveNode(storage)
    if not written:
        raise OSError(errno.EIO, "the disk is full, or it cannot be written to", str(path))


def read_segmentation_node(node: Any) -> tuple[Segmentation, list[str]]:
    """Return a segmentation node's content in world coordinates, and the ids of its segments in the same order.

    :raises IFIMeasureError: where the node has no segments, or lies under a transform that is not rigid or scaling.
    """
    segmentation = node.GetSegmentation() if node is not None else None
    if segmentation is None or segmentation.GetNumberOfSegments() == 0:
        raise IFIMeasureError(
            "The segmentation has no segments; segment hip bones and femora first, or choose another one."
        )
    if not segmentation.ContainsRepresentation(_LABELS):
        copy = slicer.vtkSegmentation()  # the person's own node keeps its representations
        copy.DeepCopy(segmentation)
        segmentation = copy
        if not segmentation.CreateRepresentation(_LABELS):
            raise IFIMeasureError(
                f"{node.GetName()}: its segments cannot be turned into a label map; check them in the Segment Editor."
            )
    world = rigid_or_scaling_world(node)
    names = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    images = [segmentation.GetLayerDataObject(n, _LABELS) for n in range(segmentation.GetNumberOfLayers(_LABELS))]
    filled = [n for n, image in enumerate(images) if image is not None and image.GetNumberOfPoints() > 0]
    if not filled:
        raise IFIMeasureError(
            f"{node.GetName()}: every segment is empty; segment hip bones and femora first, "
            "or choose another segmentation."
        )
    layers, affine = _common_layers([images[n] for n in filled], segmentation)
    across = acquired_axis(affine, segmentation.GetConversionParameter(_GEOMETRY) or "")
    turned = []
    grid = Grid((1, 1, 1), np.eye(4))
    for array in layers:
        view, grid = canonical(array, world @ affine, across)
        turned.append(view)
    check_grid(grid, node.GetName())
    refs = []
    for segment_id in names:
        layer = segmentation.GetLayerIndex(segment_id, _LABELS)
        value = segmentation.GetSegment(segment_id).GetLabelValue()
        # a segment of an empty layer keeps its place in the list, with a value that no voxel has
        refs.append(
            SegmentRef(segmentation.GetSegment(segment_id).GetName(), filled.index(layer), value)
            if layer in filled
            else SegmentRef(segmentation.GetSegment(segment_id).GetName(), 0, 0)
        )
    notes = (
        []
        if np.allclose(world, np.eye(4))
        else [f"{node.GetName()} lies under a transform; everything is measured in world coordinates"]
    )
    path = Path(node.GetName() or "segmentation")
    return Segmentation(turned, grid, refs, path, named=True, notes=notes), names


def _common_layers(images: list[Any], segmentation: Any) -> tuple[list[Array], Array]:
    """Layers (I, J, K) on the grid they were segmented on, and its affine to the node's RAS.

    Those on another grid are resampled.
    """
    text = segmentation.DetermineCommonLabelmapGeometry(slicer.vtkSegmentation.EXTENT_UNION_OF_SEGMENTS, None)
    common = slicer.vtkOrientedImageData()
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, common, False)
    affine = image_affine(common)
    extent = np.array(common.GetExtent()).reshape(3, 2)
    size = extent[:, 1] - extent[:, 0] + 1
    affine = affine.copy()
    affine[:3, 3] = (affine @ [*extent[:, 0], 1.0])[:3]
    window = in_reference_geometry(tuple(size), affine, segmentation.GetConversionParameter(_GEOMETRY) or "")
    layers = []
    for layer in images:
        image = layer
        if not np.allclose(image_affine(layer)[:3, :3], affine[:3, :3], atol=1e-4):
            image = slicer.vtkOrientedImageData()
            slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
                layer, common, image, False
            )
        array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1]).T
        first = (image_affine(image) @ [*np.array(image.GetExtent())[::2], 1.0])[:3]
        start = np.round(np.linalg.solve(window.affine[:3, :3], first - window.affine[:3, 3])).astype(int)
        layers.append(LayerWindow(start, window.size, window.affine).fill(array))
    return layers, window.affine
