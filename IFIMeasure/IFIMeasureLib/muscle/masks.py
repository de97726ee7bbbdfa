"""Masks of the muscle: filled between slices, split from the gemelli, brought onto another grid."""

from __future__ import annotations

import itertools

import numpy as np
import scipy

from ..images.grid import Grid
from ..images.masks import ALL_EDGES, Mask, cropped
from ..values import Array, IFIMeasureError


def fill_between(mask: Mask, axis: int) -> Mask:
    """Fill the slices between those that were drawn, by shape-based interpolation.

    Between two drawn slices the signed distance to their outlines is interpolated linearly (S. P. Raya and J. K. Udupa,
    IEEE Trans Med Imaging 1990;9:32), each outline moved so that their centers meet on the way: a thin muscle that
    runs obliquely would vanish between slices otherwise. Drawn slices stay as they are.

    :param axis: the axis across the slices.
    :raises IFIMeasureError: where fewer than two slices were drawn.
    """
    stack = np.moveaxis(mask.array, axis, 0)
    drawn = np.flatnonzero(stack.any((1, 2)))
    if len(drawn) < 2:
        raise IFIMeasureError(
            f"only {len(drawn)} slice of the muscle is drawn; draw at least two, with slices between them to fill."
        )
    spacing = np.delete(mask.grid.spacing, axis)
    filled = stack.copy()
    for low, high in itertools.pairwise(drawn):
        below, above = depth_inside(stack[low], spacing), depth_inside(stack[high], spacing)
        way = np.array(scipy.ndimage.center_of_mass(stack[high])) - scipy.ndimage.center_of_mass(stack[low])
        for k in range(low + 1, high):
            share = (k - low) / (high - low)
            from_below = scipy.ndimage.shift(below, share * way, order=1, mode="nearest")
            from_above = scipy.ndimage.shift(above, (share - 1) * way, order=1, mode="nearest")
            filled[k] = (1 - share) * from_below + share * from_above > 0
    return Mask(np.ascontiguousarray(np.moveaxis(filled, 0, axis)), mask.grid, mask.cut)


def split_joint(mask: Mask, corners: Array, head_radius_mm: float) -> Mask:
    """Return the quadratus femoris out of a segment that joins it with the gemelli above.

    The border is a plane along the fibers and from front to back, a third of a head radius above the upper
    attachment corners, which lie within the muscle: at the lower border of the inferior gemellus.

    :param corners: (4, 3), RAS millimeter, in the order of :data:`CORNERS`.
    :raises IFIMeasureError: where nothing lies below the border.
    """
    start, end = corners[0], corners[2]
    along = (end - start) / np.linalg.norm(end - start)
    up = np.cross(along, [0.0, 1.0, 0.0])
    up = up / np.linalg.norm(up) * (1.0 if up[2] >= 0 else -1.0)
    index = np.argwhere(mask.array)
    below = (mask.grid.to_ras(index.astype(float)) - start) @ up < head_radius_mm / 3.0
    if not below.any():
        raise IFIMeasureError(
            "nothing of the joint segment lies below the gemelli; check the upper attachment corners."
        )
    array = np.zeros_like(mask.array)
    array[tuple(index[below].T)] = True
    return Mask(array, mask.grid, mask.cut)


def on_grid(mask: Mask, grid: Grid) -> Mask:
    """Return a mask brought onto another image's grid, cropped there.

    :raises IFIMeasureError: where nothing of it lies on that grid.
    """
    inside = sampled(mask, grid)
    if not inside.any():
        raise IFIMeasureError("the muscle lies outside the segmentation's image; give a segmentation that reaches it.")
    found = cropped(Mask(inside, grid, ALL_EDGES))
    return Mask(found.array, found.grid, found.cut | mask.cut)  # what the image cuts off is cut off on any grid


def depth_inside(array: Array, spacing_mm: Array) -> Array:
    """Return how deep the center of each voxel lies, millimeter.

    Inside it is the distance to the nearest voxel outside; outside it is negative, to the nearest one inside.
    """
    inward = scipy.ndimage.distance_transform_edt(array, sampling=spacing_mm)
    return np.asarray(inward - scipy.ndimage.distance_transform_edt(~array, sampling=spacing_mm))


def sampled(mask: Mask, grid: Grid) -> Array:
    """Return a mask on an image's grid, (I, J, K) bool: its own voxels where they are the image's, but for rounding.

    On other voxels it is those that lie at least half in it, which keeps a thin muscle's border where it is.
    """
    start = grid.to_ijk(mask.grid.affine[:3, 3])
    step = (np.linalg.inv(grid.affine) @ mask.grid.affine)[:3, :3]
    same = np.abs(start - np.round(start)).max() < 0.05 and np.abs(step - np.eye(3)).max() < 1e-3
    return resampled(mask, grid, half=not same)


def resampled(mask: Mask, grid: Grid, half: bool = False) -> Array:
    """Return a mask on another grid, (I, J, K) bool: the voxels whose centers lie in one of the mask's voxels.

    :param half: whether those that lie at least half in the mask are taken instead (linear between its voxels).
    """
    matrix = np.linalg.inv(mask.grid.affine) @ grid.affine
    inside = scipy.ndimage.affine_transform(
        mask.array.astype(np.float32 if half else np.uint8),
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=grid.shape,
        order=1 if half else 0,
        mode="constant",
        cval=0,
    )
    return np.asarray(inside > 0.5)
