"""The series that DICOM results refer to, and what they share.

Results are made with what refers to the series and places its frames. What names the patient and the study is put in
afterwards, byte for byte and in the source's character set, and only what an archive needs to file the results
(:data:`KEPT`); a date, time or sex that DICOM does not allow is left empty.
"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom.errors
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.filewriter import correct_ambiguous_vr
from pydicom.sr.coding import Code
from pydicom.tag import Tag

from ..study.result import StudyResult
from ..values import IFIMeasureError

MANUFACTURER = "IFIMeasure"


MODEL = "IFIMeasure"


HIP_JOINT = Code("24136001", "SCT", "Hip joint structure")


KEPT: dict[str, str] = {
    "SpecificCharacterSet": "how the texts below are written",
    "PatientName": "finds the patient",
    "PatientID": "finds the patient",
    "IssuerOfPatientID": "finds the patient where several hospitals share an archive",
    "PatientBirthDate": "finds the patient",
    "PatientSex": "finds the patient",
    "StudyInstanceUID": "files the results beside the images",
    "StudyID": "files the results beside the images",
    "StudyDate": "files the results beside the images",
    "StudyTime": "files the results beside the images",
    "AccessionNumber": "finds the order",
    "ReferringPhysicianName": "part of every study in DICOM",
}
"""What results copy from the header of the measured series, and what for."""


_NEEDED = ("SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")


_PLACING = (
    *_NEEDED, "PositionReferenceIndicator", "Modality", "Rows", "Columns", "NumberOfFrames", "ImageType",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "InstanceNumber", "DimensionOrganizationSequence", "DimensionIndexSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
"""What refers to the images of the series and places their frames."""


_LARGEST_SERIES = 20_000_000
"""Largest number of a series that ours are made of; DICOM's integers end at 2**31 - 1."""


@dataclass(frozen=True)
class Sources:
    """The measured series.

    :param headers: of its images, with what refers to them and places their frames; nothing of the patient.
    :param identity: what :data:`KEPT` names, as the source has it.
    :param number: of the series; 0 where it has none.
    """

    headers: list[pydicom.Dataset]
    identity: tuple[RawDataElement, ...]
    number: int

    @property
    def first(self) -> pydicom.Dataset:
        """The header of the first image."""
        return self.headers[0]

    def series_number(self, more: int) -> int:
        """Number of a series of results."""
        return self.number * 100 + more

    def identify(self, dataset: Any) -> None:
        """Put in what names patient and study, byte for byte."""
        for element in self.identity:
            dataset[element.tag] = element
        if not any(element.tag == Tag("SpecificCharacterSet") for element in self.identity):
            dataset.pop("SpecificCharacterSet", None)
        correct_ambiguous_vr(dataset, True)
        dataset.set_original_encoding(False, True, dataset._character_set)  # else pydicom writes the texts anew


def source_headers(study: StudyResult) -> Sources:
    """Return the headers of the measured series' files.

    :raises IFIMeasureError: where there are none, or they lack a UID; one sentence.
    """
    files = study.volume.files if study.volume is not None else ()
    if not files:
        raise IFIMeasureError(
            "DICOM results refer to the DICOM series that was measured, and there is none;"
            " measure with a DICOM folder as the image."
        )
    headers = [_header(path) for path in files]
    return Sources([_placing(header) for header in headers], tuple(_identity(headers[0])), _number(headers[0]))


def _header(path: Path) -> pydicom.Dataset:
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
    except (OSError, ValueError, pydicom.errors.InvalidDicomError):
        raise IFIMeasureError(
            f"{path}: it is no DICOM file, and DICOM results refer to the series that was measured;"
            " measure with a DICOM folder as the image."
        ) from None
    for keyword in _NEEDED:
        uid = _text_of(header, keyword)
        if not uid or not pydicom.uid.UID(uid).is_valid:
            raise IFIMeasureError(
                f"{path}: it has no {keyword} that is one, which DICOM results must refer to;"
                " export the series again from its archive."
            )
    if pydicom.uid.UID(_text_of(header, "SOPClassUID")).is_private:
        raise IFIMeasureError(
            f"{path}: its SOP class ({_text_of(header, 'SOPClassUID')}) is private, so DICOM results cannot refer to "
            "it; export the series as standard DICOM."
        )
    return header


def _placing(header: pydicom.Dataset) -> pydicom.Dataset:
    reduced = pydicom.Dataset()
    for keyword in _PLACING:
        if keyword in header:
            reduced[keyword] = header[keyword]
    for keyword in KEPT:
        if keyword not in reduced and keyword != "SpecificCharacterSet":
            setattr(reduced, keyword, "" if dictionary_VR(keyword) != "DA" else None)
    reduced.file_meta = header.file_meta
    return reduced


def _identity(header: pydicom.Dataset) -> Iterable[RawDataElement]:
    for keyword in KEPT:
        content = _bytes_of(header, keyword)
        if keyword in ("SpecificCharacterSet", "IssuerOfPatientID") and not content:
            continue  # may be absent; the others stand there empty
        if not _is_allowed(keyword, content):
            content = b""
        content += b"\0" if len(content) % 2 and keyword.endswith("UID") else b" " * (len(content) % 2)
        tag = Tag(keyword)
        yield RawDataElement(tag, dictionary_VR(tag), len(content), content, 0, False, True)


def _bytes_of(header: pydicom.Dataset, keyword: str) -> bytes:
    """What stands in a header, as it stands there."""
    if keyword not in header:
        return b""
    element = header.get_item(Tag(keyword))
    content = element.value
    if isinstance(content, bytes):
        return content
    encoded = getattr(content, "original_string", content)
    if isinstance(encoded, bytes):
        return encoded
    raw = header[keyword]  # was looked at before: written anew as it came
    texts = [str(of) for of in raw.value] if raw.VM > 1 else [str(raw.value if raw.value is not None else "")]
    return "\\".join(texts).encode("ascii", "replace")


def _text_of(header: pydicom.Dataset, keyword: str) -> str:
    return _bytes_of(header, keyword).rstrip(b"\0 ").decode("ascii", "replace").strip()


def _is_allowed(keyword: str, content: bytes) -> bool:
    """Whether DICOM allows a value; other programs refuse results with one that it does not."""
    text = content.rstrip(b"\0 ").decode("ascii", "replace")
    if not text:
        return False
    if keyword == "PatientSex":
        return text in ("F", "M", "O")
    if keyword in ("PatientBirthDate", "StudyDate"):
        try:
            datetime.datetime.strptime(text, "%Y%m%d")
        except ValueError:
            return False
        return len(text) == 8
    if keyword == "StudyTime":
        return re.fullmatch(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?", text) is not None
    return "\0" not in text


def _number(header: pydicom.Dataset) -> int:
    text = _text_of(header, "SeriesNumber")
    number = int(text) if re.fullmatch(r"\d{1,9}", text) else 0
    return number if number <= _LARGEST_SERIES else 0


def save_dataset(dataset: pydicom.Dataset, path: Path) -> None:
    """Write a data set; a full disk is then told by the system alone, not by pydicom with a traceback in its words."""
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    path.write_bytes(content.getbuffer())


def dicom_code(code: tuple[str, str, str]) -> Code:
    return Code(code[1], code[0], code[2][:64])


def first_sentence(error: Exception) -> str:
    """Return what an error of another library says, in one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ")[0].rstrip(".")[:200]
