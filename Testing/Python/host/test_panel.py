"""The panel on a strict stand-in of the application: what a person clicks, and what the scene and the tables then hold."""

from __future__ import annotations

import csv
import importlib.util
import os
import time
import types
from pathlib import Path

import numpy as np
import pydicom
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
pytest.importorskip(
    "PySide6.QtWidgets", reason="PySide6 (or a library it needs, such as libEGL) is not installed", exc_type=ImportError
)

from IFIMeasureLib.anatomy.landmarks import landmark_definitions  # noqa: E402
from IFIMeasureLib.export.dicom_report import show_report  # noqa: E402
from IFIMeasureLib.files.dicom_series import read_series, scan_folder  # noqa: E402
from IFIMeasureLib.images.masks import Volume  # noqa: E402
from IFIMeasureLib.measuring.registry import MEASUREMENTS  # noqa: E402
from IFIMeasureLib.mrml.sample_scene import add_sample_bones  # noqa: E402
from IFIMeasureLib.mrml.scene import create_scene  # noqa: E402
from IFIMeasureLib.mrml.volumes import add_volume  # noqa: E402
from IFIMeasureLib.synthetic.phantom import Phantom  # noqa: E402
from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study  # noqa: E402
from IFIMeasureLib.values import IFIMeasureError, Measured, Side  # noqa: E402
from vtk import reference as vtk_reference  # noqa: E402
from vtk.util.numpy_support import vtk_to_numpy  # noqa: E402

MODULE = Path(__file__).resolve().parents[3] / "IFIMeasure" / "IFIMeasure.py"
ROW = {key: row for row, key in enumerate(landmark_definitions())}
LINE = {definition.id: row for row, definition in enumerate(MEASUREMENTS)}


def add_sample(scene):
    """The sample's bones and a plain volume of their grid: the images themselves take seconds to make."""
    grid = sample_grid((0.9, 0.9, 3.0))
    volume = add_volume(scene, Volume(np.zeros(grid.shape, np.float32), grid, Path("t1")), "IFI hip phantom T1")
    return {"t1": volume, "segmentation": add_sample_bones(scene)}


def load_host():
    spec = importlib.util.spec_from_file_location(
        "ifimeasure_test_application", Path(__file__).with_name("application.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


APP = load_host()


class Panel:
    """The module's widget, entered, with a scene of its own."""

    def __init__(self) -> None:
        self.headless = create_scene()
        self.scene = self.headless.scene
        APP.start(self.scene)
        spec = importlib.util.spec_from_file_location("IFIMeasure", MODULE)
        self.module = importlib.util.module_from_spec(spec)
        import sys

        sys.modules["IFIMeasure"] = self.module
        spec.loader.exec_module(self.module)
        self.parent = APP.wrap(APP.WidgetParent())
        self.widget = self.module.IFIMeasureWidget(self.parent)
        self.widget.setup()
        self.enter()

    def open_again(self) -> None:
        """Make the widget anew and enter it, as the application does the first time."""
        self.widget.cleanup()
        self.parent = APP.wrap(APP.WidgetParent())
        self.widget = self.module.IFIMeasureWidget(self.parent)
        self.widget.setup()
        self.enter()

    @property
    def ui(self):
        return self.widget.ui

    def enter(self) -> None:
        self.parent._raw.setProperty("isEntered", True)
        self.widget.enter()
        self.turn()

    def leave(self) -> None:
        self.parent._raw.setProperty("isEntered", False)
        self.widget.exit()
        self.turn()

    def turn(self) -> None:
        """Let the event loop run until nothing is left to do."""
        for _ in range(3):
            APP.QtWidgets.QApplication.processEvents()

    def choose_sample(self):
        nodes = add_sample(self.scene)
        self.ui.volumeSelector.setCurrentNode(nodes["t1"])
        self.ui.segmentationSelector.setCurrentNode(nodes["segmentation"])
        self.turn()
        return nodes

    def place(self) -> None:
        self.ui.placeFromBonesButton.click()
        self.turn()

    def value(self, measurement: str, side: Side) -> str:
        return self.ui.measurementTable.item(LINE[measurement], 1 if side is Side.RIGHT else 2).text()

    def state(self, landmark: str, side: Side) -> str:
        return self.ui.landmarkTable.item(ROW[landmark], 1 if side is Side.RIGHT else 2).text()

    def choose(self, landmark: str, side: Side) -> None:
        self.ui.landmarkTable.setCurrentCell(ROW[landmark], 1 if side is Side.RIGHT else 2)
        self.turn()

    @property
    def live(self):
        return self.widget._live


@pytest.fixture
def panel():
    made = Panel()
    yield made
    made.widget.cleanup()


@pytest.fixture
def placed(panel):
    panel.nodes = panel.choose_sample()
    panel.place()
    return panel


def test_a_new_panel_says_what_to_do_and_offers_nothing_that_cannot_work(panel):
    assert "Choose a segmentation" in panel.ui.statusLabel.text
    for button in (panel.ui.placeFromBonesButton, panel.ui.placeButton, panel.ui.exportButton):
        assert not button.enabled
    assert panel.value("ifs_axial", Side.LEFT) == "–"


def test_choosing_a_segmentation_begins_a_study_and_recognizes_its_segments(panel):
    panel.choose_sample()
    assert panel.ui.studySelector.currentNode().GetName() == "Study of IFI hip phantom T1"
    table = panel.ui.segmentTable
    taken = {table.item(row, 0).text(): table.cellWidget(row, 1).currentText for row in range(table.rowCount)}
    assert taken["femur_left"] == "Left femur" and taken["hamstring_right"] == "Right hamstring tendon"
    assert panel.ui.structureLabel.text == ""
    assert "Place from bones" in panel.ui.statusLabel.text
    assert panel.state("femoral_head_center", Side.LEFT) == "○ not placed"


def test_place_from_bones_places_measures_and_shows(placed):
    assert APP.HOST.errors == []
    assert placed.state("lesser_trochanter_tip", Side.LEFT) == "● from bones"
    assert placed.state("posterior_condyle_medial", Side.LEFT) == "✕ missing"
    result = placed.live.result.hips[Side.LEFT].results["ifs_axial"]
    assert placed.value("ifs_axial", Side.LEFT) == f"▼ {result.value:.1f} mm"
    tooltip = placed.ui.measurementTable.item(LINE["ifs_axial"], 2).toolTip()
    assert "below the published cutoff of 17 mm" in tooltip and "Torriani" in tooltip
    assert placed.value("neck_shaft_angle", Side.RIGHT).endswith("°")
    assert placed.scene.GetFirstNodeByName("ifs_axial left") is not None


def test_a_segment_taken_for_something_else_is_said_in_place_and_measured_so(placed):
    table = placed.ui.segmentTable
    row = next(r for r in range(table.rowCount) if table.item(r, 0).text() == "hamstring_right")
    table.cellWidget(row, 1).setCurrentIndex(0)
    placed.turn()
    assert "right quadratus femoris space needs its landmark" in placed.ui.structureLabel.text
    assert placed.value("qfs_axial", Side.RIGHT) == "–"
    assert "mm" in placed.value("qfs_axial", Side.LEFT)


def test_a_point_that_is_moved_becomes_one_by_hand_and_is_measured_at_once(placed):
    before = placed.value("neck_shaft_angle", Side.RIGHT)
    node = placed.live.nodes.landmark_node(Side.RIGHT)
    index = placed.live.index(Side.RIGHT, "femoral_neck_center")
    place = np.array(node.GetNthControlPointPositionWorld(index))
    node.SetNthControlPointPositionWorld(index, *(place + [0, 0, -5.0]))
    placed.turn()
    assert placed.value("neck_shaft_angle", Side.RIGHT) != before
    assert placed.state("femoral_neck_center", Side.RIGHT) == "◆ by hand"
    placed.place()  # what a person placed stays
    assert placed.state("femoral_neck_center", Side.RIGHT) == "◆ by hand"
    assert np.allclose(node.GetNthControlPointPositionWorld(index), place + [0, 0, -5.0])


@pytest.mark.parametrize(
    "key",
    [
        "lesser_trochanter_tip",
        "femoral_head_center",
        "femoral_neck_center",
        "shaft_axis_proximal",
        "greater_trochanter_tip",
    ],
)
def test_a_point_placed_on_the_other_hip_is_said_and_gives_no_number(placed, key):
    nodes = {side: placed.live.nodes.landmark_node(side) for side in Side}
    index = placed.live.index(Side.LEFT, key)
    before, place = (
        placed.value("neck_shaft_angle", Side.LEFT),
        list(nodes[Side.LEFT].GetNthControlPointPositionWorld(index)),
    )
    nodes[Side.LEFT].SetNthControlPointPositionWorld(
        index, *nodes[Side.RIGHT].GetNthControlPointPositionWorld(placed.live.index(Side.RIGHT, key))
    )
    placed.turn()
    assert "it was placed on the right hip; place it again" in placed.ui.statusLabel.text
    assert {placed.value(m.id, side) for m in MEASUREMENTS if m.compute for side in Side} == {
        "–"
    } and not placed.ui.exportButton.enabled
    nodes[Side.LEFT].SetNthControlPointPositionWorld(index, *place)
    placed.turn()
    assert placed.value("neck_shaft_angle", Side.LEFT) == before


def test_undo_of_a_moved_point_brings_place_origin_and_value_back(placed):
    before = placed.value("neck_shaft_angle", Side.RIGHT)
    node = placed.live.nodes.landmark_node(Side.RIGHT)
    index = placed.live.index(Side.RIGHT, "femoral_neck_center")
    placed.scene.SetUndoOn()
    node.SetUndoEnabled(True)
    placed.scene.SaveStateForUndo()
    node.SetNthControlPointPositionWorld(index, *(np.array(node.GetNthControlPointPositionWorld(index)) + [0, 0, -5.0]))
    placed.turn()
    assert placed.value("neck_shaft_angle", Side.RIGHT) != before
    placed.scene.Undo()
    placed.turn()
    assert placed.value("neck_shaft_angle", Side.RIGHT) == before
    assert placed.state("femoral_neck_center", Side.RIGHT) == "● from bones"


def test_bones_and_landmarks_moved_together_by_a_transform_stay_as_they_were(placed):
    import vtk

    before = {(m.id, side): placed.value(m.id, side) for m in MEASUREMENTS if m.compute for side in Side}
    transform = placed.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "table")
    matrix = vtk.vtkMatrix4x4()
    for row, shift in enumerate((12.0, -30.0, 55.0)):
        matrix.SetElement(row, 3, shift)
    transform.SetMatrixTransformToParent(matrix)
    for node in (
        placed.nodes["segmentation"],
        placed.nodes["t1"],
        *(placed.live.nodes.landmark_node(side) for side in Side),
    ):
        node.SetAndObserveTransformNodeID(transform.GetID())
    placed.turn()
    assert "lies under a transform" in placed.ui.statusLabel.text
    assert {(m.id, side): placed.value(m.id, side) for m in MEASUREMENTS if m.compute for side in Side} == before
    assert placed.state("femoral_head_center", Side.RIGHT) == "● from bones"
    warp = placed.scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    warp.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    placed.nodes["segmentation"].SetAndObserveTransformNodeID(warp.GetID())
    placed.turn()
    assert "which is not linear" in placed.ui.statusLabel.text
    assert placed.value("ifs_axial", Side.LEFT) == "–"


def test_renamed_nodes_are_still_the_same(placed):
    before = placed.value("ifs_axial", Side.LEFT)
    placed.nodes["segmentation"].SetName("Knochen")
    placed.live.nodes.landmark_node(Side.LEFT).SetName("links")
    placed.live.nodes.record.SetName("Fall 7")
    placed.turn()
    placed.place()
    assert placed.value("ifs_axial", Side.LEFT) == before


def test_many_changes_in_one_turn_are_measured_once(placed, monkeypatch):
    calls = []
    original = type(placed.live).update
    monkeypatch.setattr(type(placed.live), "update", lambda self, *a, **k: calls.append(1) or original(self, *a, **k))
    node = placed.live.nodes.landmark_node(Side.LEFT)
    for step in range(20):
        node.SetNthControlPointPositionWorld(placed.live.index(Side.LEFT, "femoral_neck_center"), 50.0 + step, 0.0, 0.0)
    assert calls == []
    placed.turn()
    assert len(calls) <= 2  # one for the changes, at most one for what it wrote itself


def test_a_drag_shows_rough_values_and_the_release_exact_ones(placed):
    node = placed.live.nodes.landmark_node(Side.LEFT)
    index = placed.live.index(Side.LEFT, "lesser_trochanter_tip")
    place = np.array(node.GetNthControlPointPositionWorld(index))
    node.InvokeEvent(node.PointStartInteractionEvent)
    seconds = []
    for step in range(6):
        node.SetNthControlPointPositionWorld(index, *(place + [0.3 * step, 0, 0.2 * step]))
        start = time.perf_counter()
        placed.turn()
        seconds.append(time.perf_counter() - start)
        if step:
            assert placed.value("ifs_axial", Side.LEFT).startswith("≈")
    node.InvokeEvent(node.PointEndInteractionEvent)
    placed.turn()
    assert "≈" not in placed.value("ifs_axial", Side.LEFT)
    assert not placed.live.result.draft
    print(f"drag step: {1000 * np.median(seconds):.0f} ms")
    assert np.median(seconds) < 0.25  # the figure itself is measured by the benchmark; this only tells a blunder


def test_dragged_points_snap_to_the_bone_where_that_is_wanted(placed):
    placed.ui.snapCheckBox.checked = True
    node = placed.live.nodes.landmark_node(Side.RIGHT)
    index = placed.live.index(Side.RIGHT, "lesser_trochanter_tip")
    place = np.array(node.GetNthControlPointPositionWorld(index))
    node.InvokeEvent(node.PointStartInteractionEvent)
    node.SetNthControlPointPositionWorld(index, *(place + [-4.0, -1.0, 0.5]))
    node.InvokeEvent(node.PointEndInteractionEvent)
    placed.turn()
    moved = np.array(node.GetNthControlPointPositionWorld(index))
    mask = placed.live.prepared.bones[Side.RIGHT].masks["femur"]
    voxel = np.round(mask.grid.to_ijk(moved)).astype(int)
    near = mask.array[tuple(slice(max(v - 1, 0), v + 2) for v in voxel)]
    assert near.any() and not near.all()  # on the edge of the bone
    assert np.linalg.norm(moved - (place + [-4.0, -1.0, 0.5])) > 2.0  # it does not lie where it was dropped, in the air


def test_placing_walks_on_to_the_next_unplaced_landmark_and_escape_stops(placed):
    for key in ("greater_trochanter_tip", "quadratus_femur_superior"):
        placed.choose(key, Side.LEFT)
        placed.ui.unsetButton.click()
        placed.turn()
        assert placed.state(key, Side.LEFT) == "○ not placed"
    placed.choose("greater_trochanter_tip", Side.LEFT)
    placed.ui.placeButton.click()
    placed.turn()
    interaction = placed.scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    node = placed.live.nodes.landmark_node(Side.LEFT)
    index = node.GetControlPointPlacementStartIndex()
    assert node.GetNthControlPointLabel(index) == "Left greater trochanter tip"
    node.SetNthControlPointPosition(index, -100.0, -5.0, 20.0)  # what a click in a view does
    placed.turn()
    assert placed.state("greater_trochanter_tip", Side.LEFT) == "◆ by hand"
    assert placed.widget.landmarkTable.chosen == (Side.LEFT, "quadratus_femur_superior")
    assert (
        node.GetNthControlPointLabel(node.GetControlPointPlacementStartIndex())
        == "Left quadratus femoris, femur, superior"
    )
    assert placed.ui.placeButton.checked
    interaction.SetCurrentInteractionMode(interaction.ViewTransform)  # what Esc does
    placed.turn()
    assert not placed.ui.placeButton.checked


def test_placing_stops_when_everything_is_placed(placed):
    placed.choose("greater_trochanter_tip", Side.LEFT)
    placed.ui.placeButton.click()
    node = placed.live.nodes.landmark_node(Side.LEFT)
    node.SetNthControlPointPosition(placed.live.index(Side.LEFT, "greater_trochanter_tip"), -100.0, -5.0, 20.0)
    placed.turn()
    assert not placed.ui.placeButton.checked
    interaction = placed.scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_a_landmark_marked_missing_stays_so_and_says_why_its_angle_is_not_there(placed):
    placed.choose("femoral_neck_center", Side.RIGHT)
    placed.ui.missingButton.click()
    placed.turn()
    assert placed.state("femoral_neck_center", Side.RIGHT) == "✕ missing"
    assert placed.value("neck_shaft_angle", Side.RIGHT) == "–"
    assert "by a person" in placed.ui.measurementTable.item(LINE["neck_shaft_angle"], 1).toolTip()
    placed.place()
    assert placed.state("femoral_neck_center", Side.RIGHT) == "✕ missing"


def test_choosing_a_landmark_explains_it_and_centers_the_slices(placed):
    slice_node = placed.scene.AddNewNodeByClass("vtkMRMLSliceNode", "Red")
    placed.choose("femoral_head_center", Side.LEFT)
    assert "Left femoral head center. Center of the sphere" in placed.ui.howLabel.text
    assert not placed.ui.landmarkPicture._raw.pixmap().isNull()
    matrix = slice_node.GetSliceToRAS()
    center = placed.live.nodes.landmarks(Side.LEFT)["femoral_head_center"].position_ras_mm
    assert [matrix.GetElement(r, 3) for r in range(3)] == pytest.approx(center, abs=1e-3)


def test_choosing_a_measurement_shows_its_line_and_its_definition(placed):
    placed.ui.measurementTable.setCurrentCell(LINE["neck_shaft_angle"], 2)
    placed.turn()
    angle = placed.live.nodes.result_node("neck_shaft_angle", Side.LEFT)
    assert angle.GetDisplayVisibility()
    assert "Angle between the neck axis" in placed.ui.definitionText.plainText
    placed.ui.measurementTable.setCurrentCell(LINE["ifs_axial"], 2)
    placed.turn()
    assert not angle.GetDisplayVisibility()
    assert "cutoff" in placed.ui.definitionText.plainText


def test_the_layout_is_shown_filled_and_given_back(placed):
    layout = placed.scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
    placed.ui.layoutButton.click()
    plot_view = placed.scene.GetSingletonNode("PlotView1", "vtkMRMLPlotViewNode")
    table_view = placed.scene.GetSingletonNode("TableView1", "vtkMRMLTableViewNode")
    placed.ui.layoutButton.click()  # pressed twice it still knows the layout before
    description = layout.GetLayoutDescription(layout.GetViewArrangement())
    assert all(
        word in description
        for word in ("Red", "Green", "Yellow", "vtkMRMLPlotViewNode", "vtkMRMLTableViewNode", "vtkMRMLViewNode")
    )
    planes = {
        tag: placed.scene.GetSingletonNode(tag, "vtkMRMLSliceNode").GetOrientation()
        for tag in ("Red", "Yellow", "Green")
    }
    assert planes == {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
    assert placed.scene.GetSingletonNode("1", "vtkMRMLViewNode") is not None
    assert plot_view.GetPlotChartNode() is placed.live.nodes.node("plot")
    assert table_view.GetTableNode() is placed.live.nodes.node("table_summary")
    record = placed.live.nodes.record
    placed.ui.studySelector.setCurrentNode(None)
    placed.turn()
    placed.ui.studySelector.setCurrentNode(record)
    placed.turn()
    assert plot_view.GetPlotChartNode() is placed.live.nodes.node("plot")  # the views follow the study
    placed.ui.restoreLayoutButton.click()
    assert layout.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView


def click(view, place):
    """Press and release the left mouse button in a view of VTK's; two places for a drag."""
    interactor = view.renderWindow().GetInteractor()
    for (x, y), event in zip(place, ("LeftButtonPressEvent", "LeftButtonReleaseEvent")):
        interactor.SetEventInformation(round(x), round(y), 0, 0)
        interactor.InvokeEvent(event)


@pytest.fixture
def graphics():
    import vtk

    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    if not window.SupportsOpenGL():
        pytest.skip("this computer draws no OpenGL, not even in software")


class SliceView:
    """An axial slice view of Slicer's own (views, markups and mouse as in the application), 500 by 500 pixels of 0.4 mm, and a mouse on it."""

    def __init__(self, panel) -> None:
        import vtk

        self.panel = panel
        scene, application = panel.scene, panel.headless.application_logic
        application.SetSliceLogics(vtk.vtkCollection())
        application.SetViewLogics(vtk.vtkCollection())
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLScene(scene)
        logic.SetMRMLApplicationLogic(application)
        self.node = scene.GetSingletonNode("Red", "vtkMRMLSliceNode")  # made by the layout
        logic.SetSliceNode(self.node)
        application.GetSliceLogics().AddItem(logic)
        self.node.SetOrientation("Axial")
        self.node.SetDimensions(500, 500, 1)
        self.node.SetFieldOfView(200.0, 200.0, 1.0)
        renderer, self.window, self.mouse = vtk.vtkRenderer(), vtk.vtkRenderWindow(), vtk.vtkRenderWindowInteractor()
        self.window.SetOffScreenRendering(1)
        self.window.SetSize(500, 500)
        self.window.AddRenderer(renderer)
        self.mouse.SetRenderWindow(self.window)
        slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(application)
        managers = slicer.vtkMRMLDisplayableManagerGroup()
        managers.SetRenderer(renderer)
        for name in ("vtkMRMLMarkupsDisplayableManager", "vtkMRMLCrosshairDisplayableManager"):
            manager = getattr(slicer, name)()
            manager.SetMRMLApplicationLogic(application)
            managers.AddDisplayableManager(manager)
        managers.SetMRMLDisplayableNode(self.node)
        plain, style = vtk.vtkInteractorStyleUser(), slicer.vtkMRMLSliceViewInteractorStyle()
        plain.SetDefaultRenderer(renderer)
        self.mouse.SetInteractorStyle(plain)
        style.SetDisplayableManagers(managers)
        style.SetSliceLogic(logic)
        style.SetInteractor(self.mouse)
        self.mouse.Initialize()
        self._kept = (logic, managers, style)
        self.does("EnterEvent", 250, 250)

    def does(self, event: str, x: float, y: float) -> None:
        self.mouse.SetEventInformation(round(x), round(y), 0, 0)
        self.mouse.InvokeEvent(event)

    def click(self, x: float, y: float, button: str = "Left") -> None:
        """Move the mouse to a place and click."""
        for near in (3, 0):
            self.does("MouseMoveEvent", x + near, y)
            self.panel.turn()
        self.does(f"{button}ButtonPressEvent", x, y)
        self.does(f"{button}ButtonReleaseEvent", x, y)
        self.panel.turn()

    def ras(self, x: float, y: float) -> list[float]:
        return list(self.node.GetXYToRAS().MultiplyPoint([x, y, 0.0, 1.0])[:3])


@pytest.fixture
def view(placed, graphics):
    made = SliceView(placed)
    yield made
    made.window.Finalize()


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
    assert placed.widget.landmarkTable.chosen == (Side.LEFT, keys[2]) and placed.ui.placeButton.checked
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
    node.SetNthControlPointPositionWorld(placed.live.index(Side.LEFT, "greater_trochanter_tip"), -100.0, -5.0, 20.0)
    placed.turn()
    before = placed.live.nodes.landmarks(Side.LEFT)
    placed.choose("greater_trochanter_tip", Side.LEFT)
    placed.ui.placeButton.click()
    view.does("MouseMoveEvent", 200, 210)
    placed.turn()
    assert placed.state("greater_trochanter_tip", Side.LEFT) == "○ not placed"
    if way == "escape":
        placed.widget._escape._raw.activated.emit()
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
    placed.widget._escape._raw.activated.emit()
    placed.turn()
    assert placed.state("greater_trochanter_tip", Side.LEFT) == "○ not placed"


def test_a_point_dragged_in_slicers_own_slice_view_is_measured_at_every_step(placed, view):
    node = placed.live.nodes.landmark_node(Side.LEFT)
    place = np.array(node.GetNthControlPointPositionWorld(placed.live.index(Side.LEFT, "femoral_neck_center")))
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


def test_escape_stops_placing_and_points_inside_and_is_left_to_others_otherwise(placed):
    interaction = placed.scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    placed.choose("greater_trochanter_tip", Side.LEFT)
    assert not placed.widget._escape.enabled
    for button in (placed.ui.placeButton, placed.ui.insideButton):
        button.click()
        assert placed.widget._escape.enabled
        placed.widget._escape._raw.activated.emit()
        placed.turn()
        assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
        assert not placed.ui.placeButton.checked and not placed.widget._escape.enabled
    placed.ui.placeButton.click()
    placed.ui.insideButton.click()  # the next click is for the muscle now
    assert not placed.ui.placeButton.checked and placed.widget._escape.enabled


def test_a_point_that_is_nowhere_is_told_and_nothing_else_stands_in_the_way(placed):
    node = placed.live.nodes.landmark_node(Side.LEFT)
    node.SetNthControlPointPosition(placed.live.index(Side.LEFT, "femoral_neck_center"), float("nan"), 0.0, 0.0)
    placed.turn()
    assert "'Left femoral neck center' is not a finite number; place the point again" in placed.ui.statusLabel.text
    assert (
        placed.state("femoral_neck_center", Side.LEFT) == "○ not placed"
        and placed.state("femoral_head_center", Side.LEFT) == "● from bones"
    )
    placed.choose("femoral_neck_center", Side.LEFT)
    placed.widget.onJump()
    assert "nothing to jump to" in placed.ui.howLabel.text
    placed.widget.onDragStarted()
    placed.widget.onDragEnded()
    placed.ui.unsetButton.click()
    placed.turn()
    assert placed.ui.statusLabel.text == "" and placed.value("ifs_axial", Side.LEFT).endswith("mm")


@pytest.mark.parametrize("removed", ["study", "list"])
def test_what_is_removed_while_it_is_being_placed_is_not_made_anew(placed, removed):
    placed.choose("greater_trochanter_tip", Side.LEFT)
    placed.ui.placeButton.click()
    lists = placed.scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode")
    if removed == "study":
        placed.ui.studySelector.removeCurrentNode()
        placed.turn()
        assert placed.scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == lists
    else:
        placed.scene.RemoveNode(placed.live.nodes.landmark_node(Side.LEFT))
        placed.turn()
        assert all(placed.state(key, Side.LEFT) in ("○ not placed", "✕ missing") for key in ROW)
    assert not placed.ui.placeButton.checked and APP.HOST.errors == []
    interaction = placed.scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_choosing_another_study_ends_placing_in_the_first(placed):
    first = placed.live
    before = first.nodes.landmarks(Side.LEFT)
    placed.choose("greater_trochanter_tip", Side.LEFT)
    placed.ui.placeButton.click()
    placed.ui.studySelector.addNode()
    placed.turn()
    interaction = placed.scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
    assert not placed.ui.placeButton.checked and not placed.widget._escape.enabled
    assert first.nodes.landmarks(Side.LEFT) == before


def test_a_landmark_that_someone_took_out_of_the_list_cannot_be_placed_and_that_is_said(placed):
    node = placed.live.nodes.landmark_node(Side.LEFT)
    node.SetNthControlPointLabel(placed.live.index(Side.LEFT, "greater_trochanter_tip"), "mine")
    placed.turn()
    placed.choose("greater_trochanter_tip", Side.LEFT)
    assert APP.HOST.errors == []
    placed.ui.placeButton.click()
    assert "is no longer in the list; delete the list, and a whole one is made" in APP.HOST.errors.pop()
    assert not placed.ui.placeButton.checked


def test_what_a_person_places_in_another_module_is_not_stopped_by_leaving_this_one(placed):
    interaction = placed.scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    line = placed.scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode")
    selection = placed.scene.GetFirstNodeByClass("vtkMRMLSelectionNode")
    selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsLineNode")
    selection.SetActivePlaceNodeID(line.GetID())
    interaction.SetCurrentInteractionMode(interaction.Place)
    placed.leave()
    assert interaction.GetCurrentInteractionMode() == interaction.Place


def test_selectors_that_lose_their_choice_for_a_moment_take_nothing_from_the_study(placed, tmp_path):
    record, before = placed.live.nodes.record, placed.value("ifs_axial", Side.LEFT)
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    placed.scene.StartState(placed.scene.BatchProcessState)
    placed.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "another module's")
    placed.turn()
    placed.scene.EndState(placed.scene.BatchProcessState)
    placed.turn()
    assert placed.live.nodes.record is record and len(placed.widget.logic.studies()) == 1
    assert (
        placed.live.nodes.segmentation is placed.nodes["segmentation"]
        and placed.live.nodes.volume is placed.nodes["t1"]
    )
    assert placed.value("ifs_axial", Side.LEFT) == before
    slicer.util.loadScene(path)  # into the scene, beside what is there
    placed.turn()
    studies = placed.widget.logic.studies()
    assert len(studies) == 2 and all(nodes.segmentation is not None and nodes.volume is not None for nodes in studies)
    assert placed.value("ifs_axial", Side.LEFT) == before


def test_a_folder_that_is_typed_is_left_as_it_is_typed(placed, tmp_path):
    for typed in ("/", "/da", "/data", "/data/", "/data/h"):
        placed.ui.exportFolderSelector.currentPath = typed
        placed.turn()
        assert placed.ui.exportFolderSelector.currentPath == typed
    assert placed.widget._parameterNode.exportFolder == Path("/data/h")
    placed.leave()
    placed.enter()
    assert placed.ui.exportFolderSelector.currentPath == "/data/h"


def test_bones_are_colored_on_request_and_taken_away_again(placed):
    placed.ui.colorBonesCheckBox.checked = True
    placed.turn()
    model = placed.live.nodes.node("bone_femur_left")
    assert model.GetDisplayNode().GetActiveScalarName() == "distance_mm"
    placed.ui.colorBonesCheckBox.checked = False
    placed.turn()
    assert placed.live.nodes.node("bone_femur_left") is None


def test_the_quadratus_femoris_is_segmented_into_the_segmentation_and_edits_are_kept(panel):
    from IFIMeasureLib.mrml.sample_scene import sample_phantom

    nodes = add_sample(panel.scene)
    grid = sample_grid((0.9, 0.9, 3.0))
    volume = add_volume(panel.scene, Volume(sample_phantom().image(grid, "t1"), grid, Path("t1")), "T1")
    segmentation = nodes["segmentation"].GetSegmentation()
    truth = {}
    for side in Side:
        image = slicer.vtkOrientedImageData()
        nodes["segmentation"].GetBinaryLabelmapRepresentation(f"quadratus_femoris_{side.value}", image)
        truth[side] = vtk_to_numpy(image.GetPointData().GetScalars()).astype(bool).sum() * 0.9 * 0.9 * 3.0 / 1000
        segmentation.RemoveSegment(f"quadratus_femoris_{side.value}")
    panel.ui.volumeSelector.setCurrentNode(volume)
    panel.ui.segmentationSelector.setCurrentNode(nodes["segmentation"])
    panel.turn()
    panel.place()
    assert panel.value("qf_volume", Side.LEFT) == "–"
    panel.ui.contrastComboBox.currentIndex = 1
    panel.ui.segmentMuscleButton.click()
    panel.turn()
    assert APP.HOST.errors == []
    for side in Side:
        assert float(panel.value("qf_volume", side).split()[0]) == pytest.approx(truth[side], rel=0.15)
    assert "%" in panel.value("qf_fat_fraction", Side.LEFT)
    tag = vtk_reference("")
    segment = segmentation.GetSegment("quadratus_femoris_left")
    assert segment.GetTag("TerminologyEntry", tag) and "245020003" in str(tag)
    # a person takes half of the left one away: their edit stays, the right one may be made anew
    image = segment.GetRepresentation("Binary labelmap")
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    array[: array.shape[0] // 2] = 0
    image.Modified()
    segmentation.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
    panel.turn()
    edited = panel.value("qf_volume", Side.LEFT)
    assert 0.1 * truth[Side.LEFT] < float(edited.split()[0]) < 0.9 * truth[Side.LEFT]
    panel.ui.segmentMuscleButton.click()
    panel.turn()
    assert APP.HOST.errors == []
    assert panel.value("qf_volume", Side.LEFT) == edited


def test_a_muscle_drawn_on_every_second_slice_is_filled_in_the_persons_own_segment(placed):
    segmentation = placed.nodes["segmentation"].GetSegmentation()
    key = "quadratus_femoris_left"
    whole = float(placed.value("qf_volume", Side.LEFT).split()[0])
    image = slicer.vtkOrientedImageData()
    placed.nodes["segmentation"].GetBinaryLabelmapRepresentation(key, image)
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    used = np.flatnonzero(array.any((1, 2)))
    erased = [k for k in used[:-1] if (k - used[0]) % 2]
    array[erased] = 0
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(image, placed.nodes["segmentation"], key)
    segmentation.GetSegment(key).SetName("drawn by me")
    placed.live.nodes.mapping = {key: "quadratus_femoris_left"}
    placed.turn()
    drawn = float(placed.value("qf_volume", Side.LEFT).split()[0])
    assert drawn < 0.65 * whole
    for _ in range(2):  # pressing it again neither throws it away nor makes a second one
        placed.ui.segmentMuscleButton.click()
        placed.turn()
        assert float(placed.value("qf_volume", Side.LEFT).split()[0]) == pytest.approx(whole, rel=0.06)
        assert segmentation.GetSegment(key).GetName() == "drawn by me"
        assert segmentation.GetNumberOfSegments() == len(placed.live.nodes.segments())
        assert not placed.live.nodes.made_here(key)
    assert "that a person made; it is kept" in APP.HOST.errors.pop()
    assert APP.HOST.errors == []


def test_what_a_reader_found_is_kept_with_the_study_and_exported(placed, tmp_path):
    from IFIMeasureLib.anatomy.findings import FINDINGS

    row = next(n for n, d in enumerate(FINDINGS) if d.id == "reader_tear")
    placed.ui.findingTable.cellWidget(row, 2).setCurrentIndex(2)
    placed.turn()
    assert placed.live.nodes.findings == {Side.LEFT: {"reader_tear": "partial"}}
    assert placed.live.result.findings == {Side.LEFT: {"reader_tear": "partial"}}
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    placed.ui.exportSceneCheckBox.checked = False
    placed.ui.exportButton.click()
    assert 'reader_tear,"Quadratus femoris, tear",left,partial' in (tmp_path / "out" / "findings.csv").read_text()
    placed.ui.findingTable.cellWidget(row, 2).setCurrentIndex(0)
    placed.turn()
    assert placed.live.nodes.findings == {}


def test_the_segment_editor_is_opened_with_the_studys_segmentation_or_a_new_one(panel, monkeypatch):
    chosen, opened = {}, []
    editor = types.SimpleNamespace(
        setSegmentationNode=lambda node: chosen.update(segmentation=node),
        setSourceVolumeNode=lambda node: chosen.update(volume=node),
    )
    widget = types.SimpleNamespace(editor=editor)
    slicer.modules.segmenteditor = types.SimpleNamespace(
        widgetRepresentation=lambda: types.SimpleNamespace(self=lambda: widget)
    )
    monkeypatch.setattr(slicer.util, "selectModule", lambda name: opened.append(name) or panel.leave(), raising=False)
    assert not panel.ui.segmentEditorButton.enabled
    nodes = add_sample(panel.scene)
    panel.ui.volumeSelector.setCurrentNode(nodes["t1"])
    panel.turn()
    panel.ui.segmentEditorButton.click()
    made = chosen["segmentation"]
    assert (
        opened == ["SegmentEditor"]
        and chosen["volume"] is nodes["t1"]
        and made.GetName() == "IFI hip phantom T1 segmentation"
    )
    assert made.GetNodeReference("referenceImageGeometryRef") is nodes["t1"]
    panel.enter()
    assert panel.ui.segmentationSelector.currentNode() is made and len(panel.widget.logic.studies()) == 1
    panel.ui.segmentationSelector.setCurrentNode(nodes["segmentation"])
    panel.turn()
    panel.ui.segmentEditorButton.click()
    assert chosen["segmentation"] is nodes["segmentation"]


def test_totalsegmentator_is_offered_where_it_is_installed(panel, monkeypatch):
    assert not panel.ui.totalSegmentatorButton.visible
    chosen, opened = [], []
    selector = types.SimpleNamespace(setCurrentNode=chosen.append)
    widget = types.SimpleNamespace(ui=types.SimpleNamespace(inputVolumeSelector=selector))
    slicer.modules.totalsegmentator = types.SimpleNamespace(
        widgetRepresentation=lambda: types.SimpleNamespace(self=lambda: widget)
    )
    monkeypatch.setattr(slicer.util, "selectModule", opened.append, raising=False)
    nodes = add_sample(panel.scene)
    panel.ui.volumeSelector.setCurrentNode(nodes["t1"])
    panel.turn()
    panel.ui.totalSegmentatorButton.click()
    assert opened == ["TotalSegmentator"] and [node.GetName() for node in chosen] == ["IFI hip phantom T1"]


def test_height_and_weight_give_the_volume_over_body_size(placed):
    assert placed.value("qf_volume_index", Side.LEFT) == "–"
    placed.ui.heightSpinBox.value = 1.6
    placed.ui.weightSpinBox.value = 50.0
    placed.turn()
    volume = placed.live.result.hips[Side.LEFT].results["qf_volume"].value
    assert placed.live.result.hips[Side.LEFT].results["qf_volume_index"].value == pytest.approx(volume / 80.0)
    assert placed.value("qf_volume_index", Side.LEFT) == f"{volume / 80.0:.3f} mL/(kg.m)"


def test_the_studies_of_a_scene_are_compared_over_time_or_refused_in_one_sentence(placed):
    placed.ui.followUpButton.click()
    assert "date of the examination is not known" in APP.HOST.errors.pop()
    placed.ui.dateLineEdit.text = "2024-03-01"
    placed.ui.dateLineEdit._raw.editingFinished.emit()
    placed.ui.followUpButton.click()
    assert "at least two" in APP.HOST.errors.pop()
    second = placed.widget.logic.measure(add_sample_bones(placed.scene))
    second.nodes.date = "2025-03-04"
    placed.ui.followUpButton.click()
    placed.turn()
    assert APP.HOST.errors == []
    shown = {
        placed.ui.followUpTable.item(row, 0).text(): placed.ui.followUpTable.item(row, 2).text()
        for row in range(placed.ui.followUpTable.rowCount)
    }
    assert shown["Quadratus femoris, volume, left"] == "0.00 mL (+0.0 %)\nwithin error"
    assert "no muscle was found in the image in every study" in placed.ui.followUpLabel.text
    table = placed.scene.GetFirstNodeByName("IFIMeasure follow-up")
    assert table.GetNumberOfRows() > 10 and table.GetColumnName(0) == "measurement"
    placed.ui.followUpButton.click()
    assert (
        placed.scene.GetNodesByClass("vtkMRMLTableNode").GetNumberOfItems()
        and placed.scene.GetNodesByName("IFIMeasure follow-up").GetNumberOfItems() == 1
    )


def test_points_inside_and_outside_are_placed_in_lists_of_their_own(placed):
    placed.ui.outsideButton.click()
    interaction = placed.scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    node = placed.live.nodes.stroke_node("outside")
    assert placed.scene.GetFirstNodeByClass("vtkMRMLSelectionNode").GetActivePlaceNodeID() == node.GetID()
    node.AddControlPoint(1.0, 2.0, 3.0)
    assert placed.live.nodes.strokes().outside.tolist() == [[1.0, 2.0, 3.0]]
    placed.ui.segmentMuscleButton.click()
    assert "that a person made; it is kept" in APP.HOST.errors.pop()


def test_export_writes_the_files_of_the_command_line_and_refuses_in_one_sentence(placed, tmp_path):
    placed.ui.exportButton.click()
    assert "No folder is chosen" in APP.HOST.errors.pop()
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    placed.ui.exportSceneCheckBox.checked = False
    placed.ui.exportWorkbookCheckBox.checked = True
    placed.ui.exportButton.click()
    assert APP.HOST.errors == []
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {
        "measurements.csv",
        "measurements.schema.csv",
        "study.csv",
        "study.schema.csv",
        "muscle_sections.csv",
        "muscle_sections.schema.csv",
        "measurements.xlsx",
        "profile.csv",
        "profile.schema.csv",
        "report.html",
        "landmarks_left.mrk.json",
        "landmarks_right.mrk.json",
        "segmentation.seg.nrrd",
        "study.json",
    }
    text = (tmp_path / "out" / "measurements.csv").read_text()
    assert repr(placed.live.result.hips[Side.LEFT].results["ifs_axial"].value) in text
    placed.ui.exportDicomCheckBox.checked = True
    placed.ui.replaceCheckBox.checked = True
    placed.ui.exportButton.click()
    assert "refer to the DICOM series that was measured, and there is none" in APP.HOST.errors.pop()
    placed.ui.exportDicomCheckBox.checked = placed.ui.replaceCheckBox.checked = False
    placed.ui.exportButton.click()
    assert "there are results already" in APP.HOST.errors.pop()
    placed.ui.replaceCheckBox.checked = True
    placed.ui.exportButton.click()
    assert APP.HOST.errors == []


def test_a_landmark_that_is_just_being_placed_anew_is_not_missing_in_an_export(placed, tmp_path):
    placed.choose("femoral_neck_center", Side.LEFT)
    placed.ui.placeButton.click()
    placed.turn()
    assert placed.value("neck_shaft_angle", Side.LEFT) == "–"
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    for box in (placed.ui.exportSceneCheckBox, placed.ui.exportReportCheckBox, placed.ui.exportSegmentationCheckBox):
        box.checked = False
    placed.ui.exportButton.click()
    placed.turn()
    assert APP.HOST.errors == [] and not placed.ui.placeButton.checked
    with (tmp_path / "out" / "measurements.csv").open(encoding="utf-8", newline="") as stream:
        values = {(row["measurement"], row["side"]): row["value"] for row in csv.DictReader(stream)}
    assert float(values["neck_shaft_angle", "left"]) == pytest.approx(127.0, abs=1.0)
    assert placed.value("neck_shaft_angle", Side.LEFT) != "–"


def test_dicom_refers_to_the_files_that_the_volume_was_loaded_from(panel, tmp_path, monkeypatch):
    pytest.importorskip("highdicom", reason="the package highdicom is not installed")
    dicom, path = write_sample_study(tmp_path / "sample", Phantom(seed=1), sample_grid((1.0, 1.0, 4.0)))
    volume = read_series(scan_folder(dicom)[0])
    files = {str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID): str(file) for file in volume.files}
    node = add_volume(panel.scene, volume, "t1")
    node.SetAttribute("DICOM.instanceUIDs", " ".join(files))  # as the application's DICOM import sets it
    storage = panel.scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    segmentation = panel.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "bones")
    assert storage.ReadData(segmentation)
    monkeypatch.setattr(
        slicer, "dicomDatabase", types.SimpleNamespace(fileForInstance=lambda uid: files.get(uid, "")), raising=False
    )
    panel.ui.volumeSelector.setCurrentNode(node)
    panel.ui.segmentationSelector.setCurrentNode(segmentation)
    panel.turn()
    panel.place()
    panel.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    for box in (panel.ui.exportSceneCheckBox, panel.ui.exportReportCheckBox, panel.ui.exportSegmentationCheckBox):
        box.checked = False
    panel.ui.exportDicomCheckBox.checked = True
    panel.ui.exportButton.click()
    assert APP.HOST.errors == []
    report = pydicom.dcmread(tmp_path / "out" / "report.dcm")
    source = pydicom.dcmread(volume.files[0], stop_before_pixels=True)
    assert (report.StudyInstanceUID, report.PatientID) == (source.StudyInstanceUID, source.PatientID)
    value = panel.live.result.hips[Side.LEFT].results["ifs_axial"].value
    assert f"{value!r} mm" in {row[2] for row in show_report(tmp_path / "out" / "report.dcm")}
    files.popitem()  # a file has been removed from the database
    panel.ui.replaceCheckBox.checked = True
    panel.ui.exportButton.click()
    assert (
        "refer to the DICOM series that was measured" in APP.HOST.errors.pop()
        and (tmp_path / "out" / "report.dcm").exists()
    )


def test_packages_that_slicer_lacks_are_installed_only_where_the_person_agrees(placed, tmp_path, monkeypatch):
    from IFIMeasureLib import formats

    monkeypatch.setitem(formats.NEEDED_PACKAGES, "fhir", "no_such_package")
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    placed.ui.exportFhirCheckBox.checked = True
    APP.HOST.asked.clear()
    APP.HOST.installed.clear()
    APP.HOST.agrees = False
    placed.ui.exportButton.click()
    assert "no_such_package" in APP.HOST.asked.pop() and not APP.HOST.installed and not (tmp_path / "out").exists()
    APP.HOST.agrees = True
    placed.ui.exportButton.click()
    assert (
        APP.HOST.installed == ["no_such_package"]
        and (tmp_path / "out" / "fhir.json").exists()
        and APP.HOST.errors == []
    )


def test_changes_over_time_are_exported_where_the_scene_has_an_earlier_study(placed, tmp_path):
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    placed.ui.exportSceneCheckBox.checked = False
    placed.ui.exportChangesCheckBox.checked = True
    placed.ui.exportButton.click()
    assert "the date of the examination is not known" in APP.HOST.errors.pop() and not (tmp_path / "out").exists()
    placed.ui.dateLineEdit.text = "2025-03-01"
    placed.ui.dateLineEdit._raw.editingFinished.emit()
    placed.turn()
    placed.ui.exportButton.click()
    assert "no earlier study to compare it with" in APP.HOST.errors.pop() and not (tmp_path / "out").exists()
    earlier = placed.widget.logic.measure(placed.ui.segmentationSelector.currentNode())
    earlier.nodes.date = "2024-03-01"
    placed.ui.exportButton.click()
    assert APP.HOST.errors == []
    with (tmp_path / "out" / "follow_up.csv").open(encoding="utf-8", newline="") as stream:
        rows = {(row["measurement"], row["side"]): row for row in csv.DictReader(stream)}
    assert rows["ifs_axial", "left"]["first_date"] == "2024-03-01" and float(
        rows["ifs_axial", "left"]["change"]
    ) == pytest.approx(0.0, abs=1e-6)
    assert "Changes against the first examination" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_cancelled_action_changes_nothing(panel):
    panel.choose_sample()
    APP.HOST.cancel_after = 2
    panel.ui.placeFromBonesButton.click()
    assert "Stopped" in panel.ui.statusLabel.text
    assert panel.state("femoral_head_center", Side.LEFT) == "○ not placed"
    assert APP.HOST.errors == []


def test_bad_input_is_said_in_one_sentence_without_a_traceback(panel):
    node = panel.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
    panel.ui.segmentationSelector.setCurrentNode(node)
    panel.turn()
    panel.ui.placeFromBonesButton.click()
    (message,) = APP.HOST.errors
    assert "has no segments" in message and "Traceback" not in message


def test_landmarks_alone_give_angles_without_a_segmentation(panel):
    nodes = add_sample(panel.scene)
    panel.ui.volumeSelector.setCurrentNode(nodes["t1"])
    panel.turn()
    node = panel.live.nodes.landmark_node(Side.RIGHT)
    for key, place in {
        "femoral_head_center": (90, 0, 0), "femoral_neck_center": (105, 0, -15), "shaft_axis_proximal": (120, 0, -60), "shaft_axis_distal": (120, 0, -120),
    }.items():  # fmt: skip
        node.SetNthControlPointPosition(panel.live.index(Side.RIGHT, key), *place)
    panel.turn()
    assert panel.value("neck_shaft_angle", Side.RIGHT) == "135.0°"
    assert "there is no segmentation" in panel.ui.measurementTable.item(LINE["ifs_axial"], 1).toolTip()
    assert not panel.ui.exportButton.enabled


def test_two_studies_keep_their_own_choices_and_results(placed):
    first = placed.ui.studySelector.currentNode()
    placed.ui.studySelector.addNode()
    placed.turn()
    assert placed.ui.segmentationSelector.currentNode() is None
    assert placed.value("ifs_axial", Side.LEFT) == "–"
    placed.ui.segmentationSelector.setCurrentNode(placed.nodes["segmentation"])
    placed.turn()
    assert len(placed.widget.logic.studies()) == 2
    assert placed.state("femoral_head_center", Side.LEFT) == "○ not placed"
    placed.ui.studySelector.setCurrentNode(first)
    placed.turn()
    assert placed.state("femoral_head_center", Side.LEFT) == "● from bones"
    assert "mm" in placed.value("ifs_axial", Side.LEFT)


def test_a_removed_study_leaves_an_empty_panel_and_no_new_study(placed):
    placed.ui.studySelector.removeCurrentNode()
    placed.turn()
    assert placed.widget.logic.studies() == []
    assert placed.ui.segmentationSelector.currentNode() is None
    assert placed.value("ifs_axial", Side.LEFT) == "–"


def test_a_removed_segmentation_or_landmark_list_is_survived(placed):
    placed.scene.RemoveNode(placed.live.nodes.landmark_node(Side.LEFT))
    placed.turn()
    assert placed.state("femoral_head_center", Side.LEFT) == "○ not placed"
    assert "mm" in placed.value("ifs_axial", Side.RIGHT)
    placed.place()
    assert placed.state("femoral_head_center", Side.LEFT) == "● from bones"
    placed.scene.RemoveNode(placed.nodes["segmentation"])
    placed.turn()
    assert placed.value("ifs_axial", Side.RIGHT) == "–"
    assert "°" in placed.value("neck_shaft_angle", Side.RIGHT)  # landmarks are still there


def test_an_edited_bone_is_measured_again(placed):
    before = placed.value("ifs_3d", Side.LEFT)
    segment = placed.nodes["segmentation"].GetSegmentation().GetSegment("hip_left")
    image = segment.GetRepresentation("Binary labelmap")
    from vtk.util.numpy_support import vtk_to_numpy

    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    array[:] = np.minimum(array, np.roll(array, 4, axis=2))  # the edge that faces the femur is taken away
    image.GetPointData().GetScalars().Modified()
    image.Modified()
    placed.nodes["segmentation"].GetSegmentation().InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
    placed.turn()
    assert placed.value("ifs_3d", Side.LEFT) != before


def test_a_saved_and_loaded_scene_brings_everything_back(placed, tmp_path):
    placed.ui.sexComboBox.currentIndex = 1
    placed.turn()
    before = {(m.id, side): placed.value(m.id, side) for m in MEASUREMENTS if m.compute for side in Side}
    assert "women" in placed.ui.measurementTable.item(LINE["ifs_axial"], 2).toolTip()
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    placed.scene.Clear(0)
    placed.turn()
    assert placed.value("ifs_axial", Side.LEFT) == "–"
    slicer.util.loadScene(path)
    placed.turn()
    assert placed.ui.sexComboBox.currentIndex == 1
    assert {(m.id, side): placed.value(m.id, side) for m in MEASUREMENTS if m.compute for side in Side} == before
    assert placed.state("femoral_head_center", Side.RIGHT) == "● from bones"


@pytest.mark.parametrize("stopped", [False, True])
def test_studies_of_a_loaded_scene_are_read_at_once_so_that_switching_is_immediate(
    placed, tmp_path, stopped, monkeypatch
):
    from IFIMeasureLib.mrml.study_nodes import StudyNodes

    placed.widget.logic.measure(add_sample_bones(placed.scene))
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    placed.scene.Clear(0)
    placed.turn()
    read, prepare = [], StudyNodes.prepare
    monkeypatch.setattr(
        StudyNodes, "prepare", lambda self, progress=None: read.append(self.name) or prepare(self, progress)
    )
    APP.HOST.cancel_after = 2 if stopped else None
    slicer.util.loadScene(path)
    placed.turn()
    assert placed.value("ifs_axial", Side.LEFT).endswith("mm") and APP.HOST.errors == []
    studies = placed.widget.logic.studies()
    if stopped:
        assert len(placed.widget.logic.unread()) == 1  # the one that is not shown is read when it is chosen
    else:
        assert sorted(read) == sorted(nodes.name for nodes in studies)
    for nodes in studies:
        begun = time.perf_counter()
        placed.ui.studySelector.setCurrentNode(nodes.record)
        placed.turn()
        assert placed.value("ifs_axial", Side.LEFT).endswith("mm")
        assert stopped or time.perf_counter() - begun < 0.2
    assert sorted(set(read)) == sorted(nodes.name for nodes in studies)
    assert stopped or len(read) == len(studies)


def test_a_scene_closed_while_work_is_pending_is_survived(placed):
    node = placed.live.nodes.landmark_node(Side.LEFT)
    node.SetNthControlPointPosition(3, 1.0, 2.0, 3.0)
    placed.scene.Clear(0)
    placed.turn()
    assert placed.value("ifs_axial", Side.LEFT) == "–"
    assert APP.HOST.errors == []


def test_nothing_is_observed_after_leaving_reloading_or_closing_100_times(placed):
    node = placed.live.nodes.landmark_node(Side.LEFT)
    placed.ui.layoutButton.click()
    placed.turn()
    plot = slicer.app.layoutManager().plotWidget(0).plotView().renderWindow().GetInteractor()
    assert any(observed[0] is plot for observed in placed.widget.Observations)
    standing = len(placed.widget.Observations)
    for _ in range(100):
        placed.leave()
        assert not node.HasObserver(node.PointStartInteractionEvent)
        assert len(placed.widget.Observations) == 4  # the scene's own events alone
        placed.enter()
        assert len(placed.widget.Observations) == standing
    for _ in range(100):
        placed.scene.Clear(0)
        placed.turn()
    assert len(placed.widget.Observations) <= standing
    placed.widget.cleanup()
    assert placed.widget.Observations == []


def test_reload_drops_the_library_so_that_it_is_loaded_anew(panel):
    import sys

    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "IFIMeasureLib"}
    try:
        panel.widget.onReload()
        assert APP.HOST.reloaded[-1] == "IFIMeasure"
        assert not [name for name in sys.modules if name.split(".")[0] == "IFIMeasureLib"]
    finally:
        sys.modules.update(kept)


def test_after_a_reload_the_new_panel_is_bound_and_let_go_though_the_application_calls_the_old_one(placed):
    old = placed.widget
    node = placed.live.nodes.landmark_node(Side.LEFT)
    old.cleanup()
    new = placed.widget = placed.module.IFIMeasureWidget(placed.parent)  # what slicer.util.reloadScriptedModule does
    new.setup()
    placed.turn()
    assert "mm" in placed.value("ifs_axial", Side.LEFT) and node.HasObserver(node.PointStartInteractionEvent)
    old.exit()
    assert new._observed == [] and not node.HasObserver(node.PointStartInteractionEvent)
    old.enter()
    placed.turn()
    assert new._live is not None and old._live is None and node.HasObserver(node.PointStartInteractionEvent)


def test_the_sample_registers_with_thumbnail_and_checksum_and_loads(panel):
    from IFIMeasureLib.mrml.sample_scene import checksum, sample_labels

    parent = APP.ModuleParent()
    module = panel.module.IFIMeasure(parent)
    assert parent.title == "IFI Measure" and parent.categories == ["Quantification"]
    assert module.moduleName == "IFIMeasure"
    for slot in APP.HOST.startup[-2:]:
        slot()
    assert slicer.modules.terminologies.logic().IsTerminologyContextLoaded("IFIMeasure")
    source = APP.HOST.sample_sources[-1]
    assert Path(source["thumbnailFileName"]).is_file()
    assert source["checksums"] == [checksum(sample_labels())]
    nodes = source["customDownloader"](None)
    assert nodes[0].GetName() == "IFI hip phantom T1" and len(nodes) == 5


def test_the_modules_own_self_test_passes(panel, monkeypatch):
    import types

    widget = types.SimpleNamespace(self=lambda: panel.widget)
    slicer.modules = types.SimpleNamespace(ifimeasure=types.SimpleNamespace(widgetRepresentation=lambda: widget))
    monkeypatch.setattr(
        slicer.util, "selectModule", lambda name: panel.enter() if name == "IFIMeasure" else panel.leave()
    )
    panel.module.IFIMeasureTest().runTest()
    assert APP.HOST.errors == []


def test_the_logic_works_without_a_panel_and_cleans_up_after_bad_input(panel):
    logic = panel.module.IFIMeasureLogic(panel.scene)
    nodes = add_sample(panel.scene)
    live = logic.measure(nodes["segmentation"], nodes["t1"])
    assert isinstance(live.result.hips[Side.LEFT].results["qfs_3d"], Measured)
    assert live.nodes.landmarks(Side.LEFT)["femoral_head_center"].state == "automatic"
    count = panel.scene.GetNumberOfNodes()
    with pytest.raises(IFIMeasureError):
        logic.measure(panel.scene.AddNewNodeByClass("vtkMRMLSegmentationNode"))
    assert len(logic.studies()) == 1 and panel.scene.GetNumberOfNodes() <= count + 3


def test_the_mouse_wheel_changes_no_list_and_no_number_of_the_panel(placed):
    from PySide6 import QtCore, QtGui, QtWidgets

    def turn_wheel_over(widget):
        center = QtCore.QPointF(widget.rect().center())
        wheel = QtGui.QWheelEvent(
            center,
            widget.mapToGlobal(center),
            QtCore.QPoint(),
            QtCore.QPoint(0, -120),
            QtCore.Qt.MouseButton.NoButton,
            QtCore.Qt.KeyboardModifier.NoModifier,
            QtCore.Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QtWidgets.QApplication.sendEvent(widget, wheel)

    ui = placed.ui
    lists = [
        ui.studySelector,
        ui.volumeSelector,
        ui.segmentationSelector,
        ui.secondVolumeSelector,
        ui.sexComboBox,
        ui.contrastComboBox,
    ]
    lists += [ui.segmentTable.cellWidget(row, 1) for row in range(ui.segmentTable.rowCount)]
    lists += [ui.findingTable.cellWidget(row, column) for row in range(ui.findingTable.rowCount) for column in (1, 2)]
    numbers = [ui.ageSpinBox, ui.heightSpinBox, ui.weightSpinBox, ui.wcvSpinBox]
    before = [box._raw.currentIndex() for box in lists] + [box.value for box in numbers]
    for box in (*lists, *numbers):
        turn_wheel_over(box._raw)
    assert [box._raw.currentIndex() for box in lists] + [box.value for box in numbers] == before
    free = QtWidgets.QComboBox()
    free.addItems(["a", "b"])
    turn_wheel_over(free)
    assert free.currentIndex() == 1  # without the guard it does


def test_every_control_has_a_tooltip_and_the_panel_fits_400_pixels(panel):
    for name, widget in vars(panel.ui).items():
        kind = type(widget._raw).__name__ if isinstance(widget, APP.Wrapped) else ""
        if kind in (
            "QPushButton",
            "QCheckBox",
            "QTableWidget",
            "QSpinBox",
            "QComboBox",
            "NodeComboBox",
            "PathLineEdit",
        ):
            if name.startswith("qt_"):
                continue
            assert widget.toolTip, name
    assert panel.parent._raw.minimumSizeHint().width() <= 400
