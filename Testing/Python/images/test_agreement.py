"""Whether bones lie on an image is told by its edges, in every contrast, on any grid."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from IFIMeasureLib.images.agreement import agreement
from IFIMeasureLib.images.bone_to_image import bones_to_image
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Mask, Segmentation, SegmentRef, Volume
from IFIMeasureLib.images.rigid import about, angle_deg, moved
from IFIMeasureLib.synthetic.hip import NARROW, pose_matrix
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.values import Side

SPACINGS = {"axial": (1.0, 1.0, 4.0), "coronal": (1.2, 4.0, 1.2), "cubic": (1.6, 1.6, 1.6)}


def grid_over(low: tuple[float, float, float], high: tuple[float, float, float], spacing: tuple[float, ...]) -> Grid:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = np.array(low) + 0.3 * np.array(spacing)
    return Grid.of(np.ceil((np.array(high) - low) / spacing), affine)


def left_grid(spacing: tuple[float, ...]) -> Grid:
    return grid_over((-165.0, -70.0, -120.0), (-25.0, 50.0, 35.0), spacing)


def left_bones(phantom: Phantom, spacing: tuple[float, ...] = (1.5, 1.5, 1.5)) -> dict[str, Mask]:
    grid = left_grid(spacing)
    labels = phantom.label_map(grid, (Side.LEFT,), ("hip", "femur"))
    segmentation = Segmentation([labels], grid, [], Path("bones"), named=True)
    masks = {
        name.removesuffix("_left"): segmentation.mask([SegmentRef(name, 0, value)])
        for value, name in phantom.label_names().items()
        if name in ("hip_left", "femur_left")
    }
    return {name: mask for name, mask in masks.items() if mask is not None}


def image(phantom: Phantom, contrast: str, plane: str, snr: float = 15.0) -> Volume:
    grid = left_grid(SPACINGS[plane])
    return Volume(phantom.image(grid, contrast, snr=snr, bias=0.3), grid, Path("image"))


def placed(bones: dict[str, Mask], matrix: np.ndarray) -> dict[str, Mask]:
    return {name: Mask(m.array, Grid(m.grid.shape, matrix @ m.grid.affine), m.cut) for name, m in bones.items()}


def shifted(bones: dict[str, Mask], shift: tuple[float, float, float]) -> dict[str, Mask]:
    return placed(bones, about(np.zeros(3), np.zeros(3), np.array(shift)))


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return Phantom(seed=11)


@pytest.fixture(scope="module")
def bones(phantom) -> dict[str, Mask]:
    return left_bones(phantom)


@pytest.mark.parametrize(
    "contrast, plane", [("t1", "axial"), ("t2fs", "coronal"), ("water", "axial"), ("fat", "cubic")]
)
def test_bones_in_their_place_are_not_moved_and_shifted_ones_are_found(phantom, bones, contrast, plane):
    volume = image(phantom, contrast, plane)
    there = agreement(volume, bones)
    assert there is not None and there.is_clear
    assert not there.largest[1].is_sure and there.together.size_mm < 1.5
    for shift in ((0.0, 3.0, 0.0), (6.0, 0.0, 0.0), (0.0, 0.0, -10.0)):
        found = agreement(volume, shifted(bones, shift))
        assert found is not None and found.is_clear
        assert np.linalg.norm(np.array(found.together.mm) + shift) < 1.5
        assert found.together.is_sure
        assert found.together.is_far == (max(map(abs, shift)) > 5.0)


def test_noise_agrees_with_no_bones_and_an_image_elsewhere_says_nothing(bones):
    grid = left_grid(SPACINGS["axial"])
    noise = Volume(np.random.default_rng(0).normal(size=grid.shape).astype(np.float32), grid, Path("noise"))
    found = agreement(noise, bones)
    assert found is None or not found.is_clear
    far = Volume(noise.array, grid_over((200.0, 200.0, 200.0), (340.0, 320.0, 355.0), SPACINGS["axial"]), Path("far"))
    assert agreement(far, bones) is None


def test_a_femur_that_lies_otherwise_is_told_apart_from_its_hip_bone(phantom, bones):
    volume = image(phantom, "t2fs", "cubic")
    moved_femur = {"hip": bones["hip"], "femur": shifted(bones, (0.0, -6.0, 0.0))["femur"]}
    found = agreement(volume, moved_femur)
    assert found is not None
    name, shift = found.largest
    assert name == "femur" and shift.is_sure and np.linalg.norm(np.array(shift.mm) - (0.0, 6.0, 0.0)) < 1.5
    assert not found.each["hip"].is_sure


@pytest.mark.parametrize("far", [False, True])
def test_each_bone_is_registered_onto_an_image_in_which_the_leg_lies_otherwise(phantom, bones, far):
    other = dataclasses.replace(NARROW, rotation_deg=9.0, flexion_deg=4.0)
    scan = image(Phantom(left=other, seed=12), "t1", "axial")
    whole = about(np.zeros(3), np.array([1.0, -2.0, 3.0]), np.array([250.0, 90.0, -400.0] if far else [8.0, -5.0, 6.0]))
    scan = Volume(scan.array, Grid(scan.grid.shape, whole @ scan.grid.affine), scan.path)
    frame = SideFrame(Side.LEFT)
    mirror = np.diag([-1.0, 1.0, 1.0])
    turn = np.eye(4)
    turn[:3, :3] = mirror @ pose_matrix(other) @ mirror
    head = frame.to_ras(phantom.truth(Side.LEFT).head_center)
    turn[:3, 3] = head - turn[:3, :3] @ head
    found = bones_to_image(scan, bones, far)
    for name, truth in (("hip", whole), ("femur", whole @ turn)):
        corners = bones[name].grid.corners()
        assert np.linalg.norm(moved(corners, found[name]) - moved(corners, truth), axis=1).max() < 1.5
        assert angle_deg(np.linalg.inv(truth) @ found[name]) < 1.0
