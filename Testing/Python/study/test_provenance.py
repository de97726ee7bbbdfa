"""Where results come from: kept whole by its document, without a folder's name in it, and typed when it is read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from IFIMeasureLib import __version__
from IFIMeasureLib.anatomy.structures import Structure
from IFIMeasureLib.images.masks import SegmentRef, Volume
from IFIMeasureLib.study.prepared import PreparedStudy
from IFIMeasureLib.study.provenance import InputFile, Provenance, Series, kept_options
from IFIMeasureLib.values import IFIMeasureError, Side


def full() -> Provenance:
    return Provenance(
        created="2026-11-25T15:19:57+00:00",
        versions={"ifimeasure": "0.2.0"},
        inputs=(InputFile("segmentation", "bones.seg.nrrd", "ab", 1), InputFile("image", "dicom", "cd", 44)),
        series=Series("1.2.3", "1.2", "4", "t1_tse_tra", "MR"),
        options={"contrast": "t1", "landmarks": ["by_hand.mrk.json"]},
        contrast="t1",
        muscle_origins={Side.RIGHT: "image", Side.LEFT: "drawn slices"},
        structures={"hip_right": ("hip", "sacrum"), "quadratus_femoris_right": ()},
    )


def test_its_document_gives_it_back_through_json():
    assert Provenance.from_document(json.loads(json.dumps(full().to_document())), "study.json") == full()
    assert Provenance.from_document(json.loads(json.dumps(Provenance().to_document())), "study.json") == Provenance()
    assert Provenance.from_document({}, "study.json") == Provenance()


@pytest.mark.parametrize(
    "damage",
    [
        {"inputs": ["bones"]},
        {"inputs": [{"files": float("inf")}]},
        {"created": 3},
        {"versions": ["0.1.0"]},
        {"muscle_origins": {"middle": "image"}},
        {"muscle_origins": {"left": "guessed"}},
        {"series": "1.2.3"},
        {"structures": {"hip_right": 3}},
        {"options": [1]},
    ],
)
def test_what_is_damaged_is_told_in_one_sentence_that_names_the_file(damage):
    with pytest.raises(IFIMeasureError, match=r"^a/study\.json: .* is damaged; measure the study again\.$"):
        Provenance.from_document({**full().to_document(), **damage}, "a/study.json")


def test_options_keep_names_of_files_and_no_folder_and_nothing_that_is_not_listed():
    kept = kept_options(
        {
            "image": Path("/data/Doe^Jane/t1"),
            "segmentation": r"C:\patients\Doe\bones.nii.gz",
            "landmarks": [Path("/data/Doe/by_hand.mrk.json")],
            "labels": "/home/Doe/labels.json",
            "strokes": None,
            "earlier": [],
            "series": "4",
            "side": Side.LEFT,
            "findings": {Side.RIGHT: {"reader_tear": "partial"}},
            "height": 1.65,
            "weight": float("nan"),
            "output": Path("/data/Doe/results"),
            "study": "Doe",
        }
    )
    assert kept == {
        "image": "t1",
        "segmentation": "bones.nii.gz",
        "landmarks": ["by_hand.mrk.json"],
        "labels": "labels.json",
        "series": "4",
        "side": "left",
        "findings": {"right": {"reader_tear": "partial"}},
        "height": 1.65,
    }
    assert "Doe" not in json.dumps(kept)
    assert kept_options({"labels": '{"1": "hip_right"}'}) == {"labels": '{"1": "hip_right"}'}
    assert kept_options({"labels": {"1": Structure("hip", Side.RIGHT)}}) == {"labels": {"1": "hip_right"}}
    assert kept_options({"image": object(), "segmentation": [1.0]}).get("image") is None


def test_a_measured_study_says_what_it_was_measured_from(study, label_map_file, tmp_path):
    first, second = tmp_path / "1.dcm", tmp_path / "2.dcm"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    tags = {"SeriesInstanceUID": "1.2.3", "SeriesNumber": "7", "ProtocolName": "hips"}
    volume = Volume(study.bones.layers[0], study.bones.grid, tmp_path, tags, (first, second), "t1")
    segmentation = replace(study.bones, path=label_map_file)
    structures = {Structure("hip", Side.LEFT): [SegmentRef("left hip", 0, 1)]}
    found = Provenance.of(segmentation, structures, volume, {"image": tmp_path})
    digests = b"".join(hashlib.sha256(content).digest() for content in (b"one", b"two"))
    assert found.inputs == (
        InputFile("segmentation", "segmentation.seg.nrrd", hashlib.sha256(label_map_file.read_bytes()).hexdigest(), 1),
        InputFile("image", tmp_path.name, hashlib.sha256(digests).hexdigest(), 2),
    )
    assert found.series == Series(uid="1.2.3", number="7", description="hips")
    assert (found.contrast, found.options) == ("t1", {"image": tmp_path.name})
    assert found.structures == {"hip_left": ("left hip",)}


def test_the_muscles_origin_and_the_first_inputs_name_stay_with_a_study_that_is_measured_again(study):
    known = Provenance(
        inputs=(InputFile("segmentation", "bones.nii.gz"),),
        contrast="t2fs",
        muscle_origins={Side.LEFT: "image"},
    )
    measured = PreparedStudy(study.bones, study.structures, sides=(Side.LEFT,), provenance=known).measure()
    assert measured.provenance.muscle_origins == {Side.LEFT: "image"}
    assert measured.provenance.contrast == "t2fs"
    assert measured.provenance.versions["ifimeasure"] == __version__ and measured.provenance.created
    assert measured.hips[Side.LEFT].results["ifs_axial"].source == "segmentation bones.nii.gz"
    assert study.provenance.muscle_origins == {Side.RIGHT: "segment", Side.LEFT: "segment"}
