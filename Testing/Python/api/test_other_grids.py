"""Images on other grids than the bones: combined by where they lie in the patient, or refused in one sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import IFIMeasureLib as ifi
import numpy as np
import pytest
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Segmentation, SegmentRef, Volume
from IFIMeasureLib.images.rigid import about
from IFIMeasureLib.study.prepared import PreparedStudy
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.hip import NORMAL
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.values import Measured, Side

LABELS = {1: "hip_right", 3: "femur_right"}
BONES = (1.2, 1.2, 3.0)
DIXON = (1.3, 1.3, 2.5)
MUSCLE = "quadratus_femoris_right"


def right_grid(spacing: tuple[float, float, float], turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Grid:
    low, high = np.array([28.0, -66.0, -126.0]), np.array([168.0, 45.0, 34.0])
    shape = np.ceil((high - low) / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low + 0.25 * np.array(spacing)
    return Grid.of(shape, about(0.5 * (low + high), np.array(turn_deg), np.zeros(3)) @ affine)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return Phantom(seed=21)


@pytest.fixture(scope="module")
def bones(phantom) -> tuple[np.ndarray, np.ndarray]:
    grid = right_grid(BONES)
    return phantom.label_map(grid, (Side.RIGHT,), ("hip", "femur")), grid.affine


@pytest.fixture(scope="module")
def dixon(phantom) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Water and fat, turned against the bones' grid."""
    grid = right_grid(DIXON, (0.0, 4.0, 0.0))
    images = phantom.images(grid, ("water", "fat"), snr=60.0)
    return {name: (array, grid.affine) for name, array in images.items()}


def moved(given: tuple[np.ndarray, np.ndarray], shift: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    return given[0], about(np.zeros(3), np.zeros(3), np.array(shift)) @ given[1]


def spaces(study: ifi.Study) -> list[object]:
    rows = [row for row in study.rows() if not row["measurement"].startswith("qf_")]
    return [(row["measurement"], row["side"], row["value"], row["reason"]) for row in rows] + list(study.profile())


def value(study: ifi.Study, measurement: str) -> float:
    result = study.value(measurement, "right")
    assert isinstance(result, Measured)
    return result.value


def measured(bones, image=None, **more) -> ifi.Study:
    return ifi.measure(bones, image, labels=LABELS, side="right", **more)


def test_an_image_changes_no_space_by_the_last_digit_whatever_its_grid(phantom, bones, dixon):
    alone = measured(bones)
    grid = Grid.of(bones[0].shape, bones[1])
    same = measured(bones, (phantom.image(grid, "t1"), grid.affine), contrast="t1")
    other = measured(bones, dixon["water"], contrast="water", fat_image=dixon["fat"])
    assert spaces(alone) == spaces(same) == spaces(other)
    assert [note for note in other.notes if "spaces are measured on the segmentation's grid" in note]
    assert not [note for note in other.notes if "best when moved" in note]


def test_a_muscle_of_dixon_beside_bones_of_another_series_has_the_volume_and_fat_of_one_grid(phantom, bones, dixon):
    grid = Grid.of(dixon["water"][0].shape, dixon["water"][1])
    own = phantom.label_map(grid, (Side.RIGHT,), ("hip", "femur")), grid.affine
    asked = {"labels": LABELS, "side": "right", "contrast": "water", "fat_image": dixon["fat"]}
    one = ifi.segment_muscle(dixon["water"], own, **asked)
    two = ifi.segment_muscle(dixon["water"], bones, **asked)
    assert value(two, "qf_volume") == pytest.approx(value(one, "qf_volume"), rel=0.03)
    assert value(two, "qf_fat_fraction") == pytest.approx(value(one, "qf_fat_fraction"), abs=1.5)
    water, fat = (dixon[name][0] for name in ("water", "fat"))
    number = next(number for number, name in phantom.label_names().items() if name == MUSCLE)
    inside = phantom.label_map(grid, (Side.RIGHT,)) == number
    truth = 100.0 * float((fat[inside] / (fat[inside] + water[inside])).mean())
    assert value(two, "qf_fat_fraction") == pytest.approx(truth, abs=5.0)
    volume = float(inside.sum()) * grid.voxel_mm3 / 1000.0
    assert abs(value(two, "qf_volume") / volume - 1.0) < abs(value(one, "qf_volume") / volume - 1.0) + 0.02


def test_a_fat_image_on_a_third_grid_is_sampled_where_the_water_image_is(phantom, bones, dixon):
    third = right_grid((1.4, 1.4, 3.0))
    fat = phantom.image(third, "fat", snr=60.0), third.affine
    grid = right_grid(BONES)
    labels = phantom.label_map(grid, (Side.RIGHT,))
    names = {number: name for number, name in phantom.label_names().items() if name.endswith("right")}
    whole = (labels, grid.affine)
    one = ifi.measure(whole, dixon["water"], labels=names, side="right", contrast="water", fat_image=dixon["fat"])
    two = ifi.measure(whole, dixon["water"], labels=names, side="right", contrast="water", fat_image=fat)
    assert value(two, "qf_fat_fraction") == pytest.approx(value(one, "qf_fat_fraction"), abs=3.0)
    with pytest.raises(ifi.IFIMeasureError, match="fat image and segmentation do not lie in the same place"):
        ifi.measure(
            whole,
            dixon["water"],
            labels=names,
            side="right",
            contrast="water",
            fat_image=moved(fat, (0.0, 9.0, 0.0)),
        )


def test_a_small_shift_is_told_a_large_one_refused_unless_a_person_says_that_it_is_none(bones, dixon):
    small = measured(bones, moved(dixon["water"], (0.0, 3.0, 0.0)), contrast="water")
    told = [note for note in small.notes if "fit the image best when moved by 3." in note or "fits the image" in note]
    assert len(told) == 1 and "A +" in told[0]
    far = moved(dixon["water"], (8.0, 0.0, 0.0))
    with pytest.raises(ifi.IFIMeasureError, match=r"best when moved by \d\.\d mm \(R \+[78]\.\d") as refused:
        measured(bones, far, contrast="water")
    assert refused.value.argument == "register, same_place"
    said = measured(bones, far, contrast="water", same_place=True)
    assert [note for note in said.notes if "as was said, but" in note and "best when moved by" in note]
    assert said.provenance.options["same_place"] is True


def test_an_image_of_nothing_or_of_another_place_is_refused(bones, dixon):
    noise = np.random.default_rng(1).normal(100.0, 10.0, dixon["water"][0].shape).astype(np.float32)
    with pytest.raises(ifi.IFIMeasureError, match="nowhere within 30 mm do the edges of the image agree"):
        measured(bones, (noise, dixon["water"][1]))
    with pytest.raises(ifi.IFIMeasureError, match="does not show the bones"):
        measured(bones, moved(dixon["water"], (0.0, 0.0, 600.0)))


@pytest.mark.parametrize("argument", ["same_place", "register"])
def test_what_is_no_yes_or_no_and_what_needs_an_image_is_refused(bones, argument):
    with pytest.raises(ifi.IFIMeasureError, match=f"{argument} is True, but no image is given"):
        measured(bones, **{argument: True})
    with pytest.raises(ifi.IFIMeasureError, match=f"{argument} is 'yes'; it must be True or False"):
        measured(bones, **{argument: "yes"})


def _prepared(phantom: Phantom, frames: tuple[str, str]) -> PreparedStudy:
    grid = right_grid(BONES)
    labels = phantom.label_map(grid, (Side.RIGHT,), ("hip", "femur"))
    refs = [SegmentRef(name, 0, number) for number, name in LABELS.items()]
    segmentation = Segmentation([labels], grid, refs, Path("bones"), named=True, frame_of_reference=frames[0])
    array = phantom.image(grid, "t1")
    tags = {"FrameOfReferenceUID": frames[1]} if frames[1] else {}
    volume = Volume(array, grid, Path("t1"), tags=tags, contrast="t1")
    return PreparedStudy(segmentation, resolve_structures(segmentation, None), volume, (Side.RIGHT,))


def test_other_frames_of_reference_are_refused_with_the_way_out_and_unknown_ones_are_not(phantom):
    with pytest.raises(ifi.IFIMeasureError, match=r"frame of reference .* registered onto it, or say that both"):
        _prepared(phantom, ("1.2.3", "1.2.4"))
    for frames in (("1.2.3", "1.2.3"), ("", "1.2.4"), ("1.2.3", "")):
        prepared = _prepared(phantom, frames)
        assert not prepared.notes
    image = _prepared(phantom, ("", "1.2.4")).volume
    assert image is not None
    fat = dataclasses.replace(image, tags={"FrameOfReferenceUID": "1.2.5"})
    with pytest.raises(ifi.IFIMeasureError, match="is not that of the fat image"):
        _prepared(phantom, ("", "1.2.4")).second_image_notes(fat, "fat image")


def test_registered_bones_give_the_spaces_of_the_legs_position_in_the_image(phantom, bones):
    turned = Phantom(right=dataclasses.replace(NORMAL, rotation_deg=8.0), seed=22)
    grid = right_grid((1.0, 1.0, 3.0))
    image = (
        turned.image(grid, "t1"),
        about(np.zeros(3), np.array([0.0, 0.0, 1.0]), np.array([9.0, -6.0, 4.0])) @ grid.affine,
    )
    with pytest.raises(ifi.IFIMeasureError, match="do not lie in the same place"):
        measured(bones, image, contrast="t1")
    study = measured(bones, image, contrast="t1", register=True)
    truth = measured((turned.label_map(right_grid(BONES), (Side.RIGHT,), ("hip", "femur")), right_grid(BONES).affine))
    assert abs(value(measured(bones), "ifs_3d") - value(truth, "ifs_3d")) > 1.5
    assert value(study, "ifs_3d") == pytest.approx(value(truth, "ifs_3d"), abs=1.0)
    (told,) = [note for note in study.notes if "registered onto the image, each by itself" in note]
    assert "right hip bone by 10." in told and "right femur by" in told and " and 9.2 degree" in told
    assert study.provenance.options["register"] is True


def test_a_study_on_two_grids_opens_again_to_equal_values(tmp_path, bones, dixon):
    study = ifi.segment_muscle(
        dixon["water"], bones, labels=LABELS, side="right", contrast="water", fat_image=dixon["fat"]
    )
    study.save(tmp_path / "a", "segmentation,scene,landmarks")
    again = ifi.open_study(tmp_path / "a")
    assert again.rows() == study.rows()
    assert again.notes == study.notes
