"""What ``study.json``, the scene's record and the DICOM Segmentation keep of a measured study."""

from __future__ import annotations

from typing import Any

from ..anatomy.landmarks import landmark_definitions
from ..files.results import SavedStudy, to_document
from ..measuring.registry import MEASUREMENTS
from .result import StudyResult
from .rows import histogram_rows, measurement_rows, profile_rows, section_rows


def saved_study(study: StudyResult) -> SavedStudy:
    """Return a measured study as it is kept.

    :raises IFIMeasureError: for a study of landmarks alone.
    """
    return SavedStudy(
        provenance=study.provenance.to_document(),
        date=study.date,
        subject=study.subject,
        findings=study.findings,
        notes=tuple(study.notes),
        absent_sides=dict(study.absent_sides),
        grid=study.bones.grid,
        measurements=tuple(row.saved() for row in measurement_rows(study)),
        profile=tuple(profile_rows(study)),
        muscle_sections=tuple(section_rows(study)),
        fat_histogram=tuple(histogram_rows(study)),
        landmarks={side: hip.landmarks for side, hip in study.hips.items()},
    )


def study_document(study: StudyResult) -> dict[str, Any]:
    """Return everything there is to know of a measured study as JSON content; see :data:`.results.DOCUMENT_KEYS`.

    :raises IFIMeasureError: for a study of landmarks alone.
    """
    return {
        **to_document(saved_study(study)),
        "codes": {
            "measurements": {m.id: {"concept": list(m.code), "quantity": list(m.quantity)} for m in MEASUREMENTS},
            "landmarks": {key: list(d.code) for key, d in landmark_definitions().items()},
        },
    }
