"""The quadratus femoris: found in the image, corrected by points, and what a reader found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from ..anatomy.findings import FINDINGS, FindingDefinition, Findings, finding
from ..mrml.study_nodes import StudyNodes
from ..muscle.images import CONTRASTS
from ..values import Side
from .cells import SIDES, fit_columns, write_cell

_CHOICES = ("", *CONTRASTS)
"""What the panel's list offers, in its order: not said, or one of the contrasts."""


class MuscleSection:
    """What the image is, and what is done about the muscle.

    :param on_contrast: called with what the image is said to be.
    :param on_second_volume: called with the second image of Dixon, or None.
    :param on_segment: called when the muscle is to be found.
    :param on_stroke: called with ``inside`` or ``outside``, and whether clicks are to place such points.
    :param on_finding: called with side, id of the field and choice (empty for none).
    """

    def __init__(
        self,
        ui: Any,
        *,
        on_contrast: Callable[[str], None],
        on_second_volume: Callable[[Any], None],
        on_segment: Callable[[], None],
        on_stroke: Callable[[str, bool], None],
        on_finding: Callable[[Side, str, str], None],
    ) -> None:
        self._ui, self._on_contrast, self._on_second_volume = ui, on_contrast, on_second_volume
        self._showing = False
        self.findings = FindingTable(ui.findingTable, on_finding)
        ui.contrastComboBox.connect("currentIndexChanged(int)", self._contrast_changed)
        ui.secondVolumeSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._second_volume_changed)
        ui.segmentMuscleButton.connect("clicked()", on_segment)
        self._stroke_buttons = {"inside": ui.insideButton, "outside": ui.outsideButton}
        for kind, button in self._stroke_buttons.items():
            button.connect("clicked(bool)", _stroke_handler(on_stroke, kind))

    def show(self, possible: bool) -> None:
        """Offer what can be done: it takes bones and an image."""
        for button in (self._ui.segmentMuscleButton, self._ui.insideButton, self._ui.outsideButton):
            button.enabled = possible

    def show_placing(self, kind: str | None) -> None:
        """Show which points clicks in the views place, wherever that was decided; None for none of the muscle's."""
        for known, button in self._stroke_buttons.items():
            if button.checked != (known == kind):
                button.checked = known == kind

    def show_choices(self, nodes: StudyNodes) -> None:
        """Show what was chosen for a study."""
        self._showing = True
        # a scene may hold a word that is none of them: measuring says so, and here nothing is chosen
        said = nodes.contrast if nodes.contrast in _CHOICES else ""
        self._ui.contrastComboBox.currentIndex = _CHOICES.index(said)
        self._ui.secondVolumeSelector.setCurrentNode(nodes.second_volume)
        self.findings.show(nodes.findings)
        self._showing = False

    def _contrast_changed(self, index: int = 0) -> None:
        if not self._showing:
            self._on_contrast(_CHOICES[self._ui.contrastComboBox.currentIndex])

    def _second_volume_changed(self, node: Any = None) -> None:
        if not self._showing:
            self._on_second_volume(self._ui.secondVolumeSelector.currentNode())


def _stroke_handler(on_stroke: Callable[[str, bool], None], kind: str) -> Callable[[bool], None]:
    def clicked(wanted: bool) -> None:
        on_stroke(kind, wanted)

    return clicked


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
            title = definition.title.removeprefix("Quadratus femoris, ").removesuffix(", tendinopathy").capitalize()
            write_cell(table, row, 0, title, f"{definition.title}: {definition.how}")
            for column, side in enumerate(SIDES, 1):
                combo = qt.QComboBox()
                combo.addItems(["–", *definition.choices])
                combo.setToolTip(f"{definition.title}, {side.value}: {definition.how}")
                combo.connect("currentIndexChanged(int)", self._handler(side, definition))
                table.setCellWidget(row, column, combo)
                self._combos[side, definition.id] = combo
        fit_columns(table)

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
