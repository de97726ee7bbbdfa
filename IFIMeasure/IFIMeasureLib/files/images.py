"""Image files (NIfTI, NRRD, MetaImage) read into volumes, and volumes written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..images.grid import LPS_TO_RAS, canonical, check_grid, refuse_shear
from ..images.masks import Volume
from ..values import Array, IFIMeasureError
from .intact import first_bytes
from .nifti import header_file, is_nifti, read_nifti, unpacked_head
from .text_headers import check_metaimage, check_nrrd, is_metaimage


@dataclass(frozen=True)
class StoredImage:
    """An image as a file stores it.

    :param components: the values of each component, an array (I, J, K) each.
    :param affine: (4, 4) indices to RAS millimeter.
    :param keys: what else the header says, as it names it.
    :param names: of label values, where the header says them.
    :param slice_axis: the axis across the slices, where the header says it.
    """

    components: list[Array]
    affine: Array
    keys: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    slice_axis: int | None = None


def read_volume(path: Path) -> Volume:
    """Read a NIfTI, NRRD or MetaImage file as an image.

    :raises IFIMeasureError: where there is no such file, it is no image, is not whole, or its geometry is unusable.
    """
    stored = read_image(path)
    refuse_shear(stored.affine, path)
    return _volume(stored, path, (path,))


def volume_of_image(image: Any, path: Path) -> Volume:
    """Return an image of SimpleITK as a volume.

    :param path: where it came from, for messages.
    :raises IFIMeasureError: where it is no scalar volume, or its geometry is unusable.
    """
    return _volume(stored_image(image, path), path, ())


def _volume(stored: StoredImage, path: Path, files: tuple[Path, ...]) -> Volume:
    if len(stored.components) != 1:
        raise IFIMeasureError(
            f"{path}: the image has {len(stored.components)} values a voxel; a single three-dimensional scalar volume "
            "is needed."
        )
    array, grid = canonical(stored.components[0], stored.affine, stored.slice_axis)
    check_grid(grid, path)
    return Volume(array, grid, path, files=files)


def write_volume(volume: Volume, path: Path) -> None:
    """Write an image as NRRD, NIfTI or MetaImage, by the file's name; compressed.

    :raises OSError: where it cannot be written.
    """
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.array.transpose(2, 1, 0)))
    lps = LPS_TO_RAS @ volume.grid.affine
    spacing = volume.grid.spacing
    image.SetSpacing([float(s) for s in spacing])
    image.SetOrigin([float(v) for v in lps[:3, 3]])
    image.SetDirection([float(v) for v in (lps[:3, :3] / spacing).reshape(-1)])
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise OSError(f"{path} could not be written.") from error


def read_image(path: Path) -> StoredImage:
    """Read an image file of one of the formats, known by its content.

    Every image file comes by here: nothing is read that is not whole, or that does not say where the patient's left is.

    :raises IFIMeasureError: where there is no such file, it is no image, is not whole, or does not say where left is.
    """
    head = first_bytes(path)
    if head.startswith(b"NRRD000"):
        keys = check_nrrd(path)
        return replace(_read_with_itk(path, "NrrdImageIO"), keys=keys)
    if is_metaimage(head):
        check_metaimage(path)
        return _read_with_itk(path, "MetaImageIO")
    header = header_file(path)
    if is_nifti(unpacked_head(header, first_bytes(header))):
        image = read_nifti(path)
        _refuse_dimensions(image.array.ndim, path)
        return StoredImage([image.array], image.affine, names=image.names, slice_axis=image.slice_axis)
    raise _no_image(path, head)


def _no_image(path: Path, head: bytes) -> IFIMeasureError:
    """Say what a file that is no image may be."""
    if not head:
        return IFIMeasureError(f"{path}: the file is empty; copy it from its source again.")
    if head.startswith(b"version https://git-lfs"):
        return IFIMeasureError(f"{path}: this is a pointer of Git LFS, not the file itself; run 'git lfs pull'.")
    return IFIMeasureError(
        f"{path}: this is not an image that can be read (NIfTI, NRRD, MetaImage or DICOM), or its beginning is damaged."
    )


def _read_with_itk(path: Path, reader: str) -> StoredImage:
    try:
        image = sitk.ReadImage(str(path), imageIO=reader)
    except RuntimeError:
        raise IFIMeasureError(
            f"{path}: this is not an image that can be read (NIfTI, NRRD, MetaImage or DICOM)."
        ) from None
    return _stored(image, path, {})


def stored_image(image: Any, path: Path) -> StoredImage:
    """Return an image of SimpleITK as what a file stores.

    :param path: where it came from, for messages.
    :raises IFIMeasureError: where it does not have three dimensions; a fourth of length one does not count.
    """
    return _stored(image, path, {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()})


def _stored(image: Any, path: Path, keys: Mapping[str, str]) -> StoredImage:
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    _refuse_dimensions(image.GetDimension(), path)
    return StoredImage(_components(image), image_affine_ras(image), keys)


def _refuse_dimensions(dimensions: int, path: Path) -> None:
    if dimensions != 3:
        raise IFIMeasureError(f"{path}: the image has {dimensions} dimensions; a three-dimensional one is needed.")


def _components(image: Any) -> list[Array]:
    """The values of an image, an array (I, J, K) a component."""
    components = image.GetNumberOfComponentsPerPixel()
    if components == 1:
        return [array_view(image)]
    view = sitk.GetArrayViewFromImage(image)
    return [np.array(view[..., c]).T for c in range(components)]


def image_affine_ras(image: Any) -> Array:
    """Return the affine (4, 4) from indices of SimpleITK's image to RAS millimeter."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine_lps = np.eye(4)
    affine_lps[:3, :3] = direction * np.array(image.GetSpacing())
    affine_lps[:3, 3] = image.GetOrigin()
    return np.asarray(LPS_TO_RAS @ affine_lps)


def array_view(image: Any) -> Array:
    """Return the voxels of SimpleITK's image, [i, j, k]: a view that keeps the image alive."""
    view = sitk.GetArrayViewFromImage(image)

    class _Owned(np.ndarray):
        owner: Any

    owned = view.view(_Owned)
    owned.owner = image
    return np.asanyarray(owned.T)
