"""The phantom's truth against independent computations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.synthetic.hip import HipSpec, pose_matrix
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.synthetic.shapes import Plate, RoundCone
from IFIMeasureLib.values import Side


def test_the_distance_to_a_round_cone_is_that_to_the_nearest_of_its_spheres():
    rng = np.random.default_rng(0)
    shape = RoundCone(np.array([0.0, 1.0, 2.0]), np.array([9.0, -3.0, 5.0]), 4.0, 1.5)
    p = rng.uniform(-12, 15, (300, 3))
    t = np.linspace(0, 1, 20001)[:, None]
    centers, radii = shape.a + t * (shape.b - shape.a), shape.ra + t[:, 0] * (shape.rb - shape.ra)
    brute = np.array([(np.linalg.norm(q - centers, axis=1) - radii).min() for q in p])
    assert np.abs(shape.distance(p) - brute).max() < 1e-6


def test_the_distance_to_a_plate_is_that_to_the_nearest_point_of_its_triangle():
    rng = np.random.default_rng(1)
    shape = Plate(np.array([[0.0, 0, 0], [8.0, 1, 0], [2.0, 7, 3]]), 1.2)
    w = rng.dirichlet([1, 1, 1], 40000)
    cloud = w @ shape.corners
    for q in rng.uniform(-6, 10, (40, 3)):
        assert shape.distance(q[None])[0] == pytest.approx(np.linalg.norm(cloud - q, axis=1).min() - 1.2, abs=0.15)


def test_two_spheres_cut_by_a_plane_have_the_space_of_their_circles():
    phantom = Phantom()
    side = Side.RIGHT
    tip = phantom.truth(side).lesser_trochanter_tip
    bone = RoundCone(tip + [-6.5, 0, 0], tip + [-6.5, 0, 0], 6.5, 6.5)
    other = RoundCone(tip + [-40.0, 3.0, 1.0], tip + [-40.0, 3.0, 1.0], 9.0, 9.0)
    tested = Phantom()
    tested._shapes[side] = {"femur": [bone], "hip": [other], "hamstring": [other], "iliopsoas": [bone]}
    for up in (-3.0, 0.0, 2.5):
        circles = np.sqrt(6.5**2 - up**2) + np.sqrt(81 - (up - 1.0) ** 2)
        expected = np.hypot(33.5, 3.0) - circles
        assert tested.true_space(side, "ifs", tip[2] + up) == pytest.approx(expected, abs=0.01)
    assert tested.true_space_3d(side, "ifs") == pytest.approx(np.linalg.norm([33.5, 3.0, 1.0]) - 15.5, abs=0.03)


def test_the_neck_shaft_angle_of_the_equations_is_the_one_asked_for():
    for angle in (118.0, 127.0, 138.0):
        truth = Phantom(HipSpec(neck_shaft_angle_deg=angle, flexion_deg=8, rotation_deg=-12)).truth(Side.RIGHT)
        assert truth.angles_deg["neck_shaft_angle"] == pytest.approx(angle)


def test_poses_turn_the_knee_the_way_their_names_say():
    down = np.array([0.0, 0.0, -1.0])
    assert (pose_matrix(HipSpec(flexion_deg=20)) @ down)[1] > 0.3  # forward
    assert (pose_matrix(HipSpec(abduction_deg=20)) @ down)[0] > 0.3  # outward
    toes = np.array([0.0, 1.0, 0.0])
    assert (pose_matrix(HipSpec(rotation_deg=20)) @ toes)[0] < -0.3  # inward


def test_external_rotation_narrows_and_internal_rotation_widens_the_space():
    """Cadavers: +0.375 mm per degree internal, -0.233 mm per degree external rotation (Kivlan)."""
    space = {}
    for rotation in (-20.0, 0.0, 20.0):
        phantom = Phantom(HipSpec(rotation_deg=rotation))
        level = phantom.truth(Side.RIGHT).lesser_trochanter_tip[2]
        space[rotation] = phantom.true_space(Side.RIGHT, "ifs", level)
    assert space[-20.0] < space[0.0] < space[20.0]


def test_the_same_seed_makes_the_same_image_and_another_does_not():
    grid = Grid(
        (60, 40, 4),
        np.diag([3.0, 3.0, 9.0, 1.0]) + np.array([[0, 0, 0, -90], [0, 0, 0, -60], [0, 0, 0, -60], [0, 0, 0, 0]]),
    )
    first = Phantom(seed=1).image(grid, "t1")
    assert np.array_equal(first, Phantom(seed=1).image(grid, "t1"))
    assert not np.array_equal(first, Phantom(seed=2).image(grid, "t1"))


def test_edema_is_bright_in_fat_suppressed_t2_and_fat_is_bright_in_t1():
    grid = Grid(
        (120, 80, 30),
        np.diag([1.2, 1.2, 2.0, 1.0]) + np.array([[0, 0, 0, -150], [0, 0, 0, -70], [0, 0, 0, -90], [0, 0, 0, 0]]),
    )
    phantom = Phantom()
    labels = phantom.label_map(grid)
    muscle = {v: k for k, v in phantom.label_names().items()}["quadratus_femoris_left"]
    t2, t1 = (phantom.image(grid, c, snr=0, bias=0) for c in ("t2fs", "t1"))
    assert np.median(t2[labels == muscle]) > 400  # edema 0.8 on this side
    assert t1[2, 40, 15] > 800 or t1.max() > 850  # subcutaneous fat


def test_a_phantom_made_from_another_has_its_own_shapes():
    grid = sample_grid((2.0, 2.0, 4.0))
    first = Phantom()
    before = first.label_map(grid)
    other = replace(first, left=replace(first.left, muscle_radius_mm=1.5))
    assert (other.label_map(grid) == 10).sum() < 0.7 * (before == 10).sum()
    assert (first.label_map(grid) == before).all()
