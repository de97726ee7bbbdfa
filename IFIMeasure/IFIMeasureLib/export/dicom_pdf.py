"""The report as DICOM's encapsulated PDF."""

from __future__ import annotations

import datetime
from pathlib import Path

import pydicom.errors

from .. import __version__
from ..study.result import StudyResult
from .dicom_sources import MANUFACTURER, MODEL, save_dataset, source_headers


def write_encapsulated_pdf(study: StudyResult, pdf: bytes, path: Path, identified: bool) -> None:
    """Write a PDF as DICOM (Encapsulated PDF Storage) in the study of the measured series.

    :param identified: whether the PDF names the patient.
    :raises IFIMeasureError: as :func:`write_dicom`.
    """
    from highdicom import UID
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

    sources = source_headers(study)
    now = datetime.datetime.now()
    dataset = pydicom.Dataset()
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.SOPInstanceUID = UID()
    dataset.SeriesInstanceUID = UID()
    dataset.SeriesNumber = sources.series_number(3)
    dataset.SeriesDescription = "IFIMeasure report"
    dataset.InstanceNumber = 1
    dataset.Modality = "DOC"
    dataset.ConversionType = "WSD"
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = MODEL
    dataset.SoftwareVersions = __version__
    dataset.BurnedInAnnotation = "YES" if identified else "NO"
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
    sources.identify(dataset)
    save_dataset(dataset, path)
