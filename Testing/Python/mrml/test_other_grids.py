"""In a scene, too, image and bones may lie on different grids; the image says whether they belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed")

from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Volume
from IFIMeasureLib.mrml.live import LiveStudy
from IFIMeasureLib.mrml.sample_scene import add_sample_bones, sample_phantom
from IFIMeasureLib.mrml.scene import create_scene
from IFIMeasureLib.mrml.study_nodes import StudyNodes
from IFIMeasureLib.mrml.volumes import add_volume
from IFIMeasureLib.study.result import StudyResult, each_result
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import IFIMeasureError, Measured


@pytest.fixture(scope="module")
def image() -> Volume:
    grid = sample_grid((1.4, 1.4, 3.0))
    return Volume(sample_phantom().image(grid, "t2fs"), grid, Path("t2"))


def live_study(image: Volume | None) -> LiveStudy:
    scene = create_scene().scene
    nodes = StudyNodes.create(scene, "case")
    nodes.segmentation = add_sample_bones(scene)
    if image is not None:
        nodes.volume = add_volume(scene, image, "t2")
    return LiveStudy(nodes)


def values(result: StudyResult) -> dict[tuple[str, str], float]:
    return {
        (definition.id, side.value if side else ""): found.value
        for definition, side, found in each_result(result)
        if isinstance(found, Measured)
    }


def test_an_image_on_another_grid_changes_no_value_in_a_scene(image):
    alone, beside = live_study(None), live_study(image)
    without, with_image = values(alone.place_from_bones()), values(beside.place_from_bones())
    assert without == {key: with_image[key] for key in without}
    assert [note for note in beside.result.notes if "spaces are measured on the segmentation's grid" in note]


def test_an_image_in_another_place_is_refused_until_a_person_says_that_it_is_not(image):
    affine = image.grid.affine.copy()
    affine[:3, 3] += [0.0, 9.0, 0.0]
    live = live_study(Volume(image.array, Grid(image.grid.shape, affine), Path("t2")))
    with pytest.raises(IFIMeasureError, match="do not lie in the same place") as refused:
        live.place_from_bones()
    assert "same_place" in refused.value.argument
    live.nodes.same_place = True
    result = live.place_from_bones()
    assert result.provenance.options["same_place"] is True
    assert [note for note in result.notes if "as was said, but" in note]
    live.nodes.volume = None
    assert not live.nodes.same_place
    assert np.isfinite(list(values(live.place_from_bones()).values())).all()
