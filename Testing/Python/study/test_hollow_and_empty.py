"""Bones drawn as a shell, and segments that are listed but empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.study.prepared import measure_study
from IFIMeasureLib.study.structures import masks_by_side, resolve_structures
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import IFIMeasureError, Side

GRID = sample_grid((1.2, 1.2, 4.0))


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return Phantom().label_map(GRID)


def segmentation(labels: np.ndarray) -> Segmentation:
    refs = [SegmentRef(name, 0, value) for value, name in Phantom().label_names().items()]
    return Segmentation([labels], GRID, refs, Path("made.nii.gz"), named=True)


def label_of(name: str) -> int:
    return next(value for value, of in Phantom().label_names().items() if of == name)


def test_bones_of_which_the_cortex_alone_is_drawn_are_filled_and_measure_as_solid_ones(labels):
    shells = labels.copy()
    for name in ("femur_left", "femur_right", "hip_left", "hip_right"):
        value = label_of(name)
        depth = scipy.ndimage.distance_transform_edt(labels == value, sampling=(1.2, 1.2, 100.0))
        shells[(labels == value) & (depth > 3.0)] = 0
    assert (shells > 0).sum() < 0.8 * (labels > 0).sum()
    solid, hollow = (segmentation(of) for of in (labels, shells))
    masks, notes = masks_by_side(hollow, resolve_structures(hollow, None))
    whole, none = masks_by_side(solid, resolve_structures(solid, None))
    assert sum("its cortex alone is drawn, so it was filled" in note for note in notes) >= 2
    assert not any("cortex" in note for note in none)
    for side in Side:
        assert masks[side]["femur"].array.sum() == pytest.approx(whole[side]["femur"].array.sum(), rel=0.02)
    values = [
        measure_study(of, resolve_structures(of, None)).hips[Side.RIGHT].spaces["ifs"].minimum_3d_mm
        for of in (solid, hollow)
    ]
    assert values[1] == pytest.approx(values[0], abs=0.05)


def test_an_empty_femur_counts_as_absent_and_the_other_side_is_measured(labels):
    made = segmentation(np.where(labels == label_of("femur_left"), 0, labels).astype(labels.dtype))
    masks, notes = masks_by_side(made, resolve_structures(made, None))
    assert "femur" not in masks[Side.LEFT] and "femur" in masks[Side.RIGHT]
    assert "the segment of femur_left (femur_left) is empty and counts as absent" in notes
    study = measure_study(made, resolve_structures(made, None))
    assert set(study.hips) == {Side.RIGHT}
    assert any("empty and counts as absent" in note for note in study.notes)


def test_where_every_femur_is_empty_nothing_is_measured(labels):
    femora = [label_of("femur_left"), label_of("femur_right")]
    made = segmentation(np.where(np.isin(labels, femora), 0, labels).astype(labels.dtype))
    with pytest.raises(IFIMeasureError, match="every segment of the femur is empty"):
        masks_by_side(made, resolve_structures(made, None))
