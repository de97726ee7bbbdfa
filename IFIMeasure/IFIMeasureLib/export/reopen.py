"""A folder of results, opened to be measured again."""

from __future__ import annotations

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
from ..muscle.images import MuscleImages
from ..study.prepared import PreparedStudy
from ..study.provenance import Provenance
from ..study.structures import resolve_structures
from ..values import IFIMeasureError, Side


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
