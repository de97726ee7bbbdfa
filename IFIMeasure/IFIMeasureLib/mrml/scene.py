"""Images and segmentations as MRML nodes and back, files of them, and a scene of one's own outside the application.

Everything goes into the scene that is passed in; nothing here needs the Slicer application. Runs on the
PyPI package slicer-core and inside 3D Slicer alike.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer

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


def read_scene(headless: Headless, path: Path, folder: Path) -> None:
    """Read an ``.mrb`` into a fresh headless scene by unpacking it into ``folder``."""
    shutil.unpack_archive(str(path), str(folder), "zip")
    mrml = next(folder.rglob("*.mrml"))
    headless.scene.SetURL(str(mrml))
    headless.scene.SetRootDirectory(str(mrml.parent))
    headless.scene.Import(None)
