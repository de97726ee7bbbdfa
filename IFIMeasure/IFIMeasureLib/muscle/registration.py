"""Examinations of one person side by side: rigid registration of their bones, and their muscle segmented together.

Matrices are (4, 4) and take RAS millimeter of one examination to RAS millimeter of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy
import SimpleITK as sitk

from ..anatomy.landmarks import LandmarkSet, position
from ..images.grid import Grid
from ..images.masks import Mask, Volume
from ..values import Array, IFIMeasureError, Side
from .masks import depth_inside
from .segment import segment_muscle
from .strokes import Strokes

_STEP_MM = 2.0


_BAND_MM = 6.0


_LARGEST_MISFIT_MM = 1.5


def register_bone(
    first: Mask, second: Mask, places_first: Array, places_second: Array, reach_mm: float = 45.0
) -> tuple[Array, float]:
    """Register a bone of one examination rigidly with the same bone of another, both treated alike.

    The signed distances to both surfaces are compared (mean squares, Euler angles, SimpleITK's registration method),
    once in each direction; the middle of both results is returned, so that exchanging the examinations gives the inverse.

    :param places_first: (N, 3) landmarks on the bone, RAS millimeter, N at least 3; ``places_second`` the same in the
        other examination. They give the start, and the part of the bone (within ``reach_mm`` of them) that counts.
    :returns: matrix from the first to the second examination, and the mean distance that is left between the surfaces, millimeter.
    :raises IFIMeasureError: where the bones do not fit each other, so that they are not the same bone.
    """
    there, back = (
        _one_way(*pair, reach_mm)
        for pair in ((first, second, places_first, places_second), (second, first, places_second, places_first))
    )
    middle = there @ scipy.linalg.expm(0.5 * np.real(scipy.linalg.logm(np.linalg.inv(there) @ np.linalg.inv(back))))
    misfit = 0.5 * (
        _misfit(first, second, middle, places_first, reach_mm)
        + _misfit(second, first, np.linalg.inv(middle), places_second, reach_mm)
    )
    if misfit > _LARGEST_MISFIT_MM:
        raise AnotherPersonError(
            f"the bones of both examinations stay {misfit:.1f} mm apart after registration, so they are not of one person or not segmented alike."
        )
    return middle, misfit


def _region(mask: Mask, places: Array, reach_mm: float) -> tuple[sitk.Image, sitk.Image]:
    """Signed distance (clipped) on an isotropic grid around landmarks, and where the surface is near and in the image."""
    low, high = places.min(0) - reach_mm, places.max(0) + reach_mm
    shape = np.ceil((high - low) / _STEP_MM).astype(int) + 1
    affine = np.diag([_STEP_MM, _STEP_MM, _STEP_MM, 1.0])
    affine[:3, 3] = low
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
    matrix = np.linalg.inv(mask.grid.affine) @ grid.affine
    occupancy = scipy.ndimage.affine_transform(
        mask.array.astype(np.float32),
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=grid.shape,
        order=1,
        mode="constant",
        cval=0.0,
    )
    image = sitk.GetImageFromArray(np.ascontiguousarray((occupancy > 0.5).astype(np.uint8).transpose(2, 1, 0)))
    image.SetSpacing([_STEP_MM] * 3)
    image.SetOrigin([float(v) for v in low])
    distance = sitk.Clamp(
        sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False, useImageSpacing=True),
        sitk.sitkFloat32,
        -_BAND_MM,
        _BAND_MM,
    )
    index = mask.grid.to_ijk(
        grid.to_ras(np.stack(np.meshgrid(*[np.arange(n, dtype=float) for n in grid.shape], indexing="ij"), axis=-1))
    )
    # a bone goes on beyond the end of the image: what lies there, or near it, says nothing
    known = np.ones(grid.shape, bool)
    for axis, end in mask.cut:
        margin = _BAND_MM / mask.grid.spacing[axis]
        known &= index[..., axis] > margin if end < 0 else index[..., axis] < mask.array.shape[axis] - 1 - margin
    near = np.abs(sitk.GetArrayViewFromImage(distance).transpose(2, 1, 0)) < _BAND_MM - 0.5
    band = sitk.GetImageFromArray(np.ascontiguousarray((known & near).astype(np.uint8).transpose(2, 1, 0)))
    band.CopyInformation(image)
    return sitk.DiscreteGaussian(distance, 1.0), band


def _one_way(fixed: Mask, moving: Mask, places_fixed: Array, places_moving: Array, reach_mm: float) -> Array:
    fixed_image, band = _region(fixed, places_fixed, reach_mm)
    moving_image, _ = _region(moving, places_moving, reach_mm + 15.0)
    start = sitk.LandmarkBasedTransformInitializer(
        sitk.VersorRigid3DTransform(),
        [float(v) for v in places_fixed.ravel()],
        [float(v) for v in places_moving.ravel()],
    )
    transform = sitk.Euler3DTransform()
    transform.SetCenter([float(v) for v in places_fixed.mean(0)])
    transform.SetMatrix(start.GetMatrix())
    matrix, center = np.array(start.GetMatrix()).reshape(3, 3), np.array(transform.GetCenter())
    offset = np.array(start.TransformPoint((0.0, 0.0, 0.0)))
    transform.SetTranslation([float(v) for v in matrix @ center + offset - center])
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricFixedMask(band)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 5e-3, 60, gradientMagnitudeTolerance=1e-5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed_image, moving_image)
    except RuntimeError as error:
        raise IFIMeasureError(
            "the bones of both examinations do not overlap after their landmarks were brought together, so they cannot be registered."
        ) from error
    result = np.eye(4)
    result[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    center = np.array(transform.GetCenter())
    result[:3, 3] = np.array(transform.GetTranslation()) + center - result[:3, :3] @ center
    return result


def _misfit(first: Mask, second: Mask, matrix: Array, places: Array, reach_mm: float) -> float:
    """Mean distance of the first bone's surface, moved, from the second's, where both images show it."""
    distance, band = _region(second, places @ matrix[:3, :3].T + matrix[:3, 3], reach_mm)
    own, own_band = _region(first, places, reach_mm)
    values = sitk.GetArrayViewFromImage(own).transpose(2, 1, 0)
    index = np.argwhere((np.abs(values) < 0.8) & (sitk.GetArrayViewFromImage(own_band).transpose(2, 1, 0) > 0))
    points = index * _STEP_MM + np.array(own.GetOrigin())
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    there = np.round((moved - np.array(distance.GetOrigin())) / _STEP_MM).astype(int)
    size = np.array(distance.GetSize())
    inside = ((there >= 0) & (there < size)).all(1)
    there = there[inside]
    field, seen = (sitk.GetArrayViewFromImage(image).transpose(2, 1, 0) for image in (distance, band))
    value, known = field[tuple(there.T)], np.abs(field[tuple(there.T)]) <= _BAND_MM
    shown = seen[tuple(there.T)] > 0
    value = value[known & (shown | (np.abs(value) > _BAND_MM - 0.6))]
    return float(np.abs(value).mean()) if len(value) else np.inf


@dataclass(frozen=True)
class MuscleInput:
    """What the muscle of one side is found from in one examination.

    :param volume: the image.
    :param landmarks: final ones, RAS millimeter.
    :param others: structures other than the muscle, by id, RAS.
    :param strokes: what a person drew to say what is muscle and what is not.
    """

    volume: Volume
    landmarks: LandmarkSet
    others: Mapping[str, Mask]
    side: Side
    strokes: Strokes | None = None


_ON_HIP = (
    "femoral_head_center",
    "quadratus_ischium_superior",
    "quadratus_ischium_inferior",
    "ischial_tuberosity_lowest",
)


_ON_FEMUR = (
    "femoral_head_center",
    "lesser_trochanter_tip",
    "greater_trochanter_tip",
    "femoral_neck_center",
    "quadratus_femur_superior",
    "quadratus_femur_inferior",
)


def segment_together(examinations: list[MuscleInput]) -> list[Mask]:
    """Segment the quadratus femoris of one side in several examinations of one person, each helped by all others.

    Each examination is segmented by itself; hip bone and femur are registered with the first examination's, as the leg
    lies differently each time; every examination is segmented again where all of them together expect the muscle. All
    are treated alike: for two of them, exchanging both exchanges the results.

    :param examinations: in the order of their dates.
    :returns: the muscle in each, on its image's grid.
    :raises IFIMeasureError: where one cannot be segmented, or bones do not fit each other.
    """
    alone = [segment_muscle(e.volume, e.landmarks, e.others, e.side, e.strokes) for e in examinations]
    ways = [_between(examinations[0], other) for other in examinations[1:]]
    found = []
    for number, e in enumerate(examinations):

        def expected(points: Array, along: Array, number: int = number) -> Array:
            to_first = points if number == 0 else ways[number - 1].inverse().moved(points, along)
            total = _depth(alone[number], points)
            for other, mask in enumerate(alone):
                if other != number:
                    total = total + _depth(mask, to_first if other == 0 else ways[other - 1].moved(to_first, along))
            return np.asarray(total / len(alone))

        found.append(segment_muscle(e.volume, e.landmarks, e.others, e.side, e.strokes, expected))
    return found


def _depth(mask: Mask, points: Array) -> Array:
    """Signed distance of points to a mask's border, millimeter, positive inside; no more than 15 either way."""
    spacing = mask.grid.spacing
    margin = np.ceil(15.0 / spacing).astype(int)
    padded = np.pad(mask.array, [(m, m) for m in margin])
    depth = depth_inside(padded, spacing)
    return np.asarray(
        scipy.ndimage.map_coordinates(depth, (mask.grid.to_ijk(points) + margin).T, order=1, mode="nearest")
    )


def _between(first: MuscleInput, second: MuscleInput) -> MuscleWay:
    matrices = []
    for bone, keys in (("hip", _ON_HIP), ("femur", _ON_FEMUR)):
        places = [(position(first.landmarks, key), position(second.landmarks, key)) for key in keys]
        known = [(a, b) for a, b in places if a is not None and b is not None]
        if len(known) < 3:
            raise IFIMeasureError(
                f"fewer than three landmarks of the {first.side.value} {bone} are placed in both examinations, so they cannot be registered."
            )
        matrices.append(
            register_bone(
                first.others[bone],
                second.others[bone],
                np.array([a for a, _ in known]),
                np.array([b for _, b in known]),
            )[0]
        )
    return MuscleWay(matrices[0], matrices[1])


class AnotherPersonError(IFIMeasureError):
    """The bones of two examinations do not fit each other."""


@dataclass(frozen=True)
class MuscleWay:
    """How points of a muscle move between two examinations: with one bone at its one end, with the other at its other end."""

    with_hip: Array
    with_femur: Array

    def moved(self, points: Array, along: Array) -> Array:
        """Return points (N, 3) moved; ``along`` (N,) is 0 at the ischium and 1 at the femur."""
        share = np.clip(along, 0.0, 1.0)[:, None]
        hip, femur = (points @ m[:3, :3].T + m[:3, 3] for m in (self.with_hip, self.with_femur))
        return np.asarray((1.0 - share) * hip + share * femur)

    def inverse(self) -> MuscleWay:
        """Return the way back."""
        return MuscleWay(np.linalg.inv(self.with_hip), np.linalg.inv(self.with_femur))
