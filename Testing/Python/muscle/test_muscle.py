"""The quadratus femoris: segmentation against the phantom's equations, numbers against closed forms, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cases import BODYPARTS, dice, five_strokes, mesh, muscle_case, synthetic_mr, voxelize
from IFIMeasureLib.anatomy.landmarks import Landmark, empty_landmarks
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Mask, Volume
from IFIMeasureLib.muscle.composition import edema_grade, fat_grade, with_images
from IFIMeasureLib.muscle.images import MuscleImages
from IFIMeasureLib.muscle.masks import fill_between, resampled, split_joint
from IFIMeasureLib.muscle.mixture import posterior
from IFIMeasureLib.muscle.numbers import muscle_numbers
from IFIMeasureLib.muscle.plate import CORNERS, muscle_corners, plate
from IFIMeasureLib.muscle.region import muscle_region
from IFIMeasureLib.muscle.segment import segment_muscle
from IFIMeasureLib.muscle.signal import partial_volume_ml, signal_levels
from IFIMeasureLib.muscle.strokes import Strokes, read_strokes
from IFIMeasureLib.values import IFIMeasureError, Measured, NotMeasurable, Side


@pytest.fixture(scope="module")
def case():
    return muscle_case(1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_muscle_is_found_in_t1_t2_and_dixon_with_noise_and_bias(seed):
    case = muscle_case(seed)
    found = resampled(segment_muscle(case.volume, case.landmarks, case.others, case.side), case.volume.grid)
    assert dice(found, case.truth) > 0.88, case.name
    assert abs(found.sum() / case.truth.sum() - 1) < 0.25, case.name  # of one case; the benchmark holds the mean to 5 %
    for name, mask in case.others.items():
        assert not (found & resampled(mask, case.volume.grid)).any(), name


def test_strokes_correct_what_was_wrong_and_are_kept(case):
    grid = case.volume.grid
    found = resampled(segment_muscle(case.volume, case.landmarks, case.others, case.side), grid)
    strokes = five_strokes(found, case.truth, grid)
    corrected = resampled(segment_muscle(case.volume, case.landmarks, case.others, case.side, strokes), grid)
    assert dice(corrected, case.truth) >= dice(found, case.truth)
    index = np.round(grid.to_ijk(strokes.inside)).astype(int)
    assert corrected[tuple(index.T)].all()
    if len(strokes.outside):
        assert not corrected[tuple(np.round(grid.to_ijk(strokes.outside)).astype(int).T)].any()


@pytest.mark.skipif(not BODYPARTS.exists(), reason="the meshes of BodyParts3D are not here")
def test_the_muscle_is_found_among_the_real_shapes_of_its_neighbors():
    case = synthetic_mr("t1")
    found = resampled(segment_muscle(case.volume, case.landmarks, case.others, case.side), case.volume.grid)
    assert dice(found, case.truth) > 0.85


@pytest.mark.skipif(not BODYPARTS.exists(), reason="the meshes of BodyParts3D are not here")
def test_a_joint_segment_is_split_below_the_gemelli():
    case = synthetic_mr("t1")
    grid = case.volume.grid
    gemelli = voxelize(mesh("right_gemellus_inferior"), grid) | voxelize(mesh("right_gemellus_superior"), grid)
    found = split_joint(Mask(case.truth | gemelli, grid, frozenset()), muscle_corners(case.landmarks), 24.0)
    assert dice(found.array, case.truth) > 0.93


def test_slices_between_drawn_ones_are_filled_and_drawn_ones_stay(case):
    every = 3
    drawn = case.truth.copy()
    used = np.flatnonzero(case.truth.any((0, 1)))
    keep = {*used[::every], used[-1]}
    for k in range(drawn.shape[2]):
        if k not in keep:
            drawn[:, :, k] = False
    filled = fill_between(Mask(drawn, case.volume.grid, frozenset()), 2).array
    assert dice(filled, case.truth) > 0.93
    assert dice(drawn, case.truth) < 0.7
    for k in keep:
        assert (filled[:, :, k] == case.truth[:, :, k]).all()
    single = np.zeros_like(drawn)
    single[:, :, used[3]] = case.truth[:, :, used[3]]
    with pytest.raises(IFIMeasureError, match="only 1 slice"):
        fill_between(Mask(single, case.volume.grid, frozenset()), 2)


def test_a_missing_corner_an_image_that_does_not_reach_and_a_constant_one_are_refused(case):
    landmarks = dict(case.landmarks)
    landmarks[CORNERS[2]] = Landmark.missing("the field of view ends there.")
    with pytest.raises(
        IFIMeasureError, match=r"Quadratus femoris, femur, superior is missing.*field of view ends there"
    ):
        muscle_corners(landmarks)
    grid = case.volume.grid
    half = grid.cropped((slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, 12)))
    with pytest.raises(IFIMeasureError, match=r"does not reach the .* quadratus femoris"):
        segment_muscle(Volume(case.volume.array[:, :, :12], half, Path("half")), case.landmarks, case.others, case.side)
    with pytest.raises(IFIMeasureError, match="constant"):
        segment_muscle(
            Volume(np.ones(grid.shape, np.float32), grid, Path("flat")), case.landmarks, case.others, case.side
        )
    nan = np.full(grid.shape, np.nan, np.float32)
    with pytest.raises(IFIMeasureError, match="no finite numbers"):
        segment_muscle(Volume(nan, grid, Path("nan")), case.landmarks, case.others, case.side)


def test_the_plate_goes_through_its_corners():
    corners = np.array([[0.0, 0, 0], [0, 0, -40], [50, -5, 2], [45, 3, -38]])
    points, parameters = plate(corners, 131)
    for corner, (u, v) in zip(corners, ((0, 0), (0, 1), (1, 0), (1, 1))):
        nearest = np.linalg.norm(points - corner, axis=1).argmin()
        assert np.linalg.norm(points[nearest] - corner) < 0.3
        assert parameters[nearest] == pytest.approx((u, v), abs=0.01)


def block(spacing, size_mm=(50.0, 8.0, 40.0)):
    """A block of known size, placed so that voxel borders fall on its faces where the spacing divides it."""
    spacing = np.array(spacing)
    inside = np.round(np.array(size_mm) / spacing).astype(int)
    array = np.zeros(inside + 8, bool)
    array[4:-4, 4:-4, 4:-4] = True
    affine = np.diag([*spacing, 1.0])
    return Mask(array, Grid(array.shape, affine), frozenset())


def corners_of(mask):
    points = mask.grid.to_ras(np.argwhere(mask.array).astype(float))
    low, high = points.min(0), points.max(0)
    y = 0.5 * (low[1] + high[1])
    return np.array([[low[0], y, high[2]], [low[0], y, low[2]], [high[0], y, high[2]], [high[0], y, low[2]]])


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 1.0), (0.5, 0.5, 4.0)])
def test_the_numbers_of_a_block_are_those_of_its_edges(spacing):
    mask = block(spacing)
    numbers = muscle_numbers(mask, corners_of(mask), level_mm=float(mask.grid.affine[2, 3] + 24.0))
    assert numbers.volume_ml == pytest.approx(16.0)
    assert numbers.surface_volume_ml == pytest.approx(16.0, rel=0.02)
    assert numbers.max_area[1] == pytest.approx(400.0)
    assert numbers.thickness_mm == pytest.approx(8.0, abs=0.4)
    assert numbers.length_mm == pytest.approx(50.0, abs=1.0)
    assert numbers.across_max_mm2 == pytest.approx(320.0, rel=0.05)
    assert numbers.volume_uncertainty_ml > 0


def test_thick_slices_leave_more_open_and_few_of_them_say_so():
    thin, thick = muscle_numbers(block((0.5, 0.5, 1.0))), muscle_numbers(block((0.5, 0.5, 10.0)))
    assert thick.volume_uncertainty_ml > 2 * thin.volume_uncertainty_ml
    assert any("only 4 slices" in note for note in thick.notes)
    assert not thin.notes


def test_dixon_gives_the_fat_fraction_and_warns_of_swapped_images():
    mask = block((1.0, 1.0, 2.0))
    shape = mask.array.shape
    water, fat = np.full(shape, 300.0, np.float32), np.full(shape, 100.0, np.float32)
    numbers = with_images(muscle_numbers(mask), mask, MuscleImages(mask.grid, water=water, fat=fat), None, None)
    assert numbers.fat_fraction == pytest.approx(0.25)
    assert numbers.lean_volume_ml == pytest.approx(12.0)
    swapped = with_images(muscle_numbers(mask), mask, MuscleImages(mask.grid, water=fat, fat=water), None, None)
    assert any("not swapped" in note for note in swapped.notes)
    negative = with_images(muscle_numbers(mask), mask, MuscleImages(mask.grid, water=-water, fat=fat), None, None)
    assert negative.fat_fraction is None and any("negative" in note for note in negative.notes)


def test_edema_is_measured_against_a_reference_muscle_or_not_at_all():
    mask = block((1.0, 1.0, 2.0))
    image = np.full(mask.array.shape, 100.0, np.float32)
    image[mask.array] = 120.0
    inside = np.argwhere(mask.array)
    hot = inside[: len(inside) // 4]
    image[tuple(hot.T)] = 300.0
    reference = Mask(~mask.array, mask.grid, frozenset())
    numbers = with_images(muscle_numbers(mask), mask, MuscleImages(mask.grid, t2fs=image), None, reference)
    assert numbers.edema_share == pytest.approx(0.25, abs=0.01)
    assert numbers.edema_ratio == pytest.approx(1.65, abs=0.01)
    without = with_images(muscle_numbers(mask), mask, MuscleImages(mask.grid, t2fs=image), None, None)
    assert without.edema_share is None and any("no reference muscle" in note for note in without.notes)


def test_grades_change_at_their_stated_limits():
    assert [fat_grade(f) for f in (0.0, 0.049, 0.05, 0.19, 0.2, 0.44, 0.45, 0.55, 0.9)] == [0, 0, 1, 1, 2, 2, 3, 4, 4]
    assert [edema_grade(s) for s in (0.0, 0.05, 0.25, 0.5, 1.0)] == [0, 1, 2, 3, 3]


def test_a_study_reports_its_muscle_and_refuses_the_volume_of_one_that_is_cut_off(study, phantom):
    for side, hip in study.hips.items():
        result = hip.results["qf_volume"]
        assert isinstance(result, Measured) and result.unit == "mL"
        mask = hip.masks["quadratus_femoris"]
        assert result.value == pytest.approx(mask.array.sum() * abs(np.linalg.det(mask.grid.affine[:3, :3])) / 1000)
        assert hip.results["qf_thickness"].value == pytest.approx(2 * phantom.spec(side).muscle_radius_mm, rel=0.25)
        assert isinstance(hip.results["qf_fat_fraction"], NotMeasurable)
    left, right = (study.hips[s].results["qf_volume"].value for s in (Side.LEFT, Side.RIGHT))
    assert study.paired["qf_volume_asymmetry"].value == pytest.approx(200 * (left - right) / (left + right))
    from IFIMeasureLib.measuring.definition import HipData
    from IFIMeasureLib.measuring.evaluation import measure_hip

    mask = study.hips[Side.LEFT].masks["quadratus_femoris"]
    cut = muscle_numbers(Mask(mask.array, mask.grid, frozenset({(2, -1)})))
    results = measure_hip(
        HipData(Side.LEFT, empty_landmarks(), {"ifs": NotMeasurable("x."), "qfs": NotMeasurable("x.")}, muscle=cut)
    )
    assert "cuts the quadratus femoris off" in results["qf_volume"].reason
    assert results["qf_max_area"].value == pytest.approx(cut.max_area[1])


def test_strokes_are_read_from_slicers_markups_and_refused_where_they_are_none(tmp_path):
    path = tmp_path / "strokes.mrk.json"
    points = [{"label": "a", "position": [-10.0, -20.0, 30.0], "positionStatus": "defined"}]
    path.write_text(
        json.dumps(
            {
                "markups": [
                    {"name": "muscle inside", "coordinateSystem": "LPS", "controlPoints": points},
                    {"name": "outside", "coordinateSystem": "RAS", "controlPoints": points},
                ]
            }
        )
    )
    strokes = read_strokes(path)
    assert strokes.inside.tolist() == [[10.0, 20.0, 30.0]] and strokes.outside.tolist() == [[-10.0, -20.0, 30.0]]
    path.write_text(json.dumps({"markups": [{"name": "something", "controlPoints": points}]}))
    with pytest.raises(IFIMeasureError, match="no list or point is named"):
        read_strokes(path)
    path.write_text("no json")
    with pytest.raises(IFIMeasureError, match="not a Slicer markups file"):
        read_strokes(path)
    assert len(Strokes.none().inside) == 0


def test_voxels_at_the_border_count_by_their_signal(case):
    region = muscle_region(case.volume, case.landmarks, case.others, case.side)
    levels = signal_levels(region, case.others["femur"])
    # an image of a plate between two fat layers, its border at a known depth inside the voxels
    spacing = region.grid.spacing
    depth = region.distance - 4.3
    share = np.clip(0.5 - depth / float(spacing.min()), 0.0, 1.0)
    region.image = (levels.fat + (levels.muscle - levels.fat) * share).astype(np.float32)
    region.free[:] = region.distance < 12.0
    true = float(share.sum()) * region.grid.voxel_mm3 / 1000
    for cut in (0.3, 0.5, 0.7):  # wherever the segment's border runs between the voxels
        found = partial_volume_ml(region, levels, share > cut)
        assert found == pytest.approx(true, rel=0.01)
    assert abs((share > 0.3).sum() * region.grid.voxel_mm3 / 1000 / true - 1) > 0.02
    region.image = np.full_like(region.image, levels.muscle)
    assert partial_volume_ml(region, levels, share > 0.5) is None


def test_fat_that_is_brighter_than_fat_is_not_taken_for_muscle(case):
    region = muscle_region(case.volume, case.landmarks, case.others, case.side)
    levels = signal_levels(region, case.others["femur"])
    middle = region.free & (region.distance < 2.0) & (region.along > 0.4) & (region.along < 0.6)
    region.image[middle] = levels.fat + 2.0 * (levels.fat - levels.muscle)
    belief, _ = posterior(region, levels)
    assert np.median(belief[middle]) < 0.1


@pytest.mark.parametrize(("contrast", "bright"), [("t1", True), ("t2fs", False), ("water", False), ("in-phase", True)])
def test_what_the_image_is_tells_which_signal_is_fat(case, contrast, bright):
    from dataclasses import replace

    region = muscle_region(replace(case.volume, contrast=contrast), case.landmarks, case.others, case.side)
    levels = signal_levels(region, None)
    assert (levels.fat > levels.muscle) is bright


def test_images_in_and_out_of_phase_give_water_and_fat_and_swapped_ones_are_told_by_the_marrow():
    mask = block((1.0, 1.0, 2.0))
    shape = mask.array.shape
    fat, water = np.full(shape, 60.0, np.float32), np.full(shape, 240.0, np.float32)
    images = MuscleImages.from_phases(mask.grid, water + fat, np.abs(water - fat))
    numbers = with_images(muscle_numbers(mask), mask, images, None, None)
    assert numbers.fat_fraction == pytest.approx(0.2)
    assert (
        sum(numbers.fat_histogram) == mask.array.sum()
        and numbers.fat_histogram[4] + numbers.fat_histogram[3] == mask.array.sum()
    )
    femur = np.zeros(shape, bool)
    femur[:, :, -12:] = True
    water[femur], fat[femur] = 20.0, 300.0
    swapped = MuscleImages(mask.grid, water=fat, fat=water)
    told = with_images(muscle_numbers(mask), mask, swapped, None, None, Mask(femur, mask.grid, frozenset()))
    assert told.fat_fraction is None and any("are swapped" in note for note in told.notes)


def test_a_single_slice_gives_sections_but_no_volume():
    from IFIMeasureLib.measuring.definition import HipData
    from IFIMeasureLib.measuring.evaluation import measure_hip

    mask = block((1.0, 1.0, 40.0))
    results = measure_hip(
        HipData(
            Side.LEFT,
            empty_landmarks(),
            {"ifs": NotMeasurable("x."), "qfs": NotMeasurable("x.")},
            muscle=muscle_numbers(mask),
        )
    )
    assert "a single slice" in results["qf_volume"].reason
    assert results["qf_max_area"].value == pytest.approx(400.0)
