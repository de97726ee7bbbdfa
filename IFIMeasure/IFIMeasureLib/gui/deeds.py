"""What a person did in the panel, and what follows from it for the study."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import slicer
import slicer.util
from slicer.i18n import tr as _

from ..anatomy.reference_values import Subject
from ..mrml.live import LiveStudy
from ..mrml.record import RECORD_ATTRIBUTE
from ..mrml.views import restore_layout, show_layout
from ..values import IFIMeasureError, Side
from .export_section import FORMAT_PARAMETERS
from .long_actions import agrees_to_same_place, offer_packages

if TYPE_CHECKING:
    from .panel import Panel


class Deeds:
    """Each method is told of one thing that a person did; nothing is done where there is no study.

    :param panel: whose study, parameters and long actions are used.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = panel

    @property
    def _live(self) -> LiveStudy:
        """The study, for what is offered only where there is one."""
        assert self._panel.live is not None
        return self._panel.live

    @property
    def _landmark(self) -> tuple[Side, str]:
        """The chosen landmark, for what is offered only where there is one."""
        assert self._panel.landmarks.chosen is not None
        return self._panel.landmarks.chosen

    # -- the study

    def study_added(self, node: Any) -> None:
        """A node that was made with the selector's menu becomes a study; other nodes of its class are none."""
        node.SetAttribute(*RECORD_ATTRIBUTE)
        self._panel.ui.studySelector.setCurrentNode(node)

    def subject_given(self, subject: Subject) -> None:
        """Sex, age, height or weight."""
        if self._panel.live is not None:
            self._panel.live.nodes.set_subject(subject)
            self._panel.update_soon()

    def date_given(self, date: str) -> None:
        """The date of the examination."""
        if self._panel.live is not None:
            self._panel.live.nodes.date = date
            self._panel.update_soon()

    def structure_chosen(self, segment_id: str, structure: str) -> None:
        """What a segment is taken for."""
        if self._panel.live is not None:
            self._panel.live.nodes.mapping = {**self._panel.live.nodes.mapping, segment_id: structure}
            self._panel.changed()

    def open_segment_editor(self) -> None:
        """Go to the Segment Editor with this study's segmentation and volume.

        Where there is no segmentation, a new one lists the segments that are needed.
        """
        panel = self._panel
        volume, segmentation = panel.parameters.volume, panel.parameters.segmentation
        if segmentation is None:
            segmentation = panel.parameters.segmentation = panel.logic.createSegmentation(volume)
            panel.update()  # the study takes it before the panel is left
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(volume)

    def open_total_segmentator(self) -> None:
        """Go to the TotalSegmentator extension, with this study's volume as its input."""
        parameters = self._panel.parameters
        volume = None if parameters is None else parameters.volume
        slicer.util.selectModule("TotalSegmentator")
        widget = slicer.modules.totalsegmentator.widgetRepresentation().self()
        selector = getattr(getattr(widget, "ui", None), "inputVolumeSelector", None)
        if selector is not None and volume is not None:
            selector.setCurrentNode(volume)

    # -- landmarks

    def place_from_bones(self) -> None:
        """Place all landmarks that no person has placed."""
        with self._panel.actions.showing_errors(_("The landmarks could not be placed.")):
            try:
                self._placed_from_bones()
            except IFIMeasureError as error:
                if "same_place" not in error.argument or not agrees_to_same_place(error):
                    raise
                self._live.nodes.same_place = True
                self._placed_from_bones()
            self._panel.look.at_trochanter(self._live, self._panel.parameters)

    def _placed_from_bones(self) -> None:
        with self._panel.actions.progress(_("Placing landmarks")) as progress:
            self._live.place_from_bones(progress)

    def landmark_chosen(self, side: Side, landmark_id: str) -> None:
        """Go to a landmark; where clicks place one, the next click is for this one."""
        if self._panel.live is not None:
            self._works_on(side)
            self._panel.live.jump_to_landmark(side, landmark_id)
            if self._panel.landmarks.places:
                self._start_placing(side, landmark_id)

    def place_toggled(self, wanted: bool) -> None:
        """Let clicks in the views place the chosen landmark, or no longer."""
        chosen = self._panel.landmarks.chosen
        if self._panel.live is None or chosen is None:
            return
        if wanted:
            self._start_placing(*chosen)
        else:
            self._panel.live.stop_placing()

    def stop_placing(self) -> None:
        """Esc was pressed."""
        if self._panel.live is not None:
            self._panel.live.stop_placing()

    def walk_on(self, placed: tuple[Side, str]) -> None:
        """Go on to the next landmark that is not placed; stop where there is none."""
        following = self._live.next_unplaced(*placed)
        if following is None:
            self._live.stop_placing()
            return
        self._panel.landmarks.choose(*following)
        self._start_placing(*following)

    def jump(self) -> None:
        """Center the views on the chosen landmark."""
        if not self._live.jump_to_landmark(*self._landmark):
            self._panel.landmarks.say(_("This landmark is not placed, so there is nothing to jump to."))

    def unset(self) -> None:
        """Take the chosen landmark away."""
        with self._panel.actions.showing_errors(_("The landmark could not be taken away.")):
            self._live.unset(*self._landmark)
        self._panel.update_soon()

    def mark_missing(self) -> None:
        """The chosen landmark cannot be identified."""
        with self._panel.actions.showing_errors(_("The landmark could not be marked.")):
            self._live.mark_missing(*self._landmark)
        self._panel.update_soon()

    def _start_placing(self, side: Side, landmark_id: str) -> None:
        with self._panel.actions.showing_errors(_("The landmark cannot be placed.")):
            self._live.start_placing(side, landmark_id)
        self._panel.placing_changed()  # where it could not be, the button says so

    # -- measurements and views

    def space_chosen(self, measurement_id: str, side: Side) -> None:
        """A value at the top was clicked."""
        self._panel.measurements.choose(measurement_id, side)

    def measurement_chosen(self, measurement_id: str, side: Side | None) -> None:
        """Show where it was measured."""
        if self._panel.live is not None:
            self._works_on(side)
            self._panel.live.jump_to_result(measurement_id, side)

    def plot_clicked(self, side: Side, space: str, level_mm: float) -> None:
        """Go to the slice of a point of the plot."""
        if self._panel.live is not None:
            self._works_on(side)
            self._panel.live.jump_to_level(side, space, level_mm)

    def show_layout(self) -> None:
        """Show the study's views."""
        live = self._panel.live
        before = show_layout(slicer.mrmlScene, None if live is None else live.nodes)
        if before is not None:
            self._panel.parameters.layoutBefore = before
        self._panel.observer.watch_plots()
        self._panel.look.arranged()

    def restore_layout(self) -> None:
        """Go back to the layout that was there before; none is set in a scene that was cleared."""
        before = self._panel.parameters.layoutBefore or slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
        restore_layout(slicer.mrmlScene, before)
        self._panel.look.arranged(aims_3d=False)

    def _works_on(self, side: Side | None) -> None:
        if side is not None and self._panel.parameters is not None:
            self._panel.parameters.lastSide = side.value

    # -- the quadratus femoris

    def contrast_chosen(self, contrast: str) -> None:
        """What the image is."""
        if self._panel.live is not None:
            self._panel.live.nodes.contrast = contrast
            self._panel.update_soon()

    def second_volume_chosen(self, node: Any) -> None:
        """The second image of Dixon."""
        if self._panel.live is not None:
            self._panel.live.nodes.second_volume = node
            self._panel.update_soon()

    def segment_muscle(self) -> None:
        """Find the muscle in the image."""
        actions = self._panel.actions
        with (
            actions.showing_errors(_("The quadratus femoris could not be segmented.")),
            actions.progress(_("Segmenting")) as progress,
        ):
            self._live.segment_muscles(progress)

    def stroke_toggled(self, kind: str, wanted: bool) -> None:
        """Let clicks add points inside or outside the muscle, or no longer."""
        if wanted:
            self._live.start_stroke(kind)
        else:
            self._live.stop_placing()

    def finding_chosen(self, side: Side, finding_id: str, choice: str) -> None:
        """What a reader found."""
        if self._panel.live is None:
            return
        findings = self._panel.live.nodes.findings
        findings.setdefault(side, {})[finding_id] = choice
        filled = {s: {k: v for k, v in of.items() if v} for s, of in findings.items()}
        self._panel.live.nodes.findings = {s: of for s, of in filled.items() if of}
        self._panel.update_soon()

    # -- changes over time, files

    def compare(self, wcv_percent: float, together: bool) -> None:
        """Compare the studies of the scene."""
        actions = self._panel.actions
        with (
            actions.showing_errors(_("The studies could not be compared.")),
            actions.progress(_("Comparing")) as progress,
        ):
            self._panel.follow_up.show(self._panel.logic.followUp(wcv_percent, together, progress))

    def folder_chosen(self, path: str) -> None:
        """Where files are to go."""
        parameters = self._panel.parameters
        if parameters is not None and parameters.exportFolder != pathlib.Path(path):
            parameters.exportFolder = pathlib.Path(path)

    def export(self) -> None:
        """Write the chosen files."""
        panel, chosen = self._panel, self._panel.parameters
        formats = [name for name, parameter in FORMAT_PARAMETERS.items() if getattr(chosen, parameter)]
        if not offer_packages(panel.logic.missingPackages(formats)):
            return
        wcv_percent = panel.follow_up.wcv_percent if chosen.exportChanges else None
        with (
            panel.actions.showing_errors(_("The results could not be written.")),
            panel.actions.progress(_("Exporting")) as progress,
        ):
            folder = panel.logic.export(
                panel.live, chosen.exportFolder, formats, chosen.replaceResults, progress, wcv_percent
            )
            panel.export.show_written(folder)
