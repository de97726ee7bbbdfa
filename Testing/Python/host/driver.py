"""A person at the panel: the module on the stand-in of the application, and a mouse on Slicer's own views."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
pytest.importorskip(
    "PySide6.QtWidgets", reason="PySide6 (or a library it needs, such as libEGL) is not installed", exc_type=ImportError
)

import vtk  # noqa: E402
from host.stand_in import application as APP  # noqa: E402
from IFIMeasureLib.anatomy.landmarks import landmark_definitions  # noqa: E402
from IFIMeasureLib.images.masks import Volume  # noqa: E402
from IFIMeasureLib.measuring.registry import MEASUREMENTS  # noqa: E402
from IFIMeasureLib.mrml.sample_scene import add_sample_bones  # noqa: E402
from IFIMeasureLib.mrml.scene import create_scene  # noqa: E402
from IFIMeasureLib.mrml.volumes import add_volume  # noqa: E402
from IFIMeasureLib.synthetic.sample import sample_grid  # noqa: E402
from IFIMeasureLib.values import Side  # noqa: E402

MODULE = Path(__file__).resolve().parents[3] / "IFIMeasure" / "IFIMeasure.py"
ROW = {key: row for row, key in enumerate(landmark_definitions())}
LINE = {definition.id: row for row, definition in enumerate(MEASUREMENTS)}


def load_module():
    """Load IFIMeasure.py anew, as the application does at its start."""
    spec = importlib.util.spec_from_file_location("IFIMeasure", MODULE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["IFIMeasure"] = module
    spec.loader.exec_module(module)
    return module


def add_sample(scene):
    """The sample's bones and a plain volume of their grid: the images themselves take seconds to make."""
    grid = sample_grid((0.9, 0.9, 3.0))
    volume = add_volume(scene, Volume(np.zeros(grid.shape, np.float32), grid, Path("t1")), "IFI hip phantom T1")
    return {"t1": volume, "segmentation": add_sample_bones(scene)}


class Panel:
    """The module's widget, entered, with a scene of its own."""

    def __init__(self) -> None:
        self.headless = create_scene()
        self.scene = self.headless.scene
        APP.start(self.scene)
        self.module = load_module()
        self.parent = APP.wrap(APP.WidgetParent())
        self.widget = self.module.IFIMeasureWidget(self.parent)
        self.widget.setup()
        self.enter()

    def open_again(self) -> None:
        """Make the widget anew and enter it, as the application does the first time."""
        self.widget.cleanup()
        self.parent = APP.wrap(APP.WidgetParent())
        self.widget = self.module.IFIMeasureWidget(self.parent)
        self.widget.setup()
        self.enter()

    @property
    def ui(self):
        return self.widget.ui

    def enter(self) -> None:
        self.parent._raw.setProperty("isEntered", True)
        self.widget.enter()
        self.turn()

    def leave(self) -> None:
        self.parent._raw.setProperty("isEntered", False)
        self.widget.exit()
        self.turn()

    def turn(self) -> None:
        """Let the event loop run until nothing is left to do."""
        panel, end = self.widget.panel, time.monotonic() + 30.0
        for _ in range(3):
            APP.QtWidgets.QApplication.processEvents()
        while panel.timer.active or panel.look.timer.active:
            APP.QtWidgets.QApplication.processEvents()
            assert time.monotonic() < end, "the panel does not come to rest"

    def choose_sample(self):
        nodes = add_sample(self.scene)
        self.ui.volumeSelector.setCurrentNode(nodes["t1"])
        self.ui.segmentationSelector.setCurrentNode(nodes["segmentation"])
        self.turn()
        return nodes

    def place(self) -> None:
        self.ui.placeFromBonesButton.click()
        self.turn()

    def value(self, measurement: str, side: Side) -> str:
        return self.ui.measurementTable.item(LINE[measurement], 1 if side is Side.RIGHT else 2).text()

    def state(self, landmark: str, side: Side) -> str:
        return self.ui.landmarkTable.item(ROW[landmark], 1 if side is Side.RIGHT else 2).text()

    def choose(self, landmark: str, side: Side) -> None:
        self.ui.landmarkTable.setCurrentCell(ROW[landmark], 1 if side is Side.RIGHT else 2)
        self.turn()

    @property
    def live(self):
        return self.widget.panel.live


def click(view, place):
    """Press and release the left mouse button in a view of VTK's; two places for a drag."""
    interactor = view.renderWindow().GetInteractor()
    for (x, y), event in zip(place, ("LeftButtonPressEvent", "LeftButtonReleaseEvent")):
        interactor.SetEventInformation(round(x), round(y), 0, 0)
        interactor.InvokeEvent(event)


class SliceView:
    """An axial slice view of Slicer's own (markups and mouse as in the application), and a mouse on it.

    It has 500 by 500 pixels of 0.4 mm.
    """

    def __init__(self, panel) -> None:
        self.panel = panel
        scene, application = panel.scene, panel.headless.application_logic
        application.SetSliceLogics(vtk.vtkCollection())
        application.SetViewLogics(vtk.vtkCollection())
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLScene(scene)
        logic.SetMRMLApplicationLogic(application)
        self.node = scene.GetSingletonNode("Red", "vtkMRMLSliceNode")  # made by the layout
        logic.SetSliceNode(self.node)
        application.GetSliceLogics().AddItem(logic)
        self.node.SetOrientation("Axial")
        self.node.SetDimensions(500, 500, 1)
        self.node.SetFieldOfView(200.0, 200.0, 1.0)
        renderer, self.window, self.mouse = vtk.vtkRenderer(), vtk.vtkRenderWindow(), vtk.vtkRenderWindowInteractor()
        self.window.SetOffScreenRendering(1)
        self.window.SetSize(500, 500)
        self.window.AddRenderer(renderer)
        self.mouse.SetRenderWindow(self.window)
        slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(application)
        managers = slicer.vtkMRMLDisplayableManagerGroup()
        managers.SetRenderer(renderer)
        for name in ("vtkMRMLMarkupsDisplayableManager", "vtkMRMLCrosshairDisplayableManager"):
            manager = getattr(slicer, name)()
            manager.SetMRMLApplicationLogic(application)
            managers.AddDisplayableManager(manager)
        managers.SetMRMLDisplayableNode(self.node)
        plain, style = vtk.vtkInteractorStyleUser(), slicer.vtkMRMLSliceViewInteractorStyle()
        plain.SetDefaultRenderer(renderer)
        self.mouse.SetInteractorStyle(plain)
        style.SetDisplayableManagers(managers)
        style.SetSliceLogic(logic)
        style.SetInteractor(self.mouse)
        self.mouse.Initialize()
        self._kept = (logic, managers, style)
        self.does("EnterEvent", 250, 250)

    def does(self, event: str, x: float, y: float) -> None:
        self.mouse.SetEventInformation(round(x), round(y), 0, 0)
        self.mouse.InvokeEvent(event)

    def click(self, x: float, y: float, button: str = "Left") -> None:
        """Move the mouse to a place and click."""
        for near in (3, 0):
            self.does("MouseMoveEvent", x + near, y)
            self.panel.turn()
        self.does(f"{button}ButtonPressEvent", x, y)
        self.does(f"{button}ButtonReleaseEvent", x, y)
        self.panel.turn()

    def ras(self, x: float, y: float) -> list[float]:
        return list(self.node.GetXYToRAS().MultiplyPoint([x, y, 0.0, 1.0])[:3])
