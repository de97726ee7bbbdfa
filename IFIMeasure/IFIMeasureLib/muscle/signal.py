"""Signals of muscle and fat in an image, and the volume of the muscle by its signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ..images.masks import Mask
from ..values import Array
from .masks import depth_inside, resampled
from .region import REACH_MM, SearchRegion

_FAT_IS_BRIGHT = ("t1", "in-phase")
"""Contrasts in which fat is brighter than muscle."""

_EDGE_MM = 1.6
"""Voxels whose centers lie within this of a border are counted by their signal (partial volume)."""

_NEARBY_MM = 4.0
"""How far around a voxel the signals of muscle and of its surroundings are averaged for that."""


@dataclass(frozen=True)
class Levels:
    """Signals of fat and of muscle nearby, and the standard deviation of the noise."""

    fat: float
    muscle: float
    noise: float


def signal_levels(region: SearchRegion, femur: Mask | None) -> Levels:
    """Return the signals of fat and muscle around the plate.

    They are the two clusters of the surroundings. Which is fat follows from what the image is; where no one has said,
    fat is the one that looks like the femur's marrow, which is fatty in adults. Where marrow looks like neither (as in
    children) or is not in the image, muscle is the one that looks like the middle of the plate.
    """
    noise = noise_of(region.image, region.free)
    low, high = two_means(region.image[region.free])
    if region.contrast:
        fat_is_bright = region.contrast in _FAT_IS_BRIGHT
    else:
        marrow = _marrow(region, femur)
        between = (float(np.median(marrow)) - low) / max(high - low, 1e-6) if len(marrow) >= 50 else 0.5
        if 0.3 < between < 0.7:
            core = float(np.median(region.image[region.free & (region.distance < 2.5)]))
            fat_is_bright = core < 0.5 * (low + high)
        else:
            fat_is_bright = between > 0.5
    return Levels(high, low, noise) if fat_is_bright else Levels(low, high, noise)


def noise_of(image: Array, free: Array) -> float:
    """Return the standard deviation of the noise where ``free`` (I, J, K) bool.

    From differences of neighbors (Laplacian), robust against edges.
    """
    step = np.diff(image, 2, axis=0)[free[1:-1]]
    return float(max(1.4826 * np.median(np.abs(step)) / np.sqrt(6.0), 1e-3 * float(np.ptp(image))))


def two_means(values: Array) -> tuple[float, float]:
    """Return the centers of two clusters of values, robust against a few outliers: medians, from the outer deciles."""
    low, high = (float(v) for v in np.quantile(values, [0.1, 0.9]))
    for _ in range(20):
        middle = 0.5 * (low + high)
        below, above = values[values <= middle], values[values > middle]
        if not len(below) or not len(above):
            break
        low, high = float(np.median(below)), float(np.median(above))
    return low, high


def _marrow(region: SearchRegion, femur: Mask | None) -> Array:
    """Signals deep inside the femur, (N,)."""
    if femur is None:
        return np.zeros(0)
    inside = resampled(femur, region.grid)
    if not inside.any():
        return np.zeros(0)
    depth = scipy.ndimage.distance_transform_edt(inside, sampling=region.grid.spacing)
    return np.asarray(region.image[depth > 4.0])


def partial_volume_ml(region: SearchRegion, levels: Levels, inside: Array) -> float | None:
    """Return the volume of the muscle in milliliters with the voxels at its border counted by their signal.

    A voxel at the border counts as the share that its signal takes between that of the surroundings and that of the
    muscle, both averaged nearby: so partial volume, which makes a voxel count whole or not at all, and most of the
    noise average out (as in the boundary shift integral, P. A. Freeborough and N. C. Fox, IEEE Trans Med Imaging
    1997;16:623). Where bone, tendon or another muscle lies beside it, voxels count whole.

    :param region: with its image as acquired, not smoothed.
    :param inside: (I, J, K) the muscle on the region's grid.
    :returns: None where muscle and surroundings have nearly the same signal.
    """
    spacing, image = region.grid.spacing, region.image.astype(float)
    depth = _depth_of_border(inside, spacing)
    deep = inside & (depth > _EDGE_MM)
    muscle = float(np.median(image[deep])) if deep.sum() > 50 else levels.muscle
    around = ~inside & region.free & (depth < -_EDGE_MM) & (depth > -_EDGE_MM - 3.5)
    middle = 0.5 * (levels.fat + muscle)
    beyond = around & (np.sign(image - middle) == np.sign(levels.fat - middle))
    if not deep.any() or not beyond.any() or abs(muscle - levels.fat) < 2.0 * levels.noise:
        return None
    of_muscle, muscle_seen = _mean_nearby(image, deep, spacing)
    of_fat, fat_seen = _mean_nearby(image, beyond, spacing)
    counted = (np.abs(depth) < _EDGE_MM) & _beside_fat_alone(region, around, beyond)
    counted &= (muscle_seen > 1e-3) & (fat_seen > 0.02) & (np.abs(of_muscle - of_fat) > 2.0 * levels.noise)
    share = inside.astype(float)
    # shares a little below nothing and above all stay: cutting them off would turn noise into volume
    share[counted] = np.clip((image[counted] - of_fat[counted]) / (of_muscle[counted] - of_fat[counted]), -0.3, 1.3)
    return float(share.sum()) * region.grid.voxel_mm3 / 1000.0


def _depth_of_border(inside: Array, spacing: Array) -> Array:
    """How deep the center of each voxel lies below the border, millimeter, negative outside."""
    depth = depth_inside(inside, spacing)
    edge = 0.5 * float(spacing.min())  # the border lies between the centers of two voxels
    return np.where(depth > 0, depth - edge, depth + edge)


def _beside_fat_alone(region: SearchRegion, around: Array, beyond: Array) -> Array:
    """Which free voxels have no other structure beside them, and nothing but fat (``beyond`` of ``around``)."""
    spacing = region.grid.spacing
    mine = region.free | (region.distance > REACH_MM)
    clear = scipy.ndimage.distance_transform_edt(mine, sampling=spacing) > 1.5
    close = 0.5 * _NEARBY_MM / spacing
    fat, all_around = (scipy.ndimage.gaussian_filter(of.astype(np.float32), close) for of in (beyond, around))
    return np.asarray(region.free & clear & (fat > 0.85 * all_around))


def _mean_nearby(image: Array, where: Array, spacing: Array) -> tuple[Array, Array]:
    """Mean of the voxels ``where`` around each voxel, weighted by a Gaussian, and the weight they have."""
    sigma = _NEARBY_MM / spacing
    weight = scipy.ndimage.gaussian_filter(where.astype(np.float32), sigma)
    total = scipy.ndimage.gaussian_filter(np.where(where, image, 0.0).astype(np.float32), sigma)
    return total / np.maximum(weight, 1e-6), weight
