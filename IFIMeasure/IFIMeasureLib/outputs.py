"""The files of one study: written beside their place and renamed, so that each is complete or absent."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .collect import read_document, schema_text, wide_columns, wide_row, write_workbook
from .core.findings import FINDING_COLUMNS, finding_rows
from .core.follow_up import FOLLOW_UP_COLUMNS, Changes, Examination, examination_of
from .core.imaging import Volume, read_segmentation, read_volume, write_volume
from .core.landmarks import LandmarkSet, landmark_definitions, read_landmarks
from .core.measurements import MEASUREMENTS
from .core.muscle_numbers import MuscleImages, fat_fraction_map
from .core.reference_values import Subject
from .core.registration import AnotherPersonError
from .core.report import report_html
from .core.study import PreparedStudy, StudyResult, resolve_structures, segment_muscles_together
from .core.tables import (
    HISTOGRAM_COLUMNS,
    LANDMARK_COLUMNS,
    MEASUREMENT_COLUMNS,
    MUSCLE_COLUMNS,
    PROFILE_COLUMNS,
    csv_text,
    histogram_rows,
    landmark_rows,
    measurement_rows,
    muscle_rows,
    profile_rows,
)
from .core.values import IFIMeasureError, Side
from .fhir import fhir_bundle
from .formats import DEFAULT_FORMATS, OUTPUT_FILES


def refuse_overwriting(folder: Path, force: bool, files: Collection[str] = OUTPUT_FILES) -> None:
    """Refuse a folder that holds results already, unless they may be replaced.

    :param files: names of results, or patterns of such names.
    :raises IFIMeasureError: where it does, or where ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise IFIMeasureError(f"{folder}: this is a file; name a folder with --output.")
    there = [path.name for pattern in files for path in sorted(folder.glob(pattern))]
    if there and not force:
        raise IFIMeasureError(f"{folder}: there are results already ({', '.join(there[:3])}, …); choose another --output, or replace them with --force.")


@contextlib.contextmanager
def written_whole(folder: Path, files: Collection[str] = OUTPUT_FILES) -> Iterator[Path]:
    """Give a folder to write into; on success its files replace those of ``folder``, on failure nothing changes.

    :param files: names of results, or patterns of such names: those of an earlier run that are not written again are removed.
    """
    parent = folder.absolute().parent
    made = [p for p in (parent, *parent.parents) if not p.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=parent))
    except OSError as error:
        raise IFIMeasureError(f"{folder}: no folder can be made there ({error.strerror}); choose another --output.") from None
    done = False
    try:
        try:
            yield beside
        except OSError as error:
            if error.filename is not None and not Path(str(error.filename)).is_relative_to(beside):
                raise  # of what is read, not of what is written
            why = (error.strerror or str(error)).rstrip(".")
            raise IFIMeasureError(f"{folder}: the results could not be written ({why}); nothing was changed there. Make room, or choose another --output.") from error
        if folder.exists():
            stale = [path for pattern in files for path in folder.glob(pattern) if not (beside / path.name).exists()]
            for path in sorted(beside.iterdir()):
                target = folder / path.name
                if target.is_dir() and path.is_dir():
                    shutil.rmtree(target)
                os.replace(path, target)
            for path in stale:  # a file of an earlier run would contradict the new ones
                path.unlink()
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
    formats: Collection[str] = DEFAULT_FORMATS,
    identified: bool = False,
    changes: Changes | None = None,
) -> None:
    """Write a study's output files into ``folder`` (see :func:`written_whole` for doing it whole).

    :param formats: keys of :data:`OUTPUT_FORMATS`.
    :param identified: whether the report names the patient.
    :param changes: against earlier examinations of the same person: a table, a sheet, and a part of the report.
    :raises IFIMeasureError: for a study of landmarks alone.
    """
    provenance = describe(study, options)
    if "tables" in formats:
        say("writing tables")
        for file, columns, rows in (
            ("measurements", MEASUREMENT_COLUMNS, measurement_rows(study)),
            ("study", wide_columns(), [wide_row(provenance, name)]),
            ("profile", PROFILE_COLUMNS, profile_rows(study)),
            ("muscle_sections", MUSCLE_COLUMNS, muscle_rows(study)),
            ("fat_histogram", HISTOGRAM_COLUMNS, histogram_rows(study)),
            ("findings", FINDING_COLUMNS, finding_rows(study.findings, study.hips) if study.findings else []),
            ("follow_up", FOLLOW_UP_COLUMNS, changes.rows if changes is not None else []),
        ):
            if rows:
                (folder / f"{file}.csv").write_bytes(csv_text(columns, rows).encode())
                (folder / f"{file}.schema.csv").write_bytes(schema_text(columns).encode())
    if {"report", "pdf"} & set(formats):
        say("writing the report")
        page = report_html(study, provenance, identified, changes)
        if "report" in formats:
            (folder / "report.html").write_text(page, encoding="utf-8")
        if "pdf" in formats:
            _write_pdf(study, page, folder, "dicom" in formats)
    if "segmentation" in formats:
        _write_fat_fraction(study, folder / "fat_fraction.nrrd")
    if {"landmarks", "segmentation", "scene"} & set(formats):
        say("writing the files for 3D Slicer")
        _write_mrml(study, folder, name, formats)
    if "fhir" in formats:
        bundle = fhir_bundle(study, provenance["created"], __version__)
        (folder / "fhir.json").write_text(json.dumps(bundle, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if "dicom" in formats:
        from .dicom_results import write_dicom

        say("writing DICOM")
        write_dicom(study, folder)
    if "workbook" in formats:
        _write_workbook(study, folder / "measurements.xlsx", changes)
    provenance["outputs"] = {p.name: _sha256(p) for p in sorted(folder.iterdir()) if p.is_file()}
    (folder / "study.json").write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_pdf(study: StudyResult, page: str, folder: Path, as_dicom: bool) -> None:
    """Write the report as PDF, and that once more as DICOM's encapsulated PDF where DICOM is written."""
    try:
        import weasyprint
    except (ImportError, OSError):  # OSError: the package is there, the library Pango that it draws with is not
        raise IFIMeasureError("A PDF needs the package weasyprint and the library Pango, which are not installed; install them, or print report.html from a browser.") from None
    pdf = weasyprint.HTML(string=page).write_pdf()
    (folder / "report.pdf").write_bytes(pdf)
    if as_dicom:
        from .dicom_results import write_encapsulated_pdf

        write_encapsulated_pdf(study, pdf, folder / "report_pdf.dcm")


def _write_workbook(study: StudyResult, path: Path, changes: Changes | None) -> None:
    tables = {
        "measurements": (MEASUREMENT_COLUMNS, measurement_rows(study)),
        "profile": (PROFILE_COLUMNS, profile_rows(study)),
        "muscle": (MUSCLE_COLUMNS, muscle_rows(study)),
        "fat": (HISTOGRAM_COLUMNS, histogram_rows(study)),
        "findings": (FINDING_COLUMNS, finding_rows(study.findings, study.hips)),
        "landmarks": (LANDMARK_COLUMNS, landmark_rows(study)),
        "follow-up": (FOLLOW_UP_COLUMNS, changes.rows if changes is not None else []),
    }
    dictionary = [{"sheet": name, "column": column, "content": text} for name, (columns, _) in tables.items() for column, text in columns.items()]
    sheets: dict[str, tuple[Sequence[str], Iterable[dict[str, str]]]] = {name: (list(columns), rows) for name, (columns, rows) in tables.items()}
    write_workbook(path, {**sheets, "data dictionary": (["sheet", "column", "content"], dictionary)})


def _write_fat_fraction(study: StudyResult, path: Path) -> None:
    """Write the map of fat over fat plus water (0 to 1), where there are Dixon images."""
    fraction = None if study.images is None else fat_fraction_map(study.images)
    if fraction is not None and study.images is not None:
        write_volume(Volume(fraction, study.images.grid, path), path)


def reopen(folder: Path) -> PreparedStudy:
    """Return a study that ``measure`` or ``muscle`` wrote, ready to be measured again: bones, muscle, image, fat fraction, subject, findings.

    The landmarks that a person placed are in :func:`placed_by_person`.

    :raises IFIMeasureError: where the folder is none, or lacks the segmentation.
    """
    document = read_document(folder / "study.json")
    path, scene = folder / "segmentation.seg.nrrd", folder / "scene.mrb"
    if not path.exists():
        raise IFIMeasureError(f"{path}: it is missing, so the study cannot be measured again; export the segmentation, too.")
    segmentation = read_segmentation(path)
    subject = Subject(**{key: value for key, value in document["subject"].items() if key in Subject.__dataclass_fields__})
    contrast = document["options"].get("contrast") or ""
    volume = _image_of_scene(scene)
    if volume is not None:
        volume = replace(volume, contrast=contrast)
    prepared = PreparedStudy(segmentation, resolve_structures(segmentation, None), volume, subject=subject)
    if contrast in ("t1", "t2fs") and volume is not None:
        prepared.images = MuscleImages(volume.grid, **{contrast: volume.array})
    fraction = folder / "fat_fraction.nrrd"
    if fraction.exists():
        fat = read_volume(fraction)
        prepared.images = MuscleImages(fat.grid, water=1.0 - fat.array, fat=fat.array)
    prepared.date = str(document.get("date", ""))
    prepared.findings = {Side(side): dict(of) for side, of in document.get("findings", {}).items()}
    return prepared


def placed_by_person(folder: Path) -> dict[Side, LandmarkSet]:
    """Return the landmarks of a folder that ``measure`` or ``muscle`` wrote; automatic ones are marked as such."""
    found: dict[Side, LandmarkSet] = {}
    for side in Side:
        path = folder / f"landmarks_{side.value}.mrk.json"
        if path.exists():
            found.update(read_landmarks(path))
    return found


def measured_together(examinations: list[Examination], folder: Path, say: Callable[[str], None]) -> tuple[list[Examination], list[str]]:
    """Find the quadratus femoris of all examinations of a person together, where it was found in the images before, and measure again.

    :param folder: where the muscles are written, a segmentation each.
    :returns: the examinations with the new numbers, and notes about sides that stay as they are.
    """
    ordered = sorted(examinations, key=lambda e: e.date)
    origins = [read_document(Path(e.name) / "study.json").get("muscle", {}) for e in ordered]
    notes, sides = [], []
    for side in Side:
        of = [origin.get(side.value) for origin in origins]
        if all(o == "image" for o in of):
            sides.append(side)
        elif all(of):
            notes.append(f"the {side.value} quadratus femoris was not found in the image in each examination; its numbers are compared as they are.")
    if not sides:
        return ordered, notes
    try:
        say("opening the examinations")
        prepared = [reopen(Path(e.name)) for e in ordered]
        studies = [p.measure(placed_by_person(Path(e.name))) for p, e in zip(prepared, ordered)]
        segment_muscles_together(prepared, [{side: hip.landmarks for side, hip in study.hips.items()} for study in studies], sides, say)
    except AnotherPersonError as error:
        raise IFIMeasureError(f"{', '.join(e.name for e in ordered)}: {error} Check the folders; --as-they-are compares the numbers all the same.") from None
    except IFIMeasureError as error:
        return ordered, [*notes, f"the muscles were not found together, so their numbers are compared as they are: {error}"]
    measured = []
    for e, p in zip(ordered, prepared):
        study = p.measure(placed_by_person(Path(e.name)))
        again = examination_of(replace(study, date=e.date.isoformat()), e.name)
        ids = {key for key in again.values if key[0].startswith("qf_") and Side(key[1]) in sides}
        values = {**{k: v for k, v in e.values.items() if not (k[0].startswith("qf_") and Side(k[1]) in sides)}, **{k: again.values[k] for k in ids}}
        measured.append(replace(e, values=values, reasons={**again.reasons, **e.reasons}))
        _write_mrml(study, folder, f"quadratus femoris {e.date.isoformat()}", ("segmentation",))
        os.replace(folder / "segmentation.seg.nrrd", folder / f"together_{e.date.isoformat()}.seg.nrrd")
    notes.append(f"the quadratus femoris ({', '.join(side.value for side in sides)}) was found in all examinations together; values differ a little from those of each alone.")
    return measured, notes


def _image_of_scene(path: Path) -> Volume | None:
    """Read the image out of a scene file; None where there is none."""
    if not path.exists():
        return None
    with tempfile.TemporaryDirectory() as unpacked, zipfile.ZipFile(path) as archive:
        name = next((n for n in archive.namelist() if n.endswith(" image.nrrd")), None)
        if name is None:
            return None
        volume = read_volume(Path(archive.extract(name, unpacked)))
        return replace(volume, array=np.array(volume.array), path=path)


def _write_mrml(study: StudyResult, folder: Path, name: str, formats: Collection[str]) -> None:
    from .mrml import scene as mrml
    from .mrml.study_nodes import StudyNodes
    from .mrml.views import add_views

    headless = mrml.create_scene()
    nodes = StudyNodes.create(headless.scene, name)
    nodes.set_subject(study.subject)
    nodes.findings, nodes.date = study.findings, study.date
    nodes.show(study)
    if "segmentation" in formats:
        mrml.write_segmentation(headless.scene, nodes.segmentation, folder / "segmentation.seg.nrrd")
    if "landmarks" in formats:
        for side in study.hips:
            mrml.write_landmarks(headless.scene, nodes.landmark_node(side), folder / f"landmarks_{side.value}.mrk.json")
    if "scene" in formats:
        add_views(headless.scene, nodes, study)
        mrml.write_scene(headless.scene, folder / "scene.mrb")


def describe(study: StudyResult, options: dict[str, Any]) -> dict[str, Any]:
    """Return everything there is to know of a run: versions, inputs with checksums, series, options, results."""
    versions = {"ifimeasure": __version__, "python": sys.version.split()[0]}
    for package in ("slicer-core", "vtk", "numpy", "scipy", "SimpleITK", "pydicom"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    inputs: list[dict[str, Any]] = [{"role": "segmentation", "name": study.bones.path.name, "sha256": _sha256_of(study.bones.files or (study.bones.path,))}]
    series: dict[str, str] = {}
    if study.volume is not None:
        files = study.volume.files
        inputs.append({"role": "image", "name": study.volume.path.name, "files": len(files), "sha256": _sha256_of(files)})
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
        return _sha256(files[0])
    return hashlib.sha256(b"".join(bytes.fromhex(_sha256(path)) for path in files)).hexdigest()


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
