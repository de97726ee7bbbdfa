"""The panel on a strict stand-in of the application: scenes closed and opened, the module left, entered, reloaded."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import slicer
from host.driver import APP, LINE
from host.stand_in.pythonqt import Wrapped
from IFIMeasureLib.measuring.registry import MEASUREMENTS
from IFIMeasureLib.mrml.sample_scene import add_sample_bones
from IFIMeasureLib.values import Side


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


def test_a_saved_and_loaded_scene_brings_everything_back(placed, tmp_path):
    placed.ui.sexComboBox.currentIndex = 1
    placed.turn()
    before = {(m.id, side): placed.value(m.id, side) for m in MEASUREMENTS if not m.paired for side in Side}
    assert "women" in placed.ui.measurementTable.item(LINE["ifs_axial"], 2).toolTip()
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    placed.scene.Clear(0)
    placed.turn()
    assert placed.value("ifs_axial", Side.LEFT) == "–"
    slicer.util.loadScene(path)
    placed.turn()
    assert placed.ui.sexComboBox.currentIndex == 1
    assert {(m.id, side): placed.value(m.id, side) for m in MEASUREMENTS if not m.paired for side in Side} == before
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
    assert placed.value("ifs_axial", Side.LEFT).endswith("mm") and APP.HOST.shown == []
    studies = placed.widget.logic.studies()
    if stopped:
        assert len(placed.widget.logic.unread()) == 1  # the one that is not shown is read when it is chosen
    else:
        assert sorted(read) == sorted(nodes.name for nodes in studies)
    for nodes in studies:
        begun = time.perf_counter()
        placed.ui.studySelector.setCurrentNode(nodes.record)
        while placed.live is None or placed.live.nodes.record is not nodes.record or placed.widget.panel.timer.active:
            APP.QtWidgets.QApplication.processEvents()
        assert placed.value("ifs_axial", Side.LEFT).endswith("mm")
        assert stopped or time.perf_counter() - begun < 0.5
        placed.turn()
    assert sorted(set(read)) == sorted(nodes.name for nodes in studies)
    assert stopped or len(read) == len(studies)


def test_a_scene_closed_while_work_is_pending_is_survived(placed):
    node = placed.live.nodes.landmark_node(Side.LEFT)
    node.SetNthControlPointPosition(3, 1.0, 2.0, 3.0)
    placed.scene.Clear(0)
    placed.turn()
    assert placed.value("ifs_axial", Side.LEFT) == "–"
    assert APP.HOST.shown == []


def test_nothing_is_observed_after_leaving_reloading_or_closing_100_times(placed):
    observing = (placed.widget, placed.widget.panel, placed.widget.panel.observer)

    def standing():
        return [len(of.Observations) for of in observing]

    node = placed.live.nodes.landmark_node(Side.LEFT)
    placed.ui.layoutButton.click()
    placed.turn()
    plot = slicer.app.layoutManager().plotWidget(0).plotView().renderWindow().GetInteractor()
    assert any(observed[0] is plot for observed in placed.widget.panel.observer.Observations)
    before = standing()
    for _ in range(100):
        placed.leave()
        assert not node.HasObserver(node.PointStartInteractionEvent)
        assert standing() == [4, 0, 0]  # the scene's own events alone
        placed.enter()
        assert standing() == before
    for _ in range(100):
        placed.scene.Clear(0)
        placed.turn()
    assert all(now <= then for now, then in zip(standing(), before))
    placed.widget.cleanup()
    assert standing() == [0, 0, 0]


def test_reload_drops_the_library_so_that_it_is_loaded_anew(panel):
    import sys

    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "IFIMeasureLib"}
    try:
        panel.widget.onReload()
        assert APP.HOST.reloaded[-1] == "IFIMeasure"
        assert not [name for name in sys.modules if name.split(".")[0] == "IFIMeasureLib"]
    finally:
        sys.modules.update(kept)


def test_a_reload_leaves_no_panel_no_bones_and_no_observer_of_the_scene(placed):
    import gc
    import weakref

    def observers():
        return str(placed.scene).count("vtkObserver (")

    def reload():
        placed.widget.cleanup()
        placed.widget = placed.module.IFIMeasureWidget(placed.parent)  # what slicer.util.reloadScriptedModule does
        placed.widget.setup()
        placed.turn()
        APP.delete_what_is_to_be()
        gc.collect()
        return observers(), placed.scene.GetNumberOfNodes(), placed.parent._raw.layout().count()

    gc.freeze()  # what tests before this one left is not collected here: Qt has deleted parts of it
    before, panel = reload(), weakref.ref(placed.widget.panel)
    bones = weakref.ref(placed.live.prepared)
    assert reload() == before
    assert panel() is None and bones() is None


def test_after_a_reload_the_new_panel_is_bound_and_let_go_though_the_application_calls_the_old_one(placed):
    old = placed.widget
    node = placed.live.nodes.landmark_node(Side.LEFT)
    old.cleanup()
    new = placed.widget = placed.module.IFIMeasureWidget(placed.parent)  # what slicer.util.reloadScriptedModule does
    new.setup()
    placed.turn()
    assert "mm" in placed.value("ifs_axial", Side.LEFT) and node.HasObserver(node.PointStartInteractionEvent)
    old.exit()
    assert new.panel.observer.Observations == [] and not node.HasObserver(node.PointStartInteractionEvent)
    old.enter()
    placed.turn()
    assert new.panel.live is not None and old.panel is None and node.HasObserver(node.PointStartInteractionEvent)


def test_the_sample_registers_with_thumbnail_and_checksum_and_loads(panel):
    from IFIMeasureLib.mrml.sample_scene import checksum, sample_labels

    parent = APP.ModuleParent()
    module = panel.module.IFIMeasure(parent)
    assert parent.title == "IFI Measure" and parent.categories == ["Quantification"]
    assert module.moduleName == "IFIMeasure"
    for slot in APP.HOST.startup[-3:]:
        slot()
    assert slicer.modules.terminologies.logic().IsTerminologyContextLoaded("IFIMeasure")
    source = APP.HOST.sample_sources[-1]
    assert Path(source["thumbnailFileName"]).is_file()
    assert source["checksums"] == [checksum(sample_labels())]
    nodes = source["customDownloader"](None)
    assert nodes[0].GetName() == "IFI hip phantom T1" and len(nodes) == 6
    later = panel.scene.GetFirstNodeByName("IFI hip phantom follow-up bones")
    assert not later.GetDisplayNode().GetVisibility()  # it lies where the first one does
    panel.ui.volumeSelector.setCurrentNode(panel.scene.GetFirstNodeByName("IFI hip phantom follow-up T1"))
    panel.ui.segmentationSelector.setCurrentNode(later)
    panel.turn()
    assert later.GetDisplayNode().GetVisibility()


def test_the_modules_own_self_test_passes(panel, monkeypatch):
    import types

    widget = types.SimpleNamespace(self=lambda: panel.widget)
    slicer.modules = types.SimpleNamespace(ifimeasure=types.SimpleNamespace(widgetRepresentation=lambda: widget))
    monkeypatch.setattr(
        slicer.util, "selectModule", lambda name: panel.enter() if name == "IFIMeasure" else panel.leave()
    )
    panel.module.IFIMeasureTest().runTest()
    assert APP.HOST.shown == []


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
        kind = type(widget._raw).__name__ if isinstance(widget, Wrapped) else ""
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
