"""Matrices and transforms of nodes, RAS millimeter."""

from __future__ import annotations

from typing import Any

import numpy as np
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..values import Array, IFIMeasureError


def vtk_matrix(matrix: Array) -> Any:
    result = vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            result.SetElement(row, column, float(matrix[row, column]))
    return result


def image_affine(image: Any) -> Array:
    return array_of(image.GetImageToWorldMatrix)


def world_matrix(node: Any) -> Array:
    """Return a node's linear transform to world, (4, 4), RAS millimeter.

    :raises IFIMeasureError: where it is not linear.
    """
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        raise IFIMeasureError(
            f"{node.GetName()}: it lies under the transform {transform.GetName()}, which is not linear; {_HARDEN}."
        )
    return array_of(transform.GetMatrixTransformToWorld)


def ijk_to_ras(node: Any) -> Array:
    """Return a volume node's matrix from indices to RAS millimeter, (4, 4), without its transform."""
    return array_of(node.GetIJKToRASMatrix)


def array_of(fill: Any) -> Array:
    """Return the matrix that a method of VTK fills, (4, 4)."""
    matrix = vtkMatrix4x4()
    fill(matrix)
    return np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])


_HARDEN = "harden the transform on a copy, or take the node out of it"


def rigid_or_scaling_world(node: Any) -> Array:
    """The same, refused where it shears: voxels would no longer be boxes."""
    matrix = world_matrix(node)
    axes = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):
        raise IFIMeasureError(
            f"{node.GetName()}: it lies under the transform {node.GetParentTransformNode().GetName()}, which shears; "
            f"{_HARDEN}."
        )
    return matrix
