"""DICOM folders: what a series is, which one shows the hips, and series that are no volume."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom
import pytest
from cases import SHARED
from IFIMeasureLib.core.dicom_series import anatomy, choose_series, read_series, scan_folder
from IFIMeasureLib.core.imaging import read_segmentation
from IFIMeasureLib.core.phantom import Phantom
from IFIMeasureLib.core.sample import sample_grid, write_sample_study
from IFIMeasureLib.core.values import IFIMeasureError

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


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda files: files[9].unlink(), r"slices are missing: after LPS .* the next slice lies 16.00 mm on where others are 8.00"),
        (lambda files: edit(files[9], ImagePositionPatient=[-170, -90, float(pydicom.dcmread(files[9]).ImagePositionPatient[2]) + 2.0]), "unevenly spaced"),
        (lambda files: edit(files[4], ImageOrientationPatient=[0, 1, 0, 0, 0, -1]), "mixed orientations"),
        (lambda files: edit(files[4], Rows=10), "different numbers of rows"),
        (lambda files: shutil.copy(files[4], files[4].with_name("again.dcm")), "share a position"),
        (lambda files: [f.unlink() for f in files[1:]], "single slice"),
    ],
)
def test_a_damaged_series_names_what_is_wrong_and_where(sample, tmp_path, damage, message):
    damage(only(sample, tmp_path / "d", "t1_tse_ax"))
    series = scan_folder(tmp_path / "d")
    with pytest.raises(IFIMeasureError, match=message):
        read_series(series[0])
    assert choose_series(series).series is None


def test_two_series_that_are_alike_are_not_chosen_between(sample, tmp_path):
    only(sample, tmp_path / "d", "t2_tse_fs_ax")
    for path in only(sample, tmp_path / "e", "t2_tse_fs_ax"):
        edit(path, SeriesInstanceUID="2.25.77", SeriesNumber=9)
        shutil.move(path, tmp_path / "d" / f"x{path.name}")
    choice = choose_series(scan_folder(tmp_path / "d"))
    assert choice.series is None and "name one with --series" in choice.reason
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
