"""Files that are cut off, flipped or claim what they do not hold: read with the same values, or refused."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from IFIMeasureLib.files.images import read_image, read_volume
from IFIMeasureLib.files.segmentations import read_segmentation
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_label_map
from IFIMeasureLib.values import IFIMeasureError

TRIES = 40

PLAIN = ("a.nii", "pair.img", "a.mha", "a.mhd", "a.nrrd", "a.nhdr")
CHECKED = ("a.nii.gz", "zpair.img.gz", "z.mha", "z.mhd", "z.nrrd", "z.nhdr", "a.seg.nrrd")
"""Formats whose compression carries a checksum."""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """The phantom's labels in every format."""
    folder = tmp_path_factory.mktemp("formats")
    phantom, grid = Phantom(), sample_grid((3.0, 3.0, 8.0))
    labels = phantom.label_map(grid)
    for name in (*PLAIN, *CHECKED):
        write_label_map(folder / name, labels, grid, phantom.label_names())
    for name in PLAIN:
        sitk.WriteImage(sitk.ReadImage(str(folder / name)), str(folder / name), useCompression=False)
    return folder


def data_file(path: Path) -> Path:
    """The file that holds the voxels."""
    names = {"a.mhd": "a.raw", "z.mhd": "z.zraw", "a.nhdr": "a.raw", "z.nhdr": "z.raw.gz"}
    return path.with_name(names.get(path.name, path.name))


def parts(path: Path) -> list[Path]:
    """The file, and what belongs to it."""
    stem = path.name.split(".")[0]
    beside = [path.with_name(stem + e) for e in (".hdr", ".hdr.gz", ".img", ".img.gz") if "pair" in stem]
    return [p for p in dict.fromkeys([path, data_file(path), *beside]) if p.exists()]


def outcome(path: Path) -> str:
    """What is read, as text that two readings can be compared by; or that it is refused."""
    try:
        stored = read_image(path)
        named = read_segmentation(path)
    except IFIMeasureError as error:
        assert "\n" not in str(error)
        return "refused"
    arrays = b"".join(np.ascontiguousarray(a).tobytes() for a in (*stored.components, *named.layers))
    refs = [(ref.name, ref.layer, ref.value) for ref in named.segments]
    return repr((hash(arrays), np.round(stored.affine, 6).tolist(), refs))


def tried(files: Path, target: Path, name: str, harm: Callable[[bytes, np.random.Generator], bytes]) -> list[str]:
    """What comes of the voxels' file harmed in as many ways; `same` where nothing that is read changed."""
    rng = np.random.default_rng(7)
    whole = {part.name: part.read_bytes() for part in parts(files / name)}
    before = outcome(files / name)
    assert before != "refused"
    for part, content in whole.items():
        (target / part).write_bytes(content)
    found = []
    for _ in range(TRIES):
        harmed = data_file(target / name)
        harmed.write_bytes(harm(whole[harmed.name], rng))
        after = outcome(target / name)
        found.append("same" if after == before else "refused" if after == "refused" else "other")
    return found


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(0, len(content)))]


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    at, bit = int(rng.integers(0, len(content))), int(rng.integers(0, 8))
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


@pytest.mark.parametrize("name", [*PLAIN, *CHECKED])
def test_a_file_that_is_cut_off_is_refused(files, tmp_path, name):
    assert tried(files, tmp_path, name, cut) == ["refused"] * TRIES


@pytest.mark.parametrize("name", CHECKED)
def test_a_flipped_bit_never_gives_other_values_where_there_is_a_checksum(files, tmp_path, name):
    assert "other" not in tried(files, tmp_path, name, flipped)


def nifti(path: Path, **fields: tuple[int, str, object]) -> Path:
    """A plain NIfTI of 8 x 9 x 10 voxels of 2 x 2 x 4 mm, with bytes of its header replaced."""
    image = sitk.GetImageFromArray(np.arange(720, dtype=np.int16).reshape(10, 9, 8))
    image.SetSpacing((2.0, 2.0, 4.0))
    sitk.WriteImage(image, str(path))
    content = bytearray(path.read_bytes())
    for at, code, value in fields.values():
        packed = struct.pack(code, *value) if isinstance(value, tuple) else struct.pack(code, value)
        content[at : at + len(packed)] = packed
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize(
    ("at", "code", "value", "message"),
    [
        (40, "<8h", (3, 30000, 30000, 30000, 1, 1, 1, 1), "incomplete or damaged .*54,000,000,000,000 bytes"),
        (40, "<8h", (3, 8, 9, 3, 1, 1, 1, 1), "incomplete or damaged .*432 bytes of voxels, and 1,440 are there"),
        (40, "<8h", (3, 8, -9, 10, 1, 1, 1, 1), "incomplete or damaged .*8 x -9 x 10 voxels"),
        (72, "<h", 8, "incomplete or damaged .*type 4 of 8 bits"),
        (70, "<h", 77, "incomplete or damaged .*type 77"),
        (108, "<f", float("nan"), "incomplete or damaged .*begin at byte nan"),
        (108, "<f", 1e9, "incomplete or damaged .*begin at byte 1e"),
        (80, "<3f", (2.0, 2.5, 4.0), "contradicts itself: voxels of 2 x 2.5 x 4 mm by its pixdim and of 2 x 2 x 4 mm"),
        (256, "<ff", (3.0, 3.0), "the quaternion or the spacing of the qform in its header is impossible"),
        (80, "<f", -2.0, "the quaternion or the spacing of the qform in its header is impossible"),
        (280, "<4f", (float("nan"), 0.0, 0.0, 0.0), "not usable"),
        (344, "<4s", b"\0\0\0\0", "Analyze file has no orientation"),
        (344, "<4s", b"ni1\0", "header of a pair"),
    ],
)
def test_a_nifti_header_that_contradicts_itself_or_its_file_is_refused(tmp_path, at, code, value, message):
    with pytest.raises(IFIMeasureError, match=message):
        read_image(nifti(tmp_path / "a.nii", field=(at, code, value)))


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_before_memory_is_taken(tmp_path):
    path = nifti(tmp_path / "a.nii", field=(40, "<8h", (3, 1500, 1500, 1500, 1, 1, 1, 1)))
    packed = tmp_path / "a.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes() + bytes(10_000_000)))
    with pytest.raises(IFIMeasureError, match="more than the file can hold"):
        read_image(packed)
    packed.write_bytes(packed.read_bytes() + bytes(8_000_000))  # so many could hold them
    with pytest.raises(IFIMeasureError, match=r"claims 6.3 GiB of voxels, and an image of up to 2 GiB is read"):
        read_image(packed)


def test_more_data_than_the_header_says_are_never_unpacked(tmp_path):
    path = nifti(tmp_path / "a.nii")
    packed = tmp_path / "a.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes() + bytes(300_000_000), 1))
    with pytest.raises(IFIMeasureError, match="bytes are expected, and more are there"):
        read_image(packed)


def with_other_header(folder, name, old, new):
    """Write an image without compression, then other words into its header."""
    path = folder / name
    sitk.WriteImage(sitk.ReadImage(str(nifti(folder / "a.nii"))), str(path), useCompression=False)
    content = path.read_bytes()
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode()))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("DimSize = 8 9 10", "DimSize = 8 9 30", "claims 4,320 bytes of voxels, and 1,440 are there"),
        ("DimSize = 8 9 10", "DimSize = 80000 90000 100000", "claims 1,440,000,000,000,000 bytes"),
        ("DimSize = 8 9 10", "DimSize = 8 9", "contradict each other"),
        ("ElementType = MET_SHORT", "ElementType = MET_SHORU", "type 'MET_SHORU'"),
        ("TransformMatrix = 1 0 0", "TransformMatrix = 3 0 0", "no length of 1"),
        ("ElementSpacing = 2 2 4", "ElementSpacinf = 2 2 4", "distance of voxels"),
        ("ElementDataFile = LOCAL", "ElementDataFile = slice%03d.raw", "several files"),
        ("ElementDataFile = LOCAL", "ElementDataFile = gone.raw", "gone.raw, which is not there"),
        ("BinaryData = True", "BinaryData = Trte", "BinaryData = 'trte'"),
    ],
)
def test_a_metaimage_header_that_contradicts_itself_or_its_file_is_refused(tmp_path, old, new, message):
    with pytest.raises(IFIMeasureError, match=message):
        read_image(with_other_header(tmp_path, "a.mha", old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sizes: 8 9 10", "sizes: 8 9 30", "claims 4,320 bytes of voxels, and 1,440 are there"),
        ("sizes: 8 9 10", "sizes: 8 9 1e", "'1e', which is no whole number"),
        ("type: short", "type: shore", "type 'shore'"),
        ("endian: little", "enduan: little", "the line 'enduan: little'"),
        ("encoding: raw", "encoding: rax", "its encoding is 'rax'"),
        ("space: left-posterior-superior", "space: 3D-right-handed", "left and right cannot be told"),
    ],
)
def test_an_nrrd_header_that_contradicts_itself_or_its_file_is_refused(tmp_path, old, new, message):
    with pytest.raises(IFIMeasureError, match=message):
        read_image(with_other_header(tmp_path, "a.nrrd", old, new))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name here")
def test_a_pipe_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.nii")
    with pytest.raises(IFIMeasureError, match="not a regular file"):
        read_image(tmp_path / "a.nii")
    with pytest.raises(IFIMeasureError, match="not a regular file"):
        read_image(Path("/dev/zero"))


def test_a_spacing_below_a_hundredth_of_a_millimeter_is_refused(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((4, 8, 8), np.uint8))
    image.SetSpacing((0.001, 2.0, 4.0))
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    with pytest.raises(IFIMeasureError, match=r"voxels of 0\.001 mm"):
        read_volume(tmp_path / "a.nrrd")


def test_what_is_in_the_place_of_an_image_is_named(tmp_path):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(b"")
    with pytest.raises(IFIMeasureError, match="the file is empty"):
        read_image(path)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 123\n")
    with pytest.raises(IFIMeasureError, match="Git LFS"):
        read_image(path)
    with pytest.raises(IFIMeasureError, match="there is no such file"):
        read_image(tmp_path / "b.nii.gz")
    with pytest.raises(IFIMeasureError, match="this is a folder"):
        read_image(tmp_path)
