"""The slices in DICOM files: a header of each and where its pixels are, alike for enhanced multi-frame files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..values import Array
from .dicom_files import FOREIGN_ERRORS, error_text, read_header

TAGS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "SeriesNumber",
    "SeriesDescription",
    "ProtocolName",
    "ImageType",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceThickness",
    "SpacingBetweenSlices",
    "NumberOfFrames",
    "PatientPosition",
    "PatientName",
    "PatientID",
    "PatientSex",
    "PatientAge",
    "PatientBirthDate",
    "PatientSize",
    "PatientWeight",
    "StudyDate",
    "SeriesDate",
    "BodyPartExamined",
    "InstanceNumber",
    "EchoTime",
    "RepetitionTime",
    "SequenceName",
    "PatientIdentityRemoved",
    "SamplesPerPixel",
    "MRAcquisitionType",
    "TemporalPositionIdentifier",
    "RescaleSlope",
    "RescaleIntercept",
    "InversionTime",
    "ScanOptions",
)
"""Keywords of what is read of a slice's header."""

STACK = "stack "
"""How the word begins that tells of which stack a frame is."""

_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")

_NO_IMAGES = ("SEG", "PR", "KO", "SR")
"""Modalities of objects that are no images, though some have rows."""


@dataclass(frozen=True)
class Slice:
    """Where a slice's pixels are.

    :param frame: zero-based number of the frame in a multi-frame file; None where the slice is a file of its own.
    :param slope: with ``intercept`` what makes stored values of all frames comparable.
    """

    path: Path
    frame: int | None = None
    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True)
class SliceHeader:
    """One slice as its file describes it.

    :param kind: what kind of image it is of, in words, where a multi-frame file holds several (echoes, Dixon images).
    :param header: pydicom dataset with those of :data:`TAGS` that are known, as that of a file with one slice.
    :param problem: why it cannot be used; empty where it can.
    :param damaged: whether that is because its file is not whole.
    """

    slice: Slice
    kind: tuple[str, ...]
    header: Any
    problem: str = ""
    damaged: bool = False

    @property
    def uid(self) -> str:
        """UID of its series; empty where there is none."""
        return str(self.header.get("SeriesInstanceUID", "") or "")


def read_headers(path: Path) -> list[SliceHeader]:
    """Return the slices of a file; none where it is no DICOM image.

    :raises IFIMeasureError: where the file cannot be read.
    """
    found = read_header(path, [*TAGS, *_FUNCTIONAL_GROUPS])
    if found is None:
        return []
    header = found.dataset
    if found.damaged or found.problem:
        return [SliceHeader(Slice(path), (), header, found.problem, found.damaged)]
    if header.get("Rows") is None or header.get("Modality") in _NO_IMAGES:
        return []
    if _frame_count(header) == 1 and "PerFrameFunctionalGroupsSequence" not in header:
        return [SliceHeader(Slice(path), (), header)]
    described = len(header.get("PerFrameFunctionalGroupsSequence") or [])
    problem = ""
    if described and described != _frame_count(header):
        problem = f"{path.name} is incomplete or damaged ({_frame_count(header)} frames, and {described} are described)"
    else:
        try:
            return _frames(path, header)
        except FOREIGN_ERRORS as error:
            problem = f"what {path.name} says of its frames cannot be read ({error_text(error)})"
    return [SliceHeader(Slice(path), (), header, problem, damaged=described != 0)]


def read_planes(slices: Sequence[Slice]) -> list[Array]:
    """Return the pixels of slices, each (rows, columns); in color (rows, columns, 3). Each file is read once.

    :raises RuntimeError: where a file cannot be read.
    """
    paths = dict.fromkeys(s.path for s in slices)
    files = {path: _pixels(path) for path in paths}
    planes = []
    for s in slices:
        stored = files[s.path]
        plane = stored.squeeze(0) if s.frame is None else stored[s.frame]
        planes.append(plane if (s.slope, s.intercept) == (1.0, 0.0) else plane * s.slope + s.intercept)
    return planes


def _pixels(path: Path) -> Array:
    """The pixels of a file, (frames, rows, columns)."""
    try:
        return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
    except RuntimeError:
        return _pixels_of_pydicom(path)


def _pixels_of_pydicom(path: Path) -> Array:
    """The pixels of a file with one slice that SimpleITK refuses, as for a thickness of 0.

    :raises RuntimeError: where pydicom cannot read them, too.
    """
    import pydicom

    try:
        dataset = pydicom.dcmread(path, force=True)
        pixels = dataset.pixel_array
        slope, intercept = float(dataset.get("RescaleSlope", 1) or 1), float(dataset.get("RescaleIntercept", 0) or 0)
    except FOREIGN_ERRORS as error:
        raise RuntimeError(error_text(error)) from None
    if _frame_count(dataset) > 1:
        raise RuntimeError("several frames are read by SimpleITK alone")
    return np.asarray(pixels if (slope, intercept) == (1.0, 0.0) else pixels * slope + intercept)[None]


def _frame_count(header: Any) -> int:
    return int(header.get("NumberOfFrames", 1) or 1)


class _Groups:
    """Functional groups of one frame: its own, or those that all frames share (DICOM PS3.3 C.7.6.16)."""

    def __init__(self, own: Any, shared: Any) -> None:
        self._own, self._shared = own, shared

    def __getitem__(self, macro: str) -> Any:
        """The first item of a group's sequence; an empty dataset where there is none."""
        import pydicom

        items = self._own.get(macro) or self._shared.get(macro)
        return items[0] if items else pydicom.Dataset()


def _frames(path: Path, header: Any) -> list[SliceHeader]:
    """The frames of an enhanced multi-frame file."""
    import pydicom

    shared = (header.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()])[0]
    own = list(header.get("PerFrameFunctionalGroupsSequence") or [])
    own += [pydicom.Dataset()] * (_frame_count(header) - len(own))
    frames = [_Groups(groups, shared) for groups in own]
    rescales = [_rescale(groups) for groups in frames]
    first_slope, first_intercept = rescales[0]
    found = []
    for number, (groups, (slope, intercept)) in enumerate(zip(frames, rescales)):
        # the reader takes the first frame's scale for all
        relative = slope / first_slope
        where = Slice(path, number, relative, intercept - first_intercept * slope / first_slope)
        found.append(SliceHeader(where, tuple(_kind(groups)), _frame_header(header, groups)))
    return found


def _rescale(groups: _Groups) -> tuple[float, float]:
    of = groups["PixelValueTransformationSequence"]
    return float(of.get("RescaleSlope", 1.0)), float(of.get("RescaleIntercept", 0.0))


def _frame_header(header: Any, groups: _Groups) -> Any:
    """A frame's header as that of a file with one slice."""
    import pydicom

    single = pydicom.Dataset()
    for keyword in TAGS:
        if keyword in header and keyword != "NumberOfFrames":
            setattr(single, keyword, header[keyword].value)
    for macro, keywords in (
        ("PlanePositionSequence", ("ImagePositionPatient",)),
        ("PlaneOrientationSequence", ("ImageOrientationPatient",)),
        ("PixelMeasuresSequence", ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices")),
    ):
        group = groups[macro]
        for keyword in keywords:
            if group.get(keyword) is not None:
                setattr(single, keyword, group.get(keyword))
    return single


def kind_of_file(header: Any) -> tuple[str, ...]:
    """Return words that tell what kind of image a slice is of, where several lie in a series at the same places."""
    words = [str(word) for word in header.get("ImageType") or []]
    for keyword, unit in (("EchoTime", " ms"), ("InversionTime", " ms inversion"), ("TemporalPositionIdentifier", "")):
        value = header.get(keyword)
        if value not in (None, ""):
            words.append(f"{'time ' if not unit else ''}{value}{unit}")
    return tuple(words)


def _kind(groups: _Groups) -> Iterable[str]:
    """Words that tell what kind of image a frame is of."""
    of_mr, of_ct = (groups[f"{modality}ImageFrameTypeSequence"].get("FrameType") for modality in ("MR", "CT"))
    yield from (str(word) for word in (of_mr or of_ct or [])[2:])
    echo = groups["MREchoSequence"].get("EffectiveEchoTime")
    if echo is not None:
        yield f"{echo:g} ms"
    content = groups["FrameContentSequence"]
    if content.get("StackID"):
        yield f"{STACK}{content.StackID}"
    if content.get("TemporalPositionIndex") is not None:
        yield f"time {content.TemporalPositionIndex}"
