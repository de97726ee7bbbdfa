"""One study in a scene: all that the Widget and the Logic ask of it.

What it consists of lies in modules beside this one: the record and its choices, landmarks, segments, strokes, and the
nodes that show results. Everything shown is found or made once and then updated in place. Needs no application: runs
on the PyPI package slicer-core and inside 3D Slicer alike; the scene is passed in.
"""

from __future__ import annotations

import re
from typing import Any

from ..anatomy.landmarks import Landmark, LandmarkSet, empty_landmarks
from ..anatomy.structures import parse_structure
from ..images.masks import Mask
from ..muscle.images import MuscleImages
from ..muscle.strokes import Strokes
from ..study.prepared import PreparedStudy
from ..study.provenance import MuscleOrigin
from ..study.result import Progress, StudyResult
from ..study.structures import lacking_structures
from ..values import Side
from . import bone_models, result_nodes, study_segments
from .image_nodes import add_images, show_fat_fraction
from .landmark_nodes import complete_list, landmark_index, make_list, read_landmarks_of, write_landmarks_into
from .plot_nodes import show_plot
from .preparing import BOTH_SIDES, bones_stamp, prepare
from .record import RECORD_ATTRIBUTE, SIDE_COLORS, StudyRecord
from .segmentations import add_segmentation
from .stroke_nodes import stroke_node, strokes_of
from .table_nodes import show_tables


class StudyNodes(StudyRecord):
    """The nodes of one study.

    :param record: the record node, from :meth:`create` or :meth:`all`.
    """

    def __init__(self, scene: Any, record: Any) -> None:
        super().__init__(scene, record)
        self._shown_images: MuscleImages | None = None

    @classmethod
    def create(cls, scene: Any, name: str) -> StudyNodes:
        """Add an empty study to a scene."""
        record = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        record.UnRegister(None)
        record.SetName(scene.GenerateUniqueName(name))
        record.SetAttribute(*RECORD_ATTRIBUTE)  # before it is added: lists of studies filter by it
        return cls(scene, scene.AddNode(record))

    @staticmethod
    def name_of(volume: Any, segmentation: Any) -> str:
        """Return what a study is called that no one has named: after what it is of."""
        of = volume or segmentation
        return f"Study of {of.GetName()}" if of is not None else "Study"

    def choose(self, volume: Any, segmentation: Any) -> None:
        """Let a study be of another image and segmentation, and its name with it, where that is no one's choice.

        A study that was measured keeps its name.
        """
        called = self.name_of(self.volume, self.segmentation)
        self.volume, self.segmentation = volume, segmentation
        wanted = self.name_of(volume, segmentation)
        unnamed = re.fullmatch(rf"{re.escape(called)}(_\d+)?", self.name) is not None
        if unnamed and wanted != called and self.node("table_summary") is None:
            self.rename(self.scene.GenerateUniqueName(wanted))

    @classmethod
    def all(cls, scene: Any) -> list[StudyNodes]:
        """Return every study of a scene, in the scene's order."""
        count = scene.GetNumberOfNodesByClass("vtkMRMLScriptedModuleNode")
        records = (scene.GetNthNodeByClass(n, "vtkMRMLScriptedModuleNode") for n in range(count))
        key, value = RECORD_ATTRIBUTE
        return [cls(scene, record) for record in records if record.GetAttribute(key) == value]

    @classmethod
    def of_result(cls, scene: Any, name: str, result: StudyResult) -> StudyNodes:
        """Add a study that was measured to a scene, with all that is known of it."""
        nodes = cls.create(scene, name)
        nodes.set_subject(result.subject)
        nodes.findings, nodes.date = result.findings, result.date
        nodes.show(result)
        return nodes

    # -- landmarks

    def landmark_node(self, side: Side) -> Any:
        """Return the markups of one side, making them (nothing placed) where there are none, and whole."""
        node = self.node(f"landmarks_{side.value}")
        if node is not None:
            complete_list(node, side)
            return node
        node = make_list(self.scene, self.title(f"landmarks {side.value}"), side)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        if display is not None:
            display.SetSelectedColor(*SIDE_COLORS[side])
            display.SetGlyphScale(1.5)
            display.SetTextScale(0.0)
        self.take(f"landmarks_{side.value}", node, side)
        return node

    def landmarks(self, side: Side, strict: bool = True) -> LandmarkSet:
        """Return one side's landmarks as they stand in the scene, RAS (world) millimeter.

        :param strict: whether a position that is not a finite number is refused; otherwise it counts as not placed.
        :raises IFIMeasureError: where a position is refused.
        """
        node = self.node(f"landmarks_{side.value}")
        return empty_landmarks() if node is None else read_landmarks_of(node, side, strict)

    def landmark_index(self, side: Side, landmark_id: str) -> int:
        """Return the number of a landmark's control point."""
        return landmark_index(self.landmark_node(side), side, landmark_id)

    def write_landmark(self, side: Side, landmark_id: str, landmark: Landmark) -> None:
        """Write one landmark (RAS world millimeter) into the scene, whoever placed what is there."""
        write_landmarks_into(self.landmark_node(side), side, {landmark_id: landmark})

    def show_landmarks(self, side: Side, landmarks: LandmarkSet) -> None:
        """Write landmarks into the scene; what a person placed in it or marked as missing stays as it is."""
        node = self.landmark_node(side)
        present = self.landmarks(side)
        changing = node.StartModify()
        changed = {k: new for k, new in landmarks.items() if not present[k].by_person and present[k] != new}
        write_landmarks_into(node, side, changed)
        node.EndModify(changing)

    # -- segments

    def structures(self) -> dict[str, str]:
        """Return what each segment is taken for, as segment id to structure name; empty for none of them.

        A person's word counts first, then the segment's name, then its terminology.
        """
        return study_segments.structures_of(self)

    def segments(self) -> list[tuple[str, str, str]]:
        """Return every segment as (id, name, structure name)."""
        if self.segmentation is None:
            return []
        segmentation = self.segmentation.GetSegmentation()
        return [(key, segmentation.GetSegment(key).GetName() or key, of) for key, of in self.structures().items()]

    def what_is_lacking(self) -> str:
        """Say which structures are missing, and what cannot be measured for that; one sentence a line."""
        if self.segmentation is None:
            return "No segmentation is chosen: angles and lengths are measured from landmarks, spaces are not."
        named = {key: name for key, name in self.structures().items() if name}
        present = (
            parse_structure(name, "segment") for key, name in named.items() if study_segments.is_filled(self, key)
        )
        return "\n".join(lacking_structures(present))

    def is_drawn(self) -> bool:
        """Whether anything is drawn in a segmentation; a new one lists segments that are still to be drawn."""
        return any(study_segments.is_filled(self, key) for key in self.structures())

    def bones_stamp(self) -> object:
        """Return something that changes whenever voxels, structures, image or transforms of this study change."""
        return bones_stamp(self)

    def prepare(self, progress: Progress | None = None, sides: tuple[Side, ...] = BOTH_SIDES) -> PreparedStudy:
        """Read the segmentation and place the landmarks; see :class:`~IFIMeasureLib.study.prepared.PreparedStudy`.

        :raises IFIMeasureError: with one sentence for the person.
        """
        return prepare(self, progress, sides)

    # -- the quadratus femoris

    def stroke_node(self, kind: str) -> Any:
        """Return the list of points that are certainly ``inside`` or ``outside`` it, making it where there is none."""
        return stroke_node(self, kind)

    def strokes(self) -> Strokes:
        """Return the strokes of both kinds, RAS (world) millimeter."""
        return strokes_of(self)

    def write_muscle(self, side: Side, mask: Mask, origin: MuscleOrigin) -> None:
        """Write a quadratus femoris into the segmentation; see :func:`.study_segments.write_muscle`."""
        study_segments.write_muscle(self, side, mask, origin)

    def muscle_origin(self, side: Side) -> MuscleOrigin | None:
        """Where a side's quadratus femoris came from; None where there is none. One that was edited is a segment."""
        return study_segments.muscle_origins(self).get(side)

    # -- results

    def show(self, study: StudyResult) -> None:
        """Show a study's results: landmarks, lines, angles, tables and plot, updated in place."""
        if self.segmentation is None and study.segmentation is not None:
            self.take("segmentation", add_segmentation(self.scene, study, self.title("segmentation")))
            study_segments.mark_origins(self.segmentation, study.provenance.muscle_origins)
        if self.volume is None:
            add_images(self, study)
        if study.images is None or study.images is not self._shown_images or self.node("fat_fraction") is None:
            self._shown_images = study.images  # the same as before otherwise: this is called for each landmark moved
            show_fat_fraction(self, study.images)
        for side, hip in study.hips.items():
            self.show_landmarks(side, hip.landmarks)
        self.show_results(study)
        show_tables(self, study)
        show_plot(self, study)
        self.keep(study, self.structures())

    def show_results(self, study: StudyResult) -> None:
        """Update the lines and angles alone: quick enough for every step of a point that is being dragged."""
        result_nodes.show_results(self, study)

    def highlight(self, measurement_id: str | None, side: Side | None) -> None:
        """Show one result thicker than the others; of these, only those labeled unasked are visible. None for none."""
        result_nodes.highlight(self, measurement_id, side)

    def result_node(self, measurement_id: str, side: Side | None) -> Any:
        """Return the line or angle of a result, or None where there is none."""
        return result_nodes.result_node(self, measurement_id, side)

    def show_bones(self, prepared: PreparedStudy) -> None:
        """Show both bones of each side as surfaces colored by the distance to the other bone."""
        bone_models.show_bones(self, prepared)

    def hide_bones(self) -> None:
        """Remove the colored surfaces."""
        bone_models.hide_bones(self)
