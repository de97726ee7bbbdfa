"""Landmarks on bones: where they lie, and what is said when the field of view cuts a structure off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.placement.lesser_trochanter import prominent_peaks
from IFIMeasureLib.study.prepared import measure_study
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.hip import HipSpec
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import IFIMeasureError, Measured, Side


def measured(phantom: Phantom, grid: Grid, sides=(Side.RIGHT,)):
    labels = phantom.label_map(grid)
    refs = [SegmentRef(n, 0, v) for v, n in phantom.label_names().items() if (labels == v).any()]
    segmentation = Segmentation([labels], grid, refs, Path("phantom"), named=True)
    return measure_study(segmentation, resolve_structures(segmentation, None), sides=sides)


def test_landmarks_lie_where_the_equations_put_them(study, phantom):
    for side, hip in study.hips.items():
        truth = phantom.truth(side)
        for name, place, limit in (
            ("femoral_head_center", truth.head_center, 0.5),
            ("lesser_trochanter_tip", truth.lesser_trochanter_tip, 1.0),
            ("greater_trochanter_tip", truth.greater_trochanter_tip, 2.0),
        ):
            found = SideFrame(side).to_side(hip.landmarks[name].position_ras_mm)
            assert np.linalg.norm(found - place) < limit, name


def test_with_the_knee_in_the_scan_version_is_measured():
    spec = HipSpec(anteversion_deg=19.0, rotation_deg=10.0)
    grid = sample_grid((1.0, 1.0, 2.5), bottom_mm=-436.0)
    hip = measured(Phantom(spec, spec), grid).hips[Side.RIGHT]
    version = hip.results["femoral_version"]
    assert isinstance(version, Measured), version
    assert version.value == pytest.approx(19.0, abs=1.0)
    assert hip.results["lt_version"].value == pytest.approx(19.0 - 38.0, abs=1.5)


def test_without_the_knee_version_says_so(study):
    result = study.hips[Side.RIGHT].results["femoral_version"]
    assert "knee is not in the field of view" in result.reason


def test_a_scan_that_ends_above_the_lesser_trochanter_is_refused():
    with pytest.raises(IFIMeasureError, match="field of view ends above the lesser trochanter"):
        measured(Phantom(), sample_grid((1.0, 1.0, 2.0), bottom_mm=-35.0))


def test_a_scan_that_cuts_the_head_says_so_and_guesses_no_center():
    with pytest.raises(IFIMeasureError, match="head"):
        measured(Phantom(), sample_grid((1.0, 1.0, 2.0), top_mm=-2.0))


def test_a_scan_that_ends_just_below_the_trochanter_has_no_shaft_axis():
    hip = measured(Phantom(), sample_grid((1.0, 1.0, 2.0), bottom_mm=-74.0)).hips[Side.RIGHT]
    assert hip.landmarks["lesser_trochanter_tip"].state == "automatic"
    assert "too little for its axis" in hip.landmarks["shaft_axis_distal"].reason
    assert isinstance(hip.results["ifs_axial"], Measured)
    assert "Shaft axis" in hip.results["neck_shaft_angle"].reason
    assert hip.landmarks["ischial_tuberosity_lowest"].state == "missing"


@pytest.mark.parametrize("rotation", [-35.0, 35.0])
def test_strong_rotation_of_the_leg_does_not_lose_the_lesser_trochanter(rotation):
    spec = HipSpec(rotation_deg=rotation)
    phantom = Phantom(spec, spec)
    hip = measured(phantom, sample_grid((1.0, 1.0, 2.0))).hips[Side.RIGHT]
    tip = np.array(hip.landmarks["lesser_trochanter_tip"].position_ras_mm)
    assert np.linalg.norm(tip - phantom.truth(Side.RIGHT).lesser_trochanter_tip) < 1.0


def test_a_child_of_two_thirds_the_size_is_measured():
    """Every length of the bones shrinks: the same voxels with smaller spacing."""
    phantom = Phantom()
    grid = sample_grid((1.2, 1.2, 3.0))
    labels = phantom.label_map(grid)
    small = Grid(grid.shape, np.diag([2 / 3, 2 / 3, 2 / 3, 1.0]) @ grid.affine)
    refs = [SegmentRef(n, 0, v) for v, n in phantom.label_names().items()]
    segmentation = Segmentation([labels], small, refs, Path("child"), named=True)
    hip = measure_study(segmentation, resolve_structures(segmentation, None)).hips[Side.RIGHT]
    true = min(phantom.true_space(Side.RIGHT, "ifs", p.level_mm * 1.5) for p in hip.spaces["ifs"].profile)
    assert hip.results["ifs_axial"].value == pytest.approx(true * 2 / 3, abs=0.4)


def test_peaks_and_prominences_are_those_of_scipy():
    from scipy import signal

    rng = np.random.default_rng(4)
    for number in range(60):
        values = np.cumsum(rng.normal(size=90))
        if number % 2:
            values = np.round(values)  # plateaus
        peaks, properties = signal.find_peaks(values, prominence=0.5)
        found = prominent_peaks(values, 0.5)
        assert [n for n, _ in found] == peaks.tolist()
        assert [p for _, p in found] == pytest.approx(properties["prominences"].tolist())
