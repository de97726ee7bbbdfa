"""The scene on Slicer's own C++ core: states, frames, terminology, and a round trip through .mrb."""

from __future__ import annotations

import json

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from IFIMeasureLib.core.imaging import read_segmentation  # noqa: E402
from IFIMeasureLib.core.landmarks import LandmarkState, markups_document, read_landmarks  # noqa: E402
from IFIMeasureLib.core.study import measure_study, resolve_structures  # noqa: E402
from IFIMeasureLib.core.values import IFIMeasureError, Side  # noqa: E402
from IFIMeasureLib.mrml.scene import add_study, create_scene, read_scene, read_segmentation_node, write_landmarks, write_scene, write_segmentation  # noqa: E402
from vtkmodules.vtkCommonCore import reference  # noqa: E402


@pytest.fixture
def headless():
    return create_scene()


def test_landmarks_keep_order_position_and_state_through_slicers_file(headless, study, tmp_path):
    nodes = add_study(headless.scene, study, "case")
    path = tmp_path / "landmarks_left.mrk.json"
    write_landmarks(headless.scene, nodes.landmarks[Side.LEFT], path)
    read = read_landmarks(path)[Side.LEFT]
    for key, landmark in study.hips[Side.LEFT].landmarks.items():
        assert read[key].state is landmark.state, key
        if landmark.position_ras_mm:
            assert read[key].position_ras_mm == pytest.approx(landmark.position_ras_mm, abs=1e-9)
    statuses = {p["positionStatus"] for p in json.loads(path.read_text())["markups"][0]["controlPoints"]}
    assert statuses == {"defined", "missing"}


def test_slicer_reads_the_template_with_every_point_undefined(headless, tmp_path):
    path = tmp_path / "template.mrk.json"
    from IFIMeasureLib.core.landmarks import empty_landmarks

    path.write_text(json.dumps(markups_document({side: empty_landmarks() for side in Side}, "IFI landmarks")))
    node = headless.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    storage = headless.scene.AddNewNodeByClass("vtkMRMLMarkupsJsonStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    assert node.GetNumberOfControlPoints() == 32
    assert node.GetNumberOfDefinedControlPoints() == 0
    assert node.GetNthControlPointLabel(4) == "Right lesser trochanter tip"


def test_measurement_lines_measure_what_the_table_says(headless, study):
    nodes = add_study(headless.scene, study, "case")
    for (side, name), line in nodes.lines.items():
        length = line.GetMeasurement("length")
        assert length.GetValueDefined()
        assert length.GetValue() == pytest.approx(study.hips[side].results[name].value, abs=1e-6)
        assert line.GetLocked()


def test_the_segmentation_file_holds_the_same_voxels_in_the_same_place(headless, study, tmp_path):
    nodes = add_study(headless.scene, study, "case")
    path = tmp_path / "segmentation.seg.nrrd"
    write_segmentation(headless.scene, nodes.segmentation, path)
    read = read_segmentation(path)
    for side, hip in study.hips.items():
        for key in ("hip", "femur", "hamstring"):
            ref = next(s for s in read.segments if s.name == f"{key}_{side.value}")
            mask = read.mask([ref])
            original = hip.masks[key]
            assert mask.array.sum() == original.array.sum()
            assert mask.grid.to_ras(np.argwhere(mask.array).mean(0)) == pytest.approx(original.grid.to_ras(np.argwhere(original.array).mean(0)))


def test_segments_carry_terminology_with_their_side(headless, study):
    nodes = add_study(headless.scene, study, "case")
    tag = reference("")
    assert nodes.segmentation.GetSegmentation().GetSegment("femur_left").GetTag("TerminologyEntry", tag)
    assert "SCT^71341001^Femur" in str(tag) and "SCT^7771000^Left" in str(tag)


def test_a_scene_comes_back_whole_from_mrb(headless, study, tmp_path):
    add_study(headless.scene, study, "case")
    write_scene(headless.scene, tmp_path / "scene.mrb")
    again = create_scene()
    read_scene(again, tmp_path / "scene.mrb", tmp_path / "unpacked")
    landmarks = again.scene.GetFirstNodeByName("case landmarks right")
    tip = [0.0, 0.0, 0.0]
    index = landmarks.GetControlPointIndexByLabel("Right lesser trochanter tip")
    landmarks.GetNthControlPointPositionWorld(index, tip)
    assert tip == pytest.approx(study.hips[Side.RIGHT].landmarks["lesser_trochanter_tip"].position_ras_mm, abs=1e-6)
    missing = landmarks.GetControlPointIndexByLabel("Right posterior condyle, medial")
    assert landmarks.GetNthControlPointPositionStatus(missing) == landmarks.PositionMissing
    assert study.hips[Side.RIGHT].landmarks["posterior_condyle_medial"].state is LandmarkState.MISSING
    assert again.scene.GetFirstNodeByName("case segmentation").GetSegmentation().GetNumberOfSegments() == 10
    assert again.scene.GetFirstNodeByName("case measurements").GetNumberOfRows() > 20
    assert again.scene.GetFirstNodeByName("case profile plot") is not None
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(again.scene)
    assert hierarchy.GetItemByName("Left hip")


def test_a_segmentation_node_is_measured_as_its_file_is(headless, study):
    nodes = add_study(headless.scene, study, "case")
    segmentation = read_segmentation_node(headless.scene, nodes.segmentation)
    again = measure_study(segmentation, resolve_structures(segmentation, None))
    for side, hip in study.hips.items():
        assert again.hips[side].results["ifs_3d"].value == pytest.approx(hip.results["ifs_3d"].value, abs=1e-6)


def test_an_empty_segmentation_node_is_refused(headless):
    node = headless.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    with pytest.raises(IFIMeasureError, match="has no segments"):
        read_segmentation_node(headless.scene, node)
