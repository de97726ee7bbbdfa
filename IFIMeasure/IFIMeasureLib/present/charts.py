"""Charts: profile along the slices, fat histogram, trends, values beside published ones."""

from __future__ import annotations

import datetime
import html
from collections.abc import Callable

import numpy as np

from ..anatomy.reference_values import ReferenceRow
from ..measuring.registry import measurement
from ..measuring.spaces import Space
from ..study.result import StudyResult
from ..values import Side
from .picture import Picture, svg_document

SIDE_HEX = {Side.RIGHT: "#b35900", Side.LEFT: "#005a9c"}


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
        return left + (u - low) / (high - low) * (width - left - 150.0), height - bottom - v / top_value * (
            height - bottom - 12.0
        )

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
        parts.append(
            f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y0:.1f}" stroke="#555555" stroke-dasharray="2 4"/>'
        )
        parts.append(
            f'<text x="{x1 + 6:.1f}" y="{y0 + 4:.1f}" font-size="12" fill="#333333">{name.upper()} cutoff {cutoff:g} mm</text>'
        )
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
        parts.append(
            f'<line x1="{width - 140}" y1="{ly}" x2="{width - 108}" y2="{ly}" stroke="{color}" stroke-width="2"{dash}/>'
        )
        parts.append(f'<text x="{width - 102}" y="{ly + 4}" font-size="12">{name.upper()} {side.value}</text>')
    parts.append(
        f'<text x="{(left + width - 150) / 2:.0f}" y="{height - 8}" text-anchor="middle" font-size="13">above the tip of the lesser trochanter (mm)</text>'
    )
    parts.append(
        f'<text x="14" y="{height / 2:.0f}" text-anchor="middle" font-size="13" transform="rotate(-90 14 {height / 2:.0f})">space (mm)</text>'
    )
    caption = "Space in each axial plane through the lesser trochanter; dots: right, squares: left."
    return Picture(caption, svg_document(width, height, parts, caption))


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
            parts.append(
                f'<rect x="{x:.1f}" y="{height - bottom - tall:.1f}" width="{0.9 * step / len(shares):.1f}" height="{tall:.1f}" fill="{fill}" stroke="{SIDE_HEX[side]}"/>'
            )
        y = 22.0 + 18.0 * index
        fill = SIDE_HEX[side] if side is Side.RIGHT else "white"
        parts.append(
            f'<rect x="{width - 140}" y="{y - 10}" width="12" height="12" fill="{fill}" stroke="{SIDE_HEX[side]}"/>'
        )
        parts.append(f'<text x="{width - 120}" y="{y}" font-size="12">{side.value}</text>')
    for percent in range(0, 101, 10):
        parts.append(
            f'<text x="{left + percent / 5 * step:.1f}" y="{height - bottom + 16:.1f}" text-anchor="middle" font-size="12">{percent}</text>'
        )
    for share in (0.0, top / 2, top):
        y = height - bottom - share / top * (height - bottom - 14.0)
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" font-size="12">{100 * share:.0f}</text>')
    parts.append(
        f'<text x="{left + 10 * step:.0f}" y="{height - 8:.0f}" text-anchor="middle" font-size="13">fat fraction (%)</text>'
    )
    parts.append(
        f'<text x="14" y="{height / 2:.0f}" text-anchor="middle" font-size="13" transform="rotate(-90 14 {height / 2:.0f})">voxels (%)</text>'
    )
    caption = f"Fat fraction of the voxels of the quadratus femoris; filled: right, open: left. From {source}."
    return Picture(caption, svg_document(width, height, parts, caption))


def trend_picture(
    title: str,
    unit: str,
    points: dict[Side, list[tuple[datetime.date, float]]],
    repeatability: Callable[[float], float] | None,
) -> Picture:
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
        return left + 14.0 + (day - first_day) / span * (width - left - 178.0), height - bottom - (v - low) / (
            high - low
        ) * (height - bottom - 14.0)

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
        parts.append(
            f'<text x="{x:.1f}" y="{height - bottom + 16:.1f}" text-anchor="middle" font-size="12">{datetime.date.fromordinal(day).isoformat()}</text>'
        )
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
        parts.append(
            f'<line x1="{width - 140}" y1="{22 + 18 * index}" x2="{width - 108}" y2="{22 + 18 * index}" stroke="{color}" stroke-width="2"{dash}/>'
        )
        parts.append(f'<text x="{width - 102}" y="{26 + 18 * index}" font-size="12">{side.value}</text>')
    parts.append(
        f'<text x="14" y="{height / 2:.0f}" text-anchor="middle" font-size="13" transform="rotate(-90 14 {height / 2:.0f})">{html.escape(unit.strip() or "value")}</text>'
    )
    band = "; shaded: what measurement error alone can make of the first value" if bands else ""
    caption = f"{title} over time (dots: right, squares: left{band})."
    return Picture(caption, svg_document(width, height, parts, caption))


def scale_picture(measurement_id: str, values: dict[Side, float], rows: list[ReferenceRow]) -> Picture:
    """Draw published means ± SD and cutoffs on one scale with the measured values of both sides."""
    drawn = [row for row in rows if row.cutoff_mm is not None or (row.mean_mm is not None and row.sd_mm is not None)]
    cutoffs = sorted({(row.cutoff_mm, row.study) for row in rows if row.cutoff_mm is not None})
    top = max(
        [
            *(row.mean_mm + 1.3 * row.sd_mm for row in drawn if row.mean_mm is not None and row.sd_mm is not None),
            *values.values(),
            *(c[0] for c in cutoffs),
        ],
        default=40.0,
    )
    width, left = 760.0, 225.0
    height = 62.0 + 17.0 * len(drawn)

    def px(v: float) -> float:
        return left + v / (1.08 * top) * (width - left - 20.0)

    parts = [f'<rect width="{width}" height="{height}" fill="white"/>']
    for index, row in enumerate(drawn):
        y = 40.0 + 17.0 * index
        who = {"F": ", women", "M": ", men", None: ""}[row.sex]
        gray = "#666666" if row.group == "control" else "#111111"
        parts.append(
            f'<text x="{left - 10}" y="{y + 4}" text-anchor="end" font-size="12">{html.escape(row.study)}, {row.group}{who}</text>'
        )
        if row.mean_mm is not None and row.sd_mm is not None:
            x0, x1, thick = px(row.mean_mm - row.sd_mm), px(row.mean_mm + row.sd_mm), 2 if row.group == "control" else 5
            parts.append(
                f'<line x1="{x0:.1f}" y1="{y}" x2="{x1:.1f}" y2="{y}" stroke="{gray}" stroke-width="{thick}"/>'
            )
            fill = "white" if row.group == "control" else gray
            parts.append(
                f'<circle cx="{px(row.mean_mm):.1f}" cy="{y}" r="4" fill="{fill}" stroke="{gray}" stroke-width="1.5"/>'
            )
        if row.cutoff_mm is not None:
            cx = px(row.cutoff_mm)
            parts.append(
                f'<path d="M{cx:.1f} {y - 5}L{cx + 5:.1f} {y}L{cx:.1f} {y + 5}L{cx - 5:.1f} {y}Z" fill="white" stroke="#555555" stroke-width="1.5"/>'
            )
    for cutoff, study in cutoffs:
        assert cutoff is not None
        parts.append(
            f'<line x1="{px(cutoff):.1f}" y1="28" x2="{px(cutoff):.1f}" y2="{height - 22}" stroke="#555555" stroke-dasharray="2 4"><title>{html.escape(study)}</title></line>'
        )
    for side, value in values.items():
        parts.append(
            f'<line x1="{px(value):.1f}" y1="22" x2="{px(value):.1f}" y2="{height - 22}" stroke="{SIDE_HEX[side]}" stroke-width="2.5"/>'
        )
        anchor, shift = (
            ("start", 3)
            if (side is Side.LEFT and len(values) > 1 and value >= values[Side.RIGHT])
            or (side is Side.RIGHT and value >= max(values.values()))
            else ("end", -3)
        )
        parts.append(
            f'<text x="{px(value) + shift:.1f}" y="16" text-anchor="{anchor}" font-size="13" fill="{SIDE_HEX[side]}">{side.value} {value:.1f}</text>'
        )
    step = 5.0 if top < 60 else 10.0
    for v in np.arange(0.0, 1.05 * top, step):
        parts.append(f'<text x="{px(v):.1f}" y="{height - 6}" text-anchor="middle" font-size="11">{v:g}</text>')
    caption = f"{measurement(measurement_id).title} in mm beside published groups (mean ± SD; thick: impingement, thin: control; diamonds and dotted lines: cutoffs)."
    return Picture(caption, svg_document(width, height, parts, caption))
