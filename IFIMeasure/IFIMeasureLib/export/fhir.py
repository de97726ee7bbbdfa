"""The results of a study as a FHIR R5 bundle: a DiagnosticReport and an Observation for each measurement and finding.

It names no patient and no study: whoever stores it adds the subject. What is not measurable is an Observation with the
reason why.
"""

from __future__ import annotations

import uuid
from typing import Any

from .. import __version__
from ..anatomy.findings import FINDINGS
from ..anatomy.structures import SIDE_CODES
from ..study.result import StudyResult
from ..study.rows import MeasurementRow, measurement_rows
from ..values import Measured, Side, iso_date

SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
    "99IFIMEASURE": "https://github.com/IFIMeasure/SlicerIFIMeasure/codes",
}
"""System of each scheme of codes in DICOM."""


_NAMESPACE = uuid.UUID("6f0b1f0e-8f55-5d0a-9a39-5b3a5c1f7a11")


def _concept(*codes: tuple[str, str, str], text: str = "") -> dict[str, Any]:
    concept: dict[str, Any] = {
        "coding": [{"system": SYSTEMS[scheme], "code": value, "display": meaning} for scheme, value, meaning in codes]
    }
    return {**concept, "text": text} if text else concept


def _site(side: Side | None) -> dict[str, Any]:
    hip = ("SCT", "24136001", "Hip joint structure")
    return (
        _concept(hip, text="both hips") if side is None else _concept(hip, SIDE_CODES[side], text=f"{side.value} hip")
    )


def _observation(row: MeasurementRow, date: str) -> dict[str, Any]:
    definition, side, result = row.definition, row.side, row.result
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "imaging",
                        "display": "Imaging",
                    }
                ]
            }
        ],
        "code": _concept(definition.code, definition.quantity, text=definition.title),
        "bodySite": _site(side),
    }
    if date:
        observation["effectiveDateTime"] = date
    if isinstance(result, Measured):
        observation["valueQuantity"] = {
            "value": result.value,
            "unit": definition.unit,
            "system": "http://unitsofmeasure.org",
            "code": definition.unit,
        }
        if result.method:
            observation["method"] = {"text": result.method}
        if result.notes:
            observation["note"] = [{"text": note} for note in result.notes]
    else:
        observation["dataAbsentReason"] = {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
                    "code": "not-performed",
                    "display": "Not Performed",
                }
            ],
            "text": result.reason,
        }
    return observation


def fhir_bundle(study: StudyResult) -> dict[str, Any]:
    """Return the bundle as JSON content."""
    created = study.provenance.created
    date = iso_date(study.date)  # a result that was made in Python may hold anything
    observations = [
        (f"{row.definition.id} {row.side.value if row.side else 'both'}", _observation(row, date))
        for row in measurement_rows(study)
    ]
    for side, found in study.findings.items():
        for field in FINDINGS:
            if field.id in found:
                observation = {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": _concept(field.code, text=field.title),
                    "bodySite": _site(side),
                }
                observations.append(
                    (f"{field.id} {side.value}", {**observation, "valueCodeableConcept": {"text": found[field.id]}})
                )
    entries = [
        {"fullUrl": f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{created} {name}')}", "resource": resource}
        for name, resource in observations
    ]
    report = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "code": _concept(
            ("DCM", "126000", "Imaging Measurement Report"),
            text="Ischiofemoral impingement: measurements for research, no diagnosis",
        ),
        "issued": created,
        "result": [{"reference": entry["fullUrl"]} for entry in entries],
        "conclusion": f"Measured by IFIMeasure {__version__}. Not a medical device, no diagnosis.",
    }
    if date:
        report["effectiveDateTime"] = date
    own = f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{created} report')}"
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": created,
        "entry": [{"fullUrl": own, "resource": report}, *entries],
    }
