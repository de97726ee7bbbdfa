"""Accuracy against known truth: phantoms, surfaces compared, real bones, other grids."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from bench_report import Options, line
from cases import (
    BODYPARTS,
    Errors,
    bodyparts_grid,
    bodyparts_labels,
    measure_labels,
    mesh_space,
    mesh_space_3d,
    phantom_errors,
)
from IFIMeasureLib.images import surface
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.measuring.spaces import Space, measure_space
from IFIMeasureLib.study.result import StudyResult
from IFIMeasureLib.values import Measured, Side
from scipy import ndimage
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Spacing:
    """Voxels, largest turn of the grid, and limits: mean and worst error of spaces (mm), worst angle (degree)."""

    mm: tuple[float, float, float]
    oblique_deg: float
    mean: float
    worst: float
    angle: float


SPACINGS = {
    "0.5 mm": Spacing((0.5, 0.5, 0.5), 20.0, mean=0.10, worst=0.25, angle=0.5),
    "0.7 x 0.7 x 1 mm": Spacing((0.7, 0.7, 1.0), 20.0, mean=0.15, worst=0.35, angle=0.5),
    "0.7 x 0.7 x 5 mm": Spacing((0.7, 0.7, 5.0), 10.0, mean=0.20, worst=0.50, angle=1.0),
}


def phantom(options: Options) -> None:
    """Random phantoms: shapes, poses and grids."""
    for name, spacing in reversed(SPACINGS.items()):
        print(f"Phantom, {options.cases} random shapes, poses and orientations, {name}")
        errors = Errors()
        for part in options.of_each(functools.partial(_one_phantom, spacing=spacing), range(options.cases)):
            for key, values in part.items():
                errors.values.setdefault(key, []).extend(values)
        for space in ("ifs", "qfs"):
            _space_lines(space, errors, spacing)
        line("angles, worst", errors.worst("angles"), "deg", spacing.angle)
        line("angles, mean", errors.mean("angles"), "deg")
        left_out = errors.mean("angles that the field of view left out")
        line("angles not measurable, the field of view cuts the shaft", 100 * left_out, "%")
        line("femoral head center, worst", errors.worst("femoral_head_center"), "mm", 1.0)
        line("lesser trochanter tip, worst", errors.worst("lesser_trochanter_tip"), "mm", 3.0)


def _one_phantom(seed: int, spacing: Spacing) -> dict[str, list[float]]:
    errors = Errors()
    phantom_errors(seed, spacing.mm, spacing.oblique_deg, errors)
    return errors.values


def _space_lines(space: str, errors: Errors, spacing: Spacing) -> None:
    thick = spacing.mm[2] > 2
    planes = f"{space} in each plane"
    line(f"{space} axial, mean", errors.mean(f"{space} axial"), "mm", spacing.mean)
    line(f"{space} axial, worst", errors.worst(f"{space} axial"), "mm", spacing.worst)
    # thick slices: the bound is for the plane of the slices, and the 3D distance is no such
    line(f"{space} 3D, mean", errors.mean(f"{space} 3D"), "mm", None if thick else spacing.mean)
    line(f"{space} 3D, worst", errors.worst(f"{space} 3D"), "mm", None if thick else spacing.worst)
    line(f"{planes} (n {len(errors.values[planes])}), mean", errors.mean(planes), "mm", spacing.mean)
    line(f"{planes}, 95th percentile", float(np.quantile(errors.values[planes], 0.95)), "mm")
    line(f"{planes}, worst (planes that graze the bone included)", errors.worst(planes), "mm")


def methods(options: Options) -> None:
    """The surface against its alternatives, on the same phantoms."""
    cases = min(options.cases, 12)
    alternatives: dict[str, Callable[..., np.ndarray]] = {
        "half level of the labels (marching squares)": _half_level,
        "Gaussian of one voxel": _gaussian,
        "ITK AntiAliasBinary (curvature flow with the same constraint)": _antialias,
        "start of ours (fourth-order Gaussian)": _start_of_ours,
        "ours (smoothest surface that keeps every label)": surface.refine,
    }
    for name in ("0.7 x 0.7 x 1 mm", "0.7 x 0.7 x 5 mm"):
        what = "error of ifs and qfs in each plane, and of their axial minima"
        print(f"Surfaces compared, {cases} phantoms, {name}: {what}")
        for title, function in alternatives.items():
            errors = _errors_with(function, SPACINGS[name], cases)
            planes = errors.values["ifs in each plane"] + errors.values["qfs in each plane"]
            minima = errors.values["ifs axial"] + errors.values["qfs axial"]
            of_minima = f"minima {np.mean(minima):.3f} mean, {np.max(minima):.3f} worst (mm)"
            print(f"  {title:<62} planes {np.mean(planes):.3f}   {of_minima}", flush=True)


def _errors_with(function: Callable[..., np.ndarray], spacing: Spacing, cases: int) -> Errors:
    """Errors where a function takes the place of the refined surface."""
    original = surface.refine
    surface.refine = function  # type: ignore[assignment]
    errors = Errors()
    try:
        for seed in range(cases):
            phantom_errors(seed, spacing.mm, spacing.oblique_deg, errors)
    finally:
        surface.refine = original
    return errors


def _half_level(inside: np.ndarray, spacing: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    return inside.astype(np.float32) - 0.5


def _gaussian(inside: np.ndarray, spacing: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    return ndimage.gaussian_filter(inside.astype(np.float32), spacing.min() / spacing) - 0.5


def _antialias(inside: np.ndarray, spacing: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing([float(s) for s in spacing[::-1]])
    return sitk.GetArrayFromImage(sitk.AntiAliasBinary(image, 0.02, 50)).astype(np.float32)


def _start_of_ours(inside: np.ndarray, spacing: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    return surface.signed_distance(inside, spacing)


def bodyparts(options: Options) -> None:
    """Real bones (BodyParts3D) voxelized, against exact cuts through the meshes."""
    if not BODYPARTS.exists():
        print("BodyParts3D: left out, the meshes are not here")
        return
    for spacing, limit_3d in (((0.8, 0.8, 0.8), 0.4), ((0.7, 0.7, 5.0), None)):
        planes: list[float] = []
        three: list[float] = []
        rng = np.random.default_rng(5)
        for _ in range(4):
            grid = bodyparts_grid(spacing)
            grid.affine[:3, 3] += rng.uniform(-0.5, 0.5, 3) * spacing
            labels, names = bodyparts_labels(grid)
            compare_with_meshes(measure_labels(labels, names, grid), planes, three)
        print(f"BodyParts3D, both sides, 4 offsets of the grid, {' x '.join(f'{s:g}' for s in spacing)} mm")
        line(f"ifs per slice (n {len(planes)}), mean", float(np.mean(planes)), "mm", 0.2)
        line("ifs per slice, worst", float(np.max(planes)), "mm", 0.6)
        line("ifs 3D, worst", float(np.max(three)), "mm", limit_3d)


def compare_with_meshes(study: StudyResult, planes: list[float], three: list[float]) -> None:
    """Add the errors of a study of the voxelized meshes, millimeter.

    :param planes: takes those in every axial slice between ischium and femoral head.
    :param three: takes those in 3D.
    """
    grid = study.bones.grid
    for side, hip in study.hips.items():
        space = hip.spaces["ifs"]
        tip, head = (hip.landmarks[name].position_ras_mm for name in ("lesser_trochanter_tip", "femoral_head_center"))
        diameter = hip.results["femoral_head_diameter"]
        assert isinstance(space, Space) and space.minimum_3d_mm is not None
        assert tip is not None and head is not None and isinstance(diameter, Measured)
        origin, step = grid.affine[2, 3], grid.affine[2, 2]
        levels = [
            (float(origin + k * step), k)
            for k in range(grid.shape[2])
            if tip[2] - 10 < origin + k * step < head[2] - 0.6 * diameter.value
        ]
        masks = {key: SideFrame(side).mask_to_side(hip.masks[key]) for key in ("hip", "femur")}
        whole = measure_space([(masks["hip"], None)], [(masks["femur"], None)], levels, True)
        for point in whole.profile:
            exact = mesh_space(side, point.level_mm)
            if exact is not None and point.distance_mm is not None:
                planes.append(abs(point.distance_mm - exact))
        three.append(abs(space.minimum_3d_mm - mesh_space_3d(side, np.array(tip), diameter.value / 2)))


def grids(options: Options) -> None:
    """The same bones in other grids give the same numbers."""
    if not BODYPARTS.exists():
        print("Other grids: left out, the meshes are not here")
        return
    spacing = (0.8, 0.8, 0.8)
    turns = {
        "flipped axes": np.diag([-1.0, -1.0, 1.0]),
        "sagittal": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        "oblique by 20 degree": Rotation.from_rotvec(np.radians(20.0) * np.array([0.6, 0.64, 0.48])).as_matrix(),
    }
    plain_grid = bodyparts_grid(spacing)
    labels, names = bodyparts_labels(plain_grid)
    plain = measure_labels(labels, names, plain_grid)
    print("BodyParts3D in other grids, largest difference of any space, both sides (0.8 mm)")
    for title, turn in turns.items():
        grid = bodyparts_grid(spacing, turn)
        other = measure_labels(*bodyparts_labels(grid), grid)
        line(title, largest_difference(plain, other, mirror=False), "mm", 0.3)
    mirrored = Grid(plain_grid.shape, plain_grid.affine.copy())
    mirrored.affine[0] *= -1.0
    other_side = {"right": "left", "left": "right"}
    swapped = {value: re.sub("right|left", lambda m: other_side[m[0]], name) for value, name in names.items()}
    difference = largest_difference(plain, measure_labels(labels, swapped, mirrored), mirror=True)
    line("mirrored, left for right", difference, "mm", 0.01)


def largest_difference(first: StudyResult, second: StudyResult, mirror: bool) -> float:
    """Return the largest difference of any space between two studies, mm; ``mirror`` compares left with right."""
    worst = 0.0
    for side in Side:
        for name in ("ifs_axial", "ifs_3d", "femoral_offset"):
            a = first.hips[side].results[name]
            b = second.hips[side.other if mirror else side].results[name]
            assert isinstance(a, Measured) and isinstance(b, Measured)
            worst = max(worst, abs(a.value - b.value))
    return worst
