"""Whether the files of a folder of results are those that its ``study.json`` was written with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath

from ..anatomy.landmarks import LandmarkSet, landmark_definitions
from ..files.checksums import sha256_of_file
from ..files.results import SavedStudy
from ..values import IFIMeasureError, Side
from .formats import OUTPUT_FILES

STUDY = "study.json"


NEEDED = ("segmentation.seg.nrrd", "fat_fraction.nrrd")
"""Files that a study is measured again from, and that no one changes without measuring again."""


_MOVED_MM = 1e-3
"""How far a landmark lies from its former place that a person has moved; below, it is rounding."""


def foreign_files(
    folder: Path, saved: SavedStudy, among: Iterable[str] | None = None, largest: int | None = None
) -> list[str]:
    """Return the results in a folder that its study was not written with: changed since, or of another run.

    :param among: names of the files that are looked at; None for all.
    :param largest: size in bytes of the largest file that is looked at; None for any size.
    """
    if not saved.outputs:
        return []  # an early version kept no checksums
    found = []
    for name in dict.fromkeys((*saved.outputs, *OUTPUT_FILES)) if among is None else among:
        path = folder / name
        if name == STUDY or PurePath(name).name != name or not path.is_file():
            continue
        if (largest is None or path.stat().st_size <= largest) and saved.outputs.get(name) != sha256_of_file(path):
            found.append(name)
    return found


def remarks_on(folder: Path, saved: SavedStudy, foreign: list[str]) -> list[str]:
    """Return what stands against taking a folder's files for one study, a sentence each.

    :param foreign: what :func:`foreign_files` found.
    """
    remarks = []
    if saved.altered:
        remarks.append(
            f"{STUDY} of {folder.name}: it was changed after it was written; its values are taken as they are now"
        )
    if foreign:
        remarks.append(f"{folder.name}: {', '.join(foreign)} {_not_its_own(foreign)}")
    return remarks


def refuse_mixture(folder: Path, foreign: list[str]) -> None:
    """Refuse to measure a study again from files that it was not written with.

    :param foreign: what :func:`foreign_files` found.
    :raises IFIMeasureError: where the segmentation or the fat fraction is among them.
    """
    names = [name for name in foreign if name in NEEDED]
    if names:
        raise IFIMeasureError(
            f"{folder}: {' and '.join(names)} {_not_its_own(names)}; measure the study again with 'ifimeasure measure'."
        )


def _not_its_own(names: list[str]) -> str:
    verb = "is" if len(names) == 1 else "are"
    return f"{verb} not what {STUDY} was written with: changed since, or of another run"


def edited_landmarks(saved: LandmarkSet, found: LandmarkSet, side: Side) -> str:
    """Return what differs between the landmarks of a study and those in its file, in words; empty for nothing."""
    changed = []
    for key, definition in landmark_definitions().items():
        before, now = saved[key].position_ras_mm, found[key].position_ras_mm
        moved = before is not None and now is not None and max(abs(a - b) for a, b in zip(before, now)) > _MOVED_MM
        if moved or (before is None) != (now is None):
            changed.append(definition.title)
    return f"landmarks of the {side.value} side that were edited in the folder: {', '.join(changed)}" if changed else ""
