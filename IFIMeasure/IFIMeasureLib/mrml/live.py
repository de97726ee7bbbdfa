"""A study that is being worked on: its bones are read once, and every change of a landmark measures it again.

Needs no application and no Qt; the module's Widget calls it from its events.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import slicer

from ..anatomy.landmarks import (
    MARKED_MISSING,
    NOT_PLACED,
    Landmark,
    LandmarkSet,
    LandmarkStatus,
    PlacedBy,
    landmark_definitions,
)
from ..images.frames import SideFrame
from ..measuring.spaces import Space
from ..study.follow_up import Comparison, Examination, follow_up
from ..study.prepared import PreparedStudy, measure_landmarks, segment_muscles_together
from ..study.provenance import FOUND_IN_IMAGE
from ..study.result import Progress, StudyResult
from ..values import IFIMeasureError, Measured, Side, point3
from .segment_surfaces import show_bone_segments
from .study_nodes import StudyNodes
from .views import jump_slices

STROKE_KINDS = ("inside", "outside")
"""What a person says of points with regard to the quadratus femoris."""


class LiveStudy:
    """One study of a scene with its prepared bones and last result.

    :param nodes: the study's nodes.
    """

    def __init__(self, nodes: StudyNodes) -> None:
        self.nodes = nodes
        self.result: StudyResult | None = None
        self._prepared: PreparedStudy | None = None
        self._stamp: object = None
        self._measured: object = None
        self._colored: object = None
        self._before_drag: dict[Side, LandmarkSet] = {}
        self._taken_up: tuple[Side, str, LandmarkSet] | None = None  # with all landmarks as they were

    # -- bones

    @property
    def prepared(self) -> PreparedStudy | None:
        """The bones as last read, or None where they must be read (again)."""
        if self._prepared is not None and self._stamp != self.nodes.bones_stamp():
            self._prepared = self._measured = None
        return self._prepared

    def prepare(self, progress: Progress | None = None) -> PreparedStudy:
        """Read the bones where they are not known or have changed; seconds.

        :raises IFIMeasureError: with one sentence for the person.
        """
        prepared = self.prepared
        if prepared is None:
            stamp = self.nodes.bones_stamp()
            prepared = self.nodes.prepare(progress)
            self._prepared, self._stamp, self._measured = prepared, stamp, None
        # what is known of the person and what a reader found: the bones need not be read again for that
        prepared.subject, prepared.findings, prepared.date = self.nodes.subject, self.nodes.findings, self.nodes.date
        return prepared

    def place_from_bones(self, progress: Progress | None = None) -> StudyResult:
        """Place every landmark that no person has placed or marked as missing, and measure.

        :raises IFIMeasureError: with one sentence for the person.
        """
        self.stop_placing()
        person = self._landmarks()
        self.result = self.prepare(progress).measure(person, progress=progress)
        self.nodes.show(self.result)
        self._measured = self._seen(self._landmarks(), self.nodes.bones_stamp())
        return self.result

    # -- measuring

    def update(self, draft: bool = False, progress: Progress | None = None) -> StudyResult:
        """Measure with the landmarks as they stand; nothing is done where nothing has changed.

        :param draft: for a point that is being dragged: spaces from coarse surfaces, tables and plot left for later.
        :raises IFIMeasureError: with one sentence for the person.
        """
        landmarks = self._landmarks()
        if (
            self.result is not None
            and self._measured == self._seen(landmarks, self.nodes.bones_stamp())
            and not self.result.draft
        ):
            return self.result
        if self.nodes.segmentation is None:
            result = measure_landmarks(landmarks, self.nodes.subject)
        else:
            result = self.prepare(progress).measure(landmarks, draft=draft, progress=progress, fill=False)
        if draft:
            self.nodes.show_results(result)
        else:
            self.nodes.show(result)
        self.result = result
        # a draft writes no landmarks, so they are still those that were read
        self._measured = (
            self._seen(landmarks, self._stamp) if draft else self._seen(self._landmarks(), self.nodes.bones_stamp())
        )
        return result

    def has_landmarks(self) -> bool:
        """Whether anything has been placed, by the program or by a person; NaN counts, so that it is told."""
        try:
            return any(
                landmark.status is not LandmarkStatus.UNDEFINED
                for landmarks in self._landmarks().values()
                for landmark in landmarks.values()
            )
        except IFIMeasureError:
            return True

    def _seen(self, landmarks: dict[Side, LandmarkSet], stamp: object) -> object:
        """All that a result hangs on: it is measured again where this has changed."""
        return stamp, landmarks, self.nodes.subject, self.nodes.findings, self.nodes.date

    def _landmarks(self, strict: bool = True) -> dict[Side, LandmarkSet]:
        return {side: self.nodes.landmarks(side, strict) for side in Side}

    # -- landmarks by hand

    def unset(self, side: Side, landmark_id: str) -> None:
        """Take a landmark away: not placed."""
        if self._taken_up is not None and self._taken_up[:2] == (side, landmark_id):
            self._taken_up = None
        self.nodes.write_landmark(side, landmark_id, NOT_PLACED)

    def mark_missing(self, side: Side, landmark_id: str) -> None:
        """Mark a landmark as looked for and not identifiable."""
        self.nodes.write_landmark(side, landmark_id, Landmark.missing(MARKED_MISSING, PlacedBy.PERSON))

    def snap(self, side: Side, landmark_id: str) -> bool:
        """Move a landmark that a person placed onto the surface of its bone or tendon; returns whether it was moved."""
        landmark = self.nodes.landmarks(side, strict=False)[landmark_id]
        if self._prepared is None or not landmark.by_person or landmark.position_ras_mm is None:
            return False
        place = self._prepared.snap(side, landmark_id, np.array(landmark.position_ras_mm))
        if place is None or np.linalg.norm(place - landmark.position_ras_mm) < 1e-6:
            return False
        self.nodes.write_landmark(side, landmark_id, Landmark.manual(point3(place)))
        return True

    def begin_drag(self) -> None:
        """Remember where the landmarks are before a person drags one."""
        self._before_drag = self._landmarks(strict=False)

    def end_drag(self, snap: bool) -> None:
        """Snap what was dragged since :meth:`begin_drag`, where that is wanted."""
        before, self._before_drag = self._before_drag, {}
        for side, landmarks in self._landmarks(strict=False).items():
            for key, landmark in landmarks.items():
                if snap and side in before and before[side][key].position_ras_mm != landmark.position_ras_mm:
                    self.snap(side, key)

    # -- placing with the mouse

    def start_placing(self, side: Side, landmark_id: str) -> None:
        """Let the next click in a view place a landmark. A point that is there already is taken up and placed anew."""
        node = self.nodes.landmark_node(side)
        index = self.nodes.landmark_index(side, landmark_id)
        self.stop_placing()
        before = self.nodes.landmarks(side, strict=False)
        if node.GetNthControlPointPositionStatus(index) != slicer.vtkMRMLMarkupsNode.PositionUndefined:
            self.unset(side, landmark_id)
            self._taken_up = (side, landmark_id, before)
        node.SetControlPointPlacementStartIndex(index)
        _place_into(node)

    def stop_placing(self) -> None:
        """Leave the place mode, where it is for this study; what else a person places is theirs."""
        if self.takes_clicks():
            _leave_place_mode(self.nodes.scene)
        self.put_back()

    def abandon_placing(self) -> None:
        """Leave the place mode where the study, or its list of landmarks, is gone; nothing is put back."""
        self._taken_up = None
        _leave_place_mode(self.nodes.scene)

    def put_back(self) -> None:
        """Put a landmark back that was taken up to be placed anew, where no click has placed it.

        Not while a click would. What the program placed from it goes back with it.
        """
        taken, self._taken_up = self._taken_up, None
        if taken is None or self.nodes.node(f"landmarks_{taken[0].value}") is None:
            return  # a list that someone has removed is not made anew for it
        side, landmark_id, before = taken
        now = self.nodes.landmarks(side, strict=False)
        if now[landmark_id].status is not LandmarkStatus.UNDEFINED:
            return
        for key, landmark in before.items():
            followed = landmark.placed_by is now[key].placed_by is PlacedBy.PROGRAM and landmark != now[key]
            if key == landmark_id or followed:
                self.nodes.write_landmark(side, key, landmark)

    def is_placing(self) -> bool:
        """Whether a click in a view would place one of this study's landmarks."""
        return self._places_into(*(f"landmarks_{side.value}" for side in Side))

    def takes_clicks(self) -> bool:
        """Whether a click in a view would place a landmark of this study, or a point inside or outside the muscle."""
        return self.is_placing() or self.stroke_kind() is not None

    def stroke_kind(self) -> str | None:
        """``inside`` or ``outside``, where a click in a view would add such a point of the muscle; else None."""
        return next((kind for kind in STROKE_KINDS if self._places_into(f"strokes_{kind}")), None)

    def _places_into(self, *roles: str) -> bool:
        if not _in_place_mode(self.nodes.scene):
            return False
        active = _singleton(self.nodes.scene, "vtkMRMLSelectionNode").GetActivePlaceNodeID()
        return active in [node.GetID() for node in (self.nodes.node(role) for role in roles) if node is not None]

    def next_unplaced(self, side: Side, landmark_id: str) -> tuple[Side, str] | None:
        """Return the next landmark that is not placed.

        It is looked for further down this side's list, then from its top, then in the other side's.
        """
        keys = list(landmark_definitions())
        start = keys.index(landmark_id) + 1
        for where, order in ((side, keys[start:] + keys[:start]), (side.other, keys)):
            landmarks = self.nodes.landmarks(where, strict=False)
            for key in order:
                if landmarks[key].status is LandmarkStatus.UNDEFINED:
                    return where, key
        return None

    # -- the quadratus femoris

    def segment_muscles(self, progress: Progress | None = None) -> StudyResult:
        """Segment the quadratus femoris of each side from its corners and the image, and measure.

        A segment that a person drew or edited is kept, and filled where they drew it on some slices only; one that was
        made here before is made anew, with the strokes.

        :raises IFIMeasureError: with one sentence for the person.
        """
        nodes = self.nodes
        if nodes.volume is None:
            raise IFIMeasureError(
                "No volume is chosen; the quadratus femoris is found in an image, T1, T2 or the water image of Dixon."
            )
        prepared = self.prepare(progress)
        anew = {side for side in prepared.bones if nodes.muscle_origin(side) in FOUND_IN_IMAGE}
        if progress is not None:
            progress("segmenting the quadratus femoris")
        placed = {
            side: hip.landmarks for side, hip in prepared.measure(self._landmarks(), progress=progress).hips.items()
        }
        made, failed = prepared.segment_muscles(placed, nodes.strokes(), anew)
        if not made:
            kept = (
                "Each side has a whole segment of the quadratus femoris that a person made; it is kept. "
                "Remove it, or choose another structure for it, to have it segmented."
            )
            raise IFIMeasureError(" ".join(dict.fromkeys(failed.values())) or kept)
        for side, origin in made.items():
            nodes.write_muscle(side, prepared.bones[side].masks["quadratus_femoris"], origin)
        self._stamp = nodes.bones_stamp()  # what was written is what is known
        self.result = prepared.measure(self._landmarks(), progress=progress)
        nodes.show(self.result)
        self._measured = self._seen(self._landmarks(), nodes.bones_stamp())
        return self.result

    def take_muscles(self, sides: Iterable[Side]) -> None:
        """Write the muscles that the prepared study holds into the scene, and measure."""
        prepared = self._prepared
        assert prepared is not None
        for side in sides:
            origin = prepared.provenance.muscle_origins[side]
            self.nodes.write_muscle(side, prepared.bones[side].masks["quadratus_femoris"], origin)
        self._stamp = self.nodes.bones_stamp()
        self._measured = None
        self.update()

    def start_stroke(self, kind: str) -> None:
        """Let clicks in the views add points that are certainly ``inside`` or ``outside`` the quadratus femoris."""
        _place_into(self.nodes.stroke_node(kind))

    # -- looking

    def jump_to_landmark(self, side: Side, landmark_id: str) -> bool:
        """Center the slice views on a landmark; returns whether it is placed."""
        place = self.nodes.landmarks(side, strict=False)[landmark_id].position_ras_mm
        if place is not None:
            jump_slices(self.nodes.scene, place)
        return place is not None

    def jump_to_result(self, measurement_id: str, side: Side | None) -> bool:
        """Show a result's line or angle alone with the standing ones, and center the slice views on it."""
        self.nodes.highlight(measurement_id, side)
        if self.result is None:
            return False
        result = self.result.result(measurement_id, side)
        if not isinstance(result, Measured) or not result.points_ras_mm:
            return False
        points = np.array(result.points_ras_mm)
        jump_slices(self.nodes.scene, point3(points[1] if len(points) == 3 else points.mean(0)))
        return True

    def jump_to_level(self, side: Side, space: str, level_mm: float) -> bool:
        """Center the slice views on a space in one axial plane of its profile; returns whether there is one."""
        found = (
            self.result.hips[side].spaces.get(space) if self.result is not None and side in self.result.hips else None
        )
        if not isinstance(found, Space):
            return False
        for point in found.profile:
            if (
                abs(point.level_mm - level_mm) < 1e-3
                and point.medial_side is not None
                and point.lateral_side is not None
            ):
                middle_side = 0.5 * (point.medial_side + point.lateral_side)
                jump_slices(self.nodes.scene, point3(SideFrame(side).to_ras(middle_side)))
                return True
        return False

    def show_bones(self, wanted: bool) -> None:
        """Show the bones colored by their distance, or take them away; made anew only where the bones have changed."""
        prepared = self.prepared if wanted else None
        if prepared is self._colored:
            return
        self._colored = prepared
        if prepared is not None:
            show_bone_segments(self.nodes, False)  # they lie where the colored ones do
            self.nodes.show_bones(prepared)
        elif not wanted:
            self.nodes.hide_bones()
            show_bone_segments(self.nodes, True)


def follow_studies(
    lives: list[LiveStudy], wcv_percent: float, together: bool, progress: Progress | None = None
) -> Comparison:
    """Compare the studies of a scene, which are examinations of one person, with the first of them by date.

    :param together: whether muscles that were found in the images, and that no one has edited, are found again in all
        together.
    :raises IFIMeasureError: where dates are missing or equal, the persons differ, two studies have one segmentation, or
        a study cannot be measured.
    """

    def examinations() -> list[Examination]:
        return [Examination.of_study(live.update(progress=progress), live.nodes.name) for live in lives]

    _refuse_shared_bones(lives)
    changes = follow_up(examinations(), wcv_percent)  # refuses what must not be compared before anything long begins
    if not together:
        return changes
    ordered = sorted(lives, key=lambda live: live.nodes.date)
    sides = [side for side in Side if all(live.nodes.muscle_origin(side) in FOUND_IN_IMAGE for live in ordered)]
    if not sides:
        changes.warnings.append(
            "no muscle was found in the image in every study, so the segments are compared as they are."
        )
        return changes
    placed = [{side: live.nodes.landmarks(side) for side in sides} for live in ordered]
    segment_muscles_together([live.prepare(progress) for live in ordered], placed, sides, progress)
    for live in ordered:
        live.take_muscles(sides)
    changes = follow_up(examinations(), wcv_percent)
    changes.warnings.append(
        f"the quadratus femoris ({', '.join(side.value for side in sides)}) was found in all studies together."
    )
    return changes


def _refuse_shared_bones(lives: list[LiveStudy]) -> None:
    """Refuse studies of one segmentation: whatever has changed, they would show no change."""
    for number, live in enumerate(lives):
        bones = live.nodes.segmentation
        for other in lives[:number]:
            if bones is not None and other.nodes.segmentation is bones:
                raise IFIMeasureError(
                    f"{other.nodes.name} and {live.nodes.name} have one segmentation ({bones.GetName()}), so no change "
                    "can be seen; choose for each examination the segmentation of its own image."
                )


def _place_into(node: Any) -> None:
    """Let clicks in the views place points of a markups node, until the place mode is left."""
    selection, interaction = (
        _singleton(node.GetScene(), "vtkMRMLSelectionNode"),
        _singleton(node.GetScene(), "vtkMRMLInteractionNode"),
    )
    _leave_place_mode(node.GetScene())
    selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
    selection.SetActivePlaceNodeID(node.GetID())
    interaction.SetPlaceModePersistence(1)
    interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)


def _leave_place_mode(scene: Any) -> None:
    """Let clicks place nothing.

    Only then do views let go of the point that follows the mouse: the next click would place that one.
    """
    if _in_place_mode(scene):
        _singleton(scene, "vtkMRMLInteractionNode").SetCurrentInteractionMode(
            slicer.vtkMRMLInteractionNode.ViewTransform
        )


def _in_place_mode(scene: Any) -> bool:
    interaction = scene.GetFirstNodeByClass("vtkMRMLInteractionNode")  # none where nobody has a mouse
    return interaction is not None and interaction.GetCurrentInteractionMode() == slicer.vtkMRMLInteractionNode.Place


def _singleton(scene: Any, kind: str) -> Any:
    node = scene.GetSingletonNode("Singleton", kind) or scene.GetFirstNodeByClass(kind)
    return node if node is not None else scene.AddNewNodeByClass(kind)
