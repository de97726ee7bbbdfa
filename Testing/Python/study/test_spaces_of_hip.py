"""Both spaces of a hip: what is drawn is the value, and what the field of view may hide is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from IFIMeasureLib.anatomy.landmarks import Landmark, empty_landmarks
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.study.prepared import PreparedStudy
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.hip import HipSpec
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import Measured, Side

BONES = ("hip", "femur")


def prepared(phantom: Phantom, grid: Grid, structures: tuple[str, ...] = BONES) -> PreparedStudy:
    labels = phantom.label_map(grid, sides=(Side.RIGHT,), structures=structures)
    refs = [SegmentRef(n, 0, v) for v, n in phantom.label_names().items() if (labels == v).any()]
    segmentation = Segmentation([labels], grid, refs, Path("phantom"), named=True)
    return PreparedStudy(segmentation, resolve_structures(segmentation, None), sides=(Side.RIGHT,))


def measured(phantom: Phantom, grid: Grid, structures: tuple[str, ...] = BONES) -> dict[str, Measured]:
    return prepared(phantom, grid, structures).measure().hips[Side.RIGHT].results


@pytest.fixture(scope="module")
def bones_alone() -> PreparedStudy:
    return prepared(Phantom(), sample_grid((1.0, 1.0, 4.0)))


@pytest.mark.parametrize("apart", [0.0, 1.0, 1.9])
def test_the_space_between_tendon_landmarks_is_the_line_drawn_and_no_less_in_the_plane(bones_alone, apart):
    tip = Phantom().truth(Side.RIGHT).lesser_trochanter_tip
    person = empty_landmarks()
    person["hamstring_tendon_superolateral"] = Landmark.manual(tuple(tip + [-4.0, 0.0, 0.0]))
    person["iliopsoas_tendon_posteromedial"] = Landmark.manual(tuple(tip + [0.0, 0.0, apart]))
    results = bones_alone.measure({Side.RIGHT: person}).hips[Side.RIGHT].results
    axial, three = results["qfs_axial"], results["qfs_3d"]
    assert axial.value == pytest.approx(4.0)
    assert three.value <= axial.value
    for of in (axial, three):
        assert np.linalg.norm(np.subtract(*of.points_ras_mm)) == pytest.approx(of.value, abs=1e-9)
        assert any("apart along the body" in note for note in of.notes) is (apart > 0)


def test_a_landmark_of_the_hamstring_tendon_alone_has_a_range_that_its_value_lies_in(bones_alone):
    tip = Phantom().truth(Side.RIGHT).lesser_trochanter_tip
    person = empty_landmarks()
    person["hamstring_tendon_superolateral"] = Landmark.manual(tuple(tip + [-15.0, -5.0, 1.0]))
    axial = bones_alone.measure({Side.RIGHT: person}).hips[Side.RIGHT].results["qfs_axial"]
    assert axial.plane_low_mm <= axial.value <= axial.plane_high_mm
    assert 0.1 < axial.plane_high_mm - axial.plane_low_mm < 3.0


def test_every_value_with_two_points_is_the_length_of_its_line(study):
    lines = 0
    results = [of for hip in study.hips.values() for of in hip.results.values()] + list(study.paired.values())
    for result in results:
        if isinstance(result, Measured) and len(result.points_ras_mm) == 2:
            assert np.linalg.norm(np.subtract(*result.points_ras_mm)) == pytest.approx(result.value, abs=1e-6)
            lines += 1
    assert lines >= 13


def test_a_minimum_in_the_outer_one_of_two_planes_is_noted():
    results = measured(Phantom(), sample_grid((1.0, 1.0, 11.0)))
    assert "2 axial planes" in results["ifs_axial"].method or "1 axial planes" in results["ifs_axial"].method
    assert any("no local minimum" in note for note in results["ifs_axial"].notes)


@pytest.mark.parametrize("bottom_mm", [-58.0, -64.0, -70.0])
def test_a_volume_that_ends_near_the_minimum_is_noted_in_both_rows(bottom_mm):
    phantom = Phantom(HipSpec(ischium_shift_mm=6.0))
    results = measured(phantom, sample_grid((1.0, 1.0, 2.0), bottom_mm=bottom_mm))
    for key in ("ifs_axial", "ifs_3d"):
        assert any("leaves the field of view within reach" in note for note in results[key].notes), key


def test_a_volume_that_ends_far_below_the_minimum_is_not_noted():
    results = measured(Phantom(HipSpec(ischium_shift_mm=6.0)), sample_grid((1.0, 1.0, 2.0)))
    for key in ("ifs_axial", "ifs_3d"):
        assert not any("field of view" in note for note in results[key].notes), key


def test_the_side_frame_of_the_right_hip_is_ras_so_that_these_points_need_no_turn():
    assert SideFrame(Side.RIGHT).to_ras([1.0, 2.0, 3.0]).tolist() == [1.0, 2.0, 3.0]
