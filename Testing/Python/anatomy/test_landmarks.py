"""Landmark files: states, frames, a person's points, and bad input."""

from __future__ import annotations

import json

import pytest
from IFIMeasureLib.anatomy.landmarks import (
    MARKED_MISSING,
    NOT_PLACED,
    Landmark,
    LandmarkStatus,
    PlacedBy,
    empty_landmarks,
    landmark_definitions,
    landmark_label,
    merge,
    parse_label,
)
from IFIMeasureLib.files.markups import describe_landmark, markups_document, parse_description, read_landmarks
from IFIMeasureLib.study.prepared import measure_landmarks
from IFIMeasureLib.values import IFIMeasureError, Side


def write(path, document):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def placed(key="lesser_trochanter_tip", place=(80.5, -20.25, 10.125), made=Landmark.automatic):
    landmarks = empty_landmarks()
    landmarks[key] = made(place)
    return landmarks


def test_positions_survive_a_file_and_are_written_in_lps(tmp_path):
    document = markups_document({Side.RIGHT: placed()}, "x")
    point = next(p for p in document["markups"][0]["controlPoints"] if p["positionStatus"] == "defined")
    assert point["position"] == [-80.5, 20.25, 10.125]
    read = read_landmarks(write(tmp_path / "a.mrk.json", document))[Side.RIGHT]
    assert read["lesser_trochanter_tip"].position_ras_mm == (80.5, -20.25, 10.125)
    assert read["femoral_head_center"].state == "not placed"


def test_an_automatic_point_that_a_person_moved_is_manual_and_wins(tmp_path):
    document = markups_document({Side.LEFT: placed()}, "x")
    point = next(p for p in document["markups"][0]["controlPoints"] if p["positionStatus"] == "defined")
    assert (
        read_landmarks(write(tmp_path / "a.mrk.json", document))[Side.LEFT]["lesser_trochanter_tip"].state
        == "automatic"
    )
    point["position"][0] += 1.5
    moved = read_landmarks(write(tmp_path / "b.mrk.json", document))[Side.LEFT]
    assert moved["lesser_trochanter_tip"].state == "manual"
    merged = merge(placed(place=(1.0, 2.0, 3.0)), moved)
    assert merged["lesser_trochanter_tip"].position_ras_mm == (79.0, -20.25, 10.125)


def test_an_untouched_automatic_point_of_an_earlier_run_does_not_win():
    assert merge(placed(place=(1.0, 2.0, 3.0)), placed())["lesser_trochanter_tip"].position_ras_mm == (1.0, 2.0, 3.0)


def test_a_point_that_a_person_marked_missing_stays_missing(tmp_path):
    document = markups_document({Side.LEFT: empty_landmarks()}, "x")
    document["markups"][0]["controlPoints"][4]["positionStatus"] = "missing"
    document["markups"][0]["controlPoints"][4]["description"] = ""
    person = read_landmarks(write(tmp_path / "a.mrk.json", document))[Side.LEFT]
    assert merge(placed(), person)["lesser_trochanter_tip"].state == "missing"


def test_a_person_s_word_wins_by_the_field_and_never_by_the_words_of_a_reason():
    key = "lesser_trochanter_tip"
    automatic = placed()
    for reason in ("it is not to be seen.", ""):
        person = {**empty_landmarks(), key: Landmark.missing(reason, PlacedBy.PERSON)}
        assert merge(automatic, person)[key] == person[key]
    program = {**empty_landmarks(), key: Landmark.missing("not marked by a person.")}
    assert merge(automatic, program)[key] == automatic[key]


@pytest.mark.parametrize(
    "landmark",
    [
        NOT_PLACED,
        Landmark.automatic((1.0625, -20.5, 30.25)),
        Landmark.manual((1.0625, -20.5, 30.25)),
        Landmark.missing("the field of view ends there."),
        Landmark.missing("marked as unsure by a person."),
        Landmark.missing(MARKED_MISSING, PlacedBy.PERSON),
        Landmark.missing("a screw lies there.", PlacedBy.PERSON),
    ],
)
def test_who_placed_a_landmark_survives_the_description_of_its_point(landmark):
    text = describe_landmark("lesser_trochanter_tip", landmark)
    assert parse_description(text, landmark.position_ras_mm, landmark.status) == landmark


@pytest.mark.parametrize(
    ("description", "person", "reason"),
    [
        ("missing: no hamstring was found to place it on.", False, "no hamstring was found to place it on."),
        ("missing: marked as not identifiable by a person.", True, MARKED_MISSING),
        ("automatic at RAS 1.000 2.000 3.000", True, MARKED_MISSING),  # by Slicer's own menu, of a point placed before
        ("Most medial point of it.", True, MARKED_MISSING),
        ("", True, MARKED_MISSING),
    ],
)
def test_descriptions_that_0_1_0_wrote_say_who_said_missing(description, person, reason):
    read = parse_description(description, None, LandmarkStatus.MISSING)
    assert (read.by_person, read.reason) == (person, reason)


@pytest.mark.parametrize("text", ["automatic at RAS nan 2.0 3.0", "automatic at RAS 1.0 2.0", "automatic at RAS a b c"])
def test_a_description_that_someone_has_spoiled_makes_a_point_a_person_s(text):
    assert parse_description(text, (1.0, 2.0, 3.0), LandmarkStatus.DEFINED).state == "manual"


def test_a_landmark_that_contradicts_itself_is_refused():
    for wrong in (
        lambda: Landmark(LandmarkStatus.DEFINED, None, PlacedBy.PERSON),
        lambda: Landmark(LandmarkStatus.MISSING, (1.0, 2.0, 3.0), PlacedBy.PERSON),
        lambda: Landmark(LandmarkStatus.DEFINED, (1.0, 2.0, 3.0)),
        lambda: Landmark(LandmarkStatus.UNDEFINED, None, PlacedBy.PROGRAM),
    ):
        with pytest.raises(IFIMeasureError, match="for a landmark that is"):
            wrong()


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
        return placed("femoral_head_center", (x, 0.0, 0.0), Landmark.manual)

    measure_landmarks({Side.RIGHT: head(90.0), Side.LEFT: head(-90.0)})
    for right, left in ((-90.0, 90.0), (90.0, 90.0)):
        with pytest.raises(IFIMeasureError, match="left and right are swapped: the right femoral head center"):
            measure_landmarks({Side.RIGHT: head(right), Side.LEFT: head(left)})
