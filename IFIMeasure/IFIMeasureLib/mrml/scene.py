"""Images and segmentations as MRML nodes and back, files of them, and a scene of one's own outside the application.

Everything goes into the scene that is passed in; nothing here needs the Slicer application. Runs on the
PyPI package slicer-core and inside 3D Slicer alike.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..core.anatomy import SIDE_CODES, TERMINOLOGY_NAME, Structure, category_code, definitions
from ..core.imaging import Grid, Mask, Placement, Segmentation, SegmentRef, Volume, canonical, check_grid, in_reference_geometry
from ..core.pictures import gray_levels
from ..core.study import StudyResult
from ..core.values import Array, IFIMeasureError, Side

_LABELS = "Binary labelmap"
_MODULE_LOGICS = ("Markups", "Volumes", "Tables", "Plots")


@dataclass
class Headless:
    """A scene of its own with Slicer's logics, for use outside the application. Keep it while nodes are used."""

    scene: Any
    application_logic: Any
    logics: list[Any] = field(default_factory=list)


def create_scene() -> Headless:
    """Return a fresh scene wired as the application wires its own (the order of the logics matters)."""
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    # the application's color logic would register it, but that one looks for files only an application has
    scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())
    headless = Headless(scene, application)
    for name in ("vtkMRMLColorLogic", *(f"vtkSlicer{n}Logic" for n in _MODULE_LOGICS), "vtkSlicerSubjectHierarchyModuleLogic", "vtkSlicerSegmentationsModuleLogic"):
        logic = getattr(slicer, name)()
        if hasattr(logic, "SetMRMLApplicationLogic"):
            logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
        if hasattr(logic, "AddDefaultColorNodes"):
            logic.AddDefaultColorNodes()
        application.SetModuleLogic(name.removeprefix("vtkSlicer").removeprefix("vtkMRML").removesuffix("Logic").removesuffix("Module"), logic)
        headless.logics.append(logic)
    return headless


def _vtk_matrix(matrix: Array) -> Any:
    result = vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            result.SetElement(row, column, float(matrix[row, column]))
    return result


def add_volume(scene: Any, volume: Volume, name: str) -> Any:
    """Add an image as a scalar volume node."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(_vtk_matrix(volume.grid.affine))
    node.SetAndObserveImageData(_image_data(volume.array))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
        low, high = gray_levels(volume.array)
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(low, high)
    return node


def _image_data(array: Array) -> Any:
    image = vtkImageData()
    image.SetDimensions(*array.shape)
    flat = np.ascontiguousarray(array.transpose(2, 1, 0)).reshape(-1)
    if flat.dtype == bool:
        flat = flat.astype(np.uint8)
    if not flat.flags.writeable:
        flat = flat.copy()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    return image


def _oriented(array: Array, grid: Grid) -> Any:
    oriented = slicer.vtkOrientedImageData()
    oriented.ShallowCopy(_image_data(array))
    oriented.SetGeometryFromImageToWorldMatrix(_vtk_matrix(grid.affine))
    return oriented


def add_segmentation(scene: Any, study: StudyResult, name: str) -> Any:
    """Add the structures that were measured, each side a segment of its own."""
    segments: list[tuple[str, Side | None, Mask]] = []
    for structure, refs in study.structures.items():
        if definitions()[structure.id].sided:
            sides = Side if structure.side is None else (structure.side,)
            segments += [(structure.id, side, study.hips[side].masks[structure.id]) for side in sides if side in study.hips and structure.id in study.hips[side].masks]
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


def write_segment(node: Any, structure_id: str, side: Side | None, mask: Mask) -> str:
    """Add a mask as a segment with name, color and terminology, in place of one of that id; returns the segment's id."""
    segmentation = node.GetSegmentation()
    segment_id = Structure(structure_id, side).name
    if segmentation.GetSegment(segment_id) is not None:
        segmentation.RemoveSegment(segment_id)
    segment = slicer.vtkSegment()
    segment.SetName(segment_id)
    color = np.array(definitions()[structure_id].color) / 255.0
    segment.SetColor(*(float(c) for c in color))
    segment.SetTag("TerminologyEntry", terminology_entry(structure_id, side))
    segment.AddRepresentation(_LABELS, _oriented(mask.array.view(np.uint8), mask.grid))
    segmentation.AddSegment(segment, segment_id)
    return segment_id


def replace_voxels(node: Any, segment_id: str, mask: Mask) -> None:
    """Give a segment other voxels; its name, color, tags and the other segments stay as they are."""
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(_oriented(mask.array.view(np.uint8), mask.grid), node, segment_id)


def terminology_entry(structure_id: str, side: Side | None) -> str:
    """Return a segment's terminology in Slicer's serialized form: category, type, side."""
    scheme, value, meaning = definitions()[structure_id].code
    category = "^".join(category_code(structure_id))
    modifier = "^".join(SIDE_CODES[side]) if side is not None else "^^"
    return f"{TERMINOLOGY_NAME}~{category}~{scheme}^{value}^{meaning}~{modifier}~Anatomic codes - DICOM master list~^^~^^"


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
        raise IFIMeasureError("The segmentation has no segments; segment hip bones and femora first, or choose another one.")
    if not segmentation.ContainsRepresentation(_LABELS):
        copy = slicer.vtkSegmentation()  # the person's own node keeps its representations
        copy.DeepCopy(segmentation)
        segmentation = copy
        if not segmentation.CreateRepresentation(_LABELS):
            raise IFIMeasureError(f"{node.GetName()}: its segments cannot be turned into a label map; check them in the Segment Editor.")
    world = _rigid_or_scaling(node)
    names = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    images = [segmentation.GetLayerDataObject(n, _LABELS) for n in range(segmentation.GetNumberOfLayers(_LABELS))]
    filled = [n for n, image in enumerate(images) if image is not None and image.GetNumberOfPoints() > 0]
    if not filled:
        raise IFIMeasureError(f"{node.GetName()}: every segment is empty; segment hip bones and femora first, or choose another segmentation.")
    layers, affine = _common_layers([images[n] for n in filled], segmentation)
    turned = []
    grid = Grid((1, 1, 1), np.eye(4))
    for array in layers:
        view, grid = canonical(array, world @ affine)
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
    notes = [] if np.allclose(world, np.eye(4)) else [f"{node.GetName()} lies under a transform; everything is measured in world coordinates"]
    return Segmentation(turned, grid, refs, Path(node.GetName() or "segmentation"), True, notes), names


def _common_layers(images: list[Any], segmentation: Any) -> tuple[list[Array], Array]:
    """Layers (I, J, K) on the grid they were segmented on, and its affine to the node's RAS; those on another grid are resampled."""
    text = segmentation.DetermineCommonLabelmapGeometry(slicer.vtkSegmentation.EXTENT_UNION_OF_SEGMENTS, None)
    common = slicer.vtkOrientedImageData()
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, common, False)
    affine = _image_affine(common)
    extent = np.array(common.GetExtent()).reshape(3, 2)
    size = extent[:, 1] - extent[:, 0] + 1
    affine = affine.copy()
    affine[:3, 3] = (affine @ [*extent[:, 0], 1.0])[:3]
    place = in_reference_geometry(tuple(size), affine, segmentation.GetConversionParameter("Reference image geometry") or "")
    layers = []
    for image in images:
        if not np.allclose(_image_affine(image)[:3, :3], affine[:3, :3], atol=1e-4):
            resampled = slicer.vtkOrientedImageData()
            slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(image, common, resampled, False)
            image = resampled
        array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1]).T
        first = (_image_affine(image) @ [*np.array(image.GetExtent())[::2], 1.0])[:3]
        start = np.round(np.linalg.solve(place.affine[:3, :3], first - place.affine[:3, 3])).astype(int)
        layers.append(Placement(start, place.size, place.affine).fill(array))
    return layers, place.affine


def _image_affine(image: Any) -> Array:
    return _array_of(image.GetImageToWorldMatrix)


def world_matrix(node: Any) -> Array:
    """Return a node's linear transform to world, (4, 4), RAS millimeter.

    :raises IFIMeasureError: where it is not linear.
    """
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        raise IFIMeasureError(f"{node.GetName()}: it lies under the transform {transform.GetName()}, which is not linear; {_HARDEN}.")
    return _array_of(transform.GetMatrixTransformToWorld)


def ijk_to_ras(node: Any) -> Array:
    """Return a volume node's matrix from indices to RAS millimeter, (4, 4), without its transform."""
    return _array_of(node.GetIJKToRASMatrix)


def _array_of(fill: Any) -> Array:
    """Return the matrix that a method of VTK fills, (4, 4)."""
    matrix = vtkMatrix4x4()
    fill(matrix)
    return np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])


_HARDEN = "harden the transform on a copy, or take the node out of it"


def _rigid_or_scaling(node: Any) -> Array:
    """The same, refused where it shears: voxels would no longer be boxes."""
    matrix = world_matrix(node)
    axes = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):
        raise IFIMeasureError(f"{node.GetName()}: it lies under the transform {node.GetParentTransformNode().GetName()}, which shears; {_HARDEN}.")
    return matrix


def read_volume_node(node: Any) -> Volume:
    """Return a volume node's image in world coordinates; its array is a view, nothing is copied.

    :raises IFIMeasureError: where it is empty, has several values a voxel, or lies under a transform that is not linear.
    """
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        raise IFIMeasureError(f"{node.GetName()}: the volume is empty; choose another one.")
    scalars = image.GetPointData().GetScalars()
    if scalars.GetNumberOfComponents() != 1:
        raise IFIMeasureError(f"{node.GetName()}: the volume has {scalars.GetNumberOfComponents()} values a voxel; a scalar volume is needed.")
    array, grid = canonical(vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1]).T, _rigid_or_scaling(node) @ ijk_to_ras(node))
    check_grid(grid, node.GetName())
    return Volume(array, grid, Path(node.GetName() or "volume"))


def write_landmarks(scene: Any, node: Any, path: Path) -> None:
    """Write a markups node as ``.mrk.json``, LPS, full precision."""
    storage = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialStorageNode" if path.suffix == ".fcsv" else "vtkMRMLMarkupsJsonStorageNode")
    storage.SetFileName(str(path))
    written = storage.WriteData(node)
    scene.RemoveNode(storage)
    if not written:
        raise OSError(errno.EIO, "the disk is full, or it cannot be written to", str(path))


def write_scene(scene: Any, path: Path, thumbnail: Any = None) -> None:
    """Write the scene as ``.mrb``.

    :raises OSError: where it cannot be written.
    """
    with _quiet():
        written = scene.WriteToMRB(str(path), thumbnail)
    if not written:
        raise OSError(errno.EIO, "the disk is full, or it cannot be written to", str(path))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what ITK prints about a failed write off the terminal; the application's log shall have it."""
    if getattr(slicer, "app", None) is not None:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def read_scene(headless: Headless, path: Path, folder: Path) -> None:
    """Read an ``.mrb`` into a fresh headless scene by unpacking it into ``folder``."""
    shutil.unpack_archive(str(path), str(folder), "zip")
    mrml = next(folder.rglob("*.mrml"))
    headless.scene.SetURL(str(mrml))
    headless.scene.SetRootDirectory(str(mrml.parent))
    headless.scene.Import(None)
