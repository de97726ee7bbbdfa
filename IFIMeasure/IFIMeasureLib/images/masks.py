"""Images, masks and segmentations in memory: arrays [i, j, k] on a grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from ..values import Array
from .grid import Grid

ALL_EDGES = frozenset((axis, end) for axis in range(3) for end in (-1, 1))
"""Every edge of an image: what touches one may be cut off there."""


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

    def face_distance(self, point: Array, axis: int, end: int) -> float:
        """Distance from a point (3,) in the grid's frame to one face of the mask's box, along that axis, millimeter.

        Negative beyond the face.
        """
        index = float(self.grid.to_ijk(point)[axis])
        voxels = self.grid.shape[axis] - 0.5 - index if end > 0 else index + 0.5
        return float(voxels * self.grid.spacing[axis])


@dataclass
class Segmentation:
    """Labels of a file: one or more layers of integers [i, j, k] on one grid, and the segments in them.

    ``files`` names what was read where ``path`` is a folder. ``frame_of_reference`` is the UID by which DICOM names the
    space that coordinates are of; empty where no one says.
    """

    layers: list[Array]
    grid: Grid
    segments: list[SegmentRef]
    path: Path
    named: bool
    notes: list[str] = field(default_factory=list)
    files: tuple[Path, ...] = ()
    frame_of_reference: str = ""
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
            self._boxes[ref.layer] = bounding_boxes(self.layers[ref.layer])
        boxes = self._boxes[ref.layer]
        return boxes[ref.value - 1] if 0 < ref.value <= len(boxes) else None


def cropped(mask: Mask) -> Mask:
    """Return a mask cropped to what is in it and one voxel around; ends that are no longer at an edge are not cut off.

    :param mask: ``cut`` names the edges at which something lies beyond; it must hold at least one voxel.
    """
    used = [np.flatnonzero(mask.array.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    shape = mask.array.shape
    low = [max(int(u[0]) - 1, 0) for u in used]
    high = [min(int(u[-1]) + 2, n) for u, n in zip(used, shape)]
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    reached = {(axis, -1) for axis in range(3) if used[axis][0] == 0}
    reached |= {(axis, 1) for axis in range(3) if used[axis][-1] == shape[axis] - 1}
    return Mask(mask.array[box], mask.grid.cropped(box), frozenset(mask.cut & reached))


def snapped(mask: Mask, grid: Grid) -> Mask:
    """Return a mask whose voxels are a grid's own, cropped out of that very grid as :meth:`Segmentation.mask` does.

    So that a mask that was made here, and the same mask once it was written and read, give the same numbers.

    :param mask: it must hold at least one voxel, within the grid.
    """
    start = np.round(grid.to_ijk(mask.grid.affine[:3, 3])).astype(int)
    used = [np.flatnonzero(mask.array.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    low = [int(start[a] + used[a][0]) for a in range(3)]
    high = [int(start[a] + used[a][-1]) + 1 for a in range(3)]
    reached = {(a, -1) for a in range(3) if low[a] <= 0} | {(a, 1) for a in range(3) if high[a] >= grid.shape[a]}
    i, j, k = (slice(max(low[a] - 1, 0), min(high[a] + 1, grid.shape[a])) for a in range(3))
    target = grid.cropped((i, j, k))
    return Mask(placed(mask, target), target, mask.cut | reached)


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
        there = tuple(slice(int(a), int(b)) for a, b in zip(low, high))
        here = tuple(slice(int(a), int(b)) for a, b in zip(low - start, high - start))
        whole[there] = mask.array[here]
    return whole


def bounding_boxes(array: Array) -> list[Any]:
    """Bounding boxes of labels 1, 2, …, in one pass in the order the memory has."""
    order = sorted(range(3), key=lambda axis: -abs(array.strides[axis]))
    flips = [axis for axis in range(3) if array.strides[axis] < 0]
    plain = np.flip(array, tuple(flips)) if flips else array
    part = plain.transpose(order)
    start = [0, 0, 0]
    # most of an image is empty, and looking for anything at all is much quicker than for each label
    for axis in range(3):
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


def block_mean(array: Array, grid: Grid, factors: Array) -> tuple[Array, Grid]:
    """Average blocks of voxels, centered so that a mirrored array gives the mirrored result."""
    if (factors == 1).all():
        return array.astype(np.float32), grid
    pads: Any = []
    for n, f in zip(array.shape, factors):
        missing = int(-n % f)
        # an odd remainder cannot be split evenly; one more block keeps the halves equal
        while missing % 2:
            missing += int(f)
            if f % 2 == 0:
                break
        pads.append((missing // 2, missing - missing // 2))
    padded = np.pad(array, pads)
    shape = [m for n, f in zip(padded.shape, factors) for m in (n // f, f)]
    blocks = padded[: shape[0] * shape[1], : shape[2] * shape[3], : shape[4] * shape[5]].reshape(shape)
    mean = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_ras(np.array([-p[0] + (f - 1) / 2 for p, f in zip(pads, factors)]))
    affine[:3, :3] = affine[:3, :3] * factors
    return mean, Grid.of(mean.shape, affine, grid.across)
