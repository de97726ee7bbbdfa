"""Whether bones lie and are sized as a person's: head and feet, front and back, spacing (side frame)."""

from __future__ import annotations

import numpy as np

from ..images.grid import Grid
from ..images.masks import Mask
from ..values import Array, IFIMeasureError
from .bone_field import BoneField
from .femoral_head import UPPER_END_MM, best_sphere, find_head
from .placement import Placement

HEAD_DIAMETERS_MM = (30.0, 65.0)
"""Smallest and largest diameter of a person's femoral head; small children's are smaller."""

_STRETCHES = 1.16 ** np.arange(1, 15)
"""Factors by which a distance between voxels may be wrong, up to 8 times, and as many down; a sphere bears 8 %."""

_LEAST_COVERED = 0.55
"""How much of a sphere must be there for a spacing to be called wrong."""

_WELL_COVERED = 0.75
"""A head of which so much is seen is one; of a healthy one nine tenths are."""

_MOST_POINTS = 5000

_AXES = ("across the body", "from front to back", "along the body")


def check_head(femur: BoneField, hip: Mask, found: Placement) -> None:
    """Look whether bones lie and are sized as a person's where the femoral head is known or should be.

    Where another spacing would show a head in its socket, the head is said to be missing for that; changes ``found``.

    :param hip: the hip bone in the side frame.
    :raises IFIMeasureError: where head and feet, or front and back, are exchanged; the beginning of a sentence lacks.
    """
    bone = _sampled(hip)
    head, radius = found.points.get("femoral_head_center"), found.head_radius_mm
    in_socket = head is not None and radius is not None and len(_socket(bone, head, radius)) > 0
    if not in_socket:
        _refuse_upside_down(femur.mask, bone)
    elif head is not None and radius is not None:
        _refuse_turned(_sampled(femur.mask), bone, head, radius)
    if in_socket and found.head_covered >= _WELL_COVERED:
        return
    if head is None and (2, 1) in femur.cut:
        return
    reason = wrong_spacing(femur, bone, max(_LEAST_COVERED, found.head_covered + 0.15 if in_socket else 0.0))
    if reason:
        found.points.pop("femoral_head_center", None)
        found.head_radius_mm, found.head_covered = None, 0.0
        found.missing["femoral_head_center"] = reason


def _refuse_upside_down(femur: Mask, bone: Array) -> None:
    """Refuse a femur whose head lies in its socket at the lower end."""
    flipped, there = _upside_down(femur), Placement()
    find_head(flipped, *flipped.surface, there)
    head, radius = there.points.get("femoral_head_center"), there.head_radius_mm
    if head is None or radius is None or there.head_covered < _WELL_COVERED:
        return
    if len(_socket(bone, head * [1.0, 1.0, -1.0], radius)):
        raise IFIMeasureError(f"the head lies at the lower end of the femur, {_HEAD_AND_FEET}")


def _refuse_turned(femur: Array, bone: Array, head: Array, radius: float) -> None:
    """Refuse bones (N, 3) around a head in its socket that lie otherwise than in a patient.

    Head and feet are told by the femur and the socket, front and back by the lowest of the ischium and the symphysis.
    """
    socket = _socket(bone, head, radius)
    if femur[:, 2].mean() > head[2] + 0.4 * radius and socket[:, 2].mean() < head[2]:
        raise IFIMeasureError(f"the femur lies above its head, {_HEAD_AND_FEET}")
    below = bone[bone[:, 2] < head[2] - 1.2 * radius]
    if len(below):
        medial = below[below[:, 0] < below[:, 0].min() + 0.6 * radius]
        lowest = below[below[:, 2] < below[:, 2].min() + 0.6 * radius]
        if medial[:, 1].mean() < head[1] - 0.5 * radius and lowest[:, 1].mean() > head[1] + 0.5 * radius:
            raise IFIMeasureError(
                "the ischium lies in front of the hip joint and the pubis behind it, so front and back are exchanged"
            )


_HEAD_AND_FEET = "so head and feet are exchanged"


def _socket(bone: Array, head: Array, radius: float) -> Array:
    """Those of the hip bone's places (N, 3) that lie around a head."""
    return np.asarray(bone[np.linalg.norm(bone - head, axis=1) < 1.6 * radius])


def _upside_down(femur: Mask) -> BoneField:
    """The femur mirrored at the plane of z = 0, upper end down."""
    grid = femur.grid
    affine = grid.affine.copy()
    affine[:3, 3] = affine[:3, 3] + affine[:3, 2] * (grid.shape[2] - 1)
    affine[:3, 2] = -affine[:3, 2]
    affine[2] = -affine[2]
    cut = frozenset((axis, -end if axis == 2 else end) for axis, end in femur.cut)
    return BoneField(Mask(np.flip(femur.array, 2), Grid(grid.shape, affine), cut), upper_mm=230.0)


def _sampled(mask: Mask) -> Array:
    """Places (N, 3) of some thousands of a mask's voxels."""
    every = max(1, int((np.count_nonzero(mask.array) / _MOST_POINTS) ** (1.0 / 3.0)))
    steps = np.maximum(1, np.round(every * float(np.prod(mask.grid.spacing)) ** (1.0 / 3.0) / mask.grid.spacing))
    i, j, k = (int(step) for step in steps)
    return mask.grid.to_ras(np.argwhere(mask.array[::i, ::j, ::k]) * steps)


def wrong_spacing(femur: BoneField, bone: Array, least_covered: float) -> str:
    """Say that a head would be there if the spacing were another; empty where none would.

    Each spacing alone and all three together are tried; the head counts where the hip bone's socket lies around it.

    :param bone: places (N, 3) of the hip bone.
    :param least_covered: how much of a sphere must be there, 0 to 1.
    """
    points, normals = femur.surface
    every = max(1, len(points) // _MOST_POINTS)
    surface = (points[::every], normals[::every])
    for axes in ((0, 1, 2), (2,), (1,), (0,)):
        chosen = np.isin(np.arange(3), axes)
        tried = [
            (_covered_in_socket(surface, bone, np.where(chosen, factor, 1.0)), factor)
            for factor in (*_STRETCHES, *(1.0 / _STRETCHES))
        ]
        covered, factor = max(tried)
        if covered > least_covered:
            return _spacing_text(axes, femur.mask.grid.spacing, factor)
    return ""


def _spacing_text(axes: tuple[int, ...], spacing: Array, factor: float) -> str:
    if len(axes) == 3:
        low, high = HEAD_DIAMETERS_MM
        other = "larger" if factor > 1 else "smaller"
        return (
            f"the spacing of the voxels looks wrong: with {other} voxels the femoral head"
            f" would have a person's size ({low:.0f} to {high:.0f} mm); check the header"
        )
    (axis,) = axes
    return (
        f"the spacing of the voxels {_AXES[axis]} looks wrong: the femoral head would be round with about"
        f" {spacing[axis] * factor:.2g} mm instead of {spacing[axis]:.3g} mm; check the header"
    )


def _covered_in_socket(surface: tuple[Array, Array], bone: Array, factors: Array) -> float:
    """How much of a head the surface of a stretched femur shows; 0 where it shows none in a socket.

    :param surface: points and normals (N, 3) of the femur.
    :param bone: places (M, 3) of the hip bone.
    :param factors: (3,) of the stretch.
    """
    points, normals = surface[0] * factors, surface[1] / factors
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    top = points[:, 2] > points[:, 2].max() - UPPER_END_MM
    head = best_sphere(points[top], normals[top]) if top.any() else None
    if head is None or not HEAD_DIAMETERS_MM[0] <= 2.0 * head.radius <= HEAD_DIAMETERS_MM[1]:
        return 0.0
    away = (bone * factors - head.center) / head.radius
    distance = np.linalg.norm(away, axis=1)
    socket = away[(distance < 1.6) & (distance > 0.95)]
    # a socket lies around the head, not at one place of it
    return head.covered if len(socket) > 20 and np.linalg.norm(socket.mean(0)) < 1.15 else 0.0
