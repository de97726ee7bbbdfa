"""Which side is left: told by the file, whatever its format and name, or refused."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from IFIMeasureLib.files.images import read_image, read_volume
from IFIMeasureLib.values import IFIMeasureError

SCANNER = np.array([[-2.0, 0, 0, 40], [0, -2.0, 0, 50], [0, 0, 4.0, -60]])
"""Indices to RAS of an axial image as scanners write it: i to the patient's left, j to the back."""

VOXELS = np.arange(720, dtype="<i2")


def nifti(path: Path, qform=(0, None), sform=(0, None), magic=b"n+1\0", spacing=(2.0, 2.0, 4.0)) -> bytes:
    """A NIfTI of 8 x 9 x 10 voxels with codes and orientations of one's own; quaternions are half turns here."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 8, 9, 10, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    factor = 1.0
    if qform[1] is not None:
        quaternion, offset, factor = qform[1]
        struct.pack_into("<6f", header, 256, *quaternion, *offset)
    struct.pack_into("<4f", header, 76, factor, *spacing)
    struct.pack_into("<f", header, 108, 352.0 if magic == b"n+1\0" else 0.0)
    struct.pack_into("<hh", header, 252, qform[0], sform[0])
    if sform[1] is not None:
        struct.pack_into("<12f", header, 280, *np.asarray(sform[1])[:3].ravel())
    header[344:348] = magic
    content = bytes(header) if magic == b"n+1\0" else bytes(header[:348])
    if magic == b"n+1\0":
        content += VOXELS.tobytes()
    path.write_bytes(content)
    return content


AS_SCANNER = ((0.0, 0.0, 1.0), (40.0, 50.0, -60.0), 1.0)
"""The qform of SCANNER: half a turn about z."""

MIRRORED = ((0.0, 1.0, 0.0), (40.0, 50.0, -60.0), -1.0)
"""A qform of the other handedness: j runs to the front."""

NO_CODES = {
    "plain.nii": nifti,
    "plain_named_gz.nii.gz": nifti,
    "packed.nii.gz": lambda path: path.write_bytes(gzip.compress(nifti(path))),
    "packed_named.nii": lambda path: path.write_bytes(gzip.compress(nifti(path))),
    "pair.hdr": lambda path: pair(path, b"ni1\0"),
    "pair.img": lambda path: pair(path, b"ni1\0"),
    "analyze.hdr": lambda path: pair(path, b"\0\0\0\0"),
    "analyze.img": lambda path: pair(path, b"\0\0\0\0"),
    "analyze_named.nii": lambda path: nifti(path, magic=b"\0\0\0\0"),
    "no_matrix.mha": lambda path: metaimage(path, ""),
    "no_matrix_but_named.mhd": lambda path: metaimage(path, "AnatomicalOrientation = RAI\n"),
    "no_space.nrrd": lambda path: nrrd(path, "space", "content"),
    "scanner_space.nrrd": lambda path: nrrd(path, "left-posterior-superior", "scanner-xyz"),
}


def pair(path: Path, magic: bytes) -> None:
    nifti(path.with_suffix(".hdr"), magic=magic)
    path.with_suffix(".img").write_bytes(VOXELS.tobytes())


def metaimage(path: Path, lines: str) -> None:
    head = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"{lines}DimSize = 8 9 10\nElementSpacing = 2 2 4\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    path.write_bytes(head.encode() + VOXELS.tobytes())


def nrrd(path: Path, old: str, new: str) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS.reshape(10, 9, 8)), str(path), useCompression=False)
    path.write_bytes(
        path.read_bytes()
        .replace(f"{old}: left".encode(), f"{new}: left".encode())
        .replace(f"space: {old}".encode(), f"space: {new}".encode())
    )


@pytest.mark.parametrize("name", list(NO_CODES))
def test_a_file_that_does_not_say_where_left_is_is_refused_whatever_its_format_and_name(tmp_path, name):
    NO_CODES[name](tmp_path / name)
    with pytest.raises(IFIMeasureError, match=r"so left and right cannot be told"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("name", ["a.nii", "plain_named.nii.gz"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_nifti_is_read_by_its_content_and_not_by_its_name(tmp_path, name, packed):
    content = nifti(tmp_path / name, (1, AS_SCANNER))
    if packed:
        (tmp_path / name).write_bytes(gzip.compress(content))
    stored = read_image(tmp_path / name)
    np.testing.assert_allclose(stored.affine[:3], SCANNER, atol=1e-6)
    assert stored.components[0][3, 2, 1] == 3 + 8 * (2 + 9 * 1)


def test_a_pair_is_read_from_either_of_its_files(tmp_path):
    nifti(tmp_path / "a.hdr", sform=(1, SCANNER), magic=b"ni1\0")
    (tmp_path / "a.img").write_bytes(VOXELS.tobytes())
    for name in ("a.hdr", "a.img"):
        stored = read_image(tmp_path / name)
        np.testing.assert_allclose(stored.affine[:3], SCANNER)
        assert stored.components[0][3, 2, 1] == 3 + 8 * (2 + 9 * 1)


def test_two_orientations_of_different_handedness_are_refused(tmp_path):
    nifti(tmp_path / "a.nii", (1, MIRRORED), (1, SCANNER))
    with pytest.raises(IFIMeasureError, match=r"the qform says LAS, the sform LPS.*left and right cannot be told"):
        read_image(tmp_path / "a.nii")


def test_two_orientations_with_other_nearest_axes_are_refused(tmp_path):
    turned = SCANNER * [[-1], [-1], [1]]  # half a turn: the same handedness, and left is right
    nifti(tmp_path / "a.nii", (1, AS_SCANNER), (2, turned))
    with pytest.raises(IFIMeasureError, match="the qform says LPS, the sform RAS"):
        read_image(tmp_path / "a.nii")


def test_a_templates_sform_beside_the_scanners_qform_is_left_alone(tmp_path):
    template = SCANNER * 1.1
    nifti(tmp_path / "a.nii", (1, AS_SCANNER), (4, template))
    np.testing.assert_allclose(read_image(tmp_path / "a.nii").affine[:3], SCANNER, atol=1e-6)


@pytest.mark.parametrize("codes", [(1, 1), (0, 1), (1, 2), (2, 1), (0, 4)])
def test_of_two_orientations_the_one_that_simpleitk_takes_is_taken(tmp_path, codes):
    shifted = SCANNER + np.array([[0, 0, 0, 7.0]] * 3)
    turned = shifted.copy()
    turned[:, :3] = np.array([[np.cos(0.1), -np.sin(0.1), 0], [np.sin(0.1), np.cos(0.1), 0], [0, 0, 1]]) @ turned[:, :3]
    for sform in (shifted, turned):
        nifti(tmp_path / "a.nii", (codes[0], AS_SCANNER), (codes[1], sform))
        image = sitk.ReadImage(str(tmp_path / "a.nii"))
        place = np.array(image.TransformIndexToPhysicalPoint((3, 2, 1))) * [-1, -1, 1]
        np.testing.assert_allclose(read_image(tmp_path / "a.nii").affine[:3] @ [3, 2, 1, 1], place, atol=1e-4)


def test_a_sform_that_rounding_has_sheared_is_read_and_one_of_a_tilted_gantry_is_refused(tmp_path):
    sheared = SCANNER.copy()
    sheared[1, 2] += 0.001 * 4.0  # 0.06 degree
    nifti(tmp_path / "a.nii", sform=(1, sheared))
    np.testing.assert_allclose(read_volume(tmp_path / "a.nii").grid.to_ras(np.array([7.0, 8.0, 0.0])), SCANNER[:, 3])
    sheared[1, 2] = 0.0175 * 4.0
    nifti(tmp_path / "a.nii", sform=(1, sheared))
    with pytest.raises(IFIMeasureError, match=r"89\.00 degree apart instead of 90"):
        read_volume(tmp_path / "a.nii")
