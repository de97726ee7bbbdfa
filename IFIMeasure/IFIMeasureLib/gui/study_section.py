"""The study, its image and bones, and what is known of the person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from ..anatomy.reference_values import Subject
from ..anatomy.structures import Structure, definitions
from ..mrml.study_nodes import StudyNodes
from .cells import SIDES, write_cell
from .wheel import WheelGuard

_SEXES = (None, "F", "M")  # in the order of the panel's list


class StudySection:
    """What a study is of.

    :param on_added: called with a node that a person added with the menu of the studies.
    :param on_subject: called with what a person said of the examined one.
    :param on_date: called with the date of the examination, as typed.
    :param on_structure: called with segment id and structure name (empty for none).
    :param on_segment_editor: called when a person wants to draw.
    :param on_total_segmentator: called when a person wants the bones found by that extension.
    """

    def __init__(
        self,
        ui: Any,
        guard: WheelGuard,
        *,
        on_added: Callable[[Any], None],
        on_subject: Callable[[Subject], None],
        on_date: Callable[[str], None],
        on_structure: Callable[[str, str], None],
        on_segment_editor: Callable[[], None],
        on_total_segmentator: Callable[[], None],
    ) -> None:
        self._ui = ui
        self._on_subject, self._on_date = on_subject, on_date
        self._showing = False
        self.segments = SegmentTable(ui.segmentTable, on_structure, guard)
        ui.studySelector.setNodeTypeLabel(_("study"), "vtkMRMLScriptedModuleNode")  # as its menu calls them
        ui.studySelector.connect("nodeAddedByUser(vtkMRMLNode*)", on_added)
        ui.sexComboBox.connect("currentIndexChanged(int)", self._subject_changed)
        ui.ageSpinBox.connect("valueChanged(int)", self._subject_changed)
        ui.heightSpinBox.connect("valueChanged(double)", self._subject_changed)
        ui.weightSpinBox.connect("valueChanged(double)", self._subject_changed)
        ui.dateLineEdit.connect("editingFinished()", self._date_changed)
        ui.segmentEditorButton.connect("clicked()", on_segment_editor)
        ui.totalSegmentatorButton.connect("clicked()", on_total_segmentator)

    def show(self, nodes: StudyNodes | None) -> None:
        """Show the segments and what they are taken for."""
        self.segments.show([] if nodes is None else nodes.segments())
        lacking = "" if nodes is None else nodes.what_is_lacking()
        self._ui.structureLabel.text = lacking
        self._ui.structureLabel.visible = bool(lacking)
        has_bones = nodes is not None and nodes.segmentation is not None
        self._ui.segmentEditorButton.enabled = has_bones or (nodes is not None and nodes.volume is not None)

    def show_person(self, nodes: StudyNodes) -> None:
        """Show what a person said of the examined one; what the image says is used where they said nothing."""
        self._showing = True
        record = nodes.record
        sex = record.GetParameter("sex") or None
        self._ui.sexComboBox.currentIndex = _SEXES.index(sex) if sex in _SEXES else 0
        age = record.GetParameter("age_years")
        self._ui.ageSpinBox.value = round(float(age)) if age else -1
        for box, key in ((self._ui.heightSpinBox, "height_m"), (self._ui.weightSpinBox, "weight_kg")):
            box.value = float(record.GetParameter(key) or 0.0)
        self._ui.dateLineEdit.text = nodes.date
        self._showing = False

    def _subject_changed(self, value: Any = None) -> None:
        if not self._showing:
            ui = self._ui
            age = ui.ageSpinBox.value
            self._on_subject(
                Subject(
                    sex=_SEXES[ui.sexComboBox.currentIndex],
                    age_years=None if age < 0 else age,
                    height_m=ui.heightSpinBox.value or None,
                    weight_kg=ui.weightSpinBox.value or None,
                )
            )

    def _date_changed(self) -> None:
        if not self._showing:
            self._on_date(self._ui.dateLineEdit.text.strip())


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
        structures = [s for d in definitions().values() for s in _structures(d.id, d.sided)]
        self._names = ["", *(s.name for s in structures)]
        self._titles = [_("(not used)"), *(s.title for s in structures)]
        header = table.horizontalHeader()
        for column in range(2):
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch)

    def show(self, segments: list[tuple[str, str, str]]) -> None:
        """Show segments as (id, name, structure name)."""
        self._showing = True
        ids = [segment_id for segment_id, _name, _structure in segments]
        if ids != self._rows:
            self._make_rows(ids)
        for row, (segment_id, name, structure) in enumerate(segments):
            write_cell(self._table, row, 0, name, name)
            combo = self._combos[segment_id]
            index = self._names.index(structure) if structure in self._names else 0
            if combo.currentIndex != index:
                combo.setCurrentIndex(index)
        self._showing = False

    def _make_rows(self, ids: list[str]) -> None:
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

    def _handler(self, segment_id: str) -> Callable[[int], None]:
        def changed(index: int) -> None:
            if not self._showing:
                self._on_changed(segment_id, self._names[index])

        return changed


def _structures(structure_id: str, sided: bool) -> list[Structure]:
    sides = (*SIDES, None) if sided else (None,)
    return [Structure(structure_id, side) for side in sides]
