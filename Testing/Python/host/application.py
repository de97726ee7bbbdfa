"""A strict stand-in for the application: enough of 3D Slicer's Python side on PySide6 to load the real panel.

It tests wiring, not Slicer. What the application does not have fails here: an unknown property, signal, method or
keyword raises. Properties are attributes and enumerations are plain integers, as the application's PythonQt gives
them. ``widgets_api.json`` lists what the application's own widget classes have, as the running application reports.
MRML is real (slicer-core); so are the functions of ``slicer.util``.
"""

from __future__ import annotations

import enum
import inspect
import json
import pathlib
import sys
import types
import unittest
from typing import Any, ClassVar
from xml.etree import ElementTree

import slicer
import slicer.util
import vtk
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

API: dict[str, Any] = json.loads((pathlib.Path(__file__).parent / "widgets_api.json").read_text())


class Host:
    """What a test sees of the application: messages shown, and the scene."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.startup: list[Any] = []
        self.sample_sources: list[dict[str, Any]] = []
        self.reloaded: list[str] = []
        self.cancel_after: int | None = None
        self.asked: list[str] = []
        self.agrees = True
        self.installed: list[str] = []


HOST = Host()

# -- PythonQt's manners over PySide6


class EnumInt(int):
    """An enumeration value as the application gives it: a plain integer. Remembers what PySide6 wants instead."""

    member: Any

    def __new__(cls, member: Any) -> EnumInt:
        number = member.value if isinstance(member, enum.Enum) else int(member)
        self = super().__new__(cls, number if isinstance(number, int) else number.value)
        self.member = member
        return self


def unwrap(value: Any) -> Any:
    if isinstance(value, (Wrapped, Derived)):
        return value._raw
    if isinstance(value, EnumInt):
        return value.member
    if isinstance(value, (list, tuple)):
        return [unwrap(v) for v in value]
    return value


_WRAPPERS: dict[int, Wrapped] = {}


def wrap(value: Any) -> Any:
    if isinstance(value, QtCore.QObject):
        known = _WRAPPERS.get(id(value))
        if known is None or known._raw is not value:
            known = _WRAPPERS[id(value)] = Wrapped(value)
        return known
    if type(value).__module__.startswith("PySide6"):
        return EnumInt(value) if isinstance(value, enum.Enum) else Wrapped(value)
    if isinstance(value, (list, tuple)):
        return tuple(wrap(v) for v in value)
    return value


class Wrapped:
    """An object of Qt with the application's manners."""

    def __init__(self, raw: Any) -> None:
        object.__setattr__(self, "_raw", raw)
        object.__setattr__(self, "_connections", [])

    def _api(self) -> dict[str, Any] | None:
        return getattr(type(self._raw), "API", None)

    def _property(self, name: str) -> tuple[bool, bool]:
        """Whether there is such a property, and whether it can be written."""
        api = self._api()
        if api is not None:
            for source in (api, API["QWidget"]):
                if name in source["properties"]:
                    return True, source["properties"][name]
            return False, False
        if not isinstance(self._raw, QtCore.QObject):
            return False, False
        index = self._raw.metaObject().indexOfProperty(name)
        return index >= 0, index >= 0 and self._raw.metaObject().property(index).isWritable()

    def __getattr__(self, name: str) -> Any:
        raw = object.__getattribute__(self, "_raw")
        if name == "name" and isinstance(raw, QtCore.QObject):
            return raw.objectName()
        if self._property(name)[0]:
            return wrap(raw.property(name))
        method = getattr(raw, name, None)
        api = self._api()
        if api is not None:
            own = {slot.split("(")[0] for source in (api, API["QWidget"]) for slot in source["slots"]}
            if name not in own and not hasattr(QtWidgets.QWidget, name):
                raise AttributeError(f"{type(raw).__name__} has no attribute named '{name}'")
        if not callable(method) or isinstance(method, QtCore.SignalInstance):
            raise AttributeError(f"{type(raw).__name__} has no attribute named '{name}'")

        def call(*args: Any, **kwargs: Any) -> Any:
            if kwargs:
                raise ValueError(f"{type(raw).__name__}.{name} takes no keyword arguments")
            return wrap(method(*[unwrap(a) for a in args]))

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        known, writable = self._property(name)
        if not known or not writable:
            raise AttributeError(f"{type(self._raw).__name__}: there is no property '{name}' that can be written")
        current = self._raw.property(name)
        if isinstance(current, str):
            value = str(value)
        elif isinstance(current, bool):
            value = bool(value)
        declared = self._raw.metaObject().indexOfProperty(name) >= 0
        if not self._raw.setProperty(name, unwrap(value)) and declared:
            raise AttributeError(f"{type(self._raw).__name__}: {value!r} does not fit the property '{name}'")

    def _signal(self, signature: str) -> tuple[Any, int]:
        name, _, rest = signature.replace(" ", "").partition("(")
        arguments = [a for a in rest.rstrip(")").split(",") if a]
        api = self._api()
        if api is not None:
            known = {s.replace(" ", "") for source in (api, API["QWidget"]) for s in source["signals"]}
        else:
            meta = self._raw.metaObject()
            known = {
                bytes(meta.method(n).methodSignature()).decode()
                for n in range(meta.methodCount())
                if meta.method(n).methodType() == QtCore.QMetaMethod.MethodType.Signal
            }
        assert signature.replace(" ", "") in known, f"{type(self._raw).__name__} has no signal {signature}"
        return getattr(self._raw, name), len(arguments)

    def connect(self, signature: str, slot: Any) -> bool:
        signal, count = self._signal(signature)

        def deliver(*args: Any) -> None:
            given = [wrap(a) for a in args[:count]]
            parameters = inspect.signature(slot).parameters.values()
            if not any(p.kind is p.VAR_POSITIONAL for p in parameters):
                given = given[: len([p for p in parameters if p.kind is not p.KEYWORD_ONLY])]
            slot(*given)

        signal.connect(deliver)
        self._connections.append((signature, slot, deliver))
        return True

    def disconnect(self, signature: str, slot: Any) -> bool:
        signal, _count = self._signal(signature)
        for entry in list(self._connections):
            if entry[0] == signature and entry[1] == slot:
                signal.disconnect(entry[2])
                self._connections.remove(entry)
                return True
        raise AssertionError(f"{signature} was not connected")

    def children(self) -> tuple[Any, ...]:
        return tuple(wrap(c) for c in self._raw.children())

    def className(self) -> str:
        return str(self._raw.metaObject().className())

    def property(self, name: str) -> Any:
        return wrap(self._raw.property(name))


class Derived:
    """What a class of Python's own derives from where it says ``class Filter(qt.QObject)``."""

    def __init__(self) -> None:
        self._raw = _Filter()
        self._raw.derived = self  # type: ignore[attr-defined]


class _Filter(QtCore.QObject):
    def eventFilter(self, watched: Any, event: Any) -> bool:
        return bool(self.derived.eventFilter(wrap(watched), wrap(event)))  # type: ignore[attr-defined]


class QtClass:
    """A class of the qt module: makes wrapped objects, gives enumeration values as integers."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise ValueError(f"{self._raw.__name__} takes no keyword arguments; set its properties afterwards")
        return wrap(self._raw(*[unwrap(a) for a in args]))

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._raw, name)
        if isinstance(value, enum.Enum):
            return EnumInt(value)
        return lambda *args: wrap(value(*[unwrap(a) for a in args]))


class QtModule(types.ModuleType):
    """The application's ``qt``."""

    def __getattr__(self, name: str) -> Any:
        if name == "QUiLoader":
            return UiLoader
        if name == "QObject":
            return Derived
        for source in (QtWidgets, QtGui, QtCore):
            if hasattr(source, name):
                return QtClass(getattr(source, name))
        raise AttributeError(f"module 'qt' has no attribute '{name}'")


# -- the application's own widgets


class CollapsibleButton(QtWidgets.QGroupBox):
    """ctkCollapsibleButton."""

    API = API["ctkCollapsibleButton"]
    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.setProperty("collapsed", False)

    def event(self, event: Any) -> bool:
        if (
            event.type() == QtCore.QEvent.Type.DynamicPropertyChange
            and bytes(event.propertyName().data()) == b"collapsed"
        ):
            value = self.property("collapsed")
            for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly):
                child.setVisible(not value)
            self.contentsCollapsed.emit(value)
        return bool(super().event(event))

    text = QtCore.Property(str, lambda self: self.title(), lambda self, value: self.setTitle(value))


class PathLineEdit(QtWidgets.QLineEdit):
    """ctkPathLineEdit."""

    API = API["ctkPathLineEdit"]
    currentPathChanged = QtCore.Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.textChanged.connect(self.currentPathChanged)

    currentPath = QtCore.Property(str, lambda self: self.text(), lambda self, value: self.setText(value))


class MRMLWidget(QtWidgets.QWidget):
    """qMRMLWidget: hands the scene on to what the .ui file connects."""

    API = API["qMRMLWidget"]
    mrmlSceneChanged = QtCore.Signal(object)

    def setMRMLScene(self, scene: Any) -> None:
        for name in self.property("_receivers") or []:
            self.findChild(QtWidgets.QWidget, name).setMRMLScene(scene)
        self.mrmlSceneChanged.emit(scene)


class NodeComboBox(QtWidgets.QComboBox):
    """qMRMLNodeComboBox on a real scene."""

    API = API["qMRMLNodeComboBox"]
    currentNodeChanged = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._types: list[str] = []
        self._attributes: list[tuple[str, str, str]] = []
        self._scene: Any = None
        self._node: Any = None
        self._observers: list[int] = []
        self._filling = False
        for flag in (
            "addEnabled",
            "removeEnabled",
            "renameEnabled",
            "editEnabled",
            "noneEnabled",
            "showHidden",
            "showChildNodeTypes",
        ):
            self.setProperty(flag, False)  # not a QtCore.Property: those of bool miscount references before Python 3.12
        self.currentIndexChanged.connect(self._chosen)
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    nodeTypes = QtCore.Property(
        "QStringList", lambda self: self._types, lambda self, value: setattr(self, "_types", list(value))
    )

    def addAttribute(self, node_type: str, name: str, value: str) -> None:
        self._attributes.append((node_type, name, value))

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            scene.AddObserver(event, lambda caller, event_name: None if scene.IsBatchProcessing() else self._fill())
        scene.AddObserver(scene.EndBatchProcessEvent, lambda caller, event_name: self._settle())
        self._fill()

    def _settle(self) -> None:
        """Nodes that came and went together are listed afterwards; at worst the choice is lost for a moment, and told."""
        kept = self._node
        try:
            if kept is not None:
                self.setCurrentIndex(0)
        except RuntimeError:  # the widget is gone, the scene is not
            return
        self._fill()
        if kept is not None and self._scene.GetNodeByID(kept.GetID() or "") is kept:
            self.setCurrentNode(kept)

    def _fits(self, node: Any) -> bool:
        return any(node.IsA(kind) for kind in self._types) and all(
            not node.IsA(k) or node.GetAttribute(n) == v for k, n, v in self._attributes
        )

    def _fill(self) -> None:
        try:
            self.objectName()
        except RuntimeError:  # the widget is gone, the scene is not
            return
        nodes = [n for n in (self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes())) if self._fits(n)]
        self._filling = True
        self.clear()
        self.addItem("None", None)
        for node in nodes:
            self.addItem(node.GetName() or "", node.GetID())
        ids = [n.GetID() for n in nodes]
        kept = self._node is not None and self._node.GetID() in ids and self._node in nodes
        self.setCurrentIndex(1 + nodes.index(self._node) if kept else 0)
        self._filling = False
        if not kept and self._node is not None:
            self._node = None
            self.currentNodeChanged.emit(None)

    def _chosen(self, index: int) -> None:
        if not self._filling:
            node_id = self.itemData(index)
            node = self._scene.GetNodeByID(node_id) if node_id else None
            if node is not self._node:
                self._node = node
                self.currentNodeChanged.emit(node)

    def currentNode(self) -> Any:
        return self._node

    def setCurrentNode(self, node: Any) -> None:
        if node is not None and not self._fits(node):
            node = None
        self._fill_if_unknown(node)
        self.setCurrentIndex(0 if node is None else self.findData(node.GetID()))

    def _fill_if_unknown(self, node: Any) -> None:
        if node is not None and self.findData(node.GetID()) < 0:
            self._fill()

    def removeCurrentNode(self) -> None:
        self._scene.RemoveNode(self._node)

    def addNode(self) -> None:
        """What the menu does. Whether the application gives the node the attributes that it is filtered by is not relied on."""
        node = self._scene.AddNewNodeByClass(self._types[0], "Study")
        self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)


CUSTOM = {
    "ctkCollapsibleButton": CollapsibleButton,
    "ctkPathLineEdit": PathLineEdit,
    "qMRMLNodeComboBox": NodeComboBox,
    "qMRMLWidget": MRMLWidget,
}


class _Loader(QtUiTools.QUiLoader):
    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> Any:
        if class_name in CUSTOM:
            widget = CUSTOM[class_name](parent)
            widget.setObjectName(name)
            return widget
        assert hasattr(QtWidgets, class_name), f"the .ui file uses {class_name}, which this stand-in does not know"
        return super().createWidget(class_name, parent, name)


class UiLoader:
    """qt.QUiLoader: refuses properties that a class of the application does not have."""

    def load(self, file: Any) -> Any:
        path = unwrap(file).fileName()
        root = ElementTree.parse(path).getroot()
        for widget in root.iter("widget"):
            if widget.get("class") in CUSTOM:
                for entry in widget.findall("property"):
                    api = CUSTOM[widget.get("class")].API
                    known = (
                        entry.get("stdset") == "0"
                        or entry.get("name") in api["properties"]
                        or entry.get("name") in API["QWidget"]["properties"]
                    )
                    assert known, f"{widget.get('class')} has no property {entry.get('name')}"
        # connections with MRML types are made by the application's own plug-ins
        receivers = [
            c.findtext("receiver")
            for c in root.iter("connection")
            if c.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
        ]
        text = pathlib.Path(path).read_text(encoding="utf-8")
        start, end = text.index("<connections>"), text.index("</connections>")
        buffer = QtCore.QBuffer()
        buffer.setData((text[:start] + "<connections>" + text[end:]).encode())
        widget = _Loader().load(buffer)
        widget.setProperty("_receivers", receivers)
        return wrap(widget)


# -- parameter nodes


def parameter_node_wrapper(cls: type) -> type:
    """slicer.parameterNodeWrapper.parameterNodeWrapper for the kinds of parameters that the module uses."""
    annotations = {
        name: eval(kind, sys.modules[cls.__module__].__dict__) if isinstance(kind, str) else kind
        for name, kind in cls.__annotations__.items()
    }
    for name, kind in annotations.items():
        assert kind in (bool, int, float, str, pathlib.Path) or (
            inspect.isclass(kind) and issubclass(kind, slicer.vtkMRMLNode)
        ), f"{name}: {kind} is not known to this stand-in"
    defaults = {name: getattr(cls, name, None) for name in annotations}

    class Wrapper:
        """A typed view of one parameter node."""

        def __init__(self, node: Any) -> None:
            object.__setattr__(self, "parameterNode", node)
            object.__setattr__(self, "_tags", {})

        def __getattr__(self, name: str) -> Any:
            if name in annotations:
                kind = annotations[name]
                if issubclass(kind, slicer.vtkMRMLNode):
                    return self.parameterNode.GetNodeReference(name)
                if not self.parameterNode.HasParameter(name):
                    return defaults[name] if defaults[name] is not None else kind()
                text = self.parameterNode.GetParameter(name)
                return text == "True" if kind is bool else kind(text)
            if name in ("AddObserver", "RemoveObserver", "HasObserver", "Modified"):
                return getattr(self.parameterNode, name)
            raise AttributeError(name)

        def __setattr__(self, name: str, value: Any) -> None:
            kind = annotations.get(name)
            if kind is None:
                raise AttributeError(f"the parameter node has no '{name}'")
            if issubclass(kind, slicer.vtkMRMLNode):
                assert value is None or value.IsA(kind.__name__), f"{name}: {value} is no {kind.__name__}"
                if self.parameterNode.GetNodeReference(name) is not value:
                    self.parameterNode.SetNodeReferenceID(name, None if value is None else value.GetID())
                return
            if kind is pathlib.Path and isinstance(value, pathlib.PurePath):
                pass
            elif type(value) is not kind:
                raise ValueError(f"{name}: {value!r} is no {kind.__name__}")
            if not self.parameterNode.HasParameter(name) or self.parameterNode.GetParameter(name) != str(value):
                self.parameterNode.SetParameter(name, str(value))

        def connectGui(self, ui: Any) -> int:
            bound = {}
            for widget in vars(ui).values():
                name = widget.property("SlicerParameterName") if isinstance(widget, Wrapped) else None
                if name:
                    assert name in annotations, f"the .ui file binds {name}, which the parameter node does not have"
                    bound[name] = _Binding(self, name, annotations[name], widget)
            tag = self.parameterNode.AddObserver(
                "ModifiedEvent", lambda caller, event: [b.show() for b in bound.values()]
            )
            for binding in bound.values():
                binding.show()
            self._tags[tag] = bound
            return int(tag)

        def disconnectGui(self, tag: int) -> None:
            self.parameterNode.RemoveObserver(tag)
            for binding in self._tags.pop(tag).values():
                binding.close()

    Wrapper.__name__ = cls.__name__
    return Wrapper


class _Binding:
    """One widget bound to one parameter."""

    KINDS: ClassVar[dict[type, tuple[str, str]]] = {
        bool: ("checked", "toggled(bool)"),
        int: ("value", "valueChanged(int)"),
    }

    def __init__(self, wrapper: Any, name: str, kind: type, widget: Wrapped) -> None:
        self.wrapper, self.name, self.kind, self.widget = wrapper, name, kind, widget
        self.signal = (
            "currentNodeChanged(vtkMRMLNode*)" if issubclass(kind, slicer.vtkMRMLNode) else self.KINDS[kind][1]
        )
        widget.connect(self.signal, self.store)

    def store(self, value: Any = None) -> None:
        if issubclass(self.kind, slicer.vtkMRMLNode):
            setattr(self.wrapper, self.name, self.widget.currentNode())
        else:
            setattr(self.wrapper, self.name, self.kind(getattr(self.widget, self.KINDS[self.kind][0])))

    def show(self) -> None:
        value = getattr(self.wrapper, self.name)
        if issubclass(self.kind, slicer.vtkMRMLNode):
            if self.widget.currentNode() is not value:
                self.widget.setCurrentNode(value)
        elif self.kind(getattr(self.widget, self.KINDS[self.kind][0])) != value:
            setattr(self.widget, self.KINDS[self.kind][0], value)

    def close(self) -> None:
        self.widget.disconnect(self.signal, self.store)


# -- scripted modules


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


class WidgetParent(QtWidgets.QWidget):
    """qSlicerScriptedLoadableModuleWidget."""

    API = API["qSlicerScriptedLoadableModuleWidget"]

    def __init__(self) -> None:
        super().__init__()
        self.setLayout(QtWidgets.QVBoxLayout())
        self.setProperty("isEntered", False)


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


class PlotView(QtWidgets.QWidget):
    """qMRMLPlotView: a real chart in a window of VTK's; a test fills it as the plot's nodes say."""

    API = API["qMRMLPlotView"]

    def __init__(self) -> None:
        super().__init__()
        self._view = vtk.vtkContextView()
        self._view.GetRenderWindow().SetSize(600, 400)
        self._view.GetRenderWindow().SetOffScreenRendering(1)
        self._chart = vtk.vtkChartXY()
        self._view.GetScene().AddItem(self._chart)

    def chart(self) -> Any:
        return self._chart

    def renderWindow(self) -> Any:
        return self._view.GetRenderWindow()


class _PlotWidget:
    def __init__(self) -> None:
        self._view = wrap(PlotView())

    def plotView(self) -> Any:
        return self._view


class LayoutManager:
    """qSlicerLayoutManager. Slicer's own logic reads the layout and makes its views."""

    def __init__(self) -> None:
        self._plots: list[_PlotWidget] = []
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLScene(slicer.mrmlScene)
        self._logic.GetLayoutNode().SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)

    @property
    def layout(self) -> int:
        return int(self._logic.GetLayoutNode().GetViewArrangement())

    @property
    def plotViewCount(self) -> int:
        wanted = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotViewNode")
        while len(self._plots) < wanted:
            self._plots.append(_PlotWidget())
        return wanted

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
        category: Any = None, sampleName: Any = None, uris: Any = None, fileNames: Any = None, nodeNames: Any = None, customDownloader: Any = None,
        thumbnailFileName: Any = None, loadFileType: Any = None, loadFiles: Any = None, loadFileProperties: Any = None, checksums: Any = None,
    ) -> None:  # fmt: skip
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
    slicer.util.errorDisplay = lambda text, **more: HOST.errors.append(text)
    slicer.util.confirmOkCancelDisplay = lambda text, **more: HOST.asked.append(text) or HOST.agrees
    slicer.util.pip_install = lambda requirements, **more: HOST.installed.extend(requirements)
    slicer.util.saveScene = _save_scene
    slicer.util.loadScene = _load_scene
    slicer.util.setSliceViewerLayers = lambda **layers: None
    HOST.errors.clear()
    HOST.cancel_after = None
