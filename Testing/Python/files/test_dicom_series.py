"""DICOM folders: what a series is, which one shows the hips, and series that are no volume."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from cases import SHARED
from IFIMeasureLib.export.reopen import measured_series
from IFIMeasureLib.files.dicom_series import read_series, scan_folder
from IFIMeasureLib.files.segmentations import read_segmentation
from IFIMeasureLib.files.series_choice import anatomy, choose_series
from IFIMeasureLib.study.provenance import Provenance, Series
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study
from IFIMeasureLib.values import IFIMeasureError

needs_mr = pytest.mark.skipif(not (SHARED / "hip_mr").exists(), reason="the real MR study is not here")


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    return write_sample_study(folder, Phantom(), sample_grid((2.5, 2.5, 8.0)))[0]


def only(folder: Path, target: Path, name: str) -> list[Path]:
    target.mkdir()
    for path in folder.glob(f"{name}_*.dcm"):
        shutil.copy(path, target)
    return sorted(target.glob("*.dcm"))


def test_the_t1_series_of_the_sample_is_chosen_and_lies_where_it_was_made(sample):
    choice = choose_series(scan_folder(sample))
    assert choice.series is not None and choice.series.description == "t1_tse_ax"
    volume = read_series(choice.series)
    assert not volume.grid.difference(sample_grid((2.5, 2.5, 8.0)))
    truth = Phantom().image(sample_grid((2.5, 2.5, 8.0)), "t1")
    assert abs(volume.array.astype(float) - truth).mean() < 1.0


def edit(path: Path, **values) -> None:
    dataset = pydicom.dcmread(path)
    for key, value in values.items():
        setattr(dataset, key, value)
    dataset.save_as(path)


def again(path: Path) -> None:
    """Another instance at the same place."""
    edit(shutil.copy(path, path.with_name("again.dcm")), SOPInstanceUID="2.25.99")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda files: files[9].unlink(),
            r"slices are missing: after LPS .* the next slice lies 16.00 mm on where others are 8.00",
        ),
        (
            lambda files: edit(
                files[9],
                ImagePositionPatient=[-170, -90, float(pydicom.dcmread(files[9]).ImagePositionPatient[2]) + 2.0],
            ),
            "unevenly spaced",
        ),
        (
            lambda files: [edit(f, ImageOrientationPatient=[0, 1, 0, 0, 0, -1]) for f in files[::2]],
            "mixed orientations",
        ),
        (lambda files: edit(files[4], Rows=10), "incomplete or damaged .its header claims 2,820 bytes of pixels"),
        (lambda files: again(files[4]), "share a position"),
        (lambda files: [f.unlink() for f in files[1:]], "single slice"),
    ],
)
def test_a_damaged_series_names_what_is_wrong_and_where(sample, tmp_path, damage, message):
    damage(only(sample, tmp_path / "d", "t1_tse_ax"))
    series = scan_folder(tmp_path / "d")
    with pytest.raises(IFIMeasureError, match=message):
        read_series(series[0])
    assert choose_series(series).series is None


def enhanced(files: list[Path], path: Path) -> pydicom.Dataset:
    """The same series as one enhanced multi-frame file, as newer scanners write it.

    Its frames are in no order, and each has a scale of its own.
    """
    legacy = pytest.importorskip("highdicom.legacy", reason="the package highdicom is not installed")
    sources = [pydicom.dcmread(file) for file in files]
    uids = [pydicom.uid.generate_uid() for _ in range(2)]
    made = legacy.LegacyConvertedEnhancedMRImage(
        sources, series_instance_uid=uids[0], series_number=12, sop_instance_uid=uids[1], instance_number=1
    )
    order = np.random.default_rng(0).permutation(len(files))
    pixels = made.pixel_array[order].astype(float)
    del made.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    made.PerFrameFunctionalGroupsSequence = [made.PerFrameFunctionalGroupsSequence[int(n)] for n in order]
    for number, frame in enumerate(made.PerFrameFunctionalGroupsSequence):
        scale = pydicom.Dataset()
        scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = (
            ("0.5", "-10", "US") if number % 2 else ("0.25", "-3", "US")
        )
        frame.PixelValueTransformationSequence = [scale]
        pixels[number] = (pixels[number] - float(scale.RescaleIntercept)) / float(scale.RescaleSlope)
    made.PixelData = np.round(pixels).astype(np.uint16).tobytes()
    made.save_as(path)
    return made


def test_an_enhanced_multi_frame_file_is_the_same_volume_as_single_slices(sample, tmp_path):
    files = only(sample, tmp_path / "single", "t1")
    single = read_series(scan_folder(tmp_path / "single")[0])
    (tmp_path / "multi").mkdir()
    enhanced(files, tmp_path / "multi" / "all.dcm")
    (series,) = scan_folder(tmp_path / "multi")
    assert (
        len(series.slices) == len(files)
        and series.files == [tmp_path / "multi" / "all.dcm"]
        and series.plane == "axial"
    )
    assert anatomy(series) == anatomy(scan_folder(tmp_path / "single")[0])
    volume = read_series(series)
    assert not volume.grid.difference(single.grid)
    np.testing.assert_allclose(volume.array, single.array, atol=1e-6)


def test_stacks_of_one_multi_frame_file_are_chosen_one_by_one(sample, tmp_path):
    files = only(sample, tmp_path / "single", "t1")
    folder = tmp_path / "multi"
    folder.mkdir()
    made = enhanced(files, folder / "water.dcm")
    made.SharedFunctionalGroupsSequence[0].MRImageFrameTypeSequence[0].FrameType = [
        "DERIVED",
        "PRIMARY",
        "DIXON",
        "WATER",
    ]
    made.save_as(folder / "water.dcm")
    made.SharedFunctionalGroupsSequence[0].MRImageFrameTypeSequence[0].FrameType = [
        "DERIVED",
        "PRIMARY",
        "DIXON",
        "FAT",
    ]
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    made.PixelData = bytes(len(made.PixelData))
    made.save_as(folder / "fat.dcm")  # the same series, another kind of image
    found = scan_folder(folder)
    assert [(s.number, s.description.split()[-1], len(s.slices)) for s in found] == [
        ("12.1", "FAT", len(files)),
        ("12.2", "WATER", len(files)),
    ]
    assert choose_series(found).series is None  # alike: a person must say
    chosen = choose_series(found, number="12.2").series
    assert chosen is not None and read_series(chosen).array.max() > 100
    assert read_series(found[0]).array.max() <= 0.0
    study = Provenance(series=Series(found[0].tags["SeriesInstanceUID"]), options={"series": "12.2"})
    assert measured_series(folder, study).array.max() > 100  # never another stack than the one that was measured
    with pytest.raises(IFIMeasureError, match="holds several stacks"):
        measured_series(folder, replace(study, options={}))


def test_two_series_that_are_alike_are_not_chosen_between(sample, tmp_path):
    only(sample, tmp_path / "d", "t2_tse_fs_ax")
    for path in only(sample, tmp_path / "e", "t2_tse_fs_ax"):
        edit(path, SeriesInstanceUID="2.25.77", SeriesNumber=9)
        shutil.move(path, tmp_path / "d" / f"x{path.name}")
    choice = choose_series(scan_folder(tmp_path / "d"))
    assert choice.series is None and "name one (series)" in choice.reason
    assert choose_series(scan_folder(tmp_path / "d"), number="9").series is not None


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("no image")
    with pytest.raises(IFIMeasureError, match="no DICOM image"):
        scan_folder(tmp_path)


@needs_mr
def test_of_six_real_series_the_pelvis_is_chosen_by_what_it_shows():
    series = scan_folder(SHARED / "hip_mr" / "dicom")
    assert [s.number for s in series] == ["2", "3", "5", "6", "7", "8"]
    assert choose_series(series).series.number == "6"
    for s in series:
        s.description = ""  # not by its name
    assert choose_series(series).series.number == "6"
    segmentation = read_segmentation(SHARED / "hip_mr" / "bone_contours.nii.gz")
    assert choose_series(series, segmentation.grid).series.number == "6"
    assert {s.number: anatomy(s) for s in series}["7"] == "legs"
