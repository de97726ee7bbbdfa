"""The sample study: the phantom as DICOM series and a segmentation, written as a scanner and a reader would."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..anatomy.structures import Structure, definitions, structure_from_name
from ..images.grid import LPS_TO_RAS, Grid
from ..values import Array, Side
from .phantom import Phantom

SERIES = (("t1", "t1_tse_ax", 2), ("t2fs", "t2_tse_fs_ax", 3))
"""Contrast, name and number of the sample study's series."""


def sample_grid(
    spacing_mm: tuple[float, float, float] = (0.8, 0.8, 4.0), top_mm: float = 36.0, bottom_mm: float = -136.0
) -> Grid:
    """Return an axial grid over both hips of the phantom, RAS, rows and columns as DICOM has them."""
    low, high = np.array([-176.0, -112.0, bottom_mm]), np.array([176.0, 96.0, top_mm])
    shape = np.floor((high - low) / spacing_mm).astype(int) + 1
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = low
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


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
        _write_series(dicom, images[contrast], grid, phantom.seed, number, name, {})
    coarse = sample_grid((1.6, 1.6, 50.0))
    _write_series(
        dicom,
        phantom.image(coarse, "t1"),
        coarse,
        phantom.seed,
        1,
        "localizer",
        {"ImageType": ["ORIGINAL", "PRIMARY", "M", "LOCALIZER"]},
    )
    say("making the sample segmentation")
    path = folder / "segmentation.seg.nrrd"
    write_label_map(path, phantom.label_map(grid), grid, phantom.label_names())
    return dicom, path


def _uid(*parts: object) -> str:
    """A UID that depends on nothing but its parts (2.25 form), so that a seed makes the same study again."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
    return f"2.25.{int(digest[:31], 16)}"


def _write_series(
    folder: Path, image: Array, grid: Grid, seed: int, number: int, name: str, more: dict[str, object]
) -> None:
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset

    lps = LPS_TO_RAS @ grid.affine
    # DICOM rows run along the first axis of the file: left to right of the picture is right to left of the patient
    pixels = np.clip(image[::-1, ::-1, :], 0, 4095).astype(np.uint16)
    corner = lps @ np.array([grid.shape[0] - 1, grid.shape[1] - 1, 0, 1])
    study = _uid("study", seed)
    series = _uid("series", seed, number)
    today = datetime.date(2026, 1, 15).strftime("%Y%m%d")
    for k in range(grid.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(_uid("image", seed, number, k))
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        path = folder / f"{name}_{k + 1:03d}.dcm"
        d = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        d.SOPClassUID, d.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, _uid("frame", seed)
        d.PatientName, d.PatientID, d.PatientSex, d.PatientAge = "IFIMeasure^Phantom", f"PHANTOM{seed}", "F", "054Y"
        d.PatientBirthDate = d.AccessionNumber = d.ReferringPhysicianName = d.PositionReferenceIndicator = ""
        d.StudyID, d.StudyDate, d.SeriesDate, d.StudyTime = "1", today, today, "120000"
        d.Modality, d.Manufacturer, d.PatientPosition, d.BodyPartExamined = "MR", "IFIMeasure phantom", "HFS", ""
        d.SeriesNumber, d.InstanceNumber = number, k + 1
        d.SeriesDescription = d.ProtocolName = name
        d.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        d.ScanningSequence, d.SequenceVariant, d.ScanOptions, d.MRAcquisitionType = "SE", "SK", "", "2D"
        d.EchoTime, d.RepetitionTime, d.EchoTrainLength = 12, 600, 4
        d.SliceThickness = d.SpacingBetweenSlices = float(grid.spacing[2])
        d.Rows, d.Columns = grid.shape[1], grid.shape[0]
        d.PixelSpacing = [float(grid.spacing[1]), float(grid.spacing[0])]
        d.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        d.ImagePositionPatient = [float(corner[0]), float(corner[1]), float(lps[2, 3] + k * grid.spacing[2])]
        d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
        d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 12, 11, 0
        d.WindowCenter, d.WindowWidth = 450, 900
        for key, value in more.items():
            setattr(d, key, value)
        d.PixelData = np.ascontiguousarray(pixels[:, :, k].T).tobytes()
        d.save_as(path, enforce_file_format=True)


def write_label_map(path: Path, labels: Array, grid: Grid, names: dict[int, str]) -> None:
    """Write labels (I, J, K) uint8 as NRRD with segment names, as Slicer's ``.seg.nrrd`` has them."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(labels.transpose(2, 1, 0)))
    lps = LPS_TO_RAS @ grid.affine
    image.SetOrigin([float(v) for v in lps[:3, 3]])
    image.SetSpacing([float(v) for v in grid.spacing])
    image.SetDirection([float(v) for v in (lps[:3, :3] / grid.spacing).reshape(-1)])
    if path.name.endswith(".seg.nrrd"):
        number = 0
        for value, name in names.items():
            places = np.argwhere(labels == value)
            if not len(places):
                continue
            low, high = places.min(0), places.max(0)
            structure = structure_from_name(name) or Structure("hip", Side.RIGHT)
            color = " ".join(f"{c / 255:.4f}" for c in definitions()[structure.id].color)
            extent = " ".join(f"{a} {b}" for a, b in zip(low, high))
            for key, text in (
                ("ID", name),
                ("Name", name),
                ("LabelValue", str(value)),
                ("Layer", "0"),
                ("Color", color),
                ("Extent", extent),
                ("Tags", "|"),
            ):
                image.SetMetaData(f"Segment{number}_{key}", text)
            number += 1
        image.SetMetaData("Segmentation_MasterRepresentation", "Binary labelmap")
        image.SetMetaData("Segmentation_ContainedRepresentationNames", "Binary labelmap|")
        image.SetMetaData("Segmentation_ReferenceImageExtentOffset", "0 0 0")
    sitk.WriteImage(image, str(path), useCompression=True)
