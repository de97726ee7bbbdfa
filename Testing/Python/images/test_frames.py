"""The side frame: both hips become one problem, and come back to where they were."""

from __future__ import annotations

import numpy as np
import pytest
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Mask
from IFIMeasureLib.values import Side

LEFT, RIGHT = SideFrame(Side.LEFT), SideFrame(Side.RIGHT)


def tilted_mask() -> Mask:
    """A left hip's mask on a turned grid, with spacings that differ; the structure touches the face at i = 0."""
    turn = np.radians(10.0)
    directions = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = directions * [0.8, 0.9, 3.0]
    affine[:3, 3] = (-120.0, 15.0, -40.0)
    array = np.zeros((7, 5, 4), bool)
    array[0:3, 2, 1] = True
    array[3, 3, 3] = True
    return Mask(array, Grid((7, 5, 4), affine), frozenset({(0, -1), (2, 1)}))


def test_a_place_to_the_patients_left_is_lateral_on_the_left_and_medial_on_the_right():
    place_ras = (-90.0, 10.0, 5.0)
    assert LEFT.to_side(place_ras).tolist() == [90.0, 10.0, 5.0]
    assert RIGHT.to_side(place_ras).tolist() == [-90.0, 10.0, 5.0]


def test_lateral_is_to_the_left_on_the_left_and_to_the_right_on_the_right():
    assert LEFT.to_ras([1.0, 0.0, 0.0]).tolist() == [-1.0, 0.0, 0.0]
    assert RIGHT.to_ras([1.0, 0.0, 0.0]).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("frame", [LEFT, RIGHT], ids=["left", "right"])
@pytest.mark.parametrize("shape", [(3,), (11, 3), (4, 2, 3)])
def test_points_of_any_shape_come_back_to_where_they_were(frame: SideFrame, shape: tuple[int, ...]):
    points_ras = np.random.default_rng(1).normal(0.0, 100.0, shape)
    points_side = frame.to_side(points_ras)
    assert points_side.shape == shape
    assert np.array_equal(frame.to_ras(points_side), points_ras)
    assert np.array_equal(points_side[..., 1:], points_ras[..., 1:])


def test_what_is_given_stays_as_it_was():
    points_ras = np.array([[-90.0, 10.0, 5.0]])
    mask_ras = tilted_mask()
    LEFT.to_side(points_ras)
    LEFT.mask_to_side(mask_ras)
    LEFT.grid_to_ras(mask_ras.grid)
    assert points_ras.tolist() == [[-90.0, 10.0, 5.0]]
    assert np.array_equal(mask_ras.array, tilted_mask().array)
    assert np.array_equal(mask_ras.grid.affine, tilted_mask().grid.affine)


def test_the_voxels_of_a_left_mask_lie_where_its_points_lie():
    mask_ras = tilted_mask()
    mask_side = LEFT.mask_to_side(mask_ras)
    places_side = mask_side.grid.to_ras(np.argwhere(mask_side.array).astype(float))
    expected_side = LEFT.to_side(mask_ras.grid.to_ras(np.argwhere(mask_ras.array).astype(float)))
    assert sorted(map(tuple, np.round(places_side, 9))) == sorted(map(tuple, np.round(expected_side, 9)))
    assert mask_side.grid.affine[0, 0] > 0, "i grows to lateral"


def test_the_faces_that_cut_a_left_mask_change_ends_along_i_only():
    assert LEFT.mask_to_side(tilted_mask()).cut == {(0, 1), (2, 1)}


def test_a_right_mask_is_in_the_side_frame_as_it_is():
    mask_ras = tilted_mask()
    assert RIGHT.mask_to_side(mask_ras) is mask_ras


@pytest.mark.parametrize("frame", [LEFT, RIGHT], ids=["left", "right"])
def test_indices_of_a_grid_in_the_side_frame_lead_to_the_same_places_in_ras(frame: SideFrame):
    mask_side = frame.mask_to_side(tilted_mask())
    ijk = np.argwhere(mask_side.array).astype(float)
    grid_ras = frame.grid_to_ras(mask_side.grid)
    assert grid_ras.to_ras(ijk) == pytest.approx(frame.to_ras(mask_side.grid.to_ras(ijk)))
