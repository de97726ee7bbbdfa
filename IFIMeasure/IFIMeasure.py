"""IFIMeasure: ischiofemoral impingement measurements in 3D Slicer. Wiring only; the work is done in IFIMeasureLib."""

import logging

import slicer
from IFIMeasureLib import __version__
from IFIMeasureLib.core.values import IFIMeasureError, Measured, Side
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


class IFIMeasure(ScriptedLoadableModule):
    """What the application shows of the module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("IFI Measure")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        self.parent.dependencies = ["Segmentations", "Markups", "Tables", "Plots", "SubjectHierarchy"]
        self.parent.contributors = ["IFIMeasure developers"]
        self.parent.helpText = _(
            "Measures the ischiofemoral and quadratus femoris spaces of both hips from a segmentation of the bones. Version {version}. For research; not a medical device."
        ).format(version=__version__)
        self.parent.acknowledgementText = _("Definitions follow Torriani et al., AJR 2009, and later papers; see the documentation.")


class IFIMeasureWidget(ScriptedLoadableModuleWidget):
    """Panel: choose a segmentation, measure it."""

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = IFIMeasureLogic()
        widget = slicer.util.loadUI(self.resourcePath("UI/IFIMeasure.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.ui.measureButton.connect("clicked()", self.onMeasure)
        self.ui.segmentationSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onSegmentationChanged)
        self.onSegmentationChanged(self.ui.segmentationSelector.currentNode())

    def onSegmentationChanged(self, node):
        self.ui.measureButton.enabled = node is not None
        self.ui.measureButton.toolTip = _("Place the landmarks and measure both hips.") if node else _("Choose a segmentation of hip bones and femora first.")

    def onMeasure(self):
        with slicer.util.tryWithErrorDisplay(_("The segmentation could not be measured."), waitCursor=True):
            study = self.logic.measure(self.ui.segmentationSelector.currentNode())
            self.ui.resultLabel.text = self.logic.summary(study)


class IFIMeasureLogic(ScriptedLoadableModuleLogic):
    """Measures a segmentation node of a scene. Works without a GUI; raises IFIMeasureError for bad input."""

    def measure(self, segmentationNode, scene=None):
        """Measure a segmentation node whose segments are named after the structures; adds the results to the scene.

        :returns: the StudyResult.
        :raises IFIMeasureError: with one sentence for the person.
        """
        from IFIMeasureLib.core.study import measure_study, resolve_structures
        from IFIMeasureLib.mrml.scene import add_study, read_segmentation_node

        scene = scene or slicer.mrmlScene
        segmentation = read_segmentation_node(scene, segmentationNode)
        study = measure_study(segmentation, resolve_structures(segmentation, None))
        add_study(scene, study, segmentationNode.GetName())
        logging.info("IFIMeasure measured %s", segmentationNode.GetName())
        return study

    def summary(self, study):
        """Return the spaces of both sides as text."""
        lines = []
        for side, hip in study.hips.items():
            for name in ("ifs_axial", "ifs_3d", "qfs_axial", "qfs_3d"):
                result = hip.results[name]
                text = f"{result.value:.1f} {result.unit}" if isinstance(result, Measured) else result.reason
                lines.append(f"{side.value} {name}: {text}")
        return "\n".join(lines)


class IFIMeasureTest(ScriptedLoadableModuleTest):
    """Self test: the phantom measured in this application agrees with its equations."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)

    def runTest(self):
        self.setUp()
        self.test_PhantomAgreesWithItsEquations()
        self.setUp()
        self.test_AnEmptySegmentationIsRefused()

    def test_PhantomAgreesWithItsEquations(self):
        import tempfile
        from pathlib import Path

        from IFIMeasureLib.core.phantom import Phantom
        from IFIMeasureLib.core.sample import sample_grid, write_label_map

        phantom = Phantom()
        grid = sample_grid((0.9, 0.9, 3.0))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "phantom.seg.nrrd"
            write_label_map(path, phantom.label_map(grid), grid, phantom.label_names())
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "phantom")
            storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
            storage.SetFileName(str(path))
            self.assertTrue(storage.ReadData(node))
        study = IFIMeasureLogic().measure(node)
        for side in Side:
            space = study.hips[side].spaces["ifs"]
            true = min(phantom.true_space(side, "ifs", p.level_mm) or 999.0 for p in space.profile)
            self.assertLess(abs(study.hips[side].results["ifs_axial"].value - true), 0.5)

    def test_AnEmptySegmentationIsRefused(self):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
        with self.assertRaises(IFIMeasureError):
            IFIMeasureLogic().measure(node)
