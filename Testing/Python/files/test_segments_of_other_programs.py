"""Segments as other programs write them: named by codes, soft, without layers, and beside files of the desktop."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from IFIMeasureLib.files.coded_segments import coded_name, name_in_slicer
from IFIMeasureLib.files.segmentations import read_segmentation
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_label_map, write_sample_study
from IFIMeasureLib.values import IFIMeasureError

GRID = sample_grid((4.0, 4.0, 8.0))


def seg_nrrd(path: Path, *segments: dict[str, str]) -> Path:
    """Three labels, each a block, and what the header says of the segments."""
    array = np.zeros((12, 20, 20), np.uint8)
    for value in (1, 2, 3):
        array[2:9, 5 * value : 5 * value + 4, 4:12] = value
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 4.0))
    for number, fields in enumerate(segments):
        for key, text in fields.items():
            image.SetMetaData(f"Segment{number}_{key}", text)
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def segment(name: str, value: int, **fields: str) -> dict[str, str]:
    return {"ID": name, "Name": name, "LabelValue": str(value), **fields}


TERMS = "TerminologyEntry:3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~SCT^{}~SCT^{}~DICOM~^^~^^|"


def test_names_that_say_nothing_give_way_to_the_codes_of_a_slicer_segmentation(tmp_path):
    path = seg_nrrd(
        tmp_path / "a.seg.nrrd",
        segment("Segment_1", 1, Tags=TERMS.format("29836001^Hip", "7771000^Left")),
        segment("Segment_2", 2, Tags=TERMS.format("71341001^Femur", "24028007^Right")),
        segment("Femur", 3, Tags=TERMS.format("71341001^Femur", "7771000^Left")),
    )
    assert [ref.name for ref in read_segmentation(path).segments] == ["hip_left", "femur_right", "Femur left"]


def test_a_name_that_says_something_wins_over_a_code():
    femur, left = [("SCT", "71341001", "Femur")], [("SCT", "7771000", "Left")]
    assert coded_name("femur_right", femur, left) == "femur_right"
    assert coded_name("screw in the femur", femur, left) == "screw in the femur"
    assert coded_name("Segment_1", [("SCT", "85756007", "Tissue")], []) == "Segment_1"
    assert name_in_slicer("Segment_1", "Segmentation.Status:inprogress|") == "Segment_1"


def test_segments_without_layers_lie_in_the_only_one(tmp_path):
    names = ("hip_left", "femur_left", "femur_right")
    path = seg_nrrd(tmp_path / "a.seg.nrrd", *(segment(name, n) for n, name in enumerate(names, 1)))
    found = read_segmentation(path)
    assert [(ref.name, ref.layer, ref.value) for ref in found.segments] == [
        ("hip_left", 0, 1),
        ("femur_left", 0, 2),
        ("femur_right", 0, 3),
    ]


@pytest.mark.parametrize("layer", ["99", "-1", "1"])
def test_a_layer_that_is_not_there_is_named(tmp_path, layer):
    path = seg_nrrd(tmp_path / "a.seg.nrrd", segment("hip_left", 1, Layer="0"), segment("femur_left", 2, Layer=layer))
    with pytest.raises(IFIMeasureError, match=f"femur_left lies in layer {layer} by the header, and layers 0 to 0"):
        read_segmentation(path)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([segment("hip_left", 1), segment("femur_left", 1)], "gives femur_left the label 1, which is that of hip_left"),
        ([segment("hip_left", 1), segment("femur_left", 2), segment("sacrum", 7)], "label 3 belong to no segment"),
        ([segment("hip_left", 1), segment("femur_left", 2, Name="femur_lefu")], "'femur_lefu' and 'femur_left'"),
        ([segment("hip_left", 1), {"ID": "femur_left", "Name": "femur_left"}], "no LabelValue of some segments"),
        ([segment("hip_left", 1, LabelValue="x")], "says 'x' for the label of hip_left"),
    ],
)
def test_a_header_that_contradicts_its_labels_is_refused(tmp_path, segments, message):
    with pytest.raises(IFIMeasureError, match=message):
        read_segmentation(seg_nrrd(tmp_path / "a.seg.nrrd", *segments))


def test_files_of_the_desktop_beside_masks_are_passed_over(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    labels, names = Phantom().label_map(GRID), Phantom().label_names()
    for value, name in names.items():
        write_label_map(folder / f"{name}.nii.gz", (labels == value).astype(np.uint8), GRID, {})
    before = {ref.name for ref in read_segmentation(folder).segments}
    apple = bytes.fromhex("0005160700020000") + b"Mac OS X".ljust(100, b"\0")
    for name in names.values():
        (folder / f"._{name}.nii.gz").write_bytes(apple)
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf")
    assert {ref.name for ref in read_segmentation(folder).segments} == before == set(names.values())
    alone = tmp_path / "alone"
    alone.mkdir()
    write_label_map(alone / "labels.nii.gz", labels, GRID, names)
    shutil.copy(folder / ".DS_Store", alone)
    assert len(read_segmentation(alone).segments) == len(names)


def test_a_label_of_tens_of_millions_is_refused_at_once(tmp_path):
    image = sitk.GetImageFromArray(np.full((12, 20, 20), 30_000_000, np.uint32))
    image.SetSpacing((2.0, 2.0, 4.0))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    with pytest.raises(IFIMeasureError, match="values of up to 30000000, so this is not a label map"):
        read_segmentation(tmp_path / "a.nii.gz")


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> list[pydicom.Dataset]:
    folder = write_sample_study(tmp_path_factory.mktemp("sample"), Phantom(), GRID)[0]
    return [pydicom.dcmread(path) for path in sorted(folder.glob("t1_*.dcm"))]


def dicom_seg(path: Path, sources, masks: np.ndarray, named: list[tuple[str, str]], kind: str = "BINARY") -> Path:
    """A DICOM Segmentation of masks (frames, rows, columns, N), each with a label and the code of a side."""
    hd = pytest.importorskip("highdicom")
    sides = {"left": ("7771000", "Left"), "right": ("24028007", "Right")}
    descriptions = []
    for number, (label, side) in enumerate(named, 1):
        one = hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=hd.sr.CodedConcept("123037004", "SCT", "Anatomical Structure"),
            segmented_property_type=hd.sr.CodedConcept("71341001", "SCT", "Femur"),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        code = pydicom.Dataset()
        code.CodeValue, code.CodeMeaning = sides[side]
        code.CodingSchemeDesignator = "SCT"
        one.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [code]
        descriptions.append(one)
    more = {"fractional_type": "PROBABILITY", "max_fractional_value": 200} if kind == "FRACTIONAL" else {}
    hd.seg.Segmentation(
        source_images=sources,
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=hd.UID(),
        series_number=9,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
        **more,
    ).save_as(path)
    return path


def test_a_dicom_segmentation_is_named_by_its_codes_and_soft_segments_are_cut_at_one_half(sources, tmp_path):
    soft = np.zeros((len(sources), sources[0].Rows, sources[0].Columns, 2), np.float32)
    soft[4:9, 10:20, 10:20, 0] = 0.3
    soft[4:9, 12:18, 12:18, 0] = 0.7
    soft[6:12, 30:40, 30:40, 1] = 1.0
    path = dicom_seg(tmp_path / "a.dcm", sources, soft, [("Segment_1", "left"), ("Femur", "right")], "FRACTIONAL")
    found = read_segmentation(path)
    assert [ref.name for ref in found.segments] == ["femur_left", "Femur right"]
    sizes = [int((found.layers[ref.layer] == ref.value).sum()) for ref in found.segments]
    assert sizes == [5 * 6 * 6, 6 * 10 * 10]
    assert found.notes == ["the segment femur_left holds probabilities and was taken from one half on"]


def test_a_listed_segment_without_frames_has_no_voxel(sources, tmp_path):
    masks = np.zeros((len(sources), sources[0].Rows, sources[0].Columns, 2), np.uint8)
    masks[4:9, 10:20, 10:20, 0] = 1
    found = read_segmentation(
        dicom_seg(tmp_path / "a.dcm", sources, masks, [("femur_left", "left"), ("femur_right", "right")])
    )
    assert found.mask([found.segments[0]]) is not None
    assert found.mask([found.segments[1]]) is None


def test_contours_of_radiotherapy_say_what_converts_them(sources, tmp_path):
    contours = pydicom.dcmread(pydicom.filebase.DicomBytesIO(_bytes(sources[0])))
    contours.SOPClassUID = contours.file_meta.MediaStorageSOPClassUID = pydicom.uid.RTStructureSetStorage
    contours.Modality = "RTSTRUCT"
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(contours, keyword)
    contours.save_as(tmp_path / "rs.dcm", enforce_file_format=True)
    with pytest.raises(IFIMeasureError, match=r"RTSTRUCT.*3D Slicer.*plastimatch"):
        read_segmentation(tmp_path / "rs.dcm")


def _bytes(dataset: pydicom.Dataset) -> bytes:
    stream = pydicom.filebase.DicomBytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
