"""The panel's part of the module's self test, with the sample measured: run in the application."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import slicer
import slicer.util

from ..values import Side
from .panel import Panel


def place_and_stop(test: Any, panel: Panel) -> None:
    """Placing a landmark with a click, and stopping."""
    panel.landmarks.choose(Side.RIGHT, "greater_trochanter_tip")
    panel.ui.placeButton.checked = True
    interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    test.assertEqual(interaction.GetCurrentInteractionMode(), interaction.Place)
    interaction.SetCurrentInteractionMode(interaction.ViewTransform)  # what Esc does
    test.waitFor(lambda: not panel.ui.placeButton.checked)

    def there() -> bool:
        assert panel.live is not None
        landmarks = panel.live.nodes.landmarks(Side.RIGHT)
        return landmarks["greater_trochanter_tip"].position_ras_mm is not None

    test.waitFor(there)  # put back


def color_and_arrange(test: Any, panel: Panel) -> None:
    """Coloring the bones, showing and restoring the layout."""
    ui = panel.ui
    ui.colorBonesCheckBox.checked = True
    test.waitFor(lambda: panel.live is not None and panel.live.nodes.node("bone_femur_right") is not None)
    ui.colorBonesCheckBox.checked = False
    before = slicer.app.layoutManager().layout
    ui.layoutButton.click()
    test.waitFor(lambda: slicer.app.layoutManager().plotViewCount > 0)
    plots = panel.observer.plots
    test.assertTrue(plots and all(chart.IsA("vtkChartXY") for _interactor, chart in plots))
    ui.measurementTable.setCurrentCell(0, 1)
    test.assertNotEqual(ui.definitionText.plainText, "")
    ui.restoreLayoutButton.click()
    # in a scene that was cleared no layout is set, and none can be gone back to
    four_up = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    test.assertEqual(slicer.app.layoutManager().layout, before or four_up)


def begin_another_study(test: Any, panel: Panel) -> None:
    """Beginning another study, and going back to the first."""
    ui = panel.ui
    record, segmentation = ui.studySelector.currentNode(), ui.segmentationSelector.currentNode()
    shown = ui.measurementTable.item(0, 1).text()
    ui.studySelector.addNode()
    test.waitFor(lambda: ui.segmentationSelector.currentNode() is None)
    test.waitFor(lambda: ui.measurementTable.item(0, 1).text() == "–")
    ui.studySelector.setCurrentNode(record)
    test.waitFor(lambda: ui.segmentationSelector.currentNode() is segmentation)
    test.waitFor(lambda: ui.measurementTable.item(0, 1).text() == shown)


def write_and_load(test: Any, panel: Panel) -> None:
    """Exporting, and loading the scene while the panel is open."""
    ui = panel.ui
    shown = ui.measurementTable.item(0, 1).text()
    with tempfile.TemporaryDirectory() as folder:
        ui.exportFolderSelector.currentPath = os.path.join(folder, "results")
        ui.exportButton.click()
        test.assertTrue(os.path.isfile(os.path.join(folder, "results", "measurements.csv")))
        path = os.path.join(folder, "scene.mrb")
        test.assertTrue(slicer.util.saveScene(path))
        slicer.mrmlScene.Clear(0)
        test.waitFor(lambda: ui.studySelector.currentNode() is None)
        slicer.util.loadScene(path)
        test.waitFor(lambda: ui.measurementTable.item(0, 1).text() == shown)
        whole = [n for n in panel.logic.studies() if n.segmentation is not None and n.volume is not None]
        test.assertEqual(len(whole), 1)  # binding the selectors has taken nothing from the study
