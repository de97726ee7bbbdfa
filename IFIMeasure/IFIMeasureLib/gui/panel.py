"""The panel: follows the chosen study, measures it when something has changed, and lets its sections show it.

Sections show, and say what a person did; what follows from that is in :mod:`.deeds`, and the work in rooms below.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import qt
import slicer
import slicer.util
import vtk
from slicer.i18n import tr as _

from ..anatomy.landmarks import parse_label
from ..mrml.live import LiveStudy
from ..mrml.table_nodes import saved_values
from ..mrml.views import fill_study_layout
from ..values import IFIMeasureError, Side
from .deeds import Deeds
from .drag_views import DragViews
from .export_section import ExportSection
from .follow_up_section import FollowUpSection
from .landmark_section import LandmarkSection
from .long_actions import Cancelled, LongActions
from .look import Look
from .measurement_section import MeasurementSection
from .muscle_section import MuscleSection
from .spaces_section import SpacesSection
from .study_observer import StudyObserver
from .study_section import StudySection
from .tabs import Tabs
from .wheel import WheelGuard

PAINT_MS = 20  # time for what was shown to be painted before something long begins


class Panel(slicer.util.VTKObservationMixin):
    """The panel of one widget of the module.

    :param root: the top widget of ``IFIMeasure.ui``.
    :param ui: its widgets by their names.
    :param logic: the module's logic.
    :param resource_path: gives the path of a resource by its name.
    :param is_shown: says whether the module is the one that is shown.
    """

    def __init__(
        self, root: Any, ui: Any, logic: Any, resource_path: Callable[[str], str], is_shown: Callable[[], bool]
    ) -> None:
        super().__init__()
        self.ui, self.logic, self._is_shown = ui, logic, is_shown
        self.live: LiveStudy | None = None
        self.parameters: Any = None
        self._parameters_tag: Any = None
        self.dragging = False
        self._placed: tuple[Side, str] | None = None
        self._unread = True
        self._announced: LiveStudy | None = None
        # changes of one turn of the event loop are followed and measured once: selectors change for a moment while a
        # scene does
        self.timer = qt.QTimer()
        self.timer.setSingleShot(True)
        self.timer.connect("timeout()", self.update)
        self.actions = LongActions(on_stopped=self._say_stopped, on_done=self.update_soon)
        self.deeds = Deeds(self)
        self._make_sections(resource_path)
        self.observer = StudyObserver(
            on_changed=self.changed,
            on_defined=self._point_defined,
            on_drag=self._drag,
            on_placing=self.placing_changed,
            on_plot=self.deeds.plot_clicked,
        )
        self.drag_views = DragViews()
        self.look = Look(ready=lambda: not self.actions.busy and not self.dragging)
        self.escape = _escape_key(root, self.deeds.stop_placing)
        self._wheel_guard.watch(root)

    def _make_sections(self, resource_path: Callable[[str], str]) -> None:
        ui, deeds = self.ui, self.deeds
        self._wheel_guard = WheelGuard()
        self.tabs = Tabs(ui)
        self.spaces = SpacesSection(ui.spacesFrame, deeds.space_chosen)
        self.study = StudySection(
            ui,
            self._wheel_guard,
            on_added=deeds.study_added,
            on_subject=deeds.subject_given,
            on_date=deeds.date_given,
            on_structure=deeds.structure_chosen,
            on_segment_editor=deeds.open_segment_editor,
            on_total_segmentator=deeds.open_total_segmentator,
        )
        self.landmarks = LandmarkSection(
            ui,
            lambda landmark_id: resource_path(f"Icons/Landmarks/{landmark_id}.png"),
            on_chosen=deeds.landmark_chosen,
            on_place=deeds.place_toggled,
            on_place_from_bones=deeds.place_from_bones,
            on_jump=deeds.jump,
            on_unset=deeds.unset,
            on_missing=deeds.mark_missing,
        )
        self.measurements = MeasurementSection(ui, on_chosen=deeds.measurement_chosen)
        self.muscle = MuscleSection(
            ui,
            on_contrast=deeds.contrast_chosen,
            on_second_volume=deeds.second_volume_chosen,
            on_segment=deeds.segment_muscle,
            on_stroke=deeds.stroke_toggled,
            on_finding=deeds.finding_chosen,
        )
        self.follow_up = FollowUpSection(ui, on_compare=deeds.compare)
        self.export = ExportSection(ui, on_folder=deeds.folder_chosen, on_export=deeds.export)
        ui.totalSegmentatorButton.visible = hasattr(slicer.modules, "totalsegmentator")
        ui.layoutButton.connect("clicked()", deeds.show_layout)
        ui.restoreLayoutButton.connect("clicked()", deeds.restore_layout)

    # -- binding to the scene

    def bind(self, parameters: Any | None = None) -> None:
        """Bind the panel to the parameter node; begin with the newest study where none is chosen."""
        self._set_parameters(parameters or self.logic.getParameterNode())
        if self.parameters.study is None:
            studies = self.logic.studies()
            if studies:
                self.parameters.study = studies[-1].record
        self.export.show_folder(self.parameters.exportFolder)
        self.update_soon()

    def release(self) -> None:
        """Let go of the scene: markups stay, nothing is measured until the panel is bound again."""
        self._follow(None)
        self._set_parameters(None)
        self.look.stop()
        self.timer.stop()

    def close(self) -> None:
        """Let go of everything, for good: what Qt calls would keep the panel, and all the bones it has read."""
        self.release()
        self.timer.deleteLater()
        self.look.timer.deleteLater()
        self.drag_views.close()

    def scene_changes(self, comes_with_views: bool) -> None:
        """Bind nothing until the scene has settled: what selectors show while nodes come and go is nobody's choice."""
        self.release()
        self._unread = True
        if comes_with_views:
            self.look.keep_views()

    def node_removed(self, node: Any) -> None:
        """Go on without a node that someone has removed."""
        if self.live is None:
            return
        if self.escape.enabled and not self.live.takes_clicks():
            self.live.abandon_placing()  # what was being placed into is gone
        if node is not None and node is self.live.nodes.record:
            # the study is gone: what was chosen for it is not to begin another one
            self.parameters.volume, self.parameters.segmentation = None, None
            self._follow(None)
        self.update_soon()

    def _set_parameters(self, parameters: Any | None) -> None:
        if self.parameters is not None:
            self.parameters.disconnectGui(self._parameters_tag)
        self.removeObservers()
        self.parameters, self._parameters_tag = parameters, None
        if parameters is not None:
            self._parameters_tag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self._parameters_modified)

    def _parameters_modified(self, caller: Any = None, event: Any = None) -> None:
        """A choice has changed, by the person or by a loaded scene."""
        self.update_soon()

    # -- what changes

    def update_soon(self, after_ms: int = 0) -> None:
        """Follow what has changed in the next turn of the event loop."""
        self.timer.start(after_ms)

    def changed(self) -> None:
        """Landmarks or bones have changed."""
        if not self.actions.busy:
            self.update_soon()

    def placing_changed(self) -> None:
        """What a click in a view does has changed: here, in a view, or in another module."""
        self.escape.enabled = self.live is not None and self.live.takes_clicks()
        self.landmarks.show_placing(self.live is not None and self.live.is_placing())
        self.muscle.show_placing(None if self.live is None else self.live.stroke_kind())
        self.update_soon()

    def _point_defined(self, node: Any, index: int) -> None:
        """A click has placed a point: the next turn of the event loop snaps it and walks on."""
        if self.live is not None and not self.actions.busy and self.live.is_placing():
            there = 0 <= index < node.GetNumberOfControlPoints()
            self._placed = parse_label(node.GetNthControlPointLabel(index)) if there else None
        self.changed()

    def _drag(self, begins: bool) -> None:
        self.dragging = begins
        if self.live is None:
            return
        if begins:
            self.drag_views.begin(self.live.nodes)
            self.live.begin_drag()
        else:
            self.drag_views.end()
            self.live.end_drag(snap=self.parameters.snapToSurface)
            self.update_soon()

    def _say_stopped(self) -> None:
        self.say(_("Stopped; nothing was changed."))

    # -- following and measuring

    def update(self) -> None:
        """Follow what was chosen, measure again and show it.

        Errors of the study are said in place; nothing pops up while a person works.
        """
        if self.actions.busy or slicer.mrmlScene.IsBatchProcessing():
            return  # the end of either begins it anew
        if self.parameters is None:
            if not self._is_shown():
                return
            self.bind()
        self._follow_choice()
        live = self.live
        if live is None:
            self.look.at_nothing()
            self.export.show_written(None)
            self._show(_("Choose a volume, and a segmentation of hip bones and femora where there is one."))
            return
        if self._announce_reading(live):
            return
        if self._unread:
            self._unread = False
            self._read_studies()
        placed, self._placed = self._placed, None
        # the views are drawn once, not for each node that changes
        with slicer.util.RenderBlocker():
            self._show(self._measure(live, placed))
            measured = time.perf_counter()
            if not self.dragging:
                live.show_bones(self.parameters.colorBones)
                fill_study_layout(slicer.mrmlScene, live.nodes)
                self.observer.watch_plots()
                self.look.at(live, self.parameters)
        if self.dragging:
            self.drag_views.drawn(time.perf_counter() - measured)
        if placed is not None:
            self.deeds.walk_on(placed)

    def _follow_choice(self) -> None:
        """Keep the chosen study, its volume and segmentation in step: a study that was chosen brings its own."""
        chosen = self.parameters
        record = chosen.study
        if record is None and self.live is not None:  # it was removed, or a new one is to begin
            chosen.volume, chosen.segmentation = None, None
        elif record is None and (chosen.volume is not None or chosen.segmentation is not None):
            record = self.logic.createStudy(chosen.volume, chosen.segmentation).record
            chosen.study = record
        live = self.logic.live(record)
        if live is not self.live:
            self._follow(live)
            if live is not None:
                chosen.volume, chosen.segmentation = live.nodes.volume, live.nodes.segmentation
                self.export.show_written(None)
                self.study.show_person(live.nodes)
                self.muscle.show_choices(live.nodes)
        if live is None:
            return
        if live.nodes.volume is not chosen.volume or live.nodes.segmentation is not chosen.segmentation:
            live.nodes.choose(chosen.volume, chosen.segmentation)
            self._follow(live)

    def _follow(self, live: LiveStudy | None) -> None:
        """Watch one study and no other; what was being placed in another one ends."""
        if self.live is not None and self.live is not live:
            self.live.stop_placing()
        self.observer.watch(live)
        self.live = live
        self.dragging = False
        self.drag_views.end()
        self.placing_changed()

    def _announce_reading(self, live: LiveStudy) -> bool:
        """Show what a scene was saved with before its bones are read, which takes a moment; returns whether so."""
        waiting = live.nodes.segmentation is not None and live.prepared is None and live.has_landmarks()
        if not waiting or self._announced is live or self.dragging:
            self._announced = live if waiting else None
            return False
        self._announced = live
        live.result = None
        self._show(_("Reading the bones; the values are those that were saved."))
        values = saved_values(live.nodes)
        self.spaces.show_saved(values)
        self.measurements.show_saved(values)
        self.update_soon(PAINT_MS)
        return True

    def _measure(self, live: LiveStudy, placed: tuple[Side, str] | None) -> str:
        """Measure a study with its landmarks as they stand; returns what to say, where there is something."""
        with self.actions.quietly():
            try:
                if not live.is_placing():
                    live.put_back()
                if placed is not None and self.parameters.snapToSurface:
                    live.snap(*placed)
                if not self.dragging and not live.has_landmarks():
                    live.result = None
                    return _what_to_do(live)
                waiting = live.nodes.segmentation is not None and live.prepared is None
                with slicer.util.WaitCursor(waiting):
                    live.update(draft=self.dragging and not waiting)
            except IFIMeasureError as error:
                live.result = None
                return str(error)
        return ""

    def _read_studies(self) -> None:
        """Read the bones of the studies that a scene was loaded with, so that switching among them is immediate.

        Where the person stops, those left are read when they are chosen.
        """
        waiting = self.logic.unread()
        if len(waiting) < 2:
            return  # the one that is shown is read anyway
        title = _("Reading {count} studies").format(count=len(waiting))
        with contextlib.suppress(Cancelled), self.actions.progress(title) as progress:
            for live in waiting:
                with contextlib.suppress(IFIMeasureError):  # said when the study is chosen
                    live.update(progress=progress)

    # -- showing

    def say(self, text: str) -> None:
        """Say something below the spaces."""
        self.ui.statusLabel.text = text
        self.ui.statusLabel.visible = bool(text)

    def _show(self, message: str) -> None:
        """Fill the panel from the study."""
        live = self.live
        nodes = None if live is None else live.nodes
        result = None if live is None else live.result
        self.spaces.show(result)
        self.measurements.show(result)
        if self.dragging and result is not None:
            return  # the rest follows when the point is let go
        has_bones = nodes is not None and nodes.segmentation is not None
        landmarks = None if nodes is None else {side: nodes.landmarks(side, strict=False) for side in Side}
        self.landmarks.show(landmarks, has_bones)
        self.study.show(nodes)
        self.muscle.show(has_bones and nodes is not None and nodes.volume is not None)
        self.export.show(result is not None and has_bones)
        self.ui.colorBonesCheckBox.enabled = has_bones
        notes = [] if result is None else [*result.notes, *result.absent_sides.values()]
        self.say(message or "\n".join(notes))


def _what_to_do(live: LiveStudy) -> str:
    """What comes next where no landmark is placed."""
    if live.nodes.segmentation is not None and not live.nodes.is_drawn():
        return _("Nothing is drawn in the segments yet. Draw hip bones and femora in the Segment Editor.")
    if live.nodes.segmentation is not None:
        return _("No landmark is placed yet. Press 'Place from bones' in Landmarks, or place them by hand.")
    return _("Choose a segmentation or draw one in the Segment Editor; landmarks by hand give angles and lengths.")


def _escape_key(parent: Any, stop: Callable[[], None]) -> Any:
    """Let Esc stop placing, wherever the keyboard is; the views stop at a right click, not at Esc."""
    key = qt.QShortcut(parent)
    key.setKey(qt.QKeySequence("Esc"))
    key.setContext(qt.Qt.ApplicationShortcut)
    key.enabled = False
    key.connect("activated()", stop)
    key.connect("activatedAmbiguously()", stop)
    return key
