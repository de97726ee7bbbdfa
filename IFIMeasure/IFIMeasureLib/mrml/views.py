"""What the views show: the study's layout with its plot, slices and cameras on a place, the views of a saved scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
from vtkmodules.vtkChartsCore import vtkAxis
from vtkmodules.vtkCommonDataModel import vtkPolyData

from ..measuring.registry import MEASUREMENTS
from ..measuring.spaces import SPACES
from ..study.result import StudyResult
from ..values import Array, Measured, Side
from .segment_surfaces import soften
from .study_nodes import StudyNodes

LAYOUT_ID = 47209
"""Number of the study's layout; far from those of Slicer and of other extensions."""

SCENE_LAYOUT_ID = 47210
"""Number of the layout that a scene of the command opens with, where this module is installed."""

OPENS_ATTRIBUTE = "IFIMeasure.opens"
"""Attribute of a study's record in a scene of the command, until the scene is opened."""

CLICK_REACH_PIXELS = 10.0
"""A click no farther than this from a plotted point means that point."""

VIEW_SHAPE = 1.1
"""Width over height that 3D views have at least."""

_SLICES = (
    ("Red", "Axial", "R", "#F34A33"),
    ("Yellow", "Sagittal", "Y", "#EDD54C"),
    ("Green", "Coronal", "G", "#6EB04B"),
)


def layout_description(table: bool = False) -> str:
    """Return the layout: three slices above, 3D and plot below; the panel has the numbers.

    :param table: whether a table stands beside the plot (and 3D above), for a scene that is opened without the panel.
    """
    slices = [_view("vtkMRMLSliceNode", tag, label, plane, color) for tag, plane, label, color in _SLICES]
    in_3d, plot = _view("vtkMRMLViewNode", "1", "1"), _view("vtkMRMLPlotViewNode", "PlotView1", "P")
    if table:
        above, below = [*slices, in_3d], [plot, _view("vtkMRMLTableViewNode", "TableView1", "T")]
    else:
        above, below = slices, [in_3d, plot]
    above_row = _row(above, "horizontal", split=table)
    return _row((above_row, _row(below, "horizontal", split=True)), "vertical", split=True)


def _row(items: Sequence[str], kind: str, split: bool = False) -> str:
    """Views in a row (or column), all of one size; with a handle between them where ``split``."""
    inside = "".join(f'<item splitSize="500">{item}</item>' for item in items)
    handle = ' split="true"' if split else ""
    return f'<layout type="{kind}"{handle}>{inside}</layout>'


def _view(kind: str, tag: str, label: str, orientation: str = "", color: str = "") -> str:
    wanted = {"orientation": orientation, "viewlabel": label, "viewcolor": color}
    inside = "".join(
        f'<property name="{name}" action="default">{value}</property>' for name, value in wanted.items() if value
    )
    return f'<view class="{kind}" singletontag="{tag}">{inside}</view>'


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


def fill_study_layout(scene: Any, nodes: StudyNodes) -> None:
    """Keep the plot of the study's layout in step with the study, where that layout is shown."""
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if layout is not None and layout.GetViewArrangement() == LAYOUT_ID:
        fill_views(scene, nodes)


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


def look_at_place(scene: Any, place_ras_mm: Array) -> None:
    """Let every slice view of a scene go through a point, with what else it shows where it is."""
    place = [float(v) for v in place_ras_mm]
    slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *place, slicer.vtkMRMLSliceNode.OffsetJumpSlice)


def show_volume(scene: Any, volume: Any) -> None:
    """Show a volume behind every slice view."""
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        shown = scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")
        if shown.GetBackgroundVolumeID() != volume.GetID():
            shown.SetBackgroundVolumeID(volume.GetID())


def look_from_behind(scene: Any, corners_ras_mm: Array) -> None:
    """Aim the cameras of all 3D views at a box (2, 3), from behind, so that all of it is in view."""
    low, high = corners_ras_mm
    points = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLCameraNode")):
        camera = scene.GetNthNodeByClass(number, "vtkMRMLCameraNode")
        _look_from_behind(camera, points)
        camera.ResetClippingRange()


def fit_boxes(scene: Any) -> None:
    """Let the box of each 3D view, with its letters of orientation, stand around what the view shows."""
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLViewNode")):
        view = scene.GetNthNodeByClass(number, "vtkMRMLViewNode")
        box, letters = view.GetBoxVisible(), view.GetAxisLabelsVisible()
        view.SetBoxVisible(False)  # else the view counts the box itself among what it shows
        view.SetAxisLabelsVisible(False)
        view.InvokeEvent(slicer.vtkMRMLViewNode.ResetFocalPointRequestedEvent)
        view.SetBoxVisible(box)
        view.SetAxisLabelsVisible(letters)


def add_views(scene: Any, nodes: StudyNodes, study: StudyResult) -> None:
    """Give a scene of one study the views that it opens with: slices on the narrowest space, bones in 3D, plot, table.

    The nodes carry the tags of 3D Slicer's own views, so that opening the scene sets those. For scenes that have no
    views yet.
    """
    bones = np.concatenate([mask.grid.corners() for hip in study.hips.values() for mask in hip.masks.values()])
    _add_slices(scene, nodes, study, bones)
    view = _tagged(scene, "vtkMRMLViewNode", "1", "View1")
    view.SetLayoutLabel("1")
    camera = scene.AddNewNodeByClass("vtkMRMLCameraNode", "Default Scene Camera")
    camera.SetLayoutName("1")
    _look_from_behind(camera, bones)
    _tagged(scene, "vtkMRMLPlotViewNode", "PlotView1", "PlotView1").SetLayoutLabel("P")
    _tagged(scene, "vtkMRMLTableViewNode", "TableView1", "TableView1").SetLayoutLabel("T")
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
    # a layout of Slicer's own, of which the number alone is saved: the scene is also opened where this module is not
    # installed. None has slices, 3D, plot and table; where the module is there, it puts the table beside them
    number = slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalPlotView
    if not layout.IsLayoutDescription(number):
        layout.AddLayoutDescription(number, layout_description())
    layout.SetViewArrangement(number)
    nodes.record.SetAttribute(OPENS_ATTRIBUTE, "1")
    _show_in_3d(nodes.segmentation)
    soften(nodes)


def arrange_opened(scene: Any) -> None:
    """Show the table, too, in a scene that the command has written, the first time it is opened."""
    opened = [nodes for nodes in StudyNodes.all(scene) if nodes.record.GetAttribute(OPENS_ATTRIBUTE)]
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if not opened or layout is None:
        return
    for nodes in opened:
        nodes.record.RemoveAttribute(OPENS_ATTRIBUTE)
    if not layout.IsLayoutDescription(SCENE_LAYOUT_ID):
        layout.AddLayoutDescription(SCENE_LAYOUT_ID, layout_description(table=True))
    layout.SetViewArrangement(SCENE_LAYOUT_ID)
    fill_views(scene, opened[-1])


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
    for (tag, plane, label, color), across in zip(_SLICES, (2, 0, 1)):
        view = _tagged(scene, "vtkMRMLSliceNode", tag, tag)
        view.SetLayoutLabel(label)
        view.SetLayoutColor(*(int(color[n : n + 2], 16) / 255.0 for n in (1, 3, 5)))
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
    wide, deep, high = high - low  # views are wider than high; a little room is left around
    away = 0.55 * max(high, wide / VIEW_SHAPE) / np.tan(np.radians(0.5 * camera.GetCamera().GetViewAngle()))
    camera.SetPosition(middle[0], middle[1] - 0.5 * deep - away, middle[2])
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
