"""Whether bones lie on an image: edges across their surfaces, and the shift at which most of them meet one.

Bones and image are in RAS millimeter; neither needs the other's grid.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from ..values import Array, point3
from . import rigid
from .grid import Grid
from .masks import Mask, Volume

REACH_MM = 30.0
"""How far the bones are shifted in search of a better place."""

NAMED_MM = 2.0
"""A shift of more is told."""

REFUSED_MM = 5.0
"""A shift of more says that the bones do not lie on the image."""

_STEP_MM = 2.0
"""Spacing of the directions of edges that are compared."""

_BLUR_MM = 1.5
"""Edges are looked for at this scale."""

_BESIDE_MM = (-3.0, -1.5, 0.0, 1.5)
"""Where beside the surface (outward) the edge may lie: some draw the cortex's outer border, some the marrow's."""

_MOST_POINTS = 4000
_OF_ONE_POINTS = 1500
_FEWEST_POINTS = 200
"""Of the surface of all bones, and of one; with fewer in the image nothing is said."""

_CELL_MM = 25.0
"""Pieces of surface of this size count as independent of each other."""

_ERRORS = (-1.0, 1.5)
_ERRORS_OF_ONE = (2.0, 3.0)
"""By how many standard errors a place must be better than those nearer by, to be told and to be refused: of all bones
together (a best shift is told unless it is worse), and of one by itself (whose surface says less)."""

_CLEAR = 6.0
"""Edges agree where the best place stands out of all others by as many of their standard deviations."""


@dataclass(frozen=True)
class Shift:
    """By which bones, moved along R, A and S, meet the most edges.

    :param mm: (3,) RAS.
    :param is_sure: whether it is over 2 mm and better than places within them; :data:`_ERRORS` say how much.
    :param is_far: the same of 5 mm.
    """

    mm: tuple[float, float, float]
    is_sure: bool
    is_far: bool

    @property
    def size_mm(self) -> float:
        """Length of the shift."""
        return float(np.linalg.norm(self.mm))


@dataclass(frozen=True)
class Agreement:
    """How bones lie on an image.

    :param together: the shift of all bones.
    :param each: that of each bone by itself, by its name; those that the image hardly shows are absent.
    :param strength: mean cosine between surface normals and edges at the best place, 0 to 1.
    :param clearness: by how many standard deviations that stands out of other places.
    """

    together: Shift
    each: Mapping[str, Shift]
    strength: float
    clearness: float

    @property
    def is_clear(self) -> bool:
        """Whether the image shows edges where the bones lie, there or nearby."""
        return self.clearness >= _CLEAR

    @property
    def largest(self) -> tuple[str, Shift]:
        """The largest shift that is beyond chance, and the bone it is of; empty for all together."""
        sure = [("", self.together), *self.each.items()]
        return max(sure, key=lambda of: (of[1].is_far, of[1].is_sure, of[1].size_mm))


@dataclass(frozen=True)
class Surface:
    """Points of surfaces (N, 3), RAS millimeter, their outward normals (N, 3), and the piece each lies in, (N,)."""

    points: Array
    normals: Array
    pieces: Array

    @classmethod
    def of(cls, bones: Iterable[Mask]) -> Surface:
        """The surfaces of bones, where no bone lies upon another and no image cut them off."""
        masks = list(bones)
        parts = [_surface_of(mask) for mask in masks]
        points, normals = (np.concatenate([part[n] for part in parts]) for n in range(2))
        number = np.concatenate([np.full(len(part[0]), n) for n, part in enumerate(parts)])
        covered = np.zeros(len(points), bool)
        for mask in masks:
            covered |= _inside(mask, points + 2.5 * normals)
        points, normals, number = points[~covered], normals[~covered], number[~covered]
        cell = np.column_stack([np.floor(points / _CELL_MM).astype(int), number])
        _, pieces = np.unique(cell, axis=0, return_inverse=True)
        return cls(points, normals, pieces.reshape(-1)).thinned(_MOST_POINTS)

    def thinned(self, most: int) -> Surface:
        """Return no more than ``most`` of the points."""
        kept = np.unique(np.linspace(0, len(self.points) - 1, most).astype(int))
        return Surface(self.points[kept], self.normals[kept], self.pieces[kept])

    def moved(self, matrix: Array) -> Surface:
        """Return the surfaces moved by a rigid matrix (4, 4), RAS."""
        return Surface(rigid.moved(self.points, matrix), self.normals @ matrix[:3, :3].T, self.pieces)


def agreement(volume: Volume, bones: Mapping[str, Mask]) -> Agreement | None:
    """Compare bones with the edges of an image.

    :param bones: by name, RAS.
    :returns: None where the image shows hardly anything of their surface.
    """
    surface = Surface.of(bones.values())
    field = EdgeField.around(volume, surface.points, REACH_MM) if len(surface.points) else None
    if field is None or field.shown(surface) < _FEWEST_POINTS:
        return None
    search = Search.of(field, surface)
    best = search.climbed(surface, search.start, REACH_MM)
    each = {}
    for name, mask in bones.items():
        alone = Surface.of([mask]).thinned(_OF_ONE_POINTS)
        if len(alone.points) >= _FEWEST_POINTS and field.shown(alone) >= _FEWEST_POINTS:
            place = search.climbed(alone, best, REACH_MM)
            each[name] = search.judged(alone, place, _ERRORS_OF_ONE)
    strength = search.score(surface, best)
    return Agreement(search.judged(surface, best, _ERRORS), each, strength, (strength - search.usual) / search.spread)


def _surface_of(mask: Mask) -> tuple[Array, Array]:
    """Points of a mask's surface and their outward normals, (N, 3) each; not where the image cuts it off."""
    margin = [2, 2, 2]
    padding = [(0 if (a, -1) in mask.cut else m, 0 if (a, 1) in mask.cut else m) for a, m in enumerate(margin)]
    array = np.pad(mask.array, padding)
    start = -np.array([p[0] for p in padding], float)
    spacing = mask.grid.spacing
    smooth = scipy.ndimage.gaussian_filter(
        array.astype(np.float32), np.minimum(_BLUR_MM / spacing, 3.0), mode="nearest", truncate=3.0
    )
    edge = array & ~scipy.ndimage.binary_erosion(array, border_value=1)
    index = np.argwhere(edge)
    if not len(index):
        return np.zeros((0, 3)), np.zeros((0, 3))
    slope = np.stack([_difference(smooth, index, axis) for axis in range(3)], axis=1) / spacing
    length = np.linalg.norm(slope, axis=1)
    good = length > 1e-3
    index, slope, length = index[good], slope[good], length[good]
    # the surface lies where the smoothed voxels are half full
    out = -slope / length[:, None]
    away = np.clip((smooth[tuple(index.T)] - 0.5) / length, -1.5, 1.5)
    directions = mask.grid.directions
    normals = out @ directions.T
    points = mask.grid.to_ras(index + start) + away[:, None] * normals
    return points, np.asarray(normals / np.linalg.norm(normals, axis=1)[:, None])


def _difference(values: Array, index: Array, axis: int) -> Array:
    """Central differences of values (I, J, K) along an axis, a voxel, at indices (N, 3)."""
    low, high = index.copy(), index.copy()
    low[:, axis] = np.maximum(low[:, axis] - 1, 0)
    high[:, axis] = np.minimum(high[:, axis] + 1, values.shape[axis] - 1)
    return np.asarray((values[tuple(high.T)] - values[tuple(low.T)]) / np.maximum(high[:, axis] - low[:, axis], 1))


def _inside(mask: Mask, points: Array) -> Array:
    index, within = mask.grid.nearest(points)
    found = np.zeros(len(points), bool)
    found[within] = mask.array[tuple(index[within].T)]
    return found


@dataclass(frozen=True)
class EdgeField:
    """Directions of edges on a cubic grid: the image's gradient, which counts the less the weaker it is.

    :param edges: (3, I, J, K) float32, RAS, length 0 to 1; nothing outside of the image.
    :param valid: (I, J, K) float32, 1 within the image.
    """

    edges: Array
    valid: Array
    grid: Grid

    @classmethod
    def around(cls, volume: Volume, points: Array, reach_mm: float, step_mm: float = _STEP_MM) -> EdgeField | None:
        """The edges of an image around points (N, 3), as far as they are shifted; None where it lies elsewhere."""
        margin = reach_mm + 8.0
        grid = Grid.covering(points.min(0) - margin, points.max(0) + margin, step_mm)
        box = _box(volume.grid, grid)
        if box is None:
            return None
        matrix = np.linalg.inv(volume.grid.affine) @ grid.affine
        part = np.nan_to_num(np.asarray(volume.array[box], dtype=np.float32), posinf=0.0, neginf=0.0)
        spacing = volume.grid.spacing
        blur = np.sqrt(np.maximum((_BLUR_MM * step_mm / _STEP_MM) ** 2 - (0.4 * spacing) ** 2, 0.0)) / spacing
        image = scipy.ndimage.affine_transform(
            scipy.ndimage.gaussian_filter(part, blur, mode="nearest", truncate=3.0),
            matrix[:3, :3],
            matrix[:3, 3] - [s.start for s in box],
            output_shape=grid.shape,
            order=1,
            mode="nearest",
        )
        valid = _within(volume.grid, matrix, grid.shape)
        if not valid.any():
            return None
        edges = np.stack(np.gradient(image, step_mm))
        strength = (edges**2).sum(0)
        edges *= valid / np.sqrt(strength + strength[valid].mean() + 1e-12)
        return cls(edges.astype(np.float32), valid.astype(np.float32), grid)

    def shown(self, surface: Surface) -> int:
        """How many points of a surface lie within the image."""
        return int(self._valid_at(self.grid.to_ijk(surface.points)).sum())

    def across(self, surface: Surface, shift: Array, beside_mm: float) -> tuple[Array, Array]:
        """Edges across shifted surfaces, outward, (N,), and which of the points lie within the image, (N,)."""
        places = self.grid.to_ijk(surface.points + beside_mm * surface.normals + shift)
        found = np.zeros(len(places))
        for axis in range(3):
            along = scipy.ndimage.map_coordinates(self.edges[axis], places.T, order=1, mode="nearest")
            found += along * surface.normals[:, axis]
        return found, self._valid_at(places)

    def _valid_at(self, places: Array) -> Array:
        index = np.clip(np.round(places).astype(int), 0, np.array(self.grid.shape) - 1)
        return np.asarray(self.valid[tuple(index.T)] > 0)


def _within(image: Grid, matrix: Array, shape: tuple[int, int, int]) -> Array:
    """Which voxels (I, J, K) of another grid lie within an image.

    :param matrix: (4, 4) from their indices to the image's.
    """
    i, j, k = (np.arange(n, dtype=float) for n in shape)
    valid = np.ones(shape, bool)
    for axis in range(3):
        row = matrix[axis]
        along = row[0] * i[:, None, None] + row[1] * j[None, :, None] + row[2] * k[None, None, :] + row[3]
        valid &= (along >= 0.0) & (along <= image.shape[axis] - 1.0)
    return valid


def _box(image: Grid, needed: Grid) -> tuple[slice, slice, slice] | None:
    """The part of an image that another grid reaches; None where it reaches nothing."""
    index = image.to_ijk(needed.corners())
    low = np.clip(np.floor(index.min(0)).astype(int) - 3, 0, image.shape)
    high = np.clip(np.ceil(index.max(0)).astype(int) + 4, 0, image.shape)
    if (high - low < 2).any():
        return None
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high))
    return i, j, k


@dataclass(frozen=True)
class Search:
    """What tells good places of surfaces in an image from others.

    :param sign: 1 where edges grow brighter outward, else -1.
    :param beside_mm: how far outward of the surface they lie.
    :param start: the best shift of whole steps, (3,) millimeter.
    :param usual: the mean edge across the surfaces at any place, and ``spread`` its standard deviation.
    """

    field: EdgeField
    sign: float
    beside_mm: float
    start: Array
    usual: float
    spread: float

    @classmethod
    def of(cls, field: EdgeField, surface: Surface, reach_mm: float = REACH_MM) -> Search:
        """Look at all shifts of whole steps, both polarities, and edges beside the surface."""
        shifts, means = _correlated(field, surface, reach_mm)
        # all other places of the same surface in the same image are what chance gives
        usual = np.median(means, axis=1)
        spread = 1.4826 * np.median(np.abs(means - usual[:, None]), axis=1) + 1e-6
        beside, at = np.unravel_index(np.argmax(np.abs(means - usual[:, None]) / spread[:, None]), means.shape)
        sign = float(np.sign(means[beside, at] - usual[beside]))
        return cls(field, sign, _BESIDE_MM[beside], shifts[at], sign * float(usual[beside]), float(spread[beside]))

    def score(self, surface: Surface, shift: Array) -> float:
        """Mean edge across shifted surfaces, -1 to 1; -1 where the image shows hardly anything of them."""
        found, seen = self.field.across(surface, shift, self.beside_mm)
        return self.sign * float(found[seen].mean()) if seen.sum() >= _FEWEST_POINTS else -1.0

    def climbed(self, surface: Surface, start: Array, within_mm: float) -> Array:
        """Return the shift (3,) of the highest score around a start, no longer than a limit."""
        allowed = within_mm + 1e-9
        return climbed(lambda shift: self.score(surface, shift), start, lambda s: float(np.linalg.norm(s)) <= allowed)

    def judged(self, surface: Surface, place: Array, errors: tuple[float, float]) -> Shift:
        """Say whether a shift is beyond chance.

        :param errors: standard errors by which it must be better than places nearer by, to be told and to be refused.
        """
        size = float(np.linalg.norm(place))
        near = {}
        for within in (NAMED_MM, REFUSED_MM):
            start = place * min(1.0, 0.99 * within / max(size, 1e-9))
            near[within] = self.climbed(surface, start, within)
        sure = size > NAMED_MM and self._errors(surface, place, near[NAMED_MM]) > errors[0]
        far = size > REFUSED_MM and self._errors(surface, place, near[REFUSED_MM]) > errors[1]
        return Shift(point3(place), sure, far)

    def _errors(self, surface: Surface, place: Array, other: Array) -> float:
        """By how many standard errors a place is better than another, from how pieces of the surface differ."""
        here, seen_here = self.field.across(surface, place, self.beside_mm)
        there, seen_there = self.field.across(surface, other, self.beside_mm)
        gain = np.where(seen_here & seen_there, self.sign * (here - there), 0.0)
        sums = np.bincount(surface.pieces, gain)
        return float(sums.sum() / max(float(np.sqrt((sums**2).sum())), 1e-9))


def climbed(
    score: Callable[[Array], float], start: Array, allowed: Callable[[Array], bool], steps: Array | float = 1.0
) -> Array:
    """Return the place (N,) of the highest score around a start, to a quarter of the steps, along one axis at a time.

    :param steps: first steps along the axes; they are halved twice.
    """
    best, value = np.array(start, float), score(start)
    step = np.broadcast_to(np.asarray(steps, float), best.shape).copy()
    for _ in range(3):
        better = True
        while better:
            better = False
            for axis, way in itertools.product(range(len(best)), (-1.0, 1.0)):
                tried = best.copy()
                tried[axis] += way * step[axis]
                if allowed(tried) and (found := score(tried)) > value:
                    best, value, better = tried, found, True
        step *= 0.5
    return best


def _correlated(field: EdgeField, surface: Surface, reach_mm: float) -> tuple[Array, Array]:
    """Mean edges across the surfaces at every shift of whole steps.

    :returns: the shifts (M, 3) in millimeter, and the means, (number of places beside the surface, M).
    """
    step = float(field.grid.spacing[0])
    reach = int(reach_mm / step)
    shape = [scipy.fft.next_fast_len(n, real=True) for n in field.grid.shape]
    steps = np.arange(-reach, reach + 1)
    shifts = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    shifts = shifts[(shifts**2).sum(1) <= reach**2]
    places = tuple(np.mod(shifts, shape).T)

    def spectrum(places_mm: Array, weights: Array) -> Array:
        template = np.zeros(shape, np.float32)
        index = np.round(field.grid.to_ijk(places_mm)).astype(int)
        np.add.at(template, tuple(index.T), weights.astype(np.float32))
        return np.asarray(np.conj(scipy.fft.rfftn(template)))

    edges = [scipy.fft.rfftn(of, shape) for of in field.edges]
    ones = spectrum(surface.points, np.ones(len(surface.points)))
    shown = scipy.fft.irfftn(scipy.fft.rfftn(field.valid, shape) * ones, shape)[places]
    enough = shown > max(_FEWEST_POINTS, 0.25 * float(shown.max()))
    means = []
    for away in _BESIDE_MM:
        at = surface.points + away * surface.normals
        total = sum(edges[axis] * spectrum(at, surface.normals[:, axis]) for axis in range(3))
        means.append(np.where(enough, scipy.fft.irfftn(total, shape)[places] / np.maximum(shown, 1.0), 0.0))
    return shifts * step, np.array(means)
