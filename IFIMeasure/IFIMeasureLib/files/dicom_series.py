"""DICOM folders: which series they hold, which one shows the hips, and its volume."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..images.grid import LPS_TO_RAS, Grid, canonical, check_grid
from ..images.masks import Volume
from ..values import Array, IFIMeasureError
from .images import array_view

_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "Modality",
    "SeriesNumber", "SeriesDescription", "ProtocolName", "ImageType", "Rows", "Columns", "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient", "SliceThickness", "SpacingBetweenSlices", "NumberOfFrames",
    "PatientPosition", "PatientName", "PatientID", "PatientSex", "PatientAge", "PatientBirthDate", "PatientSize", "PatientWeight", "StudyDate",
    "SeriesDate", "BodyPartExamined", "InstanceNumber", "EchoTime", "RepetitionTime", "SequenceName", "PatientIdentityRemoved",
    "SamplesPerPixel", "MRAcquisitionType", "TemporalPositionIdentifier",
]  # fmt: skip


_FUNCTIONAL_GROUPS = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]


@dataclass(frozen=True)
class _Slice:
    """Where a slice's pixels are: a file of its own, or a frame of a multi-frame file with what makes its stored values comparable."""

    path: Path
    frame: int | None = None
    slope: float = 1.0
    intercept: float = 0.0


@dataclass
class Series:
    """One series of a folder, or one stack of it where a multi-frame file holds several (echoes, Dixon images).

    ``slices`` name file and frame of each slice, in order along the slice normal; ``problem`` says why it is no volume.
    """

    uid: str
    number: str
    description: str
    modality: str
    slices: list[_Slice]
    tags: dict[str, str]
    rows: int = 0
    columns: int = 0
    spacing_mm: tuple[float, float] = (0.0, 0.0)
    step_mm: float = 0.0
    normal: Array = field(default_factory=lambda: np.zeros(3))
    positions: Array = field(default_factory=lambda: np.zeros((0, 3)))
    row_direction: Array = field(default_factory=lambda: np.zeros(3))
    column_direction: Array = field(default_factory=lambda: np.zeros(3))
    problem: str = ""

    @property
    def files(self) -> list[Path]:
        """The files of the slices, each once."""
        return list(dict.fromkeys(s.path for s in self.slices))

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
    paths = (
        [folder]
        if folder.is_file()
        else sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    )
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[_Slice, Any]]] = {}
    for number, path in enumerate(paths):
        if progress and number % 200 == 199:
            progress(f"reading headers: {number + 1} of {len(paths)} files")
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[*_TAGS, *_FUNCTIONAL_GROUPS])
        except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError, NotImplementedError):
            continue
        if (
            header.get("Rows") is None
            or header.get("SeriesInstanceUID") is None
            or header.get("Modality") in ("SEG", "PR", "KO", "SR")
        ):
            continue
        uid = str(header.SeriesInstanceUID)
        if int(header.get("NumberOfFrames", 1) or 1) == 1 and "PerFrameFunctionalGroupsSequence" not in header:
            groups.setdefault((uid, ()), []).append((_Slice(path), header))
            continue
        for kind, slice_, frame in _frames(path, header):
            groups.setdefault((uid, kind), []).append((slice_, frame))
    if not groups:
        raise IFIMeasureError(f"{folder}: no DICOM image was found in this folder.")
    series = [_series(uid, members) for (uid, _), members in groups.items()]
    for uid in {uid for uid, _ in groups}:
        stacks = [(kind, s) for (of, kind), s in zip(groups, series) if of == uid]
        common = set.intersection(*(set(kind) for kind, _ in stacks))
        for number, (kind, s) in enumerate(stacks, 1):
            if (
                len(stacks) > 1
            ):  # several stacks in one series: each gets a number of its own, and a name by what sets it apart
                s.number, s.description = (
                    f"{s.number}.{number}",
                    " ".join([s.description, *(word for word in kind if word not in common)]).strip(),
                )
    return sorted(series, key=lambda s: (_number(s.number), s.uid, s.number))


def _frames(path: Path, header: Any) -> list[tuple[tuple[str, ...], _Slice, Any]]:
    """Return the frames of an enhanced multi-frame file: what kind of image each is of, where its pixels are, and a header as of a single slice.

    The place of a frame stands in its own functional groups, or in those that all frames share (DICOM PS3.3 C.7.6.16).
    """
    import pydicom

    shared = header.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()]
    own = list(header.get("PerFrameFunctionalGroupsSequence") or [])
    own += [pydicom.Dataset()] * (int(header.get("NumberOfFrames", 1) or 1) - len(own))

    def group(frame: Any, macro: str) -> Any:
        of = frame.get(macro) or shared[0].get(macro)
        return of[0] if of else pydicom.Dataset()

    rescales = [
        (float(r.get("RescaleSlope", 1.0)), float(r.get("RescaleIntercept", 0.0)))
        for r in (group(f, "PixelValueTransformationSequence") for f in own)
    ]
    found = []
    for number, frame in enumerate(own):
        as_slice = pydicom.Dataset()
        for keyword in _TAGS:
            if keyword in header and keyword != "NumberOfFrames":
                setattr(as_slice, keyword, header[keyword].value)
        for macro, keywords in (
            ("PlanePositionSequence", ["ImagePositionPatient"]),
            ("PlaneOrientationSequence", ["ImageOrientationPatient"]),
            ("PixelMeasuresSequence", ["PixelSpacing", "SliceThickness", "SpacingBetweenSlices"]),
        ):
            of = group(frame, macro)
            for keyword in keywords:
                if of.get(keyword) is not None:
                    setattr(as_slice, keyword, of.get(keyword))
        content, timing = group(frame, "FrameContentSequence"), group(frame, "MREchoSequence")
        kind = [
            str(word)
            for word in (
                group(frame, "MRImageFrameTypeSequence").get("FrameType")
                or group(frame, "CTImageFrameTypeSequence").get("FrameType")
                or []
            )[2:]
        ]
        kind += [f"{timing.EffectiveEchoTime:g} ms"] if timing.get("EffectiveEchoTime") is not None else []
        kind += [f"stack {content.StackID}"] if content.get("StackID") else []
        kind += [f"time {content.TemporalPositionIndex}"] if content.get("TemporalPositionIndex") is not None else []
        (slope, intercept), (first_slope, first_intercept) = rescales[number], rescales[0]
        # the reader takes the first frame's scale for all
        found.append(
            (
                tuple(kind),
                _Slice(path, number, slope / first_slope, intercept - first_intercept * slope / first_slope),
                as_slice,
            )
        )
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf


def _series(uid: str, members: list[tuple[_Slice, Any]]) -> Series:
    first = members[0][1]
    tags = {name: str(first.get(name, "")) for name in _TAGS if first.get(name) not in (None, "")}
    series = Series(
        uid,
        str(first.get("SeriesNumber", "") or "without number"),
        str(first.get("SeriesDescription", "") or first.get("ProtocolName", "") or ""),
        str(first.get("Modality", "")),
        [slice_ for slice_, _ in members],
        tags,
        int(first.Rows),
        int(first.Columns),
    )
    lacking = [
        n
        for n in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
        if any(h.get(n) is None for _, h in members)
    ]
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
    series.slices = [members[i][0] for i in order]
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
    chosen = [
        series.slices[n] for n in np.linspace(0, len(series.slices) - 1, min(7, len(series.slices))).round().astype(int)
    ]
    try:
        planes = _planes(chosen)
    except RuntimeError:
        return "unknown"
    for plane in planes:
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
        return Choice(None, f"series is {number!r}: {many} this number or UID; there are {have}.")
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
        return Choice(None, f"none of {', '.join(s.label for s in volumes)} shows a pelvis; name one (series).")
    axial = [s for s in hips if s.plane == "axial"] or [s for s in hips if "axial" in s.plane] or hips
    finest = min(s.step_mm for s in axial)
    best = [s for s in axial if s.step_mm <= finest * 1.01]
    t1 = [s for s in best if "t1" in s.description.lower()]
    best = t1 if len(t1) == 1 else best
    words = f"it shows the {parts[best[0].uid]}, is {best[0].plane} and has the thinnest slices of those"
    if len(best) == 1:
        return Choice(best[0], words + (" (T1 by its name)" if len(t1) == 1 and len(axial) > 1 else ""))
    return Choice(None, f"{', '.join(s.label for s in best)} are alike; name one (series).")


def _is_localizer(series: Series) -> bool:
    thickness = _number(series.tags.get("SliceThickness", "")) if series.tags.get("SliceThickness") else series.step_mm
    return (
        "LOCALIZER" in series.tags.get("ImageType", "").upper()
        or len(series.slices) < 5
        or series.step_mm > max(2.5 * thickness, 15.0)
    )


def read_series(series: Series) -> Volume:
    """Read a series as a volume.

    :raises IFIMeasureError: where it is no volume (missing, uneven or mixed slices, a single slice, no position).
    """
    if series.problem:
        raise IFIMeasureError(f"{series.files[0].parent}: {series.label} cannot be used: {series.problem}.")
    files = series.files
    grid = series.grid
    assert grid is not None
    try:
        if series.slices[0].frame is None:
            reader = sitk.ImageSeriesReader()
            reader.SetFileNames([str(p) for p in files])
            image = reader.Execute()
            stored = array_view(image) if image.GetNumberOfComponentsPerPixel() == 1 else None
        else:
            planes = _planes(series.slices)
            stored = np.stack(planes).T if planes[0].ndim == 2 else None
    except RuntimeError:
        raise IFIMeasureError(
            f"{files[0].parent}: the pixels of {series.label} cannot be read (damaged or in an unknown compression)."
        ) from None
    if stored is None:
        raise IFIMeasureError(f"{files[0].parent}: {series.label} is in color; a grayscale image is needed.")
    array, turned = canonical(stored, grid.affine)
    check_grid(turned, files[0].parent)
    return Volume(array, turned, files[0].parent, dict(series.tags), tuple(files))


def _planes(slices: list[_Slice]) -> list[Array]:
    """Pixels of slices, each (rows, columns); in color (rows, columns, 3). Each file is read once.

    :raises RuntimeError: where a file cannot be read.
    """
    files = {path: sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in dict.fromkeys(s.path for s in slices)}
    planes = []
    for s in slices:
        stored = files[s.path]
        plane = stored.squeeze(0) if s.frame is None else stored[s.frame]
        planes.append(plane if (s.slope, s.intercept) == (1.0, 0.0) else plane * s.slope + s.intercept)
    return planes
