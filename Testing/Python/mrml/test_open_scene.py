"""A study saved in a scene and opened without an application: nothing of it is lost, and what is wrong is said."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from additions import LANDMARK  # noqa: E402
from IFIMeasureLib.anatomy.landmarks import (  # noqa: E402
    MARKED_MISSING,
    Landmark,
    PlacedBy,
    empty_landmarks,
    landmark_definitions,
)
from IFIMeasureLib.anatomy.reference_values import Subject  # noqa: E402
from IFIMeasureLib.files.markups import read_landmarks  # noqa: E402
from IFIMeasureLib.files.results import read_study  # noqa: E402
from IFIMeasureLib.images.masks import Mask, Segmentation, SegmentRef, Volume  # noqa: E402
from IFIMeasureLib.measuring.definition import Kind  # noqa: E402
from IFIMeasureLib.measuring.registry import measurement  # noqa: E402
from IFIMeasureLib.mrml.open_scene import open_study_scene  # noqa: E402
from IFIMeasureLib.mrml.scene import create_scene, read_scene, write_scene  # noqa: E402
from IFIMeasureLib.mrml.segmentations import replace_voxels  # noqa: E402
from IFIMeasureLib.mrml.study_nodes import StudyNodes  # noqa: E402
from IFIMeasureLib.muscle.images import muscle_images  # noqa: E402
from IFIMeasureLib.study.document import study_document  # noqa: E402
from IFIMeasureLib.study.prepared import PreparedStudy  # noqa: E402
from IFIMeasureLib.study.provenance import Provenance  # noqa: E402
from IFIMeasureLib.study.structures import resolve_structures  # noqa: E402
from IFIMeasureLib.synthetic.phantom import Phantom  # noqa: E402
from IFIMeasureLib.synthetic.sample import sample_grid  # noqa: E402
from IFIMeasureLib.values import IFIMeasureError, Measured, Side  # noqa: E402
from vtkmodules.util.numpy_support import vtk_to_numpy  # noqa: E402
from vtkmodules.vtkCommonCore import vtkIdList  # noqa: E402

OLD = Path(__file__).parents[1] / "fixtures" / "version_0_1_0"
NAME = "R&D <x> ä"
LEFT = (Side.LEFT,)
GRID = sample_grid((1.5, 1.5, 4.0))


@pytest.fixture(scope="module")
def images():
    phantom = Phantom(seed=1)
    return {"labels": phantom.label_map(GRID).astype(np.uint8), **phantom.images(GRID, ("t1", "water", "fat"))}


def prepared(images, contrast="t1", side="both", muscle=True):
    names = {value: name for value, name in Phantom(seed=1).label_names().items() if muscle or "quadratus" not in name}
    refs = [SegmentRef(name, 0, value) for value, name in names.items()]
    bones = Segmentation([images["labels"]], GRID, refs, Path("bones.nii.gz"), named=True, notes=["as the file says"])
    first, second = images["t1"], None
    if contrast == "water":
        first, second = images["water"], images["fat"]
    elif contrast == "in-phase":
        water, fat = images["water"].astype(np.float32), images["fat"].astype(np.float32)
        first, second = water + fat, np.abs(water - fat)
    volume = Volume(first, GRID, Path("image.nrrd"), contrast=contrast)
    structures = resolve_structures(bones, None)
    options = {"segmentation": 'R&D "x" <ä>.nii', "contrast": contrast, "side": side}
    provenance = Provenance.of(bones, structures, volume, options)
    sides = tuple(Side) if side == "both" else (Side(side),)
    study = PreparedStudy(bones, structures, volume, sides, Subject("F", 53.0, 1.65, 62.0), provenance=provenance)
    study.images = muscle_images(contrast, volume, None if second is None else Volume(second, GRID, Path("second")))
    study.findings, study.date = {Side.LEFT: {"reader_tear": "partial"}}, "2024-03-01"
    return study


def by_person(study):
    """A person's point and a person's word on the left side."""
    x, y, z = study.measure().hips[Side.LEFT].landmarks["femoral_head_center"].position_ras_mm
    said = {
        "femoral_head_center": Landmark.manual((x + 1.0 / 3.0, y, z)),
        "greater_trochanter_tip": Landmark.missing("a screw lies there.", PlacedBy.PERSON),
    }
    return {Side.LEFT: {**empty_landmarks(), **said}}


def saved(result, path, name=NAME):
    headless = create_scene()
    StudyNodes.of_result(headless.scene, name, result)
    write_scene(headless.scene, path)
    return path


def assert_equal_documents(a, b, where=""):
    """Equal but for when they were made; Slicer's own files round a point's coordinates in the sixteenth digit."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a.keys() - {"created"}:
            assert_equal_documents(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, list):
        assert len(a) == len(b), where
        for number, (one, other) in enumerate(zip(a, b)):
            assert_equal_documents(one, other, f"{where}/{number}")
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-12, abs=1e-12), where
    else:
        assert a == b, where


@pytest.mark.parametrize(
    ("contrast", "side", "muscle"),
    [("t1", "both", True), ("water", "both", True), ("in-phase", "both", True), ("t1", "left", False)],
)
def test_a_study_that_was_saved_and_opened_measures_to_the_same_document(images, tmp_path, contrast, side, muscle):
    study = prepared(images, contrast, side, muscle)
    person = by_person(study)
    if not muscle:
        made, _ = study.segment_muscles({s: hip.landmarks for s, hip in study.measure(person).hips.items()})
        assert made == {Side.LEFT: "image"}
    first = study.measure(person)
    assert isinstance(first.hips[Side.LEFT].results["qf_fat_fraction"], Measured)
    opened = open_study_scene(saved(first, tmp_path / "scene.mrb"))
    assert opened.name == NAME
    assert opened.landmarks[Side.LEFT]["greater_trochanter_tip"] == person[Side.LEFT]["greater_trochanter_tip"]
    again = opened.measure()
    assert_equal_documents(study_document(first), study_document(again))
    assert again.provenance.muscle_origins[Side.LEFT] == ("segment" if muscle else "image")
    twice = open_study_scene(saved(again, tmp_path / "again.mrb")).measure()
    assert_equal_documents(study_document(again), study_document(twice))


def test_the_origin_of_a_muscle_holds_until_someone_edits_it(images, tmp_path):
    study = prepared(images)
    nodes = StudyNodes.of_result(create_scene().scene, "case", study.measure())
    assert nodes.muscle_origin(Side.LEFT) == "segment"
    mask = study.bones[Side.LEFT].masks["quadratus_femoris"]
    for origin in ("image", "image, with other examinations", "drawn slices"):
        nodes.write_muscle(Side.LEFT, mask, origin)
        assert nodes.muscle_origin(Side.LEFT) == origin
        assert nodes.prepare(sides=LEFT).provenance.muscle_origins == {Side.RIGHT: "segment", Side.LEFT: origin}
    write_scene(nodes.scene, tmp_path / "scene.mrb")
    again = create_scene()
    read_scene(again, tmp_path / "scene.mrb")
    (back,) = StudyNodes.all(again.scene)
    assert back.muscle_origin(Side.LEFT) == "drawn slices"
    edited = mask.array.copy()
    edited[tuple(np.argwhere(edited)[0])] = False
    replace_voxels(back.segmentation, "quadratus_femoris_left", Mask(edited, mask.grid, mask.cut))
    assert back.muscle_origin(Side.LEFT) == "segment"


def test_a_muscle_that_version_0_1_0_found_is_known_as_such_in_a_saved_scene_too(images, tmp_path):
    study = prepared(images)
    nodes = StudyNodes.of_result(create_scene().scene, "case", study.measure())
    image = slicer.vtkOrientedImageData()
    nodes.segmentation.GetBinaryLabelmapRepresentation("quadratus_femoris_left", image)
    voxels = np.argwhere(vtk_to_numpy(image.GetPointData().GetScalars())).astype(np.int32)  # as it took them
    segment = nodes.segmentation.GetSegmentation().GetSegment("quadratus_femoris_left")
    segment.SetTag("IFIMeasure.automatic", str(zlib.crc32(voxels.tobytes())))
    assert nodes.muscle_origin(Side.LEFT) == "image"
    write_scene(nodes.scene, tmp_path / "scene.mrb")
    opened = open_study_scene(tmp_path / "scene.mrb")
    assert opened.prepared.provenance.muscle_origins == {Side.RIGHT: "segment", Side.LEFT: "image"}


def test_what_was_known_of_the_inputs_is_not_said_of_others(images):
    headless = create_scene()
    nodes = StudyNodes.of_result(headless.scene, "case", prepared(images).measure())
    known = nodes.prepare(sides=LEFT).provenance
    assert known.name_of("segmentation") == "bones.nii.gz" and known.options["contrast"] == "t1"
    nodes.mapping = {"hamstring_left": ""}
    remapped = nodes.prepare(sides=LEFT).provenance
    assert remapped.inputs == known.inputs and "hamstring_left" not in remapped.structures
    nodes.mapping, nodes.contrast = {}, "in-phase"
    assert nodes.prepare(sides=LEFT).provenance == replace(known, contrast="in-phase")
    copy = headless.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "another")
    copy.GetSegmentation().DeepCopy(nodes.segmentation.GetSegmentation())
    nodes.segmentation = copy
    other = nodes.prepare(sides=LEFT).provenance
    assert other.name_of("segmentation") == "another" and other.options == {}


def test_a_damaged_word_on_the_inputs_is_told_and_nothing_else_is_lost(images):
    nodes = StudyNodes.of_result(create_scene().scene, "case", prepared(images).measure())
    for spoiled in ("{", "[]", '{"inputs": 3}'):
        nodes.record.SetParameter("provenance", spoiled)
        study = nodes.prepare(sides=LEFT)
        assert study.provenance.name_of("segmentation") == "case segmentation" and study.provenance.contrast == "t1"
        assert any("is damaged" in note for note in study.notes)


@pytest.mark.parametrize(
    ("parameter", "spoiled"),
    [("age_years", "old"), ("findings", "[1]"), ("notes", "3"), ("mapping", "{"), ("contrast", "t9")],
)
def test_a_damaged_word_of_a_person_is_told_in_a_sentence(images, parameter, spoiled):
    nodes = StudyNodes.of_result(create_scene().scene, "case", prepared(images).measure())
    nodes.record.SetParameter(parameter, spoiled)
    with pytest.raises(IFIMeasureError, match=rf"as {parameter} of 'case' is damaged|contrast is 't9'"):
        _ = nodes.notes, nodes.prepare(sides=LEFT)


# -- a scene of version 0.1.0


def test_a_scene_of_version_0_1_0_opens_with_everything():
    opened = open_study_scene(OLD / "scene.mrb")
    kept = read_study(OLD / "study.json")
    assert opened.subject == kept.subject == Subject("F", 52.0, 1.65, 62.0)
    assert opened.prepared.findings == {Side.RIGHT: {"reader_tear": "partial"}}
    assert opened.prepared.date == "2024-03-01"
    said = {key: landmark for key, landmark in opened.landmarks[Side.RIGHT].items() if landmark.by_person}
    assert said["ischial_tuberosity_lowest"] == Landmark.missing(MARKED_MISSING, PlacedBy.PERSON)
    assert said["greater_trochanter_tip"].state == "manual" and len(said) == 2
    assert not any(landmark.by_person for landmark in opened.landmarks[Side.LEFT].values())
    for side in Side:
        files = read_landmarks(OLD / f"landmarks_{side.value}.mrk.json")[side]
        for key, landmark in files.items():
            found = opened.landmarks[side][key]
            assert (found.status, found.placed_by, found.reason) == (
                landmark.status,
                landmark.placed_by,
                landmark.reason,
            )
    opened.prepared.images = muscle_images("t1", opened.prepared.volume, None)  # 0.1.0 did not keep what the image is
    result = opened.measure()
    compared = 0
    for row in kept.measurements:
        if isinstance(row.result, Measured):
            # the right greater trochanter was moved by hand, and 0.1.0 left the muscle's corners where they were
            moved = row.side is not Side.LEFT and measurement(row.id).kind is Kind.MUSCLE
            wanted = pytest.approx(row.result.value, rel=0.15 if moved else 0.0, abs=1e-6)
            assert result.result(row.id, row.side).value == wanted, row
            compared += 1
    assert compared > 40


def test_a_scene_of_version_0_1_0_is_worked_on_and_gets_landmarks_that_are_new(with_landmarks, tmp_path):
    with_landmarks(LANDMARK)
    old = create_scene()
    read_scene(old, OLD / "scene.mrb")
    (nodes,) = StudyNodes.all(old.scene)
    before = {side: nodes.landmarks(side) for side in Side}
    for side in Side:
        node = nodes.landmark_node(side)
        assert node.GetNumberOfControlPoints() == len(landmark_definitions())
        assert node.GetFixedNumberOfControlPoints()
    assert {side: nodes.landmarks(side) for side in Side} == before
    assert before[Side.RIGHT][LANDMARK["id"]].state == "not placed"
    count = old.scene.GetNumberOfNodes()
    result = nodes.prepare().measure(before)
    nodes.show(result)
    assert old.scene.GetNumberOfNodes() <= count  # all that it shows was found, and nothing made anew
    assert nodes.landmarks(Side.RIGHT)["greater_trochanter_tip"] == before[Side.RIGHT]["greater_trochanter_tip"]
    write_scene(old.scene, tmp_path / "scene.mrb")
    again = open_study_scene(tmp_path / "scene.mrb")
    assert again.prepared.provenance.name_of("segmentation") == "v010 segmentation"
    assert {key for key, of in again.landmarks[Side.RIGHT].items() if of.by_person} == {
        "greater_trochanter_tip",
        "ischial_tuberosity_lowest",
    }


def folders(scene):
    """Names of the subject hierarchy's folders, each with those in it."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)

    def below(item):
        ids = vtkIdList()
        hierarchy.GetItemChildren(item, ids)
        found = [ids.GetId(number) for number in range(ids.GetNumberOfIds())]
        return [
            (hierarchy.GetItemName(i), below(i)) for i in found if hierarchy.GetItemAttribute(i, "IFIMeasure.folder")
        ]

    return below(hierarchy.GetSceneItemID())


def test_a_scene_that_is_added_to_another_keeps_its_own_folders(images):
    whole = [("v010", [("Right hip", []), ("Left hip", [])])]
    scene = create_scene()
    read_scene(scene, OLD / "scene.mrb")
    read_scene(scene, OLD / "scene.mrb")
    studies = StudyNodes.all(scene.scene)
    assert len(studies) == 2 and folders(scene.scene) == whole * 2
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene.scene)
    parents = set()
    for nodes in studies:
        made = nodes.made("new", "vtkMRMLTableNode", "new", Side.LEFT)
        mine = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(n)) for n in (made, nodes.landmark_node(Side.LEFT))}
        assert len(mine) == 1
        parents |= mine
    assert len(parents) == 2 and folders(scene.scene) == whole * 2
    StudyNodes.of_result(scene.scene, "third", prepared(images).measure())
    assert folders(scene.scene) == [*whole * 2, ("third", [("Right hip", []), ("Left hip", [])])]


# -- which study, and what is wrong


@pytest.fixture(scope="module")
def scene(images, tmp_path_factory):
    """A saved scene of two studies, and one study of landmarks alone beside them."""
    result = prepared(images).measure()
    headless = create_scene()
    for name in ("first", "second"):
        StudyNodes.of_result(headless.scene, name, result)
    points = StudyNodes.create(headless.scene, "points")
    for side, hip in result.hips.items():
        points.show_landmarks(side, hip.landmarks)
    path = tmp_path_factory.mktemp("scenes") / "scene.mrb"
    write_scene(headless.scene, path)
    return path


def test_of_several_studies_one_is_chosen_by_name(scene):
    with pytest.raises(
        IFIMeasureError, match=r"several studies \('first', 'second', 'points'\); name one of them"
    ) as error:
        open_study_scene(scene)
    assert error.value.argument == "name"
    with pytest.raises(IFIMeasureError, match="holds no study named 'third'; there are 'first', 'second', 'points'"):
        open_study_scene(scene, "third")
    assert open_study_scene(scene, "second").name == "second"


def test_a_study_of_landmarks_alone_is_opened_and_measured(scene):
    opened = open_study_scene(scene, "points")
    assert opened.prepared is None
    assert isinstance(opened.measure().hips[Side.LEFT].results["neck_shaft_angle"], Measured)


def unpacked(scene, folder):
    with zipfile.ZipFile(scene) as archive:
        archive.extractall(folder)
    return next(folder.glob("*/*.mrml"))


def test_an_unpacked_scene_is_opened_whatever_its_files_are_called(scene, tmp_path):
    mrml = unpacked(scene, tmp_path / "R&D ä")
    text = mrml.read_text(encoding="utf-8")
    before = mrml.stat()
    assert open_study_scene(mrml, "first").measure().hips
    # as Slicer writes the name of a file that has an ampersand in it
    data = mrml.parent / "Data"
    (data / "first segmentation.seg.nrrd").rename(data / "R&D.seg.nrrd")
    mrml.write_text(text.replace("first%20segmentation.seg.nrrd", "R&D.seg.nrrd"), encoding="utf-8")
    assert open_study_scene(mrml, "first").measure().hips
    assert before.st_size != mrml.stat().st_size and sorted(p.name for p in mrml.parent.iterdir()) == [
        "Data",
        mrml.name,
    ]


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ("first landmarks left.mrk.json", "landmarks of the left side"),
        ("first segmentation.seg.nrrd", "segmentation"),
        ("first image.nrrd", "image"),
    ],
)
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"nonsense")])
def test_a_file_of_the_scene_that_is_missing_or_damaged_is_named(scene, tmp_path, gone, what, damage):
    mrml = unpacked(scene, tmp_path)
    damage(mrml.parent / "Data" / gone)
    with pytest.raises(IFIMeasureError, match=rf"scene\.mrml: the {what} of 'first' cannot be read \({gone}\)"):
        open_study_scene(mrml, "first")


def test_what_is_no_scene_is_refused_in_one_sentence(scene, tmp_path):
    whole = scene.read_bytes()
    (tmp_path / "cut.mrb").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "spoiled.mrb").write_bytes(whole[:3000] + b"\0" * 200000 + whole[203000:])
    (tmp_path / "text.mrb").write_text("nonsense")
    (tmp_path / "text.mrml").write_text("<MRML><nonsense")
    with zipfile.ZipFile(tmp_path / "empty.mrb", "w") as archive:
        archive.writestr("scene/readme.txt", "nothing")
    with zipfile.ZipFile(tmp_path / "outside.mrb", "w") as archive:
        archive.writestr("../outside.txt", "nothing")
        archive.writestr("scene/scene.mrml", "<MRML></MRML>")
    for name in ("cut.mrb", "spoiled.mrb", "text.mrb", "text.mrml", "empty.mrb", "outside.mrb"):
        with pytest.raises(IFIMeasureError, match=rf"{name}: .*damaged"):
            open_study_scene(tmp_path / name)
    assert not (tmp_path / "outside.txt").exists() and not (tmp_path.parent / "outside.txt").exists()
    with pytest.raises(IFIMeasureError, match="there is no such file"):
        open_study_scene(tmp_path / "none.mrb")
    write_scene(create_scene().scene, tmp_path / "bare.mrb")
    with pytest.raises(IFIMeasureError, match="holds no study of IFIMeasure"):
        open_study_scene(tmp_path / "bare.mrb")


def test_what_slicer_s_core_does_not_know_is_left_out(scene, tmp_path):
    mrml = unpacked(scene, tmp_path)
    text = mrml.read_text(encoding="utf-8")
    start = text.index("<ScriptedModule")
    foreign = '<FiberBundle id="vtkMRMLFiberBundleNode1" name="of another extension"></FiberBundle>\n '
    mrml.write_text(text[:start] + foreign + text[start:], encoding="utf-8")
    assert open_study_scene(mrml, "first").measure().hips


def test_what_a_person_removed_from_a_study_is_not_there_when_it_is_opened(images, tmp_path):
    nodes = StudyNodes.of_result(create_scene().scene, "case", prepared(images).measure())
    nodes.segmentation.GetSegmentation().RemoveSegment("femur_left")
    nodes.segmentation.GetSegmentation().RemoveSegment("femur_right")
    write_scene(nodes.scene, tmp_path / "scene.mrb")
    with pytest.raises(IFIMeasureError, match=r"scene\.mrb: case segmentation: a hip bone and a femur are needed"):
        open_study_scene(tmp_path / "scene.mrb")
