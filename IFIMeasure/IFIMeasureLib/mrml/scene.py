"""Images and segmentations as MRML nodes and back, files of them, and a scene of one's own outside the application.

Everything goes into the scene that is passed in; nothing here needs the Slicer application. Runs on the
PyPI package slicer-core and inside 3D Slicer alike.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import slicer

from ..files.exchange import private_folder
from ..files.intact import refuse_unreadable
from ..files.text_headers import check_nrrd
from ..values import IFIMeasureError

_MODULE_LOGICS = ("Markups", "Volumes", "Tables", "Plots")


@dataclass
class Headless:
    """A scene of its own with Slicer's logics, for use outside the application. Keep it while nodes are used."""

    scene: Any
    application_logic: Any
    logics: list[Any] = field(default_factory=list)


def create_scene() -> Headless:
    """Return a fresh scene wired as the application wires its own (the order of the logics matters)."""
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    # the application's color logic would register it, but that one looks for files only an application has
    scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())
    headless = Headless(scene, application)
    for name in (
        "vtkMRMLColorLogic",
        *(f"vtkSlicer{n}Logic" for n in _MODULE_LOGICS),
        "vtkSlicerSubjectHierarchyModuleLogic",
        "vtkSlicerSegmentationsModuleLogic",
    ):
        logic = getattr(slicer, name)()
        if hasattr(logic, "SetMRMLApplicationLogic"):
            logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
        if hasattr(logic, "AddDefaultColorNodes"):
            logic.AddDefaultColorNodes()
        application.SetModuleLogic(
            name.removeprefix("vtkSlicer").removeprefix("vtkMRML").removesuffix("Logic").removesuffix("Module"), logic
        )
        headless.logics.append(logic)
    return headless


def write_landmarks(scene: Any, node: Any, path: Path) -> None:
    """Write a markups node as ``.mrk.json``, LPS, full precision."""
    storage = scene.AddNewNodeByClass(
        "vtkMRMLMarkupsFiducialStorageNode" if path.suffix == ".fcsv" else "vtkMRMLMarkupsJsonStorageNode"
    )
    storage.SetFileName(str(path))
    written = storage.WriteData(node)
    scene.RemoveNode(storage)
    if not written:
        raise OSError(errno.EIO, "the disk is full, or it cannot be written to", str(path))


def write_scene(scene: Any, path: Path, thumbnail: Any = None) -> None:
    """Write the scene as ``.mrb``.

    :raises OSError: where it cannot be written.
    """
    with _quiet():
        written = scene.WriteToMRB(str(path), thumbnail)
    if not written:
        raise OSError(errno.EIO, "the disk is full, or it cannot be written to", str(path))
    _without_control_characters(path)


def _without_control_characters(path: Path) -> None:
    """Take control characters of names out of a scene: VTK writes them as they are, and no program then reads it."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".mrml")]
        texts = {name: archive.read(name) for name in names}
        if all(_is_xml(text) for text in texts.values()):
            return
        cleaned = path.with_name(f"{path.name}.cleaned")
        with zipfile.ZipFile(cleaned, "w", zipfile.ZIP_DEFLATED) as anew:
            for name in archive.namelist():
                anew.writestr(name, _readable(texts[name]) if name in texts else archive.read(name))
    os.replace(cleaned, path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what ITK prints about a failed write off the terminal; the application's log shall have it."""
    if getattr(slicer, "app", None) is not None:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def read_scene(headless: Headless, path: Path) -> None:
    """Read a scene (``.mrb`` or ``.mrml``) into a fresh headless one.

    What the scene holds of other extensions, which Slicer's core does not know, is left out.

    :raises IFIMeasureError: where it is no scene, or it is damaged.
    """
    refuse_unreadable(path)
    if path.suffix.lower() == ".mrml":
        _import(headless.scene, path, path)
        return
    with private_folder() as unpacked:
        try:
            mrml = _unpack(path, unpacked)
            _refuse_damaged_images(unpacked, path)
            _import(headless.scene, mrml, path)
        except IFIMeasureError:
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, LookupError, OSError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise IFIMeasureError(
                f"{path}: this is no scene of 3D Slicer, or it is damaged; save the scene again as .mrb."
            ) from None


def _unpack(path: Path, folder: Path) -> Path:
    """Unpack a scene's archive (ReadFromMRB needs what only the application has); returns its ``.mrml``."""
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > _MOST_BYTES:
            raise IFIMeasureError(
                f"{path}: the scene holds {size / 2**30:.1f} GiB, more than can be opened; save it "
                "with the study's image alone."
            )
        for name in archive.namelist():
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise zipfile.BadZipFile
        archive.extractall(folder)
    scenes = sorted(folder.rglob("*.mrml"), key=lambda found: len(found.parts))
    if not scenes:
        raise zipfile.BadZipFile
    return scenes[0]


def _refuse_damaged_images(folder: Path, path: Path) -> None:
    """Refuse images that are not whole: VTK fills what is missing, and takes the memory that a header claims."""
    for file in sorted(folder.rglob("*.nrrd")):
        try:
            check_nrrd(file)
        except IFIMeasureError as error:
            raise IFIMeasureError(f"{path}: {str(error).replace(str(file), file.name)}") from None


_MOST_BYTES = 1 << 32
"""Of all files of a scene together, unpacked."""


def _import(scene: Any, mrml: Path, path: Path) -> None:
    scene.SetURL(str(mrml))
    scene.SetRootDirectory(str(mrml.parent))
    try:
        text = mrml.read_bytes()
        if not _is_xml(text):
            text = _readable(text)
        if not _is_xml(text):
            raise ValueError
    except (ValueError, OSError):
        raise IFIMeasureError(f"{path}: the scene is damaged, or is none; save it again.") from None
    scene.SetLoadFromXMLString(1)
    scene.SetSceneXMLString(text.decode("utf-8", "replace"))
    with _quiet():
        scene.Import(None)
    scene.SetLoadFromXMLString(0)


def _readable(text: bytes) -> bytes:
    """A scene's XML without what Slicer writes into it of names as they are."""
    return _CONTROL.sub(b"", _LONE_AMPERSAND.sub(b"&amp;", text))


_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


_LONE_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)")


def _is_xml(text: bytes) -> bool:
    try:
        ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return False
    return True
