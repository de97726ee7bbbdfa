"""What a segment of the quadratus femoris tells: volume, cross-sections, thickness, fat, edema.

Volumes are in milliliters, areas in square millimeters; definitions stand in the registry (``measurements``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import scipy

from ..images.grid import Grid
from ..images.masks import Mask, Volume
from ..values import Array, IFIMeasureError, point3
from .masks import resampled
from .signal import Levels

EDEMA_THRESHOLD = 1.5
"""A voxel counts as edematous where its fat-suppressed T2 signal is this many times that of the reference muscle."""


@dataclass(frozen=True)
class MuscleImages:
    """Images of the muscle, each on ``grid`` (arrays (I, J, K)); whichever exist.

    :param t1: T1-weighted, not fat-suppressed.
    :param t2fs: T2-weighted, fat-suppressed.
    :param water: water image of Dixon, with ``fat`` the fat image.
    """

    grid: Grid
    t1: Array | None = None
    t2fs: Array | None = None
    water: Array | None = None
    fat: Array | None = None

    @classmethod
    def from_phases(cls, grid: Grid, in_phase: Array, opposed: Array) -> MuscleImages:
        """Return water and fat from images in and out of phase (two-point Dixon of magnitudes).

        Which of the two is larger cannot be told from magnitudes: water is taken for the larger one, so that a voxel of
        more than half fat reads as its complement.
        """
        total, difference = in_phase.astype(np.float32), np.minimum(opposed, in_phase).astype(np.float32)
        return cls(grid, water=0.5 * (total + difference), fat=0.5 * (total - difference))


@dataclass(frozen=True)
class MuscleNumbers:
    """Numbers of one side's muscle.

    :param volume_ml: sum over the acquired slices of area times spacing (the published way).
    :param surface_volume_ml: volume within the half level of the segment smoothed by half a voxel.
    :param volume_uncertainty_ml: half width of the range that partial volume and slice thickness leave open.
    :param areas: superior coordinate (RAS millimeter) and area (square millimeter) of each axial plane, from below.
    :param across_max_mm2: largest section across the fibers' direction.
    :param fat_histogram: number of voxels with a fat fraction in each twentieth, from 0 to 1.
    :param partial_volume_ml: volume with the voxels at the border counted by their signal.
    :param cut: whether the field of view cuts the muscle off.
    """

    volume_ml: float
    surface_volume_ml: float
    volume_uncertainty_ml: float
    areas: tuple[tuple[float, float], ...]
    across_max_mm2: float | None
    length_mm: float | None
    thickness_mm: float | None
    slices: int
    cut: bool
    fat_fraction: float | None = None
    fat_quartiles: tuple[float, float, float] | None = None
    fat_source: str = ""
    fat_histogram: tuple[int, ...] | None = None
    partial_volume_ml: float | None = None
    edema_ratio: float | None = None
    edema_share: float | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def lean_volume_ml(self) -> float | None:
        """Volume without its fat, or None where the fat fraction is not known."""
        return None if self.fat_fraction is None else self.volume_ml * (1.0 - self.fat_fraction)

    @property
    def max_area(self) -> tuple[float, float]:
        """Superior coordinate and area of the largest axial section."""
        return max(self.areas, key=lambda item: item[1])


def muscle_images(contrast: str, volume: Volume, second: Volume | None) -> MuscleImages | None:
    """Return what an image and perhaps a second one of Dixon tell of the muscle.

    :param contrast: what ``volume`` is: ``t1``, ``t2fs``, ``water`` (then ``second`` is fat) or ``in-phase`` (then ``second`` is out of phase).
    :returns: None for an in-phase image alone, which tells nothing.
    :raises IFIMeasureError: where both do not lie on one grid, or ``second`` is not asked for.
    """
    if second is not None:
        if contrast not in ("water", "in-phase"):
            raise IFIMeasureError(
                f"{second.path}: a second image goes with the water or in-phase image of Dixon only; leave it out, or say that the first one is such an image."
            )
        difference = volume.grid.difference(second.grid)
        if difference:
            raise IFIMeasureError(
                f"{second.path}: the images of Dixon do not lie on the same grid ({difference}); give those of one series."
            )
    if contrast == "in-phase":
        return None if second is None else MuscleImages.from_phases(volume.grid, volume.array, second.array)
    return MuscleImages(volume.grid, **{contrast: volume.array}, fat=None if second is None else second.array)


def muscle_numbers(mask: Mask, corners: Array | None = None, level_mm: float | None = None) -> MuscleNumbers:
    """Take the numbers that need the segment alone.

    :param corners: the four attachment corners (4, 3), RAS millimeter: for length, thickness and sections across the fibers.
    :param level_mm: superior coordinate of the ischiofemoral space, for the thickness there.
    """
    grid, array = mask.grid, mask.array
    voxel = grid.voxel_mm3
    axis = grid.slice_axis
    count = int(array.sum())
    areas = _axial_areas(mask)
    surface_ml = _surface_volume(mask) / 1000.0
    across = length = thickness = None
    if corners is not None:
        across, length = _along_fibers(mask, corners)
        if level_mm is not None:
            thickness = _thickness(mask, corners, level_mm)
    slices = int(array.any(axis=tuple(a for a in range(3) if a != axis)).sum())
    notes = []
    if slices < 6:
        notes.append(f"only {slices} slices show the muscle: the volume between them is assumed, not seen")
    return MuscleNumbers(
        count * voxel / 1000.0,
        surface_ml,
        _uncertainty(mask) / 1000.0,
        areas,
        across,
        length,
        thickness,
        slices,
        bool(mask.cut),
        notes=tuple(notes),
    )


def _axial_areas(mask: Mask) -> tuple[tuple[float, float], ...]:
    """Area of each axial plane: of the acquired slices where these are axial, else of cuts every two millimeters."""
    grid, array = mask.grid, mask.array
    if grid.axis_tilt_deg(2) < 0.05:
        pixel = float(np.linalg.norm(np.cross(grid.affine[:3, 0], grid.affine[:3, 1])))
        return tuple(
            (float(grid.affine[2, 3] + k * grid.affine[2, 2]), float(n) * pixel)
            for k, n in enumerate(array.sum((0, 1)))
            if n
        )
    voxel = grid.voxel_mm3
    heights = grid.to_ras(np.argwhere(array))[:, 2]
    edges = np.arange(heights.min() - 1.0, heights.max() + 2.0, 2.0)
    counts, _ = np.histogram(heights, edges)
    return tuple((float(low + 1.0), float(n) * voxel / 2.0) for low, n in zip(edges, counts) if n)


def _surface_volume(mask: Mask) -> float:
    """Volume in cubic millimeters within the half level of the segment smoothed by half a voxel: whole voxels, and the surface's part of those at the edge.

    As exact as the smooth surface of the bones on meshes of known volume, and some thirty times quicker.
    """
    smooth = scipy.ndimage.gaussian_filter(np.pad(mask.array, 3).astype(np.float32), 0.5, truncate=3.0)
    slope = sum(np.abs(g) for g in np.gradient(smooth))
    # where the level is a plane, it cuts a voxel whose half extent along the slope is half the sum of its parts
    near = smooth > 0.01
    return (
        float(np.clip(0.5 + (smooth[near] - 0.5) / np.maximum(slope[near], 1e-6), 0.0, 1.0).sum()) * mask.grid.voxel_mm3
    )


def _uncertainty(mask: Mask) -> float:
    """Half width in cubic millimeters: half a voxel's error at a quarter of the surface, and half a slice at both ends."""
    grid, array = mask.grid, mask.array
    voxel = grid.voxel_mm3
    surface_voxels = float((array & ~scipy.ndimage.binary_erosion(array)).sum())
    axis = grid.slice_axis
    per_slice = array.sum(axis=tuple(a for a in range(3) if a != axis))
    used = per_slice[per_slice > 0]
    ends = 0.5 * float(used[0] + used[-1]) / 2.0 if len(used) > 1 else float(used.sum())
    return voxel * float(np.hypot(0.25 * 0.5 * surface_voxels, ends))


def _axes(corners: Array) -> tuple[Array, Array, Array]:
    """Start at the ischium, unit vector of the fibers toward the femur, unit normal of the plate."""
    start, end = corners[:2].mean(0), corners[2:].mean(0)
    fibers = (end - start) / np.linalg.norm(end - start)
    border = corners[[0, 2]].mean(0) - corners[[1, 3]].mean(0)
    normal = np.cross(fibers, border)
    return start, fibers, normal / np.linalg.norm(normal)


def _along_fibers(mask: Mask, corners: Array) -> tuple[float, float]:
    """Largest section across the fibers (square millimeters), and length along them (millimeter)."""
    start, fibers, _ = _axes(corners)
    along = (mask.grid.to_ras(np.argwhere(mask.array)) - start) @ fibers
    voxel = mask.grid.voxel_mm3
    step = 3.0
    counts, _edges = np.histogram(along, np.arange(along.min(), along.max() + step, step))
    low, high = np.quantile(along, [0.005, 0.995])
    return float(counts.max()) * voxel / step, float(high - low) / 0.99


def _thickness(mask: Mask, corners: Array, level_mm: float) -> float | None:
    """Thickness across the plate in the middle third of the fibers, in the axial plane of the ischiofemoral space."""
    start, fibers, normal = _axes(corners)
    grid = mask.grid
    half = 0.5 * float(np.abs(grid.affine[2, :3]).max())
    points = grid.to_ras(np.argwhere(mask.array))
    plane = points[np.abs(points[:, 2] - level_mm) <= max(half, 0.5)]
    if not len(plane):
        return None
    length = float(np.linalg.norm(corners[2:].mean(0) - corners[:2].mean(0)))
    along = (plane - start) @ fibers
    middle = plane[(along > length / 3) & (along < 2 * length / 3)]
    if not len(middle):
        return None
    across = normal - np.array([0.0, 0.0, normal[2]])
    across = across / np.linalg.norm(across)
    run = np.cross(np.array([0.0, 0.0, 1.0]), across)
    extent = np.ptp(middle @ run)
    pixel = float(np.linalg.norm(np.cross(grid.affine[:3, 0], grid.affine[:3, 1])))
    levels = len(np.unique(np.round(middle[:, 2], 3)))
    side = np.sqrt(pixel)
    return float(len(middle) * pixel / max(levels, 1) / (extent + side))


def fat_fraction_map(images: MuscleImages) -> Array | None:
    """Return fat over fat plus water of each voxel, (I, J, K) float32 on the images' grid; 0 where there is neither. None without Dixon images."""
    if images.water is None or images.fat is None:
        return None
    water, fat = np.maximum(images.water, 0).astype(np.float32), np.maximum(images.fat, 0).astype(np.float32)
    total = water + fat
    return np.asarray(np.divide(fat, total, out=np.zeros_like(total), where=total > 1e-6))


def with_images(
    numbers: MuscleNumbers,
    mask: Mask,
    images: MuscleImages,
    levels: Levels | None,
    reference: Mask | None,
    femur: Mask | None = None,
) -> MuscleNumbers:
    """Add what images tell: fat fraction (Dixon, or estimated from T1) and edema (fat-suppressed T2).

    :param levels: signals of fat and muscle in the T1 image; without them T1 gives no estimate.
    :param reference: a healthy muscle nearby, for the edema.
    :param femur: its marrow tells where water and fat images are swapped.
    """
    inside = resampled(mask, images.grid)
    if not inside.any():
        return replace(numbers, notes=(*numbers.notes, "the images do not show the muscle"))
    notes = list(numbers.notes)
    shown = float(inside.sum() * images.grid.voxel_mm3) / float(mask.array.sum() * mask.grid.voxel_mm3)
    if shown < 0.9:
        notes.append(f"the images show {100 * shown:.0f} % of the muscle; fat and edema are of that part")
    fraction = quartiles = histogram = None
    source = ""
    if images.water is not None and images.fat is not None:
        water, fat = images.water[inside].astype(float), images.fat[inside].astype(float)
        total = water + fat
        good = total > 1e-6
        if (water < 0).any() or (fat < 0).any():
            notes.append("Dixon images hold negative values, so there is no fat fraction")
        elif good.mean() < 0.9:
            notes.append("Dixon images are empty in the muscle, so there is no fat fraction")
        else:
            shares = fat[good] / total[good]
            if shares.mean() > 0.5 and _marrow_is_water(images, femur):
                notes.append(
                    "water and fat images are swapped (the femur's marrow shows as water, the muscle as fat), so there is no fat fraction"
                )
            else:
                fraction, source = float(shares.mean()), "Dixon"
                quartiles, histogram = _spread(shares)
                if fraction > 0.5:
                    notes.append("more fat than water: check that water and fat images are not swapped")
    elif images.t1 is not None and levels is not None and abs(levels.fat - levels.muscle) > 3 * levels.noise:
        shares = np.clip((images.t1[inside].astype(float) - levels.muscle) / (levels.fat - levels.muscle), 0.0, 1.0)
        fraction, source = float(shares.mean()), "T1, an estimate"
        quartiles, histogram = _spread(shares)
    ratio = share = None
    if images.t2fs is not None:
        if reference is None or not (at := resampled(reference, images.grid)).any():
            notes.append("there is no reference muscle, so edema is not measured")
        else:
            normal = float(np.median(images.t2fs[at]))
            if normal <= 0:
                notes.append("the reference muscle has no signal, so edema is not measured")
            else:
                relative = images.t2fs[inside].astype(float) / normal
                ratio, share = float(relative.mean()), float((relative > EDEMA_THRESHOLD).mean())
    return replace(
        numbers,
        fat_fraction=fraction,
        fat_quartiles=quartiles,
        fat_histogram=histogram,
        fat_source=source,
        edema_ratio=ratio,
        edema_share=share,
        notes=tuple(notes),
    )


def _spread(shares: Array) -> tuple[tuple[float, float, float], tuple[int, ...]]:
    """Quartiles, and how many voxels lie in each twentieth from 0 to 1."""
    counts, _ = np.histogram(shares, bins=20, range=(0.0, 1.0))
    return point3(np.quantile(shares, [0.25, 0.5, 0.75])), tuple(int(n) for n in counts)


def _marrow_is_water(images: MuscleImages, femur: Mask | None) -> bool:
    if femur is None or images.water is None or images.fat is None:
        return False
    deep = scipy.ndimage.binary_erosion(resampled(femur, images.grid), iterations=3)
    return bool(deep.sum() >= 50 and np.median(images.water[deep]) > np.median(images.fat[deep]))


def fat_grade(fraction: float) -> int:
    """Grade like Goutallier's from a mean fat fraction (extension-defined): 0 below 5 %, 1 below 20 %, 2 below 45 %, 3 to 55 %, 4 above."""
    return int(np.searchsorted([0.05, 0.20, 0.45, 0.55], fraction, side="right"))


def edema_grade(share: float) -> int:
    """Grade 0 (none) to 3 (severe) from the share of edematous voxels (extension-defined): limits 5, 25 and 50 %."""
    return int(np.searchsorted([0.05, 0.25, 0.50], share, side="right"))
