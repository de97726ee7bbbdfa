"""Signals of muscle and fat in an image, and what share of a voxel is muscle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ..images.masks import Mask
from ..values import Array, IFIMeasureError
from .masks import depth_inside, resampled
from .region import REACH_MM, SearchRegion

_EDGE_MM = 1.6
"""Voxels whose centers lie within this of a border are counted by their signal (partial volume)."""


_FAT_IS_BRIGHT = ("t1", "in-phase")


_NEARBY_MM = 4.0
"""How far around a voxel the signals of muscle and of its surroundings are averaged for that."""


# of the walker, chosen by trial on phantoms (the benchmark measures on others): weight of the prior against the
# signal, weight of a voxel's own belief against its neighbors', and the step of signal (squared, in noise) of a border
_PRIOR_WEIGHT = 0.6


_SUREST = 0.85


_UNEVEN = (0.10, 0.12, 0.10)


_DRIFT = 0.15
"""How far (in contrasts of muscle to fat) the signal of the muscle may move from that of the plate's middle: further, it would take in partial volume."""


_DECISIVE = 4
"""How sharply a muscle voxel's own belief fades where the prior does not decide."""


@dataclass(frozen=True)
class Levels:
    """Signals of fat and of muscle nearby, and the standard deviation of the noise."""

    fat: float
    muscle: float
    noise: float


def signal_levels(region: SearchRegion, femur: Mask | None) -> Levels:
    """Signals of fat and muscle around the plate.

    They are the two clusters of the surroundings. Which is fat follows from what the image is; where no one has said,
    fat is the one that looks like the femur's marrow, which is fatty in adults. Where marrow looks like neither (as in
    children) or is not in the image, muscle is the one that looks like the middle of the plate.
    """
    free = region.free
    noise = noise_of(region.image, free)
    low, high = _two_means(region.image[free])
    if region.contrast:
        fat_is_bright = region.contrast in _FAT_IS_BRIGHT
    else:
        inside = np.zeros(free.shape, bool) if femur is None else resampled(femur, region.grid)
        marrow = (
            region.image[scipy.ndimage.distance_transform_edt(inside, sampling=region.grid.spacing) > 4.0]
            if inside.any()
            else np.zeros(0)
        )
        between = (float(np.median(marrow)) - low) / max(high - low, 1e-6) if len(marrow) >= 50 else 0.5
        if 0.3 < between < 0.7:
            core = float(np.median(region.image[free & (region.distance < 2.5)]))
            fat_is_bright = core < 0.5 * (low + high)
        else:
            fat_is_bright = between > 0.5
    return Levels(high, low, noise) if fat_is_bright else Levels(low, high, noise)


def partial_volume_ml(region: SearchRegion, levels: Levels, inside: Array) -> float | None:
    """Return the volume of the muscle in milliliters with the voxels at its border counted by their signal.

    A voxel at the border counts as the share that its signal takes between that of the surroundings and that of the
    muscle, both averaged nearby: so partial volume, which makes a voxel count whole or not at all, and most of the
    noise average out (as in the boundary shift integral, P. A. Freeborough and N. C. Fox, IEEE Trans Med Imaging 1997;16:623).
    Where bone, tendon or another muscle lies beside it, voxels count whole.

    :param region: with its image as acquired, not smoothed.
    :param inside: (I, J, K) the muscle on the region's grid.
    :returns: None where muscle and surroundings have nearly the same signal.
    """
    spacing, image = region.grid.spacing, region.image.astype(float)
    edge = 0.5 * float(spacing.min())  # between the centers of two voxels
    depth = depth_inside(inside, spacing)
    depth = np.where(depth > 0, depth - edge, depth + edge)
    deep = inside & (depth > _EDGE_MM)
    muscle = float(np.median(image[deep])) if deep.sum() > 50 else levels.muscle
    around = ~inside & region.free & (depth < -_EDGE_MM) & (depth > -_EDGE_MM - 3.5)
    middle = 0.5 * (levels.fat + muscle)
    beyond = around & (np.sign(image - middle) == np.sign(levels.fat - middle))
    if not deep.any() or not beyond.any() or abs(muscle - levels.fat) < 2.0 * levels.noise:
        return None
    (of_muscle, seen), (of_fat, seen_fat) = (_mean_nearby(image, where, spacing) for where in (deep, beyond))
    clear = scipy.ndimage.distance_transform_edt(region.free | (region.distance > REACH_MM), sampling=spacing) > 1.5
    close = 0.5 * _NEARBY_MM / spacing
    fat_alone = scipy.ndimage.gaussian_filter(beyond.astype(np.float32), close) > 0.85 * scipy.ndimage.gaussian_filter(
        around.astype(np.float32), close
    )
    counted = (
        (np.abs(depth) < _EDGE_MM)
        & region.free
        & clear
        & fat_alone
        & (seen > 1e-3)
        & (seen_fat > 0.02)
        & (np.abs(of_muscle - of_fat) > 2.0 * levels.noise)
    )
    share = inside.astype(float)
    # shares a little below nothing and above all stay: cutting them off would turn noise into volume
    share[counted] = np.clip((image[counted] - of_fat[counted]) / (of_muscle[counted] - of_fat[counted]), -0.3, 1.3)
    return float(share.sum()) * region.grid.voxel_mm3 / 1000.0


def _mean_nearby(image: Array, where: Array, spacing: Array) -> tuple[Array, Array]:
    """Mean of the voxels ``where`` around each voxel, weighted by a Gaussian, and the weight they have."""
    sigma = _NEARBY_MM / spacing
    weight = scipy.ndimage.gaussian_filter(where.astype(np.float32), sigma)
    return scipy.ndimage.gaussian_filter(np.where(where, image, 0.0).astype(np.float32), sigma) / np.maximum(
        weight, 1e-6
    ), weight


def _two_means(values: Array) -> tuple[float, float]:
    """Centers of two clusters of values, robust against a few outliers: medians, from the outer deciles."""
    low, high = (float(v) for v in np.quantile(values, [0.1, 0.9]))
    for _ in range(20):
        middle = 0.5 * (low + high)
        below, above = values[values <= middle], values[values > middle]
        if not len(below) or not len(above):
            break
        low, high = float(np.median(below)), float(np.median(above))
    return low, high


def posterior(region: SearchRegion, levels: Levels, rounds: int = 15) -> tuple[Array, Array]:
    """Probability of the muscle by a mixture of three Gaussians whose weights follow the prior, and its certainty.

    Both have the region's shape. Fat is certain wherever it lies; which muscle a voxel of muscle belongs to is
    certain only where the prior is: elsewhere the walker decides by what the voxel is connected with.

    The Gaussians are this muscle (which fat and edema may have changed), fat, and other muscles. They stay as
    narrow as noise and a little unevenness allow, so that none of them swallows another.
    """
    free = region.free
    values, prior = region.image[free].astype(float), region.prior[free]
    # what is fatter than fat is fat (pure fat beside that mixed with other tissue), not an outlier that could be anything
    values = np.minimum(values, levels.fat) if levels.fat > levels.muscle else np.maximum(values, levels.fat)
    along, distance = region.along[free], region.distance[free]
    gap = levels.muscle - levels.fat
    contrast = max(abs(gap), 3.0 * levels.noise)
    lean = (values - levels.fat) / (gap if abs(gap) > 1e-6 else 1.0)  # 0 in fat, 1 in muscle, more in edema
    core = (distance < 3.0) & (along > 0.1) & (along < 0.9)
    if core.sum() < 10:
        raise IFIMeasureError(
            "bones or the image's edge leave no room for a muscle between the corners; check the corners."
        )
    of_muscle = core & (lean > 0.3)
    start = (
        _mode(values[of_muscle], max(levels.noise, 0.05 * contrast))
        if of_muscle.sum() >= max(10, 0.1 * core.sum())
        else levels.muscle
    )
    lowest, highest = sorted((levels.fat + 0.3 * gap, levels.fat + 6.0 * gap))
    lowest, highest = max(lowest, start - _DRIFT * contrast), min(highest, start + _DRIFT * contrast)
    mean = np.array([start, levels.fat, levels.muscle])
    widest = 1.25 * levels.noise + np.array(_UNEVEN) * contrast
    # corners may be a centimeter off: no place is so certain that fat cannot lie there
    prior = np.minimum(prior, _SUREST)
    sd = widest.copy()
    share = np.array([0.5, 0.5])
    for _ in range(rounds):
        density = _gaussians(values, mean, sd)
        weight = np.concatenate([prior * density[:1], (1 - prior) * share[:, None] * density[1:]])
        weight /= weight.sum(0)
        total = np.maximum(weight.sum(1), 1e-6)
        new = (weight @ values) / total
        mean[0] = np.clip(new[0], lowest, max(lowest, highest))
        mean[1:] = np.clip(new[1:], mean[1:] - 0.1 * contrast, mean[1:] + 0.1 * contrast)
        spread = np.sqrt((weight * (values - mean[:, None]) ** 2).sum(1) / total)
        sd = np.clip(spread, 0.8 * levels.noise, widest)
        share = np.maximum(total[1:] / total[1:].sum(), 0.1)
    density = _gaussians(values, mean, sd)
    muscle = prior**_PRIOR_WEIGHT * density[0]
    fat, other = (1 - prior) ** _PRIOR_WEIGHT * share[:, None] * density[1:]
    total = muscle + fat + other
    belief, certainty = np.zeros(region.image.shape), np.zeros(region.image.shape)
    belief[free] = muscle / total
    which = muscle / np.maximum(muscle + other, 1e-30)
    certainty[free] = fat / total + (1 - fat / total) * np.abs(2 * which - 1) ** _DECISIVE
    return belief, certainty


def _mode(values: Array, width: float) -> float:
    """The value with most others near it: streaks of fat and partial volume move a mean or median, but not this."""
    low, high = (float(v) for v in np.quantile(values, [0.02, 0.98]))
    places = np.linspace(low, high, 100)
    near = np.exp(-0.5 * ((places[:, None] - values[:: max(1, len(values) // 2000)]) / width) ** 2).sum(1)
    return float(places[near.argmax()])


def _gaussians(values: Array, mean: Array, sd: Array) -> Array:
    """Densities (N, values) with a floor, so that an outlier is no certainty."""
    return np.asarray(np.exp(-0.5 * ((values - mean[:, None]) / sd[:, None]) ** 2) / sd[:, None] + 1e-4 / sd.max())


def noise_of(image: Array, free: Array) -> float:
    """Standard deviation of the noise, from differences of neighbors (Laplacian), robust against edges."""
    step = np.diff(image, 2, axis=0)[free[1:-1]]
    return float(max(1.4826 * np.median(np.abs(step)) / np.sqrt(6.0), 1e-3 * float(np.ptp(image))))
