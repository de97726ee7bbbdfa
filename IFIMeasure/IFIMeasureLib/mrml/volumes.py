"""Images as nodes, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData

from ..images.grid import canonical, check_grid, thick_axis
from ..images.masks import Volume
from ..present.picture import gray_levels
from ..values import Array, IFIMeasureError
from .matrices import ijk_to_ras, rigid_or_scaling_world, vtk_matrix


def add_volume(scene: Any, volume: Volume, name: str) -> Any:
    """Add an image as a scalar volume node."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(vtk_matrix(volume.grid.affine))
    node.SetAndObserveImageData(image_data(volume.array))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
        low, high = gray_levels(volume.array)
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(low, high)
    return node


def image_data(array: Array) -> Any:
    image = vtkImageData()
    image.SetDimensions(*array.shape)
    flat = np.ascontiguousarray(array.transpose(2, 1, 0)).reshape(-1)
    if flat.dtype == bool:
        flat = flat.astype(np.uint8)
    if not flat.flags.writeable:
        flat = flat.copy()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    return image


def read_volume_node(node: Any) -> Volume:
    """Return a volume node's image in world coordinates; its array is a view, nothing is copied.

    :raises IFIMeasureError: where it is empty, has several values a voxel, or its transform is not linear.
    """
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        raise IFIMeasureError(f"{node.GetName()}: the volume is empty; choose another one.")
    scalars = image.GetPointData().GetScalars()
    if scalars.GetNumberOfComponents() != 1:
        raise IFIMeasureError(
            f"{node.GetName()}: the volume has {scalars.GetNumberOfComponents()} values a voxel; "
            "a scalar volume is needed."
        )
    thick = thick_axis(np.array(node.GetSpacing()))
    array, grid = canonical(
        vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1]).T,
        rigid_or_scaling_world(node) @ ijk_to_ras(node),
        2 if thick is None else thick,  # slices are the third axis in 3D Slicer
    )
    check_grid(grid, node.GetName())
    return Volume(array, grid, Path(node.GetName() or "volume"))
