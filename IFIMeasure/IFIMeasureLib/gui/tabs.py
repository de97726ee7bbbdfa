"""The parts of the panel, in the order of the work: one is shown, and all their names stand in view.

Buttons in rows rather than a row of tabs: their names fit a narrow panel, and there is room for more.
"""

from __future__ import annotations

from typing import Any

TABS = ("study", "landmarks", "measurements", "muscle", "followUp", "export")
"""Names of the pages, in their order; the button of each is named after it."""


class Tabs:
    """Buttons that choose the page of a stack."""

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        for number, name in enumerate(TABS):
            self._button(name).connect("clicked()", self._handler(number))

    def show(self, name: str) -> None:
        """Show a page, as a person would."""
        self._button(name).checked = True
        self._ui.pages.setCurrentIndex(TABS.index(name))

    @property
    def shown(self) -> str:
        """Name of the page that is shown."""
        return TABS[self._ui.pages.currentIndex]

    def _button(self, name: str) -> Any:
        return getattr(self._ui, f"{name}TabButton")

    def _handler(self, number: int) -> Any:
        return lambda: self._ui.pages.setCurrentIndex(number)
