"""What the position of the planes leaves open of a space, against the phantom's equations."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.measuring.spaces import moved_levels
from IFIMeasureLib.study.prepared import measure_study
from IFIMeasureLib.study.result import StudyResult
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import Measured, Side


def grid_of(distance_mm: float, shift: float) -> Grid:
    """Axial slices a distance apart, all moved up by a part of it."""
    grid = sample_grid((0.9, 0.9, distance_mm))
    affine = grid.affine.copy()
    affine[2, 3] += shift * distance_mm
    return Grid(grid.shape, affine)


@functools.cache
def measured(distance_mm: float, shift: float) -> tuple[Grid, StudyResult]:
    """The phantom's left hip on such slices."""
    phantom, grid = Phantom(seed=3), grid_of(distance_mm, shift)
    labels = phantom.label_map(grid)
    refs = [SegmentRef(n, 0, v) for v, n in phantom.label_names().items()]
    segmentation = Segmentation([labels], grid, refs, Path("phantom"), named=True)
    return grid, measure_study(segmentation, resolve_structures(segmentation, None), sides=(Side.LEFT,))


@pytest.mark.parametrize(("distance_mm", "shift", "margin"), [(2.0, 0.0, 0.25), (4.0, 0.4, 0.4), (5.0, 0.0, 0.5)])
def test_the_range_is_that_of_the_equations_when_all_planes_move(phantom, distance_mm, margin, shift):
    grid, study = measured(distance_mm, shift)
    hip = study.hips[Side.LEFT]
    tip = SideFrame(Side.LEFT).to_side(hip.landmarks["lesser_trochanter_tip"].position_ras_mm)
    moves = moved_levels(grid, tip, phantom.spec(Side.LEFT).head_radius_mm)[::4]
    for space in ("ifs", "qfs"):
        found = hip.results[f"{space}_axial"]
        true = [min(t for z in levels if (t := phantom.true_space(Side.LEFT, space, z))) for levels in moves]
        assert found.plane_low_mm == pytest.approx(min(true), abs=margin)
        assert found.plane_high_mm == pytest.approx(max(true), abs=margin)
        assert found.plane_low_mm <= found.value <= found.plane_high_mm


def test_values_of_the_same_hip_on_other_planes_lie_in_the_range():
    shifted = [measured(5.0, shift)[1].hips[Side.LEFT].results["ifs_axial"] for shift in (0.0, 0.2, 0.4, 0.7)]
    values = [of.value for of in shifted]
    assert max(values) - min(values) > 0.4  # it does hang on where the slices fall
    for of in shifted:
        assert of.plane_low_mm - 0.4 < min(values) and max(values) < of.plane_high_mm + 0.4


def test_thin_slices_leave_next_to_nothing_open_and_thick_ones_more():
    thin, thick = (measured(d, 0.0)[1].hips[Side.LEFT].results["ifs_axial"] for d in (2.0, 5.0))
    assert thin.plane_high_mm - thin.plane_low_mm < 0.2
    assert thick.plane_high_mm - thick.plane_low_mm > 0.4


def test_only_axial_spaces_have_a_range(study):
    for hip in study.hips.values():
        for key, result in hip.results.items():
            if isinstance(result, Measured):
                assert (result.plane_low_mm is not None) is (key in ("ifs_axial", "qfs_axial")), key


def test_slices_that_all_move_by_half_their_distance_are_those_of_the_other_half():
    moves = moved_levels(grid_of(4.0, 0.0), np.array([0.0, 0.0, -52.0]), 24.0)
    assert moves[-1][0] - moves[0][0] == pytest.approx(4.0) or moves[0] == pytest.approx(moves[-1])
    assert all(-62.1 <= level <= -41.9 for levels in moves for level in levels)
