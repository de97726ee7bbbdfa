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
    if not path.is_file():
        raise IFIMeasureError(f"{path}: there is no such file; give a scene that was saved (.mrb or .mrml).")
    if path.suffix.lower() == ".mrml":
        _import(headless.scene, path, path)
        return
    with private_folder() as unpacked:
        try:
            _import(headless.scene, _unpack(path, unpacked), path)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            raise IFIMeasureError(
                f"{path}: this is no scene of 3D Slicer, or it is damaged; save the scene again as .mrb."
            ) from None


def _unpack(path: Path, folder: Path) -> Path:
    """Unpack a scene's archive (ReadFromMRB needs what only the application has); returns its ``.mrml``."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise zipfile.BadZipFile
        archive.extractall(folder)
    scenes = sorted(folder.rglob("*.mrml"), key=lambda found: len(found.parts))
    if not scenes:
        raise zipfile.BadZipFile
    return scenes[0]


def _import(scene: Any, mrml: Path, path: Path) -> None:
    scene.SetURL(str(mrml))
    scene.SetRootDirectory(str(mrml.parent))
    try:
        text = mrml.read_bytes()
        if not _is_xml(text):
            text = _LONE_AMPERSAND.sub(b"&amp;", text)  # Slicer writes names of files so
        if not _is_xml(text):
            raise ValueError
    except (ValueError, OSError):
        raise IFIMeasureError(f"{path}: the scene is damaged, or is none; save it again.") from None
    scene.SetLoadFromXMLString(1)
    scene.SetSceneXMLString(text.decode("utf-8", "replace"))
    with _quiet():
        scene.Import(None)
    scene.SetLoadFromXMLString(0)


_LONE_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)")


def _is_xml(text: bytes) -> bool:
    try:
        ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return False
    return True
