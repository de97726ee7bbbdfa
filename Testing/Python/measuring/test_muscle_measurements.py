"""Measurements of the quadratus femoris from numbers of its segment that are known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from IFIMeasureLib.anatomy.landmarks import empty_landmarks
from IFIMeasureLib.anatomy.reference_values import Subject
from IFIMeasureLib.measuring.definition import HipData
from IFIMeasureLib.measuring.evaluation import measure_hip, measure_pair
from IFIMeasureLib.muscle.numbers import MuscleNumbers
from IFIMeasureLib.values import NotMeasurable, Side

MUSCLE = MuscleNumbers(
    volume_ml=20.0,
    surface_volume_ml=19.5,
    volume_uncertainty_ml=1.5,
    areas=((-60.0, 300.0), (-55.0, 450.0), (-50.0, 350.0)),
    across_max_mm2=620.0,
    length_mm=48.0,
    thickness_mm=11.0,
    slices=3,
    cut=False,
    fat_fraction=0.25,
    fat_source="Dixon",
    partial_volume_ml=19.8,
    edema_ratio=1.6,
    edema_share=0.3,
)


def hip(side: Side, muscle: MuscleNumbers, subject: Subject | None = None) -> HipData:
    reason = NotMeasurable("not part of this test.")
    spaces = {"ifs": reason, "qfs": reason}
    return HipData(side, empty_landmarks(), spaces, subject=subject or Subject(), muscle=muscle)


@pytest.mark.parametrize(
    ("measurement_id", "value"),
    [
        ("qf_volume", 20.0),
        ("qf_volume_surface", 19.5),
        ("qf_volume_partial", 19.8),
        ("qf_volume_index", 20.0 / (1.6 * 50.0)),
        ("qf_lean_volume", 15.0),
        ("qf_max_area", 450.0),
        ("qf_max_section", 620.0),
        ("qf_thickness", 11.0),
        ("qf_length", 48.0),
        ("qf_fat_fraction", 25.0),
        ("qf_fat_grade", 2.0),
        ("qf_edema_ratio", 1.6),
        ("qf_edema_share", 30.0),
        ("qf_edema_grade", 2.0),
    ],
)
def test_a_measurement_is_the_number_of_the_segment_in_its_unit(measurement_id, value):
    result = measure_hip(hip(Side.LEFT, MUSCLE, Subject(height_m=1.6, weight_kg=50.0)))[measurement_id]
    assert result.value == pytest.approx(value)
    assert result.points_ras_mm == ()


@pytest.mark.parametrize(
    ("measurement_id", "without", "why"),
    [
        ("qf_volume_partial", {"partial_volume_ml": None}, "needs an image in which the muscle and the fat"),
        ("qf_volume_index", {}, "height and weight"),
        ("qf_lean_volume", {"fat_fraction": None}, "needs Dixon images"),
        ("qf_fat_grade", {"fat_fraction": None}, "needs Dixon images"),
        ("qf_max_section", {"across_max_mm2": None}, "corners are not all placed"),
        ("qf_length", {"length_mm": None}, "corners are not all placed"),
        ("qf_length", {"cut": True}, "cuts the quadratus femoris off"),
        ("qf_volume_surface", {"slices": 1}, "a volume needs at least two"),
        ("qf_edema_ratio", {"edema_ratio": None}, "a segment of a reference muscle"),
        ("qf_edema_share", {"edema_share": None}, "a segment of a reference muscle"),
        ("qf_edema_grade", {"edema_share": None}, "a segment of a reference muscle"),
    ],
)
def test_what_is_not_known_of_the_muscle_is_not_measurable(measurement_id, without, why):
    assert why in measure_hip(hip(Side.LEFT, replace(MUSCLE, **without)))[measurement_id].reason


def test_the_asymmetry_is_the_difference_over_the_mean_of_both_volumes():
    hips = {Side.RIGHT: hip(Side.RIGHT, replace(MUSCLE, volume_ml=10.0)), Side.LEFT: hip(Side.LEFT, MUSCLE)}
    measured = {side: measure_hip(data) for side, data in hips.items()}
    assert measure_pair(hips, measured)["qf_volume_asymmetry"].value == pytest.approx(100.0 * 10.0 / 15.0)
