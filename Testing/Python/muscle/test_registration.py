"""Examinations side by side: bones moved by a known matrix, another person's bones, and atrophy that was made."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cases import followed_ml, muscle_pair
from IFIMeasureLib.anatomy.landmarks import position
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Mask
from IFIMeasureLib.images.rigid import moved
from IFIMeasureLib.muscle.registration import register_bone
from IFIMeasureLib.muscle.together import MuscleWay, segment_together
from IFIMeasureLib.values import IFIMeasureError, Side
from scipy.spatial.transform import Rotation

ON_FEMUR = ("femoral_head_center", "lesser_trochanter_tip", "greater_trochanter_tip", "femoral_neck_center")


@pytest.fixture(scope="module")
def pair():
    return muscle_pair(4, 0.1)


def places(scan):
    return np.array([position(scan.landmarks, key) for key in ON_FEMUR])


def test_a_bone_that_was_moved_is_found_where_it_went_and_the_way_back_is_the_inverse(pair):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [4, -7, 9], degrees=True).as_matrix()
    matrix[:3, 3] = [12.0, -5.0, 20.0]
    first = pair.first.others["femur"]
    second = Mask(first.array, Grid(first.grid.shape, matrix @ first.grid.affine), first.cut)
    at = places(pair.first)
    rng = np.random.default_rng(0)
    there = moved(at, matrix) + rng.normal(scale=1.5, size=at.shape)  # landmarks are not exact
    found, misfit = register_bone(first, second, at, there)
    away = np.linalg.norm(moved(at, found) - moved(at, matrix), axis=1)
    assert away.max() < 0.5, "voxels are 0.7 x 0.7 x 3 mm"
    assert misfit < 0.7
    back, _ = register_bone(second, first, there, at)
    assert np.allclose(back @ found, np.eye(4), atol=1e-9)


def test_bones_of_another_person_are_refused(pair):
    other = pair.first.others["femur"]
    larger = Mask(other.array, Grid(other.grid.shape, np.diag([1.15, 1.15, 1.15, 1.0]) @ other.grid.affine), other.cut)
    with pytest.raises(IFIMeasureError, match="not of one person"):
        register_bone(other, larger, places(pair.first), 1.15 * places(pair.first))


def test_a_muscle_goes_with_the_hip_bone_at_its_one_end_and_with_the_femur_at_the_other():
    hip, femur = np.eye(4), np.eye(4)
    femur[:3, 3] = [0.0, 10.0, 0.0]
    way = MuscleWay(hip, femur)
    points = np.zeros((3, 3))
    assert way.moved(points, np.array([0.0, 0.5, 1.0]))[:, 1].tolist() == [0.0, 5.0, 10.0]
    assert way.inverse().moved(points, np.array([1.0, 1.2, -0.3]))[:, 1].tolist() == [-10.0, -10.0, 0.0]


def test_atrophy_of_ten_percent_is_recovered_and_exchanging_the_scans_changes_the_sign_alone(pair):
    true = 100 * (pair.true_ml[1] / pair.true_ml[0] - 1)
    assert true == pytest.approx(-10.0, abs=0.3)
    first, second = followed_ml(pair)
    assert 100 * (second / first - 1) == pytest.approx(true, abs=2.0)
    assert first == pytest.approx(pair.true_ml[0], rel=0.06)
    exchanged = followed_ml(dataclasses.replace(pair, first=pair.second, second=pair.first))
    assert exchanged == pytest.approx((second, first), rel=1e-6)


def test_landmarks_that_are_not_placed_are_named(pair):
    from IFIMeasureLib.anatomy.landmarks import NOT_PLACED

    landmarks = {**pair.second.landmarks, **dict.fromkeys(ON_FEMUR, NOT_PLACED)}
    with pytest.raises(IFIMeasureError, match="fewer than three landmarks of the"):
        segment_together([pair.first, dataclasses.replace(pair.second, landmarks=landmarks)])
    assert pair.first.side in Side
