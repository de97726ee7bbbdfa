"""The results of a study as DICOM: a Segmentation and a Structured Report (TID 1500), by highdicom.

Both refer to the series that was measured and lie in its study; what they carry of the patient's data of that series
stands in :data:`.dicom_sources.KEPT`. Points are LPS millimeter in the series' frame of reference.
"""

from __future__ import annotations

from pathlib import Path

from ..study.result import StudyResult
from ..values import IFIMeasureError
from .dicom_report import dicom_report
from .dicom_segmentation import dicom_segmentation
from .dicom_sources import first_sentence, save_dataset, source_headers
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
    try:
        segmentation, numbers = dicom_segmentation(study, sources)
        report = dicom_report(study, sources, segmentation, numbers)
    except IFIMeasureError:
        raise
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, NotImplementedError) as error:
        path = study.volume.path if study.volume is not None else folder
        raise IFIMeasureError(
            f"{path}: DICOM results cannot refer to this series, as its headers are not as DICOM has them "
            f"({first_sentence(error)}); export it again from its archive, or choose other formats."
        ) from error
    for dataset, name in ((segmentation, "segmentation.dcm"), (report, "report.dcm")):
        sources.identify(dataset)
        save_dataset(dataset, folder / name)
