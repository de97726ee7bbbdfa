"""What ``study.json`` holds of a run: versions, inputs with checksums, options, results."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..anatomy.landmarks import landmark_definitions
from ..measuring.measurements import MEASUREMENTS
from ..present.tables import landmark_rows, measurement_rows, profile_rows
from ..study.result import StudyResult


def describe(study: StudyResult, options: dict[str, Any]) -> dict[str, Any]:
    """Return everything there is to know of a run: versions, inputs with checksums, series, options, results."""
    versions = {"ifimeasure": __version__, "python": sys.version.split()[0]}
    for package in ("slicer-core", "vtk", "numpy", "scipy", "SimpleITK", "pydicom"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    inputs: list[dict[str, Any]] = [
        {
            "role": "segmentation",
            "name": study.bones.path.name,
            "sha256": _sha256_of(study.bones.files or (study.bones.path,)),
        }
    ]
    series: dict[str, str] = {}
    if study.volume is not None:
        files = study.volume.files
        inputs.append(
            {"role": "image", "name": study.volume.path.name, "files": len(files), "sha256": _sha256_of(files)}
        )
        tags = study.volume.tags
        if "SeriesInstanceUID" in tags:
            series = {
                "uid": tags["SeriesInstanceUID"],
                "study_uid": tags.get("StudyInstanceUID", ""),
                "number": tags.get("SeriesNumber", ""),
                "description": tags.get("SeriesDescription", "") or tags.get("ProtocolName", ""),
                "modality": tags.get("Modality", ""),
            }
    grid = study.bones.grid
    return {
        "format": "IFIMeasure study 1",
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "versions": versions,
        "inputs": inputs,
        "series": series,
        "options": options,
        "date": study.date,
        "subject": dataclasses.asdict(study.subject),
        "muscle": {side.value: origin for side, origin in study.muscle_origins.items()},
        "findings": {side.value: found for side, found in study.findings.items()},
        "segmentation": {
            "size": list(grid.shape),
            "spacing_mm": grid.spacing.tolist(),
            "plane": grid.plane_name,
            "ijk_to_ras_mm": grid.affine.tolist(),
            "structures": {structure.name: [ref.name for ref in refs] for structure, refs in study.structures.items()},
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


def _sha256_of(files: Sequence[Path]) -> str:
    """Checksum of a file; of several, that of their checksums."""
    if len(files) == 1:
        return sha256_of_file(files[0])
    return hashlib.sha256(b"".join(bytes.fromhex(sha256_of_file(path)) for path in files)).hexdigest()


def sha256_of_file(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        if hasattr(hashlib, "file_digest"):
            return hashlib.file_digest(stream, "sha256").hexdigest()
        digest = hashlib.sha256()
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
        return digest.hexdigest()
