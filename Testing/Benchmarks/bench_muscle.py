"""The quadratus femoris: segmentation, change over time, numbers."""

from __future__ import annotations

import dataclasses
from multiprocessing import Pool
from typing import Any

import numpy as np
from bench_muscle_methods import ALTERNATIVES, grow_cut
from bench_report import Options, line, timed
from cases import (
    BODYPARTS,
    MuscleCase,
    bodyparts_grid,
    dice,
    five_strokes,
    followed_ml,
    mesh,
    muscle_case,
    muscle_pair,
    synthetic_mr,
    voxelize,
)
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Mask, Volume
from IFIMeasureLib.muscle.masks import fill_between, resampled
from IFIMeasureLib.muscle.numbers import MuscleNumbers, muscle_numbers
from IFIMeasureLib.muscle.plate import muscle_corners
from IFIMeasureLib.muscle.segment import segment_muscle
from IFIMeasureLib.muscle.strokes import Strokes
from IFIMeasureLib.study.follow_up import DEFAULT_WCV_PERCENT
from IFIMeasureLib.values import Side

_MESH_ML = 12.921
"""Volume of the right quadratus femoris' mesh."""


def muscle(options: Options) -> None:
    """The quadratus femoris: segmentation against truth and alternatives, volumes, speed."""
    _phantoms(options)
    _filling()
    _speed()
    if BODYPARTS.exists():
        _real_muscles()
        _real_volumes()


def _segmented(case: MuscleCase, strokes: Strokes | None = None) -> np.ndarray:
    """The muscle that is found, on the case's grid."""
    mask = segment_muscle(case.volume, case.landmarks, case.others, case.side, strokes)
    return resampled(mask, case.volume.grid)


def _phantoms(options: Options) -> None:
    count = min(options.cases, 40)
    print(
        f"Quadratus femoris, {count} phantoms (T1, fat-suppressed T2, Dixon water; SNR 10 to 40; 30 % bias;"
        " 0.7 x 0.7 x 3 mm), automatic corners"
    )
    rows = options.of_each(_one_muscle, range(count))
    line("Dice, mean", float(np.mean([row.dice for row in rows])), "", 0.90, at_least=True)
    line("Dice, worst", float(np.min([row.dice for row in rows])), "", 0.85, at_least=True)
    line("volume error, mean", 100 * float(np.mean([abs(row.volume_error) for row in rows])), "%", 5.0)
    after_strokes = float(np.mean([row.dice_after_strokes for row in rows]))
    line("Dice after five strokes, mean", after_strokes, "", 0.93, at_least=True)
    for title in ALTERNATIVES:
        line(f"Dice, mean: {title}", float(np.mean([row.alternatives[title] for row in rows])), "")


@dataclasses.dataclass(frozen=True)
class _OneMuscle:
    """Dice and relative volume error of one phantom's muscle, Dice after five strokes, and Dice of the alternatives."""

    dice: float
    volume_error: float
    dice_after_strokes: float
    alternatives: dict[str, float]


def _one_muscle(seed: int) -> _OneMuscle:
    case = muscle_case(seed)
    found = _segmented(case)
    corrected = _segmented(case, five_strokes(found, case.truth, case.volume.grid))
    return _OneMuscle(
        dice=dice(found, case.truth),
        volume_error=float(found.sum() / case.truth.sum() - 1),
        dice_after_strokes=dice(corrected, case.truth),
        alternatives={title: dice(method(case), case.truth) for title, method in ALTERNATIVES.items()},
    )


def _filling() -> None:
    # in a process of its own: ITK's filter, as slicer-core has it, ends its process with a crash
    with Pool(1) as pool:
        ours, theirs = np.array(pool.map(_filled, range(6))).mean(0)
    line("drawn on every third slice (9 mm) and filled: Dice, mean", float(ours), "", 0.93, at_least=True)
    line("the same by ITK's morphological contour interpolation", float(theirs), "")


def _filled(seed: int) -> tuple[float, float]:
    """Dice of a muscle drawn on every third slice and filled: by us, and by ITK's interpolation as Slicer has it."""
    import slicer
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData

    case = muscle_case(seed)
    used = np.flatnonzero(case.truth.any((0, 1)))
    drawn = case.truth.copy()
    drawn[:, :, [k for k in used[:-1] if (k - used[0]) % 3]] = False
    image = vtkImageData()
    image.SetDimensions(*drawn.shape)
    image.GetPointData().SetScalars(
        numpy_to_vtk(np.ascontiguousarray(drawn.transpose(2, 1, 0)).reshape(-1).astype(np.int16), deep=True)
    )
    theirs = slicer.vtkITKMorphologicalContourInterpolator()
    theirs.SetInputData(image)
    theirs.SetAxis(2)
    theirs.Update()
    found = vtk_to_numpy(theirs.GetOutput().GetPointData().GetScalars()).reshape(drawn.shape[::-1]).T > 0
    ours = fill_between(Mask(drawn, case.volume.grid, frozenset()), 2).array
    return dice(ours, case.truth), dice(found, case.truth)


def _speed() -> None:
    case = _around_muscle(muscle_case(0), (256, 256, 40))
    own_s = timed(lambda: segment_muscle(case.volume, case.landmarks, case.others, case.side), 3)
    whole_s = timed(lambda: grow_cut(case, whole=True), 1)
    cropped_s = timed(lambda: grow_cut(case), 3)
    print("Speed, one side, region of 256 x 256 x 40")
    line("ours", own_s, "s")
    line("Slicer's grow from seeds, same region and prior: ratio to ours", whole_s / own_s, "x", 1.0, at_least=True)
    line("Slicer's grow from seeds, cropped by our prior first: ratio to ours", cropped_s / own_s, "x")
    line("Dice: ours", dice(_segmented(case), case.truth), "")
    line("Dice: Slicer's grow from seeds, same region and prior", dice(grow_cut(case, whole=True), case.truth), "")


def _around_muscle(case: MuscleCase, shape: tuple[int, int, int]) -> MuscleCase:
    """Cut or pad a case's image to a shape around its muscle."""
    middle = np.argwhere(case.truth).mean(0).round().astype(int)
    start = middle - np.array(shape) // 2
    grid = case.volume.grid
    low, high = np.maximum(start, 0), np.minimum(start + shape, grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high))
    pad = [(int(a - s), int(s + n - b)) for a, b, s, n in zip(low, high, start, shape)]
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_ras(start.astype(float))
    volume = Volume(np.pad(case.volume.array[box], pad, mode="edge"), Grid(shape, affine), case.volume.path)
    return dataclasses.replace(case, volume=volume, truth=np.pad(case.truth[box], pad))


def _real_muscles() -> None:
    print("Quadratus femoris, MR made of BodyParts3D (all its muscles, fat between, bones), 0.7 x 0.7 x 4 mm")
    for contrast in ("t1", "t2fs", "water"):
        case = synthetic_mr(contrast)
        line(f"Dice, {contrast}", dice(_segmented(case), case.truth), "", 0.80, at_least=True)


def _real_volumes() -> None:
    for spacing, limit, surface_limit in (((0.7, 0.7, 1.0), 2.0, 1.0), ((0.7, 0.7, 4.0), 5.0, 5.0)):
        voxels, surfaces = [], []
        for offset in range(4):
            grid = bodyparts_grid(spacing, bottom_mm=730.0, top_mm=805.0)
            grid.affine[:3, 3] += np.random.default_rng(offset).uniform(-0.5, 0.5, 3) * spacing
            inside = voxelize(mesh("right_quadratus_femoris"), grid)
            found = muscle_numbers(Mask(inside, grid, frozenset()))
            voxels.append(abs(found.volume_ml / _MESH_ML - 1))
            surfaces.append(abs(found.surface_volume_ml / _MESH_ML - 1))
        of = f"{spacing[2]:g} mm slices, worst error"
        line(f"volume by voxels, {of}", 100 * max(voxels), "%", limit)
        line(f"volume by surface, {of}", 100 * max(surfaces), "%", surface_limit)


def atrophy(options: Options) -> None:
    """Change of the muscle between two scans: atrophy that was made, and none."""
    count = min(2 * options.cases, 100)
    with_atrophy = max(count // 5, 1)
    levels = (0.05, 0.10, 0.20)
    print(
        "Change between two scans (leg turned up to 10 degree, other noise, bias, field of view; T1, T2, water;"
        f" SNR 10 to 40): {count} without, {with_atrophy} each with atrophy"
    )
    jobs = [(seed, 0.0) for seed in range(count)] + [(seed, share) for share in levels for seed in range(with_atrophy)]
    rows = np.array(options.of_each(_one_pair, jobs))
    shares = np.array([share for _, share in jobs])
    errors = rows[:, 1] - rows[:, 0]
    for share in (0.0, *levels):
        of = np.abs(errors[shares == share])
        line(f"atrophy of {100 * share:g} %: error of the change, mean", float(of.mean()), "points", 2.0)
        line(f"atrophy of {100 * share:g} %: worst", float(of.max()), "points")
        line(f"atrophy of {100 * share:g} %: bias", float(errors[shares == share].mean()), "points")
        line(f"atrophy of {100 * share:g} %: within 2 points", 100 * float((of <= 2.0).mean()), "%")
    none = rows[shares == 0.0, 1]
    symmetric = 200 * (none / 100) / (2 + none / 100)
    within = 100 * float((np.abs(symmetric) <= 1.96 * 2**0.5 * DEFAULT_WCV_PERCENT).mean())
    line("no change called within measurement error", within, "%", 95.0, at_least=True)


def _one_pair(job: tuple[int, float]) -> tuple[float, float]:
    """True and found change of one pair, percent."""
    pair = muscle_pair(*job)
    found = followed_ml(pair)
    return 100 * (pair.true_ml[1] / pair.true_ml[0] - 1), 100 * (found[1] / found[0] - 1)


def numbers(options: Options) -> None:
    """Numbers of a segment against Slicer's Segment Statistics, in one run."""
    from IFIMeasureLib.mrml.scene import create_scene
    from IFIMeasureLib.mrml.segmentations import add_segments

    print(
        "Numbers of a segment against Slicer's Segment Statistics"
        " (closed surface with vtkMassProperties, ITK's label statistics)"
    )
    case = muscle_case(0)
    mask = segment_muscle(case.volume, case.landmarks, case.others, case.side)
    corners = muscle_corners(case.landmarks)
    headless = create_scene()
    node = add_segments(headless.scene, mask.grid, [("quadratus_femoris", Side.LEFT, mask)], "muscle")

    def ours() -> MuscleNumbers:
        return muscle_numbers(mask, corners, float(corners[:, 2].mean()))

    own, theirs = ours(), segment_statistics(node, mask)
    own_s, theirs_s = timed(ours, 7), timed(lambda: segment_statistics(node, mask), 7)
    line("time of Segment Statistics over ours", theirs_s / own_s, "x", 3.0, at_least=True)
    line("ours", 1000 * own_s, "ms")
    line("volume by voxels, difference", 100 * abs(own.volume_ml / theirs["voxels"] - 1), "%", 0.01)
    by_surface = 100 * abs(own.surface_volume_ml / theirs["surface"] - 1)
    line("volume by surface, difference (theirs is smoothed more)", by_surface, "%", 2.0)


def segment_statistics(node: Any, mask: Mask) -> dict[str, float]:
    """Return what Slicer's Segment Statistics does for volume and shape, milliliter.

    A closed surface with vtkMassProperties, and ITK's label statistics.
    """
    import SimpleITK as sitk
    import vtk

    node.GetSegmentation().RemoveRepresentation("Closed surface")
    node.CreateClosedSurfaceRepresentation()
    surface_of = vtk.vtkPolyData()
    node.GetClosedSurfaceRepresentation("quadratus_femoris_left", surface_of)
    triangles, mass = vtk.vtkTriangleFilter(), vtk.vtkMassProperties()
    triangles.SetInputData(surface_of)
    mass.SetInputConnection(triangles.GetOutputPort())
    image = sitk.GetImageFromArray(np.ascontiguousarray(mask.array.view(np.uint8).transpose(2, 1, 0)))
    image.SetSpacing([float(s) for s in mask.grid.spacing])
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.ComputeFeretDiameterOn()
    shape.ComputeOrientedBoundingBoxOn()
    shape.Execute(image)
    return {"voxels": shape.GetPhysicalSize(1) / 1000.0, "surface": mass.GetVolume() / 1000.0}
