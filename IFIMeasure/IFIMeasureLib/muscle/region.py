"""The part of an image in which the muscle is looked for, and how far each voxel lies from the plate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from ..anatomy.landmarks import LandmarkSet, landmark_definitions
from ..images.grid import Grid
from ..images.masks import Mask, Volume, cropped
from ..values import Array, IFIMeasureError, Side
from .masks import resampled
from .plate import CORNERS, HALF_THICKNESS_MM, muscle_corners, plate

REACH_MM = 14.0
"""How far from the plate the muscle is looked for."""

_FAR_MM = REACH_MM + 3.0
"""Distances to the plate beyond this are not told apart."""

_PRIOR_SLOPE_MM = 1.6
"""How quickly the prior falls with the distance to the plate."""


def muscle_region(volume: Volume, landmarks: LandmarkSet, others: Mapping[str, Mask], side: Side) -> SearchRegion:
    """Return the part of an image in which the muscle is looked for.

    :param landmarks: final ones, RAS millimeter.
    :param others: structures that are not the muscle, by id.
    :raises IFIMeasureError: where a corner is missing, or the image does not show the muscle.
    """
    region = SearchRegion.around(volume, muscle_corners(landmarks), side)
    for mask in others.values():
        region.free &= ~resampled(mask, region.grid)
    return region


@dataclass
class SearchRegion:
    """The part of an image around the plate, in which the muscle is looked for.

    :param image: (I, J, K) intensities on ``grid``.
    :param distance: of each voxel to the plate, millimeter; no more than 17.
    :param along: where between ischium (0) and femur (1) its nearest point of the plate lies.
    :param free: voxels within reach that belong to no other structure.
    :param contrast: of the image, see :class:`.masks.Volume`.
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
    def around(cls, volume: Volume, corners: Array, side: Side) -> SearchRegion:
        """Cut the part out of an image.

        :raises IFIMeasureError: where the image does not reach the muscle, or shows nothing there.
        """
        _refuse_outside(volume, corners, side)
        surface, parameters = plate(corners)
        box = _box_around(surface, volume.grid)
        image = _finite_image(volume, box)
        part = volume.grid.cropped(box)
        distance, along = _place_on_plate(part, surface, parameters)
        prior = 1.0 / (1.0 + np.exp((distance - HALF_THICKNESS_MM) / _PRIOR_SLOPE_MM))
        starts = {(axis, -1) for axis in range(3) if box[axis].start == 0}
        stops = {(axis, 1) for axis in range(3) if box[axis].stop == volume.grid.shape[axis]}
        return cls(
            image=image,
            grid=part,
            distance=distance,
            along=along,
            free=distance <= REACH_MM,
            edges=frozenset(starts | stops),
            prior=np.asarray(prior),
            contrast=volume.contrast,
        )

    def points(self) -> Array:
        """Return the centers of all voxels, (N, 3) RAS millimeter, in the order of the flattened arrays."""
        return self.grid.points().reshape(-1, 3)

    def mask(self, inside: Array) -> Mask:
        """Return voxels of this part, (I, J, K) bool, as a mask, cropped.

        :raises IFIMeasureError: where there are none.
        """
        if not inside.any():
            raise IFIMeasureError(
                "no muscle was found between the corners; check the corners and the image,"
                " or draw a stroke inside the muscle."
            )
        return cropped(Mask(inside, self.grid, self.edges))


def _refuse_outside(volume: Volume, corners: Array, side: Side) -> None:
    index = volume.grid.to_ijk(corners)
    outside = ((index < -0.5) | (index > np.array(volume.grid.shape) - 0.5)).any(1)
    if outside.any():
        names = ", ".join(landmark_definitions()[CORNERS[int(n)]].title for n in np.flatnonzero(outside))
        raise IFIMeasureError(
            f"{volume.path.name}: the image does not reach the {side.value} quadratus femoris ({names} lies outside"
            " it); give an image that shows the whole muscle."
        )


def _box_around(points: Array, grid: Grid) -> tuple[slice, slice, slice]:
    """The part of a grid within reach of points (N, 3)."""
    index = grid.to_ijk(points)
    margin = np.ceil((REACH_MM + 1.0) / grid.spacing)
    start = np.clip(np.floor(index.min(0) - margin), 0, grid.shape).astype(int)
    stop = np.clip(np.ceil(index.max(0) + margin) + 1, 0, grid.shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(start, stop))
    return i, j, k


def _finite_image(volume: Volume, box: tuple[slice, slice, slice]) -> Array:
    image = np.asarray(volume.array[box], dtype=np.float32)
    if not np.isfinite(image).all():
        raise IFIMeasureError(
            f"{volume.path.name}: the image holds values that are no finite numbers around the muscle;"
            " give another image."
        )
    if np.ptp(image) == 0:
        raise IFIMeasureError(
            f"{volume.path.name}: the image is constant around the muscle, so nothing can be told apart;"
            " give another image."
        )
    return image


def _place_on_plate(grid: Grid, surface: Array, parameters: Array) -> tuple[Array, Array]:
    """Distance of each voxel to the plate, and where between ischium (0) and femur (1) its nearest point lies.

    :param surface: (N, 3) points of the plate, ``parameters`` (N, 2) their places on it.
    :returns: (I, J, K) each.
    """
    # the distance changes slowly: every other voxel of fine axes is enough, the others lie between
    every = np.where(grid.spacing < 1.5, 2, 1)
    coarse = [np.arange(0, n + step - 1, step, dtype=float) for n, step in zip(grid.shape, every)]
    places = grid.to_ras(np.stack(np.meshgrid(*coarse, indexing="ij"), axis=-1))
    known, nearest = scipy.spatial.cKDTree(surface).query(places, distance_upper_bound=_FAR_MM)
    far = ~np.isfinite(known)
    along = np.where(far, 0.0, parameters[np.where(far, 0, nearest), 0])
    between = np.meshgrid(*[np.arange(n) / step for n, step in zip(grid.shape, every)], indexing="ij")
    distance, along = (
        scipy.ndimage.map_coordinates(values, between, order=1, mode="nearest")
        for values in (np.where(far, _FAR_MM, known), along)
    )
    return distance, along
