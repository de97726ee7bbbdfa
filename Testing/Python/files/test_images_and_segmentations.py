"""Reading: every grid in one form, names from files, and headers that do not say where left is."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from IFIMeasureLib.files.images import read_volume
from IFIMeasureLib.files.segmentations import read_segmentation
from IFIMeasureLib.images.grid import Grid, canonical
from IFIMeasureLib.synthetic.sample import write_label_map
from IFIMeasureLib.values import IFIMeasureError


def image_file(path: Path, array=None, spacing=(1.0, 1.0, 2.0), direction=None) -> Path:
    image = sitk.GetImageFromArray(np.zeros((12, 20, 20), np.uint8) if array is None else array)
    image.SetSpacing([float(s) for s in spacing[: image.GetDimension()]])
    if direction is not None:
        image.SetDirection(direction)
    sitk.WriteImage(image, str(path))
    return path


def test_canonical_arrays_run_right_anterior_superior_whatever_the_storage():
    rng = np.random.default_rng(0)
    array = rng.integers(0, 9, (4, 5, 6))
    affine = np.array([[0, 0, -2.0, 10], [1.5, 0, 0, 20], [0, -1.0, 0, 30], [0, 0, 0, 1]])
    turned, grid = canonical(array, affine)
    assert (np.diag(grid.affine)[:3] > 0).all()
    for ijk in ((0, 0, 0), (3, 2, 5), (1, 4, 2)):
        place = affine @ [*ijk, 1]
        back = np.round(grid.to_ijk(place[:3])).astype(int)
        assert turned[tuple(back)] == array[ijk]


def test_a_nifti_of_simpleitk_lies_where_simpleitk_says(tmp_path):
    array = np.zeros((5, 6, 7), np.uint8)
    array[3, 2, 1] = 1
    image = sitk.GetImageFromArray(array)
    image.SetOrigin((11.0, -7.0, 30.0))
    image.SetSpacing((2.0, 3.0, 4.0))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    volume = read_volume(tmp_path / "a.nii.gz")
    place = volume.grid.to_ras(np.argwhere(volume.array == 1)[0].astype(float))
    lps = image.TransformIndexToPhysicalPoint((1, 2, 3))
    assert place == pytest.approx([-lps[0], -lps[1], lps[2]])


def test_segment_names_of_a_seg_nrrd_are_read(label_map_file):
    segmentation = read_segmentation(label_map_file)
    assert segmentation.named
    assert {"hip_right", "femur_left"} <= {s.name for s in segmentation.segments}


def test_the_label_table_of_totalsegmentator_in_a_nifti_header_is_read(tmp_path):
    path = tmp_path / "a.nii"
    array = np.zeros((8, 20, 20), np.uint8)
    array[2:5, 3:9, 3:9] = 77
    image_file(path, array)
    data = bytearray(path.read_bytes())
    label = b'<Label Key="77" Red="1"><![CDATA[hip_left]]></Label>'
    table = b"<VolumeInformation><LabelTable>" + label + b"</LabelTable></VolumeInformation>"
    xml = b'<?xml version="1.0"?><CaretExtension>' + table + b"</CaretExtension>"
    size = (len(xml) + 8 + 15) // 16 * 16
    data[108:112] = struct.pack("<f", 352 + size)
    extension = b"\1\0\0\0" + struct.pack("<ii", size, 30) + xml.ljust(size - 8, b"\0")
    path.write_bytes(bytes(data[:348]) + extension + bytes(data[352:]))
    segmentation = read_segmentation(path)
    assert segmentation.named
    assert [(s.name, s.value) for s in segmentation.segments] == [("hip_left", 77)]


def test_overlapping_segments_of_a_dicom_seg_are_all_read(tmp_path):
    highdicom = pytest.importorskip("highdicom")
    import pydicom
    from IFIMeasureLib.synthetic.phantom import Phantom
    from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study

    grid = sample_grid((6.0, 6.0, 12.0))
    dicom, _ = write_sample_study(tmp_path, Phantom(), grid)
    files = sorted(dicom.glob("t1_*.dcm"))
    sources = [pydicom.dcmread(f) for f in files]
    mask = np.zeros((len(files), sources[0].Rows, sources[0].Columns, 2), bool)
    mask[3:8, 5:14, 4:10, 0] = True
    mask[5:9, 9:18, 7:13, 1] = True
    code = highdicom.sr.CodedConcept("71341001", "SCT", "Femur")
    descriptions = [
        highdicom.seg.SegmentDescription(n + 1, name, code, code, highdicom.seg.SegmentAlgorithmTypeValues.MANUAL)
        for n, name in enumerate(("femur_right", "hip_right"))
    ]
    seg = highdicom.seg.Segmentation(
        sources,
        mask,
        highdicom.seg.SegmentationTypeValues.BINARY,
        descriptions,
        "2.25.1",
        9,
        "2.25.2",
        1,
        "x",
        "x",
        "1",
        "1",
        omit_empty_frames=True,
    )
    seg.save_as(tmp_path / "seg.dcm")
    read = read_segmentation(tmp_path / "seg.dcm")
    assert [s.name for s in read.segments] == ["femur_right", "hip_right"]
    for n, ref in enumerate(read.segments):
        found = read.mask([ref])
        assert found is not None and found.array.sum() == mask[..., n].sum()
        center = found.grid.to_ras(np.argwhere(found.array).mean(0))
        k, row, column = np.argwhere(mask[..., n]).mean(0)
        first = sources[0]
        lps = np.array(first.ImagePositionPatient) + [column * 6.0, row * 6.0, k * 12.0]
        assert center == pytest.approx([-lps[0], -lps[1], lps[2]], abs=1e-6)


@pytest.mark.parametrize(
    ("spacing", "message"),
    [((0.001, 0.001, 0.002), "units look like meters"), ((90.0, 90.0, 90.0), "cannot show a hip")],
)
def test_spacings_that_no_hip_can_have_are_refused(tmp_path, spacing, message):
    with pytest.raises(IFIMeasureError, match=message):
        read_volume(image_file(tmp_path / "a.nrrd", spacing=spacing))


def test_a_single_slice_is_refused(tmp_path):
    with pytest.raises(IFIMeasureError, match="single slice"):
        read_volume(image_file(tmp_path / "a.nrrd", np.zeros((1, 20, 20), np.uint8)))
    with pytest.raises(IFIMeasureError, match="2 dimensions"):
        read_volume(image_file(tmp_path / "b.mha", np.zeros((20, 20), np.uint8)))


def test_a_nifti_without_orientation_is_refused(tmp_path):
    path = image_file(tmp_path / "a.nii")
    data = bytearray(path.read_bytes())
    data[252:256] = b"\0\0\0\0"
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(data)))
    with pytest.raises(IFIMeasureError, match="left and right cannot be told"):
        read_segmentation(tmp_path / "b.nii.gz")


def test_an_nrrd_without_space_is_refused(tmp_path):
    (tmp_path / "a.nrrd").write_bytes(
        b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 4 4\nencoding: raw\n\n" + bytes(64)
    )
    with pytest.raises(IFIMeasureError, match="left and right cannot be told"):
        read_segmentation(tmp_path / "a.nrrd")


def test_an_image_given_as_segmentation_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    with pytest.raises(IFIMeasureError, match="not whole numbers"):
        read_segmentation(image_file(tmp_path / "a.nrrd", rng.normal(size=(12, 20, 20)).astype(np.float32)))
    with pytest.raises(IFIMeasureError, match="negative"):
        read_segmentation(image_file(tmp_path / "b.nrrd", rng.integers(-1000, 1000, (12, 20, 20)).astype(np.int16)))
    with pytest.raises(IFIMeasureError, match="looks like an image"):
        read_segmentation(image_file(tmp_path / "c.nrrd", rng.integers(0, 3000, (12, 20, 20)).astype(np.int16)))


def test_the_mask_of_a_label_is_cropped_and_knows_the_faces_it_touches(tmp_path):
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[0:4, 3:6, 5:10] = 2
    grid = Grid((10, 10, 10), np.diag([2.0, 2.0, 2.0, 1.0]))
    write_label_map(tmp_path / "a.nrrd", labels, grid, {2: "x"})
    segmentation = read_segmentation(tmp_path / "a.nrrd")
    mask = segmentation.mask(segmentation.segments)
    assert mask.array.sum() == (labels == 2).sum()
    assert mask.cut == {(0, -1), (2, 1)}
    assert mask.grid.to_ras(np.argwhere(mask.array).mean(0)) == pytest.approx(
        grid.to_ras(np.argwhere(labels == 2).mean(0))
    )
