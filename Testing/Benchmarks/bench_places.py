"""Bones on images of other grids: false alarms where they lie right, shifts that are found, bones registered."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from bench_report import Options, line
from cases import BODYPARTS, MUSCLE_MESHES, SHARED, bodyparts_grid, bodyparts_labels, random_spec, synthetic_mr
from IFIMeasureLib.anatomy.structures import Structure
from IFIMeasureLib.files.images import read_volume
from IFIMeasureLib.files.segmentations import read_segmentation
from IFIMeasureLib.images.agreement import Surface, agreement
from IFIMeasureLib.images.bone_to_image import bones_to_image
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid, canonical
from IFIMeasureLib.images.masks import ALL_EDGES, Mask, Segmentation, SegmentRef, Volume, cropped
from IFIMeasureLib.images.rigid import about, moved
from IFIMeasureLib.study.same_place import bones_of
from IFIMeasureLib.study.structures import masks_by_side, resolve_structures
from IFIMeasureLib.synthetic.hip import HipSpec, pose_matrix
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.signals import SIGNALS
from IFIMeasureLib.values import Side
from scipy import ndimage

SIZES_MM = {3.0: 90.0, 6.0: 75.0, 10.0: 100.0, 20.0: 100.0}
"""Shifts that are tried, along each axis, and how many percent must be told (to 5 mm) or refused, at least."""

_CT = {"fat": 900.0, "muscle": 1060.0, "marrow": 1150.0, "cortex": 2000.0, "tendon": 1080.0, "edema": 1040.0}
"""Signals like those of CT (Hounsfield units over 1000)."""

_CONTRASTS = ("t1", "t2fs", "water", "fat", "ct")

_SPACINGS = (
    ((1.5, 1.5, 1.5), (0.8, 0.8, 4.0)),
    ((0.8, 0.8, 4.0), (0.9, 4.0, 0.9)),
    ((0.8, 0.8, 8.0), (0.8, 0.8, 8.0)),
    ((1.2, 1.2, 5.0), (4.0, 0.9, 0.9)),
    ((1.5, 1.5, 1.5), (1.2, 1.2, 5.0)),
    ((0.7, 0.7, 3.0), (1.5, 1.5, 1.5)),
)
"""Spacings of bones and of the image, millimeter: axial, coronal, sagittal, cubic."""

_OTHERS = ("s12", "a70", "s33")
"""Label maps of other persons."""

Bones = dict[str, Mask]


def places(options: Options) -> None:
    """Whether bones lie on an image: false alarms, shifts found, registration."""
    count = min(options.cases, 30)
    print(f"Bones on images of other grids: {count} phantoms ({', '.join(_CONTRASTS)}; SNR 8 to 40; bias 30 %; turned)")
    _figures("phantoms", options.of_each(_of_phantom, range(count)))
    if BODYPARTS.exists():
        _figures("BodyParts3D", options.of_each(_of_bodyparts, _CONTRASTS[:4]))
    real = [found for case in (_real_mr, _real_ct) if (found := case()) is not None]
    if real:
        _figures("real MR (8 mm) and CT (3 mm)", [_tried(*found) for found in real])
    if real:
        refused = [_refused_on(real[0][0], name) for name in _OTHERS]
        line("bones of other persons refused, worst of three", 100.0 * min(refused), "%", 100.0, at_least=True)
    errors = np.concatenate(options.of_each(_registration, range(min(options.cases, 8))))
    line("register: mean distance of bones from their place", float(errors.mean()), "mm", 0.6)
    line("register: largest of a bone", float(errors.max()), "mm", 1.5)


@dataclasses.dataclass(frozen=True)
class _Tried:
    """Where bones lie right: whether a shift was told, refused, or no agreement seen. And of each shift and axis."""

    told: bool
    refused: bool
    found: dict[float, list[tuple[bool, bool]]]
    errors_mm: list[float]


def _tried(volume: Volume, bones: Bones) -> _Tried:
    there = agreement(volume, bones)
    assert there is not None
    found: dict[float, list[tuple[bool, bool]]] = {size: [] for size in SIZES_MM}
    errors = [there.together.size_mm]
    for size in SIZES_MM:
        for axis in range(3):
            shift = np.zeros(3)
            shift[axis] = size * (-1) ** (axis + int(size))
            other = agreement(volume, _placed(bones, about(np.zeros(3), np.zeros(3), shift)))
            if other is None:
                found[size].append((True, True))
                continue
            found[size].append((other.largest[1].is_sure, other.largest[1].is_far or not other.is_clear))
            errors.append(float(np.linalg.norm(np.array(other.together.mm) + shift)))
    shift_there = there.largest[1]
    return _Tried(shift_there.is_sure, shift_there.is_far or not there.is_clear, found, errors)


def _figures(name: str, tried: list[_Tried]) -> None:
    line(f"{name}: told though they lie right", 100 * float(np.mean([of.told for of in tried])), "%", 5.0)
    line(f"{name}: refused though they lie right", 100 * float(np.mean([of.refused for of in tried])), "%", 0.0)
    for size, least in SIZES_MM.items():
        each = np.array([of.found[size] for of in tried], float)  # case, axis, told or refused
        worst = 100 * each.mean(0).min(0)
        told = size <= 5.0
        what = f"{name}: {size:g} mm {'told' if told else 'refused'}, worst axis"
        line(what, float(worst[0] if told else worst[1]), "%", least, at_least=True)
    errors = np.concatenate([of.errors_mm for of in tried])
    line(f"{name}: error of the shift, mean", float(errors.mean()), "mm", 1.0)


def _placed(bones: Bones, matrix: np.ndarray) -> Bones:
    return {name: Mask(m.array, Grid(m.grid.shape, matrix @ m.grid.affine), m.cut) for name, m in bones.items()}


def _grid(rng: np.random.Generator, spacing: tuple[float, float, float], turn_deg: float) -> Grid:
    low, high = np.array([-168.0, -66.0, -126.0]), np.array([168.0, 45.0, 34.0])
    shape = np.ceil((high - low) / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low + rng.uniform(-2, 2, 3)
    return Grid.of(shape, about(0.5 * (low + high), rng.uniform(-turn_deg, turn_deg, 3), np.zeros(3)) @ affine)


def _bones_of(phantom: Phantom, grid: Grid) -> Bones:
    labels, turned = canonical(phantom.label_map(grid, structures=("hip", "femur")), grid.affine)
    names = {value: name for value, name in phantom.label_names().items() if value <= 4}
    return _bones(labels, turned, names)


def _bones(labels: np.ndarray, grid: Grid, names: dict[int, str]) -> Bones:
    refs = [SegmentRef(name, 0, value) for value, name in names.items()]
    segmentation = Segmentation([labels], grid, refs, Path("bones"), named=True)
    return bones_of(masks_by_side(segmentation, resolve_structures(segmentation, None))[0])


def _image_of(phantom: Phantom, grid: Grid, contrast: str, snr: float) -> Volume:
    SIGNALS.setdefault("ct", _CT)
    array, turned = canonical(phantom.image(grid, contrast, snr=snr, bias=0.3), grid.affine)
    return Volume(array, turned, Path("image"))


def _of_phantom(seed: int) -> _Tried:
    rng = np.random.default_rng(70000 + seed)
    phantom = Phantom(random_spec(rng), random_spec(rng), seed)
    of_bones, of_image = _SPACINGS[seed % len(_SPACINGS)]
    contrast, snr = _CONTRASTS[seed % len(_CONTRASTS)], (8.0, 15.0, 40.0)[seed % 3]
    image = _image_of(phantom, _grid(rng, of_image, 5.0), contrast, snr)
    return _tried(image, _bones_of(phantom, _grid(rng, of_bones, 0.0)))


def _of_bodyparts(contrast: str) -> _Tried:
    """Real shapes with their muscles around them; the bones from voxels of 1.2 mm, the image in slices of 4 mm."""
    SIGNALS.setdefault("ct", _CT)
    grid = bodyparts_grid((1.2, 1.2, 1.2))
    labels, _ = bodyparts_labels(grid, {name: MUSCLE_MESHES[name] for name in ("hip_right", "femur_right")})
    return _tried(synthetic_mr(contrast).volume, _bones(labels, grid, {1: "hip_right", 2: "femur_right"}))


def _real_mr() -> tuple[Volume, Bones] | None:
    folder = SHARED / "hip_mr"
    if not folder.exists():
        return None
    segmentation = read_segmentation(folder / "bone_contours.nii.gz")
    names = {"1": Structure("hip", None), "2": Structure("femur", Side.RIGHT), "3": Structure("femur", Side.LEFT)}
    masks, _ = masks_by_side(segmentation, resolve_structures(segmentation, names))
    return read_volume(folder / "t1_tse_ax_pelvis.nii.gz"), bones_of(masks)


def _real_ct() -> tuple[Volume, Bones] | None:
    """A CT whose bones are what is denser than 200 Hounsfield units."""
    path = SHARED / "not_a_hip" / "ct_ends_above_lesser_trochanter" / "example_ct.nii.gz"
    if not path.exists():
        return None
    volume = read_volume(path)
    dense = ndimage.gaussian_filter(np.asarray(volume.array, np.float32), 0.7) > 200
    pieces, _ = ndimage.label(ndimage.binary_closing(dense, iterations=2))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    bone = pieces == sizes.argmax()
    for k in range(bone.shape[2]):
        bone[:, :, k] = ndimage.binary_fill_holes(bone[:, :, k])
    return volume, {"bone": cropped(Mask(bone, volume.grid, ALL_EDGES))}


def _refused_on(volume: Volume, name: str) -> float:
    """1 where the bones of another person, in the middle of an image, are refused on it."""
    segmentation = read_segmentation(SHARED / "hip_ct_labels" / f"{name}.nii.gz")
    sides = (Side.RIGHT, Side.LEFT)
    names = {
        str(2 * n + m + 1): Structure(key, of) for n, key in enumerate(("femur", "hip")) for m, of in enumerate(sides)
    }
    bones = bones_of(masks_by_side(segmentation, resolve_structures(segmentation, names))[0])
    middle = np.mean([mask.grid.corners().mean(0) for mask in bones.values()], axis=0)
    shift = volume.grid.corners().mean(0) - middle
    found = agreement(volume, _placed(bones, about(np.zeros(3), np.zeros(3), shift)))
    return float(found is None or not found.is_clear or found.largest[1].is_far)


def _registration(seed: int) -> list[float]:
    """Mean distances of both sides' bones from their place, the legs turned by up to 10 degree, the patient moved."""
    rng = np.random.default_rng(80000 + seed)
    specs = [random_spec(rng), random_spec(rng)]
    after = [_turned(rng, spec) for spec in specs]
    of_bones, of_image = _SPACINGS[seed % len(_SPACINGS)]
    bones = _bones_of(Phantom(*specs, seed), _grid(rng, of_bones, 0.0))
    far = seed % 2 == 1
    whole = about(np.zeros(3), rng.uniform(-4, 4, 3), rng.uniform(-300, 300, 3) if far else rng.uniform(-10, 10, 3))
    image = _image_of(Phantom(*after, seed + 1), _grid(rng, of_image, 5.0), _CONTRASTS[seed % 5], 20.0)
    image = Volume(image.array, Grid(image.grid.shape, whole @ image.grid.affine), image.path)
    found = bones_to_image(image, bones, far)
    errors = []
    for side, before, then in zip((Side.RIGHT, Side.LEFT), specs, after):
        for name, truth in (("hip bone", whole), ("femur", whole @ _leg(side, before, then))):
            points = Surface.of([bones[f"{side.value} {name}"]]).points
            away = moved(points, found[f"{side.value} {name}"]) - moved(points, truth)
            errors.append(float(np.linalg.norm(away, axis=1).mean()))
    return errors


def _turned(rng: np.random.Generator, spec: HipSpec) -> HipSpec:
    return dataclasses.replace(
        spec,
        flexion_deg=spec.flexion_deg + float(rng.uniform(-5, 5)),
        abduction_deg=spec.abduction_deg + float(rng.uniform(-4, 4)),
        rotation_deg=spec.rotation_deg + float(rng.uniform(-10, 10)),
    )


def _leg(side: Side, before: HipSpec, after: HipSpec) -> np.ndarray:
    """Matrix (4, 4) that turns a femur from one pose to another, RAS."""
    mirror = np.diag([side.lateral_sign, 1.0, 1.0])
    matrix = np.eye(4)
    matrix[:3, :3] = mirror @ pose_matrix(after) @ pose_matrix(before).T @ mirror
    head = SideFrame(side).to_ras(Phantom(before, before).truth(side).head_center)
    matrix[:3, 3] = head - matrix[:3, :3] @ head
    return matrix
