"""DICOM files as archives and scanners hand them out: whole or refused, and read by one reader whatever their names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from IFIMeasureLib.files.dicom_series import read_series, scan_folder
from IFIMeasureLib.files.given import given_volume
from IFIMeasureLib.files.series_choice import choose_series
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study
from IFIMeasureLib.values import IFIMeasureError
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

TRIES = 40
GRID = sample_grid((4.0, 4.0, 8.0))


@pytest.fixture(scope="module")
def t1(tmp_path_factory) -> list[pydicom.Dataset]:
    """The slices of the sample's T1, from the feet up."""
    folder = write_sample_study(tmp_path_factory.mktemp("sample"), Phantom(), GRID)[0]
    return [pydicom.dcmread(path) for path in sorted(folder.glob("t1_*.dcm"))]


@pytest.fixture(scope="module")
def truth(t1, tmp_path_factory) -> np.ndarray:
    return read(written(t1, tmp_path_factory.mktemp("truth") / "t1"))


def copied(datasets: list[pydicom.Dataset], **values) -> list[pydicom.Dataset]:
    found = []
    for dataset in datasets:
        one = pydicom.dcmread(pydicom.filebase.DicomBytesIO(as_bytes(dataset)))
        for key, value in values.items():
            setattr(one, key, value)
        found.append(one)
    return found


def as_bytes(dataset: pydicom.Dataset) -> bytes:
    stream = pydicom.filebase.DicomBytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def written(datasets: list[pydicom.Dataset], folder: Path, ending: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for number, dataset in enumerate(datasets):
        dataset.save_as(folder / f"IM{number:04d}{ending}", enforce_file_format=True)
    return folder


def read(path: Path, **options) -> np.ndarray:
    return given_volume(str(path), "image", **options)[0].array.astype(float)


def enhanced(datasets: list[pydicom.Dataset], stacks: list[str], kinds: list[str]) -> pydicom.Dataset:
    """One multi-frame file of slices, each with the name of its stack and the kind of image it is."""
    made = copied(datasets[:1])[0]
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedMRImageStorage
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = "2.25.4711"
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "EchoTime"):
        delattr(made, keyword)
    shared, measures, plane = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = datasets[0].PixelSpacing, 8
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    made.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for dataset, stack, kind in zip(datasets, stacks, kinds):
        frame, place, content, kinds_of = (pydicom.Dataset() for _ in range(4))
        place.ImagePositionPatient = dataset.ImagePositionPatient
        content.StackID = stack
        kinds_of.FrameType = ["DERIVED", "PRIMARY", "DIXON", kind]
        frame.PlanePositionSequence, frame.FrameContentSequence = [place], [content]
        frame.MRImageFrameTypeSequence = [kinds_of]
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence = frames
    made.NumberOfFrames = len(frames)
    made.PixelData = b"".join(dataset.PixelData for dataset in datasets)
    return made


def in_form(form: str, t1: list[pydicom.Dataset], folder: Path) -> tuple[Path, Path]:
    """The T1 in one form, and the file of it that will be damaged: its last slice, which leaves no gap."""
    if form == "enhanced":
        written([enhanced(t1, ["1"] * len(t1), ["WATER"] * len(t1))], folder)
    else:
        slices = copied(t1)
        for one in slices:
            if form == "deflated":
                one.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
            if form == "encapsulated":
                one.compress(RLELossless)
        written(slices, folder)
    return folder, sorted(folder.iterdir())[-1]


@pytest.mark.parametrize("form", ["native", "enhanced", "deflated", "encapsulated"])
def test_a_dicom_file_that_is_cut_off_is_refused(t1, truth, tmp_path, form):
    folder, last = in_form(form, t1, tmp_path / "d")
    np.testing.assert_array_equal(read(folder), truth)
    content = last.read_bytes()
    for at in np.random.default_rng(5).integers(200, len(content), TRIES):
        last.write_bytes(content[: int(at)])
        with pytest.raises(IFIMeasureError, match="incomplete or damaged"):
            read(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Rows": 4000}, "its header claims .* bytes of pixels, and"),
        ({"BitsAllocated": 8}, "its header claims"),
        ({"NumberOfFrames": 10_000_000}, "its header claims"),
        ({"NumberOfFrames": 4}, "its header claims"),
    ],
)
def test_a_dicom_header_that_contradicts_its_pixels_is_refused_at_once(t1, tmp_path, values, message):
    made = enhanced(t1, ["1"] * len(t1), ["WATER"] * len(t1))
    for key, value in values.items():
        setattr(made, key, value)
    with pytest.raises(IFIMeasureError, match=message):
        read(written([made], tmp_path / "d"))


def test_a_damaged_file_whose_series_cannot_be_told_is_named(t1, tmp_path):
    folder = written(t1, tmp_path / "d", ".dcm")
    (folder / "IM9999.dcm").write_bytes(as_bytes(t1[0])[:200])
    with pytest.raises(IFIMeasureError, match=r"IM9999\.dcm is incomplete or damaged .*of which series it is"):
        read(folder)
    (folder / "IM9999.dcm").write_bytes(b"")
    with pytest.raises(IFIMeasureError, match=r"IM9999\.dcm is no DICOM file, or its beginning is lost"):
        read(folder)


def test_objects_without_pixels_beside_a_series_do_no_harm(t1, truth, tmp_path):
    folder = written(t1, tmp_path / "d")
    for number, kind in enumerate(("MRSpectroscopyStorage", "BasicTextSRStorage", "SurfaceSegmentationStorage")):
        one = copied(t1[:1], SOPClassUID=getattr(pydicom.uid, kind), SOPInstanceUID=f"2.25.9{number}")[0]
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
        del one.PixelData
        if number:
            del one.Rows, one.Columns
        else:
            one.SeriesInstanceUID = "2.25.99"
        one.save_as(folder / f"other_{number}", enforce_file_format=True)
    np.testing.assert_array_equal(read(folder), truth)


def test_dicom_is_known_by_its_content_and_keeps_what_is_known_of_the_person(t1, truth, tmp_path):
    made = written([enhanced(t1[::-1], ["1"] * len(t1), ["WATER"] * len(t1))], tmp_path / "d") / "IM0000"
    volume, said = given_volume(str(made), "fat_image")
    np.testing.assert_array_equal(volume.array, truth)
    assert (volume.tags["PatientSex"], volume.tags["PatientAge"]) == ("F", "054Y")
    assert "was taken" in said
    assert not volume.grid.difference(GRID)


def test_files_without_preamble_are_read(t1, truth, tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    for number, dataset in enumerate(t1):
        content = as_bytes(dataset)
        start = 144 + int.from_bytes(content[140:144], "little")
        (folder / f"IM{number}").write_bytes(content[start:])
    np.testing.assert_array_equal(read(folder), truth)


def test_the_same_instance_twice_counts_once_and_another_one_at_its_place_does_not(t1, truth, tmp_path):
    folder = written(t1, tmp_path / "d")
    shutil.copytree(folder, folder / "again")
    np.testing.assert_array_equal(read(folder), truth)
    assert f"{len(t1)} files are copies of others and were left out" in given_volume(str(folder), "image")[1]
    (folder / "again" / "IM0003").write_bytes(b"\0" * 1000)
    last = folder / f"IM{len(t1) - 1:04d}"
    last.write_bytes(last.read_bytes()[:-50])  # its copy is whole
    np.testing.assert_array_equal(read(folder), truth)


def test_dixon_images_of_one_series_are_told_apart_and_chosen_by_number(t1, tmp_path):
    kinds = {"WATER": 2.3, "FAT": 2.3, "IN_PHASE": 2.3, "OUT_PHASE": 1.15}
    for number, (kind, echo) in enumerate(kinds.items()):
        slices = copied(t1, ImageType=["DERIVED", "PRIMARY", "DIXON", kind], EchoTime=echo, SeriesNumber=7)
        for k, one in enumerate(slices):
            one.PixelData = (one.pixel_array + 100 * number).astype(np.uint16).tobytes()
            one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}{k:04d}"
        written(slices, tmp_path / "d", f"_{number}")
    found = scan_folder(tmp_path / "d")
    assert [s.number for s in found] == ["7.1", "7.2", "7.3", "7.4"]
    assert [s.description.split(" ", 1)[1] for s in found] == [
        "WATER 2.3 ms",
        "FAT 2.3 ms",
        "IN_PHASE 2.3 ms",
        "OUT_PHASE 1.15 ms",
    ]
    with pytest.raises(IFIMeasureError, match=r"are alike; name one \(fat_series\)"):
        read(tmp_path / "d", argument="fat_series")
    difference = read(tmp_path / "d", series="7.2") - read(tmp_path / "d", series="7.1")
    np.testing.assert_array_equal(difference, np.full_like(difference, 100.0))


def test_one_volume_in_interleaved_stacks_is_one_volume_and_two_kinds_are_two(t1, truth, tmp_path):
    order = [*range(0, len(t1), 3), *range(1, len(t1), 3), *range(2, len(t1), 3)]
    made = enhanced([t1[n] for n in order], [str(n % 3) for n in order], ["WATER"] * len(t1))
    np.testing.assert_array_equal(read(written([made], tmp_path / "one")), truth)
    both = enhanced([*t1, *t1], ["1"] * 2 * len(t1), ["WATER"] * len(t1) + ["FAT"] * len(t1))
    found = scan_folder(written([both], tmp_path / "two"))
    assert [s.description.split()[-1] for s in found] == ["WATER", "FAT"]
    assert all(not s.problem for s in found)


def test_one_odd_slice_is_left_out_and_said(t1, truth, tmp_path):
    folder = written(t1, tmp_path / "d")
    odd = copied(t1[:1], Rows=8, Columns=8, SOPInstanceUID="2.25.8", PixelData=bytes(128))[0]
    odd.save_as(folder / "screen")
    np.testing.assert_array_equal(read(folder), truth)
    assert "screen of the series has another size" in given_volume(str(folder), "image")[1]


def test_places_rounded_to_a_tenth_of_a_millimeter_are_evenly_spaced_and_a_missing_slice_is_not(t1, tmp_path):
    slices = copied(t1)
    for k, one in enumerate(slices):
        one.ImagePositionPatient = [-176, -96, round(-136 + 2.75 * k, 1)]
    folder = written(slices, tmp_path / "d")
    (series,) = scan_folder(folder)
    assert series.step_mm == pytest.approx(2.75, abs=0.006)
    assert read_series(series).grid.spacing[2] == pytest.approx(2.75, abs=0.006)
    (folder / "IM0005").unlink()
    with pytest.raises(IFIMeasureError, match="slices are missing"):
        read(folder)


@pytest.mark.parametrize(
    ("keyword", "vr", "text", "message"),
    [
        ("PixelSpacing", "DS", b"0,8\\0,8 ", r"PixelSpacing is '0,8\\0,8', which is not 2 finite numbers"),
        ("PixelSpacing", "DS", b"0.8 ", "PixelSpacing is '0.8', which is not 2 finite numbers"),
        ("ImagePositionPatient", "DS", b"-1.#IND\\0\\0", r"ImagePositionPatient is '-1\.#IND\\0\\0'"),
        ("SeriesInstanceUID", "UI", b"", "SeriesInstanceUID is missing"),
    ],
)
def test_text_for_a_number_and_missing_uids_are_named_and_leave_another_series_alone(
    t1, truth, tmp_path, keyword, vr, text, message
):
    bad = copied(t1, SeriesInstanceUID="2.25.5", SeriesNumber=5)
    for k, one in enumerate(bad):
        one.SOPInstanceUID = f"2.25.5{k:03d}"
        tag = pydicom.tag.Tag(keyword)
        one._dict[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(text), text, 0, False, True)
    written(bad, tmp_path / "bad")
    with pytest.raises(IFIMeasureError, match=message):
        read(tmp_path / "bad")
    written(bad, written(t1, tmp_path / "both"), "_bad")
    np.testing.assert_array_equal(read(tmp_path / "both"), truth)


def test_slices_of_scales_of_their_own_are_comparable(t1, truth, tmp_path):
    slices = copied(t1, SOPClassUID=pydicom.uid.CTImageStorage, Modality="CT")
    for k, one in enumerate(slices):
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
        one.PixelData = np.round(one.pixel_array / (0.5 if k % 2 else 1.0)).astype(np.uint16).tobytes()
        one.RescaleSlope, one.RescaleIntercept = ("0.5" if k % 2 else "1"), "0"
    np.testing.assert_allclose(read(written(slices, tmp_path / "d")), truth, atol=0.5)


def test_a_damaged_series_is_named_and_no_other_is_taken_unasked(t1, tmp_path):
    folder = written(t1, tmp_path / "d")
    other = copied(t1, SeriesInstanceUID="2.25.5", SeriesNumber=5)
    for k, one in enumerate(other):
        one.SOPInstanceUID = f"2.25.5{k:03d}"
    written(other, folder, "_other")
    (folder / "IM0000").write_bytes((folder / "IM0000").read_bytes()[:-10])
    choice = choose_series(scan_folder(folder))
    assert choice.series is None
    assert "series 2 (t1_tse_ax): IM0000 is incomplete or damaged" in choice.reason
    assert choose_series(scan_folder(folder), number="5").series is not None


def test_a_damaged_series_that_would_not_be_taken_leaves_the_one_that_is_alone(t1, truth, tmp_path):
    folder = written(t1, tmp_path / "d")
    other = copied(t1, SeriesInstanceUID="2.25.5", SeriesNumber=5, SeriesDescription="t2_tse_fs_ax")
    for k, one in enumerate(other):
        one.SOPInstanceUID = f"2.25.5{k:03d}"
    written(other, folder, "_other")
    (folder / "IM0007_other").write_bytes((folder / "IM0007_other").read_bytes()[:-10])
    np.testing.assert_array_equal(read(folder, match=GRID), truth)
    said = given_volume(str(folder), "image", GRID)[1]
    assert "series 5 (t2_tse_fs_ax): IM0007_other is incomplete or damaged" in said
