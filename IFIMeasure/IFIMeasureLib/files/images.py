"""Image files (NIfTI, NRRD, MetaImage) read into volumes, and volumes written."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..images.grid import LPS_TO_RAS, canonical, check_grid
from ..images.masks import Volume
from ..values import Array, IFIMeasureError


def read_volume(path: Path) -> Volume:
    """Read a NIfTI, NRRD or MetaImage file as an image.

    :raises IFIMeasureError: where there is no such file, it is no image, or its geometry is unusable.
    """
    return replace(volume_of_image(read_image(path), path), files=(path,))


def volume_of_image(image: Any, path: Path) -> Volume:
    """Return an image of SimpleITK as a volume.

    :param path: where it came from, for messages.
    :raises IFIMeasureError: where it is no scalar volume, or its geometry is unusable.
    """
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise IFIMeasureError(
            f"{path}: the image has {image.GetDimension()} dimensions and {image.GetNumberOfComponentsPerPixel()} "
            "values a voxel; a single three-dimensional scalar volume is needed."
        )
    array, grid = canonical(array_view(image), image_affine_ras(image))
    check_grid(grid, path)
    return Volume(array, grid, path)


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


def read_image(path: Path) -> Any:
    """Return a file as SimpleITK's image.

    :raises IFIMeasureError: where there is no such file, it is no image, or does not say where the patient's left is.
    """
    if not path.exists():
        raise IFIMeasureError(f"{path}: there is no such file.")
    _refuse_unoriented(path)
    try:
        return sitk.ReadImage(str(path))
    except RuntimeError:
        raise IFIMeasureError(
            f"{path}: this is not an image that can be read (NIfTI, NRRD, MetaImage or DICOM)."
        ) from None


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


def nifti_header(path: Path, size: int = 352) -> bytes:
    """Return the first bytes of a NIfTI file, unpacked; none where it cannot be read."""
    opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as stream:
            return bytes(stream.read(size))
    except (OSError, EOFError):
        return b""


def nifti_byte_order(header: bytes) -> str:
    """Return ``<`` or ``>``, as numpy names the order of bytes."""
    return "<" if header[:4] == (348).to_bytes(4, "little") else ">"


def _refuse_unoriented(path: Path) -> None:
    """Refuse files whose header does not say where the patient's left is."""
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        header = nifti_header(path)
        if len(header) < 348:
            return
        codes = np.frombuffer(header[252:256], dtype=nifti_byte_order(header) + "i2")
        if header[344:347] in (b"n+1", b"ni1") and not codes.any():
            raise IFIMeasureError(
                f"{path}: the NIfTI header has no orientation (qform_code and sform_code are 0), so left and right "
                "cannot be told; convert it again from DICOM with a converter that keeps the orientation."
            )
    elif name.endswith((".nrrd", ".nhdr")):
        with path.open("rb") as stream:
            head = stream.read(20000).split(b"\n\n")[0]
        if head.startswith(b"NRRD") and not re.search(rb"(?im)^space\s*:", head):
            raise IFIMeasureError(
                f"{path}: the NRRD header has no 'space' field, so left and right cannot be told; save it again "
                "from a program that writes the orientation."
            )
