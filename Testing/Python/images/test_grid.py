"""Grids: where voxels lie, and which box they fill."""

from __future__ import annotations

import numpy as np
import pytest
from IFIMeasureLib.images.grid import Grid, box_corners, times_text


def test_a_grid_over_a_box_begins_at_its_low_corner_and_reaches_the_high_one():
    low, high = np.array([-10.0, 5.0, 0.0]), np.array([10.3, 6.0, 4.0])
    grid = Grid.covering(low, high, 2.0)
    assert grid.to_ras(np.zeros(3)) == pytest.approx(low)
    assert (grid.corners().max(0) >= high).all() and (grid.corners().max(0) < high + 2.0 * 2.0).all()
    assert grid.spacing == pytest.approx([2.0, 2.0, 2.0])


def test_the_centers_of_all_voxels_are_those_of_their_indices():
    affine = np.array([[0.0, 2.0, 0.0, 1.0], [-3.0, 0.0, 0.0, 2.0], [0.0, 0.0, 4.0, 3.0], [0.0, 0.0, 0.0, 1.0]])
    grid = Grid.of(np.array([2, 3, 4]), affine)
    assert grid.shape == (2, 3, 4) and all(type(n) is int for n in grid.shape)
    points = grid.points()
    assert points.shape == (2, 3, 4, 3)
    for ijk in ((0, 0, 0), (1, 2, 3), (1, 0, 2)):
        assert points[ijk] == pytest.approx((affine @ [*ijk, 1.0])[:3])


def test_the_corners_half_a_voxel_outside_enclose_the_volume_of_the_voxels():
    turn = np.radians(30.0)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    affine[:3, :3] = affine[:3, :3] * [0.5, 0.7, 3.0]
    grid = Grid((10, 20, 5), affine)
    corners = grid.corners(0.5)
    edges = [np.linalg.norm(corners[0] - corners[n]) for n in (4, 2, 1)]
    assert np.prod(edges) == pytest.approx(10 * 20 * 5 * grid.voxel_mm3)


def test_a_box_has_eight_corners_each_once():
    corners = box_corners(np.array([0.0, 1.0, 2.0]), np.array([3.0, 4.0, 5.0]))
    assert len({tuple(corner) for corner in corners}) == 8
    assert corners.min(0).tolist() == [0.0, 1.0, 2.0] and corners.max(0).tolist() == [3.0, 4.0, 5.0]


def test_sizes_are_told_without_digits_that_say_nothing():
    assert times_text((512, 512, 30)) == "512 x 512 x 30"
    assert times_text([0.70000001, 0.7, 3.0]) == "0.7 x 0.7 x 3"
