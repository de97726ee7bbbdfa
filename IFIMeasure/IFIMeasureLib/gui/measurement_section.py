"""All numbers, right beside left; those that cannot be taken are folded into one line that says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from ..measuring.definition import MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..present.text import value_text
from ..study.result import StudyResult
from ..values import Measured, Side
from .cells import SIDES, describe, fit_columns, row_title, why_not, write_cell

_REASONS_LENGTH = 90  # characters of the folded line; the rest stands in its tooltip


class MeasurementSection:
    """The table of measurements, the line of those that are lacking, and what the chosen one means.

    :param on_chosen: called with measurement id and side (None for both) when a person chooses a cell.
    """

    def __init__(self, ui: Any, *, on_chosen: Callable[[str, Side | None], None]) -> None:
        self._ui, self._on_chosen = ui, on_chosen
        self._study: StudyResult | None = None
        self.table = MeasurementTable(ui.measurementTable, self._chosen)
        ui.foldedButton.connect("toggled(bool)", self._fold)
        self.show(None)

    def show(self, study: StudyResult | None) -> None:
        """Show the results, or dashes where nothing was measured."""
        self._study = study
        self.table.show(study)
        if study is None or not study.draft:  # what can be taken does not change while a point is dragged
            self._fold()
            self._explain()

    def show_saved(self, values: Mapping[tuple[str, Side | None], float]) -> None:
        """Show values as a scene was saved with them, until the bones are read."""
        self._study = None
        self.table.show_values(values)
        self._explain()

    def choose(self, measurement_id: str, side: Side | None) -> None:
        """Choose a measurement as a person would."""
        self.table.choose(measurement_id, side)

    def _chosen(self, measurement_id: str, side: Side | None) -> None:
        self._on_chosen(measurement_id, side)
        self._explain()

    def _explain(self) -> None:
        """Say what the chosen measurement means, and how its value compares."""
        text = ""
        if self.table.chosen is not None:
            definition, side = self.table.chosen
            text = f"{definition.title}: {definition.definition}\n{describe(definition, side, self._study)[1]}"
        if self._ui.definitionText.plainText != text:  # else it would scroll back under a reader's eyes
            self._ui.definitionText.plainText = text

    def _fold(self, unfolded: bool | None = None) -> None:
        button = self._ui.foldedButton
        lacking = [] if self._study is None else [d for d in MEASUREMENTS if _is_lacking(d, self._study)]
        self.table.hide([] if button.checked else lacking)
        button.visible = bool(lacking)
        if self._study is None or not lacking:
            return
        reasons = {d.title: list(dict.fromkeys(why_not(d, side, self._study) for side in _sides(d))) for d in lacking}
        told = "; ".join(dict.fromkeys(reason.rstrip(".") for of in reasons.values() for reason in of))
        if len(told) > _REASONS_LENGTH:
            told = f"{told[:_REASONS_LENGTH].rsplit(' ', 1)[0]} …"
        button.setArrowType(qt.Qt.DownArrow if button.checked else qt.Qt.RightArrow)
        button.text = _("{count} cannot be taken: {reasons}").format(count=len(lacking), reasons=told)
        button.setToolTip("\n".join(f"{title}: {' '.join(of)}" for title, of in reasons.items()))


class MeasurementTable:
    """All measurements, right beside left.

    :param on_chosen: called with measurement id and side (None for both) when a person chooses a cell.
    """

    def __init__(self, table: Any, on_chosen: Callable[[str, Side | None], None]) -> None:
        self._table, self._on_chosen = table, on_chosen
        table.setRowCount(len(MEASUREMENTS))
        for row, definition in enumerate(MEASUREMENTS):
            write_cell(table, row, 0, row_title(definition.title), f"{definition.title}: {definition.definition}")
            if definition.paired:
                table.setSpan(row, 1, 1, 2)
        fit_columns(table)
        table.connect("currentCellChanged(int,int,int,int)", self._changed)

    def show(self, study: StudyResult | None) -> None:
        """Show the results, or dashes where nothing was measured."""
        for row, definition in enumerate(MEASUREMENTS):
            for column, side in enumerate(_sides(definition), 1):
                write_cell(self._table, row, column, *describe(definition, side, study))

    def show_values(self, values: Mapping[tuple[str, Side | None], float]) -> None:
        """Show values without what was measured with them."""
        for row, definition in enumerate(MEASUREMENTS):
            for column, side in enumerate(_sides(definition), 1):
                value = values.get((definition.id, side))
                text = "–" if value is None else value_text(value, definition.decimals, definition.unit)
                write_cell(self._table, row, column, text, _("As saved; the bones are being read."))

    def hide(self, definitions: list[MeasurementDefinition]) -> None:
        """Show the rows of all measurements but these."""
        hidden = {definition.id for definition in definitions}
        for row, definition in enumerate(MEASUREMENTS):
            if self._table.isRowHidden(row) != (definition.id in hidden):
                self._table.setRowHidden(row, definition.id in hidden)

    @property
    def chosen(self) -> tuple[MeasurementDefinition, Side | None] | None:
        """Measurement and side of the chosen cell; the right side where the name is chosen."""
        row, column = self._table.currentRow(), self._table.currentColumn()
        if not 0 <= row < len(MEASUREMENTS):
            return None
        definition = MEASUREMENTS[row]
        return definition, None if definition.paired else SIDES[max(column - 1, 0)]

    def choose(self, measurement_id: str, side: Side | None) -> None:
        """Choose a cell as a person would."""
        row = next(row for row, definition in enumerate(MEASUREMENTS) if definition.id == measurement_id)
        column = 1 if side is None else SIDES.index(side) + 1
        if (self._table.currentRow(), self._table.currentColumn()) == (row, column):
            self._on_chosen(measurement_id, side)  # it is chosen already, and wanted again
        self._table.setCurrentCell(row, column)

    def _changed(self, row: int, column: int, old_row: int, old_column: int) -> None:
        if self.chosen is not None:
            self._on_chosen(self.chosen[0].id, self.chosen[1])


def _sides(definition: MeasurementDefinition) -> tuple[Side | None, ...]:
    return (None,) if definition.paired else SIDES


def _is_lacking(definition: MeasurementDefinition, study: StudyResult) -> bool:
    return not any(isinstance(study.result(definition.id, side), Measured) for side in _sides(definition))
