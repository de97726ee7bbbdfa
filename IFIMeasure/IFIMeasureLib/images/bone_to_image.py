"""A bone registered rigidly onto an image: by the edges across its surface, then by mutual information (SimpleITK).

Matrices are (4, 4) and take RAS millimeter where the bone was to RAS millimeter of the image.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import scipy
import SimpleITK as sitk

from ..values import Array
from .agreement import REACH_MM, EdgeField, Search, Surface, climbed
from .grid import Grid
from .masks import Mask, Volume
from .rigid import about, matrix_of, moved

_FAR_STEP_MM = 4.0
"""Step of the search over a whole image."""

_TURNS_DEG = (-10.0, 0.0, 10.0)
"""Turns about R and S from which each bone is tried: the leg lies otherwise each time, mostly rotated."""

_LARGEST_TURN_DEG = 40.0
_LARGEST_SHIFT_MM = 40.0
"""A bone goes no further than this beside all of them together."""

_POINTS = 1500
"""As many points of a bone's surface are enough for its place and turn."""

_WORSE = 0.05
"""A refined place with a mean edge weaker by this is dropped: so little of the bone is shown that it went astray."""

_GRID_MM = 1.5
_BAND_MM = 5.0
"""Distances from the surface up to this are compared with the image."""


def bones_to_image(volume: Volume, bones: Mapping[str, Mask], far: bool) -> dict[str, Array]:
    """Register bones onto an image, each by itself.

    :param bones: by name, RAS.
    :param far: whether coordinates say nothing of where the bones lie on the image, so that it is searched as a whole;
        else they are looked for within 30 mm.
    :returns: matrix of each bone. Whether they are right is for :func:`.agreement.agreement` to say.
    """
    surface = Surface.of(bones.values())
    start = np.zeros(3)
    if far:
        start = _somewhere(volume, surface)
    field = EdgeField.around(volume, surface.points + start, REACH_MM + 10.0)
    if field is None:
        return {name: np.eye(4) for name in bones}
    search = Search.of(field, surface.moved(_shift(start)))
    together = start + search.climbed(surface.moved(_shift(start)), search.start, REACH_MM)
    found = {}
    for name, mask in bones.items():
        alone = Surface.of([mask]).thinned(_POINTS)
        edges = _by_edges(search, alone, together)
        refined = _by_information(volume, mask, edges)
        worse = search.score(alone.moved(refined), np.zeros(3)) < search.score(alone.moved(edges), np.zeros(3)) - _WORSE
        found[name] = edges if worse else refined
    return found


def _shift(shift_mm: Array) -> Array:
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    return matrix


def _somewhere(volume: Volume, surface: Surface) -> Array:
    """The shift (3,) at which bones fit an image best, wherever they lie; to some millimeters."""
    corners = volume.grid.corners()
    middle = 0.5 * (corners.min(0) + corners.max(0)) - 0.5 * (surface.points.min(0) + surface.points.max(0))
    there = surface.moved(_shift(middle))
    reach = 0.5 * float(np.ptp(corners, axis=0).max())
    field = EdgeField.around(volume, there.points, reach, _FAR_STEP_MM)
    return middle if field is None else np.asarray(middle + Search.of(field, there, reach).start)


def _by_edges(search: Search, surface: Surface, start: Array) -> Array:
    """Matrix of a bone by the edges across its surface, tried from several turns."""
    center = surface.points.mean(0)

    def score(place: Array) -> float:
        return search.score(surface.moved(about(center, place[:3], place[3:])), np.zeros(3))

    def allowed(place: Array) -> bool:
        near = np.linalg.norm(place[3:] - start) <= _LARGEST_SHIFT_MM
        return bool(near and np.linalg.norm(place[:3]) <= _LARGEST_TURN_DEG)

    steps = np.array([4.0, 4.0, 4.0, 2.0, 2.0, 2.0])
    tried = []
    for flexion, rotation in itertools.product(_TURNS_DEG, _TURNS_DEG):
        place = climbed(score, np.array([flexion, 0.0, rotation, *start]), allowed, steps)
        tried.append((score(place), place))
    best = max(tried, key=lambda of: of[0])[1]
    return about(center, best[:3], best[3:])


def _by_information(volume: Volume, mask: Mask, start: Array) -> Array:
    """The matrix refined: mutual information of the distance to a bone's surface and the image."""
    corners = moved(mask.grid.corners(), start)
    fixed, band = _distances(mask)
    image = _image(volume, corners.min(0) - 15.0, corners.max(0) + 15.0)
    if image is None:
        return start
    transform = sitk.Euler3DTransform()
    center = mask.grid.corners().mean(0)
    transform.SetCenter([float(v) for v in center])
    transform.SetMatrix([float(v) for v in start[:3, :3].ravel()])
    transform.SetTranslation([float(v) for v in start[:3, 3] + start[:3, :3] @ center - center])
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(24)
    method.SetMetricFixedMask(band)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(0.5, 0.01, 60, gradientMagnitudeTolerance=1e-6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed, image)
    except RuntimeError:  # hardly anything of the bone is in the image
        return start
    return matrix_of(transform)


def _distances(mask: Mask) -> tuple[sitk.Image, sitk.Image]:
    """Signed distance to a mask's surface, clipped, and where it is near and the mask's image shows it; RAS."""
    grid = Grid.covering(mask.grid.corners().min(0) - 8.0, mask.grid.corners().max(0) + 8.0, _GRID_MM)
    matrix = np.linalg.inv(mask.grid.affine) @ grid.affine
    inside = scipy.ndimage.affine_transform(
        mask.array.astype(np.float32), matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=1
    )
    distance = sitk.SignedMaurerDistanceMap(
        _sitk((inside > 0.5).astype(np.uint8), grid),
        insideIsPositive=False,
        squaredDistance=False,
        useImageSpacing=True,
    )
    clipped = sitk.Clamp(distance, sitk.sitkFloat32, -_BAND_MM - 1.0, _BAND_MM + 1.0)
    near = np.abs(sitk.GetArrayViewFromImage(distance).transpose(2, 1, 0)) < _BAND_MM
    index = mask.grid.to_ijk(grid.points())
    for axis, end in mask.cut:  # beyond the end of its image a bone goes on
        margin, last = _BAND_MM / mask.grid.spacing[axis], mask.array.shape[axis] - 1
        near &= index[..., axis] > margin if end < 0 else index[..., axis] < last - margin
    return clipped, _sitk(near.astype(np.uint8), grid)


def _image(volume: Volume, low: Array, high: Array) -> sitk.Image | None:
    """A part of an image on cubic voxels along the axes, RAS; None where it does not reach there."""
    corners = volume.grid.corners()
    low, high = np.maximum(low, corners.min(0)), np.minimum(high, corners.max(0))
    if (high - low < 10.0).any():
        return None
    grid = Grid.covering(low, high, _GRID_MM)
    matrix = np.linalg.inv(volume.grid.affine) @ grid.affine
    index = volume.grid.to_ijk(grid.corners())
    start = np.clip(np.floor(index.min(0)).astype(int) - 1, 0, volume.grid.shape)
    stop = np.clip(np.ceil(index.max(0)).astype(int) + 2, 0, volume.grid.shape)
    part = volume.array[tuple(slice(int(a), int(b)) for a, b in zip(start, stop))]
    finite = np.nan_to_num(np.asarray(part, np.float32), posinf=0.0, neginf=0.0)
    blur = 0.7 * np.sqrt(np.maximum(_GRID_MM**2 - volume.grid.spacing**2, 0.0)) / volume.grid.spacing
    values = scipy.ndimage.affine_transform(
        scipy.ndimage.gaussian_filter(finite, blur),
        matrix[:3, :3],
        matrix[:3, 3] - start,
        output_shape=grid.shape,
        order=1,
        mode="nearest",
    )
    return _sitk(values, grid)


def _sitk(array: Array, grid: Grid) -> sitk.Image:
    """An array (I, J, K) on cubic voxels along the axes as an image of SimpleITK whose points are RAS."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing([float(v) for v in grid.spacing])
    image.SetOrigin([float(v) for v in grid.affine[:3, 3]])
    return image
