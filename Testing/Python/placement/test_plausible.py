"""Bones that do not lie, or are not sized, as a person's are refused with the reason, or that is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from IFIMeasureLib.images.grid import canonical
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.study.prepared import measure_landmarks, measure_study
from IFIMeasureLib.study.result import StudyResult
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import Array, IFIMeasureError, Side

GRID = sample_grid((1.2, 1.2, 3.0))
NAMES = Phantom().label_names()
SWAPPED = {
    value: name.replace("right", "?").replace("left", "right").replace("?", "left") for value, name in NAMES.items()
}


@pytest.fixture(scope="module")
def labels() -> Array:
    return Phantom().label_map(GRID, structures=("hip", "femur"))


def measured(labels: Array, affine: Array, names: dict[int, str] = NAMES) -> StudyResult:
    array, grid = canonical(labels, affine)
    refs = [SegmentRef(name, 0, value) for value, name in names.items() if (labels == value).any()]
    segmentation = Segmentation([array], grid, refs, Path("bones.nii"), named=True)
    return measure_study(segmentation, resolve_structures(segmentation, None))


def turned(*axes: int) -> Array:
    """The grid's affine with these axes of the patient pointing the other way."""
    affine = GRID.affine.copy()
    affine[list(axes)] *= -1.0
    return affine


@pytest.mark.parametrize(("axes", "names"), [((2,), NAMES), ((1, 2), NAMES), ((0, 2), SWAPPED)])
def test_an_image_that_stands_on_its_head_is_refused(labels, axes, names):
    with pytest.raises(IFIMeasureError, match=r"bones\.nii: on the right side .* head and feet are exchanged"):
        measured(labels, turned(*axes), names)


@pytest.mark.parametrize(("axes", "names"), [((1,), NAMES), ((0, 1), SWAPPED)])
def test_an_image_whose_front_is_its_back_is_refused(labels, axes, names):
    with pytest.raises(IFIMeasureError, match="front and back are exchanged"):
        measured(labels, turned(*axes), names)


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_head_of_no_persons_size_is_told(labels, factor):
    study = measured(labels, np.diag([factor, factor, factor, 1.0]) @ GRID.affine)
    notes = [note for note in study.notes if "spacing of the voxels looks wrong" in note]
    assert len(notes) == 2 and f"a diameter of {48 * factor:.0f} mm" in notes[0]


@pytest.mark.parametrize(("factor", "other"), [(0.35, "larger"), (2.5, "smaller")])
def test_bones_far_too_small_or_large_are_refused_for_their_spacing(labels, factor, other):
    with pytest.raises(IFIMeasureError, match=f"spacing of the voxels looks wrong: with {other} voxels"):
        measured(labels, np.diag([factor, factor, factor, 1.0]) @ GRID.affine)


@pytest.mark.parametrize("factor", [0.5, 2.0, 3.0])
def test_slices_at_a_wrong_distance_are_refused_and_the_right_one_is_guessed(labels, factor):
    with pytest.raises(IFIMeasureError, match="voxels along the body looks wrong") as told:
        measured(labels, np.diag([1.0, 1.0, factor, 1.0]) @ GRID.affine)
    guessed = float(str(told.value).split("round with about ")[1].split(" mm")[0])
    assert guessed == pytest.approx(3.0, rel=0.12)


def test_the_identity_as_affine_is_refused_for_its_spacing(labels):
    with pytest.raises(IFIMeasureError, match="spacing of the voxels"):
        measured(labels, np.eye(4))


def test_landmarks_alone_that_stand_on_their_head_are_refused(study):
    landmarks = dict(study.hips[Side.RIGHT].landmarks)
    head, tip = landmarks["femoral_head_center"], landmarks["lesser_trochanter_tip"]
    landmarks["femoral_head_center"], landmarks["lesser_trochanter_tip"] = tip, head
    with pytest.raises(IFIMeasureError, match=r"Right lesser trochanter tip: it lies .* above the center"):
        measure_landmarks({Side.RIGHT: landmarks})
