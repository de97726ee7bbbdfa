"""Bones in 3D: the surfaces of a study's segments, made one at a time so that the first are seen at once."""

from __future__ import annotations

import numpy as np
import slicer
from vtkmodules.vtkCommonCore import reference

from ..anatomy.structures import definitions, parse_structure
from ..values import Array
from .study_nodes import StudyNodes
from .study_segments import is_filled

_SURFACE = "Closed surface"
_LABELS = "Binary labelmap"
_SOFTENED = "IFIMeasure.softened"  # tag of a segment that was made half transparent
_SOFT_OPACITY = 0.35  # of muscles and tendons: the bones and the lines between them stay in view


def segments_without_surface(nodes: StudyNodes) -> list[str]:
    """Return the ids of the segments that are not empty and have no surface yet, bones first."""
    if nodes.segmentation is None:
        return []
    segmentation = nodes.segmentation.GetSegmentation()
    structures = nodes.structures()
    waiting = [
        key
        for key in structures
        if segmentation.GetSegment(key).GetRepresentation(_SURFACE) is None and is_filled(nodes, key)
    ]
    return sorted(waiting, key=lambda key: not _is_bone(structures[key]))


def make_surface(nodes: StudyNodes, segment_id: str) -> None:
    """Give a segment its surface, as smooth as its segmentation says, and show it in 3D."""
    node = nodes.segmentation
    segment = node.GetSegmentation().GetSegment(segment_id)
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(segment_id, image)
    alone, copy = slicer.vtkSegmentation(), slicer.vtkSegment()
    alone.SetSourceRepresentationName(_LABELS)
    for name in ("Smoothing factor", "Decimation factor", "Compute surface normals"):
        alone.SetConversionParameter(name, node.GetSegmentation().GetConversionParameter(name))
    copy.AddRepresentation(_LABELS, image)
    alone.AddSegment(copy, segment_id)
    alone.CreateRepresentation(_SURFACE)
    segment.AddRepresentation(_SURFACE, copy.GetRepresentation(_SURFACE))
    display = node.GetDisplayNode()
    if display is not None:
        display.SetVisibility3D(True)


def soften(nodes: StudyNodes) -> None:
    """Make muscles and tendons half transparent, once each: afterwards they are as a person wants them."""
    display = None if nodes.segmentation is None else nodes.segmentation.GetDisplayNode()
    if display is None:
        return
    for key, structure in nodes.structures().items():
        segment, tag = nodes.segmentation.GetSegmentation().GetSegment(key), reference("")
        if not _is_bone(structure) and is_filled(nodes, key) and not segment.GetTag(_SOFTENED, tag):
            segment.SetTag(_SOFTENED, "1")
            if display.GetSegmentOpacity3D(key) == 1.0:
                display.SetSegmentOpacity3D(key, _SOFT_OPACITY)


def draw_surfaces_in_slices(nodes: StudyNodes) -> str | None:
    """Let slice views cut the segments' surfaces, several times quicker to draw than their voxels.

    :returns: what they showed, for :func:`draw_in_slices`; None where nothing was to be done.
    """
    display = None if nodes.segmentation is None else nodes.segmentation.GetDisplayNode()
    if display is None or segments_without_surface(nodes):
        return None
    shown = display.GetPreferredDisplayRepresentationName2D() or ""
    if shown == _SURFACE or not nodes.segmentation.GetSegmentation().ContainsRepresentation(_SURFACE):
        return None
    draw_in_slices(nodes, _SURFACE)
    return shown


def draw_in_slices(nodes: StudyNodes, representation: str) -> None:
    """Let slice views draw a representation of the segments."""
    display = None if nodes.segmentation is None else nodes.segmentation.GetDisplayNode()
    if display is not None:
        display.SetPreferredDisplayRepresentationName2D(representation)


def show_bone_segments(nodes: StudyNodes, visible: bool) -> None:
    """Show or hide the bones' own surfaces, which lie where the colored ones do."""
    display = None if nodes.segmentation is None else nodes.segmentation.GetDisplayNode()
    if display is None:
        return
    for key, structure in nodes.structures().items():
        if _is_bone(structure) and display.GetSegmentVisibility3D(key) != visible:
            display.SetSegmentVisibility3D(key, visible)


def extent_of_bones(nodes: StudyNodes) -> Array | None:
    """Return the lowest and highest corner (2, 3) of what is segmented, RAS millimeter; None where nothing is."""
    if nodes.segmentation is None:
        return None
    bounds = [0.0] * 6
    nodes.segmentation.GetRASBounds(bounds)
    corners = np.array(bounds).reshape(3, 2).T
    return corners if bool((corners[1] > corners[0]).all()) else None


def _is_bone(structure: str) -> bool:
    return bool(structure) and definitions()[parse_structure(structure, "segment").id].bone
