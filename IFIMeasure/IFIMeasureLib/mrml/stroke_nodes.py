"""Points that a person knows to lie inside or outside the quadratus femoris, RAS millimeter."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from ..muscle.strokes import Strokes
from .record import StudyRecord

_LOOKS = {"inside": ((0.2, 0.8, 0.3), "Sphere3D"), "outside": ((0.85, 0.2, 0.8), "Cross2D")}


def stroke_node(study: StudyRecord, kind: str) -> Any:
    """Return the list of the points ``inside`` or ``outside``, making it where there is none."""
    node = study.node(f"strokes_{kind}")
    if node is None:
        name = study.title(f"{kind} the quadratus femoris")
        node = study.made(f"strokes_{kind}", "vtkMRMLMarkupsFiducialNode", name)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        if display is not None:
            color, glyph = _LOOKS[kind]
            display.SetSelectedColor(*color)
            display.SetGlyphTypeFromString(glyph)
            display.SetPointLabelsVisibility(False)
    return node


def strokes_of(study: StudyRecord) -> Strokes:
    """Return the strokes of both kinds, RAS (world) millimeter."""
    found = []
    for kind in _LOOKS:
        node = study.node(f"strokes_{kind}")
        points = []
        for index in range(0 if node is None else node.GetNumberOfControlPoints()):
            if node.GetNthControlPointPositionStatus(index) == slicer.vtkMRMLMarkupsNode.PositionDefined:
                place = [0.0] * 3
                node.GetNthControlPointPositionWorld(index, place)
                points.append(place)
        found.append(np.array(points).reshape(-1, 3))
    return Strokes(*found)
