"""The file of landmarks: what an entry may leave out is filled in, and what is wrong is refused with a sentence."""

from __future__ import annotations

import pytest
from IFIMeasureLib import resources
from IFIMeasureLib.anatomy.landmarks import empty_landmarks, landmark_definitions, landmark_label, parse_label
from IFIMeasureLib.values import IFIMeasureError, Side

NEW = {"id": "invented_point", "title": "Invented point", "how": "Where nothing is."}


def test_a_landmark_placed_by_hand_needs_an_id_a_title_and_how_to_find_it(with_landmarks):
    with_landmarks(NEW)
    definition = landmark_definitions()["invented_point"]
    assert definition.by_hand and definition.surface and definition.on == ""
    assert definition.code == ("99IFIMEASURE", "INVENTED_POINT", "Invented point")
    assert definition.why_missing == "it is placed by hand only, and nobody has placed it."
    assert list(empty_landmarks())[-1] == "invented_point"
    assert parse_label(landmark_label(Side.LEFT, "invented_point")) == (Side.LEFT, "invented_point")


def test_landmarks_that_the_program_places_say_what_they_lie_on():
    for definition in landmark_definitions().values():
        assert definition.how.endswith(".")
        assert definition.by_hand or definition.on in definition.why_missing


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"place": "by hand"}, "'invented_point': it may hold code, how, id, on, placed, surface, title"),
        ({"placed": "by robots"}, "it must be placed by hand or by program"),
        ({"on": "nose"}, "no structure 'nose'"),
        ({"id": "Invented one"}, "small letters"),
        ({"title": "T" * 65}, "1 to 64 characters"),
        ({"code": ["SCT", "1"]}, "scheme, value and meaning"),
        ({"id": "femoral_head_center"}, "'femoral_head_center' and 'femoral_head_center' have one id or one title"),
        ({"title": "femoral head CENTER"}, "'femoral_head_center' and 'invented_point' have one id or one title"),
    ],
)
def test_a_wrong_entry_is_refused_in_a_sentence_that_names_it(with_landmarks, change, told):
    with_landmarks({**NEW, **change})
    with pytest.raises(IFIMeasureError) as refused:
        landmark_definitions()
    assert told in str(refused.value) and str(refused.value).startswith("Definitions/landmarks.json: ")


def test_an_entry_without_a_title_is_refused(with_landmarks):
    with_landmarks({"id": "invented_point"})
    with pytest.raises(IFIMeasureError, match="needs an id, a title and how to find it"):
        landmark_definitions()


def test_a_comma_that_is_missing_is_told_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text('{"landmarks": [\n {"id": "a"}\n {"id": "b"}\n]}')
    monkeypatch.setattr(resources, "resource_path", lambda name: tmp_path / name)
    with pytest.raises(IFIMeasureError, match=r"Resources/a\.json: Expecting ',' delimiter in line 3, column 2\."):
        resources.read_json("a.json")
