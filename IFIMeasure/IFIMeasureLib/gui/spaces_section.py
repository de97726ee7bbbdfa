"""The numbers that one came for, always in view: the spaces of both sides with their cutoffs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from ..anatomy.reference_values import Subject, published
from ..measuring.registry import MEASUREMENTS
from ..present.text import value_text
from ..study.result import StudyResult
from ..values import Side
from .cells import SIDES, describe


class SpacesSection:
    """A row a measurement that published cutoffs exist for.

    :param frame: the frame with an empty grid.
    :param on_chosen: called with measurement id and side when a person clicks a value.
    """

    def __init__(self, frame: Any, on_chosen: Callable[[str, Side], None]) -> None:
        self._on_chosen = on_chosen
        self._definitions = [definition for definition in MEASUREMENTS if definition.scored]
        self.buttons: dict[tuple[str, Side], Any] = {}
        self._cutoffs: dict[str, Any] = {}
        grid = frame.layout()
        for column, text in enumerate((_("Right"), _("Left"), _("Cutoffs")), 1):
            heading = qt.QLabel(text)
            heading.setAlignment(qt.Qt.AlignCenter)
            grid.addWidget(heading, 0, column)
        for column in (1, 2):
            grid.setColumnStretch(column, 1)
        for row, definition in enumerate(self._definitions, 1):
            name = qt.QLabel(definition.label)
            name.setToolTip(f"{definition.title}: {definition.definition}")
            grid.addWidget(name, row, 0)
            for column, side in enumerate(SIDES, 1):
                button = self._value_button(definition.id, side)
                grid.addWidget(button, row, column)
            cutoffs = qt.QLabel("")
            cutoffs.setAlignment(qt.Qt.AlignCenter)
            grid.addWidget(cutoffs, row, 3)
            self._cutoffs[definition.id] = cutoffs

    def show(self, study: StudyResult | None) -> None:
        """Show the values, or dashes where nothing was measured."""
        subject = Subject() if study is None else study.subject
        for definition in self._definitions:
            self._show_cutoffs(definition.id, subject)
            for side in SIDES:
                text, tooltip = describe(definition, side, study)
                button = self.buttons[definition.id, side]
                if button.text != text:
                    button.text = text
                if button.toolTip != tooltip:
                    button.setToolTip(tooltip)

    def show_saved(self, values: Mapping[tuple[str, Side | None], float]) -> None:
        """Show values as a scene was saved with them, until the bones are read."""
        for definition in self._definitions:
            for side in SIDES:
                value = values.get((definition.id, side))
                self.buttons[definition.id, side].text = (
                    "–" if value is None else value_text(value, definition.decimals, definition.unit)
                )

    def _value_button(self, measurement_id: str, side: Side) -> Any:
        button = qt.QPushButton("–")
        button.flat = True
        font = button.font
        font.setBold(True)
        button.setFont(font)
        button.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        button.connect("clicked()", lambda: self._on_chosen(measurement_id, side))
        self.buttons[measurement_id, side] = button
        return button

    def _show_cutoffs(self, measurement_id: str, subject: Subject) -> None:
        rows = [row for row in published(measurement_id, subject) if row.cutoff_mm is not None]
        label = self._cutoffs[measurement_id]
        values = sorted({row.cutoff_mm for row in rows if row.cutoff_mm is not None})
        text = "–".join(f"{value:g}" for value in dict.fromkeys((values[0], values[-1]))) + " mm" if values else ""
        if label.text != text:
            label.text = text
            lines = [f"{row.cutoff_mm:g} mm — {row.citation}" for row in rows]
            label.setToolTip("\n".join([_("Published cutoffs; ▼ marks a value below one."), *lines]))
