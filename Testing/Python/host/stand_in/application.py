"""The application around the module: its scripted modules, layout, sample data, and what a test sees of it."""

from __future__ import annotations

import pathlib
import sys
import types
import unittest
from typing import Any

import slicer
import slicer.util
from PySide6 import QtCore, QtWidgets

from .parameter_node import parameter_node_wrapper
from .pythonqt import QtModule, forget_deleted, unwrap, wrap
from .widgets import PlotWidget, WidgetParent


class Host:
    """What a test sees of the application: messages shown, and the scene."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.startup: list[Any] = []
        self.sample_sources: list[dict[str, Any]] = []
        self.reloaded: list[str] = []
        self.cancel_after: int | None = None
        self.asked: list[str] = []
        self.agrees = True
        self.installed: list[str] = []

    @property
    def shown(self) -> list[str]:
        """All that was shown as an error or a warning."""
        return [*self.errors, *self.warnings]


HOST = Host()


class ScriptedLoadableModule:
    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__


class ModuleParent:
    """qSlicerScriptedLoadableModule, as far as a module sets it."""

    __slots__ = (
        "acknowledgementText",
        "categories",
        "contributors",
        "dependencies",
        "helpText",
        "hidden",
        "icon",
        "title",
    )


class ScriptedLoadableModuleWidget:
    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.parent = parent if parent is not None else wrap(WidgetParent())
        self.layout = wrap(self.parent._raw.layout())
        setattr(slicer.modules, f"{self.moduleName}Widget", self)

    def resourcePath(self, name: str) -> str:
        path = pathlib.Path(sys.modules[type(self).__module__].__file__).parent / "Resources" / name
        assert path.exists(), f"there is no resource {name}"
        return str(path)

    def setup(self) -> None:
        pass

    def onReload(self) -> None:
        HOST.reloaded.append(self.moduleName)


class ScriptedLoadableModuleLogic:
    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(self.moduleName)
            node = scene.AddNode(node)
        node.SetModuleName(self.moduleName)
        node.SetName(self.moduleName)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    def __init__(self, *args: Any) -> None:
        super().__init__(*(args or ("runTest",)))

    def delayDisplay(self, message: str, requestedDelay: int | None = None) -> None:
        QtWidgets.QApplication.processEvents()


class LayoutManager:
    """qSlicerLayoutManager. Slicer's own logic reads the layout and makes its views."""

    def __init__(self) -> None:
        self._plots: list[PlotWidget] = []
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLScene(slicer.mrmlScene)
        self._arrange(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        # so the application has it after a scene was closed, until a layout is chosen
        slicer.mrmlScene.AddObserver(
            slicer.mrmlScene.EndCloseEvent,
            lambda caller, event: self._arrange(slicer.vtkMRMLLayoutNode.SlicerLayoutInitialView),
        )

    def _arrange(self, number: int) -> None:
        self._logic.GetLayoutNode().SetViewArrangement(number)

    @property
    def layout(self) -> int:
        return int(self._logic.GetLayoutNode().GetViewArrangement())

    @property
    def plotViewCount(self) -> int:
        wanted = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotViewNode")
        while len(self._plots) < wanted:
            self._plots.append(PlotWidget())
        return wanted

    def resetSliceViews(self) -> None:
        """Fit the slices to their views; the stand-in has none."""

    def sliceViewNames(self) -> tuple[str, ...]:
        return ()

    threeDViewCount = 0

    def plotWidget(self, index: int) -> Any:
        return self._plots[index]


class Application:
    """slicer.app."""

    def __init__(self) -> None:
        self._layout_manager = LayoutManager()

    def connect(self, signature: str, slot: Any) -> bool:
        assert signature == "startupCompleted()", signature
        HOST.startup.append(slot)
        return True

    def layoutManager(self) -> Any:
        return self._layout_manager

    def pauseRender(self) -> None:
        """Draw nothing; the stand-in draws nothing anyway."""

    def resumeRender(self) -> None:
        """Draw again."""

    def processEvents(self) -> None:
        QtWidgets.QApplication.processEvents()
        if HOST.cancel_after is not None:
            HOST.cancel_after -= 1
            if HOST.cancel_after == 0:
                for dialog in QtWidgets.QApplication.topLevelWidgets():
                    if isinstance(dialog, QtWidgets.QProgressDialog) and dialog.isVisible():
                        dialog.cancel()
                HOST.cancel_after = None

    def testingEnabled(self) -> bool:
        return False

    def setOverrideCursor(self, cursor: Any) -> None:
        QtWidgets.QApplication.setOverrideCursor(unwrap(cursor))

    def restoreOverrideCursor(self) -> None:
        QtWidgets.QApplication.restoreOverrideCursor()


class _SampleDataLogic:
    @staticmethod
    def registerCustomSampleDataCategory(category: str, title: str = "") -> None:
        pass

    @staticmethod
    def registerCustomSampleDataSource(
        category: Any = None,
        sampleName: Any = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: Any = None,
        loadFileType: Any = None,
        loadFiles: Any = None,
        loadFileProperties: Any = None,
        checksums: Any = None,
    ) -> None:
        lists = {len(given) for given in (uris, fileNames, nodeNames, loadFileType, loadFiles, checksums)}
        assert len(lists) == 1, "Sample Data wants lists of one length"
        HOST.sample_sources.append(
            {
                "sampleName": sampleName,
                "customDownloader": customDownloader,
                "thumbnailFileName": thumbnailFileName,
                "checksums": checksums,
            }
        )


def _save_scene(path: str, properties: Any = None) -> bool:
    return bool(slicer.mrmlScene.WriteToMRB(path, None))


def _load_scene(path: str, properties: Any = None) -> bool:
    import shutil
    import tempfile

    folder = pathlib.Path(tempfile.mkdtemp())
    shutil.unpack_archive(path, str(folder), "zip")
    mrml = next(folder.rglob("*.mrml"))
    slicer.mrmlScene.SetURL(str(mrml))
    slicer.mrmlScene.SetRootDirectory(str(mrml.parent))
    slicer.mrmlScene.Import(None)
    return True


def delete_what_is_to_be() -> None:
    """Delete what deleteLater was called of, as the application's event loop does."""
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    forget_deleted()


def start(scene: Any) -> None:
    """Put the stand-ins where the module looks for them, around a scene of one's own."""
    if QtWidgets.QApplication.instance() is None:
        QtWidgets.QApplication(["test"])
    modules: dict[str, Any] = {
        "qt": QtModule("qt"),
        "slicer.i18n": types.SimpleNamespace(tr=lambda text: text, translate=lambda context, text: text),
        "slicer.parameterNodeWrapper": types.SimpleNamespace(parameterNodeWrapper=parameter_node_wrapper),
        "slicer.ScriptedLoadableModule": types.SimpleNamespace(
            ScriptedLoadableModule=ScriptedLoadableModule,
            ScriptedLoadableModuleLogic=ScriptedLoadableModuleLogic,
            ScriptedLoadableModuleTest=ScriptedLoadableModuleTest,
            ScriptedLoadableModuleWidget=ScriptedLoadableModuleWidget,
        ),
        "SampleData": types.SimpleNamespace(SampleDataLogic=_SampleDataLogic),
    }
    sys.modules.update(modules)
    main = getattr(start, "main", None) or QtWidgets.QMainWindow()
    start.main = main  # type: ignore[attr-defined]
    slicer.mrmlScene = scene
    slicer.app = Application()
    terminologies = slicer.vtkSlicerTerminologiesModuleLogic()  # the real one
    slicer.modules = types.SimpleNamespace(terminologies=types.SimpleNamespace(logic=lambda: terminologies))
    slicer.util.mainWindow = lambda: wrap(main)
    slicer.util.errorDisplay = lambda text, **more: HOST.errors.append(text)  # also a line of that level in the log
    slicer.util.warningDisplay = lambda text, **more: HOST.warnings.append(text)
    slicer.util.confirmOkCancelDisplay = lambda text, **more: HOST.asked.append(text) or HOST.agrees
    slicer.util.pip_install = lambda requirements, **more: HOST.installed.extend(requirements)
    slicer.util.saveScene = _save_scene
    slicer.util.loadScene = _load_scene
    slicer.util.setSliceViewerLayers = lambda **layers: None
    HOST.errors.clear()
    HOST.warnings.clear()
    HOST.cancel_after = None
