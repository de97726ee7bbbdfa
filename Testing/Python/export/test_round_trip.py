"""A study with everything, kept by each carrier, opened, measured again and kept again: the documents are equal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import IFIMeasureLib as ifi
import numpy as np
import pydicom
import pytest
from IFIMeasureLib.anatomy.landmarks import Landmark, PlacedBy, empty_landmarks
from IFIMeasureLib.export.reopen import kept_study
from IFIMeasureLib.files.dicom_study import PRIVATE_CREATOR, PRIVATE_GROUP, study_of
from IFIMeasureLib.files.markups import markups_document
from IFIMeasureLib.files.results import read_study
from IFIMeasureLib.files.segmentations import read_segmentation
from IFIMeasureLib.measuring.definition import Kind
from IFIMeasureLib.measuring.registry import measurement
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_label_map, write_sample_study
from IFIMeasureLib.values import IFIMeasureError, Measured, Side

VERSION_0_1_0 = Path(__file__).parents[1] / "fixtures" / "version_0_1_0"

NOT_FOUND = "the tip is cut off."


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> tuple[Path, Path]:
    """DICOM folder, and a segmentation of bones and tendons in which no one has drawn the muscle."""
    folder = tmp_path_factory.mktemp("sample")
    phantom, grid = Phantom(seed=3), sample_grid((1.3, 1.3, 3.7))
    dicom, path = write_sample_study(folder, phantom, grid)
    labels, names = phantom.label_map(grid), phantom.label_names()
    drawn = {value: name for value, name in names.items() if "quadratus" not in name}
    write_label_map(path, np.where(np.isin(labels, list(drawn)), labels, 0), grid, drawn)
    return dicom, path


@pytest.fixture(scope="module")
def study(sample, tmp_path_factory) -> ifi.Study:
    """T1, muscle found in it, a person's landmark and "missing", findings, date, subject, options, notes."""
    points = empty_landmarks()
    points["greater_trochanter_tip"] = Landmark.manual((140.1, -5.2, -10.3))
    points["ischial_tuberosity_lowest"] = Landmark.missing(NOT_FOUND, PlacedBy.PERSON)
    file = tmp_path_factory.mktemp("points") / "by_hand.mrk.json"
    file.write_text(json.dumps(markups_document({Side.RIGHT: points}, "by hand")))
    return ifi.segment_muscle(
        *sample,
        contrast="t1",
        series=2,
        landmarks=file,
        findings={"left": {"reader_tear": "partial"}},
        date="2025-02-03",
        age_years=51.5,
        height_m=1.66,
        weight_kg=61.7,
    )


def document(folder: Path) -> dict:
    """What is kept, but for times and the checksums of the files that hold it."""
    kept = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    return {key: of for key, of in kept.items() if key not in ("created", "outputs", "checksum")}


CARRIERS = {
    "folder": (("segmentation", "landmarks", "scene"), None, False),
    "document and segmentation with the image": (("segmentation",), "study.json", True),
    "scene": (("scene",), "scene.mrb", False),
    "scene with the image": (("scene",), "scene.mrb", True),
    "DICOM Segmentation": (("dicom",), "segmentation.dcm", True),
}
"""By name: formats that are written; the file that is opened alone, None for the folder; whether the image is given."""


@pytest.mark.parametrize("carrier", CARRIERS)
def test_measured_kept_opened_and_kept_again_a_study_has_an_equal_document(study, sample, tmp_path, carrier):
    formats, alone, with_image = CARRIERS[carrier]
    study.save(tmp_path / "first", formats)
    source = tmp_path / "first"
    if alone is not None:  # nothing but what the carrier needs
        source = tmp_path / "alone"
        source.mkdir()
        for name in (alone, *(("segmentation.seg.nrrd",) if alone == "study.json" else ())):
            shutil.copy(tmp_path / "first" / name, source / name)
    opened = ifi.open_study(source if alone is None else source / alone, sample[0] if with_image else None)
    opened.save(tmp_path / "second", "tables")
    first, second = document(tmp_path / "first"), document(tmp_path / "second")
    assert list(first) == list(second)
    for key, of in first.items():
        assert second[key] == of, key


def test_the_study_that_goes_around_has_everything(study, tmp_path):
    study.save(tmp_path / "study", "tables")
    kept = document(tmp_path / "study")
    landmarks = {(of["landmark"], of["side"]): of for of in kept["landmarks"]}
    assert landmarks["greater_trochanter_tip", "right"]["placed_by"] == "person"
    assert landmarks["greater_trochanter_tip", "right"]["position_lps_mm"] == [-140.1, 5.2, -10.3]
    assert landmarks["ischial_tuberosity_lowest", "right"]["placed_by"] == "person"
    assert landmarks["ischial_tuberosity_lowest", "right"]["reason"] == NOT_FOUND
    assert kept["muscle_origins"] == {"right": "image", "left": "image"}
    assert kept["structures"]["quadratus_femoris_left"] == []
    assert (kept["contrast"], kept["date"]) == ("t1", "2025-02-03")
    assert kept["subject"] == {"sex": "F", "age_years": 51.5, "height_m": 1.66, "weight_kg": 61.7}
    assert kept["findings"] == {"left": {"reader_tear": "partial"}}
    assert kept["options"]["series"] == "2" and kept["options"]["landmarks"] == ["by_hand.mrk.json"]
    assert kept["series"]["description"] == "t1_tse_ax"
    assert kept["inputs"][0]["sha256"] and kept["inputs"][1]["files"] > 40
    assert any("was taken" in note for note in kept["notes"])
    measured = {of["measurement"] for of in kept["measurements"] if of["value"] is not None}
    assert {"ifs_axial", "qfs_axial", "qf_volume_partial", "qf_fat_fraction", "qf_thickness", "qf_length"} <= measured
    assert kept["muscle_sections"] and kept["fat_histogram"]


def test_a_study_exported_after_it_was_opened_says_where_it_came_from(study, sample, tmp_path):
    study.save(tmp_path / "first", ("segmentation", "landmarks", "scene"))
    ifi.open_study(tmp_path / "first", sample[0]).save(tmp_path / "second", ("dicom", "report"))
    stored = pydicom.dcmread(tmp_path / "second" / "segmentation.dcm", stop_before_pixels=True)
    kinds = {str(of.SegmentLabel): of.SegmentAlgorithmType for of in stored.SegmentSequence}
    assert kinds["quadratus_femoris_left"] == "AUTOMATIC" and kinds["femur_left"] == "SEMIAUTOMATIC"
    page = (tmp_path / "second" / "report.html").read_text(encoding="utf-8")
    assert "series 2: t1_tse_ax" in page and "the image and the attachment corners (right)" in page
    assert f"SHA-256 {study.provenance.inputs[0].sha256[:16]}" in page


@pytest.fixture(scope="module")
def stored(study, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    study.save(folder / "all", ("dicom", "segmentation"))
    return folder / "all" / "segmentation.dcm"


def test_a_dicom_segmentation_names_no_one_again_and_gives_its_study_and_grid_back(study, stored):
    dataset = pydicom.dcmread(stored)
    content = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)[0x01].value
    assert b"Phantom^" not in content and b"PHANTOM3" not in content and len(content) % 2 == 0
    kept = study_of(dataset, stored)
    assert kept.landmarks == study.landmarks
    own, first = read_segmentation(stored), read_segmentation(stored.with_name("segmentation.seg.nrrd"))
    assert own.grid.shape == first.grid.shape and np.array_equal(own.grid.affine, first.grid.affine)
    for name in ("femur_left", "quadratus_femoris_right"):
        a, b = (of.mask([ref for ref in of.segments if ref.name == name]) for of in (own, first))
        assert np.array_equal(a.array, b.array) and a.cut == b.cut, name


def test_what_another_program_did_to_a_dicom_segmentation_is_survived_or_told(stored, sample, tmp_path):
    dataset = pydicom.dcmread(stored)
    functional = dataset.PerFrameFunctionalGroupsSequence
    for frame in functional:  # moved by half a slice
        place = frame.PlanePositionSequence[0]
        x, y, z = (float(v) for v in place.ImagePositionPatient)
        place.ImagePositionPatient = [x, y, z + 1.85]
    dataset.save_as(tmp_path / "moved.dcm")
    shift = read_segmentation(tmp_path / "moved.dcm").grid.affine - read_segmentation(stored).grid.affine
    assert shift[:3, 3] == pytest.approx([0.0, 0.0, 1.85])  # where it lies now, not where the study says

    block = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)
    for content, told in (
        (b'{"format": "IFIMeasure study 9", "versions": {"ifimeasure": "3.0.0"}} ', r"format 9, version 3\.0\.0"),
        (b"no json ", "or it is damaged"),
    ):
        block[0x01].value = content
        dataset.save_as(tmp_path / "changed.dcm")
        with pytest.raises(IFIMeasureError, match=told):
            ifi.open_study(tmp_path / "changed.dcm", sample[0])
        assert (
            len(read_segmentation(tmp_path / "changed.dcm").segments) == 10
        )  # its segments can be measured all the same
    del dataset[PRIVATE_GROUP, 0x0010], dataset[PRIVATE_GROUP, 0x1001]
    dataset.save_as(tmp_path / "stripped.dcm")
    for path in (tmp_path / "stripped.dcm", next(sample[0].glob("*.dcm")), sample[1]):
        with pytest.raises(IFIMeasureError, match="it carries no study of IFIMeasure"):
            ifi.open_study(path)
    with pytest.raises(IFIMeasureError, match="there is no such file or folder"):
        ifi.open_study(tmp_path / "nowhere")


def test_without_its_image_a_study_opens_and_says_what_it_lacks_until_the_image_is_given(study, sample, tmp_path):
    study.save(tmp_path / "first", ("segmentation",))
    opened = ifi.open_study(tmp_path / "first")
    lacking = "the image (dicom) is not kept with the results, so what it tells is not measured"
    assert lacking in opened.notes
    assert not isinstance(opened.value("qf_fat_fraction", "left"), Measured)
    # on the segmentation's grid, which is the image's but for rounding
    assert opened.value("qf_volume", "left").value == pytest.approx(study.value("qf_volume", "left").value, rel=1e-12)
    opened.save(tmp_path / "second", ("segmentation",))
    again = ifi.open_study(tmp_path / "second", sample[0])
    assert lacking not in again.notes and again.value("qf_fat_fraction", "left") == study.value(
        "qf_fat_fraction", "left"
    )


def test_what_a_folder_says_is_read_without_measuring_again(study, stored, tmp_path):
    study.save(tmp_path / "scene", ("scene",))
    (tmp_path / "scene" / "study.json").unlink()
    wanted = study.value("ifs_axial", "left")
    for path in (
        stored.parent,
        stored,
        stored.with_name("study.json"),
        tmp_path / "scene",
        tmp_path / "scene" / "scene.mrb",
    ):
        rows = {(row.id, row.side): row.result for row in kept_study(path).measurements}
        assert rows["ifs_axial", Side.LEFT] == wanted, path


def test_a_folder_without_a_segmentation_is_told_so(study, tmp_path):
    study.save(tmp_path / "study", ("tables",))
    with pytest.raises(IFIMeasureError, match=r"segmentation\.seg\.nrrd: it is missing"):
        ifi.open_study(tmp_path / "study")
    with pytest.raises(IFIMeasureError, match="this is no study that IFIMeasure wrote"):
        ifi.open_study(tmp_path)


def test_a_folder_of_version_0_1_0_opens_and_gives_the_values_that_it_wrote(tmp_path):
    written = read_study(VERSION_0_1_0 / "study.json")
    opened = ifi.open_study(VERSION_0_1_0)
    for row in written.measurements:
        now = opened.value(row.id, row.side)
        if isinstance(row.result, Measured):
            # the right greater trochanter was moved by hand, and 0.1.0 left the muscle's corners where they were
            moved = row.side is not Side.LEFT and measurement(row.id).kind is Kind.MUSCLE
            wanted = pytest.approx(row.result.value, rel=0.15 if moved else 0.0, abs=1e-9)
            assert now.value == wanted, (row.id, row.side)
            assert now.slice_number == row.result.slice_number and now.source == row.result.source.replace(
                "landmarks", ""
            )
        else:
            assert not isinstance(now, Measured), (row.id, row.side)
    right = opened.landmarks[Side.RIGHT]
    assert right["greater_trochanter_tip"] == Landmark.manual((140.0, -5.0, -10.0))
    assert right["ischial_tuberosity_lowest"].by_person
    assert right["ischial_tuberosity_lowest"].reason == "marked as not identifiable by a person."
    assert not right["femoral_head_center"].by_person
    assert opened.provenance.muscle_origins == {Side.RIGHT: "image", Side.LEFT: "image"}
    assert (opened.date, opened.result.findings) == ("2024-03-01", {Side.RIGHT: {"reader_tear": "partial"}})
    opened.save(tmp_path / "again", ("segmentation", "landmarks", "scene"))
    kept = document(tmp_path / "again")
    assert kept["format"] == "IFIMeasure study 2"
    assert [of["sha256"] for of in kept["inputs"]] == [of["sha256"] for of in written.provenance["inputs"]]
    assert document(tmp_path / "again")["measurements"] == _saved_again(tmp_path)["measurements"]


def _saved_again(folder: Path) -> dict:
    ifi.open_study(folder / "again").save(folder / "twice", "tables")
    return document(folder / "twice")
