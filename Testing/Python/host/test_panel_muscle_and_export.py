"""The panel on a strict stand-in of the application: the quadratus femoris, findings, files."""

from __future__ import annotations

import csv
import types
from pathlib import Path

import numpy as np
import pydicom
import pytest
import slicer
from host.driver import APP, add_sample
from IFIMeasureLib.export.dicom_report import show_report
from IFIMeasureLib.files.dicom_series import read_series, scan_folder
from IFIMeasureLib.images.masks import Volume
from IFIMeasureLib.mrml.sample_scene import add_sample_bones
from IFIMeasureLib.mrml.volumes import add_volume
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study
from IFIMeasureLib.values import Side
from vtk import reference as vtk_reference
from vtk.util.numpy_support import vtk_to_numpy


def test_a_folder_that_is_typed_is_left_as_it_is_typed(placed, tmp_path):
    for typed in ("/", "/da", "/data", "/data/", "/data/h"):
        placed.ui.exportFolderSelector.currentPath = typed
        placed.turn()
        assert placed.ui.exportFolderSelector.currentPath == typed
    assert placed.widget.panel.parameters.exportFolder == Path("/data/h")
    placed.leave()
    placed.enter()
    assert placed.ui.exportFolderSelector.currentPath == "/data/h"


def test_the_quadratus_femoris_is_segmented_into_the_segmentation_and_edits_are_kept(panel):
    from IFIMeasureLib.mrml.sample_scene import sample_phantom

    nodes = add_sample(panel.scene)
    grid = sample_grid((0.9, 0.9, 3.0))
    volume = add_volume(panel.scene, Volume(sample_phantom().image(grid, "t1"), grid, Path("t1")), "T1")
    segmentation = nodes["segmentation"].GetSegmentation()
    truth = {}
    for side in Side:
        image = slicer.vtkOrientedImageData()
        nodes["segmentation"].GetBinaryLabelmapRepresentation(f"quadratus_femoris_{side.value}", image)
        truth[side] = vtk_to_numpy(image.GetPointData().GetScalars()).astype(bool).sum() * 0.9 * 0.9 * 3.0 / 1000
        segmentation.RemoveSegment(f"quadratus_femoris_{side.value}")
    panel.ui.volumeSelector.setCurrentNode(volume)
    panel.ui.segmentationSelector.setCurrentNode(nodes["segmentation"])
    panel.turn()
    panel.place()
    assert panel.value("qf_volume", Side.LEFT) == "–"
    panel.ui.contrastComboBox.currentIndex = 1
    panel.ui.segmentMuscleButton.click()
    panel.turn()
    assert APP.HOST.shown == []
    for side in Side:
        assert float(panel.value("qf_volume", side).split()[0]) == pytest.approx(truth[side], rel=0.15)
    assert "%" in panel.value("qf_fat_fraction", Side.LEFT)
    tag = vtk_reference("")
    segment = segmentation.GetSegment("quadratus_femoris_left")
    assert segment.GetTag("TerminologyEntry", tag) and "245020003" in str(tag)
    # a person takes half of the left one away: their edit stays, the right one may be made anew
    image = segment.GetRepresentation("Binary labelmap")
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    array[: array.shape[0] // 2] = 0
    image.Modified()
    segmentation.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
    panel.turn()
    edited = panel.value("qf_volume", Side.LEFT)
    assert 0.1 * truth[Side.LEFT] < float(edited.split()[0]) < 0.9 * truth[Side.LEFT]
    panel.ui.segmentMuscleButton.click()
    panel.turn()
    assert APP.HOST.shown == []
    assert panel.value("qf_volume", Side.LEFT) == edited


def test_a_muscle_drawn_on_every_second_slice_is_filled_in_the_persons_own_segment(placed):
    segmentation = placed.nodes["segmentation"].GetSegmentation()
    key = "quadratus_femoris_left"
    whole = float(placed.value("qf_volume", Side.LEFT).split()[0])
    image = slicer.vtkOrientedImageData()
    placed.nodes["segmentation"].GetBinaryLabelmapRepresentation(key, image)
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    used = np.flatnonzero(array.any((1, 2)))
    erased = [k for k in used[:-1] if (k - used[0]) % 2]
    array[erased] = 0
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(image, placed.nodes["segmentation"], key)
    segmentation.GetSegment(key).SetName("drawn by me")
    placed.live.nodes.mapping = {key: "quadratus_femoris_left"}
    placed.turn()
    drawn = float(placed.value("qf_volume", Side.LEFT).split()[0])
    assert drawn < 0.65 * whole
    for _ in range(2):  # pressing it again neither throws it away nor makes a second one
        placed.ui.segmentMuscleButton.click()
        placed.turn()
        assert float(placed.value("qf_volume", Side.LEFT).split()[0]) == pytest.approx(whole, rel=0.06)
        assert segmentation.GetSegment(key).GetName() == "drawn by me"
        assert segmentation.GetNumberOfSegments() == len(placed.live.nodes.segments())
        assert placed.live.nodes.muscle_origin(Side.LEFT) == "drawn slices"
    assert "that a person made; it is kept" in APP.HOST.warnings.pop()
    assert APP.HOST.shown == []


def test_a_muscle_that_a_person_set_aside_is_kept_and_the_one_that_is_found_stands_beside_it(panel):
    from IFIMeasureLib.mrml.sample_scene import sample_phantom

    nodes = add_sample(panel.scene)
    grid = sample_grid((0.9, 0.9, 3.0))
    volume = add_volume(panel.scene, Volume(sample_phantom().image(grid, "t1"), grid, Path("t1")), "T1")
    panel.ui.volumeSelector.setCurrentNode(volume)
    panel.ui.segmentationSelector.setCurrentNode(nodes["segmentation"])
    panel.turn()
    panel.place()
    keys = {side: f"quadratus_femoris_{side.value}" for side in Side}
    segmentation = nodes["segmentation"].GetSegmentation()
    own = {side: segmentation.GetSegment(key) for side, key in keys.items()}
    drawn = {side: segment.GetRepresentation("Binary labelmap") for side, segment in own.items()}
    rows = [segment_id for segment_id, _name, _structure in panel.live.nodes.segments()]
    for key in keys.values():
        panel.ui.segmentTable.cellWidget(rows.index(key), 1).setCurrentIndex(0)  # not used
    panel.turn()
    panel.ui.contrastComboBox.currentIndex = 1
    for _ in range(2):  # pressed again, it is the found one that is replaced
        panel.ui.segmentMuscleButton.click()
        panel.turn()
        assert APP.HOST.shown == []
        for side, key in keys.items():
            assert segmentation.GetSegment(key) is own[side]
            assert own[side].GetRepresentation("Binary labelmap") is drawn[side]
            assert panel.live.nodes.muscle_origin(side) == "image"
            assert panel.value("qf_volume", side) != "–"
        assert segmentation.GetNumberOfSegments() == len(rows) + 2
    segmentation.RemoveSegment(keys[Side.LEFT])
    found = next(key for key, structure in panel.live.nodes.structures().items() if structure == keys[Side.LEFT])
    segmentation.RemoveSegment(found)
    panel.turn()
    panel.ui.segmentMuscleButton.click()  # what was said of a segment that is gone holds for no new one
    panel.turn()
    assert panel.live.nodes.muscle_origin(Side.LEFT) == "image" and panel.value("qf_volume", Side.LEFT) != "–"


def test_what_a_reader_found_is_kept_with_the_study_and_exported(placed, tmp_path):
    from IFIMeasureLib.anatomy.findings import FINDINGS

    row = next(n for n, d in enumerate(FINDINGS) if d.id == "reader_tear")
    placed.ui.findingTable.cellWidget(row, 2).setCurrentIndex(2)
    placed.turn()
    assert placed.live.nodes.findings == {Side.LEFT: {"reader_tear": "partial"}}
    assert placed.live.result.findings == {Side.LEFT: {"reader_tear": "partial"}}
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    placed.ui.exportSceneCheckBox.checked = False
    placed.ui.exportButton.click()
    assert 'reader_tear,"Quadratus femoris, tear",left,partial' in (tmp_path / "out" / "findings.csv").read_text()
    placed.ui.findingTable.cellWidget(row, 2).setCurrentIndex(0)
    placed.turn()
    assert placed.live.nodes.findings == {}


def test_an_unknown_contrast_in_a_scene_leaves_the_panel_at_work(placed):
    record = placed.live.nodes.record
    placed.ui.studySelector.setCurrentNode(None)
    placed.turn()
    record.SetParameter("contrast", "t9")
    placed.ui.studySelector.setCurrentNode(record)
    placed.turn()
    assert placed.ui.contrastComboBox.currentIndex == 0
    placed.ui.contrastComboBox.currentIndex = 1
    placed.turn()
    assert placed.live.nodes.contrast == "t1"


def test_points_inside_and_outside_are_placed_in_lists_of_their_own(placed):
    interaction = placed.scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    for wanted in (True, False, True):
        placed.ui.outsideButton.click()
        placed.turn()
        assert (interaction.GetCurrentInteractionMode() == interaction.Place) is wanted
        assert placed.ui.outsideButton.checked is wanted and not placed.ui.insideButton.checked
    placed.ui.insideButton.click()
    placed.turn()
    assert placed.ui.insideButton.checked and not placed.ui.outsideButton.checked
    interaction.SetCurrentInteractionMode(interaction.ViewTransform)  # as a right click in a view does
    placed.turn()
    assert not placed.ui.insideButton.checked
    placed.ui.outsideButton.click()
    node = placed.live.nodes.stroke_node("outside")
    assert placed.scene.GetFirstNodeByClass("vtkMRMLSelectionNode").GetActivePlaceNodeID() == node.GetID()
    node.AddControlPoint(1.0, 2.0, 3.0)
    assert placed.live.nodes.strokes().outside.tolist() == [[1.0, 2.0, 3.0]]
    placed.ui.segmentMuscleButton.click()
    assert "that a person made; it is kept" in APP.HOST.warnings.pop()


def test_export_writes_the_files_of_the_command_line_and_refuses_in_one_sentence(placed, tmp_path):
    placed.ui.exportButton.click()
    assert "No folder is chosen" in APP.HOST.warnings.pop()
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    placed.ui.exportSceneCheckBox.checked = False
    placed.ui.exportWorkbookCheckBox.checked = True
    placed.ui.exportButton.click()
    assert APP.HOST.shown == []
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {
        "measurements.csv",
        "measurements.schema.csv",
        "study.csv",
        "study.schema.csv",
        "muscle_sections.csv",
        "muscle_sections.schema.csv",
        "measurements.xlsx",
        "profile.csv",
        "profile.schema.csv",
        "report.html",
        "landmarks_left.mrk.json",
        "landmarks_right.mrk.json",
        "segmentation.seg.nrrd",
        "study.json",
    }
    text = (tmp_path / "out" / "measurements.csv").read_text()
    assert repr(placed.live.result.hips[Side.LEFT].results["ifs_axial"].value) in text
    placed.ui.exportDicomCheckBox.checked = True
    placed.ui.replaceCheckBox.checked = True
    placed.ui.exportButton.click()
    assert "refer to the DICOM series that was measured, and there is none" in APP.HOST.warnings.pop()
    placed.ui.exportDicomCheckBox.checked = placed.ui.replaceCheckBox.checked = False
    placed.ui.exportButton.click()
    assert "there are results already" in APP.HOST.warnings.pop()
    placed.ui.replaceCheckBox.checked = True
    placed.ui.exportButton.click()
    assert APP.HOST.shown == []


def test_a_landmark_that_is_just_being_placed_anew_is_not_missing_in_an_export(placed, tmp_path):
    placed.choose("femoral_neck_center", Side.LEFT)
    placed.ui.placeButton.click()
    placed.turn()
    assert placed.value("neck_shaft_angle", Side.LEFT) == "–"
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    for box in (placed.ui.exportSceneCheckBox, placed.ui.exportReportCheckBox, placed.ui.exportSegmentationCheckBox):
        box.checked = False
    placed.ui.exportButton.click()
    placed.turn()
    assert APP.HOST.shown == [] and not placed.ui.placeButton.checked
    with (tmp_path / "out" / "measurements.csv").open(encoding="utf-8", newline="") as stream:
        values = {(row["measurement"], row["side"]): row["value"] for row in csv.DictReader(stream)}
    assert float(values["neck_shaft_angle", "left"]) == pytest.approx(127.0, abs=1.0)
    assert placed.value("neck_shaft_angle", Side.LEFT) != "–"


def test_dicom_refers_to_the_files_that_the_volume_was_loaded_from(panel, tmp_path, monkeypatch):
    pytest.importorskip("highdicom", reason="the package highdicom is not installed")
    dicom, path = write_sample_study(tmp_path / "sample", Phantom(seed=1), sample_grid((1.0, 1.0, 4.0)))
    volume = read_series(scan_folder(dicom)[0])
    files = {str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID): str(file) for file in volume.files}
    node = add_volume(panel.scene, volume, "t1")
    node.SetAttribute("DICOM.instanceUIDs", " ".join(files))  # as the application's DICOM import sets it
    storage = panel.scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    segmentation = panel.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "bones")
    assert storage.ReadData(segmentation)
    monkeypatch.setattr(
        slicer, "dicomDatabase", types.SimpleNamespace(fileForInstance=lambda uid: files.get(uid, "")), raising=False
    )
    panel.ui.volumeSelector.setCurrentNode(node)
    panel.ui.segmentationSelector.setCurrentNode(segmentation)
    panel.turn()
    panel.place()
    panel.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    for box in (panel.ui.exportSceneCheckBox, panel.ui.exportReportCheckBox, panel.ui.exportSegmentationCheckBox):
        box.checked = False
    panel.ui.exportDicomCheckBox.checked = True
    panel.ui.exportButton.click()
    assert APP.HOST.shown == []
    report = pydicom.dcmread(tmp_path / "out" / "report.dcm")
    source = pydicom.dcmread(volume.files[0], stop_before_pixels=True)
    assert (report.StudyInstanceUID, report.PatientID) == (source.StudyInstanceUID, source.PatientID)
    value = panel.live.result.hips[Side.LEFT].results["ifs_axial"].value
    assert f"{value!r} mm" in {row[2] for row in show_report(tmp_path / "out" / "report.dcm")}
    files.popitem()  # a file has been removed from the database
    panel.ui.replaceCheckBox.checked = True
    panel.ui.exportButton.click()
    assert (
        "refer to the DICOM series that was measured" in APP.HOST.warnings.pop()
        and (tmp_path / "out" / "report.dcm").exists()
    )


def test_packages_that_slicer_lacks_are_installed_only_where_the_person_agrees(placed, tmp_path, monkeypatch):
    from IFIMeasureLib.export import formats

    monkeypatch.setitem(formats.NEEDED_PACKAGES, "fhir", "no_such_package")
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    placed.ui.exportFhirCheckBox.checked = True
    APP.HOST.asked.clear()
    APP.HOST.installed.clear()
    APP.HOST.agrees = False
    placed.ui.exportButton.click()
    assert "no_such_package" in APP.HOST.asked.pop() and not APP.HOST.installed and not (tmp_path / "out").exists()
    APP.HOST.agrees = True
    placed.ui.exportButton.click()
    assert (
        APP.HOST.installed == ["no_such_package"] and (tmp_path / "out" / "fhir.json").exists() and APP.HOST.shown == []
    )


def test_changes_over_time_are_exported_where_the_scene_has_an_earlier_study(placed, tmp_path):
    placed.ui.exportFolderSelector.currentPath = str(tmp_path / "out")
    placed.ui.exportSceneCheckBox.checked = False
    placed.ui.exportChangesCheckBox.checked = True
    placed.ui.exportButton.click()
    assert "the date of the examination is not known" in APP.HOST.warnings.pop() and not (tmp_path / "out").exists()
    placed.ui.dateLineEdit.text = "2025-03-01"
    placed.ui.dateLineEdit._raw.editingFinished.emit()
    placed.turn()
    placed.ui.exportButton.click()
    assert "no earlier study to compare it with" in APP.HOST.warnings.pop() and not (tmp_path / "out").exists()
    earlier = placed.widget.logic.measure(placed.ui.segmentationSelector.currentNode())
    earlier.nodes.date = "2024-03-01"
    placed.ui.exportButton.click()
    assert "have one segmentation (IFI hip phantom bones)" in APP.HOST.warnings.pop()
    assert not (tmp_path / "out").exists()
    earlier.nodes.segmentation = add_sample_bones(placed.scene)
    placed.ui.exportButton.click()
    assert APP.HOST.shown == []
    with (tmp_path / "out" / "follow_up.csv").open(encoding="utf-8", newline="") as stream:
        rows = {(row["measurement"], row["side"]): row for row in csv.DictReader(stream)}
    assert rows["ifs_axial", "left"]["first_date"] == "2024-03-01" and float(
        rows["ifs_axial", "left"]["change"]
    ) == pytest.approx(0.0, abs=1e-6)
    assert "Changes against the first examination" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
