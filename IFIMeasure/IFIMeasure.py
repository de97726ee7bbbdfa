"""IFIMeasure: ischiofemoral impingement measurements in 3D Slicer. Wiring only; the work is done in IFIMeasureLib."""

import logging
import os
import pathlib
import sys

import slicer
import vtk
from IFIMeasureLib import __version__
from IFIMeasureLib.values import IFIMeasureError, Measured, Side
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScriptedModuleNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class IFIMeasure(ScriptedLoadableModule):
    """What the application shows of the module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("IFI Measure")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        self.parent.dependencies = ["Segmentations", "Markups", "Tables", "Plots", "SubjectHierarchy"]
        self.parent.contributors = ["IFIMeasure developers"]
        self.parent.helpText = _(
            "Places landmarks on both hips and measures the ischiofemoral and quadratus femoris spaces, in 3D and "
            "slice by slice, from a segmentation of the bones. Version {version}. For research; not a medical device. "
            'See the <a href="{url}">documentation</a>.'
        ).format(version=__version__, url="https://github.com/IFIMeasure/SlicerIFIMeasure#readme")
        self.parent.acknowledgementText = _(
            "Definitions follow Torriani et al., AJR 2009, and later papers; each published value carries its citation."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)
        slicer.app.connect("startupCompleted()", loadTerminology)
        slicer.app.connect("startupCompleted()", watchOpenedScenes)


def loadTerminology():
    """Offer our structures in the Segment Editor; Slicer's terminologies have none for the quadratus femoris."""
    terminologies = getattr(slicer.modules, "terminologies", None)
    path = os.path.join(os.path.dirname(__file__), "Resources", "Terminologies", "IFIMeasure.term.json")
    if terminologies is not None and not terminologies.logic().LoadTerminologyFromFile(path):
        logging.warning("The terminology of IFIMeasure could not be loaded from %s.", path)


def watchOpenedScenes():
    """Show the table beside slices, 3D and plot where a scene is opened that the command has written."""
    scene = slicer.mrmlScene
    scene.AddObserver(scene.EndImportEvent, onSceneOpened)


def onSceneOpened(scene, event):
    from IFIMeasureLib.mrml.views import arrange_opened

    arrange_opened(scene)


def registerSampleData():
    """Add the phantom to the Sample Data module. It is made on this computer; nothing is downloaded."""
    import SampleData
    from IFIMeasureLib.mrml.sample_scene import SAMPLE_CHECKSUM, SAMPLE_NAME

    category = "IFI Measure"
    if hasattr(SampleData.SampleDataLogic, "registerCustomSampleDataCategory"):
        SampleData.SampleDataLogic.registerCustomSampleDataCategory(category, title=_("IFI Measure"))
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=category,
        sampleName=SAMPLE_NAME,
        thumbnailFileName=os.path.join(os.path.dirname(__file__), "Resources", "Icons", "IFIHipPhantom.png"),
        # nothing is downloaded, but Sample Data wants lists of one length
        uris=["made-on-this-computer:IFIHipPhantom"],
        fileNames=["IFIHipPhantom.seg.nrrd"],
        nodeNames=[SAMPLE_NAME],
        loadFiles=[False],
        loadFileType=["SegmentationFile"],
        checksums=[SAMPLE_CHECKSUM],
        customDownloader=makeSampleData,
    )


def makeSampleData(source=None):
    """Make the phantom in the application's scene: volumes, and a segmentation of its bones and tendons."""
    from IFIMeasureLib.gui.sample import make_sample

    return make_sample()


@parameterNodeWrapper
class IFIMeasureParameterNode:
    """Choices of the panel. What belongs to one study is kept in the study's own node.

    study - the record of the study that is worked on
    volume, segmentation - its image and bones
    snapToSurface - whether points placed by hand are moved onto the surface of their bone
    colorBones - whether the bones are shown colored by their distance
    layoutBefore - the layout that there was before that of the study
    lastSide - the side last worked on, where the views go first
    export... - folder and files of the export
    """

    study: vtkMRMLScriptedModuleNode
    volume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    snapToSurface: bool = False
    colorBones: bool = False
    layoutBefore: int = 0
    lastSide: str = "right"
    exportFolder: pathlib.Path
    exportTables: bool = True
    exportReport: bool = True
    exportLandmarks: bool = True
    exportSegmentation: bool = True
    exportScene: bool = True
    exportWorkbook: bool = False
    exportDicom: bool = False
    exportPdf: bool = False
    exportFhir: bool = False
    exportChanges: bool = False
    replaceResults: bool = False


class IFIMeasureWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """What the application asks of the panel; the panel itself is IFIMeasureLib.gui.panel.Panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None

    def setup(self):
        """Load the panel and connect it. Called once."""
        from IFIMeasureLib.gui.panel import Panel
        from IFIMeasureLib.mrml.record import RECORD_ATTRIBUTE

        ScriptedLoadableModuleWidget.setup(self)
        self._uiWidget = uiWidget = slicer.util.loadUI(self.resourcePath("UI/IFIMeasure.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.ui.studySelector.addAttribute("vtkMRMLScriptedModuleNode", *RECORD_ATTRIBUTE)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = IFIMeasureLogic()
        self.panel = Panel(uiWidget, self.ui, self.logic, self.resourcePath, lambda: self.parent.isEntered)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneStartImport)
        self.addObserver(scene, scene.EndBatchProcessEvent, self.onSceneChanged)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.panel.bind()

    def cleanup(self):
        """Leave nothing behind: called before the widget is destroyed or reloaded."""
        self.removeObservers()
        if self.panel is not None:
            self.panel.close()
            self.logic.forget()
            self._uiWidget.setMRMLScene(None)
            self._uiWidget.deleteLater()  # a reload would hide it and keep it
            self.panel = self.ui = self._uiWidget = None

    def enter(self):
        """Called each time the module is opened."""
        if self._inUse().panel is not None:
            self._inUse().panel.bind()

    def exit(self):
        """Called each time another module is opened."""
        if self._inUse().panel is not None:
            self._inUse().panel.release()

    def _inUse(self):
        """Return the widget that is shown: after a reload the application may still call the one before."""
        return getattr(slicer.modules, "IFIMeasureWidget", None) or self

    def onReload(self):
        """Reload the library as well as the module."""
        for name in [name for name in sys.modules if name.split(".")[0] == "IFIMeasureLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller=None, event=None):
        self.panel.scene_changes(comes_with_views=False)
        self.logic.forget()

    def onSceneStartImport(self, caller=None, event=None):
        self.panel.scene_changes(comes_with_views=True)

    def onSceneChanged(self, caller=None, event=None):
        """A scene was closed or loaded: work goes on with what is there now, in the next turn of the event loop."""
        if self.parent.isEntered:
            self.panel.update_soon()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller, event, node=None):
        if not slicer.mrmlScene.IsClosing():
            self.panel.node_removed(node)


class IFIMeasureLogic(ScriptedLoadableModuleLogic):
    """Studies of a scene. Works without a GUI; raises IFIMeasureError for bad input, with one sentence for the person.

    :param scene: the scene to work in; the application's own where None.
    """

    def __init__(self, scene=None):
        ScriptedLoadableModuleLogic.__init__(self)
        self.scene = scene or slicer.mrmlScene
        self._lives = {}

    def getParameterNode(self):
        return IFIMeasureParameterNode(super().getParameterNode())

    def studies(self):
        """Return the StudyNodes of the scene."""
        from IFIMeasureLib.mrml.study_nodes import StudyNodes

        return StudyNodes.all(self.scene)

    def createStudy(self, volume=None, segmentation=None, name=None):
        """Add a study of a volume and a segmentation, named after what it is of; returns its StudyNodes."""
        from IFIMeasureLib.mrml.study_nodes import StudyNodes

        nodes = StudyNodes.create(self.scene, name or StudyNodes.name_of(volume, segmentation))
        nodes.volume, nodes.segmentation = volume, segmentation
        return nodes

    def createSegmentation(self, volumeNode):
        """Add a segmentation on the grid of a volume, with all segments that are to be drawn; returns its node."""
        from IFIMeasureLib.mrml.segmentations import list_segments

        name = self.scene.GenerateUniqueName(f"{volumeNode.GetName()} segmentation")
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        list_segments(node)
        return node

    def live(self, record):
        """Return the LiveStudy of a record node (always the same one), or None for None."""
        from IFIMeasureLib.mrml.live import LiveStudy
        from IFIMeasureLib.mrml.study_nodes import StudyNodes

        if record is None:
            return None
        if record.GetID() not in self._lives:
            self._lives[record.GetID()] = LiveStudy(StudyNodes(self.scene, record))
        return self._lives[record.GetID()]

    def unread(self):
        """Return the LiveStudy of each study that was measured, and whose bones have not been read since then."""
        lives = [self.live(nodes.record) for nodes in self.studies()]
        unread = [live for live in lives if live.result is None and live.nodes.segmentation is not None]
        return [live for live in unread if live.has_landmarks()]

    def forget(self):
        """Forget all that is not in the scene: it is another one now."""
        self._lives = {}

    def measure(self, segmentationNode, volumeNode=None, progress=None):
        """Place the landmarks of a segmentation of bones and measure it, as a new study; returns its LiveStudy."""
        nodes = self.createStudy(volumeNode, segmentationNode)
        live = self.live(nodes.record)
        try:
            live.place_from_bones(progress)
        except IFIMeasureError:
            self._lives.pop(nodes.record.GetID(), None)
            self.scene.RemoveNode(nodes.record)  # nothing half-made is left behind
            raise
        logging.info("IFIMeasure measured %s", segmentationNode.GetName())
        return live

    def followUp(self, wcvPercent, together=True, progress=None):
        """Compare the studies of the scene with the first by date; returns the Comparison, kept as a table node, too.

        :param together: whether muscles found in the images are found again in all studies together.
        """
        from IFIMeasureLib.mrml.live import follow_studies
        from IFIMeasureLib.mrml.table_nodes import write_follow_up

        changes = follow_studies([self.live(nodes.record) for nodes in self.studies()], wcvPercent, together, progress)
        write_follow_up(self.scene, changes)
        return changes

    def missingPackages(self, formats):
        """Return the packages that files of these formats need, and that are not there."""
        from IFIMeasureLib.export.formats import missing_packages

        return missing_packages(formats)

    def dicomFiles(self, volumeNode):
        """Return the files that a volume was loaded from, where the application's DICOM database knows them."""
        uids = (volumeNode.GetAttribute("DICOM.instanceUIDs") or "").split()
        database = getattr(slicer, "dicomDatabase", None)
        paths = [database.fileForInstance(uid) for uid in uids] if database is not None else []
        return tuple(pathlib.Path(path) for path in paths if path) if paths and all(paths) else ()

    def changes(self, live, wcvPercent, progress=None):
        """Compare a study with the earlier ones of the scene, as they are; returns the Comparison.

        :raises IFIMeasureError: where there is no earlier one, a date is missing, or the persons differ.
        """
        from IFIMeasureLib.mrml.live import follow_studies
        from IFIMeasureLib.study.follow_up import parse_date

        lives = [self.live(nodes.record) for nodes in self.studies()]
        date = parse_date(live.nodes.date, live.nodes.name)
        others = [other for other in lives if other is not live]
        earlier = [other for other in others if parse_date(other.nodes.date, other.nodes.name) <= date]
        if not earlier:
            sentence = _("{name}: the scene has no earlier study to compare it with; leave out the changes over time.")
            raise IFIMeasureError(sentence.format(name=live.nodes.name))
        return follow_studies([*earlier, live], wcvPercent, False, progress)

    def export(self, live, folder, formats, replace=False, progress=None, wcvPercent=None):
        """Write the chosen files of a study, all or none; returns the folder.

        :param formats: keys of IFIMeasureLib.export.formats.OUTPUT_FORMATS.
        :param replace: whether results that are in the folder already may be replaced.
        :param wcvPercent: within-subject coefficient of variation for the changes over time; None for no changes.
        """
        from IFIMeasureLib.export.study_files import write_outputs
        from IFIMeasureLib.export.whole import refuse_overwriting, written_whole

        folder = pathlib.Path(folder)
        if folder == pathlib.Path():
            raise IFIMeasureError(_("No folder is chosen for the export; choose one."))
        if not formats:
            raise IFIMeasureError(_("Nothing is chosen to be exported; choose at least one kind of file."))
        if live is None or live.result is None:
            raise IFIMeasureError(_("Nothing has been measured yet; press 'Place from bones' first."))
        folder = folder.expanduser().absolute()
        refuse_overwriting(folder, replace)
        live.stop_placing()  # a landmark that is just being placed anew would be missing
        result = live.update(progress=progress)
        if "dicom" in formats and result.volume is not None:
            result = result.of_files(self.dicomFiles(live.nodes.volume))
        changes = None if wcvPercent is None else self.changes(live, wcvPercent, progress)
        with written_whole(folder, replace) as beside:
            say = progress or (lambda text: None)
            write_outputs(result, beside, live.nodes.name, say, formats, changes=changes)
        logging.info("IFIMeasure exported %s to %s", live.nodes.name, folder)
        return folder


class IFIMeasureTest(ScriptedLoadableModuleTest):
    """Self test, without network: the phantom measured in this application agrees with its equations."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)

    def runTest(self):
        for test in (
            self.test_PhantomAgreesWithItsEquations,
            self.test_LandmarkMovedByHandIsMeasuredAgain,
            self.test_SavedSceneBringsTheStudyBack,
            self.test_BadInputIsRefused,
            self.test_ScriptForTheConsoleRuns,
            self.test_PanelMeasuresThePhantom,
        ):
            self.setUp()
            test()

    def _measured(self):
        from IFIMeasureLib.mrml.sample_scene import add_sample_bones

        return IFIMeasureLogic().measure(add_sample_bones(slicer.mrmlScene))

    def test_PhantomAgreesWithItsEquations(self):
        from IFIMeasureLib.mrml.sample_scene import sample_phantom

        self.delayDisplay(_("Measuring the phantom"))
        phantom = sample_phantom()
        result = self._measured().result
        for side in Side:
            for name in ("ifs", "qfs"):
                space = result.hips[side].spaces[name]
                true = min(
                    value
                    for value in (phantom.true_space(side, name, point.level_mm) for point in space.profile)
                    if value is not None
                )
                self.assertLess(abs(result.hips[side].results[f"{name}_axial"].value - true), 0.5)
            true = phantom.truth(side).angles_deg["neck_shaft_angle"]
            self.assertLess(abs(result.hips[side].results["neck_shaft_angle"].value - true), 1.0)

    def test_LandmarkMovedByHandIsMeasuredAgain(self):
        self.delayDisplay(_("Moving a landmark"))
        live = self._measured()
        before = live.result.hips[Side.RIGHT].results["neck_shaft_angle"].value
        node = live.nodes.landmark_node(Side.RIGHT)
        index = live.nodes.landmark_index(Side.RIGHT, "femoral_neck_center")
        place = [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(index, place)
        node.SetNthControlPointPositionWorld(index, place[0], place[1], place[2] - 4.0)
        self.assertGreater(abs(live.update().hips[Side.RIGHT].results["neck_shaft_angle"].value - before), 1.0)
        live.unset(Side.RIGHT, "femoral_neck_center")
        self.assertNotIsInstance(live.update().hips[Side.RIGHT].results["neck_shaft_angle"], Measured)

    def test_SavedSceneBringsTheStudyBack(self):
        import tempfile

        self.delayDisplay(_("Saving and loading the scene"))
        before = self._measured().result
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "scene.mrb")
            self.assertTrue(slicer.util.saveScene(path))
            slicer.mrmlScene.Clear(0)
            slicer.util.loadScene(path)
        logic = IFIMeasureLogic()
        (nodes,) = logic.studies()
        after = logic.live(nodes.record).update()
        for side in Side:
            for name, result in before.hips[side].results.items():
                if isinstance(result, Measured):
                    self.assertAlmostEqual(after.hips[side].results[name].value, result.value, delta=1e-3)

    def test_BadInputIsRefused(self):
        self.delayDisplay(_("Trying an empty segmentation"))
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
        with self.assertRaises(IFIMeasureError):
            IFIMeasureLogic().measure(node)
        self.assertEqual(IFIMeasureLogic().studies(), [])

    def test_ScriptForTheConsoleRuns(self):
        import runpy

        script = pathlib.Path(__file__).resolve().parents[1] / "Docs" / "examples" / "slicer_console.py"
        if not script.is_file():
            self.delayDisplay(_("The script for the console comes with the sources alone, so it is not tried"))
            return
        self.delayDisplay(_("Running the script for the console"))
        names = runpy.run_path(str(script))
        self.assertTrue((names["folder"] / "measurements.csv").is_file())
        self.assertLess(names["after"], names["before"] - 2.0)

    def test_PanelMeasuresThePhantom(self):
        if slicer.util.mainWindow() is None:
            self.delayDisplay(_("There is no main window, so the panel is not tried"))
            return
        from IFIMeasureLib.gui.self_test import begin_another_study, color_and_arrange, place_and_stop, write_and_load

        self.delayDisplay(_("Trying the panel"))
        slicer.util.selectModule("IFIMeasure")
        *volumes, segmentation = makeSampleData()
        panel = slicer.modules.ifimeasure.widgetRepresentation().self()._inUse().panel
        ui = panel.ui
        ui.volumeSelector.setCurrentNode(volumes[0])
        ui.segmentationSelector.setCurrentNode(segmentation)
        self.waitFor(lambda: ui.placeFromBonesButton.enabled)
        self.assertGreater(ui.segmentTable.rowCount, 5)
        ui.placeFromBonesButton.click()
        self.waitFor(lambda: "mm" in ui.measurementTable.item(0, 1).text())
        for part in (place_and_stop, color_and_arrange, begin_another_study, write_and_load):
            self.delayDisplay(part.__doc__)
            part(self, panel)
        slicer.util.selectModule("Data")
        self.assertEqual(panel.observer.Observations, [])

    def waitFor(self, condition):
        """Let the event loop run until something holds, or fail."""
        import time

        end = time.time() + 60.0
        while not condition():
            self.assertLess(time.time(), end, "the panel does not come to rest")
            slicer.app.processEvents()
            time.sleep(0.01)
