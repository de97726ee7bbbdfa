"""One study in a scene: a record node that knows its image, segmentation, landmarks and results.

The record is a node of its own, so that several studies in one scene keep apart and a saved scene brings all of
them back. Everything shown is found or made once and then updated in place. Needs no application: runs on the
PyPI package slicer-core and inside 3D Slicer alike; the scene is passed in.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import slicer
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import reference, vtkDoubleArray, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkTable, vtkVector3d

from ..anatomy.findings import Findings
from ..anatomy.landmarks import (
    NOT_PLACED,
    Landmark,
    LandmarkSet,
    LandmarkStatus,
    empty_landmarks,
    landmark_definitions,
    landmark_label,
    parse_label,
)
from ..anatomy.reference_values import Subject, reference_rows
from ..anatomy.structures import (
    SIDE_CODES,
    Structure,
    definitions,
    names_known_unasked,
    parse_structure,
    structure_from_name,
)
from ..files.markups import describe_landmark, parse_description
from ..images.frames import SideFrame
from ..images.grid import Grid
from ..images.masks import Mask, Volume
from ..images.surface import triangulated
from ..measuring.definition import MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..measuring.spaces import Space
from ..muscle.numbers import MuscleImages, fat_fraction_map, muscle_images
from ..muscle.strokes import Strokes
from ..placement.bone_field import BoneField
from ..present.tables import (
    MEASUREMENT_COLUMNS,
    PROFILE_COLUMNS,
    SUMMARY_COLUMNS,
    measurement_rows,
    profile_rows,
    summary_rows,
)
from ..study.follow_up import FOLLOW_UP_COLUMNS
from ..study.prepared import PreparedStudy
from ..study.result import Progress, StudyResult, each_result
from ..study.structures import lacking_structures, resolve_structures
from ..values import Array, IFIMeasureError, Measured, Result, Side, iso_date, point3
from .matrices import ijk_to_ras, world_matrix
from .segmentations import add_segmentation, read_segmentation_node, replace_voxels, write_segment
from .volumes import add_volume, read_volume_node

SIDE_COLORS = {Side.RIGHT: (0.90, 0.60, 0.10), Side.LEFT: (0.20, 0.60, 0.90)}
"""Colors of the sides; orange and blue stay apart for people who do not tell red from green."""

RECORD_ATTRIBUTE = ("IFIMeasure.study", "1")
"""Name and value of the attribute that makes a scripted module node a study's record."""

_SHOWN = ("ifs_axial", "ifs_3d", "qfs_axial")
_POINT = "vtkMRMLMarkupsFiducialNode"


class StudyNodes:
    """The nodes of one study.

    :param record: the record node, from :meth:`create` or :meth:`all`.
    """

    def __init__(self, scene: Any, record: Any) -> None:
        self.scene, self.record = scene, record
        self._shown_images: MuscleImages | None = None

    @classmethod
    def create(cls, scene: Any, name: str) -> StudyNodes:
        """Add an empty study to a scene."""
        record = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        record.UnRegister(None)
        record.SetName(scene.GenerateUniqueName(name))
        record.SetAttribute(*RECORD_ATTRIBUTE)  # before it is added: lists of studies filter by it
        return cls(scene, scene.AddNode(record))

    @classmethod
    def all(cls, scene: Any) -> list[StudyNodes]:
        """Return every study of a scene, in the scene's order."""
        records = (
            scene.GetNthNodeByClass(n, "vtkMRMLScriptedModuleNode")
            for n in range(scene.GetNumberOfNodesByClass("vtkMRMLScriptedModuleNode"))
        )
        return [
            cls(scene, record) for record in records if record.GetAttribute(RECORD_ATTRIBUTE[0]) == RECORD_ATTRIBUTE[1]
        ]

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.record.GetName() or "study")

    # -- what the person chose

    def node(self, role: str) -> Any:
        """Return the node that plays a role in this study, or None where it was never made or is gone."""
        return self.record.GetNodeReference(role)

    def _set(self, role: str, node: Any) -> None:
        self.record.SetNodeReferenceID(role, node.GetID() if node is not None else None)

    @property
    def volume(self) -> Any:
        """The image, or None."""
        return self.node("volume")

    @volume.setter
    def volume(self, node: Any) -> None:
        self._set("volume", node)

    @property
    def second_volume(self) -> Any:
        """The fat image, or the one out of phase, of Dixon; None where there is none."""
        return self.node("second_volume")

    @second_volume.setter
    def second_volume(self, node: Any) -> None:
        self._set("second_volume", node)

    @property
    def segmentation(self) -> Any:
        """The segmentation, or None."""
        return self.node("segmentation")

    @segmentation.setter
    def segmentation(self, node: Any) -> None:
        self._set("segmentation", node)

    @property
    def mapping(self) -> dict[str, str]:
        """What a person said of segments: segment id to structure name (``femur_left``), or to nothing for "none of them"."""
        text = self.record.GetParameter("mapping")
        return dict(json.loads(text)) if text else {}

    @mapping.setter
    def mapping(self, mapping: dict[str, str]) -> None:
        self.record.SetParameter("mapping", json.dumps(mapping, sort_keys=True))

    @property
    def subject(self) -> Subject:
        """What is known of the person: what was given, else sex and age of the patient in the subject hierarchy."""
        known = Subject.from_tags(_patient_tags(self.scene, self.volume or self.segmentation))
        given = {key: self.record.GetParameter(key) for key in ("age_years", "height_m", "weight_kg")}
        numbers = {key: float(text) if text else getattr(known, key) for key, text in given.items()}
        return Subject(self.record.GetParameter("sex") or known.sex, **numbers)

    def set_subject(self, subject: Subject) -> None:
        """Keep what a person gave; None for what the patient's data say."""
        self.record.SetParameter("sex", subject.sex or "")
        for key in ("age_years", "height_m", "weight_kg"):
            value = getattr(subject, key)
            self.record.SetParameter(key, "" if value is None else repr(float(value)))

    @property
    def date(self) -> str:
        """Date of the examination, as the person gave it (ISO 8601) or as the subject hierarchy has it from DICOM; empty where neither does."""
        return iso_date(
            self.record.GetParameter("date")
            or _patient_tags(self.scene, self.volume or self.segmentation).get("StudyDate", "")
        )

    @date.setter
    def date(self, text: str) -> None:
        self.record.SetParameter("date", text)

    @property
    def findings(self) -> Findings:
        """What a reader filled in."""
        text = self.record.GetParameter("findings")
        return {Side(side): dict(of) for side, of in json.loads(text).items()} if text else {}

    @findings.setter
    def findings(self, findings: Findings) -> None:
        self.record.SetParameter("findings", json.dumps({side.value: of for side, of in findings.items()}))

    @property
    def contrast(self) -> str:
        """What the image is: ``t1``, ``t2fs``, ``water`` or ``in-phase`` (of Dixon), or nothing where the person has not said."""
        return str(self.record.GetParameter("contrast") or "")

    @contrast.setter
    def contrast(self, contrast: str) -> None:
        self.record.SetParameter("contrast", contrast)

    # -- landmarks

    def landmark_node(self, side: Side) -> Any:
        """Return the markups of one side, making them (nothing placed) where there are none."""
        role = f"landmarks_{side.value}"
        node = self.node(role)
        if node is None:
            node = self.scene.AddNewNodeByClass(_POINT, f"{self.name} landmarks {side.value}")
            node.SetAttribute("IFIMeasure.side", side.value)
            for key, definition in landmark_definitions().items():
                index = node.AddControlPoint(vtkVector3d(0.0, 0.0, 0.0), landmark_label(side, key))
                node.UnsetNthControlPointPosition(index)
                node.SetNthControlPointDescription(index, definition.how)
            node.SetFixedNumberOfControlPoints(True)
            node.CreateDefaultDisplayNodes()
            display = node.GetDisplayNode()
            if display is not None:
                display.SetSelectedColor(*SIDE_COLORS[side])
                display.SetGlyphScale(1.5)
                display.SetTextScale(0.0)
            self._set(role, node)
            self._file(node, side)
        return node

    def landmarks(self, side: Side, strict: bool = True) -> LandmarkSet:
        """Return one side's landmarks as they stand in the scene, RAS (world) millimeter.

        :param strict: whether a position that is not a finite number is refused; otherwise it counts as not placed (measuring says why).
        :raises IFIMeasureError: where a position is refused.
        """
        found = empty_landmarks()
        node = self.node(f"landmarks_{side.value}")
        for index in range(0 if node is None else node.GetNumberOfControlPoints()):
            parsed = parse_label(node.GetNthControlPointLabel(index))
            if parsed is not None and parsed[0] is side:
                try:
                    found[parsed[1]] = _landmark(node, index)
                except IFIMeasureError:
                    if strict:
                        raise
        return found

    def show_landmarks(self, side: Side, landmarks: LandmarkSet) -> None:
        """Write landmarks into the scene; what a person placed in it or marked as missing stays as it is."""
        node = self.landmark_node(side)
        present = self.landmarks(side)
        changing = node.StartModify()
        for key, landmark in landmarks.items():
            index = node.GetControlPointIndexByLabel(landmark_label(side, key))
            if (
                index < 0
                or (present[key].by_person and present[key].position_ras_mm is not None)
                or present[key] == landmark
            ):
                continue
            write_landmark(node, index, key, landmark)
        node.EndModify(changing)

    # -- measuring

    def structures(self) -> dict[str, str]:
        """Return what each segment is taken for, as segment id to structure name; empty for none of them.

        A person's word counts first, then the segment's name, then its terminology.
        """
        node = self.segmentation
        return {} if node is None else {key: self._structure(node, key) for key in _segment_ids(node)}

    def segments(self) -> list[tuple[str, str, str]]:
        """Return every segment as (id, name, structure name)."""
        node = self.segmentation
        return (
            []
            if node is None
            else [
                (key, node.GetSegmentation().GetSegment(key).GetName() or key, structure)
                for key, structure in self.structures().items()
            ]
        )

    def what_is_lacking(self) -> str:
        """Say which structures are missing, and what cannot be measured for that; one sentence a line."""
        if self.segmentation is None:
            return "No segmentation is chosen: angles and lengths are measured from landmarks, spaces are not."
        return "\n".join(
            lacking_structures(parse_structure(name, "segment") for name in self.structures().values() if name)
        )

    def bones_stamp(self) -> object:
        """Return something that changes whenever voxels, structures, image or transforms of this study change."""
        node, volume = self.segmentation, self.volume
        if node is None:
            return None
        segmentation = node.GetSegmentation()
        images = [
            segmentation.GetSegment(key).GetRepresentation(segmentation.GetSourceRepresentationName())
            for key in _segment_ids(node)
        ]
        places = [world_matrix(n).tobytes() if n is not None and _is_linear(n) else "" for n in (node, volume)]
        return (
            node.GetID(),
            tuple(0 if image is None else image.GetMTime() for image in images),
            tuple(self.structures().items()),
            tuple(places),
            volume.GetID() if volume is not None else "",
            self.contrast,
            self.second_volume.GetID() if self.second_volume is not None else "",
            b"" if volume is None else ijk_to_ras(volume).tobytes(),
        )

    def _structure(self, node: Any, segment_id: str) -> str:
        said = self.mapping.get(segment_id)
        return guess_structure(node.GetSegmentation().GetSegment(segment_id)) if said is None else said

    def prepare(self, progress: Progress | None = None) -> PreparedStudy:
        """Read the segmentation and place the landmarks; see :class:`~IFIMeasureLib.study.prepared.PreparedStudy`.

        :raises IFIMeasureError: with one sentence for the person.
        """
        if self.segmentation is None:
            raise IFIMeasureError(
                "No segmentation is chosen; choose one that holds hip bones and femora, or segment them first."
            )
        segmentation, ids = read_segmentation_node(self.segmentation)
        structures = self.structures()
        # by id, not by name: names need not be unique, and the person chose for this very segment
        mapping = {f"segment {key}": parse_structure(structures[key], "segment") for key in ids if structures.get(key)}
        by_id = replace(
            segmentation,
            segments=[replace(ref, name=f"segment {key}") for key, ref in zip(ids, segmentation.segments)],
            named=False,
        )
        try:
            found = resolve_structures(by_id, mapping)
        except IFIMeasureError:
            names = ", ".join(ref.name for ref in segmentation.segments[:40])
            raise IFIMeasureError(
                f"{self.segmentation.GetName()}: a hip bone and a femur are needed, and the structures chosen for its segments ({names}) are "
                f"{', '.join(sorted(s.title for s in mapping.values())) or 'none'}; choose them in the table of segments."
            ) from None
        original = {f"segment {key}": ref for key, ref in zip(ids, segmentation.segments)}
        named = {structure: [original[ref.name] for ref in refs] for structure, refs in found.items()}
        volume = replace(read_volume_node(self.volume), contrast=self.contrast) if self.volume is not None else None
        prepared = PreparedStudy(segmentation, named, volume, subject=self.subject, progress=progress)
        if volume is not None and self.contrast:
            second = read_volume_node(self.second_volume) if self.second_volume is not None else None
            prepared.images = muscle_images(self.contrast, volume, second)
        prepared.findings, prepared.date = self.findings, self.date
        return prepared

    # -- strokes for the quadratus femoris

    def stroke_node(self, kind: str) -> Any:
        """Return the points that are certainly ``inside`` or ``outside`` the quadratus femoris, making the list where there is none."""
        node = self.node(f"strokes_{kind}")
        if node is None:
            node = self._made(f"strokes_{kind}", _POINT, f"{self.name} {kind} the quadratus femoris")
            node.CreateDefaultDisplayNodes()
            display = node.GetDisplayNode()
            if display is not None:
                display.SetSelectedColor(*((0.2, 0.8, 0.3) if kind == "inside" else (0.85, 0.2, 0.8)))
                display.SetGlyphTypeFromString("Sphere3D" if kind == "inside" else "Cross2D")
                display.SetPointLabelsVisibility(False)
        return node

    def strokes(self) -> Strokes:
        """Return the strokes of both kinds, RAS (world) millimeter."""
        found = []
        for kind in ("inside", "outside"):
            node = self.node(f"strokes_{kind}")
            points = []
            for index in range(0 if node is None else node.GetNumberOfControlPoints()):
                if node.GetNthControlPointPositionStatus(index) == slicer.vtkMRMLMarkupsNode.PositionDefined:
                    place = [0.0] * 3
                    node.GetNthControlPointPositionWorld(index, place)
                    points.append(place)
            found.append(np.array(points).reshape(-1, 3))
        return Strokes(*found)

    def write_muscle(self, side: Side, mask: Mask, automatic: bool) -> None:
        """Write a quadratus femoris into the segmentation.

        :param automatic: whether it was found in the image: then it is marked as such, with a checksum of its voxels, and
            may be replaced as long as no one has edited it. Otherwise it is what a person drew, filled, in their own segment.
        """
        # world coordinates back into the segmentation's own
        own = Mask(
            mask.array,
            Grid(mask.grid.shape, np.linalg.inv(world_matrix(self.segmentation)) @ mask.grid.affine),
            mask.cut,
        )
        if automatic:
            key = write_segment(self.segmentation, "quadratus_femoris", side, own)
            self.segmentation.GetSegmentation().GetSegment(key).SetTag("IFIMeasure.automatic", str(self._voxels(key)))
        else:
            wanted = Structure("quadratus_femoris", side).name
            replace_voxels(
                self.segmentation, next(key for key, name in self.structures().items() if name == wanted), own
            )

    def made_here(self, segment_id: str) -> bool:
        """Whether a segment was written by :meth:`write_muscle` and no one has edited it since."""
        tag = reference("")
        segment = self.segmentation.GetSegmentation().GetSegment(segment_id)
        return (
            segment is not None
            and segment.GetTag("IFIMeasure.automatic", tag)
            and str(tag) == str(self._voxels(segment_id))
        )

    def _voxels(self, segment_id: str) -> int:
        image = slicer.vtkOrientedImageData()
        self.segmentation.GetBinaryLabelmapRepresentation(segment_id, image)
        scalars = image.GetPointData().GetScalars()
        return 0 if scalars is None else zlib.crc32(np.argwhere(vtk_to_numpy(scalars)).astype(np.int32).tobytes())

    # -- results

    def show(self, study: StudyResult) -> None:
        """Show a study's results: landmarks, lines, angles, tables and plot, updated in place."""
        if self.segmentation is None and study.segmentation is not None:
            self.segmentation = add_segmentation(self.scene, study, f"{self.name} segmentation")
            self._file(self.segmentation)
        if self.volume is None and study.volume is not None:
            self.volume = add_volume(self.scene, study.volume, f"{self.name} image")
            self._file(self.volume)
        self._show_fat_fraction(study.images)
        for side, hip in study.hips.items():
            self.show_landmarks(side, hip.landmarks)
        self.show_results(study)
        self._table("table_summary", f"{self.name} summary", SUMMARY_COLUMNS, summary_rows(study))
        self._table("table_measurements", f"{self.name} measurements", MEASUREMENT_COLUMNS, measurement_rows(study))
        self._table("table_profile", f"{self.name} profile", PROFILE_COLUMNS, profile_rows(study))
        self._plot(study)

    def _show_fat_fraction(self, images: MuscleImages | None) -> None:
        """Keep the map of the fat fraction, where there are Dixon images, as a volume of 0 to 1."""
        if images is not None and images is self._shown_images and self.node("fat_fraction") is not None:
            return  # the same as before: this is called for every change of a landmark
        self._shown_images = images
        fraction = None if images is None else fat_fraction_map(images)
        node = self.node("fat_fraction")
        if fraction is None or images is None:
            self._remove("fat_fraction")
            return
        stamp = str(zlib.crc32(np.ascontiguousarray(fraction[::4, ::4, ::4]).tobytes()))
        if node is not None and node.GetAttribute("IFIMeasure.of") == stamp:
            return
        self._remove("fat_fraction")
        node = add_volume(self.scene, Volume(fraction, images.grid, Path("fat fraction")), f"{self.name} fat fraction")
        node.SetAttribute("IFIMeasure.of", stamp)
        display = node.GetDisplayNode()
        if display is not None:
            display.SetWindowLevelMinMax(0.0, 1.0)
        self._set("fat_fraction", node)
        self._file(node)

    def show_results(self, study: StudyResult) -> None:
        """Update the lines and angles alone: quick enough for every step of a point that is being dragged."""
        for definition, side, result in each_result(study):
            self._show_result(definition, side, result)

    def highlight(self, measurement_id: str | None, side: Side | None) -> None:
        """Show one result thicker than the others; of these, only the spaces stay visible. None for no result."""
        for definition in MEASUREMENTS:
            for which in (None, *Side):
                node = self.result_node(definition.id, which)
                display = node.GetDisplayNode() if node is not None else None
                if display is None:
                    continue
                chosen = definition.id == measurement_id and which is side
                display.SetVisibility(chosen or definition.id in _SHOWN)
                display.SetLineThickness(0.9 if chosen else 0.4)
                display.SetPropertiesLabelVisibility(chosen)

    def result_node(self, measurement_id: str, side: Side | None) -> Any:
        """Return the line or angle of a result, or None where there is none."""
        return self.node(_result_role(measurement_id, side))

    def _show_result(self, definition: MeasurementDefinition, side: Side | None, result: Result) -> None:
        role = _result_role(definition.id, side)
        node = self.node(role)
        points = result.points_ras_mm if isinstance(result, Measured) else ()
        if not points:
            if node is not None:
                self.scene.RemoveNode(node)
            return
        if node is None:
            kind = "vtkMRMLMarkupsLineNode" if len(points) == 2 else "vtkMRMLMarkupsAngleNode"
            node = self.scene.AddNewNodeByClass(kind, f"{definition.id} {side.value if side else 'both'}")
            node.SetLocked(True)
            node.CreateDefaultDisplayNodes()
            display = node.GetDisplayNode()
            if display is not None:
                color = SIDE_COLORS[side] if side else (0.75, 0.75, 0.75)
                display.SetSelectedColor(*color)
                display.SetColor(*color)
                display.SetGlyphScale(1.0)
                display.SetLineThickness(0.4)
                display.SetPointLabelsVisibility(False)
                display.SetVisibility(definition.id in _SHOWN)
                display.SetPropertiesLabelVisibility(definition.id == _SHOWN[0])  # those of all would cover each other
            self._set(role, node)
            self._file(node, side)
        changing = node.StartModify()
        for index, place in enumerate(points):
            if index >= node.GetNumberOfControlPoints():
                node.AddControlPoint(vtkVector3d(*place), "abc"[index])
            elif any(abs(a - b) > 1e-9 for a, b in zip(node.GetNthControlPointPosition(index), place)):
                node.SetNthControlPointPosition(index, *place)
        assert isinstance(result, Measured)
        node.SetDescription(f"{result.method}; plane: {result.plane}")
        node.EndModify(changing)

    def _table(self, role: str, name: str, columns: dict[str, str], rows: list[dict[str, str]]) -> None:
        fill_table(self._made(role, "vtkMRMLTableNode", name), columns, rows)

    def _made(self, role: str, kind: str, name: str) -> Any:
        """Return the node of a role, making it where there is none."""
        node = self.node(role)
        if node is None:
            node = self.scene.AddNewNodeByClass(kind, name)
            self._set(role, node)
            self._file(node)
        return node

    def _plot(self, study: StudyResult) -> None:
        """Plot the spaces along the axial planes, one series a side and space, with the published cutoffs as a band."""
        levels: list[float] = []
        shown: list[Any] = []
        for side in Side:
            for space_name in ("ifs", "qfs"):
                role = f"{space_name}_{side.value}"
                space = study.hips[side].spaces[space_name] if side in study.hips else None
                points = (
                    [(p.level_mm, p.distance_mm) for p in space.profile if p.distance_mm is not None]
                    if isinstance(space, Space)
                    else []
                )
                if not points:
                    self._remove(f"series_{role}", f"points_{role}")
                    continue
                levels += [level for level, _ in points]
                series = self._series(role, f"{space_name.upper()} {side.value}", np.array(points))
                series.SetColor(*SIDE_COLORS[side])
                series.SetMarkerStyle(
                    slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle
                    if side is Side.RIGHT
                    else slicer.vtkMRMLPlotSeriesNode.MarkerStyleSquare
                )
                series.SetLineStyle(
                    slicer.vtkMRMLPlotSeriesNode.LineStyleSolid
                    if space_name == "ifs"
                    else slicer.vtkMRMLPlotSeriesNode.LineStyleDash
                )
                series.SetLineWidth(2.0)
                shown.append(series)
        if not levels:
            self._remove("plot", "series_cutoffs", "points_cutoffs")
            return
        low, high = _cutoff_band("ifs_axial", study.subject)
        # a band, drawn as one line that runs to and fro: plots know no areas
        heights = np.linspace(low, high, 25)
        left, right = min(levels) - 2.0, max(levels) + 2.0
        band = np.array(
            [(x, y) for n, y in enumerate(heights) for x in ((left, right) if n % 2 == 0 else (right, left))]
        )
        series = self._series("cutoffs", f"IFS cutoffs {low:g} to {high:g} mm", band)
        series.SetColor(0.6, 0.6, 0.6)
        series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        series.SetLineWidth(2.0)
        series.SetOpacity(0.5)
        chart = self._made("plot", "vtkMRMLPlotChartNode", f"{self.name} profile plot")
        chart.SetTitle("Space along the axial planes through the lesser trochanter")
        chart.SetXAxisTitle("superior (mm)")
        chart.SetYAxisTitle("space (mm)")
        wanted = [node.GetID() for node in (series, *shown)]
        if [chart.GetNthPlotSeriesNodeID(n) for n in range(chart.GetNumberOfPlotSeriesNodes())] != wanted:
            chart.RemoveAllPlotSeriesNodeIDs()
            for node_id in wanted:
                chart.AddAndObservePlotSeriesNodeID(node_id)

    def _series(self, role: str, title: str, points: Array) -> Any:
        table = vtkTable()
        for index, column in enumerate(("level_s_mm", "distance_mm")):
            array = vtkDoubleArray()
            array.SetName(column)
            array.SetNumberOfValues(len(points))
            for row, value in enumerate(points[:, index]):
                array.SetValue(row, float(value))
            table.AddColumn(array)
        node = self._made(f"points_{role}", "vtkMRMLTableNode", f"{self.name} plot {title}")
        node.SetAndObserveTable(table)
        series = self._made(f"series_{role}", "vtkMRMLPlotSeriesNode", title)
        series.SetName(title)
        series.SetAndObserveTableNodeID(node.GetID())
        series.SetXColumnName("level_s_mm")
        series.SetYColumnName("distance_mm")
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        return series

    def _remove(self, *roles: str) -> None:
        for role in roles:
            node = self.node(role)
            if node is not None:
                self.scene.RemoveNode(node)

    # -- bones colored by their distance

    def show_bones(self, prepared: PreparedStudy) -> None:
        """Show both bones of each side as surfaces colored by the distance to the other bone, with a scalar bar in mm."""
        colors = self._made("bone_colors", "vtkMRMLProceduralColorNode", "IFIMeasure bone distance (mm)")
        function = colors.GetColorTransferFunction()
        if function.GetSize() == 0:
            for value, color in zip(np.linspace(0.0, MAX_SHOWN_DISTANCE_MM, len(_DISTANCE_COLORS)), _DISTANCE_COLORS):
                function.AddRGBPoint(float(value), *color)
        for side in Side:
            surfaces = bone_surfaces(prepared, side) if side in prepared.bones else {}
            for bone in ("femur", "hip"):
                role = f"bone_{bone}_{side.value}"
                surface = surfaces.get(bone)
                if surface is None:
                    self._remove(role)
                    continue
                node = self._made(role, "vtkMRMLModelNode", f"{definitions()[bone].title} {side.value}, distance")
                node.SetAndObservePolyData(surface)
                node.CreateDefaultDisplayNodes()
                display = node.GetDisplayNode()
                if display is None:
                    continue
                display.SetActiveScalar("distance_mm", 0)
                display.SetScalarVisibility(True)
                display.SetAndObserveColorNodeID(colors.GetID())
                display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseManualScalarRange)
                display.SetScalarRange(0.0, MAX_SHOWN_DISTANCE_MM)
                display.SetVisibility2D(False)
                if bone == "femur" and self.node("color_legend") is None:
                    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(node)
                    if legend is not None:
                        legend.SetTitleText("distance to the other bone (mm)")
                        legend.SetLabelFormat("%.0f")
                        legend.SetAndObserveColorNodeID(colors.GetID())
                        legend.SetVisibility(True)
                        self._set("color_legend", legend)

    def hide_bones(self) -> None:
        """Remove the colored surfaces."""
        self._remove(
            "color_legend", *(f"bone_{bone}_{side.value}" for side in Side for bone in ("femur", "hip")), "bone_colors"
        )

    # -- order in the scene

    def _file(self, node: Any, side: Side | None = None) -> None:
        """Put a node into the study's folder of the subject hierarchy, or into the side's folder within it."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        folder = self._folder(hierarchy, "folder", hierarchy.GetSceneItemID(), self.name)
        if side is not None:
            folder = self._folder(hierarchy, f"folder_{side.value}", folder, f"{side.value.capitalize()} hip")
        item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(folder, node)
        hierarchy.SetItemParent(item, folder)

    def _folder(self, hierarchy: Any, role: str, parent: int, name: str) -> int:
        uid = f"{self.record.GetID()} {role}"
        for item in _items(hierarchy, parent):
            if hierarchy.GetItemAttribute(item, "IFIMeasure.folder") == uid:
                return item
        item = int(hierarchy.CreateFolderItem(parent, name))
        hierarchy.SetItemAttribute(item, "IFIMeasure.folder", uid)
        return item


MAX_SHOWN_DISTANCE_MM = 40.0
"""Distances beyond this get the last color."""

_DISTANCE_COLORS = (
    (0.55, 0.05, 0.10),
    (0.90, 0.45, 0.15),
    (0.98, 0.85, 0.45),
    (0.75, 0.88, 0.90),
    (0.30, 0.55, 0.78),
    (0.16, 0.25, 0.55),
)


def _result_role(measurement_id: str, side: Side | None) -> str:
    return f"result_{measurement_id}_{side.value if side else 'both'}"


def _items(hierarchy: Any, parent: int) -> list[int]:
    from vtkmodules.vtkCommonCore import vtkIdList

    ids = vtkIdList()
    hierarchy.GetItemChildren(parent, ids)
    return [int(ids.GetId(n)) for n in range(ids.GetNumberOfIds())]


def _cutoff_band(measurement_id: str, subject: Subject) -> tuple[float, float]:
    """Lowest and highest published cutoff that fits the subject, millimeter."""
    cutoffs = [
        row.cutoff_mm
        for row in reference_rows()
        if row.measurement == measurement_id and row.cutoff_mm is not None and row.applies_to(subject)
    ]
    return (min(cutoffs), max(cutoffs)) if cutoffs else (0.0, 0.0)


def _is_linear(node: Any) -> bool:
    transform = node.GetParentTransformNode()
    return transform is None or bool(transform.IsTransformToWorldLinear())


def _segment_ids(node: Any) -> list[str]:
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]


def guess_structure(segment: Any) -> str:
    """Return the structure that a segment's name or, failing that, its terminology means; empty where neither does."""
    structure = structure_from_name(segment.GetName() or "", names_known_unasked())
    if structure is not None:
        return structure.name
    entry = reference("")
    if not segment.GetTag("TerminologyEntry", entry):
        return ""
    parts = str(entry).split("~")
    if len(parts) < 4:
        return ""
    scheme_value = tuple(parts[2].split("^")[:2])
    modifier = (parts[3].split("^") + ["", ""])[1]
    side = next((side for side, code in SIDE_CODES.items() if code[1] == modifier), None)
    for definition in definitions().values():
        if definition.code[:2] == scheme_value and definition.code[1] != "13024002":  # "tendon" alone says not which
            return Structure(definition.id, side if definition.sided else None).name
    return ""


def fill_table(node: Any, columns: dict[str, str], rows: list[dict[str, str]]) -> None:
    """Fill a table node with text columns: the tables' own file format keeps only six digits of numbers."""
    table = vtkTable()
    for column in columns:
        array = vtkStringArray()
        array.SetName(column)
        for row in rows:
            array.InsertNextValue(row[column])
        table.AddColumn(array)
    node.SetAndObserveTable(table)
    for column, description in columns.items():
        node.SetColumnDescription(column, description)


def write_follow_up(scene: Any, rows: list[dict[str, str]]) -> Any:
    """Keep the changes between the studies of a scene in its one table of them; returns the node."""
    name = "IFIMeasure follow-up"
    node = scene.GetFirstNode(name, "vtkMRMLTableNode") or scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    fill_table(node, FOLLOW_UP_COLUMNS, rows)
    return node


def write_landmark(node: Any, index: int, key: str, landmark: Landmark) -> None:
    """Write one landmark (RAS world millimeter) with its state and origin into a control point."""
    if landmark.position_ras_mm is not None:
        node.SetNthControlPointPositionWorld(index, *landmark.position_ras_mm)
        # the origin is kept in the node's own frame, so that moving node and bones together leaves it automatic
        landmark = replace(landmark, position_ras_mm=point3(node.GetNthControlPointPosition(index)))
    elif landmark.status is LandmarkStatus.MISSING:
        node.SetNthControlPointPositionMissing(index)
    else:
        node.UnsetNthControlPointPosition(index)
    node.SetNthControlPointDescription(index, describe_landmark(key, landmark))


def _landmark(node: Any, index: int) -> Landmark:
    status = node.GetNthControlPointPositionStatus(index)
    if status == slicer.vtkMRMLMarkupsNode.PositionMissing:
        return parse_description(node.GetNthControlPointDescription(index), None, LandmarkStatus.MISSING)
    if status != slicer.vtkMRMLMarkupsNode.PositionDefined:
        return NOT_PLACED
    world, local = [0.0] * 3, [0.0] * 3
    node.GetNthControlPointPositionWorld(index, world)
    node.GetNthControlPointPosition(index, local)
    if not all(math.isfinite(v) for v in (*world, *local)):
        raise IFIMeasureError(
            f"{node.GetName()}: the position of '{node.GetNthControlPointLabel(index)}' is not a finite number; place the point again."
        )
    origin = parse_description(node.GetNthControlPointDescription(index), point3(local), LandmarkStatus.DEFINED)
    return replace(origin, position_ras_mm=point3(world))


def _patient_tags(scene: Any, node: Any) -> dict[str, str]:
    """What the subject hierarchy has of the patient and study that a node lies under, as DICOM import fills it, by DICOM keyword."""
    if node is None:
        return {}
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    names = {
        "PatientSex": constants.GetDICOMPatientSexAttributeName(),
        "PatientBirthDate": constants.GetDICOMPatientBirthDateAttributeName(),
        "StudyDate": constants.GetDICOMStudyDateAttributeName(),
    }
    tags: dict[str, str] = {}
    item = hierarchy.GetItemByDataNode(node)
    while item and item != hierarchy.GetSceneItemID():
        for tag, name in names.items():
            value = hierarchy.GetItemAttribute(item, name)
            if value:
                tags.setdefault(tag, value.replace("-", ""))
        item = hierarchy.GetItemParent(item)
    return tags


def bone_surfaces(prepared: PreparedStudy, side: Side) -> dict[str, Any]:
    """Return femur and hip bone (vtkPolyData, RAS), each with the distance to the other as point data ``distance_mm``.

    Read from surfaces of 1 to 1.5 mm: good for colors, some tenths of a millimeter off.
    """
    turned = prepared.bones[side].turned
    fields = {
        "femur": prepared.bones[side].fields["femur"],
        "hip": BoneField(turned["hip"]),
    }  # the whole hip bone: placement needs its lower part only
    frame = SideFrame(side)
    surfaces = {}
    for bone, other in (("femur", "hip"), ("hip", "femur")):
        surface = triangulated(fields[bone].phi, frame.grid_to_ras(fields[bone].grid))
        points_side = frame.to_side(vtk_to_numpy(surface.GetPoints().GetData()))
        distance, _ = scipy.spatial.cKDTree(fields[other].surface[0]).query(points_side)
        scalars = numpy_to_vtk(distance.astype(np.float32), deep=True)
        scalars.SetName("distance_mm")
        surface.GetPointData().AddArray(scalars)
        surfaces[bone] = surface
    return surfaces
