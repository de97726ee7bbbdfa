"""Stray islands of a bone are left out with a word; larger pieces are kept and named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.study.prepared import measure_study
from IFIMeasureLib.study.result import StudyResult
from IFIMeasureLib.study.structures import masks_by_side, resolve_structures
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import Array, Side

GRID = sample_grid((1.2, 1.2, 3.0))


@pytest.fixture(scope="module")
def labels(phantom: Phantom) -> Array:
    return phantom.label_map(GRID)


def value_of(phantom: Phantom, name: str) -> int:
    return next(value for value, known in phantom.label_names().items() if known == name)


def segmentation(phantom: Phantom, labels: Array) -> Segmentation:
    refs = [SegmentRef(name, 0, value) for value, name in phantom.label_names().items()]
    return Segmentation([labels], GRID, refs, Path("phantom"), named=True)


def measured(phantom: Phantom, labels: Array) -> StudyResult:
    made = segmentation(phantom, labels)
    return measure_study(made, resolve_structures(made, None))


def with_ball(labels: Array, value: int, center_ras: Array, radius_mm: float) -> Array:
    """The labels with a ball of a structure, as a network leaves one; at least a voxel."""
    changed = labels.copy()
    ball = np.linalg.norm(GRID.points() - center_ras, axis=-1) <= radius_mm
    changed[ball] = value
    return changed


@pytest.fixture(scope="module")
def clean(phantom: Phantom, labels: Array) -> StudyResult:
    return measured(phantom, labels)


def between_the_bones(study: StudyResult, side: Side) -> Array:
    ends = np.array(study.hips[side].results["ifs_axial"].points_ras_mm)
    return ends[0] + 0.5 * (ends[1] - ends[0])


@pytest.mark.parametrize("bone", ["hip", "femur"])
def test_a_stray_island_between_the_bones_changes_no_space_and_is_named(phantom, labels, clean, bone):
    for side in (Side.LEFT,):
        place = between_the_bones(clean, side)
        study = measured(phantom, with_ball(labels, value_of(phantom, f"{bone}_{side.value}"), place, 1.9))
        for key in ("ifs_axial", "ifs_3d"):
            assert study.hips[side].results[key].value == pytest.approx(clean.hips[side].results[key].value, abs=1e-6)
        start = f"{side.value} {'hip bone' if bone == 'hip' else 'femur'}: stray islands"
        note = next(note for note in study.notes if note.startswith(start))
        assert "mm³" in note and f"{-place[0]:.0f}" in note
    assert not any(bone in note for note in clean.notes for bone in ("hip bone", "femur:"))


def test_an_island_in_the_other_bones_place_does_not_make_a_space_of_nothing(phantom, labels, clean):
    tip = np.array(clean.hips[Side.LEFT].landmarks["lesser_trochanter_tip"].position_ras_mm)
    study = measured(phantom, with_ball(labels, value_of(phantom, "hip_left"), tip + [-4.0, 0.0, 0.0], 1.9))
    before = clean.hips[Side.LEFT].results["ifs_axial"].value
    assert study.hips[Side.LEFT].results["ifs_axial"].value == pytest.approx(before, abs=0.3)


def test_a_torn_off_trochanter_is_kept_measured_and_named(phantom, labels, clean):
    tip = phantom.truth(Side.LEFT).lesser_trochanter_tip
    femur, hip = (value_of(phantom, name) for name in ("femur_left", "hip_left"))
    place = SideFrame(Side.LEFT).to_ras(tip + np.array([-9.0, -2.0, 0.0]))
    torn = with_ball(labels, femur, place, 6.0)
    torn[labels == hip] = hip
    gap = np.abs(np.linalg.norm(GRID.points() - place, axis=-1) - 8.0) < 1.7
    torn[gap & (torn == femur)] = 0
    study = measured(phantom, torn)
    assert any("left femur: pieces apart" in note and "measured with it" in note for note in study.notes)
    before = clean.hips[Side.LEFT].results["ifs_3d"].value
    assert study.hips[Side.LEFT].results["ifs_3d"].value < before - 2.0


def test_single_voxels_over_the_whole_image_do_not_end_the_field_of_view(phantom, labels, clean):
    rng = np.random.default_rng(5)
    noisy = labels.copy()
    free = np.argwhere(labels == 0)
    for name in ("hip_right", "femur_right", "hip_left", "femur_left"):
        chosen = free[rng.choice(len(free), 200, replace=False)]
        noisy[tuple(chosen.T)] = value_of(phantom, name)
    study = measured(phantom, noisy)
    for side in Side:
        for key in ("ifs_axial", "ifs_3d", "neck_shaft_angle", "femoral_head_diameter"):
            before = clean.hips[side].results[key].value
            assert study.hips[side].results[key].value == pytest.approx(before, rel=0.02), (side, key)
        assert study.hips[side].landmarks["ischial_tuberosity_lowest"].state == "automatic"


def test_what_is_cut_off_at_the_images_edge_is_told_after_islands_are_gone(phantom, labels):
    noisy = labels.copy()
    noisy[0, 0, 0] = noisy[-1, -1, 0] = noisy[0, -1, -1] = value_of(phantom, "femur_right")
    made = segmentation(phantom, noisy)
    masks, notes = masks_by_side(made, resolve_structures(made, None))
    plain = segmentation(phantom, labels)
    expected, _ = masks_by_side(plain, resolve_structures(plain, None))
    assert masks[Side.RIGHT]["femur"].cut == expected[Side.RIGHT]["femur"].cut
    assert masks[Side.RIGHT]["femur"].array.shape == expected[Side.RIGHT]["femur"].array.shape
    assert "3 of 13 mm³ in all" in notes[0]
