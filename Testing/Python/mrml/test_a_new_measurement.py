"""A new measurement and a new landmark in a scene: shown, saved, opened, and put into scenes that lack them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from additions import LANDMARK, PLACE_RAS_MM
from IFIMeasureLib.anatomy.landmarks import Landmark, empty_landmarks, landmark_label
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.study.prepared import measure_study
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import Side

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from IFIMeasureLib.mrml.landmark_nodes import landmark_index  # noqa: E402
from IFIMeasureLib.mrml.scene import create_scene, read_scene, write_scene  # noqa: E402
from IFIMeasureLib.mrml.study_nodes import StudyNodes  # noqa: E402

KEY = LANDMARK["id"]


def measured(phantom):
    """The phantom, with the new landmark placed by hand on the right side."""
    grid = sample_grid((1.5, 1.5, 5.0))
    refs = [SegmentRef(name, 0, value) for value, name in phantom.label_names().items()]
    segmentation = Segmentation([phantom.label_map(grid)], grid, refs, Path("phantom.seg.nrrd"), named=True)
    person = {Side.RIGHT: {**empty_landmarks(), KEY: Landmark.manual(PLACE_RAS_MM)}}
    return measure_study(segmentation, resolve_structures(segmentation, None), person=person)


def test_they_are_shown_saved_and_opened(additions, phantom, tmp_path):
    headless = create_scene()
    study = measured(phantom)
    StudyNodes.create(headless.scene, "case").show(study)
    write_scene(headless.scene, tmp_path / "scene.mrb")
    opened = create_scene()
    read_scene(opened, tmp_path / "scene.mrb")
    nodes = StudyNodes.all(opened.scene)[0]
    line = nodes.result_node("invented_distance", Side.RIGHT)
    value = study.hips[Side.RIGHT].results["invented_distance"].value
    assert line.GetLineLengthWorld() == pytest.approx(value, abs=1e-3)
    assert nodes.result_node("invented_distance", Side.LEFT) is None
    found = nodes.landmarks(Side.RIGHT)[KEY]
    assert found.state == "manual" and found.position_ras_mm == pytest.approx(PLACE_RAS_MM)
    assert nodes.landmarks(Side.LEFT)[KEY].reason == "it is placed by hand only, and nobody has placed it."


def test_a_scene_that_was_made_without_them_gets_the_landmark_and_keeps_what_it_holds(
    with_landmarks, study, phantom, tmp_path
):
    headless = create_scene()
    StudyNodes.create(headless.scene, "case").show(study)
    write_scene(headless.scene, tmp_path / "scene.mrb")
    with_landmarks(LANDMARK)
    opened = create_scene()
    read_scene(opened, tmp_path / "scene.mrb")
    nodes = StudyNodes.all(opened.scene)[0]
    node = nodes.landmark_node(Side.RIGHT)
    assert node.GetNthControlPointLabel(landmark_index(node, Side.RIGHT, KEY)) == landmark_label(Side.RIGHT, KEY)
    kept = nodes.landmarks(Side.RIGHT)
    assert kept[KEY].state == "not placed"
    for key, landmark in study.hips[Side.RIGHT].landmarks.items():
        assert kept[key].state == landmark.state, key
        if landmark.position_ras_mm is not None:
            assert np.allclose(kept[key].position_ras_mm, landmark.position_ras_mm, atol=1e-3)
