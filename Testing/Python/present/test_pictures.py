"""Pictures: what is drawn lies where the values say, and no text from outside becomes markup."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from IFIMeasureLib.anatomy.reference_values import reference_rows
from IFIMeasureLib.present.bones import bones_picture
from IFIMeasureLib.present.charts import SIDE_HEX, histogram_picture, profile_picture, scale_picture, trend_picture
from IFIMeasureLib.present.picture import Drawing, Picture, gray_levels
from IFIMeasureLib.present.slices import axial_picture, side_levels
from IFIMeasureLib.values import Measured, Side

SVG = "{http://www.w3.org/2000/svg}"


def elements(picture: Picture, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(picture.svg).iter(SVG + tag))


def texts(picture: Picture) -> list[str]:
    return [element.text or "" for element in elements(picture, "text")]


def test_text_from_outside_never_becomes_markup():
    drawing = Drawing(10.0, 10.0)
    drawing.text('<b a="1">&', (1.0, 2.0), 12)
    drawing.line((0.0, 0.0), (1.0, 1.0), '"><script>')
    picture = drawing.picture("<i>")
    assert texts(picture) == ['<b a="1">&']
    assert {element.tag for element in ElementTree.fromstring(picture.svg).iter()} == {
        SVG + tag for tag in ("svg", "title", "text", "line")
    }


def test_the_axial_picture_shows_the_space_of_each_side_that_was_measured_in_its_plane(study):
    for side, hip in study.hips.items():
        result = hip.results["ifs_axial"]
        assert isinstance(result, Measured) and result.slice_ras_s_mm in side_levels(hip)
        picture = axial_picture(study, result.slice_ras_s_mm)
        assert f"IFS {result.value:.1f} mm" in texts(picture), side
        lengths = [
            np.hypot(*(float(line.get(end + "2")) - float(line.get(end + "1")) for end in "xy"))
            for line in elements(picture, "line")
        ]
        assert min(abs(length * 0.5 - result.value) for length in lengths) < 0.02, "half a millimeter a pixel"


def test_gray_levels_are_those_of_the_finite_values():
    image = np.arange(1000.0).reshape(10, 10, 10)
    image[0] = np.nan
    image[1] = np.inf
    low, high = gray_levels(image)
    assert 200 <= low < 220 and 980 < high <= 999
    assert gray_levels(np.full((2, 2, 2), np.nan)) == (0.0, 0.001)


def test_a_plane_in_which_nothing_was_measured_shows_no_value(study):
    level = max(side_levels(study.hips[Side.LEFT])) + 1.0
    assert texts(axial_picture(study, level)) == ["R", "R", "L", "L"]


def test_the_bones_are_drawn_with_two_distances_a_side(study):
    picture = bones_picture(study, 2.0)
    assert picture is not None
    assert len(elements(picture, "line")) == 2 * 2 * len(study.hips), "each with a dark rim"


def test_the_profile_has_a_point_a_plane_and_the_cutoff_as_a_line(study):
    picture = profile_picture(study, {"ifs": 15.0})
    assert picture is not None
    planes = {
        side: sum(p.distance_mm is not None for space in hip.spaces.values() for p in space.profile)
        for side, hip in study.hips.items()
    }
    assert len(elements(picture, "circle")) == planes[Side.RIGHT]
    squares = [rect for rect in elements(picture, "rect") if rect.get("stroke") == SIDE_HEX[Side.LEFT]]
    assert len(squares) == planes[Side.LEFT]
    assert "IFS cutoff 15 mm" in texts(picture)


def test_without_a_measured_space_there_is_no_profile(study):
    hips = {side: replace(hip, spaces={}) for side, hip in study.hips.items()}
    assert profile_picture(replace(study, hips=hips), {}) is None


def test_bars_of_the_histogram_are_as_tall_as_the_shares():
    picture = histogram_picture({Side.RIGHT: (1, 3, *[0] * 18)}, "Dixon")
    bars = [rect for rect in elements(picture, "rect") if rect.get("stroke")]
    tall = [float(bar.get("height")) for bar in bars[:2]]
    assert tall[1] == pytest.approx(3 * tall[0], abs=0.2)


def test_a_trend_falls_where_the_value_falls_and_shows_the_error_of_the_first_value():
    points = {Side.LEFT: [(datetime.date(2024, 1, 1), 12.0), (datetime.date(2025, 1, 1), 9.0)]}
    bands = {Side.LEFT: [(datetime.date(2025, 1, 1), 10.8, 13.2)]}
    picture = trend_picture("Volume <raw>", "mL", points, bands)
    (line,) = elements(picture, "polyline")
    first, last = (tuple(map(float, place.split(","))) for place in line.get("points").split())
    assert last[0] > first[0] and last[1] > first[1], "pixels grow downward"
    assert {"2024-01-01", "2025-01-01", "mL"} <= set(texts(picture))
    (band,) = [rect for rect in elements(picture, "rect") if rect.get("fill-opacity")]
    assert last[1] > float(band.get("y")) + float(band.get("height")), "beyond error lies outside of the band"
    assert float(band.get("y")) < first[1] < float(band.get("y")) + float(band.get("height"))
    plain = trend_picture("Volume", "mL", points, {})
    assert not any(rect.get("fill-opacity") for rect in elements(plain, "rect"))


def test_measured_values_lie_beside_published_ones_on_one_scale():
    rows = [row for row in reference_rows() if row.measurement == "ifs_axial"]
    cutoff = next(row.cutoff_mm for row in rows if row.cutoff_mm is not None)
    picture = scale_picture("ifs_axial", {Side.RIGHT: cutoff, Side.LEFT: 30.0}, rows)
    places = {line.get("stroke"): line.get("x1") for line in elements(picture, "line")}
    cutoffs = [line.get("x1") for line in elements(picture, "line") if line.find(SVG + "title") is not None]
    assert places[SIDE_HEX[Side.RIGHT]] in cutoffs
    assert [text for text in texts(picture) if re.match("right|left", text)] == [f"right {cutoff:.1f}", "left 30.0"]
