"""Lines and angles that stand for results in the views: locked, and updated in place."""

from __future__ import annotations

from typing import Any

from vtkmodules.vtkCommonDataModel import vtkVector3d

from ..measuring.definition import MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..study.result import StudyResult, each_result
from ..values import Measured, Result, Side
from .record import SIDE_COLORS, StudyRecord

_BOTH_COLOR = (0.75, 0.75, 0.75)


def show_results(study: StudyRecord, result: StudyResult) -> None:
    """Update lines and angles: quick enough for every step of a point that is being dragged."""
    for definition, side, value in each_result(result):
        _show(study, definition, side, value)


def result_node(study: StudyRecord, measurement_id: str, side: Side | None) -> Any:
    """Return the line or angle of a result (side None for both hips), or None where there is none."""
    return study.node(f"result_{measurement_id}_{side.value if side else 'both'}")


def highlight(study: StudyRecord, measurement_id: str | None, side: Side | None) -> None:
    """Show one result thicker than the others; of these, only those drawn unasked stay visible. None for no result."""
    for definition in MEASUREMENTS:
        for which in (None, *Side):
            node = result_node(study, definition.id, which)
            display = node.GetDisplayNode() if node is not None else None
            if display is None:
                continue
            chosen = definition.id == measurement_id and which is side
            display.SetVisibility(chosen or definition.drawn)
            display.SetLineThickness(0.9 if chosen else 0.4)
            display.SetPropertiesLabelVisibility(chosen)


def _show(study: StudyRecord, definition: MeasurementDefinition, side: Side | None, result: Result) -> None:
    node = result_node(study, definition.id, side)
    if not isinstance(result, Measured) or not result.points_ras_mm:
        if node is not None:
            study.scene.RemoveNode(node)
        return
    if node is None:
        node = _make(study, definition, side, len(result.points_ras_mm))
    changing = node.StartModify()
    for index, place in enumerate(result.points_ras_mm):
        if index >= node.GetNumberOfControlPoints():
            node.AddControlPoint(vtkVector3d(*place), "abc"[index])
        elif any(abs(a - b) > 1e-9 for a, b in zip(node.GetNthControlPointPosition(index), place)):
            node.SetNthControlPointPosition(index, *place)
    node.SetDescription(f"{result.method}; plane: {result.plane}")
    node.EndModify(changing)


def _make(study: StudyRecord, definition: MeasurementDefinition, side: Side | None, points: int) -> Any:
    kind = "vtkMRMLMarkupsLineNode" if points == 2 else "vtkMRMLMarkupsAngleNode"
    where = side.value if side else "both"
    node = study.scene.AddNewNodeByClass(kind, f"{definition.id} {where}")
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        color = SIDE_COLORS[side] if side else _BOTH_COLOR
        display.SetSelectedColor(*color)
        display.SetColor(*color)
        display.SetGlyphScale(1.0)
        display.SetLineThickness(0.4)
        display.SetPointLabelsVisibility(False)
        display.SetVisibility(definition.drawn)
        display.SetPropertiesLabelVisibility(definition.labeled)  # those of all would cover each other
    study.take(f"result_{definition.id}_{where}", node, side)
    return node
