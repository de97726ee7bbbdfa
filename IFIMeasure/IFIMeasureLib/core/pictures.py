"""Pictures of a study: axial slices with their measurement lines, the bones in 3D, the profile, reference scales.

Slices and plots are SVG (the gray image inside as PNG), so that lines and words stay sharp in print. Images
follow the radiological convention: the patient's right on the left of the picture, anterior up.
"""

from __future__ import annotations

import base64
import datetime
import html
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkIOImage import vtkPNGWriter

from .anatomy import definitions
from .imaging import Grid, Mask
from .measurements import measurement
from .placement import block_mean
from .reference_values import ReferenceRow
from .spaces import Space
from .study import HipResult, StudyResult
from .surface import contour_lines, signed_distance
from .values import Array, Measured, Side

_STEP_MM = 0.5
LINE_COLORS = {"ifs_axial": "#ffd23c", "qfs_axial": "#59d0ff"}
SIDE_HEX = {Side.RIGHT: "#b35900", Side.LEFT: "#005a9c"}


@dataclass(frozen=True)
class Picture:
    """A picture as SVG text or PNG bytes, and what it shows, in words."""

    caption: str
    svg: str = ""
    png: bytes = b""


def png_bytes(pixels: Array) -> bytes:
    """Encode pixels (rows, columns) or (rows, columns, 3) uint8, top row first, as PNG."""
    rows, columns = pixels.shape[:2]
    image = vtkImageData()
    image.SetDimensions(columns, rows, 1)
    flat = np.ascontiguousarray(pixels[::-1]).reshape(rows * columns, -1)
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    writer = vtkPNGWriter()
    writer.WriteToMemoryOn()
    writer.SetInputData(image)
    writer.Write()
    return bytes(vtk_to_numpy(writer.GetResult()))


def _plane(array: Array, grid: Grid, x: Array, y: Array, level: float, order: int) -> Array:
    """Sample an array on an axial plane at the RAS coordinates x (N,), y (M,); (M, N)."""
    p = np.stack(np.meshgrid(x, y, [level], indexing="ij"), axis=-1)[:, :, 0]
    ijk = np.moveaxis(grid.to_ijk(p), -1, 0)
    low = np.maximum(np.floor(ijk.reshape(3, -1).min(1)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(ijk.reshape(3, -1).max(1)).astype(int) + 2, array.shape)
    if (high <= low).any():
        return np.zeros((len(y), len(x)))
    part = np.asarray(array[low[0] : high[0], low[1] : high[1], low[2] : high[2]], dtype=np.float32)
    return np.asarray(scipy.ndimage.map_coordinates(part, ijk - low[:, None, None], order=order, mode="constant", cval=0.0)).T


def axial_picture(study: StudyResult, level: float, ids: tuple[str, ...] = ("ifs_axial", "qfs_axial"), sides: tuple[Side, ...] = tuple(Side)) -> Picture:
    """Draw the axial plane at ``level`` (RAS S) with the outlines of the structures and the lines measured in it."""
    shown = [side for side in sides if side in study.hips]
    anchors = np.array(
        [lm.position_ras_mm for side in shown for lm in study.hips[side].landmarks.values() if lm.position_ras_mm is not None and abs(lm.position_ras_mm[2] - level) < 60]
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

    parts = [f'<image width="{width}" height="{height}" href="data:image/png;base64,{base64.b64encode(png_bytes(pixels)).decode()}"/>']
    for side in shown:
        for key, mask in study.hips[side].masks.items():
            lines = _outline(mask, level)
            if not len(lines):
                continue
            path = "".join(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" for a, b in at(lines))
            color = "#{:02x}{:02x}{:02x}".format(*definitions()[key].color)
            parts.append(f'<path d="{path}" stroke="{color}" stroke-width="0.9" fill="none" opacity="0.9"><title>{html.escape(key)} {side.value}</title></path>')
    for side in shown:
        for index, name in enumerate(ids):
            result = study.hips[side].results.get(name)
            if not isinstance(result, Measured) or result.slice_ras_s_mm is None or abs(result.slice_ras_s_mm - level) > 1e-6:
                continue
            a, b = at(np.array(result.points_ras_mm))
            color = LINE_COLORS.get(name, "#ffffff")
            dash = "" if index == 0 else ' stroke-dasharray="6 3"'
            label = f"{name[:3].upper()} {result.value:.1f} mm"
            middle = 0.5 * (a + b)
            up = 34 + 20 * index
            parts.append(f'<line x1="{a[0]:.2f}" y1="{a[1]:.2f}" x2="{b[0]:.2f}" y2="{b[1]:.2f}" stroke="black" stroke-width="4.5"/>')
            parts.append(f'<line x1="{a[0]:.2f}" y1="{a[1]:.2f}" x2="{b[0]:.2f}" y2="{b[1]:.2f}" stroke="{color}" stroke-width="2"{dash}/>')
            for end in (a, b):
                parts.append(f'<circle cx="{end[0]:.2f}" cy="{end[1]:.2f}" r="2.6" fill="{color}" stroke="black"/>')
            parts.append(_outlined(label, middle[0], max(a[1], b[1]) + up, "middle", color, 15))
    for word, place, anchor in (("R", 6, "start"), ("L", width - 6, "end")):
        parts.append(_outlined(word, place, 20, anchor, "white", 18))
    caption = f"Axial plane at S {level:.1f} mm; the patient's right is on the left."
    return Picture(caption, _svg(width, height, parts, caption))


def _svg(width: float, height: float, parts: list[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" font-family="sans-serif"><title>{html.escape(title)}</title>{"".join(parts)}</svg>'
    )


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


def _outlined(text: str, x: float, y: float, anchor: str, color: str, size: int) -> str:
    """Text with a dark outline, drawn in two passes: not every program that prints SVG knows the order of painting."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {place} fill="black" stroke="black" stroke-width="3" aria-hidden="true">{text}</text><text {place} fill="{color}">{text}</text>'


def gray_levels(array: Array) -> tuple[float, float]:
    """Return gray levels between which an image shows well: its 1st and 99th percentile, of some 96 voxels along each axis."""
    sample = array[tuple(slice(None, None, max(1, n // 96)) for n in array.shape)]
    low, high = np.percentile(sample, [1.0, 99.0])
    return float(low), float(max(high, low + 1e-3))


def bones_picture(study: StudyResult, step: float = 0.9) -> Picture | None:
    """Draw the bones seen from behind with the shortest distances; None where no landmark says where to look.

    Each pixel looks along the anterior direction and takes the first surface it meets; its slope gives the
    shade. Muscle and tendons are drawn half transparent. No graphics driver is needed.
    """
    places = [
        np.array(place) for hip in study.hips.values() for name in ("lesser_trochanter_tip", "femoral_head_center") if (place := hip.landmarks[name].position_ras_mm) is not None
    ]
    if not places:
        return None
    low, high = np.min(places, axis=0) - [62.0, 75.0, 62.0], np.max(places, axis=0) + [62.0, 75.0, 40.0]
    x, y, z = (np.arange(low[a], high[a], step if a != 1 else 2.0) for a in range(3))
    color = np.full((len(x), len(z), 3), 255.0)
    depth = np.full((len(x), len(z)), np.inf)
    ordered = sorted(((key, mask) for hip in study.hips.values() for key, mask in hip.masks.items()), key=lambda item: item[0] not in ("hip", "femur"))
    for key, mask in ordered:
        first = first_surface(mask, x, y, z)
        slope = np.gradient(scipy.ndimage.gaussian_filter(np.where(np.isfinite(first), first, high[1]), 0.8), step)
        shade = 0.28 + 0.72 / np.sqrt(1.0 + slope[0] ** 2 + slope[1] ** 2)
        seen = np.isfinite(first) & (first < depth)
        opacity = 1.0 if key in ("hip", "femur") else 0.5
        paint = np.clip(shade[..., None] * np.array(definitions()[key].color), 0, 255)
        color[seen] = (1 - opacity) * color[seen] + opacity * paint[seen]
        if opacity == 1.0:
            depth[seen] = first[seen]
    width, height = len(x), len(z)
    pixels = color.astype(np.uint8).transpose(1, 0, 2)[::-1]

    def at(point: tuple[float, float, float]) -> tuple[float, float]:
        return (point[0] - low[0]) / step + 0.5, height - (point[2] - low[2]) / step - 0.5

    parts = [f'<image width="{width}" height="{height}" href="data:image/png;base64,{base64.b64encode(png_bytes(pixels)).decode()}"/>']
    for hip in study.hips.values():
        for name, hue in (("ifs_axial", "#e0b000"), ("ifs_3d", "#d01818")):
            result = hip.results.get(name)
            if isinstance(result, Measured) and len(result.points_ras_mm) == 2:
                (x0, y0), (x1, y1) = (at(p) for p in result.points_ras_mm)
                for stroke, thickness in (("black", 4.0), (hue, 2.2)):
                    parts.append(f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{stroke}" stroke-width="{thickness}"/>')
    for word, edge, anchor in (("L", 6, "start"), ("R", width - 6, "end")):
        parts.append(f'<text x="{edge}" y="18" text-anchor="{anchor}" font-size="15">{word}</text>')
    caption = "The bones from behind (the patient's right is on the right), with the shortest distance in 3D (red) and in an axial plane (yellow) drawn through them."
    return Picture(caption, _svg(width, height, parts, caption))


def first_surface(mask: Mask, x: Array, y: Array, z: Array) -> Array:
    """Anterior coordinate at which a line from behind meets the mask, for each x and z; infinite where it does not."""
    factors = np.maximum(1, np.floor(2.2 / mask.grid.spacing)).astype(int)
    occupancy, grid = block_mean(mask.array, mask.grid, factors)
    phi = signed_distance(np.pad(occupancy, 2), grid.spacing, far=False)
    first = np.full((len(x), len(z)), np.inf)
    corners = grid.corners(0.5)
    low, high = corners.min(0) - 4.0, corners.max(0) + 4.0  # the lines that can meet it, and where along them
    i, k = (np.flatnonzero((axis > low[a]) & (axis < high[a])) for axis, a in ((x, 0), (z, 2)))
    levels = y[(y > low[1]) & (y < high[1])]
    if not len(i) or not len(k) or not len(levels):
        return first
    xx, zz = np.meshgrid(x[i], z[k], indexing="ij")
    start = np.moveaxis(grid.to_ijk(np.stack([xx, np.zeros_like(xx), zz], axis=-1)), -1, 0) + 2.0
    per_mm = np.linalg.inv(grid.affine)[:3, 1][:, None, None]
    met_at, before, place = np.full(xx.shape, np.inf), np.full(xx.shape, -1.0), float(levels[0])
    for level in levels:
        now = scipy.ndimage.map_coordinates(phi, start + level * per_mm, order=1, mode="constant", cval=-1.0)
        met = (now > 0) & ~np.isfinite(met_at)
        share = before[met] / (before[met] - now[met])
        met_at[met] = place + np.clip(share, 0, 1) * (level - place)
        before, place = now, float(level)
    first[np.ix_(i, k)] = met_at
    return first


def profile_picture(study: StudyResult, cutoffs: dict[str, float]) -> Picture | None:
    """Plot the spaces along the axial planes, offset from the tip of the lesser trochanter; cutoffs as dotted lines."""
    series = []
    for side, hip in study.hips.items():
        tip = hip.landmarks["lesser_trochanter_tip"].position_ras_mm
        for name, space in hip.spaces.items():
            if not isinstance(space, Space) or tip is None:
                continue
            points = [(p.level_mm - tip[2], p.distance_mm) for p in space.profile if p.distance_mm is not None]
            if points:
                series.append((side, name, points))
    if not series:
        return None
    width, height, left, bottom = 760.0, 320.0, 52.0, 44.0
    values = [v for _, _, points in series for _, v in points]
    offsets = [u for _, _, points in series for u, _ in points]
    top_value = 10.0 * np.ceil((max(*values, *cutoffs.values()) + 3.0) / 10.0)
    low, high = min(offsets) - 1.0, max(offsets) + 1.0

    def px(u: float, v: float) -> tuple[float, float]:
        return left + (u - low) / (high - low) * (width - left - 150.0), height - bottom - v / top_value * (height - bottom - 12.0)

    parts = ['<rect width="760" height="320" fill="white"/>']
    for v in np.arange(0.0, top_value + 1e-6, 10.0 if top_value > 30 else 5.0):
        (x0, y0), (x1, _) = px(low, v), px(high, v)
        parts.append(f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y0:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y0 + 4:.1f}" text-anchor="end" font-size="12">{v:g}</text>')
    for u in np.arange(np.ceil(low / 5) * 5, high, 5.0):
        x0, y0 = px(u, 0.0)
        parts.append(f'<text x="{x0:.1f}" y="{y0 + 17:.1f}" text-anchor="middle" font-size="12">{u:g}</text>')
    for name, cutoff in cutoffs.items():
        (x0, y0), (x1, _) = px(low, cutoff), px(high, cutoff)
        parts.append(f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y0:.1f}" stroke="#555555" stroke-dasharray="2 4"/>')
        parts.append(f'<text x="{x1 + 6:.1f}" y="{y0 + 4:.1f}" font-size="12" fill="#333333">{name.upper()} cutoff {cutoff:g} mm</text>')
    for index, (side, name, points) in enumerate(series):
        path = " ".join("{:.1f},{:.1f}".format(*px(u, v)) for u, v in points)
        dash = "" if name == "ifs" else ' stroke-dasharray="7 4"'
        color = SIDE_HEX[side]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{dash}/>')
        for u, v in points:
            cx, cy = px(u, v)
            mark = (
                f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="3" fill="{color}"/>'
                if side is Side.RIGHT
                else f'<rect x="{cx - 3:.1f}" y="{cy - 3:.1f}" width="6" height="6" fill="white" stroke="{color}" stroke-width="1.5"/>'
            )
            parts.append(mark)
        ly = 22.0 + 18.0 * index
        parts.append(f'<line x1="{width - 140}" y1="{ly}" x2="{width - 108}" y2="{ly}" stroke="{color}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{width - 102}" y="{ly + 4}" font-size="12">{name.upper()} {side.value}</text>')
    parts.append(f'<text x="{(left + width - 150) / 2:.0f}" y="{height - 8}" text-anchor="middle" font-size="13">above the tip of the lesser trochanter (mm)</text>')
    parts.append(f'<text x="14" y="{height / 2:.0f}" text-anchor="middle" font-size="13" transform="rotate(-90 14 {height / 2:.0f})">space (mm)</text>')
    caption = "Space in each axial plane through the lesser trochanter; dots: right, squares: left."
    return Picture(caption, _svg(width, height, parts, caption))


def histogram_picture(counts: dict[Side, tuple[int, ...]], source: str) -> Picture:
    """Draw which share of each muscle's voxels has which fat fraction, in twentieths."""
    width, height, left, bottom = 760.0, 220.0, 52.0, 44.0
    shares = {side: np.array(of, float) / max(sum(of), 1) for side, of in counts.items()}
    top = max(0.1, *(float(of.max()) for of in shares.values()))
    parts = [f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>']
    step = (width - left - 150.0) / 20.0
    for index, (side, of) in enumerate(shares.items()):
        for n, share in enumerate(of):
            tall = share / top * (height - bottom - 14.0)
            x = left + n * step + index * step / len(shares)
            fill = SIDE_HEX[side] if side is Side.RIGHT else "white"
            parts.append(f'<rect x="{x:.1f}" y="{height - bottom - tall:.1f}" width="{0.9 * step / len(shares):.1f}" height="{tall:.1f}" fill="{fill}" stroke="{SIDE_HEX[side]}"/>')
        y = 22.0 + 18.0 * index
        fill = SIDE_HEX[side] if side is Side.RIGHT else "white"
        parts.append(f'<rect x="{width - 140}" y="{y - 10}" width="12" height="12" fill="{fill}" stroke="{SIDE_HEX[side]}"/>')
        parts.append(f'<text x="{width - 120}" y="{y}" font-size="12">{side.value}</text>')
    for percent in range(0, 101, 10):
        parts.append(f'<text x="{left + percent / 5 * step:.1f}" y="{height - bottom + 16:.1f}" text-anchor="middle" font-size="12">{percent}</text>')
    for share in (0.0, top / 2, top):
        y = height - bottom - share / top * (height - bottom - 14.0)
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" font-size="12">{100 * share:.0f}</text>')
    parts.append(f'<text x="{left + 10 * step:.0f}" y="{height - 8:.0f}" text-anchor="middle" font-size="13">fat fraction (%)</text>')
    parts.append(f'<text x="14" y="{height / 2:.0f}" text-anchor="middle" font-size="13" transform="rotate(-90 14 {height / 2:.0f})">voxels (%)</text>')
    caption = f"Fat fraction of the voxels of the quadratus femoris; filled: right, open: left. From {source}."
    return Picture(caption, _svg(width, height, parts, caption))


def trend_picture(title: str, unit: str, points: dict[Side, list[tuple[datetime.date, float]]], repeatability: Callable[[float], float] | None) -> Picture:
    """Plot a measurement over the dates of the examinations, with the measurement error of the first as a band.

    :param repeatability: from the first value to the change that measurement error alone can make; None where it is not known.
    """
    width, height, left, bottom = 760.0, 260.0, 58.0, 44.0
    days = [day.toordinal() for of in points.values() for day, _ in of]
    first_day, last_day = min(days), max(days)
    span = max(last_day - first_day, 1)
    bands = {side: (of[0][1], repeatability(of[0][1])) for side, of in points.items() if repeatability is not None}
    values = [v for of in points.values() for _, v in of] + [v + s * d for v, d in bands.values() for s in (-1, 1)]
    low, high = min(values), max(values)
    pad = 0.12 * max(high - low, 0.02 * abs(high), 1e-6)
    low, high = low - pad, high + pad

    def px(day: int, v: float) -> tuple[float, float]:
        return left + 14.0 + (day - first_day) / span * (width - left - 178.0), height - bottom - (v - low) / (high - low) * (height - bottom - 14.0)

    parts = [f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>']
    for side, (value, change) in bands.items():
        (x0, y0), (x1, y1) = px(first_day, value + change), px(last_day, value - change)
        parts.append(
            f'<rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}" fill="{SIDE_HEX[side]}" fill-opacity="0.10" stroke="{SIDE_HEX[side]}" stroke-dasharray="2 4"/>'
        )
    for v in np.linspace(low + pad, high - pad, 5):
        x, y = px(first_day, float(v))
        parts.append(f'<text x="{left}" y="{y + 4:.1f}" text-anchor="end" font-size="12">{v:.3g}</text>')
    for day in sorted(set(days)):
        x, y = px(day, low)
        parts.append(f'<line x1="{x:.1f}" y1="14" x2="{x:.1f}" y2="{height - bottom:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - bottom + 16:.1f}" text-anchor="middle" font-size="12">{datetime.date.fromordinal(day).isoformat()}</text>')
    for index, (side, of) in enumerate(points.items()):
        color = SIDE_HEX[side]
        places = [px(day.toordinal(), v) for day, v in of]
        dash = "" if side is Side.RIGHT else ' stroke-dasharray="7 4"'
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{dash}/>')
        for x, y in places:
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>'
                if side is Side.RIGHT
                else f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="white" stroke="{color}" stroke-width="1.5"/>'
            )
        parts.append(f'<line x1="{width - 140}" y1="{22 + 18 * index}" x2="{width - 108}" y2="{22 + 18 * index}" stroke="{color}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{width - 102}" y="{26 + 18 * index}" font-size="12">{side.value}</text>')
    parts.append(f'<text x="14" y="{height / 2:.0f}" text-anchor="middle" font-size="13" transform="rotate(-90 14 {height / 2:.0f})">{html.escape(unit.strip() or "value")}</text>')
    band = "; shaded: what measurement error alone can make of the first value" if bands else ""
    caption = f"{title} over time (dots: right, squares: left{band})."
    return Picture(caption, _svg(width, height, parts, caption))


def scale_picture(measurement_id: str, values: dict[Side, float], rows: list[ReferenceRow]) -> Picture:
    """Draw published means ± SD and cutoffs on one scale with the measured values of both sides."""
    drawn = [row for row in rows if row.cutoff_mm is not None or (row.mean_mm is not None and row.sd_mm is not None)]
    cutoffs = sorted({(row.cutoff_mm, row.study) for row in rows if row.cutoff_mm is not None})
    top = max([*(row.mean_mm + 1.3 * row.sd_mm for row in drawn if row.mean_mm is not None and row.sd_mm is not None), *values.values(), *(c[0] for c in cutoffs)], default=40.0)
    width, left = 760.0, 225.0
    height = 62.0 + 17.0 * len(drawn)

    def px(v: float) -> float:
        return left + v / (1.08 * top) * (width - left - 20.0)

    parts = [f'<rect width="{width}" height="{height}" fill="white"/>']
    for index, row in enumerate(drawn):
        y = 40.0 + 17.0 * index
        who = {"F": ", women", "M": ", men", None: ""}[row.sex]
        gray = "#666666" if row.group == "control" else "#111111"
        parts.append(f'<text x="{left - 10}" y="{y + 4}" text-anchor="end" font-size="12">{html.escape(row.study)}, {row.group}{who}</text>')
        if row.mean_mm is not None and row.sd_mm is not None:
            x0, x1, thick = px(row.mean_mm - row.sd_mm), px(row.mean_mm + row.sd_mm), 2 if row.group == "control" else 5
            parts.append(f'<line x1="{x0:.1f}" y1="{y}" x2="{x1:.1f}" y2="{y}" stroke="{gray}" stroke-width="{thick}"/>')
            fill = "white" if row.group == "control" else gray
            parts.append(f'<circle cx="{px(row.mean_mm):.1f}" cy="{y}" r="4" fill="{fill}" stroke="{gray}" stroke-width="1.5"/>')
        if row.cutoff_mm is not None:
            cx = px(row.cutoff_mm)
            parts.append(f'<path d="M{cx:.1f} {y - 5}L{cx + 5:.1f} {y}L{cx:.1f} {y + 5}L{cx - 5:.1f} {y}Z" fill="white" stroke="#555555" stroke-width="1.5"/>')
    for cutoff, study in cutoffs:
        assert cutoff is not None
        parts.append(
            f'<line x1="{px(cutoff):.1f}" y1="28" x2="{px(cutoff):.1f}" y2="{height - 22}" stroke="#555555" stroke-dasharray="2 4"><title>{html.escape(study)}</title></line>'
        )
    for side, value in values.items():
        parts.append(f'<line x1="{px(value):.1f}" y1="22" x2="{px(value):.1f}" y2="{height - 22}" stroke="{SIDE_HEX[side]}" stroke-width="2.5"/>')
        anchor, shift = (
            ("start", 3) if (side is Side.LEFT and len(values) > 1 and value >= values[Side.RIGHT]) or (side is Side.RIGHT and value >= max(values.values())) else ("end", -3)
        )
        parts.append(f'<text x="{px(value) + shift:.1f}" y="16" text-anchor="{anchor}" font-size="13" fill="{SIDE_HEX[side]}">{side.value} {value:.1f}</text>')
    step = 5.0 if top < 60 else 10.0
    for v in np.arange(0.0, 1.05 * top, step):
        parts.append(f'<text x="{px(v):.1f}" y="{height - 6}" text-anchor="middle" font-size="11">{v:g}</text>')
    caption = f"{measurement(measurement_id).title} in mm beside published groups (mean ± SD; thick: impingement, thin: control; diamonds and dotted lines: cutoffs)."
    return Picture(caption, _svg(width, height, parts, caption))


def side_levels(hip: HipResult) -> list[float]:
    """Levels whose slices a report shows for one side: those of its axial minima."""
    levels = []
    for name in ("ifs_axial", "qfs_axial"):
        result = hip.results.get(name)
        if isinstance(result, Measured) and result.slice_ras_s_mm is not None and result.slice_ras_s_mm not in levels:
            levels.append(result.slice_ras_s_mm)
    return levels
