"""What hangs on a landmark follows it where a person moves it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from IFIMeasureLib.anatomy.landmarks import Landmark, empty_landmarks
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.study.prepared import PreparedStudy
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import Side

CORNERS = ("quadratus_femur_superior", "quadratus_ischium_superior")


@pytest.fixture(scope="module")
def prepared() -> PreparedStudy:
    grid, phantom = sample_grid((1.0, 1.0, 2.0)), Phantom()
    labels = phantom.label_map(grid, sides=(Side.RIGHT,), structures=("hip", "femur"))
    refs = [SegmentRef(n, 0, v) for v, n in phantom.label_names().items() if (labels == v).any()]
    segmentation = Segmentation([labels], grid, refs, Path("phantom"), named=True)
    return PreparedStudy(segmentation, resolve_structures(segmentation, None), sides=(Side.RIGHT,))


def moved(prepared: PreparedStudy, draft: bool = False, **shifts: tuple[float, float, float]):
    before = prepared.measure().hips[Side.RIGHT]
    person = empty_landmarks()
    for key, shift in shifts.items():
        person[key] = Landmark.manual(tuple(np.add(before.landmarks[key].position_ras_mm, shift)))
    return before, prepared.measure({Side.RIGHT: person}, draft=draft).hips[Side.RIGHT]


def change(before, after, key: str) -> np.ndarray:
    return np.subtract(after.landmarks[key].position_ras_mm, before.landmarks[key].position_ras_mm)


@pytest.mark.parametrize("draft", [False, True])
def test_the_attachment_follows_the_greater_trochanter(prepared, draft):
    before, after = moved(prepared, draft, greater_trochanter_tip=(0.0, 0.0, 10.0))
    assert change(before, after, "quadratus_femur_superior")[2] == pytest.approx(5.0, abs=1.5)
    assert np.abs(change(before, after, "quadratus_femur_inferior")).max() == 0.0


def test_head_diameter_and_neck_follow_the_head(prepared):
    before, after = moved(prepared, femoral_head_center=(2.0, 1.0, -1.0))
    old, new = before.results["femoral_head_diameter"], after.results["femoral_head_diameter"]
    ends = np.array(new.points_ras_mm)
    assert ends.mean(0) == pytest.approx(after.landmarks["femoral_head_center"].position_ras_mm)
    assert new.value == pytest.approx(old.value, abs=2.5) and new.value != old.value
    assert np.linalg.norm(change(before, after, "femoral_neck_center")) > 0.005


def test_a_head_moved_away_from_the_bone_has_no_diameter(prepared):
    _, after = moved(prepared, femoral_head_center=(60.0, 0.0, 60.0))
    assert "no sphere was fitted" in after.results["femoral_head_diameter"].reason


def test_the_attachment_on_the_ischium_follows_the_head(prepared):
    before, after = moved(prepared, femoral_head_center=(0.0, 0.0, -12.0))
    assert change(before, after, "quadratus_ischium_superior")[2] < -3.0


def test_the_shaft_follows_the_lesser_trochanter(prepared):
    before, after = moved(prepared, lesser_trochanter_tip=(0.0, 0.0, 8.0))
    assert change(before, after, "shaft_axis_proximal")[2] == pytest.approx(8.0, abs=1.5)


def test_the_greater_trochanter_follows_the_shafts_axis(prepared):
    before, after = moved(prepared, shaft_axis_distal=(25.0, 0.0, 0.0))
    assert np.linalg.norm(change(before, after, "greater_trochanter_tip")) > 0.3


def test_all_of_the_femur_is_found_from_a_head_that_a_person_placed_where_none_was_found(prepared):
    known = prepared.measure().hips[Side.RIGHT]
    bones = prepared.copied()
    found = bones.bones[Side.RIGHT].found
    on_femur = {"femoral_head_center", "femoral_neck_center", "shaft_axis_proximal", "shaft_axis_distal"}
    on_femur |= {"lesser_trochanter_tip", "greater_trochanter_tip"}
    lacking = type(found)(
        points={key: place for key, place in found.points.items() if key not in on_femur},
        missing=dict.fromkeys(on_femur, "no sphere fits."),
    )
    bones.bones[Side.RIGHT].found, bones.bones[Side.RIGHT].placed = lacking, None
    person = empty_landmarks()
    person["femoral_head_center"] = Landmark.manual(known.landmarks["femoral_head_center"].position_ras_mm)
    after = bones.measure({Side.RIGHT: person}).hips[Side.RIGHT]
    for key in on_femur:
        assert np.linalg.norm(change(known, after, key)) < 1.0, key
    assert after.results["ifs_axial"].value == pytest.approx(known.results["ifs_axial"].value, abs=0.2)


def test_points_that_a_person_left_where_they_were_change_nothing(prepared):
    before = prepared.measure().hips[Side.RIGHT]
    kept = {key: of for key, of in before.landmarks.items() if of.position_ras_mm is not None}
    person = {**empty_landmarks(), **{key: Landmark.manual(of.position_ras_mm) for key, of in kept.items()}}
    after = prepared.measure({Side.RIGHT: person}).hips[Side.RIGHT]
    for key, result in before.results.items():
        assert getattr(after.results[key], "value", None) == getattr(result, "value", None), key
