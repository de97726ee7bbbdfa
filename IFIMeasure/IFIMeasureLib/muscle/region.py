"""The part of an image in which the muscle is looked for, and how far each voxel lies from the plate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from ..anatomy.landmarks import LandmarkSet, landmark_definitions
from ..images.grid import Grid
from ..images.masks import ALL_EDGES, Mask, Volume, cropped
from ..values import Array, IFIMeasureError, Side
from .masks import resampled
from .plate import CORNERS, HALF_THICKNESS_MM, muscle_corners, plate

_PRIOR_SLOPE_MM = 1.6


REACH_MM = 14.0


def muscle_region(volume: Volume, landmarks: LandmarkSet, others: Mapping[str, Mask], side: Side) -> SearchRegion:
    """Return the part of an image in which the muscle is looked for; see :func:`segment_muscle`."""
    region = SearchRegion.around(volume, muscle_corners(landmarks), side)
    for mask in others.values():
        region.free &= ~resampled(mask, region.grid)
    return region


@dataclass
class SearchRegion:
    """The part of an image around the plate, in which the muscle is looked for.

    :param image: (I, J, K) intensities on ``grid``.
    :param distance: of each voxel to the plate, millimeter; no more than 17 beyond reach.
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
        margin = np.ceil((REACH_MM + 1.0) / grid.spacing)
        start = np.clip(np.floor(index.min(0) - margin), 0, grid.shape).astype(int)
        stop = np.clip(np.ceil(index.max(0) + margin) + 1, 0, grid.shape).astype(int)
        box = (slice(start[0], stop[0]), slice(start[1], stop[1]), slice(start[2], stop[2]))
        image = np.asarray(volume.array[box], dtype=np.float32)
        if not np.isfinite(image).all():
            raise IFIMeasureError(
                f"{volume.path.name}: the image holds values that are no finite numbers around the muscle; give another image."
            )
        if np.ptp(image) == 0:
            raise IFIMeasureError(
                f"{volume.path.name}: the image is constant around the muscle, so nothing can be told apart; give another image."
            )
        part = grid.cropped(box)
        # the distance changes slowly: every other voxel of fine axes is enough, the others lie between
        every = np.where(part.spacing < 1.5, 2, 1)
        coarse = [np.arange(0, n + step - 1, step, dtype=float) for n, step in zip(image.shape, every)]
        places = part.to_ras(np.stack(np.meshgrid(*coarse, indexing="ij"), axis=-1))
        known, nearest = scipy.spatial.cKDTree(surface).query(places, distance_upper_bound=REACH_MM + 3.0)
        far = ~np.isfinite(known)
        fine = np.meshgrid(*[np.arange(n) / step for n, step in zip(image.shape, every)], indexing="ij")
        distance = scipy.ndimage.map_coordinates(np.where(far, REACH_MM + 3.0, known), fine, order=1, mode="nearest")
        along = scipy.ndimage.map_coordinates(
            np.where(far, 0.0, parameters[np.where(far, 0, nearest), 0]), fine, order=1, mode="nearest"
        )
        edges = frozenset((a, end) for a, end in ALL_EDGES if (start[a] == 0 if end < 0 else stop[a] == grid.shape[a]))
        prior = 1.0 / (1.0 + np.exp((distance - HALF_THICKNESS_MM) / _PRIOR_SLOPE_MM))
        return cls(image, part, distance, along, distance <= REACH_MM, edges, np.asarray(prior), volume.contrast)

    def points(self) -> Array:
        """Return the centers of all voxels, (N, 3) RAS millimeter, in the order of the flattened arrays."""
        axes = [np.arange(n, dtype=float) for n in self.image.shape]
        return self.grid.to_ras(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))

    def mask(self, inside: Array) -> Mask:
        """Return voxels of this part as a mask, cropped."""
        if not inside.any():
            raise IFIMeasureError(
                "no muscle was found between the corners; check the corners and the image, or draw a stroke inside the muscle."
            )
        return cropped(Mask(inside, self.grid, self.edges))
