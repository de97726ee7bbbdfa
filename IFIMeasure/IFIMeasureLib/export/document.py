"""What ``study.json`` holds of a study: its provenance and its results."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..anatomy.landmarks import landmark_definitions
from ..measuring.registry import MEASUREMENTS
from ..present.tables import landmark_rows, measurement_rows, profile_rows
from ..study.result import StudyResult


def describe(study: StudyResult) -> dict[str, Any]:
    """Return everything there is to know of a study."""
    grid = study.bones.grid
    return {
        "format": "IFIMeasure study 1",
        **study.provenance.to_document(),
        "date": study.date,
        "subject": dataclasses.asdict(study.subject),
        "findings": {side.value: found for side, found in study.findings.items()},
        "segmentation": {
            "size": list(grid.shape),
            "spacing_mm": grid.spacing.tolist(),
            "plane": grid.plane_name,
            "ijk_to_ras_mm": grid.affine.tolist(),
        },
        "notes": study.notes,
        "absent_sides": {side.value: reason for side, reason in study.absent_sides.items()},
        "measurements": measurement_rows(study),
        "profile": profile_rows(study),
        "landmarks": landmark_rows(study),
        "codes": {
            "measurements": {m.id: {"concept": list(m.code), "quantity": list(m.quantity)} for m in MEASUREMENTS},
            "landmarks": {key: list(d.code) for key, d in landmark_definitions().items()},
        },
    }
