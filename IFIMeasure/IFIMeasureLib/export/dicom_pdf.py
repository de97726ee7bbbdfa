"""The report as DICOM's encapsulated PDF."""

from __future__ import annotations

import datetime
from pathlib import Path

import pydicom.errors

from .. import __version__
from ..study.result import StudyResult
from .dicom_sources import MANUFACTURER, MODEL, save_dataset, series_number_of, source_headers


def write_encapsulated_pdf(study: StudyResult, pdf: bytes, path: Path) -> None:
    """Write a PDF as DICOM (Encapsulated PDF Storage) in the study of the measured series.

    :raises IFIMeasureError: as :func:`write_dicom`.
    """
    from highdicom import UID
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

    source = source_headers(study)[0]
    now = datetime.datetime.now()
    d = pydicom.Dataset()
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"
    ):  # fmt: skip
        setattr(d, keyword, source.get(keyword, ""))
    d.SOPClassUID, d.SOPInstanceUID, d.SeriesInstanceUID = EncapsulatedPDFStorage, UID(), UID()
    d.Modality, d.ConversionType, d.Manufacturer, d.ManufacturerModelName, d.SoftwareVersions = (
        "DOC",
        "WSD",
        MANUFACTURER,
        MODEL,
        __version__,
    )
    d.SeriesNumber, d.InstanceNumber, d.BurnedInAnnotation, d.SeriesDescription = (
        series_number_of([source], 3),
        1,
        "NO",
        "IFIMeasure report",
    )
    d.ContentDate, d.ContentTime, d.AcquisitionDateTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S"), ""
    title = pydicom.Dataset()
    title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning = "126000", "DCM", "Imaging Measurement Report"
    d.DocumentTitle, d.ConceptNameCodeSequence, d.MIMETypeOfEncapsulatedDocument = (
        "Ischiofemoral impingement: measurements",
        [title],
        "application/pdf",
    )
    d.EncapsulatedDocumentLength, d.EncapsulatedDocument = len(pdf), pdf + b"\0" * (len(pdf) % 2)
    d.file_meta = FileMetaDataset()
    d.file_meta.MediaStorageSOPClassUID, d.file_meta.MediaStorageSOPInstanceUID = d.SOPClassUID, d.SOPInstanceUID
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    save_dataset(d, path)
