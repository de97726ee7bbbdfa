"""Other ways to segment the quadratus femoris, from the same prior."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from cases import MuscleCase
from IFIMeasureLib.muscle.mixture import posterior
from IFIMeasureLib.muscle.region import SearchRegion, muscle_region
from IFIMeasureLib.muscle.signal import signal_levels


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


def _seeds(case: MuscleCase) -> tuple[SearchRegion, np.ndarray, tuple[slice, ...]]:
    """The same prior as seeds: region, label map (1 inside, 2 outside, 0 open), and its place in the image."""
    region = muscle_region(case.volume, case.landmarks, case.others, case.side)
    seeds = np.zeros(region.image.shape, np.int16)
    seeds[region.distance > 9.0] = 2
    seeds[~region.free] = 2
    seeds[(region.distance < 1.5) & region.free] = 1
    start = np.round(case.volume.grid.to_ijk(region.grid.affine[:3, 3])).astype(int)
    place = tuple(slice(int(a), int(a) + n) for a, n in zip(start, region.image.shape))
    return region, seeds, place


def _whole(case: MuscleCase, place: tuple[slice, ...], inside: np.ndarray) -> np.ndarray:
    result = np.zeros(case.volume.grid.shape, bool)
    result[place] = inside
    return result


ALTERNATIVES: dict[str, Callable[[MuscleCase], np.ndarray]] = {
    "Slicer's grow from seeds": grow_cut,
    "watershed from markers": watershed,
    "geodesic active contour": geodesic_contour,
    "mixture with prior, no walker": belief_alone,
}
