"""Cases with known truth, shared by the tests and the benchmarks: random phantoms, and real bones as meshes."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import vtk
from IFIMeasureLib.anatomy.landmarks import LandmarkSet
from IFIMeasureLib.anatomy.regions import lesser_trochanter_region
from IFIMeasureLib.images.distance import closest_between
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid, canonical
from IFIMeasureLib.images.masks import Mask, Segmentation, SegmentRef, Volume
from IFIMeasureLib.measuring.spaces import Space
from IFIMeasureLib.muscle.masks import resampled
from IFIMeasureLib.muscle.numbers import muscle_numbers
from IFIMeasureLib.muscle.region import muscle_region
from IFIMeasureLib.muscle.signal import partial_volume_ml, signal_levels
from IFIMeasureLib.muscle.strokes import Strokes
from IFIMeasureLib.muscle.together import MuscleInput, segment_together
from IFIMeasureLib.study.prepared import measure_study
from IFIMeasureLib.study.result import HipResult, StudyResult
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.hip import HipSpec
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.signals import SIGNALS
from IFIMeasureLib.values import Measured, Side
from scipy import ndimage
from scipy.spatial.transform import Rotation
from vtk.util.numpy_support import vtk_to_numpy

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Real data for trials; nothing may depend on it."""

BODYPARTS = SHARED / "bodyparts3d"
ANGLES = ("neck_shaft_angle", "lt_neck_angle", "femur_flexion", "femur_abduction", "femur_rotation_proxy")


def random_spec(rng: np.random.Generator) -> HipSpec:
    """Return a hip of random shape and pose within the range of living adults in a scanner."""
    return HipSpec(
        head_radius_mm=float(rng.uniform(21.5, 26.0)),
        neck_shaft_angle_deg=float(rng.uniform(121, 136)),
        anteversion_deg=float(rng.uniform(5, 25)),
        lesser_trochanter_angle_deg=float(rng.uniform(28, 48)),
        lesser_trochanter_reach_mm=float(rng.uniform(28, 34)),
        lesser_trochanter_level_mm=float(rng.uniform(50, 56)),
        offset_mm=float(rng.uniform(38, 46)),
        ischium_shift_mm=float(rng.uniform(-3, 8)),
        flexion_deg=float(rng.uniform(-8, 12)),
        abduction_deg=float(rng.uniform(-6, 8)),
        rotation_deg=float(rng.uniform(-18, 18)),
    )


def random_grid(rng: np.random.Generator, spacing: tuple[float, float, float], side: Side, oblique_deg: float) -> Grid:
    """Return a grid over one hip at a random offset.

    :param oblique_deg: largest random turn; thick slices stay axial.
    """
    thick = spacing[2] > 2.0
    axis = np.array([0.0, 0.0, 1.0]) if thick else rng.normal(size=3)
    turn = Rotation.from_rotvec(np.radians(oblique_deg * rng.uniform(-1, 1)) * axis / np.linalg.norm(axis)).as_matrix()
    low, high = np.array([28.0, -66.0, -126.0]), np.array([168.0, 40.0, 31.0])
    center = SideFrame(side).to_ras(0.5 * (low + high)) + rng.uniform(-0.5, 0.5, 3) * spacing
    shape = np.ceil((high - low + 8.0) / spacing).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(spacing)
    affine[:3, 3] = center - affine[:3, :3] @ ((shape - 1) / 2.0)
    return Grid.of(shape, affine)


def phantom_segmentation(phantom: Phantom, grid: Grid, side: Side) -> Segmentation:
    """Return the phantom's label map on a grid, as a file with segment names would give it."""
    array, turned = canonical(phantom.label_map(grid, (side,), ("hip", "femur", "hamstring", "iliopsoas")), grid.affine)
    refs = [
        SegmentRef(name, 0, value)
        for value, name in phantom.label_names().items()
        if name.endswith(side.value) and (array == value).any()
    ]
    return Segmentation([array], turned, refs, Path("phantom"), named=True)


@dataclasses.dataclass
class Errors:
    """Absolute errors of one or many cases: lengths in mm, angles in degree, one list a quantity."""

    values: dict[str, list[float]] = dataclasses.field(default_factory=dict)

    def add(self, name: str, error: float) -> None:
        """Add one signed error."""
        self.values.setdefault(name, []).append(abs(error))

    def mean(self, name: str) -> float:
        """Mean absolute error."""
        return float(np.mean(self.values[name]))

    def worst(self, name: str) -> float:
        """Largest absolute error."""
        return float(np.max(self.values[name]))


def phantom_errors(seed: int, spacing: tuple[float, float, float], oblique_deg: float, errors: Errors) -> HipResult:
    """Measure one random phantom and add its errors against the equations."""
    rng = np.random.default_rng(seed)
    side = Side.RIGHT if seed % 2 else Side.LEFT
    spec = random_spec(rng)
    phantom = Phantom(spec, spec, seed)
    grid = random_grid(rng, spacing, side, oblique_deg)
    segmentation = phantom_segmentation(phantom, grid, side)
    study = measure_study(segmentation, resolve_structures(segmentation, None), sides=(side,))
    hip = study.hips[side]
    truth = phantom.truth(side)
    for name in ("ifs", "qfs"):
        space = hip.spaces[name]
        assert isinstance(space, Space)
        true = []
        for point in space.profile:
            expected = phantom.true_space(side, name, point.level_mm)
            if expected is not None and point.distance_mm is not None:
                errors.add(f"{name} in each plane", point.distance_mm - expected)
                true.append(expected)
        assert space.axial is not None and space.axial.distance_mm is not None and space.minimum_3d_mm is not None
        errors.add(f"{name} axial", space.axial.distance_mm - min(true))
        errors.add(f"{name} 3D", space.minimum_3d_mm - phantom.true_space_3d(side, name))
    for name in ANGLES:
        result = hip.results[name]
        if isinstance(result, Measured):
            errors.add("angles", result.value - truth.angles_deg[name])
        errors.add("angles that the field of view left out", 0.0 if isinstance(result, Measured) else 1.0)
    for name, true_point in (
        ("femoral_head_center", truth.head_center),
        ("lesser_trochanter_tip", truth.lesser_trochanter_tip),
    ):
        place = hip.landmarks[name].position_ras_mm
        assert place is not None
        errors.add(name, float(np.linalg.norm(SideFrame(side).to_side(place) - true_point)))
    return hip


# -- the quadratus femoris ------------------------------------------------------------------------------------


@dataclasses.dataclass
class MuscleCase:
    """An image with a muscle whose true voxels are known."""

    volume: Volume
    side: Side
    landmarks: LandmarkSet
    others: dict[str, Mask]
    truth: np.ndarray
    name: str


def muscle_case(seed: int) -> MuscleCase:
    """Return an image of a random phantom and pose, 0.7 x 0.7 x 3 mm, with a bias of 30 %.

    T1, fat-suppressed T2 or Dixon water, SNR 10 to 40. The muscle ranges from half to full size, its fat to 50 %, its
    edema from none to full; corners are placed automatically.
    """
    rng = np.random.default_rng(5000 + seed)
    side = Side.RIGHT if seed % 2 else Side.LEFT
    edema = float(rng.uniform(0, 1)) if rng.random() < 0.5 else 0.0
    spec = dataclasses.replace(
        random_spec(rng),
        muscle_radius_mm=float(rng.uniform(3.0, 5.5)),
        fat_fraction=float(rng.uniform(0.03, 0.5)),
        edema=edema,
    )
    phantom = Phantom(spec, spec, seed)
    grid = random_grid(rng, (0.7, 0.7, 3.0), side, 10.0)
    contrast, snr = ("t1", "t2fs", "water")[seed % 3], (10.0, 20.0, 40.0)[(seed // 3) % 3]
    segmentation = phantom_segmentation(phantom, grid, side)
    hip = measure_study(segmentation, resolve_structures(segmentation, None), sides=(side,)).hips[side]
    array, turned = canonical(phantom.image(grid, contrast, snr=snr, bias=0.3), grid.affine)
    labels, _ = canonical(phantom.label_map(grid, (side,)), grid.affine)
    value = next(v for v, name in phantom.label_names().items() if name == f"quadratus_femoris_{side.value}")
    return MuscleCase(
        volume=Volume(array, turned, Path("phantom")),
        side=side,
        landmarks=hip.landmarks,
        others=hip.masks,
        truth=labels == value,
        name=f"{contrast}, SNR {snr:g}",
    )


def true_muscle_ml(spec: HipSpec, side: Side) -> float:
    """Return the volume of a phantom's quadratus femoris, from voxels of 0.4 mm."""
    phantom = Phantom(spec, spec, 0)
    shapes = phantom.shapes(side)["quadratus_femoris"]
    bounds = SideFrame(side).to_ras([shape.bounds() for shape in shapes])
    low, high = bounds.min((0, 1)) - 2.0, bounds.max((0, 1)) + 2.0
    affine = np.diag([0.4, 0.4, 0.4, 1.0])
    affine[:3, 3] = low
    shape = np.ceil((high - low) / 0.4).astype(int)
    labels = phantom.label_map(Grid.of(shape, affine), (side,))
    value = next(v for v, name in phantom.label_names().items() if name == f"quadratus_femoris_{side.value}")
    return float((labels == value).sum()) * 0.4**3 / 1000.0


@dataclasses.dataclass
class MusclePair:
    """Two examinations of one phantom, and the true volumes of its muscle in them (mL)."""

    first: MuscleInput
    second: MuscleInput
    true_ml: tuple[float, float]
    name: str


def muscle_pair(seed: int, atrophy: float, snr: float | None = None) -> MusclePair:
    """Return two scans of one phantom whose muscle has lost a share of its volume between them.

    The leg is turned by up to 10 degree, noise, bias (30 %), field of view and its turn are others; T1, fat-suppressed
    T2 or water, SNR 10 to 40 (or as given), 0.7 x 0.7 x 3 mm.
    """
    rng = np.random.default_rng(9000 + seed)
    side = Side.RIGHT if seed % 2 else Side.LEFT
    before = dataclasses.replace(
        random_spec(rng), muscle_radius_mm=float(rng.uniform(4.0, 5.5)), fat_fraction=float(rng.uniform(0.03, 0.2))
    )
    after = dataclasses.replace(
        before,
        flexion_deg=before.flexion_deg + float(rng.uniform(-5, 5)),
        abduction_deg=before.abduction_deg + float(rng.uniform(-4, 4)),
        rotation_deg=before.rotation_deg + float(rng.uniform(-10, 10)),
    )
    wanted = true_muscle_ml(before, side) * (1.0 - atrophy)
    thin, thick = 2.0, 8.0
    for _ in range(12):
        middle = 0.5 * (thin + thick)
        larger = true_muscle_ml(dataclasses.replace(after, muscle_radius_mm=middle), side) > wanted
        thin, thick = (thin, middle) if larger else (middle, thick)
    after = dataclasses.replace(after, muscle_radius_mm=middle)
    contrast, noise = ("t1", "t2fs", "water")[seed % 3], snr or (10.0, 20.0, 40.0)[(seed // 3) % 3]
    scans = []
    for number, spec in enumerate((before, after)):
        phantom = Phantom(spec, spec, seed + 500 * number)
        grid = random_grid(rng, (0.7, 0.7, 3.0), side, 10.0)
        segmentation = phantom_segmentation(phantom, grid, side)
        hip = measure_study(segmentation, resolve_structures(segmentation, None), sides=(side,)).hips[side]
        array, turned = canonical(phantom.image(grid, contrast, snr=noise, bias=0.3), grid.affine)
        scans.append(MuscleInput(Volume(array, turned, Path("phantom")), hip.landmarks, hip.masks, side))
    true_ml = (true_muscle_ml(before, side), true_muscle_ml(after, side))
    return MusclePair(scans[0], scans[1], true_ml, f"{contrast}, SNR {noise:g}")


def followed_ml(pair: MusclePair) -> tuple[float, float]:
    """Return the volumes (with partial voxels) that follow-up finds in both scans of a pair, mL."""
    volumes = []
    for scan, mask in zip((pair.first, pair.second), segment_together([pair.first, pair.second])):
        region = muscle_region(scan.volume, scan.landmarks, scan.others, scan.side)
        volume = partial_volume_ml(region, signal_levels(region, scan.others["femur"]), resampled(mask, region.grid))
        volumes.append(muscle_numbers(mask).volume_ml if volume is None else volume)
    return volumes[0], volumes[1]


MUSCLE_MESHES: dict[str, tuple[str, ...]] = {
    "hip_right": ("right_hip_bone",),
    "femur_right": ("right_femur",),
    "quadratus_femoris_right": ("right_quadratus_femoris",),
    **{
        name: (f"right_{name}",)
        for name in (
            "adductor_magnus",
            "gemellus_inferior",
            "gemellus_superior",
            "gluteus_maximus",
            "obturator_externus",
            "obturator_internus",
            "biceps_femoris_long_head",
            "semimembranosus",
            "semitendinosus",
            "iliacus",
            "psoas_major",
        )
    },
}


def synthetic_mr(contrast: str, spacing: tuple[float, float, float] = (0.7, 0.7, 4.0), seed: int = 0) -> MuscleCase:
    """Return an MR image made of the meshes of BodyParts3D: bones with marrow and cortex, muscles, fat between."""
    grid = bodyparts_grid(spacing)
    labels, _ = bodyparts_labels(grid, MUSCLE_MESHES)
    signal = SIGNALS[contrast]
    image = np.full(labels.shape, signal["fat"], np.float32)
    image[labels > 2] = signal["muscle"]
    bone = (labels == 1) | (labels == 2)
    depth = ndimage.distance_transform_edt(bone, sampling=grid.spacing)
    image[bone] = np.where(depth[bone] < 2.2, signal["cortex"], signal["marrow"])
    image = ndimage.gaussian_filter(image, [0.5, 0.5, 0.2])
    rng = np.random.default_rng(seed)
    ramp = [np.linspace(-1, 1, n, dtype=np.float32) for n in labels.shape]
    weight = rng.normal(size=3)
    weight /= np.abs(weight).sum()
    image *= 1 + 0.3 * (
        weight[0] * ramp[0][:, None, None] + weight[1] * ramp[1][None, :, None] + weight[2] * ramp[2][None, None, :]
    )
    noise = rng.normal(scale=SIGNALS["t1"]["muscle"] / 20.0, size=(2, *labels.shape))
    image = np.hypot(image + noise[0], noise[1]).astype(np.float32)
    bones = np.where(labels <= 2, labels, 0).astype(np.uint8)
    hip = measure_labels(bones, {1: "hip_right", 2: "femur_right"}, grid).hips[Side.RIGHT]
    return MuscleCase(
        volume=Volume(image, grid, Path("BodyParts3D")),
        side=Side.RIGHT,
        landmarks=hip.landmarks,
        others=hip.masks,
        truth=labels == 3,
        name=contrast,
    )


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Return twice the overlap over the sum of two masks."""
    return float(2 * (a & b).sum() / max(int(a.sum() + b.sum()), 1))


def five_strokes(found: np.ndarray, truth: np.ndarray, grid: Grid) -> Strokes:
    """Return what a person would mark: a short stroke in each of the five largest errors, on its largest slice."""
    inside, outside = [np.zeros((0, 3))], [np.zeros((0, 3))]
    strokes = []
    for wrong, bucket in ((truth & ~found, inside), (found & ~truth, outside)):
        labels, count = ndimage.label(wrong)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        strokes += [(int(sizes[n]), labels == n, bucket) for n in range(1, count + 1)]
    for _, region, bucket in sorted(strokes, key=lambda item: -item[0])[:5]:
        k = int(region.sum((0, 1)).argmax())
        places = np.argwhere(region[:, :, k])
        middle = places[places[:, 0].argsort()][:: max(1, len(places) // 12)]
        bucket.append(grid.to_ras(np.column_stack([middle, np.full(len(middle), k)]).astype(float)))
    return Strokes(np.concatenate(inside), np.concatenate(outside))


# -- real bones as meshes ------------------------------------------------------------------------------------

MESHES: dict[str, tuple[str, ...]] = {
    "hip_right": ("right_hip_bone",),
    "hip_left": ("left_hip_bone",),
    "femur_right": ("right_femur",),
    "femur_left": ("left_femur",),
    "quadratus_femoris_right": ("right_quadratus_femoris",),
    "quadratus_femoris_left": ("left_quadratus_femoris",),
}


@functools.cache
def mesh(name: str) -> Any:
    """Return a mesh of ``bodyparts3d`` in RAS millimeter, holes closed."""
    path = next(BODYPARTS.glob(f"{name}__*.obj"))
    reader = vtk.vtkOBJReader()
    reader.SetFileName(str(path))
    clean = vtk.vtkCleanPolyData()
    clean.SetInputConnection(reader.GetOutputPort())
    fill = vtk.vtkFillHolesFilter()
    fill.SetInputConnection(clean.GetOutputPort())
    fill.SetHoleSize(100.0)
    turn = vtk.vtkTransform()
    turn.Scale(-1.0, -1.0, 1.0)
    move = vtk.vtkTransformPolyDataFilter()
    move.SetTransform(turn)
    move.SetInputConnection(fill.GetOutputPort())
    move.Update()
    return move.GetOutput()


def voxelize(surface: Any, grid: Grid) -> np.ndarray:
    """Return which voxel centers of a grid lie inside a closed surface, (I, J, K) bool."""
    inverse = vtk.vtkTransform()
    matrix = vtk.vtkMatrix4x4()
    to_grid = np.linalg.inv(grid.affine)
    for row in range(4):
        for column in range(4):
            matrix.SetElement(row, column, float(to_grid[row, column]))
    inverse.SetMatrix(matrix)
    move = vtk.vtkTransformPolyDataFilter()
    move.SetTransform(inverse)
    move.SetInputData(surface)
    stencil = vtk.vtkPolyDataToImageStencil()
    stencil.SetInputConnection(move.GetOutputPort())
    stencil.SetOutputSpacing(1, 1, 1)
    stencil.SetOutputOrigin(0, 0, 0)
    stencil.SetOutputWholeExtent(0, grid.shape[0] - 1, 0, grid.shape[1] - 1, 0, grid.shape[2] - 1)
    image = vtk.vtkImageStencilToImage()
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutsideValue(0)
    image.SetOutputScalarTypeToUnsignedChar()
    image.Update()
    return vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).reshape(grid.shape[::-1]).T > 0


def bodyparts_grid(
    spacing: tuple[float, float, float], turn: np.ndarray | None = None, bottom_mm: float = 660.0, top_mm: float = 870.0
) -> Grid:
    """Return a grid over both hips of ``bodyparts3d`` (RAS), optionally turned about its middle."""
    low, high = np.array([-158.0, -2.0, bottom_mm]), np.array([158.0, 142.0, top_mm])
    if turn is not None and np.abs(np.abs(turn) - np.abs(turn).round()).max() > 1e-9:
        low, high = low - [4.0, 22.0, 0.0], high + [4.0, 22.0, 0.0]
    turn = np.eye(3) if turn is None else turn
    size = np.abs(turn.T @ (high - low)) if np.allclose(np.abs(turn), np.abs(turn).round()) else high - low
    shape = np.ceil(size / spacing).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(spacing)
    affine[:3, 3] = 0.5 * (low + high) - affine[:3, :3] @ ((shape - 1) / 2.0)
    return Grid.of(shape, affine)


def bodyparts_labels(grid: Grid, names: dict[str, tuple[str, ...]] | None = None) -> tuple[np.ndarray, dict[int, str]]:
    """Return the voxelized meshes as one label map and the name of each value."""
    labels = np.zeros(grid.shape, np.uint8)
    chosen = names or {k: v for k, v in MESHES.items() if "quadratus" not in k}
    for value, parts in enumerate(chosen.values(), 1):
        for part in parts:
            labels[voxelize(mesh(part), grid) & (labels == 0)] = value
    return labels, dict(enumerate(chosen, 1))


def measure_labels(labels: np.ndarray, names: dict[int, str], grid: Grid) -> StudyResult:
    """Measure a label map with named values."""
    array, turned = canonical(labels, grid.affine)
    segmentation = Segmentation(
        [array], turned, [SegmentRef(name, 0, value) for value, name in names.items()], Path("bodyparts3d"), named=True
    )
    return measure_study(segmentation, resolve_structures(segmentation, None))


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
    affine[:3, 3] = [-179.0, -179.0, -190.0]
    grid = Grid(shape, affine)
    labels = Phantom().label_map(grid)
    labels[labels > 4] = 0
    return labels, {k: v for k, v in Phantom().label_names().items() if k <= 4}, grid


def mesh_section(name: str, level: float) -> np.ndarray:
    """Cut a mesh with an axial plane: segments (N, 2, 3), RAS."""
    plane = vtk.vtkPlane()
    plane.SetOrigin(0, 0, level)
    plane.SetNormal(0, 0, 1)
    cutter = vtk.vtkCutter()
    cutter.SetInputData(mesh(name))
    cutter.SetCutFunction(plane)
    cutter.Update()
    output = cutter.GetOutput()
    if not output.GetNumberOfLines():
        return np.zeros((0, 2, 3))
    points = vtk_to_numpy(output.GetPoints().GetData()).astype(float)
    return points[vtk_to_numpy(output.GetLines().GetConnectivityArray()).reshape(-1, 2)]


def mesh_space(side: Side, level: float) -> float | None:
    """Return the exact axial space between hip bone and femur of the meshes at a level; None where one is absent."""
    pair = closest_between(mesh_section(f"{side.value}_hip_bone", level), mesh_section(f"{side.value}_femur", level))
    return None if pair is None else pair[0]


def mesh_space_3d(side: Side, tip_ras: np.ndarray, head_radius: float | None) -> float:
    """Return the smallest distance from the lesser trochanter's part of the femur's mesh to the hip bone's mesh."""
    fine = vtk.vtkLinearSubdivisionFilter()
    triangles = vtk.vtkTriangleFilter()
    triangles.SetInputData(mesh(f"{side.value}_femur"))
    fine.SetInputConnection(triangles.GetOutputPort())
    fine.SetNumberOfSubdivisions(4)
    fine.Update()
    points = vtk_to_numpy(fine.GetOutput().GetPoints().GetData()).astype(float)
    points = points[lesser_trochanter_region(tip_ras, head_radius)(points)]
    distance = vtk.vtkImplicitPolyDataDistance()
    distance.SetInput(mesh(f"{side.value}_hip_bone"))
    return float(min(abs(distance.EvaluateFunction(p)) for p in points))
