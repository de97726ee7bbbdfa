"""A straight line: through points, to a level, and the foot of a point."""

from __future__ import annotations

import numpy as np
import pytest
from IFIMeasureLib.placement.line import Line


def test_the_line_through_points_of_a_line_is_that_line_and_points_up():
    direction = np.array([0.2, -0.1, -1.0])
    points = np.array([5.0, 6.0, 7.0]) + np.linspace(-20.0, 20.0, 9)[:, None] * direction
    line = Line.through(points)
    assert line.direction == pytest.approx(-direction / np.linalg.norm(direction))
    assert line.origin == pytest.approx([5.0, 6.0, 7.0])


def test_the_point_at_a_level_lies_on_the_line_at_that_level():
    line = Line(np.array([1.0, 2.0, 3.0]), np.array([0.6, 0.0, 0.8]))
    place = line.at_level(11.0)
    assert place == pytest.approx([7.0, 2.0, 11.0])
    assert line.foot(place) == pytest.approx(place)


def test_the_foot_of_a_point_is_where_its_perpendicular_meets_the_line():
    line = Line(np.array([1.0, 2.0, 3.0]), np.array([0.6, 0.0, 0.8]))
    point = np.array([10.0, -4.0, 6.0])
    foot = line.foot(point)
    assert (point - foot) @ line.direction == pytest.approx(0.0, abs=1e-12)
    assert line.along(foot) == pytest.approx(line.along(point))
