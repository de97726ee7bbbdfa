"""Cells of tables, and what a cell says of a result."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from ..anatomy.reference_values import statements
from ..measuring.definition import Kind, MeasurementDefinition
from ..present.text import plane_range_text, value_text
from ..study.result import StudyResult
from ..values import Measured, NotMeasurable, Side

SIDES = (Side.RIGHT, Side.LEFT)
"""Order of the side columns: the patient's right on the left, as in an image."""


def write_cell(table: Any, row: int, column: int, text: str, tooltip: str) -> None:
    """Write one cell, only where it changes: items are kept, so that selection and scroll position stay."""
    item = table.item(row, column)
    if item is None:
        item = qt.QTableWidgetItem("")
        table.setItem(row, column, item)
    if item.text() != text:
        item.setText(text)
    if item.toolTip() != tooltip:
        item.setToolTip(tooltip)


def row_title(title: str) -> str:
    """Return a title as a narrow table has room for it: cut off, several of one muscle would read alike."""
    return title.replace("Quadratus femoris", "QF")


def fit_columns(table: Any) -> None:
    """Let the first column take what the others leave, so that the table fits a narrow panel."""
    header = table.horizontalHeader()
    header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
    for column in range(1, table.columnCount):
        header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)


def describe(definition: MeasurementDefinition, side: Side | None, study: StudyResult | None) -> tuple[str, str]:
    """Return what a cell says of a result, and its tooltip: value with unit and mark; every comparison in words."""
    if study is None:
        return "–", _("Nothing has been measured yet.")
    result = study.result(definition.id, side)
    if not isinstance(result, Measured):
        return "–", why_not(definition, side, study)
    below = False
    lines = [plane_range_text(result, definition.decimals), result.method, *result.notes]
    if not study.draft:
        found = statements(definition.id, result.value, study.subject)
        below = any(s.kind == "cutoff" and s.below for s in found)
        lines += [f"{s.text} — {s.row.citation}" for s in found]
    rough = study.draft and definition.kind is Kind.SPACE
    mark = ("▼ " if below else "") + ("≈ " if rough else "")
    value = value_text(result.value, definition.decimals, result.unit)
    return f"{mark}{value}", "\n".join(line for line in lines if line)


def why_not(definition: MeasurementDefinition, side: Side | None, study: StudyResult) -> str:
    """Return why a measurement was not taken."""
    result = study.result(definition.id, side)
    return result.reason if isinstance(result, NotMeasurable) else _("not measured.")
