"""Reading images, label maps and segmentations into one form: arrays indexed [i, j, k] with a RAS affine.

Arrays are turned (without a copy) to the axis order and directions nearest to RAS, so that a sagittal or
flipped acquisition of the same anatomy gives the same array up to the grid it was sampled on.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import SimpleITK as sitk

from .anatomy import names_of_other_programs, structure_from_name
from .values import Array, IFIMeasureError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Grid:
    """Where voxels lie: ``affine`` (4, 4) maps the indices (i, j, k) of voxel centers to RAS millimeter."""

    shape: tuple[int, int, int]
    affine: Array

    @property
    def spacing(self) -> Array:
        """Distance between voxel centers along i, j, k in millimeter, (3,)."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def directions(self) -> Array:
        """Unit vectors of i, j, k as columns, RAS, (3, 3)."""
        return np.asarray(self.affine[:3, :3] / self.spacing)

    def to_ras(self, ijk: Array) -> Array:
        """Return RAS millimeter of indices (..., 3)."""
        return np.asarray(ijk @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_ijk(self, ras: Array) -> Array:
        """Return continuous indices of RAS millimeter (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(ras @ inverse[:3, :3].T + inverse[:3, 3])

    def corners(self, beyond: float = 0.0) -> Array:
        """Return the eight corners, (8, 3), RAS millimeter: of the outer voxel centers, or ``beyond`` voxels outside them."""
        ends = [[-beyond, n - 1.0 + beyond] for n in self.shape]
        return self.to_ras(np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T)

    def axis_tilt_deg(self, axis: int) -> float:
        """Angle between voxel axis ``axis`` and the RAS axis of the same number, in degree."""
        return float(np.degrees(np.arccos(np.clip(abs(self.directions[axis, axis]), 0.0, 1.0))))

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel, cubic millimeter."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def slice_axis(self) -> int:
        """The axis across the acquired slices: the one of the largest spacing; the third where they are equal."""
        spacing = self.spacing
        return int(np.argmax(spacing)) if spacing.max() > 1.05 * spacing.min() else 2

    @property
    def plane_name(self) -> str:
        """``axial``, ``sagittal`` or ``coronal`` after the slice axis, ``oblique`` where it is tilted over 2 degree."""
        axis = self.slice_axis
        if self.axis_tilt_deg(axis) > 2.0:
            return "oblique"
        return ("sagittal", "coronal", "axial")[axis]

    def cropped(self, box: tuple[slice, slice, slice]) -> Grid:
        """Return the grid of ``array[box]``."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_ras(np.array([s.start for s in box], dtype=float))
        return Grid((box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start), affine)

    def difference(self, other: Grid) -> str:
        """Say in words how another grid differs from this one; empty where they agree to 0.01 mm."""
        parts = []
        if self.shape != other.shape:
            parts.append(f"size {_times(self.shape)} against {_times(other.shape)}")
        if not np.allclose(self.spacing, other.spacing, atol=1e-3):
            parts.append(f"spacing {_times(self.spacing)} against {_times(other.spacing)} mm")
        turn = np.degrees(np.arccos(np.clip((self.directions * other.directions).sum(0), -1, 1))).max()
        if turn > 0.05:
            parts.append(f"directions by {turn:.2f} degree")
        shift = np.linalg.norm(self.affine[:3, 3] - other.affine[:3, 3])
        if shift > 0.01:
            parts.append(f"origin by {shift:.2f} mm")
        return ", ".join(parts)


def _times(values: Any) -> str:
    return " x ".join(f"{float(v):g}" if not isinstance(v, (int, np.integer)) else str(v) for v in np.round(np.asarray(values, float), 4).tolist())


def canonical(array: Array, affine: Array) -> tuple[Array, Grid]:
    """Turn and flip an array's axes (a view) so that i, j, k run nearest to R, A and S.

    :param array: (I, J, K).
    :param affine: (4, 4) indices to RAS millimeter.
    """
    direction = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    best = max(
        ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)),
        key=lambda order: sum(abs(direction[row, order[row]]) for row in range(3)),
    )
    turned = array.transpose(best)
    matrix = np.eye(4)
    matrix[:3, :3] = affine[:3, list(best)]
    matrix[:3, 3] = affine[:3, 3]
    for axis in range(3):
        if matrix[axis, axis] < 0:
            matrix[:3, 3] = matrix[:3, 3] + matrix[:3, axis] * (turned.shape[axis] - 1)
            matrix[:3, axis] = -matrix[:3, axis]
            turned = np.flip(turned, axis)
    return turned, Grid((turned.shape[0], turned.shape[1], turned.shape[2]), matrix)


@dataclass
class Volume:
    """A scalar image: ``array`` [i, j, k] on ``grid``.

    :param tags: what is known of the study, by DICOM keyword.
    :param contrast: ``t1``, ``t2fs``, ``water`` or ``in-phase``; empty where no one has said.
    """

    array: Array
    grid: Grid
    path: Path
    tags: dict[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    contrast: str = ""


@dataclass(frozen=True)
class SegmentRef:
    """One segment of a file: its name, the layer it lies in and its value there."""

    name: str
    layer: int
    value: int


@dataclass
class Mask:
    """One structure as voxels: ``array`` of bool on ``grid``, cropped with a margin of one voxel where there is one.

    ``cut`` names the image faces the structure touches: pairs of (axis, -1 or 1) in canonical RAS order.
    """

    array: Array
    grid: Grid
    cut: frozenset[tuple[int, int]]


@dataclass
class Segmentation:
    """Labels of a file: one or more layers of integers [i, j, k] on one grid, and the segments in them.

    ``files`` names what was read where ``path`` is a folder.
    """

    layers: list[Array]
    grid: Grid
    segments: list[SegmentRef]
    path: Path
    named: bool
    notes: list[str] = field(default_factory=list)
    files: tuple[Path, ...] = ()
    _boxes: dict[int, list[Any]] = field(default_factory=dict)

    def mask(self, refs: list[SegmentRef], margin: int = 1) -> Mask | None:
        """Return the union of segments, cropped to its bounding box and ``margin`` voxels; None where it is empty."""
        boxes = []
        for ref in refs:
            box = self._box(ref)
            if box is not None:
                boxes.append(box)
        if not boxes:
            return None
        shape = self.grid.shape
        low = [min(b[a].start for b in boxes) for a in range(3)]
        high = [max(b[a].stop for b in boxes) for a in range(3)]
        cut = frozenset([(a, -1) for a in range(3) if low[a] == 0] + [(a, 1) for a in range(3) if high[a] == shape[a]])
        box = tuple(slice(max(low[a] - margin, 0), min(high[a] + margin, shape[a])) for a in range(3))
        mask = np.zeros([s.stop - s.start for s in box], dtype=bool)
        for layer in {ref.layer for ref in refs}:
            values = [ref.value for ref in refs if ref.layer == layer]
            part = self.layers[layer][box]
            for value in values:
                mask |= part == value
        return Mask(mask, self.grid.cropped((box[0], box[1], box[2])), cut)

    def _box(self, ref: SegmentRef) -> Any:
        if ref.layer not in self._boxes:
            self._boxes[ref.layer] = _bounding_boxes(self.layers[ref.layer])
        boxes = self._boxes[ref.layer]
        return boxes[ref.value - 1] if 0 < ref.value <= len(boxes) else None


def cropped(mask: Mask) -> Mask:
    """Return a mask cropped to what is in it and one voxel around; ends that are no longer at an edge are not cut off.

    :param mask: ``cut`` names the edges at which something lies beyond; it must hold at least one voxel.
    """
    used = [np.flatnonzero(mask.array.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    shape = mask.array.shape
    low, high = [max(int(u[0]) - 1, 0) for u in used], [min(int(u[-1]) + 2, n) for u, n in zip(used, shape)]
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    cut = frozenset((axis, end) for axis, end in mask.cut if (used[axis][0] == 0 if end < 0 else used[axis][-1] == shape[axis] - 1))
    return Mask(mask.array[box], mask.grid.cropped(box), cut)


def placed(mask: Mask, grid: Grid) -> Array:
    """Return a mask on a grid whose voxels are its own, (I, J, K) bool; what lies outside the grid is left out.

    :raises ValueError: where the voxels are others.
    """
    offset = grid.to_ijk(mask.grid.affine[:3, 3])
    start = np.round(offset).astype(int)
    if np.abs(offset - start).max() > 0.01 or not np.allclose(mask.grid.affine[:3, :3], grid.affine[:3, :3], atol=1e-4):
        raise ValueError("the mask lies on other voxels")
    whole = np.zeros(grid.shape, bool)
    low, high = np.maximum(start, 0), np.minimum(start + mask.array.shape, grid.shape)
    if (low < high).all():
        whole[tuple(slice(int(a), int(b)) for a, b in zip(low, high))] = mask.array[tuple(slice(int(a), int(b)) for a, b in zip(low - start, high - start))]
    return whole


ALL_EDGES = frozenset((axis, end) for axis in range(3) for end in (-1, 1))
"""Every edge of an image: what touches one may be cut off there."""


def _bounding_boxes(array: Array) -> list[Any]:
    """Bounding boxes of labels 1, 2, …, in one pass in the order the memory has."""
    order = sorted(range(3), key=lambda axis: -abs(array.strides[axis]))
    flips = [axis for axis in range(3) if array.strides[axis] < 0]
    plain = np.flip(array, tuple(flips)) if flips else array
    part = plain.transpose(order)
    start = [0, 0, 0]
    for axis in range(3):  # most of an image is empty, and looking for anything at all is much quicker than for each label
        used = np.flatnonzero(part.any(axis=tuple(a for a in range(3) if a != axis)))
        if not len(used):
            return []
        start[axis] = int(used[0])
        part = part[(slice(None),) * axis + (slice(start[axis], int(used[-1]) + 1),)]
    boxes = scipy.ndimage.find_objects(part)
    result: list[Any] = []
    for box in boxes:
        if box is None:
            result.append(None)
            continue
        back = [slice(0, 0)] * 3
        for position, axis in enumerate(order):
            low, high = box[position].start + start[position], box[position].stop + start[position]
            n = array.shape[axis]
            back[axis] = slice(n - high, n - low) if axis in flips else slice(low, high)
        result.append(tuple(back))
    return result


def _read(path: Path) -> Any:
    if not path.exists():
        raise IFIMeasureError(f"{path}: there is no such file.")
    _refuse_unoriented(path)
    try:
        return sitk.ReadImage(str(path))
    except RuntimeError:
        raise IFIMeasureError(f"{path}: this is not an image that can be read (NIfTI, NRRD, MetaImage or DICOM).") from None


def _refuse_unoriented(path: Path) -> None:
    """Refuse files whose header does not say where the patient's left is."""
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        header = _nifti_header(path)
        if len(header) >= 348:
            order = "<" if header[:4] == (348).to_bytes(4, "little") else ">"
            codes = np.frombuffer(header[252:256], dtype=order + "i2")
            if header[344:347] in (b"n+1", b"ni1") and not codes.any():
                raise IFIMeasureError(
                    f"{path}: the NIfTI header has no orientation (qform_code and sform_code are 0), so left and right "
                    "cannot be told; convert it again from DICOM with a converter that keeps the orientation."
                )
    elif name.endswith((".nrrd", ".nhdr")):
        with path.open("rb") as stream:
            head = stream.read(20000).split(b"\n\n")[0]
        if head.startswith(b"NRRD") and not re.search(rb"(?im)^space\s*:", head):
            raise IFIMeasureError(f"{path}: the NRRD header has no 'space' field, so left and right cannot be told; save it again from a program that writes the orientation.")


def _nifti_header(path: Path, size: int = 352) -> bytes:
    opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as stream:
            return bytes(stream.read(size))
    except (OSError, EOFError):
        return b""


def _affine(image: Any) -> Array:
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return np.asarray(LPS_TO_RAS @ affine)


def check_grid(grid: Grid, path: Path | str) -> None:
    """Refuse grids no hip can lie on: a single slice, units that are not millimeter, NaN.

    :raises IFIMeasureError: with what is wrong and what to do.
    """
    if not np.isfinite(grid.affine).all() or abs(np.linalg.det(grid.affine[:3, :3])) < 1e-12:
        raise IFIMeasureError(f"{path}: the geometry in the header is not usable (NaN or a direction of no length).")
    if min(grid.shape) < 2:
        raise IFIMeasureError(f"{path}: the image is {_times(grid.shape)} voxels, a single slice; a volume of several slices is needed.")
    extent = grid.spacing * np.array(grid.shape)
    if extent.max() < 10.0:
        raise IFIMeasureError(
            f"{path}: the image is only {extent.max():.3g} mm wide, so its units look like meters, not millimeters; "
            "write the spacing in millimeters (multiply spacing and origin by 1000)."
        )
    if extent.min() > 5000.0 or grid.spacing.max() > 50.0:
        raise IFIMeasureError(f"{path}: voxels of {_times(grid.spacing)} mm cannot show a hip; check the spacing in the header.")


def read_volume(path: Path) -> Volume:
    """Read a NIfTI, NRRD or MetaImage file as an image.

    :raises IFIMeasureError: where there is no such file, it is no image, or its geometry is unusable.
    """
    image = _read(path)
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise IFIMeasureError(
            f"{path}: the image has {image.GetDimension()} dimensions and {image.GetNumberOfComponentsPerPixel()} values a voxel; "
            "a single three-dimensional scalar volume is needed."
        )
    array, grid = canonical(_array_view(image), _affine(image))
    check_grid(grid, path)
    return Volume(array, grid, path, files=(path,))


def write_volume(volume: Volume, path: Path) -> None:
    """Write an image as NRRD, NIfTI or MetaImage, by the file's name; compressed.

    :raises OSError: where it cannot be written.
    """
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.array.transpose(2, 1, 0)))
    lps = LPS_TO_RAS @ volume.grid.affine
    spacing = volume.grid.spacing
    image.SetSpacing([float(s) for s in spacing])
    image.SetOrigin([float(v) for v in lps[:3, 3]])
    image.SetDirection([float(v) for v in (lps[:3, :3] / spacing).reshape(-1)])
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise OSError(f"{path} could not be written.") from error


def _array_view(image: Any) -> Array:
    """[i, j, k] view that keeps its image alive."""
    view = sitk.GetArrayViewFromImage(image)

    class _Owned(np.ndarray):
        owner: Any

    owned = view.view(_Owned)
    owned.owner = image
    return np.asanyarray(owned.T)


_IMAGE_FILES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")


def read_segmentation(path: Path, names: Collection[str] = ()) -> Segmentation:
    """Read a label map (NIfTI, NRRD), a Slicer ``.seg.nrrd``, a DICOM SEG, or a folder with one mask a file (as TotalSegmentator writes it).

    Segment names are taken from the file where it has them (``.seg.nrrd``, DICOM SEG, the label table that
    TotalSegmentator writes into a NIfTI header); otherwise a segment's name is its label value. A mask of a folder is named as its file.

    :param names: of files to read out of a folder besides those whose names say a structure.
    :raises IFIMeasureError: where there is no such file or it is no segmentation.
    """
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file())
        if len(files) != 1:
            return _read_masks(path, files, names)
        path = files[0]
    if path.exists() and _is_dicom(path):
        return _read_dicom_seg(path)
    image = _read(path)
    keys = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    if image.GetDimension() == 4 and image.GetNumberOfComponentsPerPixel() == 1 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise IFIMeasureError(f"{path}: the segmentation has {image.GetDimension()} dimensions; a three-dimensional label map is needed.")
    affine = _affine(image)
    components = image.GetNumberOfComponentsPerPixel()
    if components == 1:
        raw = [_array_view(image)]
    else:
        view = sitk.GetArrayViewFromImage(image)
        raw = [np.array(view[..., c]).T for c in range(components)]
    layers = []
    for array in raw:
        if not np.issubdtype(array.dtype, np.integer):
            rounded = np.array(array).round()
            if not np.isfinite(rounded).all() or np.abs(rounded - array).max() > 1e-3 or rounded.min() < 0 or rounded.max() > 65535:
                raise IFIMeasureError(f"{path}: the values are not whole numbers, so this is not a label map; give the segmentation, not the image.")
            array = rounded.astype(np.uint16)
        elif array.dtype.kind == "i" and array.min() < 0:
            raise IFIMeasureError(f"{path}: there are negative values ({array.min()}), so this is not a label map; give the segmentation, not the image.")
        layers.append(array)
    reference = re.search(r"Reference image geometry\|([^|]*)\|", keys.get("Segmentation_ConversionParameters", ""))
    if reference:
        place = in_reference_geometry(layers[0].shape, affine, reference[1])
        layers, affine = [place.fill(layer) for layer in layers], place.affine
    grid = Grid((1, 1, 1), np.eye(4))
    turned = []
    for array in layers:
        view, grid = canonical(array, affine)
        turned.append(view)
    check_grid(grid, path)
    segments = _slicer_segments(keys)
    named = bool(segments)
    if not segments:
        table = _nifti_label_table(path)
        values = _present_values(turned[0], path)
        named = bool(table)
        segments = [SegmentRef(table.get(value, str(value)), 0, value) for value in values]
    return Segmentation(turned, grid, segments, path, named)


def _read_masks(folder: Path, files: list[Path], names: Collection[str]) -> Segmentation:
    """Read those masks of a folder that may be a structure of ours; empty ones (beyond the image) are as absent."""
    known: dict[str, Path] = {}
    for file in files:
        ending = next((ending for ending in _IMAGE_FILES if file.name.endswith(ending)), None)
        name = file.name.removesuffix(ending) if ending else ""
        if name in names or structure_from_name(name, names_of_other_programs()) is not None:
            known[name] = file
    if not known:
        raise IFIMeasureError(
            f"{folder}: none of its {len(files)} files is a mask named as a structure (such as femur_left.nii.gz); name the segmentation file itself, or the files with --labels."
        )
    layers: list[Array] = []
    segments: list[SegmentRef] = []
    grid = None
    for name, file in known.items():
        try:
            one = read_segmentation(file)
        except _EmptyError:
            continue
        if grid is None:
            grid = one.grid
        elif grid.difference(one.grid):
            raise IFIMeasureError(f"{file}: it lies on another grid than {segments[0].name} ({grid.difference(one.grid)}); give masks of one image.")
        mask = one.layers[0] > 0
        layer = next((n for n, labels in enumerate(layers) if not labels[mask].any()), len(layers))
        if layer == len(layers):  # masks that overlap need a layer each
            layers.append(np.zeros(mask.shape, np.uint8))
        value = 1 + sum(ref.layer == layer for ref in segments)
        layers[layer][mask] = value
        segments.append(SegmentRef(name, layer, value))
    if grid is None:
        raise IFIMeasureError(f"{folder}: every mask in it ({', '.join(known)}) is empty, so the image does not show the hip; give another one.")
    return Segmentation(layers, grid, segments, folder, True, files=tuple(known.values()))


class _EmptyError(IFIMeasureError):
    """Every voxel of a segmentation is 0."""


@dataclass(frozen=True)
class Placement:
    """Where cropped layers lie in the image they were segmented on: index of their first voxel, and that image's grid."""

    start: Array
    size: Array
    affine: Array

    def fill(self, layer: Array) -> Array:
        """Return a layer put back into its image, (I, J, K)."""
        if (self.size == layer.shape).all() and not self.start.any():
            return layer
        whole = np.zeros(self.size[::-1], layer.dtype).T  # fresh pages of zeros take no memory until they are written
        whole[tuple(slice(int(a), int(a) + n) for a, n in zip(self.start, layer.shape))] = layer
        return whole


def in_reference_geometry(shape: tuple[int, ...], affine: Array, geometry: str) -> Placement:
    """Find where layers lie in the image they were segmented on, so that its edges and slice numbers are known.

    3D Slicer keeps and saves segments cropped to where they are; a bone that ends at such a crop is not cut off
    by the field of view. Layers that do not lie on the image's voxels stay where they are.

    :param shape: of the layers, on the grid of ``affine`` (4, 4), RAS millimeter.
    :param geometry: Slicer's text of a reference image geometry: sixteen numbers of the matrix and six of the
        extent, separated by semicolons.
    """
    where = Placement(np.zeros(3, int), np.array(shape), affine)
    try:
        numbers = [float(text) for text in geometry.split(";") if text.strip()]
    except ValueError:
        return where
    if len(numbers) != 22 or not np.isfinite(numbers).all():
        return where
    reference = np.array(numbers[:16]).reshape(4, 4)
    extent = np.array(numbers[16:]).astype(int).reshape(3, 2)
    if not np.allclose(reference[:3, :3], affine[:3, :3], atol=1e-3) or abs(np.linalg.det(reference[:3, :3])) < 1e-12:
        return where
    offset = np.linalg.solve(reference[:3, :3], affine[:3, 3] - reference[:3, 3]) - extent[:, 0]
    start = np.round(offset).astype(int)
    size = extent[:, 1] - extent[:, 0] + 1
    if np.abs(offset - start).max() > 0.01 or (start < 0).any() or (start + shape > size).any():
        return where
    moved = affine.copy()
    moved[:3, 3] = reference[:3, 3] + reference[:3, :3] @ extent[:, 0]
    return Placement(start, size, moved)


def _present_values(array: Array, path: Path) -> list[int]:
    boxes = _bounding_boxes(array)
    values = [value for value, box in enumerate(boxes, 1) if box is not None]
    if not values:
        raise _EmptyError(f"{path}: every voxel is 0, so the segmentation is empty.")
    if len(values) > 400:
        raise IFIMeasureError(f"{path}: there are {len(values)} different values, so this looks like an image; give the segmentation.")
    return values


def _slicer_segments(keys: dict[str, str]) -> list[SegmentRef]:
    """Segments named in a ``.seg.nrrd`` header; older files number layers instead of label values."""
    found = []
    number = 0
    while f"Segment{number}_ID" in keys or f"Segment{number}_Name" in keys:
        prefix = f"Segment{number}_"
        name = keys.get(prefix + "Name") or keys.get(prefix + "ID") or str(number)
        found.append(SegmentRef(name, int(keys.get(prefix + "Layer", number)), int(keys.get(prefix + "LabelValue", 1))))
        number += 1
    return found


def _nifti_label_table(path: Path) -> dict[int, str]:
    """Names in the XML label table of a NIfTI header extension, as TotalSegmentator writes it."""
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return {}
    header = _nifti_header(path)
    if len(header) < 352:
        return {}
    order = "<" if header[:4] == (348).to_bytes(4, "little") else ">"
    offset = int(np.frombuffer(header[108:112], dtype=order + "f4")[0])
    if not 352 < offset < 10_000_000:
        return {}
    text = _nifti_header(path, offset)[352:].decode("utf-8", "replace")
    pattern = r'<Label\s[^>]*Key="(\d+)"[^>]*>\s*(?:<!\[CDATA\[)?\s*([^<\]]+?)\s*(?:\]\]>)?\s*</Label>'
    return {int(key): name for key, name in re.findall(pattern, text)}


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _read_dicom_seg(path: Path) -> Segmentation:
    import highdicom
    import pydicom

    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    if dataset.get("SOPClassUID") not in ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"):
        raise IFIMeasureError(f"{path}: this DICOM file is {dataset.get('Modality', 'of no modality')}, not a segmentation (SEG).")
    try:
        source = highdicom.seg.segread(path)
        layers: list[Array] = []
        segments: list[SegmentRef] = []
        affine = np.eye(4)
        for number in source.segment_numbers:
            volume = source.get_volume(segment_numbers=[number], combine_segments=True, relabel=True, dtype=np.uint8, allow_missing_positions=True)
            array = np.asarray(volume.array) > 0
            affine = np.asarray(volume.affine)
            # segments that overlap go to layers of their own
            free = [n for n, taken in enumerate(layers) if not taken[array].any()]
            layer = free[0] if free else len(layers)
            if not free:
                layers.append(np.zeros(array.shape, np.uint16))
            layers[layer][array] = number
            segments.append(SegmentRef(str(source.get_segment_description(number).SegmentLabel), layer, int(number)))
    except (RuntimeError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise IFIMeasureError(f"{path}: this DICOM segmentation cannot be read ({_first_sentence(error)}).") from None
    grid = Grid((1, 1, 1), np.eye(4))
    turned = []
    for array in layers:
        view, grid = canonical(array, LPS_TO_RAS @ affine)
        turned.append(view)
    check_grid(grid, path)
    return Segmentation(turned, grid, segments, path, True)


def _first_sentence(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
