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
from IFIMeasureLib.values import Side

SLICE_MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
)
VIEW_MANAGERS = (
    "vtkMRMLCameraDisplayableManager", "vtkMRMLViewDisplayableManager", "vtkMRMLModelDisplayableManager", "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager", "vtkMRMLColorLegendDisplayableManager",
)  # fmt: skip


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


def main() -> int:
    """Make the sample, measure it and render it."""
    folder = Path(__file__).resolve().parent
    headless = create_scene()
    scene, application = headless.scene, headless.application_logic
    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    nodes = add_sample(scene)
    study = StudyNodes.create(scene, "IFI hip phantom")
    study.volume, study.segmentation = nodes["t1"], nodes["segmentation"]
    live = LiveStudy(study)
    result = live.place_from_bones()
    study.show_bones(live.prepare())
    display = nodes["segmentation"].GetDisplayNode()
    display.SetVisibility3D(False)
    display.SetOpacity2DFill(0.15)
    live.jump_to_result("ifs_axial", Side.LEFT)

    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLScene(scene)
    logic.SetMRMLApplicationLogic(application)
    slice_node = logic.AddSliceNode("Red")
    application.GetSliceLogics().AddItem(logic)
    logic.GetSliceCompositeNode().SetBackgroundVolumeID(nodes["t1"].GetID())
    slice_node.SetOrientation("Axial")
    shown, renderer = window(720, 560)
    slice_node.SetDimensions(720, 560, 1)
    logic.FitSliceToAll()
    measured = result.hips[Side.LEFT].results["ifs_axial"]
    middle = [sum(values) / 2 for values in zip(*measured.points_ras_mm)]  # type: ignore[union-attr]
    slice_node.SetFieldOfView(190.0, 190.0 * 560 / 720, slice_node.GetFieldOfView()[2])
    slice_node.JumpSliceByCentering(middle[0], middle[1] + 5, middle[2])
    logic.UpdatePipeline()
    mapper = vtk.vtkImageMapper()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    mapper.SetInputConnection(logic.GetImageDataConnection())
    background = vtk.vtkActor2D()  # before the managers' own: the translucent segments blend over it
    background.SetMapper(mapper)
    renderer.AddViewProp(background)
    kept = [
        managers(
            slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance(),
            application,
            SLICE_MANAGERS,
            renderer,
            slice_node,
        )
    ]
    save(shown, folder / "module_slice.png")

    view_logic = slicer.vtkMRMLViewLogic()
    view_logic.SetMRMLScene(scene)
    view_logic.SetMRMLApplicationLogic(application)
    view = view_logic.AddViewNode("1")
    application.GetViewLogics().AddItem(view_logic)
    view.SetBackgroundColor(1, 1, 1)
    view.SetBackgroundColor2(1, 1, 1)
    view.SetBoxVisible(False)
    view.SetAxisLabelsVisible(False)
    shown, renderer = window(720, 560)
    kept.append(
        managers(
            slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance(), application, VIEW_MANAGERS, renderer, view
        )
    )
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(0, -20, -50)
    camera.SetPosition(60, -480, 10)
    camera.SetViewUp(0, 0, 1)
    renderer.ResetCameraClippingRange()
    save(shown, folder / "module_3d.png")
    kept.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main())
