"""The scene on Slicer's own C++ core: states, frames, terminology, and a round trip through .mrb."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from IFIMeasureLib.anatomy.landmarks import MARKED_MISSING, Landmark, PlacedBy  # noqa: E402
from IFIMeasureLib.anatomy.reference_values import Subject  # noqa: E402
from IFIMeasureLib.files.markups import markups_document, read_landmarks  # noqa: E402
from IFIMeasureLib.files.segmentations import read_segmentation  # noqa: E402
from IFIMeasureLib.images.masks import Volume  # noqa: E402
from IFIMeasureLib.mrml.live import LiveStudy, follow_studies  # noqa: E402
from IFIMeasureLib.mrml.sample_scene import add_sample_bones  # noqa: E402
from IFIMeasureLib.mrml.scene import create_scene, read_scene, write_landmarks, write_scene  # noqa: E402
from IFIMeasureLib.mrml.segmentations import read_segmentation_node, write_segmentation  # noqa: E402
from IFIMeasureLib.mrml.study_nodes import StudyNodes  # noqa: E402
from IFIMeasureLib.mrml.study_segments import guess_structure  # noqa: E402
from IFIMeasureLib.mrml.views import add_views  # noqa: E402
from IFIMeasureLib.mrml.volumes import add_volume  # noqa: E402
from IFIMeasureLib.present.text import value_text  # noqa: E402
from IFIMeasureLib.study.result import each_result  # noqa: E402
from IFIMeasureLib.synthetic.phantom import Phantom  # noqa: E402
from IFIMeasureLib.synthetic.sample import sample_grid  # noqa: E402
from IFIMeasureLib.values import IFIMeasureError, Measured, NotMeasurable, Side  # noqa: E402
from vtkmodules.util.numpy_support import vtk_to_numpy  # noqa: E402
from vtkmodules.vtkCommonCore import reference  # noqa: E402
from vtkmodules.vtkCommonMath import vtkMatrix4x4  # noqa: E402


@pytest.fixture
def headless():
    return create_scene()


def shown(headless, study, name="case"):
    nodes = StudyNodes.create(headless.scene, name)
    nodes.show(study)
    return nodes


def test_landmarks_keep_order_position_and_state_through_slicers_file(headless, study, tmp_path):
    nodes = shown(headless, study)
    path = tmp_path / "landmarks_left.mrk.json"
    write_landmarks(headless.scene, nodes.landmark_node(Side.LEFT), path)
    read = read_landmarks(path)[Side.LEFT]
    for key, landmark in study.hips[Side.LEFT].landmarks.items():
        assert read[key].state == landmark.state, key
        if landmark.position_ras_mm:
            assert read[key].position_ras_mm == pytest.approx(landmark.position_ras_mm, abs=1e-9)
    statuses = {p["positionStatus"] for p in json.loads(path.read_text())["markups"][0]["controlPoints"]}
    assert statuses == {"defined", "missing"}


def test_slicer_reads_the_template_with_every_point_undefined(headless, tmp_path):
    path = tmp_path / "template.mrk.json"
    from IFIMeasureLib.anatomy.landmarks import empty_landmarks, landmark_definitions

    path.write_text(json.dumps(markups_document({side: empty_landmarks() for side in Side}, "IFI landmarks")))
    node = headless.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    storage = headless.scene.AddNewNodeByClass("vtkMRMLMarkupsJsonStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    assert node.GetNumberOfControlPoints() == 2 * len(landmark_definitions())
    assert node.GetNumberOfDefinedControlPoints() == 0
    assert node.GetNthControlPointLabel(4) == "Right lesser trochanter tip"


def test_lines_and_angles_measure_what_the_table_says(headless, study):
    nodes = shown(headless, study)
    checked = set()
    for definition, side, result in each_result(study):
        node = nodes.result_node(definition.id, side)
        assert (node is not None) == (isinstance(result, Measured) and bool(result.points_ras_mm)), definition.id
        if node is None:
            continue
        drawn = node.GetMeasurement("length" if definition.unit == "mm" else "angle")
        assert (
            not node.GetPropertiesLabelText()
            and value_text(result.value, definition.decimals, definition.unit) in node.GetName()
        )  # views say the value once, as tables do
        drawn.SetEnabled(True)
        node.UpdateAllMeasurements()
        # 0 means "not defined" to Slicer as well, and an angle drawn is without sign
        assert drawn.GetValueDefined() or abs(result.value) < 0.01, definition.id
        assert drawn.GetValue() == pytest.approx(abs(result.value), abs=1e-4), definition.id
        assert node.GetLocked()
        checked.add(definition.unit)
    assert checked == {"mm", "deg"}


def test_the_segmentation_file_holds_the_same_voxels_in_the_same_place(headless, study, tmp_path):
    nodes = shown(headless, study)
    path = tmp_path / "segmentation.seg.nrrd"
    write_segmentation(headless.scene, nodes.segmentation, path)
    read = read_segmentation(path)
    for side, hip in study.hips.items():
        for key in ("hip", "femur", "hamstring"):
            ref = next(s for s in read.segments if s.name == f"{key}_{side.value}")
            mask = read.mask([ref])
            original = hip.masks[key]
            assert mask.array.sum() == original.array.sum()
            assert mask.grid.to_ras(np.argwhere(mask.array).mean(0)) == pytest.approx(
                original.grid.to_ras(np.argwhere(original.array).mean(0))
            )


def test_segments_carry_terminology_with_their_side(headless, study):
    nodes = shown(headless, study)
    tag = reference("")
    assert nodes.segmentation.GetSegmentation().GetSegment("femur_left").GetTag("TerminologyEntry", tag)
    assert "SCT^71341001^Femur" in str(tag) and "SCT^7771000^Left" in str(tag)


def test_a_scene_comes_back_whole_from_mrb(headless, study, tmp_path):
    shown(headless, study)
    write_scene(headless.scene, tmp_path / "scene.mrb")
    again = create_scene()
    read_scene(again, tmp_path / "scene.mrb")
    landmarks = again.scene.GetFirstNodeByName("case landmarks right")
    tip = [0.0, 0.0, 0.0]
    index = landmarks.GetControlPointIndexByLabel("Right lesser trochanter tip")
    landmarks.GetNthControlPointPositionWorld(index, tip)
    assert tip == pytest.approx(study.hips[Side.RIGHT].landmarks["lesser_trochanter_tip"].position_ras_mm, abs=1e-6)
    missing = landmarks.GetControlPointIndexByLabel("Right posterior condyle, medial")
    assert landmarks.GetNthControlPointPositionStatus(missing) == landmarks.PositionMissing
    assert study.hips[Side.RIGHT].landmarks["posterior_condyle_medial"].state == "missing"
    assert again.scene.GetFirstNodeByName("case segmentation").GetSegmentation().GetNumberOfSegments() == 10
    assert again.scene.GetFirstNodeByName("case measurements").GetNumberOfRows() > 20
    assert again.scene.GetFirstNodeByName("case profile plot") is not None
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(again.scene)
    assert hierarchy.GetItemByName("Left hip")


def test_a_scene_opens_with_its_views_on_the_narrowest_space(headless, study, tmp_path):
    nodes = shown(headless, study)
    nodes.volume = add_volume(
        headless.scene, Volume(np.zeros(study.bones.grid.shape, np.float32), study.bones.grid, Path("t1")), "t1"
    )
    add_views(headless.scene, nodes, study)
    write_scene(headless.scene, tmp_path / "scene.mrb")
    again = create_scene()  # with views of its own, as the application has them before a scene is opened
    slices, layout = {}, slicer.vtkMRMLLayoutNode()
    layout.SetSingletonTag("vtkMRMLLayoutNode")
    layout = again.scene.AddNode(layout)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(again.scene, True)
    for tag in ("Red", "Yellow", "Green"):
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLScene(again.scene)
        slices[tag] = (logic, logic.AddSliceNode(tag))
    read_scene(again, tmp_path / "scene.mrb")
    (back,) = StudyNodes.all(again.scene)
    space = min((hip.results["ifs_axial"] for hip in study.hips.values()), key=lambda result: result.value)
    middle = np.mean(space.points_ras_mm, axis=0)
    for (tag, (logic, view)), (plane, across) in zip(slices.items(), (("Axial", 2), ("Sagittal", 0), ("Coronal", 1))):
        assert view.GetOrientation() == plane
        assert view.GetSliceToRAS().GetElement(across, 3) == pytest.approx(middle[across], abs=1e-3), tag
        assert logic.GetSliceCompositeNode().GetBackgroundVolumeID() == back.volume.GetID()
    femora = [study.hips[side].masks["femur"].grid.corners()[:, 0] for side in Side]
    assert slices["Red"][1].GetFieldOfView()[0] > np.ptp(femora)  # both hips are in view
    assert layout.GetViewArrangement() == layout.SlicerLayoutConventionalPlotView
    assert again.scene.GetFirstNodeByClass("vtkMRMLPlotViewNode").GetPlotChartNodeID() == back.node("plot").GetID()
    assert (
        again.scene.GetFirstNodeByClass("vtkMRMLTableViewNode").GetTableNodeID() == back.node("table_summary").GetID()
    )
    assert again.scene.GetFirstNodeByClass("vtkMRMLCameraNode").GetPosition()[1] < min(
        mask.grid.corners()[:, 1].min() for mask in study.hips[Side.LEFT].masks.values()
    )
    femur = back.segmentation.GetSegmentation().GetSegment("femur_left").GetRepresentation("Closed surface")
    bounds = study.hips[Side.LEFT].masks["femur"].grid.corners()
    assert femur.GetNumberOfPoints() > 1000  # made from the voxels when the scene was opened
    assert femur.GetBounds()[4] == pytest.approx(bounds[:, 2].min(), abs=8.0) and femur.GetBounds()[0] == pytest.approx(
        bounds[:, 0].min(), abs=4.0
    )


def test_a_segmentation_node_is_measured_as_its_file_is(headless, study):
    nodes = shown(headless, study)
    again = nodes.prepare().measure()
    for side, hip in study.hips.items():
        for key, result in hip.results.items():
            if isinstance(result, Measured):
                assert again.hips[side].results[key].value == pytest.approx(result.value, abs=1e-9), key


def test_a_segmentation_cropped_to_its_bones_keeps_the_images_edges_and_slice_numbers(headless, study, tmp_path):
    nodes = shown(headless, study)
    path = tmp_path / "cropped.seg.nrrd"
    write_segmentation(headless.scene, nodes.segmentation, path)
    for read in (read_segmentation(path), read_segmentation_node(nodes.segmentation)[0]):
        assert read.grid.difference(study.segmentation.grid) == ""
        for side, hip in study.hips.items():
            mask = read.mask([ref for ref in read.segments if ref.name == f"hip_{side.value}"])
            assert mask.cut == hip.masks["hip"].cut


def test_a_segmentation_under_a_transform_is_measured_where_it_lies(headless, study):
    nodes = shown(headless, study)
    transform = headless.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    matrix = vtkMatrix4x4()
    for row, shift in enumerate((11.0, -7.0, 23.0)):
        matrix.SetElement(row, 3, shift)
    transform.SetMatrixTransformToParent(matrix)
    nodes.segmentation.SetAndObserveTransformNodeID(transform.GetID())
    moved = nodes.prepare().measure()
    assert "transform" in " ".join(moved.notes)
    for side, hip in study.hips.items():
        assert moved.hips[side].results["ifs_axial"].value == pytest.approx(hip.results["ifs_axial"].value, abs=1e-6)
        a, b = moved.hips[side].landmarks["femoral_head_center"], hip.landmarks["femoral_head_center"]
        assert np.subtract(a.position_ras_mm, b.position_ras_mm) == pytest.approx([11.0, -7.0, 23.0], abs=1e-6)
    matrix.SetElement(0, 1, 0.4)
    transform.SetMatrixTransformToParent(matrix)
    with pytest.raises(IFIMeasureError, match="shears"):
        nodes.prepare()


def test_segments_drawn_on_other_grids_are_brought_onto_one(headless, study):
    nodes = shown(headless, study)
    segmentation = nodes.segmentation.GetSegmentation()
    segment = segmentation.GetSegment("femur_left")
    image = segment.GetRepresentation("Binary labelmap")
    turned = slicer.vtkOrientedImageData()
    turned.DeepCopy(image)
    reference_image = slicer.vtkOrientedImageData()
    reference_image.DeepCopy(image)
    reference_image.SetSpacing(0.7, 0.7, 2.0)
    extent = [round(v * f) for v, f in zip(image.GetExtent(), (9 / 7, 9 / 7, 9 / 7, 9 / 7, 1.5, 1.5))]
    reference_image.SetExtent(*extent)
    reference_image.AllocateScalars(3, 1)
    finer = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        turned, reference_image, finer, False
    )
    segmentation.RemoveSegment("femur_left")
    new = slicer.vtkSegment()
    new.SetName("femur_left")
    new.AddRepresentation("Binary labelmap", finer)
    segmentation.AddSegment(new, "femur_left")
    read, ids = read_segmentation_node(nodes.segmentation)
    mask = read.mask([read.segments[ids.index("femur_left")]])
    original = study.hips[Side.LEFT].masks["femur"]
    volume = mask.array.sum() * abs(np.linalg.det(mask.grid.affine[:3, :3]))
    expected = original.array.sum() * abs(np.linalg.det(original.grid.affine[:3, :3]))
    assert volume == pytest.approx(expected, rel=0.03)


def test_an_empty_segmentation_node_is_refused(headless):
    node = headless.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    with pytest.raises(IFIMeasureError, match="has no segments"):
        read_segmentation_node(node)
    node.GetSegmentation().AddEmptySegment("femur_left", "femur_left")
    with pytest.raises(IFIMeasureError, match="every segment is empty"):
        read_segmentation_node(node)


# -- a study kept in a scene


def test_showing_a_study_again_updates_its_nodes_and_adds_none(headless, study):
    nodes = shown(headless, study)
    before = headless.scene.GetNumberOfNodes()
    nodes.show(study)
    assert headless.scene.GetNumberOfNodes() == before


def test_two_studies_in_one_scene_are_kept_apart(headless, study):
    first, second = shown(headless, study, "first"), shown(headless, study, "second")
    tip = first.landmark_node(Side.RIGHT).GetControlPointIndexByLabel("Right lesser trochanter tip")
    first.landmark_node(Side.RIGHT).SetNthControlPointPosition(tip, 1.0, 2.0, 3.0)
    assert first.landmarks(Side.RIGHT)["lesser_trochanter_tip"].state == "manual"
    assert second.landmarks(Side.RIGHT)["lesser_trochanter_tip"].state == "automatic"
    assert [s.name for s in StudyNodes.all(headless.scene)] == ["first", "second"]
    assert {first.segmentation.GetID(), second.segmentation.GetID()} == {
        s.segmentation.GetID() for s in StudyNodes.all(headless.scene)
    }


def test_a_study_comes_back_from_a_saved_scene_with_choices_origins_and_results(headless, study, tmp_path):
    nodes = shown(headless, study)
    nodes.mapping = {"hamstring_left": "", "hip_left": "hip_left"}
    nodes.set_subject(Subject("F", 53.0))
    right = nodes.landmark_node(Side.RIGHT)
    head = right.GetControlPointIndexByLabel("Right femoral head center")
    place = np.array(study.hips[Side.RIGHT].landmarks["femoral_head_center"].position_ras_mm) + [0.0, 1.0, 0.0]
    right.SetNthControlPointPosition(head, *place)
    measured = nodes.prepare().measure({side: nodes.landmarks(side) for side in Side})
    nodes.show(measured)
    write_scene(headless.scene, tmp_path / "scene.mrb")
    again = create_scene()
    read_scene(again, tmp_path / "scene.mrb")
    (back,) = StudyNodes.all(again.scene)
    assert back.mapping == nodes.mapping
    assert (back.subject.sex, back.subject.age_years) == ("F", 53.0)
    assert back.structures()["hamstring_left"] == "" and back.structures()["femur_left"] == "femur_left"
    for side in Side:
        for key, landmark in nodes.landmarks(side).items():
            other = back.landmarks(side)[key]
            assert other.state == landmark.state, key
            assert (other.position_ras_mm or ()) == pytest.approx(landmark.position_ras_mm or (), abs=1e-6)
    repeated = back.prepare().measure({side: back.landmarks(side) for side in Side})
    assert isinstance(repeated.hips[Side.LEFT].results["qfs_axial"], NotMeasurable)  # its tendon was mapped to nothing
    for key, result in measured.hips[Side.RIGHT].results.items():
        if isinstance(result, Measured):
            assert repeated.hips[Side.RIGHT].results[key].value == pytest.approx(result.value, abs=1e-4), key
    nodes_before = again.scene.GetNumberOfNodes()
    back.show(repeated)
    assert again.scene.GetNumberOfNodes() <= nodes_before  # found, not made anew


def test_the_structure_of_a_segment_is_known_by_name_or_by_terminology(headless):
    segment = slicer.vtkSegment()
    segment.SetName("Right femur")
    assert guess_structure(segment) == "femur_right"
    segment.SetName("left_semimembranosus")
    assert guess_structure(segment) == ""  # a muscle, which is no tendon unless someone says so
    segment.SetName("left_psoas_major")  # as other programs name what we take the iliopsoas from
    assert guess_structure(segment) == "iliopsoas_left"
    segment.SetName("Segment_1")
    assert guess_structure(segment) == ""
    segment.SetTag(
        "TerminologyEntry",
        "Segmentation category and type~SCT^123037004^Anatomical Structure~SCT^71341001^Femur~SCT^7771000^Left~"
        "Anatomic codes~^^~^^",
    )
    assert guess_structure(segment) == "femur_left"


def test_a_segment_taken_for_nothing_says_what_is_lacking(headless, study):
    nodes = shown(headless, study)
    nodes.mapping = {"femur_left": "", "femur_right": ""}
    with pytest.raises(IFIMeasureError, match="a hip bone and a femur are needed"):
        nodes.prepare()


def test_bones_are_colored_by_the_distance_that_is_measured(headless, study):
    nodes = shown(headless, study)
    nodes.show_bones(nodes.prepare())
    for side, hip in study.hips.items():
        femur = nodes.node(f"bone_femur_{side.value}")
        scalars = vtk_to_numpy(femur.GetPolyData().GetPointData().GetArray("distance_mm"))
        points = vtk_to_numpy(femur.GetPolyData().GetPoints().GetData())
        tip = np.array(hip.landmarks["lesser_trochanter_tip"].position_ras_mm)
        near = np.linalg.norm(points - tip, axis=1) < 12.0
        assert scalars[near].min() == pytest.approx(hip.results["ifs_3d"].value, abs=1.5)
    nodes.hide_bones()
    assert nodes.node("bone_femur_left") is None


def test_slicer_loads_our_terminology_and_finds_every_segment_in_it(headless, study):
    from IFIMeasureLib.mrml.segmentations import terminology_entry
    from IFIMeasureLib.resources import resource_path

    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    assert logic.LoadTerminologyFromFile(str(resource_path("Terminologies/IFIMeasure.term.json"))) == "IFIMeasure"
    assert logic.IsTerminologyContextLoaded("IFIMeasure")
    for structure in study.structures:
        entry, found = slicer.vtkSlicerTerminologyEntry(), slicer.vtkSlicerTerminologyEntry()
        assert logic.DeserializeTerminologyEntry(terminology_entry(structure.id, structure.side), entry)
        assert logic.FindTypeInTerminologyBy3dSlicerLabel("IFIMeasure", structure.id, found)
        for part in ("GetCategoryObject", "GetTypeObject"):
            ours, theirs = getattr(entry, part)(), getattr(found, part)()
            assert [ours.GetCodingSchemeDesignator(), ours.GetCodeValue(), ours.GetCodeMeaning()] == [
                theirs.GetCodingSchemeDesignator(), theirs.GetCodeValue(), theirs.GetCodeMeaning()
            ]  # fmt: skip
        assert found.GetTypeObject().GetHasModifiers()


def test_studies_of_a_scene_are_followed_with_their_muscles_found_together(headless):
    grid = sample_grid((0.9, 0.9, 3.0))
    lives = []
    for seed, date in ((1, "2024-03-01"), (2, "20250301")):
        bones = add_sample_bones(headless.scene)
        for side in Side:
            bones.GetSegmentation().RemoveSegment(f"quadratus_femoris_{side.value}")
        nodes = StudyNodes.create(headless.scene, f"visit {seed}")
        nodes.segmentation, nodes.contrast, nodes.date = bones, "t1", date
        nodes.volume = add_volume(
            headless.scene, Volume(Phantom(seed=seed).image(grid, "t1"), grid, Path("t1")), f"T1 {seed}"
        )
        live = LiveStudy(nodes)
        live.place_from_bones()
        live.segment_muscles()
        lives.append(live)
    before = {side: lives[0].result.hips[side].results["qf_volume"].value for side in Side}
    changes = follow_studies(lives[::-1], 3.6, together=True)
    rows, warnings = changes.rows, changes.warnings
    assert any("(right, left) was found in all studies together" in warning for warning in warnings)
    for side in Side:
        row = next(row for row in rows if row.definition.id == "qf_volume_partial" and row.side is side)
        assert (str(row.first_date), str(row.date)) == ("2024-03-01", "2025-03-01")
        assert abs(row.percent) < 2.0  # the same muscle under other noise
        now = lives[0].result.hips[side].results["qf_volume"].value
        assert now == pytest.approx(before[side], rel=0.1)
        assert lives[0].nodes.muscle_origin(side) == "image, with other examinations"


def test_what_a_person_says_with_slicer_s_own_menu_stays_when_landmarks_are_placed_again(headless):
    nodes = StudyNodes.create(headless.scene, "case")
    nodes.segmentation = add_sample_bones(headless.scene)
    live = LiveStudy(nodes)
    live.place_from_bones()
    missing = "posterior_condyle_medial"  # the program says so: the field of view ends above it
    assert not nodes.landmarks(Side.LEFT)[missing].by_person
    node, other = nodes.landmark_node(Side.LEFT), "femoral_neck_center"
    node.SetNthControlPointPositionMissing(nodes.landmark_index(Side.LEFT, other))
    node.SetNthControlPointPosition(nodes.landmark_index(Side.LEFT, missing), -90.0, -20.0, -300.0)
    assert isinstance(live.update().hips[Side.LEFT].results["neck_shaft_angle"], NotMeasurable)
    assert nodes.landmarks(Side.LEFT)[missing].state == "manual"
    node.SetNthControlPointPositionMissing(nodes.landmark_index(Side.LEFT, missing))
    live.update()
    result = live.place_from_bones()
    for key in (missing, other):
        assert nodes.landmarks(Side.LEFT)[key] == Landmark.missing(MARKED_MISSING, PlacedBy.PERSON)
        assert result.hips[Side.LEFT].landmarks[key].by_person
    live.unset(Side.LEFT, other)
    assert live.place_from_bones().hips[Side.LEFT].landmarks[other].state == "automatic"
