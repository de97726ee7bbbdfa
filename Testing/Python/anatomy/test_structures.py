"""Names and label values of other programs, and what is refused."""

from __future__ import annotations

import json

import pytest
from IFIMeasureLib.anatomy.structures import structure_from_name
from IFIMeasureLib.files.labels import read_label_mapping
from IFIMeasureLib.values import IFIMeasureError


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("hip_left", "hip_left"),
        ("Right femur", "femur_right"),
        ("femur_R", "femur_right"),
        ("right_hip_bone__FJ3152", "hip_right"),
        ("left_quadratus_femoris__FJ1432M", "quadratus_femoris_left"),
        ("iliopsoas_right", "iliopsoas_right"),
        ("Pelvis", "hip"),
        ("sacrum", "sacrum"),
        ("liver", None),
        ("gluteus_maximus_left", "reference_muscle_left"),
        ("gluteus_medius_left", None),
    ],
)
def test_segment_names_mean_what_people_mean(name, structure):
    found = structure_from_name(name)
    assert (found and found.name) == structure


def test_the_presets_map_values_to_structures():
    mapping, _ = read_label_mapping("totalsegmentator")
    assert mapping["77"].name == "hip_left" and mapping["76"].name == "femur_right"
    assert read_label_mapping("totalsegmentator_mr")[0]["37"].name == "femur_right"
    assert read_label_mapping("totalsegmentator_v1")[0]["88"].name == "femur_left"
    assert read_label_mapping("bodyparts3d")[1]["semimembranosus"] == "hamstring"


def test_a_mapping_is_read_from_json_and_from_a_file(tmp_path):
    text = json.dumps({"1": "hip", "2": "femur_right"})
    (tmp_path / "m.json").write_text(text)
    for source in (text, str(tmp_path / "m.json")):
        mapping, _ = read_label_mapping(source)
        assert [s.name for s in mapping.values()] == ["hip", "femur_right"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"1": "femur_and_pelvis"}', "joins femur and pelvis"),
        ('{"1": ["hip", "femur"]}', "joins femur and pelvis"),
        ('{"1": "kneecap"}', "no known structure"),
        ('{"1": 7}', "no known structure"),
        ('{"1": ', "not valid JSON"),
        ("[]", "must be one JSON object"),
        ("nowhere", "no preset"),
    ],
)
def test_a_bad_mapping_gets_one_sentence(text, message):
    with pytest.raises(IFIMeasureError, match=message):
        read_label_mapping(text)
