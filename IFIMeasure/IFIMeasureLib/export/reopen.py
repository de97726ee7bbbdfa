"""A folder of results, opened to be measured again."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..anatomy.landmarks import LandmarkSet
from ..files.dicom_series import read_series, scan_folder
from ..files.images import read_volume
from ..files.markups import read_landmarks
from ..files.results import read_study
from ..files.segmentations import read_segmentation
from ..images.masks import Volume
from ..measuring.definition import Kind
from ..measuring.registry import MEASUREMENTS
from ..muscle.numbers import MuscleImages
from ..muscle.registration import AnotherPersonError
from ..study.follow_up import Examination
from ..study.prepared import PreparedStudy, segment_muscles_together
from ..study.provenance import Provenance
from ..study.structures import resolve_structures
from ..values import IFIMeasureError, Side
from .mrml_files import write_mrml


def reopen(folder: Path) -> PreparedStudy:
    """Return a study that ``measure`` or ``muscle`` wrote, ready to be measured again: bones, muscle, image, fat fraction, subject, findings.

    The landmarks that a person placed are in :func:`placed_by_person`.

    :raises IFIMeasureError: where the folder is none, or lacks the segmentation.
    """
    saved = read_study(folder / "study.json")
    path, scene = folder / "segmentation.seg.nrrd", folder / "scene.mrb"
    if not path.exists():
        raise IFIMeasureError(
            f"{path}: it is missing, so the study cannot be measured again; export the segmentation, too."
        )
    segmentation = read_segmentation(path)
    provenance = Provenance.from_document(saved.provenance, folder / "study.json")
    contrast = provenance.contrast
    volume = _image_of_scene(scene)
    if volume is not None:
        volume = replace(volume, contrast=contrast)
    structures = resolve_structures(segmentation, None)
    prepared = PreparedStudy(segmentation, structures, volume, subject=saved.subject, provenance=provenance)
    if contrast in ("t1", "t2fs") and volume is not None:
        prepared.images = MuscleImages(volume.grid, **{contrast: volume.array})
    fraction = folder / "fat_fraction.nrrd"
    if fraction.exists():
        fat = read_volume(fraction)
        prepared.images = MuscleImages(fat.grid, water=1.0 - fat.array, fat=fat.array)
    prepared.date, prepared.findings = saved.date, saved.findings
    prepared.notes = list(dict.fromkeys((*saved.notes, *prepared.notes)))
    return prepared


def placed_by_person(folder: Path) -> dict[Side, LandmarkSet]:
    """Return the landmarks of a folder that ``measure`` or ``muscle`` wrote; automatic ones are marked as such."""
    found: dict[Side, LandmarkSet] = {}
    for side in Side:
        path = folder / f"landmarks_{side.value}.mrk.json"
        if path.exists():
            found.update(read_landmarks(path))
    return found


def measured_series(folder: Path, provenance: Provenance, say: Callable[[str], None] = lambda text: None) -> Volume:
    """Read the DICOM series that a study was measured with, by its UID; of several stacks in it, the one named then.

    :param provenance: of the study.
    :raises IFIMeasureError: where it is not in the folder, or which stack it was is not known.
    """
    uid = "" if provenance.series is None else provenance.series.uid
    matching = [series for series in scan_folder(folder, say) if uid and series.tags.get("SeriesInstanceUID") == uid]
    if len(matching) > 1:
        matching = [series for series in matching if series.number == provenance.options.get("series")]
        if not matching:
            raise IFIMeasureError(
                f"{folder}: the series that was measured ({uid}) holds several stacks, and which one is not known; "
                "measure the study again and name the series."
            )
    if matching:
        return replace(read_series(matching[0]), contrast=provenance.contrast)
    raise IFIMeasureError(
        f"{folder}: the series that was measured ({uid or 'unknown: no DICOM series was measured'}) is not in it; give "
        "the folder that was measured."
    )


def measured_together(
    examinations: list[Examination], folder: Path, say: Callable[[str], None]
) -> tuple[list[Examination], list[str]]:
    """Find the quadratus femoris of all examinations of a person together, where it was found in the images before, and measure again.

    :param folder: where the muscles are written, a segmentation each.
    :returns: the examinations with the new numbers, and notes about sides that stay as they are.
    """
    ordered = sorted(examinations, key=lambda e: e.date)
    provenances = [
        Provenance.from_document(read_study(Path(e.name) / "study.json").provenance, e.name) for e in ordered
    ]
    notes, sides = [], []
    for side in Side:
        of = [provenance.muscle_origins.get(side) for provenance in provenances]
        if all(o == "image" for o in of):
            sides.append(side)
        elif all(of):
            notes.append(
                f"the {side.value} quadratus femoris was not found in the image in each examination; its numbers are compared as they are."
            )
    if not sides:
        return ordered, notes
    try:
        say("opening the examinations")
        prepared = [reopen(Path(e.name)) for e in ordered]
        studies = [p.measure(placed_by_person(Path(e.name))) for p, e in zip(prepared, ordered)]
        segment_muscles_together(
            prepared, [{side: hip.landmarks for side, hip in study.hips.items()} for study in studies], sides, say
        )
    except AnotherPersonError as error:
        raise IFIMeasureError(
            f"{', '.join(e.name for e in ordered)}: {error} Check the studies, or compare the numbers as they are.",
            argument="together",
        ) from None
    except IFIMeasureError as error:
        return ordered, [
            *notes,
            f"the muscles were not found together, so their numbers are compared as they are: {error}",
        ]
    measured = []
    for e, p in zip(ordered, prepared):
        study = p.measure(placed_by_person(Path(e.name)))
        again = Examination.of_study(replace(study, date=e.date.isoformat()), e.name)
        of_muscle = {m.id for m in MEASUREMENTS if any(of.kind is Kind.MUSCLE for of in MEASUREMENTS.basis(m))}
        new = {key for key in again.values if key[0] in of_muscle and key[1] in sides}
        kept = {k: v for k, v in e.values.items() if not (k[0] in of_muscle and k[1] in sides)}
        values = {**kept, **{key: again.values[key] for key in new}}
        measured.append(replace(e, values=values, reasons={**again.reasons, **e.reasons}))
        write_mrml(study, folder, f"quadratus femoris {e.date.isoformat()}", ("segmentation",))
        os.replace(folder / "segmentation.seg.nrrd", folder / f"together_{e.date.isoformat()}.seg.nrrd")
    notes.append(
        f"the quadratus femoris ({', '.join(side.value for side in sides)}) was found in all examinations together; values differ a little from those of each alone."
    )
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
