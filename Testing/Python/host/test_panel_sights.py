"""The panel on a strict stand-in of the application: what a person sees at once, in the panel and in the views."""

from __future__ import annotations

import types

import numpy as np
import pytest
import slicer
from host.driver import APP, LINE, add_sample
from IFIMeasureLib.gui.tabs import TABS
from IFIMeasureLib.measuring.registry import MEASUREMENTS
from IFIMeasureLib.mrml.segment_surfaces import segments_without_surface
from IFIMeasureLib.mrml.study_nodes import StudyNodes
from IFIMeasureLib.mrml.views import arrange_opened
from IFIMeasureLib.values import Side
from vtk import reference as vtk_reference


def place_of(node):
    matrix = node.GetSliceToRAS()
    return [matrix.GetElement(row, 3) for row in range(3)]


def test_the_spaces_of_both_sides_stand_at_the_top_with_mark_and_cutoffs_whatever_tab_is_shown(placed):
    top = placed.widget.panel.spaces
    for key in ("ifs_axial", "qfs_axial"):
        for side in Side:
            assert top.buttons[key, side].text == placed.value(key, side) != "–"
    assert top.buttons["ifs_axial", Side.LEFT].text.startswith("▼")
    assert "Torriani" in top.buttons["ifs_axial", Side.LEFT].toolTip
    assert [top._cutoffs[key].text for key in ("ifs_axial", "qfs_axial")] == ["15–17 mm", "8–10 mm"]
    for name in TABS:
        getattr(placed.ui, f"{name}TabButton").click()
        assert placed.widget.panel.tabs.shown == name
    top.buttons["qfs_axial", Side.LEFT].click()
    definition, side = placed.widget.panel.measurements.table.chosen
    assert (definition.id, side) == ("qfs_axial", Side.LEFT)


def test_measurements_that_cannot_be_taken_are_folded_into_one_line_that_says_why(placed):
    ui = placed.ui
    lacking = [m for m in MEASUREMENTS if not m.paired and all(placed.value(m.id, side) == "–" for side in Side)]
    assert {"femoral_version", "qf_fat_fraction"} <= {m.id for m in lacking}
    assert all(ui.measurementTable.isRowHidden(LINE[m.id]) for m in lacking)
    assert not ui.measurementTable.isRowHidden(LINE["ifs_axial"])
    hidden = sum(ui.measurementTable.isRowHidden(row) for row in range(len(MEASUREMENTS)))
    assert f"{hidden} cannot be taken: " in ui.foldedButton.text and len(ui.foldedButton.text) < 130
    assert all(f"{m.title}: " in ui.foldedButton.toolTip for m in lacking)
    ui.foldedButton.click()
    assert not any(ui.measurementTable.isRowHidden(row) for row in range(len(MEASUREMENTS)))
    ui.foldedButton.click()
    assert sum(ui.measurementTable.isRowHidden(row) for row in range(len(MEASUREMENTS))) == hidden


def test_bones_stand_in_3d_from_behind_as_soon_as_a_segmentation_is_chosen(panel):
    camera = panel.scene.AddNewNodeByClass("vtkMRMLCameraNode")
    nodes = panel.choose_sample()
    segmentation = nodes["segmentation"].GetSegmentation()
    for key in ("femur_left", "hip_right", "quadratus_femoris_left"):
        surface = segmentation.GetSegment(key).GetRepresentation("Closed surface")
        assert surface is not None and surface.GetNumberOfPoints() > 500
    assert segments_without_surface(panel.live.nodes) == []
    display = nodes["segmentation"].GetDisplayNode()
    assert display.GetSegmentOpacity3D("femur_left") == 1.0
    assert display.GetSegmentOpacity3D("quadratus_femoris_left") < 0.5
    bounds = [0.0] * 6
    nodes["segmentation"].GetRASBounds(bounds)
    assert camera.GetPosition()[1] < bounds[2] - 100.0 and list(camera.GetViewUp()) == [0.0, 0.0, 1.0]
    display.SetSegmentOpacity3D("quadratus_femoris_left", 0.9)  # as a person wants it
    panel.leave()
    camera.SetPosition(0.0, 500.0, 0.0)
    panel.enter()
    assert display.GetSegmentOpacity3D("quadratus_femoris_left") == 0.9
    assert camera.GetPosition()[1] == 500.0  # what was seen before is left as it is


def test_the_slices_go_to_the_lesser_trochanter_of_the_side_last_worked_on(panel):
    views = {tag: panel.scene.GetSingletonNode(tag, "vtkMRMLSliceNode") for tag in ("Red", "Yellow", "Green")}
    views = {tag: view or panel.scene.AddNewNodeByClass("vtkMRMLSliceNode", tag) for tag, view in views.items()}
    for view, plane in zip(views.values(), ("Axial", "Sagittal", "Coronal")):
        view.SetOrientation(plane)
    panel.widget.panel.parameters.lastSide = "left"
    nodes = panel.choose_sample()
    guessed = [place_of(views["Yellow"])[0], place_of(views["Red"])[2]]
    panel.place()
    tip = panel.live.nodes.landmarks(Side.LEFT)["lesser_trochanter_tip"].position_ras_mm
    assert np.abs(np.array(guessed) - [tip[0], tip[2]]).max() < 30.0  # at the hip, not between the legs
    assert place_of(views["Yellow"])[0] == pytest.approx(tip[0], abs=0.1)
    assert place_of(views["Red"])[2] == pytest.approx(tip[2], abs=0.1)
    panel.choose("greater_trochanter_tip", Side.RIGHT)
    panel.ui.studySelector.addNode()
    panel.turn()
    panel.ui.volumeSelector.setCurrentNode(nodes["t1"])
    panel.turn()
    assert place_of(views["Yellow"])[0] > 50.0  # the right side was worked on last


def test_only_ifs_and_qfs_and_the_chosen_measurement_are_seen_each_by_its_name_and_color(placed):
    def seen():
        found = {}
        for kind in ("vtkMRMLMarkupsLineNode", "vtkMRMLMarkupsAngleNode"):
            for number in range(placed.scene.GetNumberOfNodesByClass(kind)):
                node = placed.scene.GetNthNodeByClass(number, kind)
                if node.GetDisplayNode().GetVisibility():
                    assert node.GetDisplayNode().GetPropertiesLabelVisibility() and not node.GetPropertiesLabelText()
                    found[node.GetName()] = tuple(round(v, 2) for v in node.GetDisplayNode().GetSelectedColor())
        return found

    def label(name, key, side):
        return f"{name} {side.value} {placed.value(key, side).removeprefix('▼ ')}"

    spaces = {label(name, key, side) for name, key in (("IFS", "ifs_axial"), ("QFS", "qfs_axial")) for side in Side}
    before = seen()
    assert set(before) == spaces and len(set(before.values())) == 4
    placed.ui.measurementTable.setCurrentCell(LINE["neck_shaft_angle"], 1)
    placed.turn()
    angle = f"Neck-shaft angle right {placed.value('neck_shaft_angle', Side.RIGHT)}"
    after = {name.replace("–", "-"): color for name, color in seen().items()}
    assert set(after) == spaces | {angle} and after[angle] not in before.values()
    node = placed.live.nodes.result_node("ifs_axial", Side.LEFT)
    assert (node.GetAttribute("IFIMeasure.measurement"), node.GetAttribute("IFIMeasure.side")) == ("ifs_axial", "left")


def test_colored_bones_take_the_place_of_the_segments_and_give_it_back(placed):
    display = placed.nodes["segmentation"].GetDisplayNode()
    placed.ui.colorBonesCheckBox.checked = True
    placed.turn()
    assert not display.GetSegmentVisibility3D("femur_left") and display.GetSegmentVisibility3D("iliopsoas_left")
    legend = placed.live.nodes.node("color_legend")
    assert legend is None or max(legend.GetSize()) <= 0.3
    placed.ui.colorBonesCheckBox.checked = False
    placed.turn()
    assert display.GetSegmentVisibility3D("femur_left")


def test_where_drawing_is_slow_slices_show_surfaces_during_a_drag_and_voxels_again_after_it(placed, monkeypatch):
    display = placed.live.nodes.segmentation.GetDisplayNode()
    node = placed.live.nodes.landmark_node(Side.LEFT)
    index = placed.live.nodes.landmark_index(Side.LEFT, "lesser_trochanter_tip")
    place = np.array(node.GetNthControlPointPositionWorld(index))
    shown = {}
    for slow_s in (3600.0, -1.0):
        monkeypatch.setattr("IFIMeasureLib.gui.drag_views.SLOW_S", slow_s)
        node.InvokeEvent(node.PointStartInteractionEvent)
        for step in (1, 2):
            node.SetNthControlPointPositionWorld(index, *(place + [0.2 * step, 0.0, 0.0]))
            placed.turn()
        shown[slow_s] = display.GetDisplayRepresentationName2D()
        node.InvokeEvent(node.PointEndInteractionEvent)
        placed.turn()
        assert display.GetDisplayRepresentationName2D() == "Binary labelmap"
    assert shown == {3600.0: "Binary labelmap", -1.0: "Closed surface"}


def test_a_study_begins_from_the_volume_alone_with_the_needed_segments_listed(panel, monkeypatch):
    editor = types.SimpleNamespace(setSegmentationNode=lambda node: None, setSourceVolumeNode=lambda node: None)
    found = types.SimpleNamespace(self=lambda: types.SimpleNamespace(editor=editor))
    slicer.modules.segmenteditor = types.SimpleNamespace(widgetRepresentation=lambda: found)
    monkeypatch.setattr(slicer.util, "selectModule", lambda name: panel.leave(), raising=False)
    nodes = add_sample(panel.scene)
    panel.ui.volumeSelector.setCurrentNode(nodes["t1"])
    panel.turn()
    assert "draw one in the Segment Editor" in panel.ui.statusLabel.text
    panel.ui.segmentEditorButton.click()
    panel.enter()
    made = panel.ui.segmentationSelector.currentNode()
    table = panel.ui.segmentTable
    taken = {table.item(row, 0).text(): table.cellWidget(row, 1).currentText for row in range(table.rowCount)}
    assert len(taken) == 10 and all(name == title for name, title in taken.items())
    assert "Right femur" in taken and "Left quadratus femoris" in taken
    entry = vtk_reference("")
    assert made.GetSegmentation().GetSegment("femur_left").GetTag("TerminologyEntry", entry) and "71341001" in str(
        entry
    )
    assert "measured" in panel.ui.structureLabel.text  # nothing is drawn yet, and that is said
    assert "Nothing is drawn in the segments yet" in panel.ui.statusLabel.text
    panel.place()
    assert "every segment is empty" in APP.HOST.warnings.pop()
    image = slicer.vtkOrientedImageData()
    nodes["segmentation"].GetBinaryLabelmapRepresentation("femur_left", image)
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(image, made, "femur_left")
    panel.turn()
    panel.place()
    message = APP.HOST.warnings.pop()
    assert "nothing is drawn yet in Left hip bone, Right femur, Right hip bone; draw them" in message
    for key in ("hip_left", "femur_left", "hip_right", "femur_right"):  # what the Segment Editor does
        image = slicer.vtkOrientedImageData()
        nodes["segmentation"].GetBinaryLabelmapRepresentation(key, image)
        slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(image, made, key)
    panel.turn()
    panel.place()
    assert APP.HOST.shown == [] and panel.value("ifs_axial", Side.LEFT).endswith("mm")
    assert panel.value("qfs_axial", Side.LEFT) == "–" and "quadratus femoris space" in panel.ui.structureLabel.text


def test_opening_a_measured_scene_shows_its_numbers_before_the_bones_are_read(placed, tmp_path, monkeypatch):
    before = {key: button.text for key, button in placed.widget.panel.spaces.buttons.items()}
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    placed.scene.Clear(0)
    placed.turn()
    slicer.util.loadScene(path)
    read, prepare = [], StudyNodes.prepare
    monkeypatch.setattr(StudyNodes, "prepare", lambda self, progress=None: read.append(1) or prepare(self, progress))
    placed.widget.panel.update()
    shown = {key: button.text for key, button in placed.widget.panel.spaces.buttons.items()}
    assert shown == {key: text.removeprefix("▼ ") for key, text in before.items()} and not read
    assert "Reading the bones" in placed.ui.statusLabel.text
    placed.turn()
    assert read and {key: button.text for key, button in placed.widget.panel.spaces.buttons.items()} == before
    assert "Reading" not in placed.ui.statusLabel.text


def test_a_scene_of_the_command_opens_once_with_slices_3d_plot_and_table(placed):
    placed.live.nodes.record.SetAttribute("IFIMeasure.opens", "1")
    layout = placed.scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    arrange_opened(placed.scene)
    description = layout.GetLayoutDescription(layout.GetViewArrangement())
    for word in ("Red", "Green", "Yellow", "vtkMRMLViewNode", "vtkMRMLPlotViewNode", "vtkMRMLTableViewNode"):
        assert word in description
    assert placed.live.nodes.record.GetAttribute("IFIMeasure.opens") is None
    layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
    arrange_opened(placed.scene)  # from now on it is as a person saved it
    assert layout.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView


def test_every_tab_fits_a_window_900_pixels_high_and_a_panel_375_wide(placed):
    # beside a panel's hint, not its minimum, Slicer leaves room for what a horizontal scroll bar would like to have
    # (qSlicerModulePanel::minimumSizeHint); 55 pixels in its own style
    whole = placed.parent._raw
    assert 350 <= whole.sizeHint().width() + 55 <= 375  # nor so narrow that it opens crowded
    for name in TABS:
        placed.widget.panel.tabs.show(name)
        placed.turn()
        assert whole.minimumSizeHint().width() <= 350, name
        layout = whole.layout()
        needed = layout.minimumHeightForWidth(350) if layout.hasHeightForWidth() else whole.minimumSizeHint().height()
        assert needed <= 524, f"{name} needs {needed} pixels"


def test_the_box_of_a_3d_view_is_fitted_once_the_bones_have_their_surfaces(panel):
    view = panel.scene.GetFirstNodeByClass("vtkMRMLViewNode") or panel.scene.AddNewNodeByClass("vtkMRMLViewNode")
    seen = []

    def fitted(caller, event):
        seen.append((view.GetBoxVisible(), segments_without_surface(panel.live.nodes)))

    view.AddObserver(slicer.vtkMRMLViewNode.ResetFocalPointRequestedEvent, fitted)
    panel.choose_sample()
    assert seen == [(0, [])]  # the box itself is not to be counted
    assert view.GetBoxVisible() and view.GetAxisLabelsVisible()


def test_bones_points_and_lines_of_one_study_are_seen_at_a_time(placed):
    second = add_sample(placed.scene)["segmentation"]
    first, record = placed.nodes["segmentation"], placed.live.nodes.record
    placed.ui.studySelector.setCurrentNode(None)
    placed.turn()
    placed.ui.segmentationSelector.setCurrentNode(second)
    placed.turn()
    assert second.GetDisplayNode().GetVisibility() and not first.GetDisplayNode().GetVisibility()
    placed.ui.studySelector.setCurrentNode(record)
    placed.turn()
    assert first.GetDisplayNode().GetVisibility() and not second.GetDisplayNode().GetVisibility()
    second.GetDisplayNode().SetVisibility(True)  # a person wants to see both
    placed.leave()
    placed.enter()
    assert second.GetDisplayNode().GetVisibility()
    label = placed.live.nodes.result_node("ifs_axial", Side.LEFT).GetDisplayNode().GetTextProperty()
    other = placed.live.nodes.result_node("qfs_axial", Side.LEFT).GetDisplayNode().GetTextProperty()
    assert label.GetLineOffset() < 0.0 < other.GetLineOffset()  # they stand apart, above and below
