"""DICOM folders: which series they hold, which one shows the hips, and its volume."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from .imaging import LPS_TO_RAS, Grid, Volume, _array_view, canonical, check_grid
from .values import Array, IFIMeasureError

_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "Modality",
    "SeriesNumber", "SeriesDescription", "ProtocolName", "ImageType", "Rows", "Columns", "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient", "SliceThickness", "SpacingBetweenSlices", "NumberOfFrames",
    "PatientPosition", "PatientName", "PatientID", "PatientSex", "PatientAge", "PatientBirthDate", "PatientSize", "PatientWeight", "StudyDate",
    "SeriesDate", "BodyPartExamined", "InstanceNumber", "EchoTime", "RepetitionTime", "SequenceName", "PatientIdentityRemoved",
    "SamplesPerPixel", "MRAcquisitionType", "TemporalPositionIdentifier",
]  # fmt: skip


@dataclass
class Series:
    """One series of a folder, its files in order along the slice normal. ``problem`` says why it is no volume."""

    uid: str
    number: str
    description: str
    modality: str
    files: list[Path]
    tags: dict[str, str]
    rows: int = 0
    columns: int = 0
    spacing_mm: tuple[float, float] = (0.0, 0.0)
    step_mm: float = 0.0
    normal: Array = field(default_factory=lambda: np.zeros(3))
    positions: Array = field(default_factory=lambda: np.zeros((0, 3)))
    row_direction: Array = field(default_factory=lambda: np.zeros(3))
    column_direction: Array = field(default_factory=lambda: np.zeros(3))
    frames: int = 1
    problem: str = ""
    unusual: str = ""

    @property
    def plane(self) -> str:
        """``axial``, ``sagittal``, ``coronal`` or ``oblique`` after the slice normal."""
        if not self.normal.any():
            return "unknown"
        axis = int(np.argmax(np.abs(self.normal)))
        name = ("sagittal", "coronal", "axial")[axis]
        return name if abs(self.normal[axis]) > math.cos(math.radians(2.0)) else f"oblique {name}"

    @property
    def grid(self) -> Grid | None:
        """The voxel grid in RAS, or None where the series is no volume."""
        if self.problem or len(self.positions) < 2:
            return None
        affine = np.eye(4)
        affine[:3, 0] = self.row_direction * self.spacing_mm[1]
        affine[:3, 1] = self.column_direction * self.spacing_mm[0]
        affine[:3, 2] = (self.positions[-1] - self.positions[0]) / (len(self.positions) - 1)
        affine[:3, 3] = self.positions[0]
        return Grid((self.columns, self.rows, len(self.positions)), np.asarray(LPS_TO_RAS @ affine))

    @property
    def label(self) -> str:
        """Number and name, for messages."""
        return f"series {self.number} ({self.description})" if self.description else f"series {self.number}"


def scan_folder(folder: Path, progress: Callable[[str], None] | None = None) -> list[Series]:
    """Return the image series below a folder, by series number. Files that are not DICOM images are passed over.

    :raises IFIMeasureError: where the folder does not exist or holds no DICOM image.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not folder.exists():
        raise IFIMeasureError(f"{folder}: there is no such folder.")
    paths = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    groups: dict[str, list[tuple[Path, Any]]] = {}
    for number, path in enumerate(paths):
        if progress and number % 200 == 199:
            progress(f"reading headers: {number + 1} of {len(paths)} files")
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
        except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError, NotImplementedError):
            continue
        if header.get("Rows") is None or header.get("SeriesInstanceUID") is None or header.get("Modality") in ("SEG", "PR", "KO", "SR"):
            continue
        groups.setdefault(str(header.SeriesInstanceUID), []).append((path, header))
    if not groups:
        raise IFIMeasureError(f"{folder}: no DICOM image was found in this folder.")
    series = [_series(uid, members) for uid, members in groups.items()]
    return sorted(series, key=lambda s: (_number(s.number), s.uid))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf


def _series(uid: str, members: list[tuple[Path, Any]]) -> Series:
    first = members[0][1]
    tags = {name: str(first.get(name, "")) for name in _TAGS if first.get(name) not in (None, "")}
    series = Series(
        uid,
        str(first.get("SeriesNumber", "") or "without number"),
        str(first.get("SeriesDescription", "") or first.get("ProtocolName", "") or ""),
        str(first.get("Modality", "")),
        [path for path, _ in members],
        tags,
        int(first.Rows),
        int(first.Columns),
        frames=int(first.get("NumberOfFrames", 1) or 1),
    )
    if series.frames > 1:
        series.problem = "it is an enhanced multi-frame image, which is not read yet; convert it to single-frame DICOM or NIfTI"
        return series
    lacking = [n for n in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing") if any(h.get(n) is None for _, h in members)]
    if lacking:
        series.problem = f"{lacking[0]} is missing, so its place in the patient is unknown"
        return series
    if any((int(h.Rows), int(h.Columns)) != (series.rows, series.columns) for _, h in members):
        series.problem = "its slices have different numbers of rows and columns"
        return series
    orientation = np.array([[float(v) for v in h.ImageOrientationPatient] for _, h in members])
    if np.abs(orientation - orientation[0]).max() > 1e-3:
        series.problem = "its slices have mixed orientations (as a localizer has)"
        return series
    row, column = orientation[0, :3], orientation[0, 3:]
    spacing = [float(v) for v in first.PixelSpacing]
    normal = np.cross(row, column)
    if not np.isfinite(normal).all() or np.linalg.norm(normal) < 0.9:
        series.problem = "ImageOrientationPatient is not two perpendicular directions"
        return series
    positions = np.array([[float(v) for v in h.ImagePositionPatient] for _, h in members])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    series.files = [members[i][0] for i in order]
    series.positions, along = positions[order], along[order]
    series.normal, series.row_direction, series.column_direction = normal, row, column
    series.spacing_mm = (spacing[0], spacing[1])
    gaps = np.diff(along)
    if len(gaps):
        step = float(np.median(gaps))
        series.step_mm = step
        if (gaps < 1e-3).any():
            at = int(np.argmax(gaps < 1e-3))
            series.problem = (
                f"{int((gaps < 1e-3).sum()) + 1} or more slices share a position (first at {_at(series.positions[at])}), "
                "as several echoes, contrasts or time points in one series do; split them"
            )
        elif np.abs(gaps - step).max() > max(0.02 * step, 0.02):
            at = int(np.abs(gaps - step).argmax())
            word = "slices are missing" if gaps[at] > 1.5 * step else "slices are unevenly spaced"
            series.problem = f"{word}: after {_at(series.positions[at])} the next slice lies {gaps[at]:.2f} mm on where others are {step:.2f} mm apart"
    else:
        series.problem = "it is a single slice"
    drift = series.positions - (series.positions @ normal)[:, None] * normal
    if not series.problem and np.abs(drift - drift[0]).max() > 0.5:
        series.problem = "its slices are shifted against each other (a sheared volume, as a tilted gantry makes)"
    return series


def _at(position: Array) -> str:
    return "LPS " + " ".join(f"{v:.1f}" for v in position) + " mm"


def anatomy(series: Series) -> str:
    """Say which part of the body a series covers, from its tag or, for axial series, from the body's outline.

    One wide outline is a trunk or pelvis, two of like size are legs.
    """
    tag = series.tags.get("BodyPartExamined", "")
    if tag:
        return tag.lower()
    if series.grid is None or "axial" not in series.plane:
        return "unknown"
    import scipy

    kinds = []
    for index in np.linspace(0, len(series.files) - 1, min(7, len(series.files))).round().astype(int):
        try:
            image = sitk.ReadImage(str(series.files[index]))
        except RuntimeError:
            return "unknown"
        plane = sitk.GetArrayFromImage(image).squeeze().astype(float)
        if plane.ndim != 2:
            return "unknown"
        small = scipy.ndimage.gaussian_filter(plane[::4, ::4], 1.0)
        body = small > 0.12 * np.percentile(small, 99)
        labels, count = scipy.ndimage.label(scipy.ndimage.binary_opening(body, iterations=1))
        if not count:
            continue
        pixel = 16.0 * series.spacing_mm[0] * series.spacing_mm[1]
        sizes = np.sort(np.bincount(labels.ravel())[1:] * pixel)[::-1]
        if len(sizes) > 1 and sizes[1] > 0.35 * sizes[0]:
            kinds.append("legs")
        else:
            kinds.append("pelvis or trunk")
    if not kinds:
        return "unknown"
    if "legs" in kinds and kinds.count("legs") > 0.6 * len(kinds):
        return "legs"
    return "pelvis or trunk" if kinds.count("pelvis or trunk") > 0.6 * len(kinds) else "pelvis and thighs"


@dataclass(frozen=True)
class Choice:
    """The series that ``measure`` takes and why; None and the reason where there is no clear one."""

    series: Series | None
    reason: str


def choose_series(series: list[Series], match: Grid | None = None, number: str | None = None) -> Choice:
    """Choose the series that shows the hips.

    A series the person names wins (number or UID). Else the one whose grid is that of the segmentation.
    Else, among volumes that are no localizers: one that shows the pelvis before one that does not, axial
    before others, finer slices before thicker ones.

    :param match: the segmentation's grid.
    """
    if number is not None:
        named = [s for s in series if number in (s.number, s.uid)]
        if len(named) == 1:
            return Choice(named[0], "it was named")
        have = ", ".join(s.number for s in series)
        many = f"{len(named)} series have" if named else "there is none with"
        return Choice(None, f"--series is {number!r}: {many} this number or UID; there are {have}.")
    usable = [s for s in series if s.grid is not None]
    if match is not None:
        same = []
        for s in usable:
            grid = s.grid
            assert grid is not None
            turned = canonical(np.broadcast_to(np.zeros(1), grid.shape), grid.affine)[1]
            if not turned.difference(match):
                same.append(s)
        if len(same) == 1:
            return Choice(same[0], "its grid is that of the segmentation")
        if same:
            usable = same
    volumes = [s for s in usable if not _is_localizer(s)]
    if not volumes:
        why = "; ".join(f"{s.label}: {s.problem or 'a localizer of few slices with wide gaps'}" for s in series)
        return Choice(None, f"no series is a volume that can be measured ({why}).")
    if len(volumes) == 1:
        return Choice(volumes[0], "it is the only volume that is no localizer")
    parts = {s.uid: anatomy(s) for s in volumes}
    hips = [s for s in volumes if any(word in parts[s.uid] for word in ("pelvis", "hip"))]
    if not hips and all(part == "unknown" for part in parts.values()):
        hips = volumes
    if not hips:
        return Choice(None, f"none of {', '.join(s.label for s in volumes)} shows a pelvis; name one with --series.")
    axial = [s for s in hips if s.plane == "axial"] or [s for s in hips if "axial" in s.plane] or hips
    finest = min(s.step_mm for s in axial)
    best = [s for s in axial if s.step_mm <= finest * 1.01]
    t1 = [s for s in best if "t1" in s.description.lower()]
    best = t1 if len(t1) == 1 else best
    words = f"it shows the {parts[best[0].uid]}, is {best[0].plane} and has the thinnest slices of those"
    if len(best) == 1:
        return Choice(best[0], words + (" (T1 by its name)" if len(t1) == 1 and len(axial) > 1 else ""))
    return Choice(None, f"{', '.join(s.label for s in best)} are alike; name one with --series.")


def _is_localizer(series: Series) -> bool:
    thickness = _number(series.tags.get("SliceThickness", "")) if series.tags.get("SliceThickness") else series.step_mm
    return "LOCALIZER" in series.tags.get("ImageType", "").upper() or len(series.files) < 5 or series.step_mm > max(2.5 * thickness, 15.0)


def read_series(series: Series) -> Volume:
    """Read a series as a volume.

    :raises IFIMeasureError: where it is no volume (missing, uneven or mixed slices, a single slice, no position).
    """
    if series.problem:
        raise IFIMeasureError(f"{series.files[0].parent}: {series.label} cannot be used: {series.problem}.")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(p) for p in series.files])
    try:
        image = reader.Execute()
    except RuntimeError:
        raise IFIMeasureError(f"{series.files[0].parent}: the pixels of {series.label} cannot be read (damaged or in an unknown compression).") from None
    grid = series.grid
    assert grid is not None
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise IFIMeasureError(f"{series.files[0].parent}: {series.label} is in color; a grayscale image is needed.")
    array, turned = canonical(_array_view(image), grid.affine)
    check_grid(turned, series.files[0].parent)
    return Volume(array, turned, series.files[0].parent, dict(series.tags), tuple(series.files))
