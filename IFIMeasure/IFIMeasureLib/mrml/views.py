"""What the views show: the study's layout, its plot and table, slices on a place, and the views of a saved scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from vtkmodules.vtkChartsCore import vtkAxis
from vtkmodules.vtkCommonDataModel import vtkPolyData

from ..measuring.registry import MEASUREMENTS
from ..measuring.spaces import SPACES
from ..study.result import StudyResult
from ..values import Array, Measured, Side
from .study_nodes import StudyNodes

LAYOUT_ID = 47209
"""Number of the custom layout; far from those of Slicer and of other extensions."""

CLICK_REACH_PIXELS = 10.0
"""A click no farther than this from a plotted point means that point."""

_SLICES = (
    ("Red", "Axial", "R", "#F34A33"),
    ("Yellow", "Sagittal", "Y", "#EDD54C"),
    ("Green", "Coronal", "G", "#6EB04B"),
)


def layout_description() -> str:
    """Return the layout: three slices and 3D above, plot and table below."""
    slices = "".join(
        _view("vtkMRMLSliceNode", tag, orientation=plane, viewlabel=label, viewcolor=color)
        for tag, plane, label, color in _SLICES
    )
    below = (
        _view("vtkMRMLViewNode", "1", viewlabel="1")
        + _view("vtkMRMLPlotViewNode", "PlotView1", viewlabel="P")
        + _view("vtkMRMLTableViewNode", "TableView1", viewlabel="T")
    )
    rows = (
        f'<item splitSize="600"><layout type="horizontal">{slices}</layout></item>'
        f'<item splitSize="500"><layout type="horizontal" split="true">{below}</layout></item>'
    )
    return f'<layout type="vertical" split="true">{rows}</layout>'


def _view(kind: str, tag: str, **properties: str) -> str:
    """One view of a layout, in the application's XML."""
    said = "".join(f'<property name="{key}" action="default">{value}</property>' for key, value in properties.items())
    return f'<item><view class="{kind}" singletontag="{tag}">{said}</view></item>'


def show_layout(scene: Any, nodes: StudyNodes | None) -> int | None:
    """Switch to the study layout and put the study's plot and summary into it.

    :returns: the layout that was there before, or None where ours was shown already.
    """
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if layout is None:
        layout = scene.AddNewNodeByClass("vtkMRMLLayoutNode")
    if not layout.IsLayoutDescription(LAYOUT_ID):
        layout.AddLayoutDescription(LAYOUT_ID, layout_description())
    before = int(layout.GetViewArrangement())
    layout.SetViewArrangement(LAYOUT_ID)
    fill_views(scene, nodes)
    return None if before == LAYOUT_ID else before


def restore_layout(scene: Any, before: int) -> None:
    """Switch back to the layout a person had."""
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if layout is not None:
        layout.SetViewArrangement(before)


def fill_views(scene: Any, nodes: StudyNodes | None) -> None:
    """Put the study's plot and summary into the plot and table views of a scene."""
    chart = nodes.node("plot") if nodes is not None else None
    table = nodes.node("table_summary") if nodes is not None else None
    for kind, role, node in (
        ("vtkMRMLPlotViewNode", "SetPlotChartNodeID", chart),
        ("vtkMRMLTableViewNode", "SetTableNodeID", table),
    ):
        for number in range(scene.GetNumberOfNodesByClass(kind)):
            view = scene.GetNthNodeByClass(number, kind)
            shown = view.GetPlotChartNodeID() if kind == "vtkMRMLPlotViewNode" else view.GetTableNodeID()
            if (shown or None) != (node.GetID() if node is not None else None):
                getattr(view, role)(node.GetID() if node is not None else None)


def clicked_level(nodes: StudyNodes, chart: Any, place_pixels: tuple[int, int]) -> tuple[Side, str, float] | None:
    """Return side, space and level (superior, millimeter) of the plotted point that was clicked; None where none was.

    :param chart: the vtkChartXY that shows the study's plot.
    :param place_pixels: place in the chart's window, from its lower left corner.
    """
    found = None
    nearest = CLICK_REACH_PIXELS
    for side in Side:
        for space in SPACES:
            table = nodes.node(f"points_{space}_{side.value}")
            for row in range(table.GetNumberOfRows() if table is not None else 0):
                level, distance = (
                    float(table.GetTable().GetValueByName(row, column).ToDouble())
                    for column in ("level_s_mm", "distance_mm")
                )
                x = _pixel(chart.GetAxis(vtkAxis.BOTTOM), 0, level)
                y = _pixel(chart.GetAxis(vtkAxis.LEFT), 1, distance)
                away = float(np.hypot(x - place_pixels[0], y - place_pixels[1]))
                if away < nearest:
                    found, nearest = (side, space, level), away
    return found


def _pixel(axis: Any, component: int, value: float) -> float:
    """Where a value of a linear axis of a chart is drawn."""
    begin, end = axis.GetPoint1()[component], axis.GetPoint2()[component]
    low, high = axis.GetMinimum(), axis.GetMaximum()
    return float(begin + (value - low) / (high - low) * (end - begin)) if high > low else float("inf")


def jump_slices(scene: Any, place_ras_mm: tuple[float, float, float]) -> None:
    """Center every slice view of a scene on a point."""
    slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *place_ras_mm, slicer.vtkMRMLSliceNode.CenteredJumpSlice)


def add_views(scene: Any, nodes: StudyNodes, study: StudyResult) -> None:
    """Give a scene of one study the views that it opens with: slices and 3D on the narrowest space, plot and table.

    The nodes carry the tags of 3D Slicer's own views, so that opening the scene sets those. For scenes without views.
    """
    bones = np.concatenate([mask.grid.corners() for hip in study.hips.values() for mask in hip.masks.values()])
    _add_slices(scene, nodes, study, bones)
    view = _tagged(scene, "vtkMRMLViewNode", "1", "View1")
    view.SetLayoutLabel("1")
    camera = scene.AddNewNodeByClass("vtkMRMLCameraNode", "Default Scene Camera")
    camera.SetLayoutName("1")
    _look_from_behind(camera, bones)
    _tagged(scene, "vtkMRMLPlotViewNode", "PlotView1", "PlotView1")
    _tagged(scene, "vtkMRMLTableViewNode", "TableView1", "TableView1")
    fill_views(scene, nodes)
    selection = _tagged(scene, "vtkMRMLSelectionNode", "Singleton", "Selection")
    for node, choose in (
        (nodes.volume, "SetActiveVolumeID"),
        (nodes.node("plot"), "SetActivePlotChartID"),
        (nodes.node("table_summary"), "SetActiveTableID"),
    ):
        if node is not None:
            getattr(selection, choose)(node.GetID())
    layout = _tagged(scene, "vtkMRMLLayoutNode", "vtkMRMLLayoutNode", "Layout")
    # a layout of Slicer's own: the scene is also opened where this module is not installed. Its number alone is saved
    number = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotTableView
    if not layout.IsLayoutDescription(number):
        layout.AddLayoutDescription(number, layout_description())
    layout.SetViewArrangement(number)
    _show_in_3d(nodes.segmentation)


def _add_slices(scene: Any, nodes: StudyNodes, study: StudyResult, bones: Array) -> None:
    """Slice views in the planes of the narrowest space, each with both hips in it.

    :param bones: corners of what must be seen (N, 3), RAS millimeter.
    """
    of_space = [m.id for m in MEASUREMENTS if m.scored and m.space == "ifs"]
    spaces = (hip.results[key] for hip in study.hips.values() for key in of_space)
    drawn = [space for space in spaces if isinstance(space, Measured) and space.points_ras_mm]
    middle = 0.5 * (bones.min(0) + bones.max(0))
    place = np.mean(min(drawn, key=lambda space: space.value).points_ras_mm, axis=0) if drawn else middle
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    size = np.ptp(bones, axis=0) + 30.0
    for (tag, plane, label, _), across in zip(_SLICES, (2, 0, 1)):
        view = _tagged(scene, "vtkMRMLSliceNode", tag, tag)
        view.SetLayoutLabel(label)
        view.SetOrientation(plane)
        wide = float(np.delete(size, across).max())  # the application fits it to the shape of its view
        view.SetDimensions(500, 500, 1)
        view.SetFieldOfView(wide, wide, float(study.bones.grid.spacing.min()))
        center = np.where(np.arange(3) == across, place, middle)  # in the plane of the space, with both hips in view
        view.JumpSliceByCentering(*(float(v) for v in center))
        shown = _tagged(scene, "vtkMRMLSliceCompositeNode", tag, "SliceComposite")
        if nodes.volume is not None:
            shown.SetBackgroundVolumeID(nodes.volume.GetID())


def _tagged(scene: Any, kind: str, tag: str, name: str) -> Any:
    """Return the one node of a class with a tag, making it where there is none."""
    node = scene.GetSingletonNode(tag, kind)
    if node is None:
        node = scene.CreateNodeByClass(kind)
        node.UnRegister(None)
        node.SetName(name)
        node.SetSingletonTag(tag)
        if hasattr(node, "SetLayoutName"):
            node.SetLayoutName(tag)
        node = scene.AddNode(node)
    return node


def _look_from_behind(camera: Any, points: Array) -> None:
    """Aim a camera at points (N, 3), RAS millimeter, from behind, so that all are in its view."""
    low, high = points.min(0), points.max(0)
    middle = 0.5 * (low + high)
    camera.SetFocalPoint(*middle)
    away = 0.5 * float(np.linalg.norm(high - low)) / np.sin(np.radians(0.5 * camera.GetCamera().GetViewAngle()))
    camera.SetPosition(middle[0], middle[1] - away, middle[2])
    camera.SetViewUp(0.0, 0.0, 1.0)


def _show_in_3d(segmentation: Any) -> None:
    """Have the segments' surfaces made where the scene is opened, rather than stored.

    An empty one tells that there is to be one.
    """
    name = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    content = segmentation.GetSegmentation()
    for number in range(content.GetNumberOfSegments()):
        segment = content.GetNthSegment(number)
        if segment.GetRepresentation(name) is None:
            segment.AddRepresentation(name, vtkPolyData())
