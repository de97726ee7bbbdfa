"""Files for 3D Slicer: segmentation, landmarks, scene."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..study.result import StudyResult
from ..values import IFIMeasureError


def write_mrml(study: StudyResult, folder: Path, name: str, formats: Collection[str]) -> None:
    """Write the files for 3D Slicer among the ``formats``: landmarks, segmentation, scene.

    :raises IFIMeasureError: where Slicer's core is not installed.
    """
    try:
        from ..mrml import scene as mrml
        from ..mrml.segmentations import write_segmentation
        from ..mrml.study_nodes import StudyNodes
        from ..mrml.views import add_views
    except ModuleNotFoundError as error:
        if error.name != "slicer":
            raise
        raise IFIMeasureError(
            "Landmarks, segmentation and scene for 3D Slicer need the package slicer-core, which is not installed; "
            "install it, or leave these formats out.",
            argument="formats",
        ) from None

    headless = mrml.create_scene()
    nodes = StudyNodes.of_result(headless.scene, name, study)
    if "segmentation" in formats:
        write_segmentation(headless.scene, nodes.segmentation, folder / "segmentation.seg.nrrd")
    if "landmarks" in formats:
        for side in study.hips:
            mrml.write_landmarks(headless.scene, nodes.landmark_node(side), folder / f"landmarks_{side.value}.mrk.json")
    if "scene" in formats:
        add_views(headless.scene, nodes, study)
        mrml.write_scene(headless.scene, folder / "scene.mrb")
