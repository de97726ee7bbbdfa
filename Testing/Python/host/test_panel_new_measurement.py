"""A new measurement and a new landmark stand in the panel: rows of its tables, placed and measured like all others."""

from __future__ import annotations

import pytest
from additions import ENTRIES, LANDMARK, PLACE_RAS_MM
from IFIMeasureLib.values import Side


@pytest.fixture
def panel_of_more(additions, request):
    return request.getfixturevalue("panel")


def line(table, title: str) -> int:
    return next(row for row in range(table.rowCount) if table.item(row, 0).text() == title)


def test_a_landmark_placed_by_hand_is_shown_without_a_picture_and_its_distance_follows_it(panel_of_more):
    from IFIMeasureLib.mrml.landmark_nodes import landmark_index

    panel = panel_of_more
    panel.choose_sample()
    panel.place()
    measurements, landmarks = panel.ui.measurementTable, panel.ui.landmarkTable
    distance, ratio = (line(measurements, entry.title) for entry in (ENTRIES[1], ENTRIES[0]))
    point = line(landmarks, LANDMARK["title"])
    assert measurements.item(distance, 1).text() == "–" and landmarks.item(point, 1).text() == "✕ missing"
    assert "placed by hand only" in landmarks.item(point, 1).toolTip()
    results = panel.live.result.hips[Side.RIGHT].results
    assert measurements.item(ratio, 1).text() == f"{results['invented_ratio'].value:.2f}"

    landmarks.setCurrentCell(point, 1)
    panel.turn()
    assert LANDMARK["how"] in panel.ui.howLabel.text and panel.ui.landmarkPicture.pixmap.isNull()
    node = panel.live.nodes.landmark_node(Side.RIGHT)
    node.SetNthControlPointPosition(landmark_index(node, Side.RIGHT, LANDMARK["id"]), *PLACE_RAS_MM)
    panel.turn()
    value = panel.live.result.hips[Side.RIGHT].results["invented_distance"].value
    assert measurements.item(distance, 1).text() == f"{value:.1f} mm"
    assert landmarks.item(point, 1).text() == "◆ by hand"
