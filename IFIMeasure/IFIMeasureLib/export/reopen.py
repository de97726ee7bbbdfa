"""A study that was written before, opened to be measured again: a folder of results, a scene, a DICOM Segmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..anatomy.landmarks import LandmarkSet
from ..files.dicom_series import read_series, scan_folder
from ..files.dicom_study import study_of
from ..files.exchange import restore
from ..files.images import read_volume
from ..files.intact import refuse_unreadable
from ..files.markups import read_landmarks
from ..files.results import SavedStudy, read_study
from ..files.segmentations import read_segmentation
from ..images.masks import Volume
from ..muscle.images import MuscleImages, muscle_images
from ..study.document import saved_study
from ..study.opened import OpenedStudy
from ..study.prepared import PreparedStudy
from ..study.provenance import Provenance
from ..study.structures import resolve_structures
from ..values import IFIMeasureError, Side
from .mixture import NEEDED, edited_landmarks, foreign_files, refuse_mixture, remarks_on

STUDY, SEGMENTATION, SCENE, DICOM = "study.json", "segmentation.seg.nrrd", "scene.mrb", "segmentation.dcm"
"""Files of a folder of results that a study can be opened from: the first two together, else one of the others."""


def reopen(
    path: Path, image: Path | None = None, name: str | None = None, say: Callable[[str], None] = lambda text: None
) -> OpenedStudy:
    """Open a study that was measured.

    :param path: a folder of results, or one file: ``study.json``, a scene (``.mrb``, ``.mrml``), or a DICOM
        Segmentation that IFIMeasure wrote.
    :param image: DICOM folder with the series that was measured; None for the image that the scene holds.
    :param name: of the study; needed only for a scene that holds several.
    :raises IFIMeasureError: where there is no study, or what is needed to measure it again is missing; one sentence.
    """
    folder = path.parent if path.name == STUDY else path
    restore(folder)
    if not folder.is_dir():
        return _of_scene(folder, image, name, say) if _is_scene(folder) else _of_dicom(folder, image, say)
    if (folder / STUDY).exists() and (folder / SEGMENTATION).exists():
        return _of_folder(folder, image, say)
    if (folder / DICOM).exists() and (image is not None or not (folder / SCENE).exists()):
        return _of_dicom(folder / DICOM, image, say)
    if (folder / SCENE).exists():
        return _of_scene(folder / SCENE, image, name, say)
    read_study(folder / STUDY)  # says where there is no study at all
    raise IFIMeasureError(
        f"{folder / SEGMENTATION}: it is missing, so the study cannot be measured again; export the segmentation, too."
    )


def kept_study(path: Path) -> SavedStudy:
    """Return what a study says, without measuring it again where its document is there.

    :param path: as :func:`reopen`.
    :raises IFIMeasureError: as :func:`reopen`.
    """
    restore(path.parent if path.name == STUDY else path)
    file = path / STUDY if path.is_dir() else path
    if file.name == STUDY and (file.exists() or not path.is_dir()):
        saved = read_study(file)
        refuse_mixture(file.parent, foreign_files(file.parent, saved, NEEDED))
        return saved
    dicom = path / DICOM if path.is_dir() else path
    if dicom.exists() and not _is_scene(dicom):
        return _study_of_dicom(dicom)
    return saved_study(reopen(path).measure())


def remarks_on_kept(paths: Iterable[Path]) -> list[str]:
    """Return what stands against taking kept studies as they are, a sentence each: other runs' files, changes by hand.

    :param paths: as for :func:`reopen`, after :func:`kept_study` has read them.
    """
    files = [path / STUDY if path.is_dir() else path for path in paths]
    kept = [file for file in files if file.name == STUDY and file.exists()]
    studies = [(file.parent, read_study(file)) for file in kept]
    return [text for folder, saved in studies for text in remarks_on(folder, saved, foreign_files(folder, saved))]


def _is_scene(path: Path) -> bool:
    return path.suffix.lower() in (".mrb", ".mrml")


def _of_folder(folder: Path, image: Path | None, say: Callable[[str], None]) -> OpenedStudy:
    saved = read_study(folder / STUDY)
    foreign = foreign_files(folder, saved)
    refuse_mixture(folder, foreign)
    landmarks, notes = dict(saved.landmarks), remarks_on(folder, saved, foreign)
    for side in saved.sides:
        points = folder / f"landmarks_{side.value}.mrk.json"
        if points.exists():  # a person may have placed more of them since
            found = read_landmarks(points)
            notes += [edited_landmarks(saved.landmarks[of], found[of], of) for of in found if of in saved.landmarks]
            landmarks.update(found)
    saved = replace(saved, notes=(*saved.notes, *filter(None, notes)))
    return _opened(saved, folder / STUDY, folder / SEGMENTATION, landmarks, image, say)


def _of_dicom(path: Path, image: Path | None, say: Callable[[str], None]) -> OpenedStudy:
    saved = _study_of_dicom(path)
    return _opened(saved, path, path, dict(saved.landmarks), image, say)


def _study_of_dicom(path: Path) -> SavedStudy:
    import pydicom

    if not path.exists():
        raise IFIMeasureError(f"{path}: there is no such file or folder; give a study that IFIMeasure wrote.")
    refuse_unreadable(path)
    try:
        saved = study_of(pydicom.dcmread(path, stop_before_pixels=True), path)
    except IFIMeasureError:
        raise
    except Exception:  # whatever pydicom finds wrong in a file of another program
        saved = None
    if saved is None:
        raise IFIMeasureError(
            f"{path}: it carries no study of IFIMeasure; give a folder of results, a scene, "
            "or the segmentation.dcm that IFIMeasure wrote."
        )
    return saved


def _of_scene(path: Path, image: Path | None, name: str | None, say: Callable[[str], None]) -> OpenedStudy:
    opened: OpenedStudy = _scenes(path).open_study_scene(path, name, say)
    if image is not None and opened.prepared is not None:
        opened.prepared.volume = measured_series(image, opened.prepared.provenance, say)
    return opened


def _scenes(path: Path) -> Any:
    """The module that opens scenes."""
    try:
        from ..mrml import open_scene
    except ModuleNotFoundError as error:
        if error.name != "slicer":
            raise
        raise IFIMeasureError(
            f"{path}: a scene is opened by the package slicer-core, which is not installed; install it."
        ) from None
    return open_scene


def _opened(
    saved: SavedStudy,
    where: Path,
    segments: Path,
    landmarks: dict[Side, LandmarkSet],
    image: Path | None,
    say: Callable[[str], None],
) -> OpenedStudy:
    """Prepare a study from its document and segmentation.

    :param where: file that the document stands in.
    :param segments: file of the segmentation.
    """
    segmentation = read_segmentation(segments)
    segmentation.grid = replace(segmentation.grid, across=saved.grid.across)
    provenance = Provenance.from_document(saved.provenance, where)
    volume, images = _images(where.parent, provenance, image, say)
    prepared = PreparedStudy(
        segmentation,
        resolve_structures(segmentation, None),
        volume,
        saved.sides,
        saved.subject,
        say,
        provenance,
    )
    prepared.images, prepared.date, prepared.findings = images, saved.date, saved.findings
    prepared.notes = list(dict.fromkeys((*saved.notes, *prepared.notes)))
    lacking = _lacking_image(provenance)
    if volume is not None and lacking in prepared.notes:
        prepared.notes.remove(lacking)
    elif volume is None and lacking and lacking not in prepared.notes:
        prepared.notes.append(lacking)
    return OpenedStudy(where.parent.name, landmarks, saved.subject, prepared)


def _lacking_image(provenance: Provenance) -> str:
    name = provenance.name_of("image")
    return f"the image ({name}) is not kept with the results, so what it tells is not measured" if name else ""


def _images(
    folder: Path, provenance: Provenance, image: Path | None, say: Callable[[str], None]
) -> tuple[Volume | None, MuscleImages | None]:
    """The image that was measured, and what tells fat and edema; None where the folder does not hold them.

    :param image: the DICOM folder that was measured, which wins over the scene.
    """
    scene, second = folder / SCENE, None
    volume = measured_series(image, provenance, say) if image is not None else None
    if scene.exists():
        kept, second = _scenes(scene).scene_images(scene)
        volume = kept if volume is None else volume
    if volume is not None:
        volume = replace(volume, contrast=provenance.contrast)
    fraction = folder / "fat_fraction.nrrd"
    if second is None and fraction.exists():
        fat = read_volume(fraction)
        return volume, MuscleImages(fat.grid, water=1.0 - fat.array, fat=fat.array)
    if volume is None or not provenance.contrast:
        return volume, None
    return volume, muscle_images(provenance.contrast, volume, second)


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
