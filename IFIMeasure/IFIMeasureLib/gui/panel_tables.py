"""The tables of the panel: segments, landmarks, measurements, findings, changes over time. They show and report choices; they decide nothing.

Each wraps a QTableWidget of ``Resources/UI/IFIMeasure.ui``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from ..anatomy.findings import FINDINGS, FindingDefinition, Findings, finding
from ..anatomy.landmarks import Landmark, LandmarkSet, LandmarkStatus, landmark_definitions
from ..anatomy.reference_values import statements
from ..anatomy.structures import Structure, definitions
from ..measuring.definition import MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..present.text import change_texts, number_text, percent_text, unit_text
from ..study.follow_up import Change, Verdict
from ..study.result import StudyResult
from ..values import Measured, Side
from .wheel import WheelGuard

SIDES = (Side.RIGHT, Side.LEFT)
"""Order of the side columns: the patient's right on the left, as in an image."""


def _cell(table: Any, row: int, column: int, text: str, tooltip: str) -> None:
    """Write one cell, only where it changes: items are kept, so that selection and scroll position stay."""
    item = table.item(row, column)
    if item is None:
        item = qt.QTableWidgetItem("")
        table.setItem(row, column, item)
    if item.text() != text:
        item.setText(text)
    if item.toolTip() != tooltip:
        item.setToolTip(tooltip)


def _fit(table: Any) -> None:
    """Let the first column take what the others leave, so that the table fits a narrow panel."""
    header = table.horizontalHeader()
    header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
    for column in range(1, table.columnCount):
        header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)


class SegmentTable:
    """Which segment is which structure; one combo box a segment.

    :param on_changed: called with segment id and structure name (empty for none) when a person chooses.
    :param guard: keeps the mouse wheel from the combo boxes.
    """

    def __init__(self, table: Any, on_changed: Callable[[str, str], None], guard: WheelGuard) -> None:
        self._table, self._on_changed, self._guard = table, on_changed, guard
        self._rows: list[str] = []
        self._combos: dict[str, Any] = {}
        self._showing = False
        self._names = [""] + [s.name for d in definitions().values() for s in _structures(d.id, d.sided)]
        titles = {s.name: s.title for d in definitions().values() for s in _structures(d.id, d.sided)}
        self._titles = [_("(not used)")] + [titles[name] for name in self._names[1:]]
        header = table.horizontalHeader()
        for column in range(2):
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch)

    def show(self, segments: list[tuple[str, str, str]]) -> None:
        """Show segments as (id, name, structure name)."""
        self._showing = True
        ids = [segment_id for segment_id, _name, _structure in segments]
        if ids != self._rows:
            self._rows = ids
            self._combos = {}
            self._table.setRowCount(0)
            self._table.setRowCount(len(ids))
            for row, segment_id in enumerate(ids):
                combo = qt.QComboBox()
                combo.addItems(self._titles)
                combo.setToolTip(_("What this segment is taken for."))
                combo.connect("currentIndexChanged(int)", self._handler(segment_id))
                self._guard.watch(combo)
                self._table.setCellWidget(row, 1, combo)
                self._combos[segment_id] = combo
        for row, (segment_id, name, structure) in enumerate(segments):
            _cell(self._table, row, 0, name, name)
            combo = self._combos[segment_id]
            index = self._names.index(structure) if structure in self._names else 0
            if combo.currentIndex != index:
                combo.setCurrentIndex(index)
        self._showing = False

    def _handler(self, segment_id: str) -> Callable[[int], None]:
        def changed(index: int) -> None:
            if not self._showing:
                self._on_changed(segment_id, self._names[index])

        return changed


def _structures(structure_id: str, sided: bool) -> list[Structure]:
    sides: tuple[Side | None, ...] = (*SIDES, None) if sided else (None,)
    return [Structure(structure_id, side) for side in sides]


class LandmarkTable:
    """All landmarks, both sides, with how each came to be.

    :param on_chosen: called with side and landmark id when a person chooses a cell.
    :param on_activated: the same for a double click.
    """

    def __init__(
        self, table: Any, on_chosen: Callable[[Side, str], None], on_activated: Callable[[Side, str], None]
    ) -> None:
        self._table, self._on_chosen, self._on_activated = table, on_chosen, on_activated
        self._keys = list(landmark_definitions())
        self._choosing = False
        table.setRowCount(len(self._keys))
        for row, definition in enumerate(landmark_definitions().values()):
            _cell(table, row, 0, definition.title, definition.how)
        _fit(table)
        table.connect("currentCellChanged(int,int,int,int)", self._changed)
        table.connect("cellDoubleClicked(int,int)", self._activated)

    def show(self, landmarks: dict[Side, LandmarkSet]) -> None:
        """Show the state of every landmark."""
        for row, key in enumerate(self._keys):
            for column, side in enumerate(SIDES, 1):
                text, tooltip = _state(landmarks[side][key])
                _cell(self._table, row, column, text, tooltip)

    @property
    def chosen(self) -> tuple[Side, str] | None:
        """Side and id of the chosen landmark; the right side where its name is chosen."""
        row, column = self._table.currentRow(), self._table.currentColumn()
        return (SIDES[max(column - 1, 0)], self._keys[row]) if 0 <= row < len(self._keys) else None

    def choose(self, side: Side, landmark_id: str) -> None:
        """Make a landmark the chosen one, without calling back."""
        self._choosing = True
        self._table.setCurrentCell(self._keys.index(landmark_id), SIDES.index(side) + 1)
        self._choosing = False

    def _changed(self, row: int, column: int, old_row: int, old_column: int) -> None:
        if not self._choosing and self.chosen is not None:
            self._on_chosen(*self.chosen)

    def _activated(self, row: int, column: int) -> None:
        if self.chosen is not None:
            self._on_activated(*self.chosen)


def _state(landmark: Landmark) -> tuple[str, str]:
    """What a cell says of a landmark, and its tooltip. Words and marks, so that color is not needed."""
    if landmark.status is LandmarkStatus.UNDEFINED:
        return _("○ not placed"), _("Not placed yet.")
    if landmark.status is LandmarkStatus.MISSING:
        return _("✕ missing"), landmark.reason
    if landmark.by_person:
        return _("◆ by hand"), _("Placed by a person; it is not moved automatically.")
    return _("● from bones"), _("Placed automatically from the surfaces of the bones.")


class MeasurementTable:
    """All measurements, right beside left.

    :param on_chosen: called with measurement id and side (None for both) when a person chooses a cell.
    """

    def __init__(self, table: Any, on_chosen: Callable[[str, Side | None], None]) -> None:
        self._table, self._on_chosen = table, on_chosen
        table.setRowCount(len(MEASUREMENTS))
        for row, definition in enumerate(MEASUREMENTS):
            _cell(table, row, 0, definition.title, definition.definition)
            if definition.paired:
                table.setSpan(row, 1, 1, 2)
        _fit(table)
        table.connect("currentCellChanged(int,int,int,int)", self._changed)

    def show(self, study: StudyResult | None) -> None:
        """Show the results, or dashes where nothing was measured."""
        for row, definition in enumerate(MEASUREMENTS):
            for column, side in enumerate((None,) if definition.paired else SIDES, 1):
                text, tooltip = describe(definition, side, study)
                _cell(self._table, row, column, text, tooltip)

    @property
    def chosen(self) -> tuple[str, Side | None] | None:
        """Measurement and side of the chosen cell; the right side where the name is chosen."""
        row, column = self._table.currentRow(), self._table.currentColumn()
        if not 0 <= row < len(MEASUREMENTS):
            return None
        definition = MEASUREMENTS[row]
        return definition.id, None if definition.paired else SIDES[max(column - 1, 0)]

    def _changed(self, row: int, column: int, old_row: int, old_column: int) -> None:
        if self.chosen is not None:
            self._on_chosen(*self.chosen)


class FindingTable:
    """What a reader found; one combo box a field and side.

    :param on_changed: called with side, id of the field and choice (empty for none) when a person chooses.
    """

    def __init__(self, table: Any, on_changed: Callable[[Side, str, str], None]) -> None:
        self._on_changed, self._showing = on_changed, False
        self._combos: dict[tuple[Side, str], Any] = {}
        table.setRowCount(len(FINDINGS))
        for row, definition in enumerate(FINDINGS):
            # the panel's section is that of the muscle already
            _cell(
                table,
                row,
                0,
                definition.title.removeprefix("Quadratus femoris, ").capitalize(),
                f"{definition.title}: {definition.how}",
            )
            for column, side in enumerate(SIDES, 1):
                combo = qt.QComboBox()
                combo.addItems(["–", *definition.choices])
                combo.setToolTip(f"{definition.title}, {side.value}: {definition.how}")
                combo.connect("currentIndexChanged(int)", self._handler(side, definition))
                table.setCellWidget(row, column, combo)
                self._combos[side, definition.id] = combo
        _fit(table)

    def show(self, findings: Findings) -> None:
        """Show what was filled in."""
        self._showing = True
        for (side, key), combo in self._combos.items():
            choice = findings.get(side, {}).get(key, "")
            index = finding(key).choices.index(choice) + 1 if choice else 0
            if combo.currentIndex != index:
                combo.setCurrentIndex(index)
        self._showing = False

    def _handler(self, side: Side, definition: FindingDefinition) -> Callable[[int], None]:
        def changed(index: int) -> None:
            if not self._showing:
                self._on_changed(side, definition.id, definition.choices[index - 1] if index > 0 else "")

        return changed


class FollowUpTable:
    """Changes of the studies of a scene against the first one."""

    def __init__(self, table: Any) -> None:
        self._table = table
        _fit(table)

    def show(self, rows: list[Change]) -> None:
        """Show the rows of :func:`~IFIMeasureLib.study.follow_up.follow_up`; those without a change are left out."""
        changed = [row for row in rows if row.absolute is not None]
        self._table.setRowCount(len(changed))
        for number, row in enumerate(changed):
            first, now, change = change_texts(row)
            symmetric = percent_text(row.symmetric_percent)
            percent = f" ({symmetric})" if symmetric else ""
            mark = "▲ " if row.verdict is Verdict.BEYOND else ""
            words = {Verdict.BEYOND: _("beyond error"), Verdict.WITHIN: _("within error"), None: ""}
            verdict = words[row.verdict]
            judged = row.verdict.value if row.verdict is not None else ""
            dates = f"{row.first_date.isoformat()}: {first}; {row.date.isoformat()}: {now}"
            tooltip = "\n".join(text for text in (dates, judged, "; ".join(row.notes)) if text)
            told = f"{change}{percent}" + (f"\n{mark}{verdict}" if verdict else "")
            side = _("both") if row.side is None else row.side.value
            cells = (f"{row.definition.title}, {side}", row.date.isoformat(), told)
            for column, text in enumerate(cells):
                _cell(self._table, number, column, text, tooltip)
        self._table.resizeRowsToContents()


def describe(definition: MeasurementDefinition, side: Side | None, study: StudyResult | None) -> tuple[str, str]:
    """Return what a cell says of a result, and its tooltip: value with unit and mark, and every comparison in words."""
    if study is None:
        return "–", _("Nothing has been measured yet.")
    result = study.result(definition.id, side)
    if not isinstance(result, Measured):
        reason = (
            result.reason
            if result is not None
            else study.absent_sides.get(side, _("not measured."))
            if side is not None
            else _("not measured.")
        )
        return "–", reason
    below: list[str] = []
    lines = [result.method, *result.notes]
    if definition.scored and not study.draft:
        found = statements(definition.id, result.value, study.subject)
        below = [s.text for s in found if s.kind == "cutoff" and s.below]
        lines += [f"{s.text} — {s.row.citation}" for s in found]
    space = any(m.space is not None for m in MEASUREMENTS.basis(definition))
    text = f"{'≈ ' if study.draft and space else ''}{number_text(result.value, definition.decimals)}{unit_text(result.unit)}"
    return (f"▼ {text}" if below else text), "\n".join(line for line in lines if line)
