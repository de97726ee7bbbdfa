"""Which way the slices were acquired: as the file says; guessed only where none does, and then axial."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from IFIMeasureLib.files.dicom_series import read_series, scan_folder
from IFIMeasureLib.files.segmentations import read_segmentation
from IFIMeasureLib.images.frames import SideFrame
from IFIMeasureLib.images.grid import Grid, canonical
from IFIMeasureLib.images.masks import Mask
from IFIMeasureLib.muscle.numbers import _voxels_per_slice
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import write_sample_study
from IFIMeasureLib.values import Side


@pytest.mark.parametrize(
    ("spacing", "plane"),
    [
        ((0.9, 0.9, 0.6), "axial"),
        ((0.6, 0.9, 0.9), "axial"),
        ((0.9, 0.8, 0.6), "axial"),
        ((1.0, 1.0, 1.0), "axial"),
        ((0.8, 0.8, 4.0), "axial"),
        ((4.0, 0.8, 0.8), "sagittal"),
        ((0.8, 1.2, 0.8), "coronal"),
        ((0.5, 3.0, 0.6), "coronal"),
    ],
)
def test_where_nothing_says_it_thick_slices_tell_the_plane_and_else_it_is_axial(spacing, plane):
    assert Grid((20, 20, 20), np.diag([*spacing, 1.0])).plane_name == plane


def test_what_the_file_says_stays_through_turning_cropping_and_mirroring():
    affine = np.array([[0, 0, 0.6, 0], [-0.9, 0, 0, 0], [0, -0.9, 0, 0], [0, 0, 0, 1.0]])  # k runs to the right
    _, grid = canonical(np.zeros((20, 21, 22)), affine, 2)
    assert (grid.slice_axis, grid.plane_name) == (0, "sagittal")
    assert grid.cropped((slice(2, 9), slice(3, 9), slice(4, 9))).slice_axis == 0
    mask = Mask(np.ones(grid.shape, bool), grid, frozenset())
    assert SideFrame(Side.LEFT).mask_to_side(mask).grid.slice_axis == 0
    assert len(_voxels_per_slice(mask)) == 22


def test_a_dicom_series_of_thin_axial_slices_is_axial(tmp_path):
    low = np.array([-60.0, -60.0, -60.0])
    affine = np.diag([3.0, 3.0, 2.0, 1.0])
    affine[:3, 3] = low
    folder, _ = write_sample_study(tmp_path, Phantom(), Grid((41, 41, 61), affine))
    series = next(s for s in scan_folder(folder) if s.description == "t1_tse_ax")
    assert read_series(series).grid.across == 2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slicer_segmentation_keeps_the_slices_of_the_image_it_was_drawn_on(tmp_path, axis):
    """Thin slices along ``axis``: their distance alone would not tell."""
    array = np.zeros((20, 22, 24), np.uint8)
    array[5:15, 5:15, 5:15] = 1
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.9, 0.9, 0.6))
    columns = np.roll(np.eye(3), axis + 1, axis=0)  # k lies along the axis
    image.SetDirection([float(v) for v in columns.reshape(-1)])
    ras = np.diag([-1.0, -1.0, 1.0]) @ columns * [0.9, 0.9, 0.6]
    matrix = np.eye(4)
    matrix[:3, :3] = ras
    text = ";".join(str(v) for v in [*matrix.reshape(-1), 0, 23, 0, 21, 0, 19])
    image.SetMetaData("Segmentation_ConversionParameters", f"Reference image geometry|{text};|about it&")
    for key, value in (("ID", "femur_left"), ("Name", "femur_left"), ("LabelValue", "1"), ("Layer", "0")):
        image.SetMetaData(f"Segment0_{key}", value)
    path: Path = tmp_path / "a.seg.nrrd"
    sitk.WriteImage(image, str(path), useCompression=True)
    assert read_segmentation(path).grid.slice_axis == axis
