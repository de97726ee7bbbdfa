"""Surfaces and distances against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from IFIMeasureLib.images.distance import closest_between
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.surface import Patch, contour_lines, refine, signed_distance


def ball(radius: float, spacing: np.ndarray, center: np.ndarray, n: tuple[int, int, int]) -> np.ndarray:
    p = np.stack(np.meshgrid(*[np.arange(k) for k in n], indexing="ij"), axis=-1) * spacing
    return np.linalg.norm(p - center, axis=-1) < radius


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 0.5), (0.7, 0.7, 1.0), (0.7, 0.7, 5.0)])
def test_refining_keeps_every_voxel_on_its_side(spacing):
    spacing = np.array(spacing)
    inside = ball(7.3, spacing, np.array([11.2, 10.7, 12.1]), tuple(np.ceil(24 / spacing).astype(int)))
    phi = refine(inside, spacing)
    assert (phi[inside] > -0.06).all()
    assert (phi[~inside] < 0.06).all()


def test_a_thin_rod_of_two_voxels_does_not_vanish():
    inside = np.zeros((20, 20, 20), bool)
    inside[9:11, 9:11, 3:17] = True
    phi = refine(inside, np.ones(3))
    assert (phi[inside] > -0.02).all()
    assert (phi[9:11, 9:11, 4:16] > 0.2).all()


@pytest.mark.parametrize("radius", [5.0, 9.0, 14.0])
def test_the_surface_of_a_ball_lies_at_its_radius(radius):
    rng = np.random.default_rng(int(radius))
    spacing = np.array([0.7, 0.7, 1.0])
    n = tuple(np.ceil((2 * radius + 10) / spacing).astype(int))
    errors = []
    for _ in range(6):
        center = spacing * (np.array(n) - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
        phi = refine(ball(radius, spacing, center, n), spacing)
        points = Patch(phi, Grid(n, np.diag([*spacing, 1.0]))).surface_points()
        errors.append(np.linalg.norm(points - center, axis=1) - radius)
    errors = np.concatenate(errors)
    assert abs(errors.mean()) < 0.04
    assert np.abs(errors).mean() < 0.11


def test_the_starting_distance_has_no_bias_on_tilted_planes():
    p = np.stack(np.meshgrid(*[np.arange(40.0)] * 3, indexing="ij"), axis=-1)
    for direction in ([1, 0.3, 0.1], [0.8, 0.55, 0.21], [0.6, 0.7, 0.5]):
        normal = np.array(direction) / np.linalg.norm(direction)
        errors = []
        for shift in np.arange(0, 1, 0.125):
            depth = p @ normal - 40 * normal.sum() / 2 - shift
            phi = signed_distance(depth > 0, np.ones(3))
            inner = (slice(5, -5),) * 3
            errors.append((phi - depth)[inner][(np.abs(depth) < 0.5)[inner]].mean())
        assert abs(np.mean(errors)) < 0.03


def test_marching_squares_of_a_linear_field_is_exact():
    x, y = np.meshgrid(np.arange(8.0), np.arange(9.0), indexing="ij")
    lines = contour_lines(0.3 * x + 0.4 * y - 2.1)
    assert len(lines)
    assert np.allclose(0.3 * lines[..., 0] + 0.4 * lines[..., 1], 2.1)


def test_the_distance_between_two_polygons_is_reached_within_an_edge():
    # a corner above the middle of a long edge: no vertex of the edge is near
    edge = np.array([[[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]]])
    corner = np.array([[[5.0, 2.5, 0.0], [4.0, 6.0, 0.0]], [[5.0, 2.5, 0.0], [6.0, 6.0, 0.0]]])
    distance, a, b = closest_between(edge, corner)
    assert distance == pytest.approx(2.5)
    assert a == pytest.approx([5.0, 0.0, 0.0])
    assert b == pytest.approx([5.0, 2.5, 0.0])


def test_a_section_between_slices_of_a_turned_grid_is_a_circle():
    turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]) @ np.array(
        [[1, 0, 0], [0, np.cos(0.3), -np.sin(0.3)], [0, np.sin(0.3), np.cos(0.3)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn * 0.7
    grid = Grid((46, 46, 46), affine)
    center = grid.to_ras(np.array([22.3, 22.1, 22.8]))
    p = grid.to_ras(np.stack(np.meshgrid(*[np.arange(46.0)] * 3, indexing="ij"), axis=-1))
    patch = Patch(refine(np.linalg.norm(p - center, axis=-1) < 10.0, grid.spacing), grid)
    lines = patch.section(center[2] + 4.0)
    radii = np.linalg.norm(lines.reshape(-1, 3)[:, :2] - center[:2], axis=1)
    assert radii.mean() == pytest.approx(np.sqrt(100 - 16), abs=0.05)
    assert np.ptp(radii) < 0.6
