"""The measurements of a study as a DICOM Structured Report (TID 1500), by highdicom, and read again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.sr.coding import Code

from .. import __version__
from ..anatomy.findings import finding
from ..anatomy.structures import SIDE_CODES
from ..files.intact import refuse_unreadable
from ..images.grid import LPS_TO_RAS
from ..measuring.definition import MeasurementDefinition
from ..measuring.units import unit_of
from ..study.result import StudyResult, each_result
from ..values import IFIMeasureError, Measured, Side
from .dicom_sources import HIP_JOINT, MANUFACTURER, MODEL, Sources, dicom_code


def dicom_report(study: StudyResult, sources: Sources, segmentation: Any, numbers: dict[tuple[str, Side], int]) -> Any:
    import highdicom as hd

    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=hd.UID(), name=MODEL, manufacturer_name=MANUFACTURER, model_name=MODEL, serial_number=__version__
    )
    observer = hd.sr.ObserverContext(
        observer_type=hd.sr.CodedConcept("121007", "DCM", "Device"), observer_identifying_attributes=device
    )
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
                    finding_type=dicom_code(field.code),
                    finding_sites=[_site(side)],
                    qualitative_evaluations=[
                        hd.sr.QualitativeEvaluation(
                            name=dicom_code(("99IFIMEASURE", key.upper(), field.title)),
                            value=dicom_code(("99IFIMEASURE", choice.upper().replace(" ", "_"), choice)),
                        )
                    ],
                )
            )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=Code("363679005", "SCT", "Imaging"),
        imaging_measurements=groups,
        title=Code("126000", "DCM", "Imaging Measurement Report"),
        # highdicom describes images of one frame alone in the image library, which is optional
        referenced_images=None if "NumberOfFrames" in sources.first else sources.headers,
    )
    return hd.sr.Comprehensive3DSR(
        evidence=[*sources.headers, segmentation],
        content=content[0],
        series_instance_uid=hd.UID(),
        series_number=sources.series_number(2),
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description="IFIMeasure measurements",
    )


def _site(side: Side | None) -> Any:
    import highdicom as hd

    return hd.sr.FindingSite(
        anatomic_location=HIP_JOINT, laterality=dicom_code(SIDE_CODES[side]) if side is not None else None
    )


def _group(
    definition: MeasurementDefinition,
    side: Side | None,
    result: Measured,
    sources: Sources,
    segmentation: Any,
    numbers: dict[tuple[str, Side], int],
) -> Any:
    """One measurement as a group of its own, drawn where it has a place.

    Its concept is the finding, the standard quantity the name of the measurement.
    """
    import highdicom as hd

    where = f"{definition.id} {side.value if side is not None else 'both'}"
    method = dicom_code(method_code(result.method or definition.title))
    measurement = hd.sr.Measurement(
        name=dicom_code(definition.quantity),
        value=result.value,
        unit=unit_code(definition.unit),
        properties=_plane_range(result),
    )
    common: dict[str, Any] = {
        "tracking_identifier": hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=where),
        "finding_type": dicom_code(definition.code),
        "finding_sites": [_site(side)],
        "measurements": [measurement],
        "method": method,
    }
    segment = numbers.get((definition.structure, side)) if side is not None and definition.structure else None
    if segment is not None:
        series = hd.sr.SourceSeriesForSegmentation(str(sources.first.SeriesInstanceUID))
        reference = hd.sr.ReferencedSegment(
            segmentation.SOPClassUID, segmentation.SOPInstanceUID, segment, source_series=series
        )
        return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=reference, **common)
    if len(result.points_ras_mm) >= 2:
        points = np.array(result.points_ras_mm) * np.diag(LPS_TO_RAS)[:3]
        region = hd.sr.ImageRegion3D(hd.sr.GraphicTypeValues3D.POLYLINE, points, str(sources.first.FrameOfReferenceUID))
        return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **common)
    return hd.sr.MeasurementsAndQualitativeEvaluations(**common)


def _plane_range(result: Measured) -> Any:
    """What the position of the planes leaves open above and below a value (TID 310); None where nothing is known."""
    import highdicom as hd

    if result.plane_low_mm is None or result.plane_high_mm is None:
        return None
    properties = hd.sr.MeasurementProperties()
    for code, meaning, beyond in (
        ("371886008", "+, range of upper measurement uncertainty", result.plane_high_mm - result.value),
        ("371885007", "-, range of lower measurement uncertainty", result.value - result.plane_low_mm),
    ):
        properties.append(
            hd.sr.NumContentItem(
                name=Code(code, "SCT", meaning),
                value=beyond,
                unit=unit_code(result.unit),
                relationship_type=hd.sr.RelationshipTypeValues.HAS_PROPERTIES,
            )
        )
    return properties


def unit_code(unit: str) -> Code:
    """Return DICOM's code of a UCUM unit."""
    return Code(unit, "UCUM", _short(unit_of(unit).meaning))


def method_code(method: str) -> tuple[str, str, str]:
    """Return a private code for a method in words: one for each wording, so that no code has two meanings."""
    meaning = _short(method)
    return ("99IFIMEASURE", f"M{hashlib.sha256(meaning.encode()).hexdigest()[:12].upper()}", meaning)


def _short(text: str) -> str:
    """A code's meaning holds 64 characters: whole words of them."""
    return text if len(text) <= 64 else text[:64].rsplit(" ", 1)[0].rstrip(",;:")


def show_report(path: Path) -> list[tuple[str, str, str, str]]:
    """Return the measurements of a Structured Report (TID 1500) as (concept, side, value with unit, method).

    :raises IFIMeasureError: where the file is none.
    """
    import highdicom as hd

    refuse_unreadable(path)
    try:
        dataset = pydicom.dcmread(path)
        report = hd.sr.srread(path) if "SR" in str(dataset.get("Modality", "")) else None
        if report is None or not hasattr(report.content, "get_image_measurement_groups"):
            raise ValueError
        content: Any = report.content
        groups = [
            *content.get_planar_roi_measurement_groups(),
            *content.get_volumetric_roi_measurement_groups(),
            *content.get_image_measurement_groups(),
        ]
        rows = []
        for group in groups:
            finding_type = group.finding_type.meaning if group.finding_type is not None else ""
            sites = group.finding_sites
            side = sites[0].laterality.meaning.lower() if sites and sites[0].laterality is not None else "both"
            for m in group.get_measurements():
                rows.append(
                    (
                        finding_type,
                        side,
                        f"{m.value!r} {m.unit.value}",
                        group.method.meaning if group.method is not None else "",
                    )
                )
            for q in group.get_qualitative_evaluations():
                rows.append((finding_type, side, q.value.meaning, "reader"))
        return rows
    except Exception:  # whatever pydicom and highdicom find wrong in a file of another program
        raise IFIMeasureError(
            f"{path}: this is no structured report of measurements (TID 1500);"
            " give the report.dcm that 'ifimeasure' wrote."
        ) from None
