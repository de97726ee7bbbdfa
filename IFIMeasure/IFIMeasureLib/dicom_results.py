"""The results of a study as DICOM: a Segmentation and a Structured Report (TID 1500), by highdicom.

Both refer to the series that was measured and lie in its study, so they carry the patient's data of that series, as an
archive needs it. Points are LPS millimeter in the series' frame of reference.
"""

from __future__ import annotations

import datetime
import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pydicom.errors
from pydicom.sr.coding import Code

from . import __version__
from .core.anatomy import SIDE_CODES, Structure, category_code, definitions
from .core.findings import finding
from .core.imaging import LPS_TO_RAS, Mask, placed
from .core.measurements import MeasurementDefinition
from .core.study import StudyResult, each_result
from .core.values import Array, IFIMeasureError, Measured, Side
from .formats import missing_packages

_MANUFACTURER = "IFIMeasure"
_MODEL = "IFIMeasure"
_HIP_JOINT = Code("24136001", "SCT", "Hip joint structure")


def write_dicom(study: StudyResult, folder: Path) -> None:
    """Write ``segmentation.dcm`` and ``report.dcm`` into a folder.

    :raises IFIMeasureError: where the study was not measured with a DICOM series, or that series lacks what DICOM needs.
    """
    if missing_packages(["dicom"]):
        raise IFIMeasureError("DICOM results need the package highdicom, which is not installed; install it, or choose other formats.")
    sources = _sources(study)
    segmentation, numbers = _segmentation(study, sources)
    report = _report(study, sources, segmentation, numbers)
    _save(segmentation, folder / "segmentation.dcm")
    _save(report, folder / "report.dcm")


def _save(dataset: pydicom.Dataset, path: Path) -> None:
    """Write a data set; a full disk is then told by the system alone, not by pydicom with a traceback in its words."""
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    path.write_bytes(content.getbuffer())


def write_encapsulated_pdf(study: StudyResult, pdf: bytes, path: Path) -> None:
    """Write a PDF as DICOM (Encapsulated PDF Storage) in the study of the measured series.

    :raises IFIMeasureError: as :func:`write_dicom`.
    """
    from highdicom import UID
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

    source = _sources(study)[0]
    now = datetime.datetime.now()
    d = pydicom.Dataset()
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"
    ):  # fmt: skip
        setattr(d, keyword, source.get(keyword, ""))
    d.SOPClassUID, d.SOPInstanceUID, d.SeriesInstanceUID = EncapsulatedPDFStorage, UID(), UID()
    d.Modality, d.ConversionType, d.Manufacturer, d.ManufacturerModelName, d.SoftwareVersions = "DOC", "WSD", _MANUFACTURER, _MODEL, __version__
    d.SeriesNumber, d.InstanceNumber, d.BurnedInAnnotation, d.SeriesDescription = _series_number([source], 3), 1, "NO", "IFIMeasure report"
    d.ContentDate, d.ContentTime, d.AcquisitionDateTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S"), ""
    title = pydicom.Dataset()
    title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning = "126000", "DCM", "Imaging Measurement Report"
    d.DocumentTitle, d.ConceptNameCodeSequence, d.MIMETypeOfEncapsulatedDocument = "Ischiofemoral impingement: measurements", [title], "application/pdf"
    d.EncapsulatedDocumentLength, d.EncapsulatedDocument = len(pdf), pdf + b"\0" * (len(pdf) % 2)
    d.file_meta = FileMetaDataset()
    d.file_meta.MediaStorageSOPClassUID, d.file_meta.MediaStorageSOPInstanceUID = d.SOPClassUID, d.SOPInstanceUID
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _save(d, path)


def _sources(study: StudyResult) -> list[pydicom.Dataset]:
    """The headers of the measured series' files.

    :raises IFIMeasureError: with one sentence where there are none, or they lack a UID.
    """
    files = study.volume.files if study.volume is not None else ()
    if not files:
        raise IFIMeasureError("DICOM results refer to the DICOM series that was measured, and there is none; measure with a DICOM folder as IMAGE.")
    sources: list[pydicom.Dataset] = []
    for path in files:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except (OSError, ValueError, pydicom.errors.InvalidDicomError):
            raise IFIMeasureError(f"{path}: it is no DICOM file, and DICOM results refer to the series that was measured; measure with a DICOM folder as IMAGE.") from None
        for keyword in ("SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
            if not header.get(keyword):
                raise IFIMeasureError(f"{path}: it has no {keyword}, which DICOM results must refer to; export the series again from its archive.")
        if pydicom.uid.UID(header.SOPClassUID).is_private:
            raise IFIMeasureError(f"{path}: its SOP class ({header.SOPClassUID}) is private, so DICOM results cannot refer to it; export the series as standard DICOM.")
        sources.append(header)
    return sources


def _code(code: tuple[str, str, str]) -> Code:
    return Code(code[1], code[0], code[2][:64])


def _segmentation(study: StudyResult, sources: list[pydicom.Dataset]) -> tuple[Any, dict[tuple[str, Side], int]]:
    """The segmentation on the grid it was measured on, and the number of each segment by structure and side."""
    import highdicom as hd

    masks: list[tuple[Structure, Mask]] = []
    for side, hip in study.hips.items():
        masks += [(Structure(key, side), mask) for key, mask in hip.masks.items()]
    grid = study.bones.grid
    lowest, highest = grid.shape[2], 0
    for _, mask in masks:
        index = grid.to_ijk(mask.grid.corners())[:, 2]
        lowest, highest = min(lowest, int(np.floor(index.min()))), max(highest, int(np.ceil(index.max())) + 1)
    box = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(max(lowest, 0), min(highest, grid.shape[2])))
    part = grid.cropped(box)
    labels = np.zeros(part.shape, np.uint8)
    stacked: Array | None = None  # (I, J, K, segment), made only where segments overlap: one label a voxel would lose one of them
    filled: set[int] = set()
    descriptions = []
    algorithm = hd.AlgorithmIdentificationSequence(_MODEL, Code("113076", "DCM", "Segmentation"), __version__)
    for number, (structure, mask) in enumerate(masks, 1):
        inside = placed(mask, part)
        if stacked is None and (labels[inside] != 0).any():
            stacked = np.stack([labels == n for n in range(1, len(masks) + 1)], axis=-1).astype(np.uint8)
        if stacked is not None:
            stacked[..., number - 1] = inside
        labels[inside] = number
        if inside.any():
            filled.add(number)
        made = structure.id == "quadratus_femoris" and structure.side is not None and study.muscle_origins.get(structure.side, "segment") != "segment"
        definition = definitions()[structure.id]
        descriptions.append(
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=structure.name,
                segmented_property_category=_code(category_code(structure.id)),
                segmented_property_type=_code(definition.code),
                algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC if made else hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
                algorithm_identification=algorithm,
                tracking_uid=hd.UID(),
                tracking_id=structure.name,
                display_color=hd.color.CIELabColor.from_rgb(*definition.color),
            )
        )
        if structure.side is not None:
            descriptions[-1].SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [hd.sr.CodedConcept.from_code(_code(SIDE_CODES[structure.side]))]
    affine = (LPS_TO_RAS @ part.affine)[:, [2, 1, 0, 3]]
    array = np.ascontiguousarray(labels.transpose(2, 1, 0) if stacked is None else stacked.transpose(2, 1, 0, 3))
    channels: dict[Any, Any] | None = None if stacked is None else {"SegmentNumber": list(range(1, len(masks) + 1))}
    volume = hd.Volume(array, affine, "PATIENT", frame_of_reference_uid=str(sources[0].FrameOfReferenceUID), channels=channels)
    result = hd.seg.Segmentation(
        sources,
        volume,
        hd.seg.SegmentationTypeValues.BINARY,
        descriptions,
        series_instance_uid=hd.UID(),
        series_number=_series_number(sources, 1),
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=_MANUFACTURER,
        manufacturer_model_name=_MODEL,
        software_versions=__version__,
        device_serial_number="1",
        content_label="IFIMEASURE",
        content_description="Structures of the ischiofemoral space",
        series_description="IFIMeasure segmentation",
    )
    return result, {(structure.id, structure.side): number for number, (structure, _) in enumerate(masks, 1) if structure.side is not None and number in filled}


def _series_number(sources: list[pydicom.Dataset], more: int) -> int:
    return int(sources[0].get("SeriesNumber") or 0) * 100 + more


_UNITS = {
    "mm": Code("mm", "UCUM", "millimeter"),
    "deg": Code("deg", "UCUM", "degree"),
    "mL": Code("mL", "UCUM", "milliliter"),
    "mm2": Code("mm2", "UCUM", "square millimeter"),
    "%": Code("%", "UCUM", "percent"),
    "1": Code("1", "UCUM", "no units"),
    "mL/(kg.m)": Code("mL/(kg.m)", "UCUM", "milliliter per kilogram and meter"),
}


def _report(study: StudyResult, sources: list[pydicom.Dataset], segmentation: Any, numbers: dict[tuple[str, Side], int]) -> Any:
    import highdicom as hd

    device = hd.sr.DeviceObserverIdentifyingAttributes(uid=hd.UID(), name=_MODEL, manufacturer_name=_MANUFACTURER, model_name=_MODEL, serial_number=__version__)
    observer = hd.sr.ObserverContext(observer_type=hd.sr.CodedConcept("121007", "DCM", "Device"), observer_identifying_attributes=device)
    groups = []
    for definition, side, result in each_result(study):
        if isinstance(result, Measured):
            groups.append(_group(definition, side, result, sources, segmentation, numbers))
    for side, found in study.findings.items():
        for key, choice in found.items():
            field = finding(key)
            groups.append(
                hd.sr.MeasurementsAndQualitativeEvaluations(
                    tracking_identifier=hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=f"{key} {side.value}"),
                    finding_type=_code(field.code),
                    finding_sites=[_site(side)],
                    qualitative_evaluations=[
                        hd.sr.QualitativeEvaluation(name=_code(("99IFIMEASURE", key.upper(), field.title)), value=_code(("99IFIMEASURE", choice.upper().replace(" ", "_"), choice)))
                    ],
                )
            )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=Code("363679005", "SCT", "Imaging"),
        imaging_measurements=groups,
        title=Code("126000", "DCM", "Imaging Measurement Report"),
        # highdicom describes images of one frame alone in the image library, which is optional
        referenced_images=None if "NumberOfFrames" in sources[0] else sources,
    )
    return hd.sr.Comprehensive3DSR(
        evidence=[*sources, segmentation],
        content=content[0],
        series_instance_uid=hd.UID(),
        series_number=_series_number(sources, 2),
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=_MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description="IFIMeasure measurements",
    )


def _site(side: Side | None) -> Any:
    import highdicom as hd

    return hd.sr.FindingSite(anatomic_location=_HIP_JOINT, laterality=_code(SIDE_CODES[side]) if side is not None else None)


def _group(definition: MeasurementDefinition, side: Side | None, result: Measured, sources: list[pydicom.Dataset], segmentation: Any, numbers: dict[tuple[str, Side], int]) -> Any:
    """One measurement as a group of its own: the concept as finding, the standard quantity as the measurement's name, drawn where it has a place."""
    import highdicom as hd

    where = f"{definition.id} {side.value if side is not None else 'both'}"
    method = _code(("99IFIMEASURE", f"METHOD_{definition.id.upper()}"[:16], _short(result.method or definition.title)))
    measurement = hd.sr.Measurement(name=_code(definition.quantity), value=result.value, unit=_UNITS[definition.unit])
    common: dict[str, Any] = {
        "tracking_identifier": hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=where),
        "finding_type": _code(definition.code),
        "finding_sites": [_site(side)],
        "measurements": [measurement],
        "method": method,
    }
    segment = numbers.get(("quadratus_femoris", side)) if side is not None and definition.id.startswith("qf_") else None
    if segment is not None:
        series = hd.sr.SourceSeriesForSegmentation(str(sources[0].SeriesInstanceUID))
        reference = hd.sr.ReferencedSegment(segmentation.SOPClassUID, segmentation.SOPInstanceUID, segment, source_series=series)
        return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=reference, **common)
    if len(result.points_ras_mm) >= 2:
        points = np.array(result.points_ras_mm) * np.diag(LPS_TO_RAS)[:3]
        region = hd.sr.ImageRegion3D(hd.sr.GraphicTypeValues3D.POLYLINE, points, str(sources[0].FrameOfReferenceUID))
        return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **common)
    return hd.sr.MeasurementsAndQualitativeEvaluations(**common)


def _short(text: str) -> str:
    """A code's meaning holds 64 characters: whole words of them."""
    return text if len(text) <= 64 else text[:64].rsplit(" ", 1)[0].rstrip(",;:")


def show_report(path: Path) -> list[tuple[str, str, str, str]]:
    """Return the measurements of a Structured Report (TID 1500) as (concept, side, value with unit, method).

    :raises IFIMeasureError: where the file is none.
    """
    import highdicom as hd

    try:
        dataset = pydicom.dcmread(path)
        report = hd.sr.srread(path) if "SR" in str(dataset.get("Modality", "")) else None
        if report is None or not hasattr(report.content, "get_image_measurement_groups"):
            raise ValueError
        content: Any = report.content
        groups = [*content.get_planar_roi_measurement_groups(), *content.get_volumetric_roi_measurement_groups(), *content.get_image_measurement_groups()]
        rows = []
        for group in groups:
            finding_type = group.finding_type.meaning if group.finding_type is not None else ""
            sites = group.finding_sites
            side = sites[0].laterality.meaning.lower() if sites and sites[0].laterality is not None else "both"
            for m in group.get_measurements():
                rows.append((finding_type, side, f"{m.value!r} {m.unit.value}", group.method.meaning if group.method is not None else ""))
            for q in group.get_qualitative_evaluations():
                rows.append((finding_type, side, q.value.meaning, "reader"))
        return rows
    except (OSError, ValueError, KeyError, AttributeError, IndexError, pydicom.errors.InvalidDicomError):
        raise IFIMeasureError(f"{path}: this is no structured report of measurements (TID 1500); give the report.dcm that 'ifimeasure' wrote.") from None
