"""Label maps, Slicer and DICOM segmentations and folders of masks, read into one form.

Arrays are turned (without a copy) to the axis order and directions nearest to RAS, so that a sagittal or
flipped acquisition of the same anatomy gives the same array up to the grid it was sampled on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..anatomy.structures import names_of_other_programs, structure_from_name
from ..images.grid import LPS_TO_RAS, Grid, canonical, check_grid, refuse_shear, thick_axis
from ..images.masks import Segmentation, SegmentRef, bounding_boxes
from ..values import Array, IFIMeasureError
from .coded_segments import name_in_dicom
from .dicom_files import FOREIGN_ERRORS, SEGMENTATION_CLASSES, error_text, is_dicom, refuse_damaged_dicom
from .dicom_study import grid_of
from .images import StoredImage, read_image, stored_image
from .slicer_segments import refuse_contradiction, slicer_segments

_IMAGE_FILES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")

_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"

_MOST_LABELS = 400
_LARGEST_LABEL = 65535
"""An image with more different values is no label map."""


def read_segmentation(path: Path, names: Collection[str] = ()) -> Segmentation:
    """Read a segmentation.

    It may be a label map (NIfTI, NRRD), a Slicer ``.seg.nrrd``, a DICOM SEG, or a folder with one mask a file, as
    TotalSegmentator writes it. Segment names are taken from the file where it has them (``.seg.nrrd``, DICOM SEG, the
    label table that TotalSegmentator writes into a NIfTI header); otherwise a segment's name is its label value. A
    mask of a folder is named as its file.

    :param names: of files to read out of a folder besides those whose names say a structure.
    :raises IFIMeasureError: where there is no such file or it is no segmentation.
    """
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file() and not _of_the_desktop(p))
        if len(files) != 1:
            return _read_masks(path, files, names)
        path = files[0]
    if is_dicom(path):
        return _read_dicom_seg(path)
    stored = read_image(path)
    refuse_shear(stored.affine, path)
    return _of_stored(stored, path)


def segmentation_of_image(image: Any, path: Path) -> Segmentation:
    """Return an image of SimpleITK, a label map or what was a Slicer ``.seg.nrrd``, as a segmentation.

    :param path: where it came from, for messages.
    :raises IFIMeasureError: where it is no label map, or its geometry is unusable.
    """
    return _of_stored(stored_image(image, path), path)


def _of_stored(stored: StoredImage, path: Path) -> Segmentation:
    layers, affine = stored.components, stored.affine
    segments = slicer_segments(stored.keys, len(layers), path)
    across = stored.slice_axis
    conversion = stored.keys.get("Segmentation_ConversionParameters", "")
    reference = re.search(r"Reference image geometry\|([^|]*)\|", conversion)
    if reference:
        window = in_reference_geometry(layers[0].shape, affine, reference[1])
        layers, affine = [window.fill(layer) for layer in layers], window.affine
        across = acquired_axis(affine, reference[1])
    return segmentation_of_layers(layers, affine, segments, path, stored.names, across)


def segmentation_of_layers(
    layers: list[Array],
    affine: Array,
    segments: list[SegmentRef],
    path: Path,
    names: Mapping[int, str] | None = None,
    across: int | None = None,
) -> Segmentation:
    """Return layers of label values, each (I, J, K), as a segmentation.

    :param affine: (4, 4) indices to RAS millimeter.
    :param segments: those that are known by name; where there are none, they are the values of the first layer.
    :param path: where the layers came from, for messages.
    :param names: of label values, as a header's table says them; used where no segments are known.
    :param across: the axis across the acquired slices, where it is known.
    :raises IFIMeasureError: where the values are no labels, or the geometry is unusable.
    """
    turned, grid = _turned(layers, affine, path, across)
    turned = [_whole_numbers(layer, path) for layer in turned]
    if segments:
        boxes = {number: bounding_boxes(layer) for number, layer in enumerate(turned)}
        refuse_contradiction(segments, boxes, path)
        return Segmentation(turned, grid, segments, path, named=True, _boxes=boxes)
    table = names or {}
    boxes = {0: bounding_boxes(turned[0])}
    values = _present_values(boxes[0], path)
    segments = [SegmentRef(table.get(value, str(value)), 0, value) for value in values]
    return Segmentation(turned, grid, segments, path, named=bool(table), _boxes=boxes)


def _whole_numbers(array: Array, path: Path) -> Array:
    """Labels as integers, whatever type they were stored in.

    :raises IFIMeasureError: where they are not whole numbers or some are negative.
    """
    if np.issubdtype(array.dtype, np.integer):
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > _LARGEST_LABEL:
            wrong = f"negative values ({low})" if low < 0 else f"values of up to {high}"
            raise IFIMeasureError(
                f"{path}: there are {wrong}, so this is not a label map; give the segmentation, not the image."
            )
        return array
    rounded = np.array(array).round()
    whole = np.isfinite(rounded).all() and np.abs(rounded - array).max() <= 1e-3
    if not whole or rounded.min() < 0 or rounded.max() > _LARGEST_LABEL:
        raise IFIMeasureError(
            f"{path}: the values are not whole numbers, so this is not a label map;"
            " give the segmentation, not the image."
        )
    return rounded.astype(np.uint16)


def _turned(layers: list[Array], affine: Array, path: Path, across: int | None = None) -> tuple[list[Array], Grid]:
    """Layers (I, J, K) with their axes nearest to R, A, S, and their grid."""
    turned = [canonical(layer, affine, across) for layer in layers]
    grid = turned[0][1] if turned else Grid((1, 1, 1), np.eye(4))
    check_grid(grid, path)
    return [view for view, _ in turned], grid


def _read_masks(folder: Path, files: list[Path], names: Collection[str]) -> Segmentation:
    """Read those masks of a folder that may be a structure of ours; empty ones (beyond the image) are as absent."""
    known = {name: file for file in files if _may_be_structure(name := _stem(file), names)}
    if not known:
        raise IFIMeasureError(
            f"{folder}: none of its {len(files)} files is a mask named as a structure (such as femur_left.nii.gz);"
            " name the segmentation file itself, or say which mask is what.",
            argument="labels",
        )
    packed = _PackedLayers(np.uint8)
    grid = None
    for name, file in known.items():
        try:
            one = read_segmentation(file)
        except _EmptyError:
            continue
        if grid is None:
            grid = one.grid
        elif grid.difference(one.grid):
            raise IFIMeasureError(
                f"{file}: it lies on another grid than {packed.segments[0].name} ({grid.difference(one.grid)});"
                " give masks of one image."
            )
        packed.add(name, one.layers[0] > 0)
    if grid is None:
        raise IFIMeasureError(
            f"{folder}: every mask in it ({', '.join(known)}) is empty, so the image does not show the hip;"
            " give another one."
        )
    return Segmentation(packed.layers, grid, packed.segments, folder, named=True, files=tuple(known.values()))


def _of_the_desktop(file: Path) -> bool:
    """Whether a file is one that macOS (``._name``, ``.DS_Store``) or Windows puts beside others."""
    return file.name.startswith(".") or file.name.lower() in ("thumbs.db", "desktop.ini")


def _stem(file: Path) -> str:
    """A file's name without the ending of an image; empty where it is none."""
    ending = next((ending for ending in _IMAGE_FILES if file.name.endswith(ending)), None)
    return file.name.removesuffix(ending) if ending else ""


def _may_be_structure(name: str, names: Collection[str]) -> bool:
    return name in names or structure_from_name(name, names_of_other_programs()) is not None


class _PackedLayers:
    """Masks put into as few layers as they need: those that overlap lie in a layer each."""

    def __init__(self, dtype: type[np.unsignedinteger[Any]]) -> None:
        self._dtype = dtype
        self.layers: list[Array] = []
        self.segments: list[SegmentRef] = []

    def add(self, name: str, mask: Array, value: int | None = None) -> None:
        """Add a mask (I, J, K) bool as a segment; its ``value`` is the next free one of its layer where it is None."""
        free = (n for n, labels in enumerate(self.layers) if not labels[mask].any())
        layer = next(free, len(self.layers))
        if layer == len(self.layers):
            self.layers.append(np.zeros(mask.shape, self._dtype))
        if value is None:
            value = 1 + sum(ref.layer == layer for ref in self.segments)
        self.layers[layer][mask] = value
        self.segments.append(SegmentRef(name, layer, value))


class _EmptyError(IFIMeasureError):
    """Every voxel of a segmentation is 0."""


@dataclass(frozen=True)
class LayerWindow:
    """Where cropped layers lie in the image they were segmented on.

    :param start: (3,) index of their first voxel in that image.
    :param size: (3,) number of that image's voxels along i, j, k.
    :param affine: (4, 4) that image's indices to RAS millimeter.
    """

    start: Array
    size: Array
    affine: Array

    def fill(self, layer: Array) -> Array:
        """Return a layer put back into its image, (I, J, K)."""
        if (self.size == layer.shape).all() and not self.start.any():
            return layer
        # fresh pages of zeros take no memory until they are written
        whole = np.zeros(self.size[::-1], layer.dtype).T
        whole[tuple(slice(int(a), int(a) + n) for a, n in zip(self.start, layer.shape))] = layer
        return whole


def in_reference_geometry(shape: tuple[int, ...], affine: Array, geometry: str) -> LayerWindow:
    """Find where layers lie in the image they were segmented on, so that its edges and slice numbers are known.

    3D Slicer keeps and saves segments cropped to where they are; a bone that ends at such a crop is not cut off
    by the field of view. Layers that do not lie on the image's voxels stay where they are.

    :param shape: of the layers, on the grid of ``affine`` (4, 4), RAS millimeter.
    :param geometry: Slicer's text of a reference image geometry: sixteen numbers of the matrix and six of the
        extent, separated by semicolons.
    """
    unmoved = LayerWindow(np.zeros(3, int), np.array(shape), affine)
    numbers = _geometry_numbers(geometry)
    if numbers is None:
        return unmoved
    reference = numbers[:16].reshape(4, 4)
    extent = numbers[16:].astype(int).reshape(3, 2)
    if not np.allclose(reference[:3, :3], affine[:3, :3], atol=1e-3) or abs(np.linalg.det(reference[:3, :3])) < 1e-12:
        return unmoved
    offset = np.linalg.solve(reference[:3, :3], affine[:3, 3] - reference[:3, 3]) - extent[:, 0]
    start = np.round(offset).astype(int)
    size = extent[:, 1] - extent[:, 0] + 1
    if np.abs(offset - start).max() > 0.01 or (start < 0).any() or (start + shape > size).any():
        return unmoved
    # files keep directions apart from spacings, which rounds; the text of the geometry is exact
    exact = np.allclose(reference[:3, :3], affine[:3, :3], rtol=0.0, atol=1e-9)
    moved = (reference if exact else affine).copy()
    moved[:3, 3] = reference[:3, 3] + reference[:3, :3] @ extent[:, 0]
    return LayerWindow(start, size, moved)


def _geometry_numbers(geometry: str) -> Array | None:
    """The numbers (22,) of Slicer's text of a geometry; None where it is none."""
    try:
        numbers = np.array([float(text) for text in geometry.split(";") if text.strip()])
    except ValueError:
        return None
    return numbers if len(numbers) == 22 and np.abs(numbers).max() < 1e9 else None  # NaN is not, either


def acquired_axis(affine: Array, geometry: str) -> int | None:
    """Return the axis of layers that runs across the slices of the image they were segmented on.

    That is the image's third in 3D Slicer, but where another one shows thick slices.

    :param affine: (4, 4) of the layers, indices to RAS millimeter.
    :param geometry: as in :func:`in_reference_geometry`.
    """
    numbers = _geometry_numbers(geometry)
    if numbers is None:
        return None
    columns = numbers[:16].reshape(4, 4)[:3, :3]
    spacing = np.linalg.norm(columns, axis=0)
    if spacing.min() < 1e-9:
        return None
    thick = thick_axis(spacing)
    direction = columns[:, 2 if thick is None else thick]
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return int(np.argmax(np.abs(direction @ unit)))


def _present_values(boxes: list[Any], path: Path) -> list[int]:
    values = [value for value, box in enumerate(boxes, 1) if box is not None]
    if not values:
        raise _EmptyError(f"{path}: every voxel is 0, so the segmentation is empty.")
    if len(values) > _MOST_LABELS:
        raise IFIMeasureError(
            f"{path}: there are {len(values)} different values, so this looks like an image; give the segmentation."
        )
    return values


def _read_dicom_seg(path: Path) -> Segmentation:
    import highdicom
    import pydicom

    refuse_damaged_dicom(path)
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        _refuse_no_segmentation(dataset, path)
        source = highdicom.seg.segread(path)
        packed, notes = _PackedLayers(np.uint16), []
        affine_lps = np.eye(4)
        for number in source.segment_numbers:
            mask, affine_lps, soft = _mask_of_segment(source, int(number))
            name = name_in_dicom(source.get_segment_description(number))
            packed.add(name, mask, int(number))
            if soft:
                notes.append(f"the segment {name} holds probabilities and was taken from one half on")
    except FOREIGN_ERRORS as error:
        if isinstance(error, IFIMeasureError):
            raise
        raise IFIMeasureError(f"{path}: this DICOM segmentation cannot be read ({error_text(error)}).") from None
    turned, grid = _turned(packed.layers, LPS_TO_RAS @ affine_lps, path, across=0)  # frames are its first axis
    whole = grid_of(dataset)
    if whole is not None:
        turned, grid = _put_back(turned, grid, whole)
    frame = str(dataset.get("FrameOfReferenceUID") or "")
    return Segmentation(turned, grid, packed.segments, path, named=True, notes=notes, frame_of_reference=frame)


def _refuse_no_segmentation(dataset: Any, path: Path) -> None:
    kind = str(dataset.get("SOPClassUID", ""))
    if kind == _STRUCTURE_SET:
        raise IFIMeasureError(
            f"{path}: these are contours of radiotherapy (RTSTRUCT); convert them into a segmentation first, with 3D "
            "Slicer (extension SlicerRT: load both, export the segmentation as .seg.nrrd) or with plastimatch (convert "
            "--input … --referenced-ct … --output-prefix …)."
        )
    if kind not in SEGMENTATION_CLASSES:
        raise IFIMeasureError(
            f"{path}: this DICOM file is {dataset.get('Modality', 'of no modality')}, not a segmentation (SEG)."
        )


def _mask_of_segment(source: Any, number: int) -> tuple[Array, Array, bool]:
    """One segment as mask (frames, rows, columns), its affine to LPS, and whether it holds probabilities."""
    asked = {"segment_numbers": [number], "allow_missing_positions": True}
    if source.SegmentationType == "FRACTIONAL":
        volume = source.get_volume(**asked, combine_segments=False, rescale_fractional=True, dtype=np.float32)
        values = np.asarray(volume.array).reshape(volume.array.shape[:3])
        return values >= 0.5, np.asarray(volume.affine), bool(((values > 0.0) & (values < 1.0)).any())
    volume = source.get_volume(**asked, combine_segments=True, relabel=True, dtype=np.uint8)
    return np.asarray(volume.array) > 0, np.asarray(volume.affine), False


def _put_back(layers: list[Array], grid: Grid, whole: Grid) -> tuple[list[Array], Grid]:
    """Put layers back into the grid that our DICOM Segmentation was cropped from, so that its edges are known.

    Where they do not lie on its voxels (another program has changed them), they stay where they are.
    """
    offset = whole.to_ijk(grid.affine[:3, 3])
    start = np.round(offset).astype(int)
    fits = (start >= 0).all() and (start + grid.shape <= whole.shape).all() and np.abs(offset - start).max() < 0.01
    if not fits or not np.allclose(grid.affine[:3, :3], whole.affine[:3, :3], atol=1e-3):
        return layers, grid
    window = LayerWindow(start, np.array(whole.shape), whole.affine)
    return [window.fill(layer) for layer in layers], whole
