"""Measurements against closed forms on landmarks placed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from IFIMeasureLib.anatomy.landmarks import Landmark, empty_landmarks
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Mask
from IFIMeasureLib.measuring.definition import HipData
from IFIMeasureLib.measuring.evaluation import measure_hip, measure_pair
from IFIMeasureLib.measuring.registry import MEASUREMENTS
from IFIMeasureLib.placement.bone_field import BoneField
from IFIMeasureLib.values import Measured, NotMeasurable, Result, Side, point3


def hip(side: Side, **points: tuple[float, float, float]) -> HipData:
    """One side from points in the side frame (lateral, anterior, superior)."""
    landmarks = empty_landmarks()
    for key, place_side in points.items():
        landmarks[key] = Landmark.manual(point3(SideFrame(side).to_ras(place_side)))
    reason = NotMeasurable("not part of this test.")
    return HipData(side, landmarks, {"ifs": reason, "qfs": reason})


FEMUR = {
    "femoral_head_center": (80.0, 0.0, 0.0),
    "femoral_neck_center": (100.0, -20.0 * np.tan(np.radians(15)), -20.0),
    "shaft_axis_proximal": (120.0, -40.0 * np.tan(np.radians(15)), -60.0),
    "shaft_axis_distal": (120.0, -40.0 * np.tan(np.radians(15)), -140.0),
    "lesser_trochanter_tip": (120.0 - 28.0, -40.0 * np.tan(np.radians(15)) - 28.0 * np.tan(np.radians(20)), -52.0),
    "posterior_condyle_medial": (95.0, -30.0, -400.0),
    "posterior_condyle_lateral": (145.0, -30.0, -400.0),
}


@pytest.mark.parametrize("side", list(Side))
def test_angles_of_a_drawn_femur_are_those_of_the_drawing_on_both_sides(side):
    results = measure_hip(hip(side, **FEMUR))
    across = 20.0 / np.cos(np.radians(15))
    assert results["neck_shaft_angle"].value == pytest.approx(180 - np.degrees(np.arctan2(across, 20.0)))
    assert results["femoral_version"].value == pytest.approx(15.0)
    assert results["lt_version"].value == pytest.approx(-20.0)
    assert results["lt_neck_angle"].value == pytest.approx(35.0)
    assert results["femoral_offset"].value == pytest.approx(40.0 / np.cos(np.radians(15)))
    assert results["femur_flexion"].value == pytest.approx(0.0, abs=1e-9)
    assert results["femur_rotation_proxy"].value == pytest.approx(15.0)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(("name", "knee"), [("femur_flexion", (0.0, 1.0)), ("femur_abduction", (1.0, 0.0))])
def test_a_knee_moved_forward_or_outward_is_flexed_or_abducted(side, name, knee):
    moved = dict(FEMUR)
    x, y, z = moved["shaft_axis_proximal"]
    moved["shaft_axis_distal"] = (
        x + 80 * np.tan(np.radians(10)) * knee[0],
        y + 80 * np.tan(np.radians(10)) * knee[1],
        z - 80.0,
    )
    assert measure_hip(hip(side, **moved))[name].value == pytest.approx(10.0)


def pair(hips: dict[Side, HipData]) -> dict[str, Result]:
    return measure_pair(hips, {side: measure_hip(data) for side, data in hips.items()})


def test_the_intertuberous_distance_needs_both_sides():
    right = hip(Side.RIGHT, ischial_tuberosity_lowest=(50.0, -20.0, -80.0))
    left = hip(Side.LEFT, ischial_tuberosity_lowest=(47.0, -16.0, -80.0))
    assert pair({Side.RIGHT: right, Side.LEFT: left})["intertuberous_distance"].value == pytest.approx(np.hypot(97, 4))
    assert "both sides" in pair({Side.RIGHT: right})["intertuberous_distance"].reason


def test_nothing_placed_gives_reasons_and_no_number():
    for result in measure_hip(hip(Side.LEFT)).values():
        assert isinstance(result, NotMeasurable)
        assert result.reason.endswith(".")


def test_every_measurement_is_named_by_a_test():
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert [m.id for m in MEASUREMENTS if f'"{m.id}"' not in tests] == []


def test_the_3d_minimum_is_never_larger_than_the_axial_one(study):
    for hip_result in study.hips.values():
        for space in ("ifs", "qfs"):
            assert hip_result.results[f"{space}_3d"].value <= hip_result.results[f"{space}_axial"].value


def test_the_points_of_a_space_are_as_far_apart_as_its_value(study):
    for hip_result in study.hips.values():
        for name in ("ifs_axial", "ifs_3d", "qfs_axial", "qfs_3d"):
            result = hip_result.results[name]
            assert isinstance(result, Measured)
            a, b = np.array(result.points_ras_mm)
            assert np.linalg.norm(a - b) == pytest.approx(result.value, abs=1e-6)
            if name.endswith("axial"):
                assert a[2] == pytest.approx(b[2])


@pytest.mark.parametrize("side", list(Side))
def test_what_is_drawn_of_an_angle_opens_by_its_value(side):
    drawn = 0
    for name, result in measure_hip(hip(side, **FEMUR)).items():
        if isinstance(result, Measured) and result.unit == "deg":
            a, vertex, b = np.array(result.points_ras_mm)
            cosine = (a - vertex) @ (b - vertex) / np.linalg.norm(a - vertex) / np.linalg.norm(b - vertex)
            assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) == pytest.approx(abs(result.value), abs=1e-5), name
            drawn += 1
    assert drawn >= 7


def test_the_ischial_point_lies_medial_of_the_trochanteric_one(study):
    for side, hip_result in study.hips.items():
        ischium, trochanter = hip_result.results["ifs_axial"].points_ras_mm
        assert SideFrame(side).to_side(np.subtract(trochanter, ischium))[0] > 5


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("angle_deg", [20.0, 35.0])
def test_the_ischial_angle_is_that_of_a_drawn_ischium_on_both_sides(side, angle_deg):
    spacing = 0.8
    grid = Grid((100, 100, 20), np.diag([spacing, spacing, spacing, 1.0]))
    middle = np.array([40.0, 40.0])
    along = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    from_middle = np.moveaxis(np.indices((100, 100)) * spacing, 0, -1) - middle
    inside = (np.abs(from_middle @ along) < 18.0) & (np.abs(from_middle @ [-along[1], along[0]]) < 8.0)
    ischium = Mask(np.repeat(inside[:, :, None], 20, axis=2).astype(np.uint8), grid, frozenset())
    data = hip(side, ischial_tuberosity_lateral=(46.0, 40.0, 8.0))
    assert "no segment of the hip bone" in measure_hip(data)["ischial_angle"].reason
    data.fields["hip"] = BoneField(ischium)
    result = measure_hip(data)["ischial_angle"]
    assert result.value == pytest.approx(angle_deg, abs=0.5)
    assert result.slice_ras_s_mm == pytest.approx(8.0, abs=0.5)
