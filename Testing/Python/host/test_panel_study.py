"""The panel on a strict stand-in of the application: choosing, placing, measuring, other programs."""

from __future__ import annotations

import types

import numpy as np
import pytest
import slicer
from host.driver import APP, LINE, add_sample
from IFIMeasureLib.mrml.sample_scene import add_sample_bones
from IFIMeasureLib.values import IFIMeasureError, Measured, Side


def test_a_new_panel_says_what_to_do_and_offers_nothing_that_cannot_work(panel):
    assert "Choose a volume" in panel.ui.statusLabel.text
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
    assert APP.HOST.shown == []
    assert placed.state("lesser_trochanter_tip", Side.LEFT) == "● from bones"
    assert placed.state("posterior_condyle_medial", Side.LEFT) == "✕ missing"
    result = placed.live.result.hips[Side.LEFT].results["ifs_axial"]
    assert placed.value("ifs_axial", Side.LEFT) == f"▼ {result.value:.1f} mm"
    tooltip = placed.ui.measurementTable.item(LINE["ifs_axial"], 2).toolTip()
    assert "below the published cutoff of 17 mm" in tooltip and "Torriani" in tooltip
    assert placed.value("neck_shaft_angle", Side.RIGHT).endswith("°")
    assert placed.scene.GetFirstNodeByName(f"IFS left {result.value:.1f} mm") is not None


def test_a_segment_taken_for_something_else_is_said_in_place_and_measured_so(placed):
    table = placed.ui.segmentTable
    row = next(r for r in range(table.rowCount) if table.item(r, 0).text() == "hamstring_right")
    table.cellWidget(row, 1).setCurrentIndex(0)
    placed.turn()
    assert "right quadratus femoris space needs its landmark" in placed.ui.structureLabel.text
    assert placed.value("qfs_axial", Side.RIGHT) == "–"
    assert "mm" in placed.value("qfs_axial", Side.LEFT)


def test_renamed_nodes_are_still_the_same(placed):
    before = placed.value("ifs_axial", Side.LEFT)
    placed.nodes["segmentation"].SetName("Knochen")
    placed.live.nodes.landmark_node(Side.LEFT).SetName("links")
    placed.live.nodes.record.SetName("Fall 7")
    placed.turn()
    placed.place()
    assert placed.value("ifs_axial", Side.LEFT) == before


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


def test_bones_are_colored_on_request_and_taken_away_again(placed):
    placed.ui.colorBonesCheckBox.checked = True
    placed.turn()
    model = placed.live.nodes.node("bone_femur_left")
    assert model.GetDisplayNode().GetActiveScalarName() == "distance_mm"
    placed.ui.colorBonesCheckBox.checked = False
    placed.turn()
    assert placed.live.nodes.node("bone_femur_left") is None


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
    assert "date of the examination is not known" in APP.HOST.warnings.pop()
    placed.ui.dateLineEdit.text = "2024-03-01"
    placed.ui.dateLineEdit._raw.editingFinished.emit()
    placed.ui.followUpButton.click()
    assert "at least two" in APP.HOST.warnings.pop()
    second = placed.widget.logic.measure(add_sample_bones(placed.scene))
    second.nodes.date = "2025-03-04"
    placed.ui.followUpButton.click()
    placed.turn()
    assert APP.HOST.shown == []
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


def test_a_cancelled_action_changes_nothing(panel):
    panel.choose_sample()
    APP.HOST.cancel_after = 2
    panel.ui.placeFromBonesButton.click()
    assert "Stopped" in panel.ui.statusLabel.text
    assert panel.state("femoral_head_center", Side.LEFT) == "○ not placed"
    assert APP.HOST.shown == []


def test_bad_input_is_said_in_one_sentence_without_a_traceback(panel):
    node = panel.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
    panel.ui.segmentationSelector.setCurrentNode(node)
    panel.turn()
    panel.ui.placeFromBonesButton.click()
    (message,) = APP.HOST.warnings
    assert "has no segments" in message and "Traceback" not in message


def test_landmarks_alone_give_angles_without_a_segmentation(panel):
    nodes = add_sample(panel.scene)
    panel.ui.volumeSelector.setCurrentNode(nodes["t1"])
    panel.turn()
    node = panel.live.nodes.landmark_node(Side.RIGHT)
    for key, place in {
        "femoral_head_center": (90, 0, 0),
        "femoral_neck_center": (105, 0, -15),
        "shaft_axis_proximal": (120, 0, -60),
        "shaft_axis_distal": (120, 0, -120),
    }.items():
        node.SetNthControlPointPosition(panel.live.nodes.landmark_index(Side.RIGHT, key), *place)
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


def test_a_study_that_no_one_has_named_is_called_after_the_volume_it_is_of(panel):
    nodes = add_sample(panel.scene)
    other = panel.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "by mistake")
    panel.ui.volumeSelector.setCurrentNode(other)
    panel.turn()
    assert panel.live.nodes.name == "Study of by mistake"
    panel.ui.volumeSelector.setCurrentNode(nodes["t1"])
    panel.turn()
    assert panel.live.nodes.name == "Study of IFI hip phantom T1"
    assert panel.live.nodes.landmark_node(Side.LEFT).GetName() == "Study of IFI hip phantom T1 landmarks left"
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(panel.scene)
    assert hierarchy.GetItemByName("Study of IFI hip phantom T1") and not hierarchy.GetItemByName("Study of by mistake")
    panel.live.nodes.record.SetName("visit 1")
    panel.ui.volumeSelector.setCurrentNode(other)
    panel.turn()
    assert panel.live.nodes.name == "visit 1"  # a person's name stays


def test_two_studies_of_one_segmentation_are_not_compared(placed):
    placed.live.nodes.date = "2024-03-01"
    second = placed.widget.logic.measure(placed.nodes["segmentation"])
    second.nodes.date = "2025-03-04"
    placed.ui.followUpButton.click()
    placed.turn()
    (message,) = APP.HOST.warnings
    assert "have one segmentation (IFI hip phantom bones), so no change can be seen" in message
    assert placed.ui.followUpTable.rowCount == 0


def test_the_menu_of_the_studies_calls_them_studies(panel):
    assert panel.ui.studySelector._raw.labels == {"vtkMRMLScriptedModuleNode": "study"}
