"""Which series of a DICOM folder shows the hips."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy

from ..images.grid import Grid, canonical
from ..values import Array
from .dicom_series import Series
from .dicom_slices import read_planes


@dataclass(frozen=True)
class Choice:
    """The series to measure and why; None and the reason where there is no clear one."""

    series: Series | None
    reason: str


def choose_series(
    series: list[Series], match: Grid | None = None, number: str | None = None, argument: str = "series"
) -> Choice:
    """Choose the series that shows the hips.

    A series the person names wins (number or UID). Else the one whose grid is that of the segmentation.
    Else, among volumes that are no localizers: one that shows the pelvis before one that does not, axial
    before others, finer slices before thicker ones.

    :param match: the segmentation's grid.
    :param number: number or UID that a person named.
    :param argument: by what name a person says it, for messages.
    """
    if number is not None:
        return _named(series, number, argument)
    broken = [s for s in series if s.damaged]
    if broken:
        return _beside_broken(series, broken, match, argument)
    usable = [s for s in series if s.grid is not None]
    if match is not None:
        same = [s for s in usable if _lies_on(s, match)]
        if len(same) == 1:
            return Choice(same[0], "its grid is that of the segmentation")
        usable = same or usable
    volumes = [s for s in usable if not _is_localizer(s)]
    if not volumes:
        why = "; ".join(f"{s.label}: {s.problem or 'a localizer of few slices with wide gaps'}" for s in series)
        return Choice(None, f"no series is a volume that can be measured ({why}).")
    if len(volumes) == 1:
        return Choice(volumes[0], "it is the only volume that is no localizer")
    return _best(volumes, argument)


def _beside_broken(series: list[Series], broken: list[Series], match: Grid | None, argument: str) -> Choice:
    """Choose a whole series where it would be chosen if the broken ones were whole, too; else none."""
    of = "; ".join(f"{s.label}: {s.problem}" for s in broken)
    if all(len(s.positions) > 1 for s in broken):
        mended = [replace(s, problem="", damaged=False) if s.damaged else s for s in series]
        choice = choose_series(mended, match, None, argument)
        if any(choice.series is s for s in series):
            return Choice(choice.series, f"{choice.reason}. Another one is not whole ({of})")
    return Choice(None, f"a series is not whole ({of}); copy it from its source again, or name another ({argument}).")


def _named(series: list[Series], number: str, argument: str) -> Choice:
    named = [s for s in series if number in (s.number, s.uid)]
    if len(named) == 1:
        return Choice(named[0], "it was named")
    have = ", ".join(s.number for s in series)
    many = f"{len(named)} series have" if named else "there is none with"
    return Choice(None, f"{argument} is {number!r}: {many} this number or UID; there are {have}.")


def _lies_on(series: Series, match: Grid) -> bool:
    """Whether a series' grid is another one, whatever the order of axes."""
    grid = series.grid
    if grid is None:
        return False
    turned = canonical(np.broadcast_to(np.zeros(1), grid.shape), grid.affine)[1]
    return not turned.difference(match)


def _is_localizer(series: Series) -> bool:
    try:
        thickness = float(series.tags.get("SliceThickness", series.step_mm))
    except ValueError:
        thickness = np.inf
    return (
        "LOCALIZER" in series.tags.get("ImageType", "").upper()
        or len(series.slices) < 5
        or series.step_mm > max(2.5 * thickness, 15.0)
    )


def _best(volumes: list[Series], argument: str) -> Choice:
    """Of several volumes the one that shows the pelvis, axial, in the thinnest slices."""
    parts = {s.uid: anatomy(s) for s in volumes}
    hips = [s for s in volumes if any(word in parts[s.uid] for word in ("pelvis", "hip"))]
    if not hips and all(part == "unknown" for part in parts.values()):
        hips = volumes
    if not hips:
        return Choice(None, f"none of {', '.join(s.label for s in volumes)} shows a pelvis; name one ({argument}).")
    axial = [s for s in hips if s.plane == "axial"] or [s for s in hips if "axial" in s.plane] or hips
    finest = min(s.step_mm for s in axial)
    best = [s for s in axial if s.step_mm <= finest * 1.01]
    t1 = [s for s in best if "t1" in s.description.lower()]
    best = t1 if len(t1) == 1 else best
    if len(best) > 1:
        return Choice(None, f"{', '.join(s.label for s in best)} are alike; name one ({argument}).")
    words = f"it shows the {parts[best[0].uid]}, is {best[0].plane} and has the thinnest slices of those"
    return Choice(best[0], words + (" (T1 by its name)" if len(t1) == 1 and len(axial) > 1 else ""))


def anatomy(series: Series) -> str:
    """Say which part of the body a series covers, from its tag or, for axial series, from the body's outline.

    One wide outline is a trunk or pelvis, two of like size are legs.
    """
    tag = series.tags.get("BodyPartExamined", "")
    if tag:
        return tag.lower()
    if series.grid is None or "axial" not in series.plane:
        return "unknown"
    numbers = np.linspace(0, len(series.slices) - 1, min(7, len(series.slices))).round().astype(int)
    try:
        planes = read_planes([series.slices[n] for n in numbers])
    except RuntimeError:
        return "unknown"
    pixel_mm2 = series.spacing_mm[0] * series.spacing_mm[1]
    gray = all(plane.ndim == 2 for plane in planes)
    legs = [of for plane in planes if gray and (of := _shows_legs(plane, pixel_mm2)) is not None]
    if not legs:
        return "unknown"
    if legs.count(True) > 0.6 * len(legs):
        return "legs"
    return "pelvis or trunk" if legs.count(False) > 0.6 * len(legs) else "pelvis and thighs"


def _shows_legs(plane: Array, pixel_mm2: float) -> bool | None:
    """Whether an axial slice (rows, columns) shows two bodies of like size; None where it shows nothing."""
    small = scipy.ndimage.gaussian_filter(plane[::4, ::4], 1.0)
    body = small > 0.12 * np.percentile(small, 99)
    labels, count = scipy.ndimage.label(scipy.ndimage.binary_opening(body, iterations=1))
    if not count:
        return None
    sizes = np.sort(np.bincount(labels.ravel())[1:] * 16.0 * pixel_mm2)[::-1]
    return bool(len(sizes) > 1 and sizes[1] > 0.35 * sizes[0])
