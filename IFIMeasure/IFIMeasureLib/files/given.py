"""What a caller of the library gives - a path, an image of SimpleITK, an array with its affine - read into values.

Arrays are [i, j, k] with an affine (4, 4) from indices to RAS millimeter. Nothing about the patient's left is guessed:
an affine that says nothing (the identity) is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import SimpleITK as sitk

from ..anatomy.landmarks import Landmark, LandmarkSet, empty_landmarks, landmark_definitions, merge
from ..images.grid import Grid, canonical, check_grid, refuse_shear
from ..images.masks import Segmentation, Volume
from ..values import Array, IFIMeasureError, Side, point3
from .dicom_files import is_dicom
from .dicom_series import read_series, scan_folder
from .images import image_affine_ras, read_volume, volume_of_image
from .markups import read_landmarks
from .segmentations import read_segmentation, segmentation_of_image, segmentation_of_layers
from .series_choice import choose_series

PathLike = str | os.PathLike[str]
GivenImage = PathLike | Any | tuple[Any, Any]
"""A path, an image of SimpleITK, or a pair ``(array[i, j, k], affine from ijk to RAS mm)``."""


GivenLandmarks = PathLike | Iterable[PathLike] | Mapping[Any, Any]
"""A path or paths of Slicer markups, or by side the positions (RAS millimeter) or landmarks by id."""


def given_segmentation(given: GivenImage, names: Collection[str] = ()) -> Segmentation:
    """Return a segmentation, whatever it was given as.

    :param names: see :func:`.read_segmentation`.
    :raises IFIMeasureError: where it is no segmentation, or its geometry is unusable; one sentence.
    """
    if is_path(given):
        return read_segmentation(given_path(given, "segmentation"), names)
    where = Path("segmentation in memory")
    if isinstance(given, sitk.Image):
        _refuse_without_geometry(image_affine_ras(given) if given.GetDimension() == 3 else None, where)
        return segmentation_of_image(given, where)
    array, affine = _array_and_affine(given, where)
    return segmentation_of_layers([array], affine, [], where)


def given_volume(
    given: GivenImage,
    what: str,
    match: Grid | None = None,
    series: str | int | None = None,
    say: Callable[[str], None] | None = None,
    argument: str = "series",
) -> tuple[Volume, str]:
    """Return an image, whatever it was given as, and why this series where a DICOM folder holds several.

    :param what: name of the argument, for messages.
    :param match: grid that a series of a DICOM folder should have.
    :param series: number or UID of the series of a DICOM folder or file to take.
    :param argument: name of the argument that names the series, for messages.
    :raises IFIMeasureError: where it is no image, its geometry is unusable, or no series can be chosen; one sentence.
    """
    if is_path(given):
        path = given_path(given, what)
        if path.is_dir() or is_dicom(path):
            return _volume_of_dicom(path, match, series, argument, say)
        if series is not None:
            raise IFIMeasureError(
                f"{argument} is {series!r}, but {path} is no DICOM; leave the series out.", argument=argument
            )
        return read_volume(path), ""
    if series is not None:
        raise IFIMeasureError(
            f"{argument} is {series!r}, but the image is no DICOM folder; leave the series out.", argument=argument
        )
    where = Path(f"{what.replace('_', ' ')} in memory")
    if isinstance(given, sitk.Image):
        _refuse_without_geometry(image_affine_ras(given) if given.GetDimension() == 3 else None, where)
        return volume_of_image(given, where), ""
    array, affine = _array_and_affine(given, where)
    turned, grid = canonical(array, affine)
    check_grid(grid, where)
    return Volume(turned, grid, where), ""


def _volume_of_dicom(
    path: Path,
    match: Grid | None,
    series: str | int | None,
    argument: str,
    say: Callable[[str], None] | None,
) -> tuple[Volume, str]:
    """A series of a DICOM folder, or of one file, and why it was taken."""
    choice = choose_series(scan_folder(path, say), match, None if series is None else str(series), argument)
    if choice.series is None:
        raise IFIMeasureError(f"{path}: {choice.reason}", argument=argument)
    told = [f"{choice.series.label} was taken: {choice.reason}", *choice.series.notes]
    return read_series(choice.series), ". ".join(told)


def given_landmarks(given: GivenLandmarks | None) -> dict[Side, LandmarkSet]:
    """Return landmarks that a person placed, by side; of several files a later one wins, point by point.

    :raises IFIMeasureError: where a file holds none, or a side, an id or a position is not right; one sentence.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {given_side(side, "landmarks"): _landmarks_of(side, points) for side, points in given.items()}
    found: dict[Side, LandmarkSet] = {}
    for path in landmark_files(given):
        for side, landmarks in read_landmarks(Path(path)).items():
            found[side] = merge(found[side], landmarks) if side in found else landmarks
    return found


def given_side(given: Any, argument: str = "side") -> Side:
    """Return one side, given as such or by its name.

    :raises IFIMeasureError: where it is none.
    """
    try:
        return given if isinstance(given, Side) else Side(given)
    except ValueError:
        raise IFIMeasureError(f"{argument}: the side is {given!r}; it must be 'left' or 'right'.") from None


def landmark_files(given: GivenLandmarks | None) -> list[PathLike]:
    """Return the paths among what was given as landmarks.

    :raises IFIMeasureError: where it is neither paths nor landmarks by side.
    """
    if given is None or isinstance(given, Mapping):
        return []
    if is_path(given):
        return [given]
    paths = list(given) if isinstance(given, Iterable) else [given]
    if not all(is_path(path) for path in paths):
        raise IFIMeasureError(
            f"landmarks is {given!r}: give paths of Slicer markups (.mrk.json), or by side the positions by id, RAS "
            "millimeter.",
            argument="landmarks",
        )
    return paths


def given_path(given: Any, argument: str) -> Path:
    """Return a path.

    :raises IFIMeasureError: where it is none, or an empty text, which would mean the folder one is in.
    """
    if is_path(given) and os.fspath(given):
        return Path(given)
    raise IFIMeasureError(f"{argument} is {given!r}; give a path.", argument=argument)


def is_path(given: Any) -> TypeGuard[PathLike]:
    """Return whether what was given names a file or folder."""
    return isinstance(given, (str, os.PathLike))


def _landmarks_of(side: Any, points: Any) -> LandmarkSet:
    if not isinstance(points, Mapping):
        raise IFIMeasureError(
            f"landmarks: the {side} side holds {type(points).__name__}; give positions by id, such as "
            "{'lesser_trochanter_tip': (r, a, s)}, RAS millimeter.",
            argument="landmarks",
        )
    landmarks = empty_landmarks()
    for key, place in points.items():
        if key not in landmarks:
            raise IFIMeasureError(
                f"landmarks: there is no landmark {key!r}; there are {', '.join(landmark_definitions())}.",
                argument="landmarks",
            )
        if place is not None:  # else it is not placed
            landmarks[key] = place if isinstance(place, Landmark) else _placed(key, place)
    return landmarks


def _placed(key: str, place: Any) -> Landmark:
    try:
        position = point3(place)
    except (TypeError, ValueError):
        position = None
    if position is None or not np.isfinite(position).all():
        raise IFIMeasureError(
            f"landmarks: the position of {key} is {place!r}; it must be three finite numbers, RAS millimeter.",
            argument="landmarks",
        )
    return Landmark.manual(position)


def _array_and_affine(given: Any, where: Path) -> tuple[Array, Array]:
    """Check a pair of an array and its affine."""
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise IFIMeasureError(
            f"{where}: this is of type {type(given).__name__}; give a path, an image of SimpleITK, or a pair "
            "(array[i, j, k], affine (4, 4) from ijk to RAS mm)."
        )
    array = np.asarray(given[0])
    if array.dtype.kind not in "biuf" or array.ndim != 3:
        raise IFIMeasureError(
            f"{where}: the array has {array.ndim} dimensions of type {array.dtype}; three of numbers are needed, "
            "in the order i, j, k of the affine."
        )
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    try:
        affine = np.array(given[1], float)
    except (TypeError, ValueError):
        affine = np.zeros(0)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise IFIMeasureError(
            f"{where}: the affine has the shape {affine.shape} or holds what is no finite number; it must be (4, 4), "
            "from ijk to RAS mm."
        )
    if np.abs(affine[3] - (0.0, 0.0, 0.0, 1.0)).max() > 1e-6:
        raise IFIMeasureError(
            f"{where}: the last row of the affine is {affine[3].tolist()}, not 0 0 0 1; it may be transposed, so give "
            "the one whose last column is the place of the first voxel."
        )
    if abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise IFIMeasureError(f"{where}: the affine is not usable: its axes have no length or lie in one plane.")
    _refuse_without_geometry(affine, where)
    refuse_shear(affine, where)
    return array, affine


def _refuse_without_geometry(affine: Array | None, where: Path) -> None:
    """Refuse the geometry that programs give to arrays without any: axes of 1 mm from the origin."""
    if affine is None or affine[:3, 3].any():
        return
    if np.array_equal(np.abs(affine[:3, :3]), np.eye(3)):  # of either frame, RAS or LPS
        raise IFIMeasureError(
            f"{where}: its affine is the identity, which says nothing of the patient's left and of the size of voxels; "
            "give the affine of the image that the array came from."
        )
