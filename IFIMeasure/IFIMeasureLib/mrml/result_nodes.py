"""Lines and angles that stand for results in the views: locked, and updated in place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vtkmodules.vtkCommonDataModel import vtkVector3d

from ..measuring.definition import Kind, MeasurementDefinition
from ..measuring.registry import MEASUREMENTS, measurement
from ..measuring.spaces import SPACES
from ..present.text import value_text
from ..study.result import StudyResult, each_result
from ..values import Measured, Result, Side
from .record import StudyRecord, space_color

_HIDDEN = "IFIMeasure.hidden"  # attribute of what is not seen because another study is
_LABEL_GAP = 5.0  # pixels between a space's label and its line
_BOTH_COLOR = (0.75, 0.75, 0.75)
_CHOSEN_COLOR = (0.94, 0.89, 0.26)


def show_results(study: StudyRecord, result: StudyResult) -> None:
    """Update lines and angles; of a draft those that are seen, quick enough for each step of a drag."""
    for definition, side, value in each_result(result):
        if not result.draft or _is_seen(study, definition, side):
            _show(study, definition, side, value, result.draft)


def _is_seen(study: StudyRecord, definition: MeasurementDefinition, side: Side | None) -> bool:
    node = result_node(study, definition.id, side)
    display = node.GetDisplayNode() if node is not None else None
    return bool(display.GetVisibility()) if display is not None else definition.labeled


def result_node(study: StudyRecord, measurement_id: str, side: Side | None) -> Any:
    """Return the line or angle of a result (side None for both hips), or None where there is none."""
    return study.node(f"result_{measurement_id}_{side.value if side else 'both'}")


def show_only(shown: StudyRecord, others: Iterable[StudyRecord]) -> None:
    """Show the bones, points and lines of one study, and none of others."""
    seen = _seen_nodes(shown)
    for study in others:
        for node in _seen_nodes(study):
            if node not in seen:
                hide_until_chosen(node)
    for node in seen:
        if node.GetAttribute(_HIDDEN) and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility(True)
            node.RemoveAttribute(_HIDDEN)


def hide_until_chosen(node: Any) -> None:
    """Hide a node, where it is seen, until the study that it belongs to is chosen."""
    display = node.GetDisplayNode()
    if display is not None and display.GetVisibility():
        display.SetVisibility(False)
        node.SetAttribute(_HIDDEN, "1")


def _seen_nodes(study: StudyRecord) -> list[Any]:
    results = [f"result_{m.id}_{side}" for m in MEASUREMENTS for side in ("right", "left", "both")]
    bones = ["segmentation", *(f"bone_{bone}_{side.value}" for side in Side for bone in ("femur", "hip"))]
    roles = [*bones, "landmarks_right", "landmarks_left", "strokes_inside", "strokes_outside", *results]
    return [node for node in (study.node(role) for role in roles) if node is not None]


def highlight(study: StudyRecord, measurement_id: str | None, side: Side | None) -> None:
    """Show one result thicker than the others; of these, only those labeled unasked are visible. None for no result."""
    space = None if measurement_id is None else measurement(measurement_id).space
    for definition in MEASUREMENTS:
        for which in (None, *Side):
            node = result_node(study, definition.id, which)
            display = node.GetDisplayNode() if node is not None else None
            if display is None:
                continue
            chosen = definition.id == measurement_id and which is side
            display.SetVisibility(chosen or definition.labeled)
            display.SetLineThickness(0.9 if chosen else 0.4)
            _paint(display, _color(definition, which) if definition.labeled else _CHOSEN_COLOR)
            # the label of the chosen one takes the place of that of its space
            covered = not chosen and which is side and definition.space is not None and definition.space == space
            display.SetPropertiesLabelVisibility(not covered)


def _color(definition: MeasurementDefinition, side: Side | None) -> tuple[float, float, float]:
    return space_color(definition.space, side) if side else _BOTH_COLOR


def _paint(display: Any, color: tuple[float, float, float]) -> None:
    display.SetSelectedColor(*color)
    display.SetColor(*color)
    display.GetTextProperty().SetColor(*color)


def _show(
    study: StudyRecord, definition: MeasurementDefinition, side: Side | None, result: Result, draft: bool
) -> None:
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
    _set_label_apart(node, definition)
    name = _label(definition, side, result, draft)
    if node.GetName() != name:
        node.SetName(name)
    node.SetDescription(f"{result.method}; plane: {result.plane}")
    node.EndModify(changing)


def _set_label_apart(node: Any, definition: MeasurementDefinition) -> None:
    """Let one space's label stand above its line and the other's below: they lie close together. No scene saves it."""
    display = node.GetDisplayNode()
    if display is None or definition.space is None:
        return
    text = display.GetTextProperty()
    if list(SPACES).index(definition.space) % 2 == 0:
        text.SetVerticalJustificationToBottom()
        text.SetLineOffset(-_LABEL_GAP)
    else:
        text.SetVerticalJustificationToTop()
        text.SetLineOffset(_LABEL_GAP)


def _label(definition: MeasurementDefinition, side: Side | None, result: Measured, draft: bool) -> str:
    """What stands beside it: views label a line with its name, and the value as the panel has it is part of that."""
    rough = "≈ " if draft and definition.kind is Kind.SPACE else ""
    value = value_text(result.value, definition.decimals, definition.unit)
    return " ".join(part for part in (definition.label, side.value if side else "", f"{rough}{value}") if part)


def _make(study: StudyRecord, definition: MeasurementDefinition, side: Side | None, points: int) -> Any:
    kind = "vtkMRMLMarkupsLineNode" if points == 2 else "vtkMRMLMarkupsAngleNode"
    where = side.value if side else "both"
    node = study.scene.AddNewNodeByClass(kind, definition.label)
    node.SetAttribute("IFIMeasure.measurement", definition.id)
    node.SetAttribute("IFIMeasure.side", where)
    node.SetLocked(True)
    for number in range(node.GetNumberOfMeasurements()):
        node.GetNthMeasurement(number).SetEnabled(False)  # Slicer's own, in other decimals
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        _paint(display, _color(definition, side))
        display.SetGlyphScale(1.0)
        display.SetLineThickness(0.4)
        display.SetPointLabelsVisibility(False)
        display.SetPropertiesLabelVisibility(True)
        display.SetVisibility(definition.labeled)  # all of them would cover one another
        display.SetOccludedVisibility(True)  # bones stand before it
        display.SetOccludedOpacity(0.6)
    study.take(f"result_{definition.id}_{where}", node, side)
    return node
