"""The files of one study: written beside their place and renamed, so that each is complete or absent."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from . import __version__
from .core.landmarks import landmark_definitions
from .core.measurements import MEASUREMENTS
from .core.report import report_html
from .core.study import StudyResult
from .core.tables import MEASUREMENT_COLUMNS, PROFILE_COLUMNS, csv_text, landmark_rows, measurement_rows, profile_rows
from .core.values import IFIMeasureError

OUTPUT_FORMATS: dict[str, tuple[str, ...]] = {
    "tables": ("measurements.csv", "profile.csv"),
    "report": ("report.html",),
    "landmarks": ("landmarks_left.mrk.json", "landmarks_right.mrk.json"),
    "segmentation": ("segmentation.seg.nrrd",),
    "scene": ("scene.mrb",),
}
"""What can be written, and its files; the landmarks of a side that was not measured are left out."""

OUTPUT_FILES = (*(name for names in OUTPUT_FORMATS.values() for name in names), "study.json")
"""Every file of a study's folder; ``study.json`` is always written."""


def refuse_overwriting(folder: Path, force: bool) -> None:
    """Refuse a folder that holds results already, unless they may be replaced.

    :raises IFIMeasureError: where it does, or where ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise IFIMeasureError(f"{folder}: this is a file; name a folder with --output.")
    there = [name for name in OUTPUT_FILES if (folder / name).exists()]
    if there and not force:
        raise IFIMeasureError(f"{folder}: there are results already ({', '.join(there[:3])}, …); choose another --output, or replace them with --force.")


@contextlib.contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Give a folder to write into; on success its files replace those of ``folder``, on failure nothing changes."""
    parent = folder.absolute().parent
    made = [p for p in (parent, *parent.parents) if not p.exists()]
    parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=parent))
    done = False
    try:
        yield beside
        if folder.exists():
            stale = [name for name in OUTPUT_FILES if (folder / name).exists() and not (beside / name).exists()]
            for path in sorted(beside.iterdir()):
                target = folder / path.name
                if target.is_dir() and path.is_dir():
                    shutil.rmtree(target)
                os.replace(path, target)
            for name in stale:  # a file of an earlier run would contradict the new ones
                (folder / name).unlink()
            beside.rmdir()
        else:
            beside.chmod(0o777 & ~_umask())
            os.replace(beside, folder)
        done = True
    finally:
        if not done:
            shutil.rmtree(beside, ignore_errors=True)
            for path in made:
                with contextlib.suppress(OSError):
                    path.rmdir()


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def write_outputs(
    study: StudyResult,
    folder: Path,
    options: dict[str, Any],
    name: str,
    say: Callable[[str], None] = lambda text: None,
    formats: Collection[str] = tuple(OUTPUT_FORMATS),
) -> None:
    """Write a study's output files into ``folder`` (see :func:`written_whole` for doing it whole).

    :param formats: keys of :data:`OUTPUT_FORMATS`.
    :raises IFIMeasureError: for a study of landmarks alone.
    """
    provenance = describe(study, options)
    if "tables" in formats:
        say("writing tables")
        (folder / "measurements.csv").write_bytes(csv_text(MEASUREMENT_COLUMNS, measurement_rows(study)).encode())
        (folder / "profile.csv").write_bytes(csv_text(PROFILE_COLUMNS, profile_rows(study)).encode())
    if "report" in formats:
        say("writing the report")
        (folder / "report.html").write_text(report_html(study, provenance), encoding="utf-8")
    if {"landmarks", "segmentation", "scene"} & set(formats):
        say("writing the files for 3D Slicer")
        _write_mrml(study, folder, name, formats)
    provenance["outputs"] = {p.name: _sha256(p) for p in sorted(folder.iterdir()) if p.is_file()}
    (folder / "study.json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_mrml(study: StudyResult, folder: Path, name: str, formats: Collection[str]) -> None:
    from .mrml import scene as mrml
    from .mrml.study_nodes import StudyNodes

    headless = mrml.create_scene()
    nodes = StudyNodes.create(headless.scene, name)
    nodes.set_subject(study.subject.sex, study.subject.age_years)
    nodes.show(study)
    if "segmentation" in formats:
        mrml.write_segmentation(headless.scene, nodes.segmentation, folder / "segmentation.seg.nrrd")
    if "landmarks" in formats:
        for side in study.hips:
            mrml.write_landmarks(headless.scene, nodes.landmark_node(side), folder / f"landmarks_{side.value}.mrk.json")
    if "scene" in formats:
        mrml.write_scene(headless.scene, folder / "scene.mrb")


def describe(study: StudyResult, options: dict[str, Any]) -> dict[str, Any]:
    """Return everything there is to know of a run: versions, inputs with checksums, series, options, results."""
    versions = {"ifimeasure": __version__, "python": sys.version.split()[0]}
    for package in ("slicer-core", "vtk", "numpy", "scipy", "SimpleITK", "pydicom"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    inputs: list[dict[str, Any]] = [{"role": "segmentation", "name": study.bones.path.name, "sha256": _sha256(study.bones.path)}]
    series: dict[str, str] = {}
    if study.volume is not None:
        files = study.volume.files
        digest = hashlib.sha256()
        for path in files:
            digest.update(bytes.fromhex(_sha256(path)))
        image: dict[str, Any] = {"role": "image", "name": study.volume.path.name, "files": len(files)}
        image["sha256"] = _sha256(files[0]) if len(files) == 1 else digest.hexdigest()
        inputs.append(image)
        tags = study.volume.tags
        if "SeriesInstanceUID" in tags:
            series = {
                "uid": tags["SeriesInstanceUID"],
                "study_uid": tags.get("StudyInstanceUID", ""),
                "number": tags.get("SeriesNumber", ""),
                "description": tags.get("SeriesDescription", "") or tags.get("ProtocolName", ""),
                "modality": tags.get("Modality", ""),
                "date": tags.get("StudyDate", ""),
            }
    grid = study.bones.grid
    return {
        "format": "IFIMeasure study 1",
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "versions": versions,
        "inputs": inputs,
        "series": series,
        "options": options,
        "subject": {"sex": study.subject.sex, "age_years": study.subject.age_years},
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


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        if hasattr(hashlib, "file_digest"):
            return hashlib.file_digest(stream, "sha256").hexdigest()
        digest = hashlib.sha256()
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
        return digest.hexdigest()
