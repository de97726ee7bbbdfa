"""The bones of a segmentation moved onto an image, each by itself, since the leg lies otherwise in every scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy

from ..anatomy.structures import Structure
from ..images.bone_to_image import bones_to_image
from ..images.grid import Grid
from ..images.masks import Mask, Segmentation, SegmentRef, Volume
from ..images.rigid import angle_deg, moved
from ..values import Array
from .same_place import bones_of, other_frame
from .structures import masks_by_side

_WITH = {"hip": "hip", "hamstring": "hip", "femur": "femur", "iliopsoas": "femur"}
"""The bone that each structure moves with; others (muscles) lie between bones and cannot be moved."""

_BONE_NAMES = {"hip": "hip bone", "femur": "femur"}


@dataclass(frozen=True)
class Registered:
    """A segmentation whose bones lie on an image, its structures, and what a reader must know."""

    segmentation: Segmentation
    structures: dict[Structure, list[SegmentRef]]
    notes: list[str]


def registered(segmentation: Segmentation, structures: dict[Structure, list[SegmentRef]], volume: Volume) -> Registered:
    """Move the bones of a segmentation onto an image, and the tendons with them.

    Its voxels stay as they are, but for their place: its grid moves with the first hip bone, without turning. Whether
    the bones lie right afterwards is checked by :func:`.place_notes`.
    """
    masks, pieces = masks_by_side(segmentation, structures)
    bones = bones_of(masks)
    matrices = bones_to_image(volume, bones, other_frame(volume, segmentation) or not _overlap(volume.grid, bones))
    moves: list[tuple[Structure, Mask, Array]] = []
    left_out = []
    for side, of in masks.items():
        for key, mask in of.items():
            matrix = matrices.get(f"{side.value} {_BONE_NAMES.get(_WITH.get(key, ''), '')}")
            if matrix is None:
                left_out.append(Structure(key, side).name)
            else:
                moves.append((Structure(key, side), mask, matrix))
    grid = _grid(segmentation.grid, [(mask, matrix) for _, mask, matrix in moves], next(iter(matrices.values())))
    result = _packed([(structure, _moved(mask, matrix, grid)) for structure, mask, matrix in moves], segmentation, grid)
    said = ", ".join(f"{name} by {_move_text(mask, matrices[name])}" for name, mask in bones.items())
    position = "the spaces are those of the leg's position in this image"
    notes = [*pieces, f"the bones were registered onto the image, each by itself: {said}; {position}"]
    if left_out:
        notes.append(f"left out, as it lies otherwise in this image: {', '.join(left_out)}")
    frame = volume.tags.get("FrameOfReferenceUID", "")
    return Registered(replace(result[0], frame_of_reference=frame), result[1], notes)


def _overlap(image: Grid, bones: Mapping[str, Mask]) -> bool:
    """Whether an image reaches the middle of any bone."""
    for mask in bones.values():
        index = image.to_ijk(mask.grid.corners().mean(0))
        if ((index >= 0) & (index <= np.array(image.shape) - 1)).all():
            return True
    return False


def _move_text(mask: Mask, matrix: Array) -> str:
    """By how much the middle of a bone was shifted, and by how many degrees it was turned."""
    middle = mask.grid.corners().mean(0)
    right, anterior, superior = moved(middle[None], matrix)[0] - middle
    size = float(np.linalg.norm([right, anterior, superior]))
    return f"{size:.1f} mm (R {right:+.1f}, A {anterior:+.1f}, S {superior:+.1f}) and {angle_deg(matrix):.1f} degree"


def _grid(grid: Grid, moves: list[tuple[Mask, Array]], first: Array) -> Grid:
    """The grid moved with the pelvis, less what the moved bones' scans do not reach any more at its ends.

    So that a bone that its scan cuts off is still cut off by the grid.
    """
    middle = moves[0][0].grid.corners().mean(0)
    affine = grid.affine.copy()
    affine[:3, 3] += moved(middle[None], first)[0] - middle
    there = Grid(grid.shape, affine)
    low, high = np.zeros(3), np.array(grid.shape, float) - 1.0
    for mask, matrix in moves:
        index = np.argwhere(mask.array)
        for axis, end in mask.cut:
            face = index[index[:, axis] == (0 if end < 0 else mask.array.shape[axis] - 1)]
            along = there.to_ijk(moved(mask.grid.to_ras(face.astype(float)), matrix))[:, axis]
            if end < 0:
                low[axis] = max(low[axis], np.ceil(along.max()))
            else:
                high[axis] = min(high[axis], np.floor(along.min()))
    i, j, k = (slice(int(a), int(b) + 1) for a, b in zip(low, high))
    return there.cropped((i, j, k))


def _moved(mask: Mask, matrix: Array, grid: Grid) -> Array:
    """A mask moved and brought onto a grid, (I, J, K) bool; its border lies where its smoothed voxels are half full."""
    to_mask = np.linalg.inv(matrix @ mask.grid.affine) @ grid.affine
    # beyond a face where the scan cuts it off the bone goes on
    padding = [(1 if (a, -1) in mask.cut else 0, 1 if (a, 1) in mask.cut else 0) for a in range(3)]
    array = np.pad(np.pad(mask.array, padding, mode="edge"), 1).astype(np.float32)
    offset = to_mask[:3, 3] + 1.0 + [low for low, _ in padding]
    inside = scipy.ndimage.affine_transform(array, to_mask[:3, :3], offset, output_shape=grid.shape, order=1)
    return np.asarray(inside >= 0.5)


def _packed(
    arrays: list[tuple[Structure, Array]], segmentation: Segmentation, grid: Grid
) -> tuple[Segmentation, dict[Structure, list[SegmentRef]]]:
    """Masks (I, J, K) of structures as a segmentation, in as many layers as overlaps need."""
    layers: list[Array] = []
    structures: dict[Structure, list[SegmentRef]] = {}
    for value, (structure, array) in enumerate(arrays, 1):
        number = next((n for n, layer in enumerate(layers) if not (layer[array] > 0).any()), len(layers))
        if number == len(layers):
            layers.append(np.zeros(grid.shape, np.uint8))
        layers[number][array] = value
        structures[structure] = [SegmentRef(structure.name, number, value)]
    segments = [ref for refs in structures.values() for ref in refs]
    made = Segmentation(
        layers,
        grid,
        segments,
        segmentation.path,
        named=True,
        notes=list(segmentation.notes),
        files=segmentation.files,
    )
    return made, structures
