"""Axial slices with outlines, lines and values."""

from __future__ import annotations

import base64
import html

import numpy as np
import scipy

from ..anatomy.structures import definitions
from ..images.grid import Grid
from ..images.masks import Mask
from ..images.surface import contour_lines
from ..study.result import HipResult, StudyResult
from ..values import Array, Measured, Side
from .picture import Picture, gray_levels, outlined_text, png_bytes, svg_document

_STEP_MM = 0.5


LINE_COLORS = {"ifs_axial": "#ffd23c", "qfs_axial": "#59d0ff"}


def _plane(array: Array, grid: Grid, x: Array, y: Array, level: float, order: int) -> Array:
    """Sample an array on an axial plane at the RAS coordinates x (N,), y (M,); (M, N)."""
    p = np.stack(np.meshgrid(x, y, [level], indexing="ij"), axis=-1)[:, :, 0]
    ijk = np.moveaxis(grid.to_ijk(p), -1, 0)
    low = np.maximum(np.floor(ijk.reshape(3, -1).min(1)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(ijk.reshape(3, -1).max(1)).astype(int) + 2, array.shape)
    if (high <= low).any():
        return np.zeros((len(y), len(x)))
    part = np.asarray(array[low[0] : high[0], low[1] : high[1], low[2] : high[2]], dtype=np.float32)
    return np.asarray(
        scipy.ndimage.map_coordinates(part, ijk - low[:, None, None], order=order, mode="constant", cval=0.0)
    ).T


def axial_picture(
    study: StudyResult,
    level: float,
    ids: tuple[str, ...] = ("ifs_axial", "qfs_axial"),
    sides: tuple[Side, ...] = tuple(Side),
) -> Picture:
    """Draw the axial plane at ``level`` (RAS S) with the outlines of the structures and the lines measured in it."""
    shown = [side for side in sides if side in study.hips]
    anchors = np.array(
        [
            lm.position_ras_mm
            for side in shown
            for lm in study.hips[side].landmarks.values()
            if lm.position_ras_mm is not None and abs(lm.position_ras_mm[2] - level) < 60
        ]
    )
    low, high = anchors.min(0) - 38.0, anchors.max(0) + 38.0
    x, y = np.arange(low[0], high[0], _STEP_MM), np.arange(low[1], high[1], _STEP_MM)
    width, height = len(x), len(y)
    if study.volume is not None:
        plane = _plane(study.volume.array, study.volume.grid, x, y, level, 1)
        bottom, top = gray_levels(study.volume.array)
        gray = np.clip((plane - bottom) / (top - bottom) * 255.0, 0, 255).astype(np.uint8)
    else:
        gray = np.full((height, width), 45, np.uint8)
    pixels = gray[::-1, ::-1]

    def at(points: Array) -> Array:
        return np.stack([(x[-1] - points[..., 0]) / _STEP_MM, (y[-1] - points[..., 1]) / _STEP_MM], axis=-1) + 0.5

    parts = [
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{base64.b64encode(png_bytes(pixels)).decode()}"/>'
    ]
    for side in shown:
        for key, mask in study.hips[side].masks.items():
            lines = _outline(mask, level)
            if not len(lines):
                continue
            path = "".join(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" for a, b in at(lines))
            color = "#{:02x}{:02x}{:02x}".format(*definitions()[key].color)
            parts.append(
                f'<path d="{path}" stroke="{color}" stroke-width="0.9" fill="none" opacity="0.9"><title>{html.escape(key)} {side.value}</title></path>'
            )
    for side in shown:
        for index, name in enumerate(ids):
            result = study.hips[side].results.get(name)
            if (
                not isinstance(result, Measured)
                or result.slice_ras_s_mm is None
                or abs(result.slice_ras_s_mm - level) > 1e-6
            ):
                continue
            a, b = at(np.array(result.points_ras_mm))
            color = LINE_COLORS.get(name, "#ffffff")
            dash = "" if index == 0 else ' stroke-dasharray="6 3"'
            label = f"{name[:3].upper()} {result.value:.1f} mm"
            middle = 0.5 * (a + b)
            up = 34 + 20 * index
            parts.append(
                f'<line x1="{a[0]:.2f}" y1="{a[1]:.2f}" x2="{b[0]:.2f}" y2="{b[1]:.2f}" stroke="black" stroke-width="4.5"/>'
            )
            parts.append(
                f'<line x1="{a[0]:.2f}" y1="{a[1]:.2f}" x2="{b[0]:.2f}" y2="{b[1]:.2f}" stroke="{color}" stroke-width="2"{dash}/>'
            )
            for end in (a, b):
                parts.append(f'<circle cx="{end[0]:.2f}" cy="{end[1]:.2f}" r="2.6" fill="{color}" stroke="black"/>')
            parts.append(outlined_text(label, middle[0], max(a[1], b[1]) + up, "middle", color, 15))
    for word, place, anchor in (("R", 6, "start"), ("L", width - 6, "end")):
        parts.append(outlined_text(word, place, 20, anchor, "white", 18))
    caption = f"Axial plane at S {level:.1f} mm; the patient's right is on the left."
    return Picture(caption, svg_document(width, height, parts, caption))


def _outline(mask: Mask, level: float) -> Array:
    """Outline of a mask in an axial plane, as drawn by its voxels' half-level; segments (N, 2, 3) RAS."""
    corners = mask.grid.corners(0.5)
    low, high = corners.min(0) - 1, corners.max(0) + 1
    if not low[2] + 1 <= level <= high[2] - 1:
        return np.zeros((0, 2, 3))
    h = max(0.5, 0.75 * float(mask.grid.spacing.min()))
    x, y = np.arange(low[0], high[0], h), np.arange(low[1], high[1], h)
    plane = _plane(mask.array, mask.grid, x, y, level, 1 if mask.grid.spacing.max() < 2 else 0)
    lines = contour_lines(scipy.ndimage.gaussian_filter(plane, 0.6).T - 0.5)
    return np.concatenate([np.array([x[0], y[0]]) + h * lines, np.full((len(lines), 2, 1), level)], axis=2)


def side_levels(hip: HipResult) -> list[float]:
    """Levels whose slices a report shows for one side: those of its axial minima."""
    levels = []
    for name in ("ifs_axial", "qfs_axial"):
        result = hip.results.get(name)
        if isinstance(result, Measured) and result.slice_ras_s_mm is not None and result.slice_ras_s_mm not in levels:
            levels.append(result.slice_ras_s_mm)
    return levels
