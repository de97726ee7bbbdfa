"""A bone of two examinations of one person, registered rigidly.

Matrices are (4, 4) and take RAS millimeter of one examination to RAS millimeter of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import SimpleITK as sitk

from ..images.grid import Grid
from ..images.masks import Mask
from ..images.rigid import matrix_of, moved
from ..values import Array, IFIMeasureError
from .masks import resampled

_STEP_MM = 2.0
"""Spacing of the distances that are compared."""

_BAND_MM = 6.0
"""Distances from the surface beyond this say nothing."""

_LARGEST_MISFIT_MM = 1.5


class AnotherPersonError(IFIMeasureError):
    """The bones of two examinations do not fit each other."""


def register_bone(
    first: Mask, second: Mask, places_first: Array, places_second: Array, reach_mm: float = 45.0
) -> tuple[Array, float]:
    """Register a bone of one examination rigidly with the same bone of another, both treated alike.

    The signed distances to both surfaces are compared (mean squares, Euler angles, SimpleITK's registration method),
    once in each direction; the middle of both results is returned, so that exchanging the examinations gives the
    inverse.

    :param places_first: (N, 3) landmarks on the bone, RAS millimeter, N at least 3; ``places_second`` the same in the
        other examination. They give the start, and the part of the bone (within ``reach_mm`` of them) that counts.
    :returns: matrix from the first to the second examination, and the mean distance that is left between the
        surfaces, millimeter.
    :raises AnotherPersonError: where the bones do not fit each other, so that they are not the same bone.
    """
    there = _one_way(first, second, places_first, places_second, reach_mm)
    back = _one_way(second, first, places_second, places_first, reach_mm)
    difference = np.linalg.inv(there) @ np.linalg.inv(back)
    middle = there @ scipy.linalg.expm(0.5 * np.real(scipy.linalg.logm(difference)))
    misfit = 0.5 * (
        _misfit(first, second, middle, places_first, reach_mm)
        + _misfit(second, first, np.linalg.inv(middle), places_second, reach_mm)
    )
    if misfit > _LARGEST_MISFIT_MM:
        raise AnotherPersonError(
            f"the bones of both examinations stay {misfit:.1f} mm apart after registration,"
            " so they are not of one person or not segmented alike."
        )
    return middle, misfit


@dataclass(frozen=True)
class _Surroundings:
    """Signed distance to a bone's surface around landmarks, RAS, as images of SimpleITK.

    :param distance: millimeter, positive inside, clipped to the band.
    :param band: where the surface is near and the examination shows what is there.
    """

    distance: sitk.Image
    band: sitk.Image


def _surroundings(mask: Mask, places: Array, reach_mm: float) -> _Surroundings:
    grid = Grid.covering(places.min(0) - reach_mm, places.max(0) + reach_mm, _STEP_MM)
    image = sitk.GetImageFromArray(
        np.ascontiguousarray(resampled(mask, grid, half=True).astype(np.uint8).transpose(2, 1, 0))
    )
    image.SetSpacing([_STEP_MM] * 3)
    image.SetOrigin([float(v) for v in grid.affine[:3, 3]])
    distance = sitk.Clamp(
        sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False, useImageSpacing=True),
        sitk.sitkFloat32,
        -_BAND_MM,
        _BAND_MM,
    )
    shown = _shown(mask, grid) & (np.abs(_array(distance)) < _BAND_MM - 0.5)
    band = sitk.GetImageFromArray(np.ascontiguousarray(shown.astype(np.uint8).transpose(2, 1, 0)))
    band.CopyInformation(image)
    return _Surroundings(sitk.DiscreteGaussian(distance, 1.0), band)


def _shown(mask: Mask, grid: Grid) -> Array:
    """Where on a grid the examination shows the bone, (I, J, K) bool.

    A bone goes on beyond the end of the image: what lies there, or near it, says nothing.
    """
    index = mask.grid.to_ijk(grid.points())
    shown = np.ones(grid.shape, bool)
    for axis, end in mask.cut:
        margin = _BAND_MM / mask.grid.spacing[axis]
        last = mask.array.shape[axis] - 1
        shown &= index[..., axis] > margin if end < 0 else index[..., axis] < last - margin
    return shown


def _array(image: sitk.Image) -> Array:
    """An image's values [i, j, k]."""
    return np.asarray(sitk.GetArrayViewFromImage(image).transpose(2, 1, 0))


def _one_way(fixed: Mask, moving: Mask, places_fixed: Array, places_moving: Array, reach_mm: float) -> Array:
    """Matrix from the fixed to the moving examination, where the fixed bone is compared with the moving one."""
    near_fixed = _surroundings(fixed, places_fixed, reach_mm)
    near_moving = _surroundings(moving, places_moving, reach_mm + 15.0)
    transform = _start(places_fixed, places_moving)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricFixedMask(near_fixed.band)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 5e-3, 60, gradientMagnitudeTolerance=1e-5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(near_fixed.distance, near_moving.distance)
    except RuntimeError as error:
        raise IFIMeasureError(
            "the bones of both examinations do not overlap after their landmarks were brought together,"
            " so they cannot be registered."
        ) from error
    return matrix_of(transform)


def _start(places_fixed: Array, places_moving: Array) -> Any:
    """The rigid transform that brings landmarks together, about the middle of the fixed ones."""
    rigid = sitk.LandmarkBasedTransformInitializer(
        sitk.VersorRigid3DTransform(),
        [float(v) for v in places_fixed.ravel()],
        [float(v) for v in places_moving.ravel()],
    )
    transform = sitk.Euler3DTransform()
    transform.SetCenter([float(v) for v in places_fixed.mean(0)])
    transform.SetMatrix(rigid.GetMatrix())
    matrix, center = np.array(rigid.GetMatrix()).reshape(3, 3), np.array(transform.GetCenter())
    offset = np.array(rigid.TransformPoint((0.0, 0.0, 0.0)))
    transform.SetTranslation([float(v) for v in matrix @ center + offset - center])
    return transform


def _misfit(first: Mask, second: Mask, matrix: Array, places: Array, reach_mm: float) -> float:
    """Mean distance of the first bone's surface, moved, from the second's, where both images show it."""
    there = _surroundings(second, moved(places, matrix), reach_mm)
    own = _surroundings(first, places, reach_mm)
    index = np.argwhere((np.abs(_array(own.distance)) < 0.8) & (_array(own.band) > 0))
    surface = moved(index * _STEP_MM + np.array(own.distance.GetOrigin()), matrix)
    cells = np.round((surface - np.array(there.distance.GetOrigin())) / _STEP_MM).astype(int)
    cells = cells[((cells >= 0) & (cells < np.array(there.distance.GetSize()))).all(1)]
    distance, shown = _array(there.distance)[tuple(cells.T)], _array(there.band)[tuple(cells.T)] > 0
    far = np.abs(distance) > _BAND_MM - 0.6  # beyond the band whether it is shown or not
    distance = distance[(np.abs(distance) <= _BAND_MM) & (shown | far)]
    return float(np.abs(distance).mean()) if len(distance) else np.inf
