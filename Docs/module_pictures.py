"""Render the sample study with 3D Slicer's own view code (slicer-core): python Docs/module_pictures.py

Writes ``module_slice.png`` (an axial slice view) and ``module_3d.png`` (the 3D view, bones colored by distance).
They are renders of Slicer's views without its window around them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

import slicer
import vtk
from IFIMeasureLib.mrml.live import LiveStudy
from IFIMeasureLib.mrml.sample_scene import add_sample
from IFIMeasureLib.mrml.scene import create_scene
from IFIMeasureLib.mrml.study_nodes import StudyNodes
from IFIMeasureLib.values import Measured, Side

SLICE_MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
)
VIEW_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)
SIZE = (720, 560)


def window(width: int, height: int) -> tuple[Any, Any]:
    """Return an off-screen window and its renderer."""
    renderer = vtk.vtkRenderer()
    shown = vtk.vtkRenderWindow()
    shown.SetOffScreenRendering(1)
    shown.SetMultiSamples(0)
    shown.SetAlphaBitPlanes(1)
    shown.SetSize(width, height)
    shown.AddRenderer(renderer)
    interactor = vtk.vtkRenderWindowInteractor()
    interactor.SetRenderWindow(shown)
    return shown, renderer


def save(shown: Any, path: Path) -> None:
    """Render a window into a PNG file."""
    shown.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(shown)
    grab.ReadFrontBufferOff()
    writer = vtk.vtkPNGWriter()
    writer.SetInputConnection(grab.GetOutputPort())
    writer.SetFileName(str(path))
    writer.Write()


def managers(factory: Any, application: Any, names: tuple[str, ...], renderer: Any, node: Any) -> Any:
    """Return a group of displayable managers on a renderer, showing a view node."""
    factory.SetMRMLApplicationLogic(application)
    group = slicer.vtkMRMLDisplayableManagerGroup()
    group.SetRenderer(renderer)
    for name in names:
        manager = getattr(slicer, name)()
        manager.SetMRMLApplicationLogic(application)
        group.AddDisplayableManager(manager)
    group.SetMRMLDisplayableNode(node)
    return group


def measured_sample(headless: Any) -> tuple[LiveStudy, Any]:
    """Return the sample, measured, and its image's node."""
    scene = headless.scene
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    nodes = add_sample(scene)
    study = StudyNodes.create(scene, "IFI hip phantom")
    study.volume, study.segmentation = nodes["t1"], nodes["segmentation"]
    live = LiveStudy(study)
    live.place_from_bones()
    study.show_bones(live.prepare())
    display = nodes["segmentation"].GetDisplayNode()
    display.SetVisibility3D(False)
    display.SetOpacity2DFill(0.15)
    live.jump_to_result("ifs_axial", Side.LEFT)
    return live, nodes["t1"]


def render_slice(headless: Any, live: LiveStudy, volume: Any, path: Path) -> Any:
    """Render the axial slice of the left ischiofemoral space; returns what must live as long as the scene."""
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLScene(headless.scene)
    logic.SetMRMLApplicationLogic(headless.application_logic)
    node = logic.AddSliceNode("Red")
    headless.application_logic.GetSliceLogics().AddItem(logic)
    logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    node.SetOrientation("Axial")
    shown, renderer = window(*SIZE)
    node.SetDimensions(*SIZE, 1)
    logic.FitSliceToAll()
    node.SetFieldOfView(190.0, 190.0 * SIZE[1] / SIZE[0], node.GetFieldOfView()[2])
    right, anterior, superior = middle_of_the_left_space(live)
    node.JumpSliceByCentering(right, anterior + 5, superior)
    logic.UpdatePipeline()
    mapper = vtk.vtkImageMapper()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    mapper.SetInputConnection(logic.GetImageDataConnection())
    background = vtk.vtkActor2D()  # before the managers' own: the translucent segments blend over it
    background.SetMapper(mapper)
    renderer.AddViewProp(background)
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    group = managers(factory, headless.application_logic, SLICE_MANAGERS, renderer, node)
    save(shown, path)
    return group, logic, shown


def middle_of_the_left_space(live: LiveStudy) -> list[float]:
    """Return the middle between the ends of the left ischiofemoral space, RAS millimeter."""
    assert live.result is not None
    measured = live.result.hips[Side.LEFT].results["ifs_axial"]
    assert isinstance(measured, Measured)
    return [sum(values) / 2 for values in zip(*measured.points_ras_mm)]


def render_view(headless: Any, path: Path) -> Any:
    """Render the 3D view of the bones from behind; returns what must live as long as the scene."""
    logic = slicer.vtkMRMLViewLogic()
    logic.SetMRMLScene(headless.scene)
    logic.SetMRMLApplicationLogic(headless.application_logic)
    node = logic.AddViewNode("1")
    headless.application_logic.GetViewLogics().AddItem(logic)
    node.SetBackgroundColor(1, 1, 1)
    node.SetBackgroundColor2(1, 1, 1)
    node.SetBoxVisible(False)
    node.SetAxisLabelsVisible(False)
    shown, renderer = window(*SIZE)
    factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
    group = managers(factory, headless.application_logic, VIEW_MANAGERS, renderer, node)
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(0, -20, -50)
    camera.SetPosition(60, -480, 10)
    camera.SetViewUp(0, 0, 1)
    renderer.ResetCameraClippingRange()
    save(shown, path)
    return group, logic, shown


def main() -> int:
    """Make the sample, measure it and render it."""
    folder = Path(__file__).resolve().parent
    headless = create_scene()
    headless.application_logic.SetSliceLogics(vtk.vtkCollection())
    headless.application_logic.SetViewLogics(vtk.vtkCollection())
    live, volume = measured_sample(headless)
    kept = [
        render_slice(headless, live, volume, folder / "module_slice.png"),
        render_view(headless, folder / "module_3d.png"),
    ]
    kept.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main())
