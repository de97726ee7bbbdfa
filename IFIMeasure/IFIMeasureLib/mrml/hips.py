"""Where the hips lie in a study that may not have been measured yet: what the views go to first."""

from __future__ import annotations

import numpy as np
import slicer
from vtkmodules.util.numpy_support import vtk_to_numpy

from ..anatomy.structures import Structure
from ..values import Array, IFIMeasureError, Side
from .matrices import image_affine, world_matrix
from .study_nodes import StudyNodes

TROCHANTER_BELOW_HEAD_MM = 75.0
"""About how far the lesser trochanter lies below the top of an adult's femoral head."""

HIP_SHARE = 0.45
"""About where a hip lies between the middle of an image of both hips (0) and its edge (1)."""

_TROCHANTER = "lesser_trochanter_tip"


def hip_place(nodes: StudyNodes, side: Side) -> Array | None:
    """Return the tip of the lesser trochanter of a side (3,), RAS millimeter; None where there is nothing to look at.

    Where it is not placed yet, about where it must be by the femur; without one, about where the image has that hip.
    """
    placed = nodes.landmarks(side, strict=False)[_TROCHANTER].position_ras_mm
    if placed is not None:
        return np.array(placed)
    by_femur = _place_by_femur(nodes, side)
    return by_femur if by_femur is not None else _place_by_image(nodes, side)


def _place_by_femur(nodes: StudyNodes, side: Side) -> Array | None:
    wanted = Structure("femur", side).name
    key = next((key for key, structure in nodes.structures().items() if structure == wanted), None)
    if key is None:
        return None
    image = slicer.vtkOrientedImageData()
    nodes.segmentation.GetBinaryLabelmapRepresentation(key, image)
    scalars = image.GetPointData().GetScalars()
    if scalars is None or image.GetNumberOfPoints() == 0:
        return None
    indices = np.argwhere(vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1]).T)
    if not len(indices):
        return None
    try:
        affine = world_matrix(nodes.segmentation) @ image_affine(image)
    except IFIMeasureError:  # under a transform that is not linear: measuring says so
        return None
    first = np.array(image.GetExtent())[::2]
    points = (indices + first) @ affine[:3, :3].T + affine[:3, 3]
    height = points[:, 2]
    level = max(height.max() - TROCHANTER_BELOW_HEAD_MM, height.min())
    near = points[np.abs(height - level) <= np.abs(height - level).min() + 1e-3]
    medial = near[:, 0] * side.lateral_sign
    return np.array(near[medial.argmin()])


def _place_by_image(nodes: StudyNodes, side: Side) -> Array | None:
    if nodes.volume is None:
        return None
    bounds = [0.0] * 6
    nodes.volume.GetRASBounds(bounds)
    low, high = np.array(bounds).reshape(3, 2).T
    middle = 0.5 * (low + high)
    across = side.lateral_sign * HIP_SHARE * 0.5 * (high[0] - low[0])
    return np.array([middle[0] + across, middle[1], middle[2]])
