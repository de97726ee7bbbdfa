"""The sample study: the phantom as DICOM series and a segmentation, written as a scanner and a reader would."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..anatomy.structures import Structure, definitions, structure_from_name
from ..images.grid import LPS_TO_RAS, Grid
from ..values import Array, Side
from .phantom import Phantom

SERIES = (("t1", "t1_tse_ax", 2), ("t2fs", "t2_tse_fs_ax", 3))
"""Contrast, name and number of the sample study's series."""

_DATE = "20260115"


def sample_grid(
    spacing_mm: tuple[float, float, float] = (0.8, 0.8, 4.0), top_mm: float = 36.0, bottom_mm: float = -136.0
) -> Grid:
    """Return an axial grid over both hips of the phantom, RAS, rows and columns as DICOM has them."""
    low, high = np.array([-176.0, -112.0, bottom_mm]), np.array([176.0, 96.0, top_mm])
    shape = np.floor((high - low) / spacing_mm).astype(int) + 1
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = low
    return Grid.of(shape, affine)


def write_sample_study(
    folder: Path, phantom: Phantom, grid: Grid | None = None, say: Callable[[str], None] = lambda text: None
) -> tuple[Path, Path]:
    """Write the sample study below ``folder``.

    :param grid: an axis-aligned RAS grid; :func:`sample_grid` where None.
    :returns: the DICOM folder (T1 and fat-suppressed T2, axial, and a localizer) and the segmentation (``.seg.nrrd``).
    """
    grid = grid or sample_grid()
    dicom = folder / "dicom"
    dicom.mkdir(parents=True, exist_ok=True)
    say("making the sample images")
    images = phantom.images(grid, tuple(contrast for contrast, _, _ in SERIES))
    for contrast, name, number in SERIES:
        _write_series(dicom, images[contrast], grid, _Series(phantom.seed, number, name))
    coarse = sample_grid((1.6, 1.6, 50.0))
    _write_series(dicom, phantom.image(coarse, "t1"), coarse, _Series(phantom.seed, 1, "localizer", ("LOCALIZER",)))
    say("making the sample segmentation")
    path = folder / "segmentation.seg.nrrd"
    write_label_map(path, phantom.label_map(grid), grid, phantom.label_names())
    return dicom, path


@dataclass(frozen=True)
class _Series:
    """What tells one series of the sample study from another; ``kind`` is added to its ImageType."""

    seed: int
    number: int
    name: str
    kind: tuple[str, ...] = ()


def _write_series(folder: Path, image: Array, grid: Grid, series: _Series) -> None:
    """Write an image (I, J, K) as one file a slice."""
    lps = LPS_TO_RAS @ grid.affine
    # DICOM rows run along the first axis of the file: left to right of the picture is right to left of the patient
    pixels = np.clip(image[::-1, ::-1, :], 0, 4095).astype(np.uint16)
    corner = lps @ np.array([grid.shape[0] - 1, grid.shape[1] - 1, 0, 1])
    for k in range(grid.shape[2]):
        dataset = _empty_slice(series, k)
        _describe_study(dataset, series)
        _describe_series(dataset, series)
        _describe_pixels(dataset, grid)
        dataset.ImagePositionPatient = [float(corner[0]), float(corner[1]), float(lps[2, 3] + k * grid.spacing[2])]
        dataset.PixelData = np.ascontiguousarray(pixels[:, :, k].T).tobytes()
        dataset.save_as(folder / f"{series.name}_{k + 1:03d}.dcm", enforce_file_format=True)


def _empty_slice(series: _Series, k: int) -> Any:
    """A file of the slice with index ``k``, with its ids alone."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(_uid("image", series.seed, series.number, k))
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.InstanceNumber = k + 1
    return dataset


def _describe_study(dataset: Any, series: _Series) -> None:
    """Patient and study."""
    dataset.PatientName = "IFIMeasure^Phantom"
    dataset.PatientID = f"PHANTOM{series.seed}"
    dataset.PatientSex = "F"
    dataset.PatientAge = "054Y"
    dataset.PatientBirthDate = ""
    dataset.StudyInstanceUID = _uid("study", series.seed)
    dataset.StudyID = "1"
    dataset.StudyDate = _DATE
    dataset.StudyTime = "120000"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""


def _describe_series(dataset: Any, series: _Series) -> None:
    """Scanner, series and sequence."""
    dataset.Modality = "MR"
    dataset.Manufacturer = "IFIMeasure phantom"
    dataset.SeriesInstanceUID = _uid("series", series.seed, series.number)
    dataset.SeriesNumber = series.number
    dataset.SeriesDescription = series.name
    dataset.ProtocolName = series.name
    dataset.SeriesDate = _DATE
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", *series.kind]
    dataset.ScanningSequence = "SE"
    dataset.SequenceVariant = "SK"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "2D"
    dataset.EchoTime = 12
    dataset.RepetitionTime = 600
    dataset.EchoTrainLength = 4
    dataset.BodyPartExamined = ""
    dataset.PatientPosition = "HFS"
    dataset.FrameOfReferenceUID = _uid("frame", series.seed)
    dataset.PositionReferenceIndicator = ""


def _describe_pixels(dataset: Any, grid: Grid) -> None:
    """Size and place of the pixels, and how they are stored and shown."""
    dataset.Rows = grid.shape[1]
    dataset.Columns = grid.shape[0]
    dataset.PixelSpacing = [float(grid.spacing[1]), float(grid.spacing[0])]
    dataset.SliceThickness = float(grid.spacing[2])
    dataset.SpacingBetweenSlices = float(grid.spacing[2])
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    dataset.WindowCenter = 450
    dataset.WindowWidth = 900


def _uid(*parts: object) -> str:
    """A UID that depends on nothing but its parts (2.25 form), so that a seed makes the same study again."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
    return f"2.25.{int(digest[:31], 16)}"


def write_label_map(path: Path, labels: Array, grid: Grid, names: dict[int, str]) -> None:
    """Write a label map with compression.

    :param path: where it ends with ``.seg.nrrd``, the names go with it as 3D Slicer writes them.
    :param labels: (I, J, K) uint8 on ``grid``.
    :param names: of the labels, by value.
    """
    image = sitk.GetImageFromArray(np.ascontiguousarray(labels.transpose(2, 1, 0)))
    lps = LPS_TO_RAS @ grid.affine
    image.SetOrigin([float(v) for v in lps[:3, 3]])
    image.SetSpacing([float(v) for v in grid.spacing])
    image.SetDirection([float(v) for v in (lps[:3, :3] / grid.spacing).reshape(-1)])
    if path.name.endswith(".seg.nrrd"):
        shown = {value: name for value, name in names.items() if (labels == value).any()}
        for number, (value, name) in enumerate(shown.items()):
            for key, text in _segment_fields(labels, value, name).items():
                image.SetMetaData(f"Segment{number}_{key}", text)
        image.SetMetaData("Segmentation_MasterRepresentation", "Binary labelmap")
        image.SetMetaData("Segmentation_ContainedRepresentationNames", "Binary labelmap|")
        image.SetMetaData("Segmentation_ReferenceImageExtentOffset", "0 0 0")
    sitk.WriteImage(image, str(path), useCompression=True)


def _segment_fields(labels: Array, value: int, name: str) -> dict[str, str]:
    """What 3D Slicer writes of a segment into a ``.seg.nrrd``."""
    places = np.argwhere(labels == value)
    structure = structure_from_name(name) or Structure("hip", Side.RIGHT)
    return {
        "ID": name,
        "Name": name,
        "LabelValue": str(value),
        "Layer": "0",
        "Color": " ".join(f"{c / 255:.4f}" for c in definitions()[structure.id].color),
        "Extent": " ".join(f"{low} {high}" for low, high in zip(places.min(0), places.max(0))),
        "Tags": "|",
    }
