"""IFIMeasure: ischiofemoral impingement measurements in 3D Slicer. Wiring only; the work is done in IFIMeasureLib."""

import contextlib
import logging
import os
import pathlib
import sys

import qt
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
            "Places landmarks on both hips and measures the ischiofemoral and quadratus femoris spaces, in 3D and slice by slice, "
            'from a segmentation of the bones. Version {version}. For research; not a medical device. See the <a href="{url}">documentation</a>.'
        ).format(version=__version__, url="https://github.com/IFIMeasure/SlicerIFIMeasure#readme")
        self.parent.acknowledgementText = _(
            "Definitions follow Torriani et al., AJR 2009, and later papers; each published value carries its citation."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)
        slicer.app.connect("startupCompleted()", loadTerminology)


def loadTerminology():
    """Offer our structures in the terminology selector of the Segment Editor; Slicer ships none for the quadratus femoris."""
    terminologies = getattr(slicer.modules, "terminologies", None)
    path = os.path.join(os.path.dirname(__file__), "Resources", "Terminologies", "IFIMeasure.term.json")
    if terminologies is not None and not terminologies.logic().LoadTerminologyFromFile(path):
        logging.warning("The terminology of IFIMeasure could not be loaded from %s.", path)


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
    from IFIMeasureLib.mrml.sample_scene import SAMPLE_CHECKSUM, add_sample, checksum, sample_labels

    if checksum(sample_labels()) != SAMPLE_CHECKSUM:
        logging.warning(
            "The IFI hip phantom made here differs in some voxels from the one of the tests (another processor rounds otherwise)."
        )
    with slicer.util.WaitCursor():
        nodes = add_sample(slicer.mrmlScene, logging.info)
    slicer.util.setSliceViewerLayers(background=nodes["t1"], fit=True)
    return [node for name, node in nodes.items() if name != "segmentation"] + [nodes["segmentation"]]


@parameterNodeWrapper
class IFIMeasureParameterNode:
    """Choices of the panel. What belongs to one study is kept in the study's own node.

    study - the record of the study that is worked on
    volume, segmentation - its image and bones
    snapToSurface - whether points placed by hand are moved onto the surface of their bone
    colorBones - whether the bones are shown colored by their distance
    export... - folder and files of the export
    """

    study: vtkMRMLScriptedModuleNode
    volume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    snapToSurface: bool = False
    colorBones: bool = False
    layoutBefore: int = 0
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


PROGRESS_STEPS = 12
CLICK_PIXELS = 3  # a press and release no farther apart is a click, not a drag
CONTRASTS = ("", "t1", "t2fs", "water", "in-phase")  # in the order of the panel's list


class Cancelled(Exception):
    """The person has stopped a long action."""


class IFIMeasureWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: passes events to the logic and shows what comes back."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._live = None
        self._observed = []
        self._syncing = False
        self._busy = False
        self._dragging = False
        self._placed = None
        self._unread = True
        self._plots = []
        self._pressed = None

    def setup(self):
        """Load the panel and connect it. Called once."""
        from IFIMeasureLib.gui.panel_tables import (
            FindingTable,
            FollowUpTable,
            LandmarkTable,
            MeasurementTable,
            SegmentTable,
        )
        from IFIMeasureLib.gui.wheel import WheelGuard
        from IFIMeasureLib.mrml.record import RECORD_ATTRIBUTE

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/IFIMeasure.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.ui.studySelector.addAttribute("vtkMRMLScriptedModuleNode", *RECORD_ATTRIBUTE)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = IFIMeasureLogic()
        self._wheelGuard = WheelGuard()
        self.segmentTable = SegmentTable(self.ui.segmentTable, self.onStructureChosen, self._wheelGuard)
        self.landmarkTable = LandmarkTable(self.ui.landmarkTable, self.onLandmarkChosen, self.onLandmarkActivated)
        self.measurementTable = MeasurementTable(self.ui.measurementTable, self.onMeasurementChosen)
        self.findingTable = FindingTable(self.ui.findingTable, self.onFindingChosen)
        self.followUpTable = FollowUpTable(self.ui.followUpTable)
        self._wheelGuard.watch(uiWidget)

        # changes of one turn of the event loop are followed and measured once: selectors change for a moment while a scene does
        self._updateTimer = qt.QTimer()
        self._updateTimer.setSingleShot(True)
        self._updateTimer.interval = 0
        self._updateTimer.connect("timeout()", self.update)

        self.ui.studySelector.connect("nodeAddedByUser(vtkMRMLNode*)", self.onStudyAdded)
        self.ui.sexComboBox.connect("currentIndexChanged(int)", self.onSubjectChanged)
        self.ui.ageSpinBox.connect("valueChanged(int)", self.onSubjectChanged)
        self.ui.heightSpinBox.connect("valueChanged(double)", self.onSubjectChanged)
        self.ui.weightSpinBox.connect("valueChanged(double)", self.onSubjectChanged)
        self.ui.dateLineEdit.connect("editingFinished()", self.onDateChanged)
        self.ui.followUpButton.connect("clicked()", self.onFollowUp)
        self.ui.segmentEditorButton.connect("clicked()", self.onSegmentEditor)
        self.ui.totalSegmentatorButton.visible = hasattr(slicer.modules, "totalsegmentator")
        self.ui.totalSegmentatorButton.connect("clicked()", self.onTotalSegmentator)
        self.ui.placeFromBonesButton.connect("clicked()", self.onPlaceFromBones)
        self.ui.placeButton.connect("toggled(bool)", self.onPlaceToggled)
        self.ui.jumpButton.connect("clicked()", self.onJump)
        self.ui.unsetButton.connect("clicked()", self.onUnset)
        self.ui.missingButton.connect("clicked()", self.onMarkMissing)
        self.ui.contrastComboBox.connect("currentIndexChanged(int)", self.onContrastChanged)
        self.ui.secondVolumeSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onSecondVolumeChanged)
        self.ui.segmentMuscleButton.connect("clicked()", self.onSegmentMuscle)
        self.ui.insideButton.connect("clicked()", self.onInsidePoints)
        self.ui.outsideButton.connect("clicked()", self.onOutsidePoints)
        self.ui.layoutButton.connect("clicked()", self.onShowLayout)
        self.ui.restoreLayoutButton.connect("clicked()", self.onRestoreLayout)
        self.ui.exportFolderSelector.connect("currentPathChanged(QString)", self.onExportFolderChanged)
        self.ui.exportButton.connect("clicked()", self.onExport)
        self._escape = qt.QShortcut(uiWidget)  # the views stop at a right click, not at Esc
        self._escape.setKey(qt.QKeySequence("Esc"))
        self._escape.setContext(qt.Qt.ApplicationShortcut)
        self._escape.enabled = False
        self._escape.connect("activated()", self.onEscape)
        self._escape.connect("activatedAmbiguously()", self.onEscape)

        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneStartImport)
        self.addObserver(scene, scene.EndBatchProcessEvent, self.onSceneChanged)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.initializeParameterNode()

    # -- life of the panel

    def cleanup(self):
        """Leave nothing behind: called before the widget is destroyed or reloaded."""
        self._leave()
        self.removeObservers()

    def enter(self):
        """Called each time the module is opened."""
        self._inUse().initializeParameterNode()

    def exit(self):
        """Called each time another module is opened: markups stay, nothing is measured until the module is opened again."""
        self._inUse()._leave()

    def _inUse(self):
        """Return the widget that is shown: after a reload the application may still call the one before."""
        return getattr(slicer.modules, "IFIMeasureWidget", None) or self

    def onReload(self):
        """Reload the library as well as the module."""
        for name in [name for name in sys.modules if name.split(".")[0] == "IFIMeasureLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller=None, event=None):
        self.onSceneStartImport()
        self.logic.forget()

    def onSceneStartImport(self, caller=None, event=None):
        """What the selectors show while nodes come and go is nobody's choice: nothing is bound until the scene has settled."""
        self._leave()
        self._unread = True

    def onSceneChanged(self, caller=None, event=None):
        """A scene was closed or loaded: work goes on with what is there now, in the next turn of the event loop."""
        if self.parent.isEntered:
            self._updateTimer.start()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller, event, node=None):
        if self._live is None or slicer.mrmlScene.IsClosing():
            return
        if self._escape.enabled and not self._live.takes_clicks():
            self._live.abandon_placing()  # what was being placed into is gone
        if (
            node is not None and node is self._live.nodes.record
        ):  # the study is gone: what was chosen for it is not to begin another one
            self._parameterNode.volume, self._parameterNode.segmentation = None, None
            self._observeStudy(None)
        self._updateTimer.start()

    def _leave(self):
        self._observeStudy(None)
        self.setParameterNode(None)
        self._updateTimer.stop()

    def initializeParameterNode(self):
        """Bind the panel to the parameter node; begin with the newest study where none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.study is None:
            studies = self.logic.studies()
            if studies:
                self._parameterNode.study = studies[-1].record
        self._showExportFolder()
        self._updateTimer.start()

    def setParameterNode(self, parameterNode):
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self._parameterNode = parameterNode
        self._parameterNodeGuiTag = None
        if parameterNode is not None:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)

    # -- the study

    def onParametersModified(self, caller=None, event=None):
        """A choice has changed, by the person or by a loaded scene."""
        self._updateTimer.start()

    def onStudyAdded(self, node):
        """A node that was made with the selector's menu becomes a study; other modules' nodes of its class are none."""
        from IFIMeasureLib.mrml.record import RECORD_ATTRIBUTE

        node.SetAttribute(*RECORD_ATTRIBUTE)
        self.ui.studySelector.setCurrentNode(node)

    def _followStudy(self):
        """Keep the chosen study, its volume and its segmentation in step: a study that was chosen brings its own."""
        chosen = self._parameterNode
        record = chosen.study
        if record is None and self._live is not None:  # it was removed, or a new one is to begin
            chosen.volume, chosen.segmentation = None, None
        elif record is None and (chosen.volume is not None or chosen.segmentation is not None):
            record = self.logic.createStudy(chosen.volume, chosen.segmentation).record
            chosen.study = record
        live = self.logic.live(record)
        if live is not self._live:
            self._observeStudy(live)
            if live is not None:
                chosen.volume, chosen.segmentation = live.nodes.volume, live.nodes.segmentation
                self._showSubject(live)
        if live is None:
            return
        if live.nodes.volume is not chosen.volume or live.nodes.segmentation is not chosen.segmentation:
            live.nodes.volume, live.nodes.segmentation = chosen.volume, chosen.segmentation
            self._observeStudy(live)

    def _observeStudy(self, live):
        """Watch landmarks, bones and plots of one study and of no other; what was being placed in another one ends."""
        if self._live is not None and self._live is not live:
            self._live.stop_placing()
        for node, event, method in self._observed:
            if self.hasObserver(node, event, method):
                self.removeObserver(node, event, method)
        self._observed, self._plots = [], []
        self._live = live
        self._dragging = False
        self.onPlacingChanged()
        if live is None:
            return
        markups = slicer.vtkMRMLMarkupsNode
        for side in Side:
            node = live.nodes.landmark_node(side)
            for event in (
                markups.PointModifiedEvent,
                markups.PointPositionUndefinedEvent,
                markups.PointPositionMissingEvent,
                slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
            ):
                self._observe(node, event, self.onLandmarksModified)
            self._observe(node, markups.PointPositionDefinedEvent, self.onPointDefined)
            self._observe(node, markups.PointStartInteractionEvent, self.onDragStarted)
            self._observe(node, markups.PointEndInteractionEvent, self.onDragEnded)
        segmentationNode = live.nodes.segmentation
        if segmentationNode is not None:
            segmentation = segmentationNode.GetSegmentation()
            for event in (
                slicer.vtkSegmentation.SourceRepresentationModified,
                slicer.vtkSegmentation.SegmentAdded,
                slicer.vtkSegmentation.SegmentRemoved,
                slicer.vtkSegmentation.SegmentModified,
            ):
                self._observe(segmentation, event, self.onBonesModified)
            self._observe(
                segmentationNode, slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self.onBonesModified
            )
        interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        if interaction is not None:
            self._observe(interaction, slicer.vtkMRMLInteractionNode.InteractionModeChangedEvent, self.onPlacingChanged)
        selection = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSelectionNode")
        if selection is not None:
            self._observe(selection, slicer.vtkMRMLSelectionNode.ActivePlaceNodeIDChangedEvent, self.onPlacingChanged)

    def _observe(self, node, event, method):
        self.addObserver(node, event, method)
        self._observed.append((node, event, method))

    def _showSubject(self, live):
        """Show what the person said of sex and age; what the image says is used where they said nothing."""
        record = live.nodes.record
        self.ui.sexComboBox.currentIndex = {"F": 1, "M": 2}.get(record.GetParameter("sex"), 0)
        age = record.GetParameter("age_years")
        self.ui.ageSpinBox.value = round(float(age)) if age else -1
        for spinBox, key in ((self.ui.heightSpinBox, "height_m"), (self.ui.weightSpinBox, "weight_kg")):
            spinBox.value = float(record.GetParameter(key) or 0.0)
        self.ui.dateLineEdit.text = live.nodes.date
        self.ui.contrastComboBox.currentIndex = CONTRASTS.index(live.nodes.contrast)
        self.ui.secondVolumeSelector.setCurrentNode(live.nodes.second_volume)
        self.findingTable.show(live.nodes.findings)

    def onSubjectChanged(self, value=None):
        if self._live is None or self._syncing:
            return
        from IFIMeasureLib.anatomy.reference_values import Subject

        age = self.ui.ageSpinBox.value
        sex = [None, "F", "M"][self.ui.sexComboBox.currentIndex]
        self._live.nodes.set_subject(
            Subject(
                sex, None if age < 0 else age, self.ui.heightSpinBox.value or None, self.ui.weightSpinBox.value or None
            )
        )
        self._updateTimer.start()

    def onDateChanged(self):
        if self._live is not None and not self._syncing:
            self._live.nodes.date = self.ui.dateLineEdit.text.strip()
            self._updateTimer.start()

    def onFindingChosen(self, side, findingId, choice):
        if self._live is not None and not self._syncing:
            findings = self._live.nodes.findings
            findings.setdefault(side, {})[findingId] = choice
            filled = {s: {k: v for k, v in of.items() if v} for s, of in findings.items()}
            self._live.nodes.findings = {s: of for s, of in filled.items() if of}
            self._updateTimer.start()

    def onStructureChosen(self, segmentId, structure):
        if self._live is not None:
            self._live.nodes.mapping = {**self._live.nodes.mapping, segmentId: structure}
            self.onBonesModified()

    def onSegmentEditor(self):
        """Go to the Segment Editor with this study's segmentation, a new one where there is none, and its volume."""
        volume, segmentation = self._parameterNode.volume, self._parameterNode.segmentation
        if segmentation is None:
            segmentation = self._parameterNode.segmentation = self.logic.createSegmentation(volume)
            self.update()  # the study takes it before the panel is left
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(volume)

    def onTotalSegmentator(self):
        """Go to the TotalSegmentator extension, with this study's volume as its input."""
        volume = None if self._parameterNode is None else self._parameterNode.volume
        slicer.util.selectModule("TotalSegmentator")
        widget = slicer.modules.totalsegmentator.widgetRepresentation().self()
        selector = getattr(getattr(widget, "ui", None), "inputVolumeSelector", None)
        if selector is not None and volume is not None:
            selector.setCurrentNode(volume)

    # -- changes of the scene

    def onLandmarksModified(self, caller=None, event=None):
        if not self._busy:
            self._updateTimer.start()

    def onBonesModified(self, caller=None, event=None):
        if not self._busy:
            self._updateTimer.start()

    def onDragStarted(self, caller=None, event=None):
        self._dragging = True
        self._live.begin_drag()

    def onDragEnded(self, caller=None, event=None):
        self._dragging = False
        self._live.end_drag(snap=self._parameterNode.snapToSurface)
        self._updateTimer.start()

    @vtk.calldata_type(vtk.VTK_INT)
    def onPointDefined(self, caller, event, index=0):
        """A click has placed a point: the next turn of the event loop snaps it and walks on."""
        if self._live is not None and not self._busy and self._live.is_placing():
            self._placed = self.logic.landmarkOf(caller, index)
        self.onLandmarksModified()

    def onPlacingChanged(self, caller=None, event=None):
        """What a click in a view does has changed: here, in a view, or in another module."""
        self._escape.enabled = self._live is not None and self._live.takes_clicks()
        placing = self._live is not None and self._live.is_placing()
        if self.ui.placeButton.checked != placing:
            wasBlocked = self.ui.placeButton.blockSignals(True)
            self.ui.placeButton.checked = placing
            self.ui.placeButton.blockSignals(wasBlocked)
        self._updateTimer.start()

    def update(self):
        """Follow what was chosen, measure again and show it. Errors of the study are said in place; nothing pops up while a person works."""
        if self._busy or slicer.mrmlScene.IsBatchProcessing():
            return  # the end of either begins it anew
        if self._parameterNode is None:
            if not self.parent.isEntered:
                return
            self.initializeParameterNode()
        self._syncing = True
        try:
            self._followStudy()
        finally:
            self._syncing = False
        if self._unread:
            self._unread = False
            self._readStudies()
        live = self._live
        if live is None:
            self._show(None, _("Choose a segmentation of hip bones and femora, or a volume to place landmarks on."))
            return
        placed, self._placed = self._placed, None
        message = ""
        self._busy = True
        try:
            if not live.is_placing():
                live.put_back()
            if placed is not None and self._parameterNode.snapToSurface:
                live.snap(*placed)
            if self._dragging or live.has_landmarks():
                waiting = live.nodes.segmentation is not None and live.prepared is None
                with slicer.util.WaitCursor(waiting):
                    live.update(draft=self._dragging and not waiting)
            else:
                live.result = None
                message = _("No landmark is placed yet. Press 'Place from bones', or place them by hand.")
        except IFIMeasureError as error:
            live.result = None
            message = str(error)
        finally:
            self._busy = False
        self._show(live, message)
        if not self._dragging:
            self._showBones()
            self._fillViews()
            self._observePlots()
        if placed is not None:
            self._walkOn(placed)

    def _readStudies(self):
        """Read the bones of the studies that a scene was loaded with, so that switching among them is immediate.

        Where the person stops, those left are read when they are chosen.
        """
        waiting = self.logic.unread()
        if len(waiting) < 2:
            return  # the one that is shown is read anyway
        with (
            contextlib.suppress(Cancelled),
            self._progress(_("Reading {count} studies").format(count=len(waiting))) as progress,
        ):
            for live in waiting:
                with contextlib.suppress(IFIMeasureError):  # said when the study is chosen
                    live.update(progress=progress)

    def _show(self, live, message):
        """Fill the panel from the study."""
        from IFIMeasureLib.anatomy.landmarks import empty_landmarks

        nodes = None if live is None else live.nodes
        if self._dragging and live is not None and live.result is not None:
            self.measurementTable.show(live.result)  # the rest follows when the point is let go
            return
        self.landmarkTable.show(
            {side: empty_landmarks() if nodes is None else nodes.landmarks(side, strict=False) for side in Side}
        )
        result = None if live is None else live.result
        self.measurementTable.show(result)
        if not self._dragging:
            self.segmentTable.show([] if nodes is None else nodes.segments())
            self.ui.structureLabel.text = "" if nodes is None else nodes.what_is_lacking()
        notes = [] if result is None else [*result.notes, *result.absent_sides.values()]
        self.ui.statusLabel.text = message or "\n".join(notes)
        self.ui.statusLabel.visible = bool(self.ui.statusLabel.text)
        hasBones = nodes is not None and nodes.segmentation is not None
        self.ui.segmentEditorButton.enabled = hasBones or (nodes is not None and nodes.volume is not None)
        self.ui.placeFromBonesButton.enabled = hasBones
        self.ui.colorBonesCheckBox.enabled = hasBones
        for button in (self.ui.segmentMuscleButton, self.ui.insideButton, self.ui.outsideButton):
            button.enabled = hasBones and nodes.volume is not None
        self._enableLandmarkButtons()
        self.ui.exportButton.enabled = result is not None and hasBones
        self.ui.exportButton.toolTip = (
            _("Write the chosen files: the same as the command line makes.")
            if self.ui.exportButton.enabled
            else _("Measure a segmentation first.")
        )
        self._showDefinition()

    # -- landmarks

    def onPlaceFromBones(self):
        with (
            self._showErrors(_("The landmarks could not be placed.")),
            self._progress(_("Placing landmarks")) as progress,
        ):
            self._live.place_from_bones(progress)

    def onLandmarkChosen(self, side, landmarkId):
        self._showLandmark(side, landmarkId)
        if self._live is not None:
            self._live.jump_to_landmark(side, landmarkId)
            if self.ui.placeButton.checked:
                self._startPlacing(side, landmarkId)

    def onLandmarkActivated(self, side, landmarkId):
        self.ui.placeButton.checked = True

    def _showLandmark(self, side, landmarkId):
        """Say and draw how the chosen landmark is found."""
        from IFIMeasureLib.anatomy.landmarks import landmark_definitions, landmark_label

        self.ui.howLabel.text = f"{landmark_label(side, landmarkId)}. {landmark_definitions()[landmarkId].how}"
        self.ui.landmarkPicture.setPixmap(qt.QPixmap(self.resourcePath(f"Icons/Landmarks/{landmarkId}.png")))
        self._enableLandmarkButtons()

    def _enableLandmarkButtons(self):
        for button in (self.ui.placeButton, self.ui.jumpButton, self.ui.unsetButton, self.ui.missingButton):
            button.enabled = self._live is not None and self.landmarkTable.chosen is not None

    def onPlaceToggled(self, checked):
        chosen = self.landmarkTable.chosen
        if self._live is None or chosen is None:
            return
        if checked:
            self._startPlacing(*chosen)
        else:
            self._live.stop_placing()

    def _startPlacing(self, side, landmarkId):
        with self._showErrors(_("The landmark cannot be placed.")):
            self._live.start_placing(side, landmarkId)
        self.onPlacingChanged()  # where it could not be, the button says so

    def onEscape(self):
        """Esc stops placing, wherever the keyboard is."""
        if self._live is not None:
            self._live.stop_placing()

    def _walkOn(self, placed):
        """Go on to the next landmark that is not placed; stop where there is none."""
        following = self._live.next_unplaced(*placed)
        if following is None:
            self._live.stop_placing()
            return
        self.landmarkTable.choose(*following)
        self._showLandmark(*following)
        self._startPlacing(*following)

    def onJump(self):
        side, landmarkId = self.landmarkTable.chosen
        if not self._live.jump_to_landmark(side, landmarkId):
            self.ui.howLabel.text = _("This landmark is not placed, so there is nothing to jump to.")

    def onUnset(self):
        with self._showErrors(_("The landmark could not be taken away.")):
            self._live.unset(*self.landmarkTable.chosen)
        self._updateTimer.start()

    def onMarkMissing(self):
        with self._showErrors(_("The landmark could not be marked.")):
            self._live.mark_missing(*self.landmarkTable.chosen)
        self._updateTimer.start()

    # -- the quadratus femoris

    def onContrastChanged(self, index=0):
        if self._live is not None and not self._syncing:
            self._live.nodes.contrast = CONTRASTS[self.ui.contrastComboBox.currentIndex]
            self._updateTimer.start()

    def onSecondVolumeChanged(self, node=None):
        if self._live is not None and not self._syncing:
            self._live.nodes.second_volume = self.ui.secondVolumeSelector.currentNode()
            self._updateTimer.start()

    def onSegmentMuscle(self):
        with (
            self._showErrors(_("The quadratus femoris could not be segmented.")),
            self._progress(_("Segmenting")) as progress,
        ):
            self._live.segment_muscles(progress)

    def onInsidePoints(self):
        self._live.start_stroke("inside")

    def onOutsidePoints(self):
        self._live.start_stroke("outside")

    # -- changes over time

    def onFollowUp(self):
        with self._showErrors(_("The studies could not be compared.")), self._progress(_("Comparing")) as progress:
            changes = self.logic.followUp(self.ui.wcvSpinBox.value, self.ui.togetherCheckBox.checked, progress)
            self.followUpTable.show(changes.rows)
            self.ui.followUpLabel.text = "\n".join(changes.warnings)

    # -- measurements and views

    def onMeasurementChosen(self, measurementId, side):
        if self._live is not None:
            self._live.jump_to_result(measurementId, side)
        self._showDefinition()

    def _showDefinition(self):
        """Say what the chosen measurement means, and how its value compares."""
        from IFIMeasureLib.gui.panel_tables import describe
        from IFIMeasureLib.measuring.registry import measurement

        chosen = self.measurementTable.chosen
        if chosen is None:
            self._say(self.ui.definitionText, "")
            return
        definition = measurement(chosen[0])
        result = None if self._live is None else self._live.result
        self._say(
            self.ui.definitionText,
            f"{definition.title}: {definition.definition}\n{describe(definition, chosen[1], result)[1]}",
        )

    def _say(self, textEdit, text):
        """Change a text only where it differs, so that it does not scroll back under a reader's eyes."""
        if textEdit.plainText != text:
            textEdit.plainText = text

    def _showBones(self):
        """Show or hide the bones colored by their distance."""
        if self._live is not None and self._parameterNode is not None:
            self._live.show_bones(self._parameterNode.colorBones)

    def onShowLayout(self):
        from IFIMeasureLib.mrml.views import show_layout

        before = show_layout(slicer.mrmlScene, None if self._live is None else self._live.nodes)
        if before is not None:
            self._parameterNode.layoutBefore = before
        self._observePlots()

    def _observePlots(self):
        """Let clicks on plots be followed, in whatever layout they are shown."""
        layoutManager = slicer.app.layoutManager()
        for index in range(layoutManager.plotViewCount if layoutManager is not None else 0):
            view = layoutManager.plotWidget(index).plotView()
            interactor = view.renderWindow().GetInteractor()
            if interactor is not None and all(known is not interactor for known, _chart in self._plots):
                self._plots.append((interactor, view.chart()))
                self._observe(interactor, vtk.vtkCommand.LeftButtonPressEvent, self.onPlotPressed)
                self._observe(interactor, vtk.vtkCommand.LeftButtonReleaseEvent, self.onPlotReleased)

    def _fillViews(self):
        """Keep plot and table of the study's layout in step with the study, where that layout is shown."""
        from IFIMeasureLib.mrml.views import LAYOUT_ID, fill_views

        layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        if layout is not None and layout.GetViewArrangement() == LAYOUT_ID:
            fill_views(slicer.mrmlScene, self._live.nodes)

    def onRestoreLayout(self):
        from IFIMeasureLib.mrml.views import restore_layout

        restore_layout(
            slicer.mrmlScene, self._parameterNode.layoutBefore or slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
        )

    def onPlotPressed(self, interactor, event=None):
        self._pressed = interactor.GetEventPosition()

    def onPlotReleased(self, interactor, event=None):
        """Jump to the slice of the point that was clicked in the plot. The plot's own signal tells of points in a rectangle only."""
        from IFIMeasureLib.mrml.views import clicked_level

        place, pressed = interactor.GetEventPosition(), self._pressed
        self._pressed = None
        if self._live is None or pressed is None or max(abs(a - b) for a, b in zip(place, pressed)) > CLICK_PIXELS:
            return
        chart = next(chart for known, chart in self._plots if known is interactor)
        found = clicked_level(self._live.nodes, chart, place)
        if found is not None:
            self._live.jump_to_level(*found)

    # -- export

    def _showExportFolder(self):
        """Show the folder of the parameter node. A binding would write back what is being typed, less its last slash."""
        folder = self._parameterNode.exportFolder
        if pathlib.Path(self.ui.exportFolderSelector.currentPath) != folder:
            self.ui.exportFolderSelector.currentPath = str(folder)

    def onExportFolderChanged(self, path):
        if self._parameterNode is not None and self._parameterNode.exportFolder != pathlib.Path(path):
            self._parameterNode.exportFolder = pathlib.Path(path)

    def onExport(self):
        chosen = self._parameterNode
        formats = [
            name
            for name, wanted in (
                ("tables", chosen.exportTables),
                ("report", chosen.exportReport),
                ("landmarks", chosen.exportLandmarks),
                ("segmentation", chosen.exportSegmentation),
                ("scene", chosen.exportScene),
                ("workbook", chosen.exportWorkbook),
                ("dicom", chosen.exportDicom),
                ("pdf", chosen.exportPdf),
                ("fhir", chosen.exportFhir),
            )
            if wanted
        ]
        if not self._offerPackages(formats):
            return
        wcvPercent = self.ui.wcvSpinBox.value if chosen.exportChanges else None
        with self._showErrors(_("The results could not be written.")), self._progress(_("Exporting")) as progress:
            folder = self.logic.export(
                self._live, chosen.exportFolder, formats, chosen.replaceResults, progress, wcvPercent
            )
            self.ui.exportLabel.text = _("Written to {folder}").format(folder=folder)

    def _offerPackages(self, formats):
        """Install the packages that the chosen files need and that are not there, if the person agrees; returns whether to go on."""
        from IFIMeasureLib.export.formats import missing_packages

        missing = missing_packages(formats)
        if not missing:
            return True
        question = _(
            "The chosen files need {packages}, which 3D Slicer does not have yet. Install now (from the internet, some megabytes)?"
        )
        if not slicer.util.confirmOkCancelDisplay(question.format(packages=", ".join(missing))):
            return False
        with slicer.util.tryWithErrorDisplay(_("The packages could not be installed."), waitCursor=True):
            slicer.util.pip_install(missing)
            return True
        return False

    # -- helpers

    @contextlib.contextmanager
    def _showErrors(self, title):
        """Show what is wrong with the input as one sentence; anything else is a fault of ours and shown with its details."""
        with slicer.util.tryWithErrorDisplay(title):
            try:
                yield
            except IFIMeasureError as error:
                logging.info("%s %s", title, error)
                slicer.util.errorDisplay(f"{title}\n\n{error}")
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                slicer.util.errorDisplay(f"{title}\n\n{where}{(error.strerror or str(error)).rstrip('.')}.")
            except Cancelled:
                self.ui.statusLabel.text = _("Stopped; nothing was changed.")
                self.ui.statusLabel.visible = True

    @contextlib.contextmanager
    def _progress(self, title):
        """Give a function that shows each step of a long action, and raises Cancelled where the person stops it."""
        # modal: a scene that is closed, or a button pressed again, half-way would leave half a study
        dialog = slicer.util.createProgressDialog(windowTitle=title, labelText=title, maximum=PROGRESS_STEPS)
        dialog.setWindowModality(qt.Qt.ApplicationModal)

        def say(text):
            dialog.labelText = text
            dialog.value = min(dialog.value + 1, PROGRESS_STEPS - 1)  # at its maximum the dialog would close
            slicer.app.processEvents()
            if dialog.wasCanceled:
                raise Cancelled

        self._busy = True
        try:
            slicer.app.processEvents()
            yield say
        finally:
            self._busy = False
            self._updateTimer.start()  # for what has changed meanwhile
            dialog.close()
            dialog.deleteLater()


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

        of = volume or segmentation
        nodes = StudyNodes.create(self.scene, name or (f"Study of {of.GetName()}" if of is not None else "Study"))
        nodes.volume, nodes.segmentation = volume, segmentation
        return nodes

    def createSegmentation(self, volumeNode):
        """Add an empty segmentation on the grid of a volume; returns its node."""
        node = self.scene.AddNewNodeByClass(
            "vtkMRMLSegmentationNode", self.scene.GenerateUniqueName(f"{volumeNode.GetName()} segmentation")
        )
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
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
        """Return the LiveStudy of each study that was measured, and whose bones have not been read since its scene was loaded."""
        lives = [self.live(nodes.record) for nodes in self.studies()]
        return [
            live
            for live in lives
            if live.result is None and live.nodes.segmentation is not None and live.has_landmarks()
        ]

    def forget(self):
        """Forget all that is not in the scene: it is another one now."""
        self._lives = {}

    def landmarkOf(self, markupsNode, index):
        """Return side and id of a control point, or None where it is no landmark."""
        from IFIMeasureLib.anatomy.landmarks import parse_label

        return (
            parse_label(markupsNode.GetNthControlPointLabel(index))
            if 0 <= index < markupsNode.GetNumberOfControlPoints()
            else None
        )

    def measure(self, segmentationNode, volumeNode=None, progress=None):
        """Place the landmarks of a segmentation of bones and measure it, as a new study of the scene; returns its LiveStudy."""
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
        """Compare the studies of the scene with the first one by date; returns the Comparison, and keeps their rows as a table node.

        :param together: whether muscles found in the images are found again in all studies together.
        """
        from IFIMeasureLib.mrml.live import follow_studies
        from IFIMeasureLib.mrml.table_nodes import write_follow_up

        changes = follow_studies([self.live(nodes.record) for nodes in self.studies()], wcvPercent, together, progress)
        write_follow_up(self.scene, changes)
        return changes

    def dicomFiles(self, volumeNode):
        """Return the files that a volume was loaded from, as the DICOM database of the application knows them; empty where it does not."""
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
        earlier = [
            other for other in lives if other is not live and parse_date(other.nodes.date, other.nodes.name) <= date
        ]
        if not earlier:
            raise IFIMeasureError(
                _("{name}: the scene has no earlier study to compare it with; leave out the changes over time.").format(
                    name=live.nodes.name
                )
            )
        return follow_studies([*earlier, live], wcvPercent, False, progress)

    def export(self, live, folder, formats, replace=False, progress=None, wcvPercent=None):
        """Write the chosen files of a study, all or none; returns the folder.

        :param formats: keys of IFIMeasureLib.formats.OUTPUT_FORMATS.
        :param replace: whether results that are in the folder already may be replaced.
        :param wcvPercent: within-subject coefficient of variation for the changes over time; None where none are to be written.
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
        with written_whole(folder) as beside:
            write_outputs(
                result,
                beside,
                live.nodes.name,
                progress or (lambda text: None),
                formats,
                changes=changes,
            )
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
        import tempfile

        if slicer.util.mainWindow() is None:
            self.delayDisplay(_("There is no main window, so the panel is not tried"))
            return
        self.delayDisplay(_("Trying the panel"))
        slicer.util.selectModule("IFIMeasure")
        *volumes, segmentation = makeSampleData()
        widget = slicer.modules.ifimeasure.widgetRepresentation().self()._inUse()
        ui = widget.ui
        ui.volumeSelector.setCurrentNode(volumes[0])
        ui.segmentationSelector.setCurrentNode(segmentation)
        self._waitFor(lambda: ui.placeFromBonesButton.enabled)
        self.assertGreater(ui.segmentTable.rowCount, 5)
        ui.placeFromBonesButton.click()
        self._waitFor(lambda: "mm" in ui.measurementTable.item(0, 1).text())
        record, shown = ui.studySelector.currentNode(), ui.measurementTable.item(0, 1).text()

        self.delayDisplay(_("Placing a landmark with a click, and stopping"))
        widget.landmarkTable.choose(Side.RIGHT, "greater_trochanter_tip")
        ui.placeButton.checked = True
        interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        self.assertEqual(interaction.GetCurrentInteractionMode(), interaction.Place)
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)  # what Esc does
        self._waitFor(lambda: not ui.placeButton.checked)
        self._waitFor(
            lambda: widget._live.nodes.landmarks(Side.RIGHT)["greater_trochanter_tip"].position_ras_mm is not None
        )  # put back

        self.delayDisplay(_("Coloring the bones, showing and restoring the layout"))
        ui.colorBonesCheckBox.checked = True
        self._waitFor(lambda: widget._live.nodes.node("bone_femur_right") is not None)
        ui.colorBonesCheckBox.checked = False
        before = slicer.app.layoutManager().layout
        ui.layoutButton.click()
        self._waitFor(lambda: slicer.app.layoutManager().plotViewCount > 0)
        self.assertTrue(widget._plots and all(chart.IsA("vtkChartXY") for _interactor, chart in widget._plots))
        ui.measurementTable.setCurrentCell(0, 1)
        self.assertNotEqual(ui.definitionText.plainText, "")
        ui.restoreLayoutButton.click()
        # in a scene that was cleared no layout is set, and none can be gone back to
        fourUp = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
        self.assertEqual(slicer.app.layoutManager().layout, before or fourUp)

        self.delayDisplay(_("Beginning another study, and going back to the first"))
        ui.studySelector.addNode()
        self._waitFor(
            lambda: ui.segmentationSelector.currentNode() is None and ui.measurementTable.item(0, 1).text() == "–"
        )
        ui.studySelector.setCurrentNode(record)
        self._waitFor(
            lambda: (
                ui.segmentationSelector.currentNode() is segmentation and ui.measurementTable.item(0, 1).text() == shown
            )
        )

        self.delayDisplay(_("Exporting"))
        with tempfile.TemporaryDirectory() as folder:
            ui.exportFolderSelector.currentPath = os.path.join(folder, "results")
            ui.exportButton.click()
            self.assertTrue(os.path.isfile(os.path.join(folder, "results", "measurements.csv")))

            self.delayDisplay(_("Loading the scene while the panel is open"))
            path = os.path.join(folder, "scene.mrb")
            self.assertTrue(slicer.util.saveScene(path))
            slicer.mrmlScene.Clear(0)
            self._waitFor(lambda: ui.studySelector.currentNode() is None)
            slicer.util.loadScene(path)
            self._waitFor(lambda: ui.measurementTable.item(0, 1).text() == shown)
            names = [
                nodes.name
                for nodes in widget.logic.studies()
                if nodes.segmentation is not None and nodes.volume is not None
            ]
            self.assertEqual(len(names), 1)  # binding the selectors has taken nothing from the study
        slicer.util.selectModule("Data")
        self.assertEqual(widget._observed, [])

    def _waitFor(self, condition):
        """Let the event loop run until something holds, or fail."""
        import time

        end = time.time() + 60.0
        while not condition():
            self.assertLess(time.time(), end, "the panel does not come to rest")
            slicer.app.processEvents()
            time.sleep(0.01)
