"""Accuracy against truth: phantoms by their equations, real bones by exact cuts through their meshes.

The benchmark measures the same on more cases; the margins here are those that must hold.
"""

from __future__ import annotations

import numpy as np
import pytest
from bench_accuracy import compare_with_meshes, largest_difference
from cases import BODYPARTS, Errors, bodyparts_grid, bodyparts_labels, measure_labels, phantom_errors
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.synthetic.hip import NORMAL
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import Side
from scipy.spatial.transform import Rotation

needs_meshes = pytest.mark.skipif(not BODYPARTS.exists(), reason="the BodyParts3D meshes are not here")


@pytest.mark.parametrize(
    ("spacing", "oblique", "mean", "worst", "angle"),
    [
        ((0.5, 0.5, 0.5), 20.0, 0.10, 0.25, 0.5),
        ((0.7, 0.7, 1.0), 20.0, 0.15, 0.35, 0.5),
        ((0.7, 0.7, 5.0), 10.0, 0.20, 0.50, 1.0),
    ],
)
def test_spaces_and_angles_of_random_phantoms_are_within_the_bounds(spacing, oblique, mean, worst, angle):
    errors = Errors()
    for seed in range(100, 102 if spacing[0] < 0.6 else 104):
        phantom_errors(seed, spacing, oblique, errors)
    for space in ("ifs", "qfs"):
        assert errors.mean(f"{space} axial") < mean
        assert errors.worst(f"{space} axial") < worst
        if spacing[2] < 2:
            assert errors.mean(f"{space} 3D") < mean
            assert errors.worst(f"{space} 3D") < worst
    assert errors.worst("angles") < angle
    assert errors.worst("femoral_head_center") < 1.0
    assert errors.worst("lesser_trochanter_tip") < 3.0


@needs_meshes
@pytest.mark.parametrize(("spacing", "limit_3d"), [((0.8, 0.8, 0.8), 0.4), ((0.7, 0.7, 5.0), None)])
def test_real_bones_agree_with_exact_cuts_through_their_meshes(spacing, limit_3d):
    planes, three = [], []
    grid = bodyparts_grid(spacing)
    labels, names = bodyparts_labels(grid)
    compare_with_meshes(measure_labels(labels, names, grid), planes, three)
    assert len(planes) > 8
    assert np.mean(planes) < 0.2
    assert np.max(planes) < 0.6
    if limit_3d:
        assert np.max(three) < limit_3d


@needs_meshes
def test_an_oblique_grid_gives_the_same_numbers():
    turn = Rotation.from_rotvec(np.radians(20.0) * np.array([0.6, 0.64, 0.48])).as_matrix()
    results = []
    for grid in (bodyparts_grid((0.8, 0.8, 0.8)), bodyparts_grid((0.8, 0.8, 0.8), turn)):
        results.append(measure_labels(*bodyparts_labels(grid), grid))
    assert largest_difference(*results, mirror=False) < 0.3


def _phantom_in(order: tuple[int, int, int], flips: tuple[int, ...]) -> object:
    phantom = Phantom(NORMAL, NORMAL)
    grid = sample_grid((1.0, 1.0, 1.5))
    labels = phantom.label_map(grid)
    affine = grid.affine.copy()
    for axis in flips:
        labels = np.flip(labels, axis)
        affine[:3, 3] += affine[:3, axis] * (labels.shape[axis] - 1)
        affine[:3, axis] *= -1
    labels = labels.transpose(order)
    affine[:3, :3] = affine[:3, list(order)]
    names = {k: v for k, v in phantom.label_names().items() if k <= 4}
    labels = np.where(labels <= 4, labels, 0)
    return measure_labels(labels, names, Grid(labels.shape, affine))


def test_sagittal_coronal_and_flipped_storage_give_the_same_numbers():
    plain = _phantom_in((0, 1, 2), ())
    for order, flips in (((1, 2, 0), ()), ((0, 2, 1), (2,)), ((0, 1, 2), (0, 1))):
        assert largest_difference(plain, _phantom_in(order, flips), mirror=False) == 0.0


def test_left_and_right_of_a_symmetric_body_give_the_same_numbers():
    study = _phantom_in((0, 1, 2), ())
    for name, right in study.hips[Side.RIGHT].results.items():
        left = study.hips[Side.LEFT].results[name]
        if hasattr(right, "value"):
            assert left.value == pytest.approx(right.value, abs=0.01), name
