"""Images of the muscle by contrast, and the fat fraction that water and fat images tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ..images.grid import Grid
from ..images.masks import Volume
from ..values import Array, IFIMeasureError

CONTRASTS = ("t1", "t2fs", "water", "in-phase")
"""What an image may be said to be."""


@dataclass(frozen=True)
class MuscleImages:
    """Images of the muscle, each on ``grid`` (arrays (I, J, K)); whichever exist.

    :param t1: T1-weighted, not fat-suppressed.
    :param t2fs: T2-weighted, fat-suppressed.
    :param water: water image of Dixon, with ``fat`` the fat image.
    :param opposed: the image out of phase, where water and fat were made from it.
    """

    grid: Grid
    t1: Array | None = None
    t2fs: Array | None = None
    water: Array | None = None
    fat: Array | None = None
    opposed: Array | None = None

    @classmethod
    def from_phases(cls, grid: Grid, in_phase: Array, opposed: Array) -> MuscleImages:
        """Return water and fat from images in and out of phase (two-point Dixon of magnitudes).

        Which of the two is larger cannot be told from magnitudes: water is taken for the larger one, so that a voxel of
        more than half fat reads as its complement.
        """
        total, difference = in_phase.astype(np.float32), np.minimum(opposed, in_phase).astype(np.float32)
        return cls(grid, water=0.5 * (total + difference), fat=0.5 * (total - difference), opposed=opposed)


def muscle_images(contrast: str, volume: Volume, second: Volume | None) -> MuscleImages | None:
    """Return what an image and perhaps a second one of Dixon tell of the muscle.

    :param contrast: what ``volume`` is: ``t1``, ``t2fs``, ``water`` (then ``second`` is fat) or ``in-phase`` (then
        ``second`` is out of phase).
    :returns: None for an in-phase image alone, which tells nothing.
    :param second: it may lie on another grid; it is then sampled at the voxels of ``volume``, NaN where it ends.
    :raises IFIMeasureError: where there is no such contrast, or ``second`` is not asked for.
    """
    refuse_unknown_contrast(contrast)
    beside = None if second is None else _paired(contrast, volume, second)
    if contrast == "in-phase":
        return None if beside is None else MuscleImages.from_phases(volume.grid, volume.array, beside)
    return MuscleImages(volume.grid, **{contrast: volume.array}, fat=beside)


def refuse_unknown_contrast(contrast: str) -> None:
    """Refuse a word that is none of :data:`CONTRASTS`.

    :raises IFIMeasureError: with those that there are.
    """
    if contrast not in CONTRASTS:
        raise IFIMeasureError(f"contrast is {contrast!r}: it must be one of {', '.join(CONTRASTS)}.")


def _paired(contrast: str, volume: Volume, second: Volume) -> Array:
    """A second image at the voxels of the first, (I, J, K)."""
    if contrast not in ("water", "in-phase"):
        raise IFIMeasureError(
            f"{second.path}: a second image goes with the water or in-phase image of Dixon only;"
            " leave it out, or say that the first one is such an image."
        )
    if not volume.grid.difference(second.grid):
        return second.array
    return _sampled(second, volume.grid)


def _sampled(volume: Volume, grid: Grid) -> Array:
    """An image at the voxels of another grid, by cubic splines between its own, (I, J, K) float32; NaN where it ends.

    Between two voxels a linear value is a mean of both: it would let fat bleed into a thin muscle beside it.
    """
    matrix = np.linalg.inv(volume.grid.affine) @ grid.affine
    values = np.nan_to_num(np.asarray(volume.array, dtype=np.float32), posinf=0.0, neginf=0.0)
    found = scipy.ndimage.affine_transform(
        values, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=3, mode="constant", cval=np.nan
    )
    return np.asarray(np.clip(found, float(values.min()), float(values.max())))  # splines overshoot at edges


def fat_fraction_map(images: MuscleImages) -> Array | None:
    """Return fat over fat plus water of each voxel, (I, J, K) float32 on the images' grid; 0 where there is neither.

    None without Dixon images.
    """
    if images.water is None or images.fat is None:
        return None
    water = np.maximum(images.water, 0).astype(np.float32)
    fat = np.maximum(images.fat, 0).astype(np.float32)
    total = water + fat  # not a number where one of them ends
    return np.asarray(np.divide(fat, total, out=np.zeros_like(total), where=total > 1e-6))
