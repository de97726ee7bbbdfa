"""Landmark files: states, frames, a person's points, and bad input."""

from __future__ import annotations

import json

import pytest
from IFIMeasureLib.anatomy.landmarks import (
    Landmark,
    LandmarkState,
    empty_landmarks,
    landmark_definitions,
    landmark_label,
    merge,
    parse_label,
)
from IFIMeasureLib.files.markups import markups_document, read_landmarks
from IFIMeasureLib.study.prepared import measure_landmarks
from IFIMeasureLib.values import IFIMeasureError, Side


def write(path, document):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def placed(key="lesser_trochanter_tip", place=(80.5, -20.25, 10.125), state=LandmarkState.AUTOMATIC):
    landmarks = empty_landmarks()
    landmarks[key] = Landmark(state, place)
    return landmarks


def test_positions_survive_a_file_and_are_written_in_lps(tmp_path):
    document = markups_document({Side.RIGHT: placed()}, "x")
    point = next(p for p in document["markups"][0]["controlPoints"] if p["positionStatus"] == "defined")
    assert point["position"] == [-80.5, 20.25, 10.125]
    read = read_landmarks(write(tmp_path / "a.mrk.json", document))[Side.RIGHT]
    assert read["lesser_trochanter_tip"].position_ras_mm == (80.5, -20.25, 10.125)
    assert read["femoral_head_center"].state is LandmarkState.NOT_PLACED


def test_an_automatic_point_that_a_person_moved_is_manual_and_wins(tmp_path):
    document = markups_document({Side.LEFT: placed()}, "x")
    point = next(p for p in document["markups"][0]["controlPoints"] if p["positionStatus"] == "defined")
    assert (
        read_landmarks(write(tmp_path / "a.mrk.json", document))[Side.LEFT]["lesser_trochanter_tip"].state
        is LandmarkState.AUTOMATIC
    )
    point["position"][0] += 1.5
    moved = read_landmarks(write(tmp_path / "b.mrk.json", document))[Side.LEFT]
    assert moved["lesser_trochanter_tip"].state is LandmarkState.MANUAL
    merged = merge(placed(place=(1.0, 2.0, 3.0)), moved)
    assert merged["lesser_trochanter_tip"].position_ras_mm == (79.0, -20.25, 10.125)


def test_an_untouched_automatic_point_of_an_earlier_run_does_not_win():
    assert merge(placed(place=(1.0, 2.0, 3.0)), placed())["lesser_trochanter_tip"].position_ras_mm == (1.0, 2.0, 3.0)


def test_a_point_that_a_person_marked_missing_stays_missing(tmp_path):
    document = markups_document({Side.LEFT: empty_landmarks()}, "x")
    document["markups"][0]["controlPoints"][4]["positionStatus"] = "missing"
    document["markups"][0]["controlPoints"][4]["description"] = ""
    person = read_landmarks(write(tmp_path / "a.mrk.json", document))[Side.LEFT]
    assert merge(placed(), person)["lesser_trochanter_tip"].state is LandmarkState.MISSING


def test_ras_files_are_read_as_ras(tmp_path):
    document = markups_document({Side.RIGHT: placed()}, "x")
    document["markups"][0]["coordinateSystem"] = "RAS"
    assert read_landmarks(write(tmp_path / "a.mrk.json", document))[Side.RIGHT][
        "lesser_trochanter_tip"
    ].position_ras_mm == (-80.5, 20.25, 10.125)


def test_every_label_is_read_back_as_its_side_and_landmark():
    for side in Side:
        for key in landmark_definitions():
            assert parse_label(landmark_label(side, key)) == (side, key)
    assert parse_label("F-1") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.update(position=[float("nan"), 0, 0]), "not three finite numbers"),
        (lambda p: p.update(position=[1, 2]), "not three finite numbers"),
        (lambda p: p.update(label="somewhere"), "no point has the label"),
    ],
)
def test_bad_points_get_one_sentence(tmp_path, change, message):
    document = markups_document({Side.RIGHT: placed()}, "x")
    points = document["markups"][0]["controlPoints"]
    document["markups"][0]["controlPoints"] = [p for p in points if p["positionStatus"] == "defined"]
    change(document["markups"][0]["controlPoints"][0])
    with pytest.raises(IFIMeasureError, match=message):
        read_landmarks(write(tmp_path / "a.mrk.json", document))


def test_two_points_of_one_label_are_refused(tmp_path):
    document = markups_document({Side.RIGHT: placed()}, "x")
    points = [p for p in document["markups"][0]["controlPoints"] if p["positionStatus"] == "defined"]
    document["markups"][0]["controlPoints"] = points * 2
    with pytest.raises(IFIMeasureError, match="two points labeled"):
        read_landmarks(write(tmp_path / "a.mrk.json", document))


def test_a_file_that_is_no_markups_file_is_refused(tmp_path):
    (tmp_path / "a.mrk.json").write_text("[]")
    with pytest.raises(IFIMeasureError, match="not a Slicer markups file"):
        read_landmarks(tmp_path / "a.mrk.json")


def test_heads_labeled_the_wrong_way_round_are_refused_without_bones_too():
    def head(x):
        return placed("femoral_head_center", (x, 0.0, 0.0), LandmarkState.MANUAL)

    measure_landmarks({Side.RIGHT: head(90.0), Side.LEFT: head(-90.0)})
    for right, left in ((-90.0, 90.0), (90.0, 90.0)):
        with pytest.raises(IFIMeasureError, match="left and right are swapped: the right femoral head center"):
            measure_landmarks({Side.RIGHT: head(right), Side.LEFT: head(left)})
