"""Benchmarks: accuracy against known truth, and speed as ratios against what people would use instead.

    python Testing/Benchmarks/bench.py [--only phantom,methods,bodyparts,grids,speed,memory,imports,live,muscle,atrophy,numbers,collect,export] [--cases 50]

Every figure is measured in this run. Limits stand beside the figures; the exit code is 1 where one is missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cases import (
    BODYPARTS,
    Errors,
    MuscleCase,
    bodyparts_grid,
    bodyparts_labels,
    dice,
    five_strokes,
    followed_ml,
    measure_labels,
    mesh,
    mesh_space,
    mesh_space_3d,
    muscle_case,
    muscle_pair,
    phantom_errors,
    synthetic_mr,
    voxelize,
)
from IFIMeasureLib.anatomy.regions import ischium_region, lesser_trochanter_region
from IFIMeasureLib.images import surface
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid, canonical
from IFIMeasureLib.images.masks import Mask, Volume
from IFIMeasureLib.measuring.spaces import Space, axial_levels, measure_space
from IFIMeasureLib.muscle.masks import fill_between, resampled
from IFIMeasureLib.muscle.mixture import posterior
from IFIMeasureLib.muscle.numbers import MuscleNumbers, muscle_numbers
from IFIMeasureLib.muscle.plate import muscle_corners
from IFIMeasureLib.muscle.region import muscle_region
from IFIMeasureLib.muscle.segment import segment_muscle
from IFIMeasureLib.muscle.signal import signal_levels
from IFIMeasureLib.study.follow_up import DEFAULT_WCV_PERCENT
from IFIMeasureLib.study.result import StudyResult
from IFIMeasureLib.values import Measured, Side
from scipy import ndimage
from scipy.spatial.transform import Rotation

MISSED: list[str] = []


def line(name: str, value: float, unit: str, limit: float | None = None, at_least: bool = False) -> None:
    """Print one figure with its limit; remember it where the limit is missed."""
    text = f"  {name:<58} {value:9.3f} {unit:<5}"
    if limit is not None:
        good = value >= limit if at_least else value <= limit
        text += f" {'at least' if at_least else 'at most'} {limit:g}  {'ok' if good else 'MISSED'}"
        if not good:
            MISSED.append(name)
    print(text, flush=True)


# -- accuracy ------------------------------------------------------------------------------------------------

SPACINGS: dict[str, tuple[tuple[float, float, float], float, float, float, float]] = {
    "0.5 mm": ((0.5, 0.5, 0.5), 20.0, 0.10, 0.25, 0.5),
    "0.7 x 0.7 x 1 mm": ((0.7, 0.7, 1.0), 20.0, 0.15, 0.35, 0.5),
    "0.7 x 0.7 x 5 mm": ((0.7, 0.7, 5.0), 10.0, 0.20, 0.50, 1.0),
}
"""Voxels, largest turn of the grid in degree, and the limits: mean and worst error of the spaces (mm), worst angle (degree)."""


def _one_phantom(seed: int, spacing: tuple[float, float, float], oblique: float) -> dict[str, list[float]]:
    errors = Errors()
    phantom_errors(seed, spacing, oblique, errors)
    return errors.values


def phantom(cases: int) -> None:
    """Random phantoms: shapes, poses and grids."""
    for name, (spacing, oblique, mean, worst, angle) in reversed(SPACINGS.items()):
        print(f"Phantom, {cases} random shapes, poses and orientations, {name}")
        with multiprocessing.Pool(2) as pool:
            parts = pool.map(
                functools.partial(_one_phantom, spacing=spacing, oblique=oblique), range(cases), chunksize=1
            )
        errors = Errors()
        for part in parts:
            for key, values in part.items():
                errors.values.setdefault(key, []).extend(values)
        thick = spacing[2] > 2
        for space in ("ifs", "qfs"):
            line(f"{space} axial, mean", errors.mean(f"{space} axial"), "mm", mean)
            line(f"{space} axial, worst", errors.worst(f"{space} axial"), "mm", worst)
            # thick slices: the bound is for the plane of the slices, and the 3D distance is no such
            line(f"{space} 3D, mean", errors.mean(f"{space} 3D"), "mm", None if thick else mean)
            line(f"{space} 3D, worst", errors.worst(f"{space} 3D"), "mm", None if thick else worst)
            line(
                f"{space} in each plane (n {len(errors.values[f'{space} in each plane'])}), mean",
                errors.mean(f"{space} in each plane"),
                "mm",
                mean,
            )
            line(
                f"{space} in each plane, 95th percentile",
                float(np.quantile(errors.values[f"{space} in each plane"], 0.95)),
                "mm",
            )
            line(
                f"{space} in each plane, worst (planes that graze the bone included)",
                errors.worst(f"{space} in each plane"),
                "mm",
            )
        line("angles, worst", errors.worst("angles"), "deg", angle)
        line("angles, mean", errors.mean("angles"), "deg")
        line(
            "angles not measurable, the field of view cuts the shaft",
            100 * errors.mean("angles that the field of view left out"),
            "%",
        )
        line("femoral head center, worst", errors.worst("femoral_head_center"), "mm", 1.0)
        line("lesser trochanter tip, worst", errors.worst("lesser_trochanter_tip"), "mm", 3.0)


def methods(cases: int) -> None:
    """The surface against its alternatives, on the same phantoms."""

    def half_level(inside: np.ndarray, spacing: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
        return inside.astype(np.float32) - 0.5

    def gaussian(inside: np.ndarray, spacing: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
        return ndimage.gaussian_filter(inside.astype(np.float32), spacing.min() / spacing) - 0.5

    def antialias(inside: np.ndarray, spacing: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
        import SimpleITK as sitk

        image = sitk.GetImageFromArray(inside.astype(np.uint8))
        image.SetSpacing([float(s) for s in spacing[::-1]])
        return sitk.GetArrayFromImage(sitk.AntiAliasBinary(image, 0.02, 50)).astype(np.float32)

    alternatives: dict[str, Callable[..., np.ndarray]] = {
        "half level of the labels (marching squares)": half_level,
        "Gaussian of one voxel": gaussian,
        "ITK AntiAliasBinary (curvature flow with the same constraint)": antialias,
        "start of ours (fourth-order Gaussian)": lambda inside, spacing, smoothing=0.0: surface.signed_distance(
            inside, spacing
        ),
        "ours (smoothest surface that keeps every label)": surface.refine,
    }
    for name in ("0.7 x 0.7 x 1 mm", "0.7 x 0.7 x 5 mm"):
        spacing, oblique = SPACINGS[name][:2]
        print(
            f"Surfaces compared, {cases} phantoms, {name}: error of ifs and qfs in each plane, and of their axial minima"
        )
        for title, function in alternatives.items():
            original = surface.refine
            surface.refine = function  # type: ignore[assignment]
            errors = Errors()
            try:
                for seed in range(cases):
                    phantom_errors(seed, spacing, oblique, errors)
            finally:
                surface.refine = original
            planes = errors.values["ifs in each plane"] + errors.values["qfs in each plane"]
            minima = errors.values["ifs axial"] + errors.values["qfs axial"]
            print(
                f"  {title:<62} planes {np.mean(planes):.3f}   minima {np.mean(minima):.3f} mean, {np.max(minima):.3f} worst (mm)",
                flush=True,
            )


def compare_with_meshes(study: StudyResult, planes: list[float], three: list[float]) -> None:
    """Add the errors of a study of the voxelized meshes: in every axial slice between ischium and femoral head, and in 3D."""
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


def bodyparts(cases: int) -> None:
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


def grids(cases: int) -> None:
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
    swapped = {
        value: name.replace("right", "?").replace("left", "right").replace("?", "left") for value, name in names.items()
    }
    line(
        "mirrored, left for right",
        largest_difference(plain, measure_labels(labels, swapped, mirrored), mirror=True),
        "mm",
        0.01,
    )


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


# -- speed ---------------------------------------------------------------------------------------------------


def large_case() -> tuple[np.ndarray, dict[int, str], Grid]:
    """Return the 512 x 512 x 300 label map: real bones where they are here, else the phantom."""
    spacing = (0.7, 0.7, 0.8)
    shape = (512, 512, 300)
    affine = np.diag([*spacing, 1.0])
    if BODYPARTS.exists():
        affine[:3, 3] = [-179.0, -110.0, 655.0]
        grid = Grid(shape, affine)
        labels, names = bodyparts_labels(grid)
        return labels, names, grid
    from IFIMeasureLib.synthetic.phantom import Phantom

    affine[:3, 3] = [-179.0, -179.0, -190.0]
    grid = Grid(shape, affine)
    labels = Phantom().label_map(grid)
    labels[labels > 4] = 0
    return labels, {k: v for k, v in Phantom().label_names().items() if k <= 4}, grid


def speed(cases: int) -> None:
    """Both sides' profile and 3D minimum from a 512 x 512 x 300 label map, against Slicer's route and distance maps."""
    labels, names, grid = large_case()
    study = measure_labels(labels, names, grid)
    own_s = _timed(lambda: our_spaces(study, labels, names, grid), 3)
    whole_s = _timed(lambda: measure_labels(labels, names, grid), 2)
    slicer_s = _timed(lambda: slicer_route(study, labels, names, grid), 1)
    maps_s = _timed(lambda: distance_maps(study, labels, names, grid), 1)
    print(
        f"Speed, both sides from a {' x '.join(map(str, labels.shape))} label map (seconds are of this machine; compare the ratios)"
    )
    line("ours: profile and 3D minimum", own_s, "s")
    line("ours: landmarks found and every measurement taken", whole_s, "s")
    line("Slicer's route: closed surfaces, vtkDistancePolyDataFilter (3D only)", slicer_s, "s")
    line("distance maps of the image, SimpleITK (3D only)", maps_s, "s")
    line("ratio to Slicer's route", slicer_s / own_s, "x", 20.0, at_least=True)
    line("ratio to distance maps", maps_s / own_s, "x", 5.0, at_least=True)
    if BODYPARTS.exists():
        routes = {"ours": our_spaces, "Slicer's route": slicer_route, "distance maps": distance_maps}
        errors: dict[str, list[float]] = {title: [] for title in routes}
        rng = np.random.default_rng(7)
        for _ in range(6):  # one place of the voxels would be a lottery
            part = bodyparts_grid((0.7, 0.7, 0.8), bottom_mm=700.0, top_mm=860.0)
            part.affine[:3, 3] += rng.uniform(-0.35, 0.35, 3)
            labels, names = bodyparts_labels(part)
            study = measure_labels(labels, names, part)
            for title, route in routes.items():
                for side, value in route(study, labels, names, part).items():
                    tip = np.array(study.hips[side].landmarks["lesser_trochanter_tip"].position_ras_mm)
                    errors[title].append(abs(value - mesh_space_3d(side, tip, _radius(study, side))))
        print("Error of the 3D minimum against the meshes, both sides, 6 offsets of the same voxels")
        for title, found in errors.items():
            line(
                f"{title}, mean",
                float(np.mean(found)),
                "mm",
                None if title != "ours" else min(float(np.mean(errors[t])) for t in routes if t != "ours"),
            )
            line(f"{title}, worst", float(np.max(found)), "mm")


def our_spaces(study: StudyResult, labels: np.ndarray, names: dict[int, str], grid: Grid) -> dict[Side, float]:
    """Profile and 3D minimum of both sides by this library, landmarks given; returns the 3D minima, millimeter."""
    from IFIMeasureLib.images.masks import Segmentation, SegmentRef

    result = {}
    array, turned = canonical(labels, grid.affine)
    segmentation = Segmentation([array], turned, [SegmentRef(n, 0, v) for v, n in names.items()], Path("x"), True)
    for side in Side:
        frame = SideFrame(side)
        landmarks = study.hips[side].landmarks
        tip = frame.to_side(landmarks["lesser_trochanter_tip"].position_ras_mm)
        head = frame.to_side(landmarks["femoral_head_center"].position_ras_mm)
        radius = _radius(study, side)
        masks = [
            segmentation.mask([r for r in segmentation.segments if r.name == f"{key}_{side.value}"])
            for key in ("hip", "femur")
        ]
        hip, femur = (frame.mask_to_side(m) for m in masks if m is not None)
        levels, acquired = axial_levels(turned, tip, radius)
        space = measure_space(
            [(hip, ischium_region(head, radius))], [(femur, lesser_trochanter_region(tip, radius))], levels, acquired
        )
        result[side] = float(space.minimum_3d_mm or np.nan)
    return result


def slicer_route(study: StudyResult, labels: np.ndarray, names: dict[int, str], grid: Grid) -> dict[Side, float]:
    """3D minima by what a person would use in 3D Slicer: closed surfaces of the segments, then the distance filter."""
    import slicer
    import vtk
    from IFIMeasureLib.mrml.matrices import vtk_matrix
    from IFIMeasureLib.mrml.scene import create_scene
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    headless = create_scene()
    node = headless.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*labels.shape)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(labels.T).reshape(-1), deep=True))
    image.SetGeometryFromImageToWorldMatrix(vtk_matrix(grid.affine))
    for number, name in names.items():
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.SetLabelValue(number)
        segment.AddRepresentation("Binary labelmap", image)
        node.GetSegmentation().AddSegment(segment, name)
    node.CreateClosedSurfaceRepresentation()
    result = {}
    for side in Side:
        surfaces = []
        for key in ("femur", "hip"):
            poly = vtk.vtkPolyData()
            node.GetClosedSurfaceRepresentation(f"{key}_{side.value}", poly)
            surfaces.append(poly)
        distance = vtk.vtkDistancePolyDataFilter()
        distance.SetInputData(0, surfaces[0])
        distance.SetInputData(1, surfaces[1])
        distance.SignedDistanceOff()
        distance.ComputeSecondDistanceOff()
        distance.Update()
        points = vtk_to_numpy(distance.GetOutput().GetPoints().GetData()).astype(float)
        values = vtk_to_numpy(distance.GetOutput().GetPointData().GetArray("Distance"))
        result[side] = float(values[_region(study, side)(SideFrame(side).to_side(points))].min())
    return result


def distance_maps(study: StudyResult, labels: np.ndarray, names: dict[int, str], grid: Grid) -> dict[Side, float]:
    """3D minima by a Euclidean distance map of each hip bone over the whole image."""
    import SimpleITK as sitk

    value = {name: number for number, name in names.items()}
    result = {}
    image = sitk.GetImageFromArray(np.ascontiguousarray(labels.T))
    image.SetSpacing([float(s) for s in grid.spacing])
    for side in Side:
        field = sitk.SignedMaurerDistanceMap(
            image == value[f"hip_{side.value}"], insideIsPositive=False, squaredDistance=False, useImageSpacing=True
        )
        view = sitk.GetArrayViewFromImage(field).T
        femur = labels == value[f"femur_{side.value}"]
        places = np.argwhere(femur)
        points = SideFrame(side).to_side(grid.to_ras(places))
        keep = _region(study, side)(points)
        result[side] = float(view[tuple(places[keep].T)].min())
    return result


def _region(study: StudyResult, side: Side) -> Callable[[np.ndarray], np.ndarray]:
    tip = SideFrame(side).to_side(study.hips[side].landmarks["lesser_trochanter_tip"].position_ras_mm)
    diameter = study.hips[side].results["femoral_head_diameter"]
    assert isinstance(diameter, Measured)
    return lesser_trochanter_region(tip, diameter.value / 2)


def _radius(study: StudyResult, side: Side) -> float:
    diameter = study.hips[side].results["femoral_head_diameter"]
    assert isinstance(diameter, Measured)
    return diameter.value / 2


def _timed(function: Callable[[], object], repeats: int) -> float:
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return float(best)


def memory(cases: int) -> None:
    """Peak memory of the command on the 512 x 512 x 300 label map."""
    from IFIMeasureLib.synthetic.sample import write_label_map

    labels, names, grid = large_case()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.seg.nrrd"
        write_label_map(path, labels, grid, names)
        size = labels.nbytes / 2**20
        del labels
        code = (
            "import re\nfrom IFIMeasureLib.cli import main\n"
            f"rc = main(['measure', '--segmentation', {str(path)!r}, '--output', {folder + '/out'!r}, '--quiet'])\n"
            # not ru_maxrss: a child begins with the peak of the process that started it
            "print(rc, int(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
        )
        output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert output[0] == "0", output
    print(f"Memory of the command, label map of {size:.0f} MB in memory")
    line("peak", float(output[1]), "MB", 3 * size + 400)


def imports(cases: int) -> None:
    """Time that loading the library adds to its packages."""

    def seconds(extra: str) -> float:
        code = f"import time\nt = time.perf_counter()\nimport vtk, numpy, SimpleITK\nu = time.perf_counter()\n{extra}\nprint(time.perf_counter() - u)"
        return min(
            float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
            for _ in range(5)
        )

    print("Loading the library after vtk, numpy, SimpleITK")
    for name, arguments, limit in (
        ("python -c 'import IFIMeasureLib', whole process", ["-c", "import IFIMeasureLib"], 0.1),
        ("ifimeasure --help, whole process", ["-m", "IFIMeasureLib.cli", "--help"], 0.3),
    ):
        call = [sys.executable, *arguments]
        line(name, _timed(lambda call=call: subprocess.run(call, capture_output=True, check=True), 9), "s", limit)
    line(
        "IFIMeasureLib with all of core",
        seconds("import IFIMeasureLib, IFIMeasureLib.study.prepared, IFIMeasureLib.present.tables"),
        "s",
        0.3,
    )


def _one_muscle(seed: int) -> tuple[str, float, float, float, dict[str, float]]:
    """Dice and volume error of one phantom's muscle, Dice after five strokes, and Dice of the alternatives."""
    case = muscle_case(seed)
    shape_of = case.volume.grid
    found = resampled(segment_muscle(case.volume, case.landmarks, case.others, case.side), shape_of)
    strokes = five_strokes(found, case.truth, shape_of)
    corrected = resampled(segment_muscle(case.volume, case.landmarks, case.others, case.side, strokes), shape_of)
    return (
        case.name,
        dice(found, case.truth),
        float(found.sum() / case.truth.sum() - 1),
        dice(corrected, case.truth),
        {t: dice(f(case), case.truth) for t, f in ALTERNATIVES.items()},
    )


def region_of(case: MuscleCase, shape: tuple[int, int, int]) -> MuscleCase:
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


def _seeds(case: MuscleCase) -> tuple[Any, np.ndarray, Any]:
    """The same prior as seeds: region, label map (1 inside, 2 outside, 0 open), and its place in the image."""
    region = muscle_region(case.volume, case.landmarks, case.others, case.side)
    seeds = np.zeros(region.image.shape, np.int16)
    seeds[region.distance > 9.0] = 2
    seeds[~region.free] = 2
    seeds[(region.distance < 1.5) & region.free] = 1
    start = np.round(case.volume.grid.to_ijk(region.grid.affine[:3, 3])).astype(int)
    place = tuple(slice(int(a), int(a) + n) for a, n in zip(start, region.image.shape))
    return region, seeds, place


def _whole(case: MuscleCase, place: Any, inside: np.ndarray) -> np.ndarray:
    result = np.zeros(case.volume.grid.shape, bool)
    result[place] = inside
    return result


def grow_cut(case: MuscleCase, whole: bool = False) -> np.ndarray:
    """Slicer's grow from seeds, seeded by the same prior; over the whole image where that is asked for."""
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    region, seeds, place = _seeds(case)
    intensity = region.image
    if whole:
        everywhere = np.full(case.volume.grid.shape, 2, np.int16)
        everywhere[place] = seeds
        intensity, seeds = np.asarray(case.volume.array, np.float32), everywhere

    def image(array: np.ndarray) -> Any:
        data = vtk.vtkImageData()
        data.SetDimensions(*array.shape)
        data.SetSpacing(*region.grid.spacing)
        data.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(array.T).reshape(-1), deep=True))
        return data

    cut = slicer.vtkImageGrowCutSegment()
    cut.SetIntensityVolume(image(intensity))
    cut.SetSeedLabelVolume(image(seeds))
    cut.Update()
    labels = vtk_to_numpy(cut.GetOutput().GetPointData().GetScalars()).reshape(intensity.shape[::-1]).T
    return _whole(case, place, ((labels[place] if whole else labels) == 1) & region.free)


def watershed(case: MuscleCase) -> np.ndarray:
    """Watershed of the gradient from the same seeds (SimpleITK)."""
    import SimpleITK as sitk

    region, seeds, place = _seeds(case)
    image = sitk.GetImageFromArray(np.ascontiguousarray(region.image.T))
    image.SetSpacing([float(v) for v in region.grid.spacing])
    markers = sitk.GetImageFromArray(np.ascontiguousarray(seeds.T).astype(np.uint8))
    markers.CopyInformation(image)
    gradient = sitk.GradientMagnitudeRecursiveGaussian(image, 0.7)
    labels = sitk.GetArrayFromImage(
        sitk.MorphologicalWatershedFromMarkers(gradient, markers, markWatershedLine=False)
    ).T
    return _whole(case, place, (labels == 1) & region.free)


def geodesic_contour(case: MuscleCase) -> np.ndarray:
    """Geodesic active contour from the prior (SimpleITK)."""
    import SimpleITK as sitk

    region, _, place = _seeds(case)
    image = sitk.GetImageFromArray(np.ascontiguousarray(region.image.T))
    image.SetSpacing([float(v) for v in region.grid.spacing])
    gradient = sitk.GradientMagnitudeRecursiveGaussian(image, 0.8)
    values = sitk.GetArrayViewFromImage(gradient)
    edges = sitk.Sigmoid(gradient, -float(np.std(values)) / 3, float(np.median(values)), 1.0, 0.0)
    start = sitk.GetImageFromArray(np.ascontiguousarray((region.distance - 3.0).astype(np.float32).T))
    start.CopyInformation(image)
    contour = sitk.GeodesicActiveContourLevelSet(start, edges, 0.02, 0.3, 1.0, 1.0, 200, False)
    return _whole(case, place, (sitk.GetArrayFromImage(contour).T < 0) & region.free)


def belief_alone(case: MuscleCase) -> np.ndarray:
    """The mixture of Gaussians with the prior, voxel by voxel, without the walker."""
    region, _, place = _seeds(case)
    return _whole(case, place, posterior(region, signal_levels(region, case.others.get("femur")))[0] > 0.5)


ALTERNATIVES: dict[str, Callable[[MuscleCase], np.ndarray]] = {
    "Slicer's grow from seeds": grow_cut,
    "watershed from markers": watershed,
    "geodesic active contour": geodesic_contour,
    "mixture with prior, no walker": belief_alone,
}


def _filled(seed: int) -> tuple[float, float]:
    """Dice of a muscle drawn on every third slice and filled: by us, and by ITK's morphological contour interpolation as Slicer has it."""
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
    return dice(fill_between(Mask(drawn, case.volume.grid, frozenset()), 2).array, case.truth), dice(found, case.truth)


def muscle(cases: int) -> None:
    """The quadratus femoris: segmentation against truth and alternatives, volumes, speed."""
    count = min(cases, 40)
    print(
        f"Quadratus femoris, {count} phantoms (T1, fat-suppressed T2, Dixon water; SNR 10 to 40; 30 % bias; 0.7 x 0.7 x 3 mm), automatic corners"
    )
    with multiprocessing.Pool(2) as pool:
        rows = pool.map(_one_muscle, range(count), chunksize=1)
    line("Dice, mean", float(np.mean([r[1] for r in rows])), "", 0.90, at_least=True)
    line("Dice, worst", float(np.min([r[1] for r in rows])), "", 0.85, at_least=True)
    line("volume error, mean", 100 * float(np.mean([abs(r[2]) for r in rows])), "%", 5.0)
    line("Dice after five strokes, mean", float(np.mean([r[3] for r in rows])), "", 0.93, at_least=True)
    for title in ALTERNATIVES:
        line(f"Dice, mean: {title}", float(np.mean([r[4][title] for r in rows])), "")
    with multiprocessing.Pool(
        1
    ) as pool:  # in a process of its own: ITK's filter, as slicer-core has it, ends its process with a crash
        filled = np.array(pool.map(_filled, range(6)))
    line(
        "drawn on every third slice (9 mm) and filled: Dice, mean", float(filled[:, 0].mean()), "", 0.93, at_least=True
    )
    line("the same by ITK's morphological contour interpolation", float(filled[:, 1].mean()), "")
    case = region_of(muscle_case(0), (256, 256, 40))
    own = resampled(segment_muscle(case.volume, case.landmarks, case.others, case.side), case.volume.grid)
    own_s = _timed(lambda: segment_muscle(case.volume, case.landmarks, case.others, case.side), 3)
    whole_s = _timed(lambda: grow_cut(case, whole=True), 1)
    cropped_s = _timed(lambda: grow_cut(case), 3)
    print("Speed, one side, region of 256 x 256 x 40")
    line("ours", own_s, "s")
    line("Slicer's grow from seeds, same region and prior: ratio to ours", whole_s / own_s, "x", 1.0, at_least=True)
    line("Slicer's grow from seeds, cropped by our prior first: ratio to ours", cropped_s / own_s, "x")
    line("Dice: ours", dice(own, case.truth), "")
    line("Dice: Slicer's grow from seeds, same region and prior", dice(grow_cut(case, whole=True), case.truth), "")
    if BODYPARTS.exists():
        print("Quadratus femoris, MR made of BodyParts3D (all its muscles, fat between, bones), 0.7 x 0.7 x 4 mm")
        for contrast in ("t1", "t2fs", "water"):
            case = synthetic_mr(contrast)
            found = resampled(segment_muscle(case.volume, case.landmarks, case.others, case.side), case.volume.grid)
            line(f"Dice, {contrast}", dice(found, case.truth), "", 0.80, at_least=True)
        for spacing, limit in (((0.7, 0.7, 1.0), 2.0), ((0.7, 0.7, 4.0), 5.0)):
            voxels, surfaces = [], []
            for offset in range(4):
                grid = bodyparts_grid(spacing, bottom_mm=730.0, top_mm=805.0)
                grid.affine[:3, 3] += np.random.default_rng(offset).uniform(-0.5, 0.5, 3) * spacing
                inside = voxelize(mesh("right_quadratus_femoris"), grid)
                numbers = muscle_numbers(Mask(inside, grid, frozenset()))
                voxels.append(abs(numbers.volume_ml / 12.921 - 1))
                surfaces.append(abs(numbers.surface_volume_ml / 12.921 - 1))
            line(f"volume by voxels, {spacing[2]:g} mm slices, worst error", 100 * max(voxels), "%", limit)
            line(
                f"volume by surface, {spacing[2]:g} mm slices, worst error",
                100 * max(surfaces),
                "%",
                1.0 if spacing[2] == 1 else 5.0,
            )


def _one_pair(job: tuple[int, float]) -> tuple[float, float]:
    """True and found change of one pair, percent."""
    pair = muscle_pair(*job)
    found = followed_ml(pair)
    return 100 * (pair.true_ml[1] / pair.true_ml[0] - 1), 100 * (found[1] / found[0] - 1)


def atrophy(cases: int) -> None:
    """Change of the muscle between two scans: atrophy that was made, and none."""
    count = min(2 * cases, 100)
    levels = (0.05, 0.10, 0.20)
    print(
        f"Change between two scans (leg turned up to 10 degree, other noise, bias, field of view; T1, T2, water; SNR 10 to 40): {count} without, {count // 5} each with atrophy"
    )
    jobs = [(seed, 0.0) for seed in range(count)] + [(seed, share) for share in levels for seed in range(count // 5)]
    with multiprocessing.Pool(2) as pool:
        rows = np.array(pool.map(_one_pair, jobs, chunksize=1))
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
    line(
        "no change called within measurement error",
        100 * float((np.abs(symmetric) <= 1.96 * 2**0.5 * DEFAULT_WCV_PERCENT).mean()),
        "%",
        95.0,
        at_least=True,
    )


def segment_statistics(node: Any, mask: Mask) -> dict[str, float]:
    """What Slicer's Segment Statistics does for volume and shape: closed surface with vtkMassProperties, ITK's label statistics."""
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


def numbers(cases: int) -> None:
    """Numbers of a segment against Slicer's Segment Statistics, in one run."""
    from IFIMeasureLib.mrml.scene import create_scene
    from IFIMeasureLib.mrml.segmentations import add_segments

    print(
        "Numbers of a segment against Slicer's Segment Statistics (closed surface with vtkMassProperties, ITK's label statistics)"
    )
    case = muscle_case(0)
    mask = segment_muscle(case.volume, case.landmarks, case.others, case.side)
    corners = muscle_corners(case.landmarks)
    headless = create_scene()
    node = add_segments(headless.scene, mask.grid, [("quadratus_femoris", Side.LEFT, mask)], "muscle")

    def ours() -> MuscleNumbers:
        return muscle_numbers(mask, corners, float(corners[:, 2].mean()))

    own, theirs = ours(), segment_statistics(node, mask)
    own_s, theirs_s = _timed(ours, 7), _timed(lambda: segment_statistics(node, mask), 7)
    line("time of Segment Statistics over ours", theirs_s / own_s, "x", 3.0, at_least=True)
    line("ours", 1000 * own_s, "ms")
    line("volume by voxels, difference", 100 * abs(own.volume_ml / theirs["voxels"] - 1), "%", 0.01)
    line(
        "volume by surface, difference (theirs is smoothed more)",
        100 * abs(own.surface_volume_ml / theirs["surface"] - 1),
        "%",
        2.0,
    )


def collect(cases: int) -> None:
    """One table over 10,000 studies: time, and memory against that of 100."""
    print("ifimeasure collect")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        subprocess.run(
            [sys.executable, "-m", "IFIMeasureLib.cli", "demo", "--output", str(folder / "demo")],
            check=True,
            capture_output=True,
        )
        document = (folder / "demo" / "study.json").read_bytes()
        for number in range(10_000):
            of = folder / "many" / f"{number // 100:03d}" / f"{number % 100:02d}"
            of.mkdir(parents=True)
            (of / "study.json").write_bytes(document)
        peaks = {}
        for name, source in (("100", folder / "many" / "000"), ("10,000", folder / "many")):
            code = (
                "import resource, sys, time\nfrom IFIMeasureLib.cli import main\nt = time.perf_counter()\n"
                f"main(['collect', {str(source)!r}, '--output', {str(folder / f'{name}.csv')!r}])\n"
                "print(time.perf_counter() - t, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
            )
            printed = (
                subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
                .stdout.splitlines()[-1]
                .split()
            )
            peaks[name] = float(printed[1])
            line(f"{name} studies: time", float(printed[0]), "s", 60.0)
        line("peak memory: 10,000 studies over 100", peaks["10,000"] / peaks["100"], "x", 1.1)


def export(cases: int) -> None:
    """Writing a measured study: the usual files, and every one. Imports and the first call's preparations are not counted."""
    print("export of a study")
    from IFIMeasureLib import measure
    from IFIMeasureLib.export.formats import DEFAULT_FORMATS, OUTPUT_FORMATS
    from IFIMeasureLib.synthetic.phantom import Phantom
    from IFIMeasureLib.synthetic.sample import write_sample_study

    with tempfile.TemporaryDirectory() as text:
        dicom, segmentation = write_sample_study(Path(text) / "sample", Phantom(seed=1))
        study = measure(segmentation, dicom, series=2, name="benchmark")
        for name, formats, limit in (
            ("usual files", DEFAULT_FORMATS, 3.0),
            ("every file", tuple(OUTPUT_FORMATS), None),
        ):

            def write(formats: tuple[str, ...] = formats) -> None:
                with tempfile.TemporaryDirectory() as folder:
                    study.save(folder, formats)

            write()
            line(name, _timed(write, 3), "s", limit)


def live(cases: int) -> None:
    """The module: dragging, placing, opening and switching, on slicer-core and (the panel) on the stand-in of the application."""
    from IFIMeasureLib.images.grid import Grid as AnyGrid
    from IFIMeasureLib.images.masks import Segmentation, SegmentRef
    from IFIMeasureLib.mrml.live import LiveStudy
    from IFIMeasureLib.mrml.sample_scene import add_sample_bones
    from IFIMeasureLib.mrml.scene import create_scene
    from IFIMeasureLib.mrml.segmentations import add_segments
    from IFIMeasureLib.mrml.study_nodes import StudyNodes
    from IFIMeasureLib.study.structures import resolve_structures

    def study_of(scene: Any, segmentation: Any) -> LiveStudy:
        nodes = StudyNodes.create(scene, "case")
        nodes.segmentation = segmentation
        return LiveStudy(nodes)

    def add(scene: Any, labels: np.ndarray, names: dict[int, str], grid: AnyGrid) -> Any:
        array, turned = canonical(labels, grid.affine)
        source = Segmentation([array], turned, [SegmentRef(n, 0, v) for v, n in names.items()], Path("x"), True)
        masks = ((structure, source.mask(refs)) for structure, refs in resolve_structures(source, None).items())
        return add_segments(
            scene,
            turned,
            [(structure.id, structure.side, mask) for structure, mask in masks if mask is not None],
            "case",
        )

    print("The module, without the application")
    headless = create_scene()
    labels, names, grid = large_case()
    large = study_of(headless.scene, add(headless.scene, labels, names, grid))
    start = time.perf_counter()
    large.place_from_bones()
    line(f"place from bones and measure, {' x '.join(map(str, labels.shape))}", time.perf_counter() - start, "s", 5.0)
    sample = study_of(headless.scene, add_sample_bones(headless.scene))
    sample.place_from_bones()
    node = sample.nodes.landmark_node(Side.LEFT)
    index = sample.nodes.landmark_index(Side.LEFT, "lesser_trochanter_tip")
    place = np.array(node.GetNthControlPointPosition(index))
    nodes_before = headless.scene.GetNumberOfNodes()
    seconds = []
    for step in range(1000):
        node.SetNthControlPointPosition(index, *(place + [0.0, 1.5 * np.sin(step), 2.0 * np.cos(step)]))
        start = time.perf_counter()
        sample.update(draft=True)
        seconds.append(time.perf_counter() - start)
    line("drag step of the lesser trochanter's tip, median of 1000", 1000 * float(np.median(seconds)), "ms", 50.0)
    line("drag step of the lesser trochanter's tip, 95th percentile", 1000 * float(np.quantile(seconds, 0.95)), "ms")
    line("nodes that 1000 drag steps left behind", headless.scene.GetNumberOfNodes() - nodes_before, "", 0.0)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Python"))
    try:
        from host import driver
    except BaseException as error:  # pytest skips by an exception of its own
        print(f"  the panel: left out, {error}")
        return
    panel = driver.Panel()
    start = time.perf_counter()
    driver.Panel.open_again(panel)
    line("opening the module (stand-in of the application)", 1000 * (time.perf_counter() - start), "ms", 300.0)
    for _ in range(5):
        segmentation = add_sample_bones(panel.scene)
        panel.ui.studySelector.setCurrentNode(None)
        panel.turn()
        panel.ui.segmentationSelector.setCurrentNode(segmentation)
        panel.turn()
        panel.place()
    records = [s.record for s in panel.widget.logic.studies()]
    seconds = []
    for number in range(10):
        start = time.perf_counter()
        panel.ui.studySelector.setCurrentNode(records[number % 5])
        panel.turn()
        seconds.append(time.perf_counter() - start)
    line("switching among 5 measured studies (stand-in), worst of 10", 1000 * max(seconds), "ms", 200.0)
    node = panel.live.nodes.landmark_node(Side.LEFT)
    index = panel.live.nodes.landmark_index(Side.LEFT, "lesser_trochanter_tip")
    place = np.array(node.GetNthControlPointPosition(index))
    node.InvokeEvent(node.PointStartInteractionEvent)
    observers = len(panel.widget.Observations)
    seconds = []
    for step in range(300):
        start = time.perf_counter()
        node.SetNthControlPointPosition(index, *(place + [0.0, 1.5 * np.sin(step), 2.0 * np.cos(step)]))
        panel.turn()
        seconds.append(time.perf_counter() - start)
    node.InvokeEvent(node.PointEndInteractionEvent)
    line("drag step with the panel's tables (stand-in), median of 300", 1000 * float(np.median(seconds)), "ms", 50.0)
    line("observers that the drag left behind", len(panel.widget.Observations) - observers, "", 0.0)


SECTIONS = {
    f.__name__: f
    for f in (
        phantom,
        methods,
        bodyparts,
        grids,
        speed,
        memory,
        imports,
        live,
        muscle,
        atrophy,
        numbers,
        collect,
        export,
    )
}


def main() -> int:
    """Run the benchmarks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--cases", type=int, default=50)
    options = parser.parse_args()
    for name in options.only.split(","):
        SECTIONS[name](min(options.cases, 12) if name == "methods" else options.cases)
        print()
    print(f"peak memory of this run: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print("every limit held" if not MISSED else f"missed: {', '.join(MISSED)}")
    return 1 if MISSED else 0


if __name__ == "__main__":
    sys.exit(main())
