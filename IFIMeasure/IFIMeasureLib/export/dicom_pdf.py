"""The report as DICOM's encapsulated PDF."""

from __future__ import annotations

import datetime
from pathlib import Path

import pydicom.errors

from .. import __version__
from ..study.result import StudyResult
from .dicom_sources import MANUFACTURER, MODEL, save_dataset, series_number_of, source_headers

_OF_THE_STUDY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""What is taken over from the measured series."""


def write_encapsulated_pdf(study: StudyResult, pdf: bytes, path: Path) -> None:
    """Write a PDF as DICOM (Encapsulated PDF Storage) in the study of the measured series.

    :raises IFIMeasureError: as :func:`write_dicom`.
    """
    from highdicom import UID
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

    source = source_headers(study)[0]
    now = datetime.datetime.now()
    dataset = pydicom.Dataset()
    for keyword in _OF_THE_STUDY:
        setattr(dataset, keyword, source.get(keyword, ""))
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.SOPInstanceUID = UID()
    dataset.SeriesInstanceUID = UID()
    dataset.SeriesNumber = series_number_of([source], 3)
    dataset.SeriesDescription = "IFIMeasure report"
    dataset.InstanceNumber = 1
    dataset.Modality = "DOC"
    dataset.ConversionType = "WSD"
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = MODEL
    dataset.SoftwareVersions = __version__
    dataset.BurnedInAnnotation = "NO"
    dataset.ContentDate = now.strftime("%Y%m%d")
    dataset.ContentTime = now.strftime("%H%M%S")
    dataset.AcquisitionDateTime = ""
    title = pydicom.Dataset()
    title.CodeValue = "126000"
    title.CodingSchemeDesignator = "DCM"
    title.CodeMeaning = "Imaging Measurement Report"
    dataset.DocumentTitle = "Ischiofemoral impingement: measurements"
    dataset.ConceptNameCodeSequence = [title]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(pdf)
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    save_dataset(dataset, path)
