"""The bones from behind with the shortest distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ..anatomy.structures import definitions
from ..images.masks import Mask, block_mean
from ..images.surface import signed_distance
from ..measuring.definition import Kind
from ..measuring.registry import MEASUREMENTS
from ..study.result import StudyResult
from ..values import Array, Measured
from .picture import Drawing, Picture, Point

_BONES = ("hip", "femur")

_AXIAL_COLOR, _SPATIAL_COLOR = "#e0b000", "#d01818"


def bones_picture(study: StudyResult, step: float = 0.9) -> Picture | None:
    """Draw the bones seen from behind with the shortest distances; None where no landmark says where to look.

    Each pixel looks along the anterior direction and takes the first surface it meets; its slope gives the
    shade. Muscle and tendons are drawn half transparent. No graphics driver is needed.

    :param step: width of a pixel, millimeter.
    """
    view = _View.around(study, step)
    if view is None:
        return None
    drawing = Drawing(len(view.x), len(view.z))
    drawing.image(_shaded(study, view).astype(np.uint8).transpose(1, 0, 2)[::-1])
    for result in _distances(study):
        start, end = (view.pixel(point) for point in result.points_ras_mm)
        drawing.line(start, end, "black", 4.0)
        drawing.line(start, end, _SPATIAL_COLOR if result.slice_ras_s_mm is None else _AXIAL_COLOR, 2.2)
    drawing.text("L", (6, 18), 15, "start")
    drawing.text("R", (drawing.width - 6, 18), 15, "end")
    return drawing.picture(
        "The bones from behind (the patient's right is on the right), with the shortest distance in 3D (red)"
        " and in an axial plane (yellow) drawn through them."
    )


@dataclass(frozen=True)
class _View:
    """What is shown: a box from ``low`` to ``high`` (RAS millimeter), ``step`` millimeter a pixel."""

    low: Array
    high: Array
    step: float

    @classmethod
    def around(cls, study: StudyResult, step: float) -> _View | None:
        """The surroundings of both hips' trochanters and heads; None where none of them is known."""
        places = [
            np.array(place)
            for hip in study.hips.values()
            for name in ("lesser_trochanter_tip", "femoral_head_center")
            if (place := hip.landmarks[name].position_ras_mm) is not None
        ]
        if not places:
            return None
        low = np.min(places, axis=0) - [62.0, 75.0, 62.0]
        return cls(low, np.max(places, axis=0) + [62.0, 75.0, 40.0], step)

    @property
    def x(self) -> Array:
        """RAS coordinates of the columns of pixels, from the left."""
        return np.arange(self.low[0], self.high[0], self.step)

    @property
    def y(self) -> Array:
        """RAS coordinates along the lines of sight."""
        return np.arange(self.low[1], self.high[1], 2.0)

    @property
    def z(self) -> Array:
        """RAS coordinates of the rows of pixels, from below."""
        return np.arange(self.low[2], self.high[2], self.step)

    def pixel(self, point_ras: tuple[float, float, float]) -> Point:
        """Where a point lies in the picture."""
        across = (point_ras[0] - self.low[0]) / self.step + 0.5
        up = (point_ras[2] - self.low[2]) / self.step + 0.5
        return across, len(self.z) - up


def _shaded(study: StudyResult, view: _View) -> Array:
    """Colors (N, M, 3) in 0..255 of what the lines of sight meet at N columns and M rows; white where nothing."""
    color = np.full((len(view.x), len(view.z), 3), 255.0)
    depth = np.full(color.shape[:2], np.inf)
    masks = [(key, mask) for hip in study.hips.values() for key, mask in hip.masks.items()]
    for key, mask in sorted(masks, key=lambda item: item[0] not in _BONES):
        first = first_surface(mask, view.x, view.y, view.z)
        met = np.isfinite(first)
        slope = np.gradient(scipy.ndimage.gaussian_filter(np.where(met, first, view.high[1]), 0.8), view.step)
        shade = 0.28 + 0.72 / np.sqrt(1.0 + slope[0] ** 2 + slope[1] ** 2)
        paint = np.clip(shade[..., None] * np.array(definitions()[key].color), 0, 255)
        seen = met & (first < depth)
        opacity = 1.0 if key in _BONES else 0.5
        color[seen] = (1 - opacity) * color[seen] + opacity * paint[seen]
        if key in _BONES:
            depth[seen] = first[seen]
    return color


def _distances(study: StudyResult) -> list[Measured]:
    """The shortest distances between the bones that are drawn: in an axial plane, then in 3D, of each side."""
    of_bones = [m.id for m in MEASUREMENTS if m.kind is Kind.SPACE and m.space == "ifs" and m.drawn]
    results = [hip.results.get(name) for hip in study.hips.values() for name in of_bones]
    return [result for result in results if isinstance(result, Measured) and len(result.points_ras_mm) == 2]


def first_surface(mask: Mask, x: Array, y: Array, z: Array) -> Array:
    """Return where lines from behind first meet a mask.

    :param x: (N,) RAS coordinates of the lines, ``z`` (M,) the same.
    :param y: (K,) RAS coordinates along the lines, growing, at which the mask is looked for.
    :returns: (N, M) anterior coordinate, millimeter; infinite where the mask is not met.
    """
    factors = np.maximum(1, np.floor(2.2 / mask.grid.spacing)).astype(int)
    occupancy, grid = block_mean(mask.array, mask.grid, factors)
    phi = signed_distance(np.pad(occupancy, 2), grid.spacing, far=False)
    first = np.full((len(x), len(z)), np.inf)
    corners = grid.corners(0.5)
    low, high = corners.min(0) - 4.0, corners.max(0) + 4.0
    # only the lines that can meet it, and only where along them
    i, k = np.flatnonzero((x > low[0]) & (x < high[0])), np.flatnonzero((z > low[2]) & (z < high[2]))
    levels = y[(y > low[1]) & (y < high[1])]
    if not len(i) or not len(k) or not len(levels):
        return first
    xx, zz = np.meshgrid(x[i], z[k], indexing="ij")
    start = np.moveaxis(grid.to_ijk(np.stack([xx, np.zeros_like(xx), zz], axis=-1)), -1, 0) + 2.0
    per_mm = np.linalg.inv(grid.affine)[:3, 1][:, None, None]
    met_at = np.full(xx.shape, np.inf)
    before, place = np.full(xx.shape, -1.0), float(levels[0])
    for level in levels:
        now = scipy.ndimage.map_coordinates(phi, start + level * per_mm, order=1, mode="constant", cval=-1.0)
        met = (now > 0) & ~np.isfinite(met_at)
        share = before[met] / (before[met] - now[met])
        met_at[met] = place + np.clip(share, 0, 1) * (level - place)
        before, place = now, float(level)
    first[np.ix_(i, k)] = met_at
    return first
