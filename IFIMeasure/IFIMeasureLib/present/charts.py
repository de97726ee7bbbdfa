"""Charts: profile along the slices, fat histogram, trends, values beside published ones.

Right and left differ by color and by form (filled or solid against open or dashed), so that they stay apart in gray.
"""

from __future__ import annotations

import datetime
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..anatomy.reference_values import ReferenceRow
from ..measuring.registry import measurement
from ..measuring.spaces import Space
from ..study.result import StudyResult
from ..values import Side
from .picture import Drawing, Picture, Point

Limits = tuple[datetime.date, float, float]
"""Date of an examination, and the lowest and highest value there that is within error of the first examination's."""

SIDE_HEX = {Side.RIGHT: "#b35900", Side.LEFT: "#005a9c"}

_GRID = "#dddddd"
_QUIET = "#555555"
_DOTTED = "2 4"
_DASHED = "7 4"

_WIDTH = 760.0
_LEGEND = 150.0
"""Room for the legend at the right."""

_BOTTOM = 44.0
"""Room below for the numbers and the name of the horizontal axis."""

_ROW = 17.0
"""Height of a published group's row."""


@dataclass(frozen=True)
class _Axis:
    """Where values of an axis lie in the drawing: ``low`` at the pixel ``start``, ``high`` at ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


# -- the profile along the slices ---------------------------------------------------------------------------------


def profile_picture(study: StudyResult, cutoffs: dict[str, float]) -> Picture | None:
    """Plot the spaces along the axial planes, offset from the tip of the lesser trochanter.

    :param cutoffs: of spaces, by name, millimeter; drawn as dotted lines.
    :returns: None where no space was measured.
    """
    curves = _profile_curves(study)
    if not curves:
        return None
    drawing = Drawing(_WIDTH, 320.0)
    drawing.background("white")
    offsets = [offset for curve in curves for offset, _ in curve.points]
    distances = [distance for curve in curves for _, distance in curve.points]
    highest = 10.0 * np.ceil((max(*distances, *cutoffs.values()) + 3.0) / 10.0)
    across = _Axis(min(offsets) - 1.0, max(offsets) + 1.0, 52.0, _WIDTH - _LEGEND)
    up = _Axis(0.0, float(highest), drawing.height - _BOTTOM, 12.0)
    _profile_grid(drawing, across, up)
    for space, cutoff in cutoffs.items():
        y = up.at(cutoff)
        drawing.line((across.start, y), (across.end, y), _QUIET, dash=_DOTTED)
        drawing.text(f"{space.upper()} cutoff {cutoff:g} mm", (across.end + 6.0, y + 4.0), 12, fill="#333333")
    for number, curve in enumerate(curves):
        places = [(across.at(offset), up.at(distance)) for offset, distance in curve.points]
        dash = None if curve.space == "ifs" else _DASHED
        _curve(drawing, places, curve.side, dash, 6.0)
        _legend_line(drawing, number, f"{curve.space.upper()} {curve.side.value}", curve.side, dash)
    middle = 0.5 * (across.start + across.end)
    drawing.text("above the tip of the lesser trochanter (mm)", (middle, drawing.height - 8.0), 13, "middle")
    _vertical_title(drawing, "space (mm)")
    return drawing.picture("Space in each axial plane through the lesser trochanter; dots: right, squares: left.")


@dataclass(frozen=True)
class _ProfileCurve:
    """One space of one side: pairs of level above the trochanter's tip and distance, millimeter."""

    side: Side
    space: str
    points: list[Point]


def _profile_curves(study: StudyResult) -> list[_ProfileCurve]:
    curves = []
    for side, hip in study.hips.items():
        tip = hip.landmarks["lesser_trochanter_tip"].position_ras_mm
        for name, space in hip.spaces.items():
            if not isinstance(space, Space) or tip is None:
                continue
            points = [(p.level_mm - tip[2], p.distance_mm) for p in space.profile if p.distance_mm is not None]
            if points:
                curves.append(_ProfileCurve(side, name, points))
    return curves


def _profile_grid(drawing: Drawing, across: _Axis, up: _Axis) -> None:
    step = 10.0 if up.high > 30 else 5.0
    for distance in np.arange(0.0, up.high + 1e-6, step):
        y = up.at(distance)
        drawing.line((across.start, y), (across.end, y), _GRID)
        drawing.text(f"{distance:g}", (across.start - 8.0, y + 4.0), 12, "end")
    for offset in np.arange(np.ceil(across.low / 5) * 5, across.high, 5.0):
        drawing.text(f"{offset:g}", (across.at(offset), up.start + 17.0), 12, "middle")


# -- the histogram of the fat fraction ----------------------------------------------------------------------------


def histogram_picture(counts: dict[Side, tuple[int, ...]], source: str) -> Picture:
    """Draw which share of each muscle's voxels has which fat fraction.

    :param counts: of voxels in each twentieth from 0 to 1, by side.
    :param source: what the fat fraction was read from, in words.
    """
    drawing = Drawing(_WIDTH, 220.0)
    drawing.background("white")
    shares = {side: np.array(of, float) / max(sum(of), 1) for side, of in counts.items()}
    highest = max(0.1, *(float(of.max()) for of in shares.values()))
    across = _Axis(0.0, 20.0, 52.0, _WIDTH - _LEGEND)
    up = _Axis(0.0, highest, drawing.height - _BOTTOM, 14.0)
    step = (across.end - across.start) / 20.0
    width = step / len(shares)
    for number, (side, of) in enumerate(shares.items()):
        fill = SIDE_HEX[side] if side is Side.RIGHT else "white"
        for n, share in enumerate(of):
            corner = (across.start + n * step + number * width, up.at(share))
            drawing.rectangle(corner, 0.9 * width, up.start - up.at(share), fill, stroke=SIDE_HEX[side])
        y = 22.0 + 18.0 * number
        drawing.rectangle((_WIDTH - 140.0, y - 10.0), 12, 12, fill, stroke=SIDE_HEX[side])
        drawing.text(side.value, (_WIDTH - 120.0, y), 12)
    for percent in range(0, 101, 10):
        drawing.text(f"{percent}", (across.at(percent / 5), up.start + 16.0), 12, "middle")
    for share in (0.0, highest / 2, highest):
        drawing.text(f"{100 * share:.0f}", (across.start - 8.0, up.at(share) + 4.0), 12, "end")
    drawing.text("fat fraction (%)", (across.at(10.0), drawing.height - 8.0), 13, "middle")
    _vertical_title(drawing, "voxels (%)")
    return drawing.picture(
        f"Fat fraction of the voxels of the quadratus femoris; filled: right, open: left. From {source}."
    )


# -- a measurement over time --------------------------------------------------------------------------------------


def trend_picture(
    title: str,
    unit: str,
    points: dict[Side, list[tuple[datetime.date, float]]],
    bands: Mapping[Side, Sequence[Limits]],
) -> Picture:
    """Plot a measurement over the dates of the examinations, with the limits of each verdict as a band.

    :param bands: of each later examination, the lowest and highest value within error of the first one; a side without
        verdicts has none.
    """
    drawing = Drawing(_WIDTH, 260.0)
    drawing.background("white")
    days = sorted({day.toordinal() for of in points.values() for day, _ in of})
    across = _Axis(days[0], days[0] + max(days[-1] - days[0], 1), 72.0, _WIDTH - 164.0)
    ends = [end for of in bands.values() for _, *limits in of for end in limits if math.isfinite(end)]
    values = [value for of in points.values() for _, value in of] + ends
    low, high = min(values), max(values)
    pad = 0.12 * max(high - low, 0.02 * abs(high), 1e-6)
    up = _Axis(low - pad, high + pad, drawing.height - _BOTTOM, 14.0)
    for side, limits in bands.items():
        _error_band(drawing, side, points[side][0][0], limits, across, up)
    for value in np.linspace(low, high, 5):
        drawing.text(f"{value:.3g}", (58.0, up.at(float(value)) + 4.0), 12, "end")
    for day in days:
        x = across.at(day)
        drawing.line((x, up.end), (x, up.start), _GRID)
        drawing.text(datetime.date.fromordinal(day).isoformat(), (x, up.start + 16.0), 12, "middle")
    for number, (side, of) in enumerate(points.items()):
        dash = None if side is Side.RIGHT else _DASHED
        _curve(drawing, [(across.at(day.toordinal()), up.at(value)) for day, value in of], side, dash, 8.0)
        _legend_line(drawing, number, side.value, side, dash)
    _vertical_title(drawing, unit.strip() or "value")
    about = "; shaded: what measurement error alone can make of the first value" if bands else ""
    return drawing.picture(f"{title} over time (dots: right, squares: left{about}).")


def _error_band(
    drawing: Drawing, side: Side, start: datetime.date, limits: Sequence[Limits], across: _Axis, up: _Axis
) -> None:
    """The band of values within error, from the first examination's date on; each step is that of its verdict."""
    color = SIDE_HEX[side]
    before = across.at(start.toordinal())
    for day, low, high in limits:
        x, top, bottom = across.at(day.toordinal()), max(up.at(high), up.end), up.at(low)
        size = (x - before, bottom - top)
        drawing.rectangle((before, top), *size, color, fill_opacity=0.1, stroke=color, stroke_dasharray=_DOTTED)
        before = x


# -- values beside published ones ---------------------------------------------------------------------------------


def scale_picture(measurement_id: str, values: dict[Side, float], rows: list[ReferenceRow]) -> Picture:
    """Draw published means ± SD and cutoffs on one scale with the measured values, all in millimeter."""
    drawn = [row for row in rows if row.cutoff_mm is not None or (row.mean_mm is not None and row.sd_mm is not None)]
    cutoffs = sorted({(row.cutoff_mm, row.study) for row in rows if row.cutoff_mm is not None})
    upper_ends = [row.mean_mm + 1.3 * row.sd_mm for row in drawn if row.mean_mm is not None and row.sd_mm is not None]
    top = max([*upper_ends, *values.values(), *(cutoff for cutoff, _ in cutoffs)], default=40.0)
    drawing = Drawing(_WIDTH, 62.0 + _ROW * len(drawn))
    drawing.background("white")
    across = _Axis(0.0, 1.08 * top, 225.0, _WIDTH - 20.0)
    for number, row in enumerate(drawn):
        _published(drawing, row, 40.0 + _ROW * number, across)
    bottom = drawing.height - 22.0
    for cutoff, study in cutoffs:
        x = across.at(cutoff)
        name = f"<title>{html.escape(study)}</title>"
        drawing.add("line", name, x1=x, y1=28, x2=x, y2=bottom, stroke=_QUIET, stroke_dasharray=_DOTTED)
    for side, value in values.items():
        x = across.at(value)
        drawing.line((x, 22.0), (x, bottom), SIDE_HEX[side], 2.5)
        anchor, shift = ("start", 3.0) if _is_right_of_the_other(side, values) else ("end", -3.0)
        drawing.text(f"{side.value} {value:.1f}", (x + shift, 16.0), 13, anchor, fill=SIDE_HEX[side])
    for tick in np.arange(0.0, 1.05 * top, 5.0 if top < 60 else 10.0):
        drawing.text(f"{tick:g}", (across.at(tick), drawing.height - 6.0), 11, "middle")
    return drawing.picture(
        f"{measurement(measurement_id).title} in mm beside published groups"
        " (mean ± SD; thick: impingement, thin: control; diamonds and dotted lines: cutoffs)."
    )


def _published(drawing: Drawing, row: ReferenceRow, y: float, across: _Axis) -> None:
    """One published group: its name, mean ± SD and cutoff."""
    control = row.group == "control"
    gray = "#666666" if control else "#111111"
    who = {"F": ", women", "M": ", men", None: ""}[row.sex]
    drawing.text(f"{row.study}, {row.group}{who}", (across.start - 10.0, y + 4.0), 12, "end")
    if row.mean_mm is not None and row.sd_mm is not None:
        low, high = across.at(row.mean_mm - row.sd_mm), across.at(row.mean_mm + row.sd_mm)
        drawing.line((low, y), (high, y), gray, 2 if control else 5)
        fill = "white" if control else gray
        drawing.circle((across.at(row.mean_mm), y), 4, fill, stroke=gray, stroke_width=1.5)
    if row.cutoff_mm is not None:
        x = across.at(row.cutoff_mm)
        diamond = f"M{x:.1f} {y - 5}L{x + 5:.1f} {y}L{x:.1f} {y + 5}L{x - 5:.1f} {y}Z"
        drawing.add("path", d=diamond, fill="white", stroke=_QUIET, stroke_width=1.5)


def _is_right_of_the_other(side: Side, values: dict[Side, float]) -> bool:
    """Whether a side's text goes to the right of its line, away from the other's; that of the left side where equal."""
    if side is Side.RIGHT:
        return values[side] >= max(values.values())
    return len(values) > 1 and values[side] >= values[Side.RIGHT]


# -- what several charts have -------------------------------------------------------------------------------------


def _curve(drawing: Drawing, places: Iterable[Point], side: Side, dash: str | None, size: float) -> None:
    """A line with its points: dots for the right side, open squares for the left."""
    places = list(places)
    color = SIDE_HEX[side]
    drawing.polyline(places, color, 2, dash)
    for x, y in places:
        if side is Side.RIGHT:
            drawing.circle((x, y), 0.5 * size, color)
        else:
            corner = (x - 0.5 * size, y - 0.5 * size)
            drawing.rectangle(corner, size, size, "white", stroke=color, stroke_width=1.5)


def _legend_line(drawing: Drawing, number: int, text: str, side: Side, dash: str | None) -> None:
    y = 22.0 + 18.0 * number
    drawing.line((_WIDTH - 140.0, y), (_WIDTH - 108.0, y), SIDE_HEX[side], 2, dash)
    drawing.text(text, (_WIDTH - 102.0, y + 4.0), 12)


def _vertical_title(drawing: Drawing, text: str) -> None:
    """The name of the vertical axis, upward along the left edge."""
    middle = 0.5 * drawing.height
    drawing.text(text, (14.0, middle), 13, "middle", transform=f"rotate(-90 14 {middle:.0f})")
