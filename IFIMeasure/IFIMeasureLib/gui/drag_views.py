"""Which views are drawn during a drag: where drawing is slow, the one under the mouse, and the others at rest."""

from __future__ import annotations

from typing import Any

import qt
import slicer

SLOW_S = 0.025
"""Where drawing all views takes longer than this, they cannot all follow the mouse."""

REST_MS = 150
"""How long the mouse must rest for the other views to be drawn."""


class DragViews:
    """Pauses views from the beginning of a drag to its end.

    ``follows`` says whether it is known how long drawing takes: then the views are drawn as Slicer has them drawn, once
    for the point that was moved and what was measured with it.
    """

    def __init__(self) -> None:
        self._paused: list[Any] = []
        self.follows = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._draw_others)

    def begin(self) -> None:
        """A drag begins: all views are drawn once more, to see how long that takes."""
        self.end()
        self.follows = False

    def drawn(self, seconds: float) -> None:
        """A step was measured and drawn, which took so long."""
        if not self.follows:
            self.follows = True
            if seconds > SLOW_S:
                self._paused = [view for view in _views() if not _is_under_mouse(view)]
                for view in self._paused:
                    view.pauseRender()
        if self._paused:
            self._timer.start(REST_MS)

    def end(self) -> None:
        """The drag has ended, or there is nothing more to drag."""
        self._timer.stop()
        paused, self._paused = self._paused, []
        for view in paused:
            view.resumeRender()

    def close(self) -> None:
        """Let go of everything, for good."""
        self.end()
        self._timer.deleteLater()

    def _draw_others(self) -> None:
        for view in self._paused:
            view.resumeRender()
            view.pauseRender()


def _views() -> list[Any]:
    manager = slicer.app.layoutManager()
    if manager is None:
        return []
    slices = [manager.sliceWidget(name).sliceView() for name in manager.sliceViewNames()]
    return [*slices, *(manager.threeDWidget(n).threeDView() for n in range(manager.threeDViewCount))]


def _is_under_mouse(view: Any) -> bool:
    return bool(view.visible and view.rect.contains(view.mapFromGlobal(qt.QCursor.pos())))
