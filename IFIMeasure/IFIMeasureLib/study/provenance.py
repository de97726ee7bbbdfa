"""Where a study's results come from: its inputs, series, options, versions. One object that every carrier keeps.

It travels with a study through memory, ``study.json``, the scene's record and the DICOM Segmentation. It names files,
never folders: folders tell of persons.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import importlib.metadata
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath, PureWindowsPath
from typing import Any, Literal, cast, get_args

from .. import __version__
from ..anatomy.structures import Structure
from ..files.checksums import sha256_of_files
from ..images.masks import Segmentation, SegmentRef, Volume
from ..values import IFIMeasureError, Side

MuscleOrigin = Literal["segment", "image", "drawn slices", "image, with other examinations"]
"""Where a quadratus femoris came from. Saved as it is: never rename."""


FOUND_IN_IMAGE: tuple[MuscleOrigin, ...] = ("image", "image, with other examinations")
"""Origins of a muscle that is no person's work."""


_FILE_OPTIONS = ("image", "segmentation", "fat_image", "opposed_image", "landmarks", "strokes", "earlier")


_PLAIN_OPTIONS = (
    *("labels", "series", "fat_series", "opposed_series", "side", "contrast", "sex", "age", "height", "weight"),
    *("date", "findings", "seed", "same_place", "register"),
)


OPTIONS = (*_FILE_OPTIONS, *_PLAIN_OPTIONS)
"""Options that are kept. Every other one is dropped: it may name a person or a folder."""


@dataclass(frozen=True)
class InputFile:
    """What was read: its ``role`` (``segmentation``, ``image``), name without folders, checksum, and number of files.

    The checksum of several files (a DICOM series) is that of their checksums; it is empty for what was no file.
    """

    role: str
    name: str
    sha256: str = ""
    files: int = 0


@dataclass(frozen=True)
class Series:
    """The DICOM series that was measured."""

    uid: str
    study_uid: str = ""
    number: str = ""
    description: str = ""
    modality: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where results come from.

    :param created: when they were measured, ISO 8601 with its time zone; empty before.
    :param versions: of this program and of the libraries that it computes with.
    :param inputs: segmentation and image, as they were read first.
    :param series: the DICOM series of the image, where it is one.
    :param options: what the person asked for; see :func:`kept_options`.
    :param contrast: what the image is: ``t1``, ``t2fs``, ``water``, ``in-phase``; empty where no one has said.
    :param muscle_origins: where the quadratus femoris of each side came from; sides without one are absent.
    :param structures: by structure name, the segments of the input that it was read from; none for what was made here.
    """

    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[InputFile, ...] = ()
    series: Series | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    contrast: str = ""
    muscle_origins: Mapping[Side, MuscleOrigin] = field(default_factory=dict)
    structures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        segmentation: Segmentation,
        structures: Mapping[Structure, list[SegmentRef]],
        volume: Volume | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Provenance:
        """Return what is known of inputs that were just read."""
        files = segmentation.files or (segmentation.path,)
        inputs = [_input("segmentation", segmentation.path, files)]
        if volume is not None:
            inputs.append(_input("image", volume.path, volume.files))
        return cls(
            inputs=tuple(inputs),
            series=None if volume is None else _series(volume.tags),
            options=kept_options(options or {}),
            contrast="" if volume is None else volume.contrast,
            structures={structure.name: tuple(ref.name for ref in refs) for structure, refs in structures.items()},
        )

    def now(self) -> Provenance:
        """Return the same, of results that this program has just measured."""
        created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        return replace(self, created=created, versions=dict(installed_versions()))

    def with_muscle(self, side: Side, origin: MuscleOrigin) -> Provenance:
        """Return the same with a quadratus femoris that was made here."""
        name = Structure("quadratus_femoris", side).name
        return replace(
            self,
            muscle_origins={**self.muscle_origins, side: origin},
            structures={**self.structures, name: self.structures.get(name, ())},
        )

    def name_of(self, role: str) -> str:
        """Return the name of an input; empty where there is none."""
        return next((of.name for of in self.inputs if of.role == role), "")

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON content; :meth:`from_document` reads it back to an equal object."""
        series = self.series
        return {
            "created": self.created,
            "versions": dict(self.versions),
            "inputs": [
                {"role": of.role, "name": of.name, "files": of.files, "sha256": of.sha256} for of in self.inputs
            ],
            "series": None
            if series is None
            else {
                "uid": series.uid,
                "study_uid": series.study_uid,
                "number": series.number,
                "description": series.description,
                "modality": series.modality,
            },
            "options": dict(self.options),
            "contrast": self.contrast,
            "muscle_origins": {side.value: origin for side, origin in self.muscle_origins.items()},
            "structures": {name: list(segments) for name, segments in self.structures.items()},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], where: object) -> Provenance:
        """Return what :meth:`to_document` gave; what is missing is as if nothing were known of it.

        :param where: file or node that it stands in, for the sentence where it is damaged.
        :raises IFIMeasureError: where something else stands in it than there must.
        """
        try:
            series = document.get("series") or {}
            return cls(
                created=_text(document.get("created")),
                versions={_text(key): _text(of) for key, of in (document.get("versions") or {}).items()},
                inputs=tuple(_read_input(of) for of in document.get("inputs") or ()),
                series=Series(**{key: _text(series.get(key)) for key in Series.__dataclass_fields__})
                if series.get("uid")
                else None,
                options=kept_options(document.get("options") or {}),
                contrast=_text(document.get("contrast")),
                muscle_origins={Side(side): _origin(of) for side, of in (document.get("muscle_origins") or {}).items()},
                structures={
                    _text(name): tuple(_text(of) for of in segments)
                    for name, segments in (document.get("structures") or {}).items()
                },
            )
        except IFIMeasureError:
            raise
        except (AttributeError, TypeError, ValueError, OverflowError, RecursionError):
            raise IFIMeasureError(
                f"{where}: what it says of its inputs, options and versions is damaged; measure the study again."
            ) from None


def kept_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of :data:`OPTIONS` that were given: files by their names alone, all else as JSON content.

    What is None or empty was not given. Tables, images and other objects in memory are left out.
    """
    kept = {}
    for key in OPTIONS:
        value = given.get(key)
        if key in _FILE_OPTIONS:
            value = [_name(of) for of in value] if isinstance(value, (list, tuple)) else _name(value)
        elif key == "labels" and isinstance(value, (str, PurePath)) and not str(value).lstrip().startswith("{"):
            value = _name(value)
        else:
            value = _plain(value)
        if value not in (None, "", [], {}):
            kept[key] = value
    return kept


@functools.lru_cache(maxsize=1)
def installed_versions() -> Mapping[str, str]:
    """Return the versions of this program, of Python and of the libraries that results hang on. Do not change it."""
    versions = {"ifimeasure": __version__, "python": sys.version.split()[0]}
    for package in ("slicer-core", "vtk", "numpy", "scipy", "SimpleITK", "pydicom"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _input(role: str, path: PurePath, files: tuple[Any, ...]) -> InputFile:
    return InputFile(role, path.name, sha256_of_files(files), len(files))


def _series(tags: Mapping[str, str]) -> Series | None:
    if "SeriesInstanceUID" not in tags:
        return None
    return Series(
        uid=tags["SeriesInstanceUID"],
        study_uid=tags.get("StudyInstanceUID", ""),
        number=tags.get("SeriesNumber", ""),
        description=tags.get("SeriesDescription", "") or tags.get("ProtocolName", ""),
        modality=tags.get("Modality", ""),
    )


def _name(value: Any) -> str | None:
    """A file's name, whichever system its path is of; None for what is no path."""
    return PureWindowsPath(str(value)).name if isinstance(value, (str, PurePath)) else None


def _plain(value: Any) -> Any:
    """JSON content of a value; None where it is none."""
    if isinstance(value, Side):
        return value.value
    if isinstance(value, Structure):
        return value.name
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(of) for key, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(of) for of in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, bool, int, float)) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError
    return value


def _read_input(of: Mapping[str, Any]) -> InputFile:
    return InputFile(
        role=_text(of.get("role")),
        name=_text(of.get("name")),
        sha256=_text(of.get("sha256")),
        files=int(of.get("files") or 0),
    )


def _origin(text: Any) -> MuscleOrigin:
    if text not in get_args(MuscleOrigin):
        raise ValueError
    return cast(MuscleOrigin, text)
