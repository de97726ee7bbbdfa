"""The landmarks of both sides: how each came to be, how it is found, and how it is placed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from ..anatomy.landmarks import (
    Landmark,
    LandmarkSet,
    LandmarkStatus,
    empty_landmarks,
    landmark_definitions,
    landmark_label,
)
from ..values import Side
from .cells import SIDES, fit_columns, row_title, write_cell


class LandmarkSection:
    """Landmarks, and what a person does with them.

    :param picture_path: gives the path of a landmark's drawing by its id.
    :param on_chosen: called with side and id when a person chooses a landmark.
    :param on_place: called with whether clicks in the views are to place the chosen landmark.
    :param on_place_from_bones: called when all landmarks are to be placed.
    :param on_jump: called when the views are to go to the chosen landmark.
    :param on_unset: called when the chosen landmark is to be taken away.
    :param on_missing: called when the chosen landmark cannot be identified.
    """

    def __init__(
        self,
        ui: Any,
        picture_path: Callable[[str], str],
        *,
        on_chosen: Callable[[Side, str], None],
        on_place: Callable[[bool], None],
        on_place_from_bones: Callable[[], None],
        on_jump: Callable[[], None],
        on_unset: Callable[[], None],
        on_missing: Callable[[], None],
    ) -> None:
        self._ui, self._picture_path, self._on_chosen = ui, picture_path, on_chosen
        self._there = False
        self.table = LandmarkTable(ui.landmarkTable, self._chosen, lambda side, key: self._activated())
        ui.placeButton.connect("toggled(bool)", on_place)
        ui.placeFromBonesButton.connect("clicked()", on_place_from_bones)
        ui.jumpButton.connect("clicked()", on_jump)
        ui.unsetButton.connect("clicked()", on_unset)
        ui.missingButton.connect("clicked()", on_missing)

    @property
    def chosen(self) -> tuple[Side, str] | None:
        """Side and id of the chosen landmark, or None."""
        return self.table.chosen

    @property
    def places(self) -> bool:
        """Whether clicks in the views are to place the chosen landmark."""
        return bool(self._ui.placeButton.checked)

    def show(self, landmarks: dict[Side, LandmarkSet] | None, has_bones: bool) -> None:
        """Show the state of every landmark; None where there is no study."""
        self._there = landmarks is not None
        self.table.show(landmarks or {side: empty_landmarks() for side in Side})
        self._ui.placeFromBonesButton.enabled = has_bones
        self._enable()

    def choose(self, side: Side, landmark_id: str) -> None:
        """Make a landmark the chosen one, and explain it."""
        self.table.choose(side, landmark_id)
        self._explain(side, landmark_id)

    def show_placing(self, placing: bool) -> None:
        """Show whether clicks in the views place landmarks, wherever that was decided."""
        button = self._ui.placeButton
        if button.checked != placing:
            was_blocked = button.blockSignals(True)
            button.checked = placing
            button.blockSignals(was_blocked)

    def say(self, text: str) -> None:
        """Say something in place of how the chosen landmark is found."""
        self._ui.howLabel.text = text

    def _chosen(self, side: Side, landmark_id: str) -> None:
        self._explain(side, landmark_id)
        self._on_chosen(side, landmark_id)

    def _activated(self) -> None:
        self._ui.placeButton.checked = True

    def _explain(self, side: Side, landmark_id: str) -> None:
        self.say(f"{landmark_label(side, landmark_id)}. {landmark_definitions()[landmark_id].how}")
        self._ui.landmarkPicture.setPixmap(qt.QPixmap(self._picture_path(landmark_id)))
        self._enable()

    def _enable(self) -> None:
        ui = self._ui
        for button in (ui.placeButton, ui.jumpButton, ui.unsetButton, ui.missingButton):
            button.enabled = self._there and self.chosen is not None


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
            write_cell(table, row, 0, row_title(definition.title), f"{definition.title}: {definition.how}")
        fit_columns(table)
        table.connect("currentCellChanged(int,int,int,int)", self._changed)
        table.connect("cellDoubleClicked(int,int)", self._activated)

    def show(self, landmarks: dict[Side, LandmarkSet]) -> None:
        """Show the state of every landmark."""
        for row, key in enumerate(self._keys):
            for column, side in enumerate(SIDES, 1):
                text, tooltip = _state(landmarks[side][key])
                write_cell(self._table, row, column, text, tooltip)

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
    if landmark.status is LandmarkStatus.MISSING:
        return _("✕ missing"), landmark.reason
    if landmark.status is LandmarkStatus.UNDEFINED:
        return _("○ not placed"), _("Not placed yet.")
    if landmark.by_person:
        return _("◆ by hand"), _("Placed by a person; it is not moved automatically.")
    return _("● from bones"), _("Placed automatically from the surfaces of the bones.")
