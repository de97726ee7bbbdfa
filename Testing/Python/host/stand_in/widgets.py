"""The application's own widgets (ctk, qMRML) as far as the panel needs them, and its loader of .ui files."""

from __future__ import annotations

import pathlib
from typing import Any
from xml.etree import ElementTree

import vtk
from PySide6 import QtCore, QtUiTools, QtWidgets

from .pythonqt import API, LOADER, kind_of, unwrap, wrap


class CollapsibleButton(QtWidgets.QGroupBox):
    """ctkCollapsibleButton."""

    API_NAME = "ctkCollapsibleButton"
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

    API_NAME = "ctkPathLineEdit"
    currentPathChanged = QtCore.Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.textChanged.connect(self.currentPathChanged)

    currentPath = QtCore.Property(str, lambda self: self.text(), lambda self, value: self.setText(value))


class MRMLWidget(QtWidgets.QWidget):
    """qMRMLWidget: hands the scene on to what the .ui file connects."""

    API_NAME = "qMRMLWidget"
    mrmlSceneChanged = QtCore.Signal(object)

    def setMRMLScene(self, scene: Any) -> None:
        for name in self.property("_receivers") or []:
            self.findChild(QtWidgets.QWidget, name).setMRMLScene(scene)
        self.mrmlSceneChanged.emit(scene)


class NodeComboBox(QtWidgets.QComboBox):
    """qMRMLNodeComboBox on a real scene."""

    API_NAME = "qMRMLNodeComboBox"
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
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToContents)  # as its own default is
        self.labels: dict[str, str] = {}

    nodeTypes = QtCore.Property(
        "QStringList", lambda self: self._types, lambda self, value: setattr(self, "_types", list(value))
    )

    def addAttribute(self, node_type: str, name: str, value: str) -> None:
        self._attributes.append((node_type, name, value))

    def setNodeTypeLabel(self, label: str, node_type: str) -> None:
        """What its menu calls a node of a class."""
        self.labels[node_type] = label

    def setMRMLScene(self, scene: Any) -> None:
        for tag in self._observers:
            self._scene.RemoveObserver(tag)
        self._observers, self._scene = [], scene
        if scene is None:
            self._node = None
            return
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            self._observers.append(scene.AddObserver(event, self._changed))
        self._observers.append(scene.AddObserver(scene.EndBatchProcessEvent, lambda caller, event: self._settle()))
        self._fill()

    def _changed(self, scene: Any, event: str) -> None:
        if not scene.IsBatchProcessing():
            self._fill()

    def _settle(self) -> None:
        """Nodes that came and went together are listed afterwards; at worst the choice is lost for a moment."""
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
        """What the menu does. That the application gives the node the attributes it is filtered by is not relied on."""
        node = self._scene.AddNewNodeByClass(self._types[0], "Study")
        self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)


class WidgetParent(QtWidgets.QWidget):
    """qSlicerScriptedLoadableModuleWidget."""

    API_NAME = "QWidget"

    def __init__(self) -> None:
        super().__init__()
        self.setLayout(QtWidgets.QVBoxLayout())
        self.layout().setContentsMargins(0, 0, 0, 0)  # as the style of the application has it
        self.setProperty("isEntered", False)


class PlotView(QtWidgets.QWidget):
    """qMRMLPlotView: a real chart in a window of VTK's; a test fills it as the plot's nodes say."""

    API_NAME = "qMRMLPlotView"

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


class PlotWidget:
    def __init__(self) -> None:
        self._view = wrap(PlotView())

    def plotView(self) -> Any:
        return self._view


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
            name = widget.get("class")
            assert name in API, f"{name} is not among the listed classes of the application"
            for entry in widget.findall("property"):
                written = kind_of(name, entry.get("name")) == ("properties", True)
                # Qt's loader sets the buddy of a label itself
                assert written or entry.get("stdset") == "0" or entry.get("name") == "buddy", (
                    f"{name} has no property {entry.get('name')} that can be written"
                )
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


LOADER[:] = [UiLoader]
