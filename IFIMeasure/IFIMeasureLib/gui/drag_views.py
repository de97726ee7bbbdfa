"""What is drawn during a drag: where drawing is slow, the view under the mouse alone, and the others at rest."""

from __future__ import annotations

from typing import Any

import qt
import slicer

from ..mrml.segment_surfaces import draw_in_slices, draw_surfaces_in_slices
from ..mrml.study_nodes import StudyNodes

SLOW_S = 0.025
"""Where drawing all views takes longer than this, they cannot all follow the mouse."""

REST_MS = 150
"""How long the mouse must rest for the other views to be drawn."""


class DragViews:
    """Draws what can follow the mouse, from the beginning of a drag to its end.

    All views are drawn at its first step, to see how long that takes. Where it takes long, the view under the mouse is
    drawn alone from then on, and segments in slices from their surfaces: without a graphics card that takes a sixth
    of the time that their voxels take.
    """

    def __init__(self) -> None:
        self._paused: list[Any] = []
        self._timed = False
        self._nodes: StudyNodes | None = None
        self._showed: str | None = None
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._draw_others)

    def begin(self, nodes: StudyNodes) -> None:
        """A drag of a study's landmark begins."""
        self.end()
        self._timed, self._nodes = False, nodes

    def drawn(self, seconds: float) -> None:
        """A step was measured and drawn, which took so long."""
        if not self._timed:
            self._timed = True
            if seconds > SLOW_S and self._nodes is not None:
                self._paused = [view for view in _views() if not _is_under_mouse(view)]
                for view in self._paused:
                    view.pauseRender()
                self._showed = draw_surfaces_in_slices(self._nodes)
        if self._paused:
            self._timer.start(REST_MS)

    def end(self) -> None:
        """The drag has ended, or there is nothing more to drag."""
        self._timer.stop()
        if self._nodes is not None and self._showed is not None:
            draw_in_slices(self._nodes, self._showed)
        self._nodes = self._showed = None
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
