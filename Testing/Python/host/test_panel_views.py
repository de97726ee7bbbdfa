"""The panel on a strict stand-in of the application: the layout, and Slicer's own views under the mouse."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from host.driver import click
from IFIMeasureLib.values import Side
from vtk.util.numpy_support import vtk_to_numpy


def test_the_layout_is_shown_filled_and_given_back(placed):
    layout = placed.scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
    placed.ui.layoutButton.click()
    plot_view = placed.scene.GetSingletonNode("PlotView1", "vtkMRMLPlotViewNode")
    placed.ui.layoutButton.click()  # pressed twice it still knows the layout before
    description = layout.GetLayoutDescription(layout.GetViewArrangement())
    assert all(word in description for word in ("Red", "Green", "Yellow", "vtkMRMLPlotViewNode", "vtkMRMLViewNode"))
    planes = {
        tag: placed.scene.GetSingletonNode(tag, "vtkMRMLSliceNode").GetOrientation()
        for tag in ("Red", "Yellow", "Green")
    }
    assert planes == {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
    assert placed.scene.GetSingletonNode("1", "vtkMRMLViewNode") is not None
    assert plot_view.GetPlotChartNode() is placed.live.nodes.node("plot")
    record = placed.live.nodes.record
    placed.ui.studySelector.setCurrentNode(None)
    placed.turn()
    placed.ui.studySelector.setCurrentNode(record)
    placed.turn()
    assert plot_view.GetPlotChartNode() is placed.live.nodes.node("plot")  # the views follow the study
    placed.ui.restoreLayoutButton.click()
    assert layout.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView


def test_clicks_in_slicers_own_slice_view_place_landmarks_one_after_the_other(placed, view):
    keys = ("greater_trochanter_tip", "quadratus_femur_superior", "quadratus_femur_inferior")
    for key in keys:
        placed.choose(key, Side.LEFT)
        placed.ui.unsetButton.click()
        placed.turn()
    points = placed.live.nodes.landmark_node(Side.LEFT).GetNumberOfControlPoints()
    placed.choose(keys[0], Side.LEFT)
    placed.ui.placeButton.click()
    view.node.JumpSliceByCentering(-90.0, -10.0, -12.0)
    for key, (x, y) in zip(keys[:2], ((260, 255), (310, 200))):
        expected = view.ras(x, y)
        view.does("MouseMoveEvent", x + 9, y)
        placed.turn()
        assert placed.state(key, Side.LEFT) == "○ not placed"  # the point that follows the mouse is none yet
        view.click(x, y)
        assert placed.state(key, Side.LEFT) == "◆ by hand"
        assert placed.live.nodes.landmarks(Side.LEFT)[key].position_ras_mm == pytest.approx(expected, abs=0.01)
    assert placed.widget.panel.landmarks.chosen == (Side.LEFT, keys[2]) and placed.ui.placeButton.checked
    view.click(100, 100, "Right")  # stops
    assert not placed.ui.placeButton.checked
    assert placed.state(keys[2], Side.LEFT) == "○ not placed"
    assert placed.live.nodes.landmark_node(Side.LEFT).GetNumberOfControlPoints() == points


def test_a_landmark_chosen_while_another_is_being_placed_gets_the_click_meant_for_it(placed, view):
    first, then = "greater_trochanter_tip", "quadratus_femur_superior"
    before = placed.live.nodes.landmarks(Side.LEFT)
    for side, key, place in ((Side.LEFT, then, (330, 300)), (Side.RIGHT, then, (180, 300))):
        placed.choose(first, Side.LEFT)
        placed.ui.placeButton.click()
        view.node.JumpSliceByCentering(-90.0, 0.0, 0.0)
        view.does("MouseMoveEvent", 200, 210)  # the other one follows the mouse already
        placed.turn()
        placed.choose(key, side)
        view.node.JumpSliceByCentering(-90.0, 0.0, 0.0)
        view.click(*place)
        assert placed.live.nodes.landmarks(side)[key].position_ras_mm == pytest.approx(view.ras(*place), abs=0.01)
        assert placed.state(key, side) == "◆ by hand"
        assert not placed.ui.placeButton.checked  # the first one was put back, so none is left to place
    for key, landmark in before.items():
        assert key == then or placed.live.nodes.landmarks(Side.LEFT)[key] == landmark, key


@pytest.mark.parametrize("way", ["escape", "right click", "button", "place from bones", "leaving"])
def test_a_landmark_taken_up_and_not_placed_anew_is_put_back(placed, view, way):
    node = placed.live.nodes.landmark_node(Side.LEFT)
    node.SetNthControlPointPositionWorld(
        placed.live.nodes.landmark_index(Side.LEFT, "greater_trochanter_tip"), -100.0, -5.0, 20.0
    )
    placed.turn()
    before = placed.live.nodes.landmarks(Side.LEFT)
    placed.choose("greater_trochanter_tip", Side.LEFT)
    placed.ui.placeButton.click()
    view.does("MouseMoveEvent", 200, 210)
    placed.turn()
    assert placed.state("greater_trochanter_tip", Side.LEFT) == "○ not placed"
    if way == "escape":
        placed.widget.panel.escape._raw.activated.emit()
    elif way == "right click":
        view.click(220, 220, "Right")
    elif way == "button":
        placed.ui.placeButton.click()
    elif way == "place from bones":
        placed.place()
    else:
        live = placed.live
        placed.leave()
        assert live.nodes.landmarks(Side.LEFT) == before
        placed.enter()
    placed.turn()
    view.does("MouseMoveEvent", 240, 250)  # nothing follows the mouse any more
    placed.turn()
    assert placed.live.nodes.landmarks(Side.LEFT) == before
    assert placed.state("greater_trochanter_tip", Side.LEFT) == "◆ by hand"


def test_a_landmark_unset_while_it_is_being_placed_stays_so(placed, view):
    placed.choose("greater_trochanter_tip", Side.LEFT)
    placed.ui.placeButton.click()
    placed.ui.unsetButton.click()
    placed.turn()
    placed.widget.panel.escape._raw.activated.emit()
    placed.turn()
    assert placed.state("greater_trochanter_tip", Side.LEFT) == "○ not placed"


def test_a_point_dragged_in_slicers_own_slice_view_is_measured_at_every_step(placed, view):
    node = placed.live.nodes.landmark_node(Side.LEFT)
    place = np.array(
        node.GetNthControlPointPositionWorld(placed.live.nodes.landmark_index(Side.LEFT, "femoral_neck_center"))
    )
    before = placed.value("neck_shaft_angle", Side.LEFT)
    view.node.JumpSliceByCentering(*place)
    view.window.Render()
    for x in (290, 254, 250):
        view.does("MouseMoveEvent", x, 250)
    view.does("LeftButtonPressEvent", 250, 250)
    placed.turn()
    shown = []
    for step in range(1, 6):
        view.does("MouseMoveEvent", 250 + 4 * step, 250)
        placed.turn()
        shown.append(placed.value("neck_shaft_angle", Side.LEFT))
        assert placed.value("ifs_axial", Side.LEFT).startswith("≈")
    assert len({*shown, before}) == 6
    view.does("LeftButtonReleaseEvent", 270, 250)
    placed.turn()
    moved = np.array(placed.live.nodes.landmarks(Side.LEFT)["femoral_neck_center"].position_ras_mm) - place
    assert np.linalg.norm(moved) == pytest.approx(20 * 0.4, abs=0.5)
    assert placed.state("femoral_neck_center", Side.LEFT) == "◆ by hand"
    assert placed.value("neck_shaft_angle", Side.LEFT) == shown[-1] and "≈" not in placed.value("ifs_axial", Side.LEFT)


def test_clicks_in_slicers_own_slice_view_add_points_inside_and_outside_until_a_right_click(placed, view):
    view.node.JumpSliceByCentering(-60.0, -20.0, -40.0)
    clicked = {"inside": ((200, 210), (220, 230)), "outside": ((300, 180),)}
    for kind, places in clicked.items():
        getattr(placed.ui, f"{kind}Button").click()
        for place in places:
            view.click(*place)
        view.click(400, 400, "Right")
        view.click(100, 100)  # places nothing any more
    for kind, places in clicked.items():
        assert np.allclose(
            getattr(placed.live.nodes.strokes(), kind), [view.ras(*place) for place in places], atol=0.01
        )


def test_a_click_in_the_table_shows_the_point_in_the_middle_of_slicers_own_slice_view(placed, view):
    placed.choose("lesser_trochanter_tip", Side.RIGHT)
    assert view.ras(250, 250) == pytest.approx(
        placed.live.nodes.landmarks(Side.RIGHT)["lesser_trochanter_tip"].position_ras_mm, abs=0.3
    )


def test_a_click_on_a_point_of_the_plot_jumps_to_its_slice_and_a_drag_does_not(placed, graphics):
    import vtk

    slice_node = placed.scene.AddNewNodeByClass("vtkMRMLSliceNode", "Red")
    placed.ui.layoutButton.click()
    view = slicer.app.layoutManager().plotWidget(0).plotView()
    plots = {}
    for side in Side:  # what the application's plot view draws
        plots[side] = view.chart().AddPlot(vtk.vtkChart.LINE)
        plots[side].SetInputData(placed.live.nodes.node(f"points_ifs_{side.value}").GetTable(), 0, 1)
    marked = vtk.vtkTable()
    for name in ("level", "distance"):
        column = vtk.vtkDoubleArray()
        column.SetName(name)
        column.SetNumberOfValues(1)
        marked.AddColumn(column)

    def drawn(point):
        """Where the chart draws a point: the middle of the pixels of a mark of its own color."""
        for name, value in (("level", point.level_mm), ("distance", point.distance_mm)):
            marked.GetColumnByName(name).SetValue(0, value)
        mark = view.chart().AddPlot(vtk.vtkChart.POINTS)
        mark.SetInputData(marked, 0, 1)
        mark.SetColor(255, 0, 255, 255)
        mark.SetMarkerSize(9.0)
        view.renderWindow().Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(view.renderWindow())
        grab.Update()
        image = grab.GetOutput()
        colors = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(*image.GetDimensions()[1::-1], 3).astype(int)
        y, x = np.nonzero((colors[..., 0] > 200) & (colors[..., 1] < 60) & (colors[..., 2] > 200))
        view.chart().RemovePlotInstance(mark)
        return float(x.mean()), float(y.mean())

    def level():
        return slice_node.GetSliceToRAS().GetElement(2, 3)

    for side in Side:
        profile = [p for p in placed.live.result.hips[side].spaces["ifs"].profile if p.distance_mm is not None]
        for number in (1, 4, 2):
            place = drawn(profile[number])
            click(view, [place, place])
            assert level() == pytest.approx(profile[number].level_mm, abs=1e-3)
    stays = level()
    click(view, [drawn(profile[5]), (30.0, 30.0)])  # the plot is moved or a rectangle drawn
    click(view, [(2.0, 2.0), (2.0, 2.0)])  # nothing is near
    assert level() == stays
