"""What is kept of a study: typed in memory and in its document, and read from documents of every version."""

from __future__ import annotations

import csv
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from IFIMeasureLib.anatomy.landmarks import Landmark, PlacedBy
from IFIMeasureLib.files.results import (
    DOCUMENT_KEYS,
    LANDMARK_KEYS,
    MEASUREMENT_KEYS,
    PROFILE_KEYS,
    SavedStudy,
    from_document,
    read_study,
)
from IFIMeasureLib.measuring.registry import MEASUREMENTS
from IFIMeasureLib.study.document import saved_study, study_document
from IFIMeasureLib.study.provenance import InputFile, Provenance
from IFIMeasureLib.values import IFIMeasureError, Measured, NotMeasurable, Side

VERSION_0_1_0 = Path(__file__).parents[1] / "fixtures" / "version_0_1_0"


def same(a: SavedStudy, b: SavedStudy) -> bool:
    plain = [field.name for field in fields(SavedStudy) if field.name != "grid"]
    grids = a.grid.shape == b.grid.shape and np.array_equal(a.grid.affine, b.grid.affine)
    return grids and all(getattr(a, name) == getattr(b, name) for name in plain)


def test_a_document_gives_the_study_back_to_the_last_digit(study):
    document = json.loads(json.dumps(study_document(study)))
    saved = from_document(document, "study.json")
    assert same(saved, saved_study(study))
    result = next(row.result for row in saved.measurements if row.id == "ifs_axial" and row.side is Side.LEFT)
    expected = study.hips[Side.LEFT].results["ifs_axial"]
    assert result == expected and result.slice_number == expected.slice_number
    assert saved.landmarks[Side.LEFT] == study.hips[Side.LEFT].landmarks
    assert saved.sides == (Side.RIGHT, Side.LEFT)


def test_every_key_of_the_document_is_documented_and_numbers_are_numbers(study):
    document = study_document(study)
    assert [*document, "outputs", "checksum"] == list(DOCUMENT_KEYS)
    for name, keys in (("measurements", MEASUREMENT_KEYS), ("profile", PROFILE_KEYS), ("landmarks", LANDMARK_KEYS)):
        for of in document[name]:
            assert list(of) == list(keys), name
    for of in document["measurements"]:
        assert (of["value"] is None) == bool(of["reason"]) == (of["status"] == "not_measurable")
        assert of["value"] is None or type(of["value"]) is float
        assert of["slice"] is None or type(of["slice"]) is int
        assert all(len(point) == 3 and {type(v) for v in point} == {float} for point in of["points_lps_mm"])
    angle = next(of for of in document["measurements"] if of["measurement"] == "neck_shaft_angle")
    assert len(angle["points_lps_mm"]) == 3
    assert {of["status"]: of["placed_by"] for of in document["landmarks"]} == {
        "defined": "program",
        "missing": "program",
    }
    assert not any(of["reason"] == "" or of["method"] == "" for of in document["measurements"])


def test_a_study_of_version_0_1_0_is_read_with_the_values_that_it_wrote():
    saved = read_study(VERSION_0_1_0 / "study.json")
    with (VERSION_0_1_0 / "measurements.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(saved.measurements) == 58
    for row, found in zip(rows, saved.measurements):
        assert (row["measurement"], row["side"]) == (found.id, found.side.value if found.side else "both")
        if isinstance(found.result, NotMeasurable):
            assert row["value"] == "" and row["reason"] == found.result.reason
            continue
        assert float(row["value"]) == found.result.value and row["unit"] == found.result.unit
        assert "; ".join(found.result.notes) == row["notes"] and "; ".join(found.reference) == row["reference"]
        assert row["slice"] == ("" if found.result.slice_number is None else str(found.result.slice_number))
        if row["point_a_lps_mm"]:
            point = np.array([float(v) for v in row["point_a_lps_mm"].split()])
            assert np.array_equal(point * [-1, -1, 1], found.result.points_ras_mm[0])
        if row["femur_flexion_deg"]:
            assert float(row["femur_flexion_deg"]) == found.pose["femur_flexion"]
    with (VERSION_0_1_0 / "profile.csv").open(encoding="utf-8", newline="") as stream:
        profile = list(csv.DictReader(stream))
    assert [float(row["distance_mm"]) if row["distance_mm"] else None for row in profile] == [
        row.distance_mm for row in saved.profile
    ]


def test_who_placed_a_landmark_in_version_0_1_0_is_known_and_so_is_all_else_of_the_study():
    saved = read_study(VERSION_0_1_0 / "study.json")
    right = saved.landmarks[Side.RIGHT]
    assert right["greater_trochanter_tip"] == Landmark.manual((140.0, -5.0, -10.0))
    assert right["ischial_tuberosity_lowest"] == Landmark.missing(
        "marked as not identifiable by a person.", PlacedBy.PERSON
    )
    assert right["posterior_condyle_medial"].placed_by is PlacedBy.PROGRAM
    assert right["femoral_head_center"].placed_by is PlacedBy.PROGRAM
    assert (saved.date, saved.findings) == ("2024-03-01", {Side.RIGHT: {"reader_tear": "partial"}})
    assert (saved.subject.sex, saved.subject.height_m) == ("F", 1.65)
    provenance = Provenance.from_document(saved.provenance, "study.json")
    assert provenance.contrast == "t1"
    assert provenance.muscle_origins == {Side.RIGHT: "image", Side.LEFT: "image"}
    assert provenance.inputs[1] == InputFile(
        "image", "t1.nrrd", "625c5cef7e2f33325d47634c62865cf454944b1ebe236b818dd57a59335a85d3", 1
    )
    assert provenance.options["findings"] == ["right:reader_tear=partial"]
    assert provenance.structures["quadratus_femoris_left"] == ()


def test_a_document_of_a_newer_version_is_refused_with_its_version(study, tmp_path):
    path = tmp_path / "study.json"
    document = {**study_document(study), "format": "IFIMeasure study 3", "versions": {"ifimeasure": "0.9.1"}}
    for written in (document, {"format": "IFIMeasure study 3", "versions": {"ifimeasure": "0.9.1"}}):
        path.write_text(json.dumps(written))
        with pytest.raises(IFIMeasureError) as told:
            read_study(path)
        assert str(told.value) == (
            f"{path}: it was made by a newer version of IFIMeasure (format 3, version 0.9.1); update IFIMeasure."
        )


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "3", '{"format": "Other 2"}', '{"format": "IFIMeasure study x"}'),
        pytest.param(100_000 * "[", id="too deep"),
    ],
)
def test_what_is_no_study_is_told_in_one_sentence(tmp_path, content):
    path = tmp_path / "study.json"
    path.write_text(content)
    with pytest.raises(IFIMeasureError, match=r"study\.json: this is no study that IFIMeasure wrote"):
        read_study(path)
    with pytest.raises(IFIMeasureError, match="this is no study"):
        read_study(tmp_path / "none.json")


def without(of: dict, key: str) -> dict:
    return {k: v for k, v in of.items() if k != key}


def test_damage_is_told_in_one_sentence_that_names_the_file(study):
    document = json.loads(json.dumps(study_document(study)))
    row, landmark, grid = document["measurements"][0], document["landmarks"][0], document["segmentation"]
    needed = ("date", "subject", "findings", "segmentation", "notes", "absent_sides", "measurements", "profile")
    damaged = [without(document, key) for key in (*needed, "muscle_sections", "fat_histogram", "landmarks")]
    rows = [{**row, "value": value} for value in ("3.0", True, float("nan"), [], 10**400)]
    rows += [without(row, key) for key in ("measurement", "side", "value", "unit", "points_lps_mm", "notes", "pose")]
    rows += [{**row, "points_lps_mm": [[1.0, 2.0]]}, {**row, "side": "middle"}, {**row, "notes": "one"}]
    damaged += [{**document, "measurements": [of]} for of in rows]
    marks = [{**landmark, "status": "missing"}, {**landmark, "placed_by": "somebody"}, without(landmark, "side")]
    damaged += [{**document, "landmarks": [of]} for of in marks]
    damaged += [{**document, "segmentation": {**grid, "ijk_to_ras_mm": [[1.0]]}}]
    damaged += [{**document, key: "text"} for key in ("measurements", "subject", "notes", "findings", "segmentation")]
    for of in damaged:
        with pytest.raises(IFIMeasureError) as told:
            from_document(of, "a/study.json")
        assert str(told.value) == "a/study.json: the study in it is damaged; measure the study again."


def test_damage_of_a_document_of_version_0_1_0_is_told_too():
    document = json.loads((VERSION_0_1_0 / "study.json").read_text(encoding="utf-8"))
    row, landmark = document["measurements"][0], document["landmarks"][0]
    damaged = [without(document, key) for key in ("measurements", "landmarks", "segmentation", "options", "subject")]
    damaged += [{**document, "measurements": [{**row, "value": "much"}]}, {**document, "measurements": ["row"]}]
    damaged += [{**document, "landmarks": [{**landmark, "state": "somewhere"}]}]
    damaged += [{**document, "landmarks": [{**landmark, "position_lps_mm": "1.0 2.0"}]}]
    for of in damaged:
        with pytest.raises(IFIMeasureError, match=r"^study\.json: the study in it is damaged"):
            from_document(of, "study.json")


def test_what_another_version_knows_more_does_no_harm(study):
    document = json.loads(json.dumps(study_document(study)))
    document["of another version"] = 1
    document["measurements"][0].update(measurement="unknown_angle", unit="rad", **{"of another version": 2})
    document["landmarks"][0]["landmark"] = "unknown_landmark"
    saved = from_document(document, "study.json")
    assert saved.measurements[0].id == "unknown_angle" and saved.measurements[0].unit == "rad"
    assert isinstance(saved.measurements[0].result, Measured)
    assert len(saved.measurements) == sum(1 if m.paired else 2 for m in MEASUREMENTS)
    assert set(saved.landmarks[Side.LEFT]) == set(study.hips[Side.LEFT].landmarks)
