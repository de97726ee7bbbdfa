"""Speed and memory: spaces against other routes, the command's memory, writing a study, collecting many."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from bench_report import Options, line, timed
from cases import BODYPARTS, bodyparts_grid, bodyparts_labels, large_case, measure_labels, mesh_space_3d
from IFIMeasureLib.anatomy.regions import Region, ischium_region, lesser_trochanter_region
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid, canonical
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.measuring.spaces import axial_levels, measure_space, moved_levels
from IFIMeasureLib.study.result import StudyResult
from IFIMeasureLib.values import Measured, Side


def speed(options: Options) -> None:
    """Both sides' profile and 3D minimum from a 512 x 512 x 300 label map, against Slicer's route and distance maps."""
    labels, names, grid = large_case()
    study = measure_labels(labels, names, grid)
    own_s = timed(lambda: our_spaces(study, labels, names, grid), 3)
    whole_s = timed(lambda: measure_labels(labels, names, grid), 2)
    slicer_s = timed(lambda: slicer_route(study, labels, names, grid), 1)
    maps_s = timed(lambda: distance_maps(study, labels, names, grid), 1)
    size = " x ".join(map(str, labels.shape))
    print(f"Speed, both sides from a {size} label map (seconds are of this machine; compare the ratios)")
    line("ours: profile and 3D minimum", own_s, "s")
    line("ours: landmarks found and every measurement taken", whole_s, "s")
    line("Slicer's route: closed surfaces, vtkDistancePolyDataFilter (3D only)", slicer_s, "s")
    line("distance maps of the image, SimpleITK (3D only)", maps_s, "s")
    line("ratio to Slicer's route", slicer_s / own_s, "x", 20.0, at_least=True)
    line("ratio to distance maps", maps_s / own_s, "x", 5.0, at_least=True)
    if BODYPARTS.exists():
        _errors_of_the_routes()


def _errors_of_the_routes() -> None:
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
    others = min(float(np.mean(found)) for title, found in errors.items() if title != "ours")
    for title, found in errors.items():
        line(f"{title}, mean", float(np.mean(found)), "mm", others if title == "ours" else None)
        line(f"{title}, worst", float(np.max(found)), "mm")


def our_spaces(study: StudyResult, labels: np.ndarray, names: dict[int, str], grid: Grid) -> dict[Side, float]:
    """Profile and 3D minimum of both sides by this library, landmarks given; returns the 3D minima, millimeter."""
    result = {}
    array, turned = canonical(labels, grid.affine)
    segmentation = Segmentation([array], turned, [SegmentRef(n, 0, v) for v, n in names.items()], Path("x"), named=True)
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
            [(hip, ischium_region(head, radius))],
            [(femur, lesser_trochanter_region(tip, radius))],
            levels,
            acquired,
            moved_levels(turned, tip, radius),
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


def _region(study: StudyResult, side: Side) -> Region:
    tip = SideFrame(side).to_side(study.hips[side].landmarks["lesser_trochanter_tip"].position_ras_mm)
    return lesser_trochanter_region(tip, _radius(study, side))


def _radius(study: StudyResult, side: Side) -> float:
    diameter = study.hips[side].results["femoral_head_diameter"]
    assert isinstance(diameter, Measured)
    return diameter.value / 2


def memory(options: Options) -> None:
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


def collect(options: Options) -> None:
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
            done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
            seconds, peak = map(float, done.stdout.splitlines()[-1].split())
            peaks[name] = peak
            line(f"{name} studies: time", seconds, "s", 60.0)
        line("peak memory: 10,000 studies over 100", peaks["10,000"] / peaks["100"], "x", 1.1)


def export(options: Options) -> None:
    """Writing a measured study: the usual files, and every one.

    Imports and the first call's preparations are not counted.
    """
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
            line(name, timed(write, 3), "s", limit)
