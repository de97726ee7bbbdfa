"""The mouse wheel scrolls the panel and changes nothing in it.

A list that lies under the mouse by chance would choose something else unseen.
"""

from __future__ import annotations

from typing import Any

import qt


class WheelGuard(qt.QObject):
    """Keeps the wheel from lists to choose from and number fields; keep it as long as they are there."""

    def watch(self, widget: Any) -> None:
        """Guard a widget and all within it that the wheel would change."""
        if widget.className().endswith(("ComboBox", "SpinBox")):
            widget.installEventFilter(self)
        for child in widget.children():
            self.watch(child)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Pass the wheel on to what the widget lies in."""
        if event.type() != qt.QEvent.Wheel:
            return False
        event.ignore()
        return True
