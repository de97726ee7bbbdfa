"""Axial slices with outlines, lines and values; seen from the feet, the patient's right on the left."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy

from ..anatomy.structures import definitions
from ..images.grid import Grid
from ..images.masks import Mask
from ..images.surface import contour_lines
from ..measuring.definition import MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..study.result import HipResult, StudyResult
from ..values import Array, Measured
from .picture import Drawing, Picture, Point, gray_levels
from .text import value_text

_STEP_MM = 0.5
"""Width of a pixel."""

_AROUND_MM = 38.0
"""How far the picture reaches beyond the landmarks."""

_NO_IMAGE_GRAY = 45


@dataclass(frozen=True)
class _LineStyle:
    """How the line of a space is drawn; ``below`` says how far below it its value stands, pixels."""

    color: str = "#ffffff"
    dash: str | None = "6 3"
    below: float = 74.0


_STYLES = {"ifs": _LineStyle("#ffd23c", None, 34.0), "qfs": _LineStyle("#59d0ff", "6 3", 54.0)}


def side_levels(hip: HipResult) -> list[float]:
    """Return the levels (RAS S, millimeter) whose slices show one side's smallest axial spaces."""
    return list(dict.fromkeys(level for _, _, level in _axial_distances(hip)))


def axial_picture(study: StudyResult, level: float) -> Picture:
    """Draw an axial plane with the outlines of the structures and the spaces that were measured in it.

    :param level: of the plane, RAS S, millimeter.
    """
    window = _Window.around(study, level)
    drawing = Drawing(len(window.x), len(window.y), decimals=2)
    drawing.image(_background(study, window))
    for side, hip in study.hips.items():
        for key, mask in hip.masks.items():
            _draw_outline(drawing, window, mask, f"{key} {side.value}", definitions()[key].color)
    for hip in study.hips.values():
        for definition, result, of in _axial_distances(hip):
            if abs(of - level) <= 1e-6:
                _draw_distance(drawing, window, definition, result)
    drawing.outlined_text("R", (6, 20), 18, "start", "white")
    drawing.outlined_text("L", (drawing.width - 6, 20), 18, "end", "white")
    return drawing.picture(f"Axial plane at S {level:.1f} mm; the patient's right is on the left.")


def _axial_distances(hip: HipResult) -> Iterator[tuple[MeasurementDefinition, Measured, float]]:
    """The drawn distances that were measured in an axial plane, and its level."""
    for definition in MEASUREMENTS:
        result = hip.results.get(definition.id)
        if not definition.drawn or not isinstance(result, Measured) or len(result.points_ras_mm) != 2:
            continue
        if result.slice_ras_s_mm is not None:
            yield definition, result, result.slice_ras_s_mm


@dataclass(frozen=True)
class _Window:
    """What is shown of an axial plane: RAS coordinates x (N,), y (M,) of its pixels, each growing; millimeter."""

    x: Array
    y: Array
    level: float

    @classmethod
    def around(cls, study: StudyResult, level: float) -> _Window:
        """The part around the landmarks of both hips that lie near the plane."""
        places = [mark.position_ras_mm for hip in study.hips.values() for mark in hip.landmarks.values()]
        near = np.array([place for place in places if place is not None and abs(place[2] - level) < 60.0])
        low, high = near.min(0) - _AROUND_MM, near.max(0) + _AROUND_MM
        return cls(np.arange(low[0], high[0], _STEP_MM), np.arange(low[1], high[1], _STEP_MM), level)

    def pixel(self, points_ras: Array) -> Array:
        """Where points (..., 3) lie in the picture, (..., 2)."""
        across = (self.x[-1] - points_ras[..., 0]) / _STEP_MM
        down = (self.y[-1] - points_ras[..., 1]) / _STEP_MM
        return np.stack([across, down], axis=-1) + 0.5


def _background(study: StudyResult, window: _Window) -> Array:
    """Pixels (rows, columns) uint8 of the image in the plane; plain gray where there is no image."""
    if study.volume is None:
        return np.full((len(window.y), len(window.x)), _NO_IMAGE_GRAY, np.uint8)
    plane = _plane(study.volume.array, study.volume.grid, window, 1)
    low, high = gray_levels(study.volume.array)
    plane = np.nan_to_num(plane, nan=low, posinf=high, neginf=low)  # outside of what was acquired, some files hold NaN
    gray = np.clip((plane - low) / (high - low) * 255.0, 0, 255).astype(np.uint8)
    return gray[::-1, ::-1]


def _draw_outline(drawing: Drawing, window: _Window, mask: Mask, name: str, color: tuple[int, int, int]) -> None:
    lines = _outline(mask, window.level)
    if not len(lines):
        return
    path = "".join(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" for a, b in window.pixel(lines))
    drawing.add(
        "path",
        f"<title>{html.escape(name)}</title>",
        d=path,
        stroke="#{:02x}{:02x}{:02x}".format(*color),
        stroke_width=0.9,
        fill="none",
        opacity=0.9,
    )


def _draw_distance(drawing: Drawing, window: _Window, definition: MeasurementDefinition, result: Measured) -> None:
    """The line of a distance, with a dark rim, and its value below it."""
    style = _STYLES.get(definition.space or "", _LineStyle())
    ends: list[Point] = [(float(x), float(y)) for x, y in window.pixel(np.array(result.points_ras_mm))]
    drawing.line(ends[0], ends[1], "black", 4.5)
    drawing.line(ends[0], ends[1], style.color, 2, style.dash)
    for end in ends:
        drawing.circle(end, 2.6, style.color, stroke="black")
    place = (0.5 * (ends[0][0] + ends[1][0]), max(ends[0][1], ends[1][1]) + style.below)
    value = value_text(result.value, definition.decimals, result.unit)
    drawing.outlined_text(f"{definition.label} {value}", place, 15, "middle", style.color)


def _outline(mask: Mask, level: float) -> Array:
    """Outline of a mask in an axial plane, where its smoothed voxels are half full; segments (N, 2, 3) RAS."""
    corners = mask.grid.corners(0.5)
    low, high = corners.min(0) - 1, corners.max(0) + 1
    if not low[2] + 1 <= level <= high[2] - 1:
        return np.zeros((0, 2, 3))
    step = max(0.5, 0.75 * float(mask.grid.spacing.min()))
    window = _Window(np.arange(low[0], high[0], step), np.arange(low[1], high[1], step), level)
    plane = _plane(mask.array, mask.grid, window, 1 if mask.grid.spacing.max() < 2 else 0)
    lines = contour_lines(scipy.ndimage.gaussian_filter(plane, 0.6).T - 0.5)
    places = np.array([window.x[0], window.y[0]]) + step * lines
    return np.concatenate([places, np.full((len(lines), 2, 1), level)], axis=2)


def _plane(array: Array, grid: Grid, window: _Window, order: int) -> Array:
    """Sample an array on an axial plane, (M, N); ``order`` 0 takes the nearest voxel, 1 interpolates linearly."""
    places = np.stack(np.meshgrid(window.x, window.y, [window.level], indexing="ij"), axis=-1)[:, :, 0]
    ijk = np.moveaxis(grid.to_ijk(places), -1, 0)
    low = np.maximum(np.floor(ijk.reshape(3, -1).min(1)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(ijk.reshape(3, -1).max(1)).astype(int) + 2, array.shape)
    if (high <= low).any():
        return np.zeros((len(window.y), len(window.x)))
    part = np.asarray(array[low[0] : high[0], low[1] : high[1], low[2] : high[2]], dtype=np.float32)
    inside = ijk - low[:, None, None]
    return np.asarray(scipy.ndimage.map_coordinates(part, inside, order=order, mode="constant", cval=0.0)).T
