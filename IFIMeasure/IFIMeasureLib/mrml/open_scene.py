"""A study of a saved scene, opened without an application and ready to be measured again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..images.masks import Volume
from ..study.opened import OpenedStudy
from ..study.prepared import PreparedStudy
from ..study.result import Progress
from ..values import IFIMeasureError, Side
from .preparing import BOTH_SIDES, image_of, second_image_of
from .scene import create_scene, read_scene
from .study_nodes import StudyNodes


def open_study_scene(path: Path, name: str | None = None, progress: Progress | None = None) -> OpenedStudy:
    """Open a study of a scene that the command line, the module or 3D Slicer saved (``.mrb`` or ``.mrml``).

    :param name: of the study; needed only where the scene holds several.
    :raises IFIMeasureError: where it is no scene, holds no such study, or that cannot be measured; one sentence.
    """
    headless = create_scene()
    read_scene(headless, path)
    nodes = _chosen(StudyNodes.all(headless.scene), path, name)
    _refuse_unread(nodes, path)
    try:
        landmarks = {side: nodes.landmarks(side) for side in Side}
        prepared = None if nodes.segmentation is None else _prepare(nodes, progress)
    except IFIMeasureError as error:
        raise IFIMeasureError(f"{path}: {error}") from None
    return OpenedStudy(nodes.name, landmarks, nodes.subject, prepared)


def scene_images(path: Path, name: str | None = None) -> tuple[Volume | None, Volume | None]:
    """Return the image of a scene's study and the second one of Dixon, RAS (world); None for those it has not.

    :param name: of the study; needed only where the scene holds several.
    :raises IFIMeasureError: where it is no scene, or holds no such study; one sentence.
    """
    headless = create_scene()
    read_scene(headless, path)
    nodes = _chosen(StudyNodes.all(headless.scene), path, name)
    _refuse_unread(nodes, path)
    return image_of(nodes), second_image_of(nodes)


def _prepare(nodes: StudyNodes, progress: Progress | None) -> PreparedStudy:
    """As it was measured last, where nothing else was chosen since: the sides asked for, and the notes."""
    same = nodes.measured_these_nodes()
    known = nodes.provenance if same else None
    asked = "both" if known is None else known.options.get("side", "both")
    sides = tuple(side for side in BOTH_SIDES if asked in ("both", side.value))
    prepared = nodes.prepare(progress, sides)
    if same:
        prepared.notes = list(dict.fromkeys((*nodes.notes, *prepared.notes)))
    return prepared


def _refuse_unread(nodes: StudyNodes, path: Path) -> None:
    """Refuse a study of which a file is missing or damaged: what a person placed would be lost without a word."""
    roles = {
        "segmentation": "segmentation",
        "volume": "image",
        "second_volume": "second image",
        **{f"landmarks_{side.value}": f"landmarks of the {side.value} side" for side in Side},
    }
    for role, what in roles.items():
        node = nodes.node(role)
        if node is not None and _is_empty(node):
            storage = node.GetStorageNode()
            file = Path(storage.GetFileName() if storage is not None else "").name or node.GetName()
            raise IFIMeasureError(
                f"{path}: the {what} of '{nodes.name}' cannot be read ({file}); save the scene again."
            )


def _is_empty(node: Any) -> bool:
    if node.IsA("vtkMRMLMarkupsNode"):
        return bool(node.GetNumberOfControlPoints() == 0)
    if node.IsA("vtkMRMLSegmentationNode"):
        return bool(node.GetSegmentation().GetNumberOfSegments() == 0)
    return node.GetImageData() is None


def _chosen(studies: list[StudyNodes], path: Path, name: str | None) -> StudyNodes:
    if not studies:
        raise IFIMeasureError(f"{path}: the scene holds no study of IFIMeasure; open it in 3D Slicer and begin one.")
    named = [study for study in studies if name in (None, study.name)]
    if len(named) == 1:
        return named[0]
    names = ", ".join(f"'{study.name}'" for study in studies)
    if name is None:
        raise IFIMeasureError(f"{path}: the scene holds several studies ({names}); name one of them.", argument="name")
    found = "no study" if not named else "several studies"
    raise IFIMeasureError(f"{path}: the scene holds {found} named '{name}'; there are {names}.", argument="name")
