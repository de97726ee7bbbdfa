"""Segmenting the quadratus femoris from landmarks and image.

The muscle is a quadrilateral plate between ischium and femur. Its four attachment corners give a surface; the
distance to it gives every voxel a prior, a mixture of Gaussians (muscle, and two kinds of surroundings) fitted
with that prior gives it a likelihood, and a random walker (L. Grady, IEEE PAMI 2006;28:1768, with the prior models
of L. Grady, CVPR 2005) draws the border where the image changes. Strokes of a person are certain for the walker.
``Testing/Benchmarks`` holds the comparison with other methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import scipy

from ..anatomy.landmarks import LandmarkSet
from ..images.masks import Mask, Volume
from ..values import Array, Side
from .mixture import posterior
from .region import SearchRegion, muscle_region
from .signal import Levels, signal_levels
from .strokes import Strokes

_EXPECTED_SLOPE_MM = 0.8
"""How far from where other examinations expect it a border may lie.

Chosen by trial on phantoms with and without atrophy.
"""

# of the walker, chosen by trial on phantoms (the benchmark measures on others)
_UNARY = 0.08
"""Weight of a voxel's own belief against its neighbors'."""

_CONTRAST = 15.0
"""The step of signal (squared, in noise) of a border."""

_CLEAR_CONTRAST = 12.0
"""Contrast of muscle to fat in noise below which the image is smoothed first."""

_BLUR_MM = 0.7


Expected = Callable[[Array, Array], Array]
"""Where another examination shows the muscle: from points (N, 3), RAS millimeter, and their place between ischium (0)
and femur (1) to signed distances in millimeter, positive inside."""


def segment_muscle(
    volume: Volume,
    landmarks: LandmarkSet,
    others: Mapping[str, Mask],
    side: Side,
    strokes: Strokes | None = None,
    expected: Expected | None = None,
) -> Mask:
    """Segment the quadratus femoris of one side from its corners and the image.

    :param volume: T1, T2 (fat-suppressed or not), or the water image of Dixon.
    :param others: structures that are not the muscle, by id: bones (the marrow of ``femur`` tells what fat looks
        like), tendons.
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


def _walk(region: SearchRegion, levels: Levels, strokes: Strokes) -> Array:
    """Random walker with priors on the region's free voxels; True where muscle is likelier."""
    belief, certainty = posterior(region, levels)
    marked = _marked(region, strokes)
    free = region.free | (marked != 0)
    target, unary = belief[free], _UNARY * np.maximum(certainty[free], 0.02)
    certain = marked[free] != 0
    target[certain] = marked[free][certain] > 0
    unary[certain] = 1e3
    inside = np.zeros(free.shape, bool)
    inside[free] = _solved(*_edges(region, free, levels.noise), target, unary) > 0.5
    return _largest(inside, region.distance, marked > 0)


def _marked(region: SearchRegion, strokes: Strokes) -> Array:
    """What a person marked, (I, J, K): 1 inside, -1 outside, 0 nothing."""
    marked = np.zeros(region.free.shape, np.int8)
    for points, value in ((strokes.inside, 1), (strokes.outside, -1)):
        if len(points):
            index, within = region.grid.nearest(points)
            marked[tuple(index[within].T)] = value
    return marked


def _edges(region: SearchRegion, free: Array, noise: float) -> tuple[Array, Array, Array]:
    """Pairs of neighbors among the ``free`` voxels (their numbers, twice (E,)), and how alike both look, (E,)."""
    number = np.full(free.shape, -1)
    number[free] = np.arange(int(free.sum()))
    ends, other_ends, weights = [], [], []
    finest = float(region.grid.spacing.min())
    for axis in range(3):
        first = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        both = free[first] & free[second]
        step = (region.image[second] - region.image[first])[both] / noise
        near = (finest / float(region.grid.spacing[axis])) ** 2
        ends.append(number[first][both])
        other_ends.append(number[second][both])
        weights.append(near * (np.exp(-(step**2) / _CONTRAST) + 1e-3))
    return np.concatenate(ends), np.concatenate(other_ends), np.concatenate(weights)


def _solved(i: Array, j: Array, weight: Array, target: Array, unary: Array) -> Array:
    """Probabilities (N,) near to ``target`` by ``unary``, and alike along the edges i to j by ``weight``."""
    count = len(target)
    diagonal = np.bincount(i, weight, count) + np.bincount(j, weight, count) + unary
    own = np.arange(count)
    values = np.concatenate([-weight, -weight, diagonal])
    places = (np.concatenate([i, j, own]), np.concatenate([j, i, own]))
    matrix = scipy.sparse.coo_matrix((values, places), shape=(count, count)).tocsr()
    solution, _ = scipy.sparse.linalg.cg(
        matrix, unary * target, x0=target, rtol=1e-4, maxiter=400, M=scipy.sparse.diags(1.0 / diagonal)
    )
    return np.asarray(solution)


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
