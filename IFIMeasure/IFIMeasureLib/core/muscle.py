"""Segmenting the quadratus femoris from landmarks and image, from a few contours, or out of a joint segment.

The muscle is a quadrilateral plate between ischium and femur. Its four attachment corners give a surface; the
distance to it gives every voxel a prior, a mixture of Gaussians (muscle, and two kinds of surroundings) fitted
with that prior gives it a likelihood, and a random walker (L. Grady, IEEE PAMI 2006;28:1768, with the prior models
of L. Grady, CVPR 2005) draws the border where the image changes. Strokes of a person are certain for the walker.
``Testing/Benchmarks`` holds the comparison with other methods.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy

from .imaging import ALL_EDGES, Grid, Mask, Volume, cropped
from .landmarks import LandmarkSet, landmark_definitions, position, read_markups
from .values import Array, IFIMeasureError, Side

CORNERS = ("quadratus_ischium_superior", "quadratus_ischium_inferior", "quadratus_femur_superior", "quadratus_femur_inferior")
"""Landmarks of the four attachment corners."""

HALF_THICKNESS_MM = 5.5
"""Distance from the muscle's middle surface at which the prior is even; muscles of 6 to 14 mm lie within its slope."""

_PRIOR_SLOPE_MM = 1.6
_REACH_MM = 14.0
_EXPECTED_SLOPE_MM = 0.8
"""How far from where other examinations expect it a border may lie; chosen by trial on phantoms with and without atrophy."""
_EDGE_MM = 1.6
"""Voxels whose centers lie within this of a border are counted by their signal (partial volume)."""
_FAT_IS_BRIGHT = ("t1", "in-phase")
_NEARBY_MM = 4.0
"""How far around a voxel the signals of muscle and of its surroundings are averaged for that."""
# of the walker, chosen by trial on phantoms (the benchmark measures on others): weight of the prior against the
# signal, weight of a voxel's own belief against its neighbors', and the step of signal (squared, in noise) of a border
_PRIOR_WEIGHT = 0.6
_UNARY = 0.08
_CONTRAST = 15.0
_BEYOND = (0.1, 0.2)
"""How far the plate goes on beyond ischium and femur, in lengths of the fibers: the bones end it, not the corners."""
_SUREST = 0.85
_UNEVEN = (0.10, 0.12, 0.10)
_DRIFT = 0.15
"""How far (in contrasts of muscle to fat) the signal of the muscle may move from that of the plate's middle: further, it would take in partial volume."""
_DECISIVE = 4
"""How sharply a muscle voxel's own belief fades where the prior does not decide."""
_CLEAR_CONTRAST = 12.0
"""Contrast of muscle to fat in noise below which the image is smoothed first."""
_BLUR_MM = 0.7


@dataclass(frozen=True)
class Strokes:
    """What a person marked: points inside and outside the muscle, each (N, 3) RAS millimeter."""

    inside: Array
    outside: Array

    @classmethod
    def none(cls) -> Strokes:
        """Return no strokes."""
        return cls(np.zeros((0, 3)), np.zeros((0, 3)))


def read_strokes(path: Path) -> Strokes:
    """Read strokes from a Slicer markups file whose lists (or their points) are named ``inside`` and ``outside``.

    :raises IFIMeasureError: where it is no markups file, holds neither, or a position is not finite.
    """
    found: dict[str, list[tuple[float, float, float]]] = {"inside": [], "outside": []}
    for point in read_markups(path, "strokes", lambda name, label: _stroke_kind(name, label) != ""):
        if point.position_ras_mm is not None:
            found[_stroke_kind(point.list_name, point.label)].append(point.position_ras_mm)
    if not any(found.values()):
        raise IFIMeasureError(f"{path}: no list or point is named 'inside' or 'outside'; name the lists so and save them again.")
    return Strokes(*(np.array(found[kind]).reshape(-1, 3) for kind in ("inside", "outside")))


def _stroke_kind(list_name: str, label: str) -> str:
    words = f"{list_name} {label}".lower()
    return "outside" if "outside" in words else "inside" if "inside" in words else ""


def muscle_corners(landmarks: LandmarkSet) -> Array:
    """Return the four attachment corners (4, 3), RAS millimeter, in the order of :data:`CORNERS`.

    :raises IFIMeasureError: where one is missing; names it and says why.
    """
    places = []
    for key in CORNERS:
        place = position(landmarks, key)
        if place is None:
            why = landmarks[key].reason or "it is not placed yet."
            raise IFIMeasureError(f"{landmark_definitions()[key].title} is missing, so the muscle cannot be found: {why}")
        places.append(place)
    return np.array(places)


def plate(corners: Array, count: int = 41) -> tuple[Array, Array]:
    """Return points (N, 3) of the bilinear surface between the corners and a little beyond, and their parameters (N, 2).

    The first parameter runs from ischium (0) to femur (1), the second from the upper (0) to the lower border (1).
    """
    u, v = (g.reshape(-1, 1) for g in np.meshgrid(np.linspace(-_BEYOND[0], 1 + _BEYOND[1], count), np.linspace(0, 1, count), indexing="ij"))
    a, b, c, d = corners
    points = (1 - u) * ((1 - v) * a + v * b) + u * ((1 - v) * c + v * d)
    return points, np.concatenate([u, v], axis=1)


Expected = Callable[[Array, Array], Array]
"""Where another examination shows the muscle: from points (N, 3), RAS millimeter, and their place between ischium (0)
and femur (1) to signed distances in millimeter, positive inside."""


def segment_muscle(volume: Volume, landmarks: LandmarkSet, others: Mapping[str, Mask], side: Side, strokes: Strokes | None = None, expected: Expected | None = None) -> Mask:
    """Segment the quadratus femoris of one side from its corners and the image.

    :param volume: T1, T2 (fat-suppressed or not), or the water image of Dixon.
    :param others: structures that are not the muscle, by id: bones (the marrow of ``femur`` tells what fat looks like), tendons.
    :param strokes: what a person marked as inside and outside.
    :param expected: where the muscle lies by itself and by other examinations together; takes the place of the plate.
    :returns: the muscle on the image's grid, cropped.
    :raises IFIMeasureError: where a corner is missing, lies outside the image, or the image shows no muscle there.
    """
    region = muscle_region(volume, landmarks, others, side)
    levels = signal_levels(region, others.get("femur"))
    if abs(levels.muscle - levels.fat) < _CLEAR_CONTRAST * levels.noise:
        # hardly any contrast: a voxel alone says little, its neighborhood more
        sigma = _BLUR_MM / region.grid.spacing
        region.image = scipy.ndimage.gaussian_filter(region.image, sigma)
        levels = signal_levels(region, others.get("femur"))
    if expected is not None:
        distance = expected(region.points(), region.along.reshape(-1)).reshape(region.image.shape)
        region.prior = np.asarray(1.0 / (1.0 + np.exp(-distance / _EXPECTED_SLOPE_MM)))
    return region.mask(_walk(region, levels, strokes or Strokes.none()))


def muscle_region(volume: Volume, landmarks: LandmarkSet, others: Mapping[str, Mask], side: Side) -> Region:
    """Return the part of an image in which the muscle is looked for; see :func:`segment_muscle`."""
    region = Region.around(volume, muscle_corners(landmarks), side)
    for mask in others.values():
        region.free &= ~resampled(mask, region.grid)
    return region


@dataclass
class Region:
    """The part of an image around the plate.

    :param image: (I, J, K) intensities on ``grid``.
    :param distance: of each voxel to the plate, millimeter; no more than 17 beyond reach.
    :param along: where between ischium (0) and femur (1) its nearest point of the plate lies.
    :param free: voxels within reach that belong to no other structure.
    :param contrast: of the image, see :class:`.imaging.Volume`.
    :param prior: probability of the muscle at each voxel before its signal is looked at; by the distance to the plate.
    :param edges: at which of its ends (axis, -1 or 1) the part ends with the image.
    """

    image: Array
    grid: Grid
    distance: Array
    along: Array
    free: Array
    edges: frozenset[tuple[int, int]]
    prior: Array
    contrast: str = ""

    @classmethod
    def around(cls, volume: Volume, corners: Array, side: Side) -> Region:
        """Cut the part out of an image.

        :raises IFIMeasureError: where the image does not reach the muscle, or shows nothing there.
        """
        grid = volume.grid
        corner_index = grid.to_ijk(corners)
        outside = ((corner_index < -0.5) | (corner_index > np.array(grid.shape) - 0.5)).any(1)
        if outside.any():
            names = ", ".join(landmark_definitions()[CORNERS[int(n)]].title for n in np.flatnonzero(outside))
            raise IFIMeasureError(
                f"{volume.path.name}: the image does not reach the {side.value} quadratus femoris ({names} lies outside it); give an image that shows the whole muscle."
            )
        surface, parameters = plate(corners)
        index = grid.to_ijk(surface)
        margin = np.ceil((_REACH_MM + 1.0) / grid.spacing)
        start = np.clip(np.floor(index.min(0) - margin), 0, grid.shape).astype(int)
        stop = np.clip(np.ceil(index.max(0) + margin) + 1, 0, grid.shape).astype(int)
        box = (slice(start[0], stop[0]), slice(start[1], stop[1]), slice(start[2], stop[2]))
        image = np.asarray(volume.array[box], dtype=np.float32)
        if not np.isfinite(image).all():
            raise IFIMeasureError(f"{volume.path.name}: the image holds values that are no finite numbers around the muscle; give another image.")
        if np.ptp(image) == 0:
            raise IFIMeasureError(f"{volume.path.name}: the image is constant around the muscle, so nothing can be told apart; give another image.")
        part = grid.cropped(box)
        # the distance changes slowly: every other voxel of fine axes is enough, the others lie between
        every = np.where(part.spacing < 1.5, 2, 1)
        coarse = [np.arange(0, n + step - 1, step, dtype=float) for n, step in zip(image.shape, every)]
        places = part.to_ras(np.stack(np.meshgrid(*coarse, indexing="ij"), axis=-1))
        known, nearest = scipy.spatial.cKDTree(surface).query(places, distance_upper_bound=_REACH_MM + 3.0)
        far = ~np.isfinite(known)
        fine = np.meshgrid(*[np.arange(n) / step for n, step in zip(image.shape, every)], indexing="ij")
        distance = scipy.ndimage.map_coordinates(np.where(far, _REACH_MM + 3.0, known), fine, order=1, mode="nearest")
        along = scipy.ndimage.map_coordinates(np.where(far, 0.0, parameters[np.where(far, 0, nearest), 0]), fine, order=1, mode="nearest")
        edges = frozenset((a, end) for a, end in ALL_EDGES if (start[a] == 0 if end < 0 else stop[a] == grid.shape[a]))
        prior = 1.0 / (1.0 + np.exp((distance - HALF_THICKNESS_MM) / _PRIOR_SLOPE_MM))
        return cls(image, part, distance, along, distance <= _REACH_MM, edges, np.asarray(prior), volume.contrast)

    def points(self) -> Array:
        """Return the centers of all voxels, (N, 3) RAS millimeter, in the order of the flattened arrays."""
        axes = [np.arange(n, dtype=float) for n in self.image.shape]
        return self.grid.to_ras(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))

    def mask(self, inside: Array) -> Mask:
        """Return voxels of this part as a mask, cropped."""
        if not inside.any():
            raise IFIMeasureError("no muscle was found between the corners; check the corners and the image, or draw a stroke inside the muscle.")
        return cropped(Mask(inside, self.grid, self.edges))


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
        raise IFIMeasureError(f"only {len(drawn)} slice of the muscle is drawn; draw at least two, with slices between them to fill.")
    spacing = np.delete(mask.grid.spacing, axis)
    filled = stack.copy()
    for low, high in itertools.pairwise(drawn):
        below, above = depth_inside(stack[low], spacing), depth_inside(stack[high], spacing)
        way = np.array(scipy.ndimage.center_of_mass(stack[high])) - scipy.ndimage.center_of_mass(stack[low])
        for k in range(low + 1, high):
            share = (k - low) / (high - low)
            here = scipy.ndimage.shift(below, share * way, order=1, mode="nearest"), scipy.ndimage.shift(above, (share - 1) * way, order=1, mode="nearest")
            filled[k] = (1 - share) * here[0] + share * here[1] > 0
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
        raise IFIMeasureError("nothing of the joint segment lies below the gemelli; check the upper attachment corners.")
    array = np.zeros_like(mask.array)
    array[tuple(index[below].T)] = True
    return Mask(array, mask.grid, mask.cut)


def on_grid(mask: Mask, grid: Grid) -> Mask:
    """Return a mask brought onto another image's grid, cropped there.

    :raises IFIMeasureError: where nothing of it lies on that grid.
    """
    inside = resampled(mask, grid)
    if not inside.any():
        raise IFIMeasureError("the muscle lies outside the segmentation's image; give a segmentation that reaches it.")
    found = cropped(Mask(inside, grid, ALL_EDGES))
    return Mask(found.array, found.grid, found.cut | mask.cut)  # what the image cuts off is cut off on any grid


def depth_inside(array: Array, spacing_mm: Array) -> Array:
    """Return how deep the center of each voxel lies, millimeter: to the nearest voxel outside, and negative outside to the nearest inside."""
    return np.asarray(scipy.ndimage.distance_transform_edt(array, sampling=spacing_mm) - scipy.ndimage.distance_transform_edt(~array, sampling=spacing_mm))


def resampled(mask: Mask, grid: Grid) -> Array:
    """Return a mask on another grid: the voxels whose centers lie in one of the mask's voxels."""
    matrix = np.linalg.inv(mask.grid.affine) @ grid.affine
    return np.asarray(scipy.ndimage.affine_transform(mask.array.astype(np.uint8), matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=0, mode="constant", cval=0) > 0)


@dataclass(frozen=True)
class Levels:
    """Signals of fat and of muscle nearby, and the standard deviation of the noise."""

    fat: float
    muscle: float
    noise: float


def signal_levels(region: Region, femur: Mask | None) -> Levels:
    """Signals of fat and muscle around the plate.

    They are the two clusters of the surroundings. Which is fat follows from what the image is; where no one has said,
    fat is the one that looks like the femur's marrow, which is fatty in adults. Where marrow looks like neither (as in
    children) or is not in the image, muscle is the one that looks like the middle of the plate.
    """
    free = region.free
    noise = _noise(region.image, free)
    low, high = _two_means(region.image[free])
    if region.contrast:
        fat_is_bright = region.contrast in _FAT_IS_BRIGHT
    else:
        inside = np.zeros(free.shape, bool) if femur is None else resampled(femur, region.grid)
        marrow = region.image[scipy.ndimage.distance_transform_edt(inside, sampling=region.grid.spacing) > 4.0] if inside.any() else np.zeros(0)
        between = (float(np.median(marrow)) - low) / max(high - low, 1e-6) if len(marrow) >= 50 else 0.5
        if 0.3 < between < 0.7:
            core = float(np.median(region.image[free & (region.distance < 2.5)]))
            fat_is_bright = core < 0.5 * (low + high)
        else:
            fat_is_bright = between > 0.5
    return Levels(high, low, noise) if fat_is_bright else Levels(low, high, noise)


def partial_volume_ml(region: Region, levels: Levels, inside: Array) -> float | None:
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
    clear = scipy.ndimage.distance_transform_edt(region.free | (region.distance > _REACH_MM), sampling=spacing) > 1.5
    close = 0.5 * _NEARBY_MM / spacing
    fat_alone = scipy.ndimage.gaussian_filter(beyond.astype(np.float32), close) > 0.85 * scipy.ndimage.gaussian_filter(around.astype(np.float32), close)
    counted = (np.abs(depth) < _EDGE_MM) & region.free & clear & fat_alone & (seen > 1e-3) & (seen_fat > 0.02) & (np.abs(of_muscle - of_fat) > 2.0 * levels.noise)
    share = inside.astype(float)
    # shares a little below nothing and above all stay: cutting them off would turn noise into volume
    share[counted] = np.clip((image[counted] - of_fat[counted]) / (of_muscle[counted] - of_fat[counted]), -0.3, 1.3)
    return float(share.sum()) * region.grid.voxel_mm3 / 1000.0


def _mean_nearby(image: Array, where: Array, spacing: Array) -> tuple[Array, Array]:
    """Mean of the voxels ``where`` around each voxel, weighted by a Gaussian, and the weight they have."""
    sigma = _NEARBY_MM / spacing
    weight = scipy.ndimage.gaussian_filter(where.astype(np.float32), sigma)
    return scipy.ndimage.gaussian_filter(np.where(where, image, 0.0).astype(np.float32), sigma) / np.maximum(weight, 1e-6), weight


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


def posterior(region: Region, levels: Levels, rounds: int = 15) -> tuple[Array, Array]:
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
        raise IFIMeasureError("bones or the image's edge leave no room for a muscle between the corners; check the corners.")
    of_muscle = core & (lean > 0.3)
    start = _mode(values[of_muscle], max(levels.noise, 0.05 * contrast)) if of_muscle.sum() >= max(10, 0.1 * core.sum()) else levels.muscle
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


def _walk(region: Region, levels: Levels, strokes: Strokes) -> Array:
    """Random walker with priors on the region's free voxels; True where muscle is likelier."""
    belief, certainty = posterior(region, levels)
    free = region.free.copy()
    fixed = np.zeros(free.shape, np.int8)
    for points, value in ((strokes.inside, 1), (strokes.outside, -1)):
        if len(points):
            index = np.round(region.grid.to_ijk(points)).astype(int)
            index = index[((index >= 0) & (index < free.shape)).all(1)]
            fixed[tuple(index.T)] = value
    free |= fixed != 0
    number = np.full(free.shape, -1)
    count = int(free.sum())
    number[free] = np.arange(count)
    rows, columns, weights = [], [], []
    finest = float(region.grid.spacing.min())
    for axis in range(3):
        first = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        both = free[first] & free[second]
        step = (region.image[second] - region.image[first])[both] / levels.noise
        near = (finest / float(region.grid.spacing[axis])) ** 2
        rows.append(number[first][both])
        columns.append(number[second][both])
        weights.append(near * (np.exp(-(step**2) / _CONTRAST) + 1e-3))
    i, j, w = (np.concatenate(x) for x in (rows, columns, weights))
    probability = belief[free]
    unary = _UNARY * np.maximum(certainty[free], 0.02)
    target = probability.copy()
    marked = fixed[free]
    unary[marked != 0] = 1e3
    target[marked != 0] = (marked[marked != 0] > 0).astype(float)
    degree = np.bincount(i, w, count) + np.bincount(j, w, count)
    matrix = scipy.sparse.coo_matrix(
        (np.concatenate([-w, -w, degree + unary]), (np.concatenate([i, j, np.arange(count)]), np.concatenate([j, i, np.arange(count)]))), shape=(count, count)
    ).tocsr()
    solution, _ = scipy.sparse.linalg.cg(matrix, unary * target, x0=target, rtol=1e-4, maxiter=400, M=scipy.sparse.diags(1.0 / (degree + unary)))
    inside = np.zeros(free.shape, bool)
    inside[free] = solution > 0.5
    return _largest(inside, region.distance, fixed > 0)


def _noise(image: Array, free: Array) -> float:
    """Standard deviation of the noise, from differences of neighbors (Laplacian), robust against edges."""
    step = np.diff(image, 2, axis=0)[free[1:-1]]
    return float(max(1.4826 * np.median(np.abs(step)) / np.sqrt(6.0), 1e-3 * float(np.ptp(image))))


def _largest(inside: Array, distance: Array, marked: Array) -> Array:
    """Keep the piece that holds most of the plate, and those that a person marked; fill holes slice by slice."""
    labels, count = scipy.ndimage.label(inside)
    if count == 0:
        return inside
    core = np.bincount(labels[distance < 3.0], minlength=count + 1)
    core[0] = -1
    keep = {int(core.argmax()), *(int(n) for n in np.unique(labels[marked]) if n)}
    kept = np.isin(labels, list(keep))
    for k in range(kept.shape[2]):
        kept[:, :, k] = scipy.ndimage.binary_fill_holes(kept[:, :, k])
    return np.asarray(kept)
