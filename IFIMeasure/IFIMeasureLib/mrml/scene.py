"""A study's results as MRML: segmentation, landmarks, measurement lines, profile plot, tables, one folder.

Everything goes into the scene that is passed in; nothing here needs the Slicer application. Runs on the
PyPI package slicer-core and inside 3D Slicer alike.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkDoubleArray, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkTable, vtkVector3d
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..core.anatomy import definitions
from ..core.imaging import Grid, Segmentation, Volume, read_segmentation
from ..core.landmarks import LandmarkSet, LandmarkState, landmark_definitions, landmark_description, landmark_label
from ..core.measurements import MEASUREMENTS
from ..core.spaces import Space
from ..core.study import StudyResult
from ..core.tables import MEASUREMENT_COLUMNS, PROFILE_COLUMNS, measurement_rows, profile_rows
from ..core.values import Array, IFIMeasureError, Measured, Side

SIDE_COLORS = {Side.RIGHT: (0.90, 0.60, 0.10), Side.LEFT: (0.20, 0.60, 0.90)}
"""Colors of the sides; orange and blue stay apart for people who do not tell red from green."""


_MODULE_LOGICS = ("Markups", "Volumes", "Tables", "Plots")


@dataclass
class Headless:
    """A scene of its own with Slicer's logics, for use outside the application. Keep it while nodes are used."""

    scene: Any
    application_logic: Any
    logics: list[Any] = field(default_factory=list)


def create_scene() -> Headless:
    """Return a fresh scene wired as the application wires its own (the order of the logics matters)."""
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    headless = Headless(scene, application)
    for name in ("vtkMRMLColorLogic", *(f"vtkSlicer{n}Logic" for n in _MODULE_LOGICS), "vtkSlicerSubjectHierarchyModuleLogic", "vtkSlicerSegmentationsModuleLogic"):
        logic = getattr(slicer, name)()
        if hasattr(logic, "SetMRMLApplicationLogic"):
            logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
        if hasattr(logic, "AddDefaultColorNodes"):
            logic.AddDefaultColorNodes()
        headless.logics.append(logic)
    return headless


@dataclass
class StudyNodes:
    """The nodes of one study in a scene."""

    folder_item: int
    volume: Any = None
    segmentation: Any = None
    landmarks: dict[Side, Any] = field(default_factory=dict)
    lines: dict[tuple[Side, str], Any] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    plot: Any = None


def add_study(scene: Any, study: StudyResult, name: str) -> StudyNodes:
    """Add a study's nodes to a scene, ordered in one subject-hierarchy folder.

    :param name: name of the folder and beginning of the nodes' names.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), name)
    nodes = StudyNodes(folder)
    if study.volume is not None:
        nodes.volume = add_volume(scene, study.volume, f"{name} image")
        _file(hierarchy, folder, nodes.volume)
    nodes.segmentation = add_segmentation(scene, study, f"{name} segmentation")
    _file(hierarchy, folder, nodes.segmentation)
    for side, hip in study.hips.items():
        side_folder = hierarchy.CreateFolderItem(folder, f"{side.value.capitalize()} hip")
        nodes.landmarks[side] = add_landmarks(scene, side, hip.landmarks, f"{name} landmarks {side.value}")
        _file(hierarchy, side_folder, nodes.landmarks[side])
        for definition in MEASUREMENTS:
            result = hip.results.get(definition.id)
            if isinstance(result, Measured) and definition.unit == "mm" and len(result.points_ras_mm) == 2:
                line = _add_line(scene, result, f"{definition.id} {side.value}", SIDE_COLORS[side])
                line.SetDisplayVisibility(definition.id in ("ifs_axial", "qfs_axial", "ifs_3d"))
                nodes.lines[side, definition.id] = line
                _file(hierarchy, side_folder, line)
    nodes.tables["measurements"] = _add_table(scene, f"{name} measurements", MEASUREMENT_COLUMNS, measurement_rows(study))
    nodes.tables["profile"] = _add_table(scene, f"{name} profile", PROFILE_COLUMNS, profile_rows(study))
    for table in nodes.tables.values():
        _file(hierarchy, folder, table)
    nodes.plot = _add_plot(scene, study, name, hierarchy, folder)
    return nodes


def _file(hierarchy: Any, folder: int, node: Any) -> None:
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(folder, node)
    hierarchy.SetItemParent(item, folder)


def _vtk_matrix(matrix: Array) -> Any:
    result = vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            result.SetElement(row, column, float(matrix[row, column]))
    return result


def add_volume(scene: Any, volume: Volume, name: str) -> Any:
    """Add an image as a scalar volume node."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(_vtk_matrix(volume.grid.affine))
    node.SetAndObserveImageData(_image_data(volume.array))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
        low, high = window(volume.array)
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(low, high)
    return node


def window(array: Array) -> tuple[float, float]:
    """Return gray levels between which an image shows well: its 1st and 99.5th percentile."""
    sample = array[tuple(slice(None, None, max(1, n // 96)) for n in array.shape)]
    low, high = np.percentile(sample, [1.0, 99.5])
    return float(low), float(max(high, low + 1e-3))


def _image_data(array: Array) -> Any:
    image = vtkImageData()
    image.SetDimensions(*array.shape)
    flat = np.ascontiguousarray(array.transpose(2, 1, 0)).reshape(-1)
    if flat.dtype == bool:
        flat = flat.astype(np.uint8)
    if not flat.flags.writeable:
        flat = flat.copy()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    return image


def _oriented(array: Array, grid: Grid) -> Any:
    oriented = slicer.vtkOrientedImageData()
    oriented.ShallowCopy(_image_data(array))
    oriented.SetGeometryFromImageToWorldMatrix(_vtk_matrix(grid.affine))
    return oriented


def add_segmentation(scene: Any, study: StudyResult, name: str) -> Any:
    """Add the structures as segments with names, colors and terminology; cropped label maps keep memory small."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    # files of the size of the bones, not of the whole image; nothing is lost
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetCropToMinimumExtent(True)
    segmentation = node.GetSegmentation()
    reference = _reference_geometry(study.segmentation.grid)
    segmentation.SetConversionParameter("Reference image geometry", reference)
    for structure, refs in study.structures.items():
        sided = definitions()[structure.id].sided
        masks = (
            [(f"{structure.id}_{side.value}", hip.masks[structure.id], side) for side, hip in study.hips.items() if structure.id in hip.masks]
            if sided and structure.side is None
            else [(structure.name, hip.masks[structure.id], structure.side) for side, hip in study.hips.items() if side is structure.side and structure.id in hip.masks]
            if sided
            else [(structure.name, study.segmentation.mask(refs), None)]
        )
        for segment_name, mask, side in masks:
            if mask is None:
                continue
            segment = slicer.vtkSegment()
            segment.SetName(segment_name)
            color = np.array(definitions()[structure.id].color) / 255.0
            segment.SetColor(*(float(c) for c in color))
            segment.SetTag("TerminologyEntry", terminology_entry(structure.id, side))
            segment.AddRepresentation("Binary labelmap", _oriented(mask.array.view(np.uint8), mask.grid))
            segmentation.AddSegment(segment, segment_name)
    return node


def terminology_entry(structure_id: str, side: Side | None) -> str:
    """Return a segment's terminology in Slicer's serialized form: category, type, side."""
    scheme, value, meaning = definitions()[structure_id].code
    muscles = ("quadratus_femoris", "gemelli_quadratus_femoris")
    category = "SCT^91727004^Muscle" if structure_id in muscles else "SCT^91723000^Anatomical Structure"
    modifier = {None: "^^", Side.LEFT: "SCT^7771000^Left", Side.RIGHT: "SCT^24028007^Right"}[side]
    return f"IFIMeasure~{category}~{scheme}^{value}^{meaning}~{modifier}~Anatomic codes - DICOM master list~^^~^^"


def _reference_geometry(grid: Grid) -> str:
    matrix = ";".join(repr(float(v)) for v in grid.affine.reshape(-1))
    extent = ";".join(f"0;{n - 1}" for n in grid.shape)
    return f"{matrix};{extent};"


def add_landmarks(scene: Any, side: Side, landmarks: LandmarkSet, name: str) -> Any:
    """Add one side's landmarks as a fiducial node: fixed order, states as Slicer has them, origin in the description."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    node.SetAttribute("IFIMeasure.side", side.value)
    for key, landmark in landmarks.items():
        place = landmark.position_ras_mm or (0.0, 0.0, 0.0)
        index = node.AddControlPoint(vtkVector3d(*place), landmark_label(side, key))
        if landmark.state is LandmarkState.MISSING:
            node.SetNthControlPointPositionMissing(index)
        elif landmark.state is LandmarkState.NOT_PLACED:
            node.UnsetNthControlPointPosition(index)
        text = landmark_definitions()[key].how if landmark.state is LandmarkState.NOT_PLACED else landmark_description(landmark)
        node.SetNthControlPointDescription(index, text)
    node.SetFixedNumberOfControlPoints(True)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        display.SetSelectedColor(*SIDE_COLORS[side])
        display.SetGlyphScale(1.5)
        display.SetTextScale(0.0)
    return node


def _add_line(scene: Any, result: Measured, name: str, color: tuple[float, float, float]) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", name)
    for point, label in zip(result.points_ras_mm, ("a", "b")):
        node.AddControlPoint(vtkVector3d(*point), label)
    node.SetLocked(True)
    node.SetDescription(f"{result.method}; plane: {result.plane}")
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        display.SetSelectedColor(*color)
        display.SetColor(*color)
        display.SetGlyphScale(1.0)
        display.SetLineThickness(0.4)
        display.SetPointLabelsVisibility(False)
    return node


def _add_table(scene: Any, name: str, columns: dict[str, str], rows: list[dict[str, str]]) -> Any:
    """Add a table of text columns: the tables' own file format keeps only six digits of numbers."""
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
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
    return node


def _add_plot(scene: Any, study: StudyResult, name: str, hierarchy: Any, folder: int) -> Any:
    """Add a chart of the spaces along the axial planes, one series a side and space."""
    chart = None
    for side, hip in study.hips.items():
        for space_name, space in hip.spaces.items():
            if not isinstance(space, Space):
                continue
            points = [(p.level_mm, p.distance_mm) for p in space.profile if p.distance_mm is not None]
            if not points:
                continue
            title = f"{space_name.upper()} {side.value}"
            table = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{name} plot {title}")
            data = vtkTable()
            for index, column in enumerate(("level_s_mm", "distance_mm")):
                array = vtkDoubleArray()
                array.SetName(column)
                for point in points:
                    array.InsertNextValue(point[index])
                data.AddColumn(array)
            table.SetAndObserveTable(data)
            series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", title)
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetXColumnName("level_s_mm")
            series.SetYColumnName("distance_mm")
            series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
            series.SetColor(*SIDE_COLORS[side])
            series.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleSolid if space_name == "ifs" else slicer.vtkMRMLPlotSeriesNode.LineStyleDash)
            if chart is None:
                chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", f"{name} profile plot")
                chart.SetTitle("Space along the axial planes through the lesser trochanter")
                chart.SetXAxisTitle("superior (mm)")
                chart.SetYAxisTitle("space (mm)")
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
            for node in (table, series):
                _file(hierarchy, folder, node)
    if chart is not None:
        _file(hierarchy, folder, chart)
    return chart


def write_segmentation(scene: Any, node: Any, path: Path) -> None:
    """Write a segmentation node as ``.seg.nrrd``."""
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    storage.SetUseCompression(True)
    storage.SetCropToMinimumExtent(True)
    written = storage.WriteData(node)
    scene.RemoveNode(storage)
    if not written:
        raise OSError(f"{path} could not be written.")


def read_segmentation_node(scene: Any, node: Any) -> Segmentation:
    """Return a segmentation node's content for :func:`~IFIMeasureLib.core.study.measure_study`, as its file would give it.

    :raises IFIMeasureError: where the node has no segments.
    """
    if node is None or node.GetSegmentation().GetNumberOfSegments() == 0:
        raise IFIMeasureError("The segmentation has no segments; segment hip bones and femora first, or choose another one.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "segmentation.seg.nrrd"
        write_segmentation(scene, node, path)
        segmentation = read_segmentation(path)
    segmentation.path = Path(node.GetName() or "segmentation")
    return segmentation


def write_landmarks(scene: Any, node: Any, path: Path) -> None:
    """Write a markups node as ``.mrk.json``, LPS, full precision."""
    storage = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialStorageNode" if path.suffix == ".fcsv" else "vtkMRMLMarkupsJsonStorageNode")
    storage.SetFileName(str(path))
    written = storage.WriteData(node)
    scene.RemoveNode(storage)
    if not written:
        raise OSError(f"{path} could not be written.")


def write_scene(scene: Any, path: Path, thumbnail: Any = None) -> None:
    """Write the scene as ``.mrb``."""
    if not scene.WriteToMRB(str(path), thumbnail):
        raise OSError(f"{path} could not be written.")


def read_scene(headless: Headless, path: Path, folder: Path) -> None:
    """Read an ``.mrb`` into a fresh headless scene by unpacking it into ``folder``."""
    shutil.unpack_archive(str(path), str(folder), "zip")
    mrml = next(folder.rglob("*.mrml"))
    headless.scene.SetURL(str(mrml))
    headless.scene.SetRootDirectory(str(mrml.parent))
    headless.scene.Import(None)
