"""The bones from behind with the shortest distances."""

from __future__ import annotations

import base64

import numpy as np
import scipy

from ..anatomy.structures import definitions
from ..images.masks import Mask, block_mean
from ..images.surface import signed_distance
from ..study.result import StudyResult
from ..values import Array, Measured
from .picture import Picture, png_bytes, svg_document


def bones_picture(study: StudyResult, step: float = 0.9) -> Picture | None:
    """Draw the bones seen from behind with the shortest distances; None where no landmark says where to look.

    Each pixel looks along the anterior direction and takes the first surface it meets; its slope gives the
    shade. Muscle and tendons are drawn half transparent. No graphics driver is needed.
    """
    places = [
        np.array(place)
        for hip in study.hips.values()
        for name in ("lesser_trochanter_tip", "femoral_head_center")
        if (place := hip.landmarks[name].position_ras_mm) is not None
    ]
    if not places:
        return None
    low, high = np.min(places, axis=0) - [62.0, 75.0, 62.0], np.max(places, axis=0) + [62.0, 75.0, 40.0]
    x, y, z = (np.arange(low[a], high[a], step if a != 1 else 2.0) for a in range(3))
    color = np.full((len(x), len(z), 3), 255.0)
    depth = np.full((len(x), len(z)), np.inf)
    ordered = sorted(
        ((key, mask) for hip in study.hips.values() for key, mask in hip.masks.items()),
        key=lambda item: item[0] not in ("hip", "femur"),
    )
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

    parts = [
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{base64.b64encode(png_bytes(pixels)).decode()}"/>'
    ]
    for hip in study.hips.values():
        for name, hue in (("ifs_axial", "#e0b000"), ("ifs_3d", "#d01818")):
            result = hip.results.get(name)
            if isinstance(result, Measured) and len(result.points_ras_mm) == 2:
                (x0, y0), (x1, y1) = (at(p) for p in result.points_ras_mm)
                for stroke, thickness in (("black", 4.0), (hue, 2.2)):
                    parts.append(
                        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{stroke}" stroke-width="{thickness}"/>'
                    )
    for word, edge, anchor in (("L", 6, "start"), ("R", width - 6, "end")):
        parts.append(f'<text x="{edge}" y="18" text-anchor="{anchor}" font-size="15">{word}</text>')
    caption = "The bones from behind (the patient's right is on the right), with the shortest distance in 3D (red) and in an axial plane (yellow) drawn through them."
    return Picture(caption, svg_document(width, height, parts, caption))


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
