"""Lists of landmarks on Slicer's own core: who placed each, whatever moves it, saves it or copies it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from IFIMeasureLib.anatomy import landmarks as anatomy  # noqa: E402
from IFIMeasureLib.anatomy.landmarks import (  # noqa: E402
    MARKED_MISSING,
    Landmark,
    PlacedBy,
    empty_landmarks,
    landmark_definitions,
    landmark_label,
)
from IFIMeasureLib.files.markups import read_landmarks  # noqa: E402
from IFIMeasureLib.mrml import landmark_nodes  # noqa: E402
from IFIMeasureLib.mrml.landmark_nodes import (  # noqa: E402
    complete_list,
    landmark_index,
    make_list,
    read_landmarks_of,
    write_landmarks_into,
)
from IFIMeasureLib.mrml.matrices import vtk_matrix  # noqa: E402
from IFIMeasureLib.mrml.scene import create_scene, read_scene, write_landmarks, write_scene  # noqa: E402
from IFIMeasureLib.mrml.study_nodes import StudyNodes  # noqa: E402
from IFIMeasureLib.values import IFIMeasureError, Side  # noqa: E402
from vtkmodules.vtkCommonDataModel import vtkVector3d  # noqa: E402

SIDE = Side.LEFT
SAID = {
    "femoral_head_center": Landmark.automatic((-90.123456789, 10.5, 40.25)),
    "femoral_neck_center": Landmark.manual((-80.0, 11.0, 30.0)),
    "lesser_trochanter_tip": Landmark.missing("the field of view ends there."),
    "greater_trochanter_tip": Landmark.missing(MARKED_MISSING, PlacedBy.PERSON),
    "ischial_tuberosity_lateral": Landmark.missing("a screw lies there; “quoted”, ä.", PlacedBy.PERSON),
}
WHOLE = {**empty_landmarks(), **SAID}


@pytest.fixture
def headless():
    return create_scene()


@pytest.fixture
def node(headless):
    made = make_list(headless.scene, "left", SIDE)
    write_landmarks_into(made, SIDE, SAID)
    return made


def read(node, side=SIDE):
    return read_landmarks_of(node, side)


def state(node, key):
    return read(node)[key].state


def index(node, key):
    return landmark_index(node, SIDE, key)


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, landmark in expected.items():
        assert found[key].position_ras_mm == pytest.approx(landmark.position_ras_mm, abs=1e-6), key
        assert replace(found[key], position_ras_mm=landmark.position_ras_mm) == landmark


def test_a_new_list_holds_every_landmark_in_order_and_none_is_placed(headless):
    made = make_list(headless.scene, "left", SIDE)
    labels = [made.GetNthControlPointLabel(n) for n in range(made.GetNumberOfControlPoints())]
    assert labels == [landmark_label(SIDE, key) for key in landmark_definitions()]
    assert made.GetNumberOfDefinedControlPoints() == 0 and made.GetFixedNumberOfControlPoints()
    assert read(made) == empty_landmarks()
    assert made.GetNthControlPointDescription(4) == landmark_definitions()["lesser_trochanter_tip"].how


def test_what_is_written_is_read_with_who_placed_it(node):
    assert read(node) == WHOLE


def test_a_point_counts_as_the_program_s_within_two_thousandths_of_a_millimeter(node):
    key = "femoral_head_center"
    x, y, z = SAID[key].position_ras_mm
    node.SetNthControlPointPosition(index(node, key), x + 0.0015, y, z)
    assert state(node, key) == "automatic"
    node.SetNthControlPointPosition(index(node, key), x + 0.0025, y, z)
    assert state(node, key) == "manual"


def test_a_point_marked_missing_with_slicer_s_own_menu_is_a_person_s_word(node):
    for key in ("femoral_head_center", "femoral_neck_center", "shaft_axis_distal"):
        node.SetNthControlPointPositionMissing(index(node, key))
        assert read(node)[key] == Landmark.missing(MARKED_MISSING, PlacedBy.PERSON)
    assert not read(node)["lesser_trochanter_tip"].by_person  # that one the program marked


def test_what_the_program_said_is_over_once_a_person_has_placed_the_point(node):
    key = "lesser_trochanter_tip"
    node.SetNthControlPointPosition(index(node, key), 1.0, 2.0, 3.0)
    assert state(node, key) == "manual"
    write_landmarks_into(node, SIDE, {})  # as each measuring does
    assert node.GetNthControlPointDescription(index(node, key)) == "manual"
    node.SetNthControlPointPositionMissing(index(node, key))
    assert read(node)[key] == Landmark.missing(MARKED_MISSING, PlacedBy.PERSON)


def test_an_unset_point_is_not_placed_whatever_was_said_of_it(node):
    for key in SAID:
        node.UnsetNthControlPointPosition(index(node, key))
    assert read(node) == empty_landmarks()


def test_moving_list_and_bones_together_leaves_the_program_s_points_the_program_s(headless, node):
    turn = np.array([[0.0, -1.0, 0.0, 5.0], [1.0, 0.0, 0.0, -7.0], [0.0, 0.0, 1.0, 11.0], [0.0, 0.0, 0.0, 1.0]])
    transform = headless.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    transform.SetMatrixTransformToParent(vtk_matrix(turn))
    node.SetAndObserveTransformNodeID(transform.GetID())
    found = read(node)["femoral_head_center"]
    assert found.state == "automatic"
    x, y, z = SAID["femoral_head_center"].position_ras_mm
    assert found.position_ras_mm == pytest.approx((-y + 5.0, x - 7.0, z + 11.0), abs=1e-9)
    write_landmarks_into(node, SIDE, {"posterior_condyle_medial": Landmark.automatic((1.0, 2.0, 3.0))})
    assert read(node)["posterior_condyle_medial"].position_ras_mm == pytest.approx((1.0, 2.0, 3.0))
    transform.SetMatrixTransformToParent(vtk_matrix(np.eye(4)))
    assert read(node)["posterior_condyle_medial"].state == "automatic"
    assert read(node)["posterior_condyle_medial"].position_ras_mm == pytest.approx((9.0, 4.0, -8.0))


def test_a_position_that_is_not_finite_is_refused_or_counts_as_not_placed(node):
    node.SetNthControlPointPosition(index(node, "femoral_head_center"), float("nan"), 0.0, 0.0)
    with pytest.raises(IFIMeasureError, match="'Left femoral head center' is not a finite number"):
        read(node)
    assert read_landmarks_of(node, SIDE, strict=False)["femoral_head_center"].state == "not placed"


def test_descriptions_are_read_once_and_never_again_while_points_move(node, monkeypatch):
    def refuse(*_):
        raise AssertionError("a description was parsed")

    monkeypatch.setattr(landmark_nodes, "parse_description", refuse)
    monkeypatch.setattr(landmark_nodes, "parse_automatic", refuse)
    parsed = []
    monkeypatch.setattr(
        landmark_nodes.json, "loads", lambda text: parsed.append(text) or json.JSONDecoder().decode(text)
    )
    landmark_nodes._parse_origins.cache_clear()
    for step in range(20):
        node.SetNthControlPointPosition(index(node, "femoral_head_center"), float(step), 0.0, 0.0)
        assert state(node, "femoral_head_center") == "manual"
    assert len(parsed) == 1


@pytest.mark.parametrize("spoiled", ["", "nonsense", "[]", '{"femoral_head_center": 3}', '{"a": {"missing": "x"}}'])
def test_an_attribute_that_someone_spoiled_makes_points_a_person_s(node, spoiled):
    node.SetAttribute("IFIMeasure.landmarks_left", spoiled)
    assert state(node, "femoral_head_center") == "manual"
    assert read(node)["lesser_trochanter_tip"] == Landmark.missing(MARKED_MISSING, PlacedBy.PERSON)


# -- saved, copied, undone


@pytest.mark.parametrize("suffix", ["mrb", "mrml"])
def test_who_placed_what_survives_a_saved_scene(headless, tmp_path, suffix):
    nodes = StudyNodes.create(headless.scene, "case")
    write_landmarks_into(nodes.landmark_node(SIDE), SIDE, SAID)
    again = create_scene()
    if suffix == "mrb":
        write_scene(headless.scene, tmp_path / "scene.mrb")
        read_scene(again, tmp_path / "scene.mrb")
    else:
        markups = nodes.landmark_node(SIDE)
        markups.AddDefaultStorageNode()
        markups.GetStorageNode().SetFileName(str(tmp_path / "left.mrk.json"))
        assert markups.GetStorageNode().WriteData(markups)
        headless.scene.SetRootDirectory(str(tmp_path))
        assert headless.scene.Commit(str(tmp_path / "scene.mrml"))
        again.scene.SetURL(str(tmp_path / "scene.mrml"))
        again.scene.SetRootDirectory(str(tmp_path))
        again.scene.Import(None)
    (back,) = StudyNodes.all(again.scene)
    same(back.landmarks(SIDE), WHOLE)
    assert back.landmark_node(SIDE).GetAttribute("IFIMeasure.landmarks_left")
    same(back.landmarks(SIDE), WHOLE)


def test_a_copy_of_a_list_keeps_who_placed_what(headless, node):
    copy = headless.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    copy.Copy(node)
    assert read(copy) == WHOLE
    copy.SetNthControlPointPosition(index(copy, "femoral_head_center"), 1.0, 2.0, 3.0)
    assert state(copy, "femoral_head_center") == "manual" and state(node, "femoral_head_center") == "automatic"


def test_undo_brings_back_who_placed_what(headless, node):
    headless.scene.SetUndoOn()
    node.SetUndoEnabled(True)
    headless.scene.SaveStateForUndo()
    node.SetNthControlPointPosition(index(node, "femoral_head_center"), 1.0, 2.0, 3.0)
    write_landmarks_into(node, SIDE, {"lesser_trochanter_tip": Landmark.automatic((4.0, 5.0, 6.0))})
    assert state(node, "femoral_head_center") == "manual"
    headless.scene.Undo()
    assert read(headless.scene.GetFirstNodeByName("left")) == WHOLE


def test_slicer_s_file_of_points_tells_who_placed_them_in_their_descriptions(headless, node, tmp_path):
    node.SetNthControlPointPositionMissing(index(node, "femoral_neck_center"))  # by the menu: the description is stale
    node.SetNthControlPointPosition(index(node, "femoral_head_center"), 1.0, 2.0, 3.0)
    expected = {**read(node)}
    assert expected["femoral_neck_center"].by_person and expected["femoral_head_center"].by_person
    write_landmarks(headless.scene, node, tmp_path / "left.mrk.json")
    same(read_landmarks(tmp_path / "left.mrk.json")[SIDE], expected)


def test_a_file_of_points_loaded_as_a_new_list_is_used_as_it_was_saved(headless, node, tmp_path):
    write_landmarks(headless.scene, node, tmp_path / "left.mrk.json")
    loaded = headless.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "loaded")
    storage = headless.scene.AddNewNodeByClass("vtkMRMLMarkupsJsonStorageNode")
    storage.SetFileName(str(tmp_path / "left.mrk.json"))
    assert storage.ReadData(loaded)
    same(read(loaded), WHOLE)
    nodes = StudyNodes.create(headless.scene, "case")
    nodes.set_node("landmarks_left", loaded)
    assert nodes.landmark_node(SIDE) is loaded and loaded.GetAttribute("IFIMeasure.landmarks_left")
    same(nodes.landmarks(SIDE), WHOLE)
    nodes.show_landmarks(SIDE, {key: Landmark.automatic((7.0, 8.0, 9.0)) for key in landmark_definitions()})
    for key, landmark in WHOLE.items():
        kept = landmark if landmark.by_person else Landmark.automatic((7.0, 8.0, 9.0))
        assert nodes.landmarks(SIDE)[key].state == kept.state, key


# -- lists older than a landmark


@pytest.fixture
def newer(monkeypatch):
    """A version that knows a landmark more, between those of today."""
    definitions = dict(landmark_definitions())
    extra = replace(
        definitions["femoral_head_center"], id="fovea", title="Fovea of the head", how="The pit of the head."
    )
    order = list(definitions.items())
    known = dict([*order[:2], ("fovea", extra), *order[2:]])

    def begin():
        for module in (anatomy, landmark_nodes):
            monkeypatch.setattr(module, "landmark_definitions", lambda: known)
        monkeypatch.setattr("IFIMeasureLib.files.markups.landmark_definitions", lambda: known)
        anatomy.parse_label.cache_clear()

    yield begin
    monkeypatch.undo()
    anatomy.parse_label.cache_clear()


def test_a_landmark_that_is_new_is_added_to_an_old_list_and_nothing_is_lost(node, newer):
    before = read(node)
    newer()
    assert read(node)["fovea"].state == "not placed"
    complete_list(node, SIDE)
    complete_list(node, SIDE)  # once is enough
    number = node.GetNumberOfControlPoints()
    assert number == len(before) + 1 and node.GetFixedNumberOfControlPoints()
    assert node.GetNthControlPointLabel(number - 1) == "Left fovea of the head"
    assert node.GetNthControlPointDescription(number - 1) == "The pit of the head."
    assert node.GetNthControlPointPositionStatus(number - 1) == node.PositionUndefined
    after = read(node)
    assert {key: landmark for key, landmark in after.items() if key != "fovea"} == before
    assert list(after)[2] == "fovea"  # in the order of the definitions, wherever its point stands in the list
    write_landmarks_into(node, SIDE, {"fovea": Landmark.manual((1.0, 2.0, 3.0))})
    assert (
        read(node)["fovea"] == Landmark.manual((1.0, 2.0, 3.0))
        and read(node)["femoral_neck_center"] == before["femoral_neck_center"]
    )


def test_a_file_with_fewer_landmarks_is_read_with_the_others_not_placed(headless, node, newer, tmp_path):
    write_landmarks(headless.scene, node, tmp_path / "left.mrk.json")
    document = json.loads((tmp_path / "left.mrk.json").read_text())
    points = document["markups"][0]["controlPoints"]
    document["markups"][0]["controlPoints"] = [p for p in points if p["label"] != "Left femoral head center"]
    (tmp_path / "fewer.mrk.json").write_text(json.dumps(document))
    newer()
    found = read_landmarks(tmp_path / "fewer.mrk.json")[SIDE]
    assert found["fovea"].state == found["femoral_head_center"].state == "not placed"
    same(
        {key: found[key] for key in SAID if key != "femoral_head_center"},
        {key: of for key, of in SAID.items() if key != "femoral_head_center"},
    )


def test_points_of_a_person_s_own_in_a_list_are_left_alone(headless):
    own = headless.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "mine")
    own.AddControlPoint(vtkVector3d(1.0, 2.0, 3.0), "screw")
    own.AddControlPoint(vtkVector3d(4.0, 5.0, 6.0), "left lesser_trochanter_tip")
    complete_list(own, SIDE)
    assert own.GetNumberOfControlPoints() == len(landmark_definitions()) + 1
    assert not own.GetFixedNumberOfControlPoints()
    assert read(own)["lesser_trochanter_tip"] == Landmark.manual((4.0, 5.0, 6.0))
    write_landmarks_into(own, SIDE, {"lesser_trochanter_tip": Landmark.automatic((7.0, 8.0, 9.0))})
    assert own.GetNthControlPointPosition(0) == (1.0, 2.0, 3.0) and own.GetNthControlPointLabel(0) == "screw"
    assert own.GetNthControlPointPosition(1) == (7.0, 8.0, 9.0)


def test_one_list_may_hold_both_sides(headless):
    both = make_list(headless.scene, "both", Side.LEFT)
    both.SetFixedNumberOfControlPoints(False)
    complete_list(both, Side.RIGHT)
    for side, x in ((Side.LEFT, -9.0), (Side.RIGHT, 9.0)):
        write_landmarks_into(both, side, {"femoral_head_center": Landmark.automatic((x, 0.0, 0.0))})
    both.SetNthControlPointPosition(landmark_index(both, Side.RIGHT, "femoral_head_center"), 1.0, 1.0, 1.0)
    assert read(both, Side.LEFT)["femoral_head_center"] == Landmark.automatic((-9.0, 0.0, 0.0))
    assert read(both, Side.RIGHT)["femoral_head_center"] == Landmark.manual((1.0, 1.0, 1.0))


def test_a_list_of_version_0_1_0_tells_who_placed_what_once_and_then_keeps_it(node):
    node.RemoveAttribute("IFIMeasure.landmarks_left")
    for key, text in (
        ("greater_trochanter_tip", "missing: marked as not identifiable by a person."),
        ("lesser_trochanter_tip", "missing: the field of view ends there."),
        ("ischial_tuberosity_lateral", "automatic at RAS 1.000 2.000 3.000"),  # marked by the menu afterwards
    ):
        node.SetNthControlPointDescription(index(node, key), text)
    expected = {**WHOLE, "ischial_tuberosity_lateral": Landmark.missing(MARKED_MISSING, PlacedBy.PERSON)}
    assert read(node) == expected
    complete_list(node, SIDE)
    for number in range(node.GetNumberOfControlPoints()):
        node.SetNthControlPointDescription(number, "spoiled")
    assert read(node) == expected
