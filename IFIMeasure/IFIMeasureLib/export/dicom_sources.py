"""The series that DICOM results refer to, and what they share."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom.errors
from pydicom.sr.coding import Code

from ..study.result import StudyResult
from ..values import IFIMeasureError

MANUFACTURER = "IFIMeasure"


MODEL = "IFIMeasure"


HIP_JOINT = Code("24136001", "SCT", "Hip joint structure")


def save_dataset(dataset: pydicom.Dataset, path: Path) -> None:
    """Write a data set; a full disk is then told by the system alone, not by pydicom with a traceback in its words."""
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    path.write_bytes(content.getbuffer())


def source_headers(study: StudyResult) -> list[pydicom.Dataset]:
    """The headers of the measured series' files.

    :raises IFIMeasureError: with one sentence where there are none, or they lack a UID.
    """
    files = study.volume.files if study.volume is not None else ()
    if not files:
        raise IFIMeasureError(
            "DICOM results refer to the DICOM series that was measured, and there is none;"
            " measure with a DICOM folder as the image."
        )
    sources: list[pydicom.Dataset] = []
    for path in files:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except (OSError, ValueError, pydicom.errors.InvalidDicomError):
            raise IFIMeasureError(
                f"{path}: it is no DICOM file, and DICOM results refer to the series that was measured;"
                " measure with a DICOM folder as the image."
            ) from None
        for keyword in (
            "SOPInstanceUID",
            "SOPClassUID",
            "SeriesInstanceUID",
            "StudyInstanceUID",
            "FrameOfReferenceUID",
        ):
            if not header.get(keyword):
                raise IFIMeasureError(
                    f"{path}: it has no {keyword}, which DICOM results must refer to;"
                    " export the series again from its archive."
                )
        if pydicom.uid.UID(header.SOPClassUID).is_private:
            raise IFIMeasureError(
                f"{path}: its SOP class ({header.SOPClassUID}) is private, so DICOM results cannot refer to it;"
                " export the series as standard DICOM."
            )
        sources.append(header)
    return sources


def dicom_code(code: tuple[str, str, str]) -> Code:
    return Code(code[1], code[0], code[2][:64])


def series_number_of(sources: list[pydicom.Dataset], more: int) -> int:
    return int(sources[0].get("SeriesNumber") or 0) * 100 + more
