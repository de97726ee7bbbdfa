"""What the views show when a study is chosen: its image at the hips, its bones in 3D from behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
import slicer.util

from ..mrml.hips import hip_place
from ..mrml.live import LiveStudy
from ..mrml.result_nodes import show_only
from ..mrml.segment_surfaces import extent_of_bones, make_surface, segments_without_surface, soften
from ..mrml.study_nodes import StudyNodes
from ..mrml.views import fit_boxes, look_at_place, look_from_behind, show_volume
from ..values import Side

WAIT_MS = 200  # while something else runs


class Look:
    """Sets the views once for what was chosen, and makes the bones' surfaces one in each turn of the event loop.

    :param ready: says whether surfaces may be made now.
    """

    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready
        self._seen: tuple[str, ...] | None = None
        self._keeps_views = False
        self._fits_boxes = False
        self._live: LiveStudy | None = None
        self._parameters: Any = None
        self.timer = qt.QTimer()
        self.timer.setSingleShot(True)
        self.timer.connect("timeout()", self._make_next_surface)

    def keep_views(self) -> None:
        """A scene comes with views of its own: they stay as they are."""
        self._keeps_views = True

    def at(self, live: LiveStudy, parameters: Any) -> None:
        """Look at a study, where it, its image or its bones are others than before."""
        self._live, self._parameters = live, parameters
        nodes = live.nodes
        chosen = tuple("" if n is None else n.GetID() for n in (nodes.record, nodes.volume, nodes.segmentation))
        before, self._seen = self._seen, chosen
        if chosen != before:
            show_only(nodes, (other for other in StudyNodes.all(nodes.scene) if other.record is not nodes.record))
        if chosen != before and not self._keeps_views:
            self._show(new_bones=before is None or chosen[2] != before[2])
        self._keeps_views = False
        if self._fits_boxes or segments_without_surface(nodes):
            self.timer.start(0)
        soften(nodes)

    def at_nothing(self) -> None:
        """There is no study."""
        self._seen, self._live, self._keeps_views = None, None, False

    def stop(self) -> None:
        """Do nothing more by itself; what was seen is remembered."""
        self.timer.stop()
        self._live = self._parameters = None

    def arranged(self, aims_3d: bool = True) -> None:
        """The views lie otherwise now: fit the image to them, and where ``aims_3d`` the bones, too."""
        if self._live is not None:
            slicer.app.processEvents()  # only then do the views have their size
            self._show(new_bones=aims_3d)

    def at_trochanter(self, live: LiveStudy, parameters: Any) -> None:
        """Let the slices go through the lesser trochanter of the side last worked on."""
        place = hip_place(live.nodes, Side(parameters.lastSide))
        if place is not None:
            look_at_place(slicer.mrmlScene, place)

    def _show(self, new_bones: bool) -> None:
        live = self._live
        if live is None:
            return
        volume = live.nodes.volume
        if volume is not None:
            show_volume(slicer.mrmlScene, volume)
        if slicer.app.layoutManager() is not None:
            slicer.util.resetSliceViews()
        self.at_trochanter(live, self._parameters)
        corners = extent_of_bones(live.nodes)
        if new_bones and corners is not None:
            look_from_behind(slicer.mrmlScene, corners)
            self._fits_boxes = True

    def _make_next_surface(self) -> None:
        if self._live is None:
            return
        if not self._ready() or slicer.mrmlScene.IsBatchProcessing():
            self.timer.start(WAIT_MS)
            return
        waiting = segments_without_surface(self._live.nodes)
        if waiting:
            make_surface(self._live.nodes, waiting[0])
        if len(waiting) > 1:
            self.timer.start(0)
        elif self._fits_boxes:
            self._fits_boxes = False
            fit_boxes(slicer.mrmlScene)
