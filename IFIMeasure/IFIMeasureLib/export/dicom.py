"""The results of a study as DICOM: a Segmentation and a Structured Report (TID 1500), by highdicom.

Both refer to the series that was measured and lie in its study, so they carry the patient's data of that series, as an
archive needs it. Points are LPS millimeter in the series' frame of reference.
"""

from __future__ import annotations

from pathlib import Path

from ..study.result import StudyResult
from ..values import IFIMeasureError
from .dicom_report import dicom_report
from .dicom_segmentation import dicom_segmentation
from .dicom_sources import save_dataset, source_headers
from .formats import missing_packages


def write_dicom(study: StudyResult, folder: Path) -> None:
    """Write ``segmentation.dcm`` and ``report.dcm`` into a folder.

    :raises IFIMeasureError: where the study was not measured with a DICOM series, or that series lacks what DICOM
        needs.
    """
    if missing_packages(["dicom"]):
        raise IFIMeasureError(
            "DICOM results need the package highdicom, which is not installed; install it, or choose other formats."
        )
    sources = source_headers(study)
    segmentation, numbers = dicom_segmentation(study, sources)
    report = dicom_report(study, sources, segmentation, numbers)
    save_dataset(segmentation, folder / "segmentation.dcm")
    save_dataset(report, folder / "report.dcm")
