"""Bones as surfaces colored by the distance to the other bone, with a scalar bar in millimeters."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
import slicer
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..anatomy.structures import definitions
from ..images.frames import SideFrame
from ..images.surface import triangulated
from ..placement.bone_field import BoneField
from ..study.prepared import PreparedStudy
from ..values import Side
from .record import StudyRecord

MAX_SHOWN_DISTANCE_MM = 40.0
"""Distances beyond this get the last color."""

_LEGEND_SIZE = (0.10, 0.30)  # of the view
_LEGEND_PLACE = (0.98, 0.05)  # in the room that is left, from the left and from below
_LEGEND_FONT = 8  # points; the views draw them larger than they are elsewhere

_BONES = ("femur", "hip")
_COLORS = (
    (0.55, 0.05, 0.10),
    (0.90, 0.45, 0.15),
    (0.98, 0.85, 0.45),
    (0.75, 0.88, 0.90),
    (0.30, 0.55, 0.78),
    (0.16, 0.25, 0.55),
)


def show_bones(study: StudyRecord, prepared: PreparedStudy) -> None:
    """Show both bones of each side, colored; updated in place."""
    colors = study.made("bone_colors", "vtkMRMLProceduralColorNode", "IFIMeasure bone distance (mm)")
    function = colors.GetColorTransferFunction()
    if function.GetSize() == 0:
        for value, color in zip(np.linspace(0.0, MAX_SHOWN_DISTANCE_MM, len(_COLORS)), _COLORS):
            function.AddRGBPoint(float(value), *color)
    for side in Side:
        surfaces = bone_surfaces(prepared, side) if side in prepared.bones else {}
        for bone in _BONES:
            role = f"bone_{bone}_{side.value}"
            if bone not in surfaces:
                study.remove(role)
                continue
            title = f"{definitions()[bone].title} {side.value}, distance"
            node = study.made(role, "vtkMRMLModelNode", title)
            _color(node, colors)  # before there is anything to be seen
            node.SetAndObservePolyData(surfaces[bone])
            if bone == "femur" and study.node("color_legend") is None:
                _add_legend(study, node, colors)


def hide_bones(study: StudyRecord) -> None:
    """Remove the colored surfaces."""
    study.remove("color_legend", *(f"bone_{bone}_{side.value}" for side in Side for bone in _BONES), "bone_colors")


def _color(node: Any, colors: Any) -> None:
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is None:
        return
    display.SetActiveScalar("distance_mm", 0)
    display.SetScalarVisibility(True)
    display.SetAndObserveColorNodeID(colors.GetID())
    display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseManualScalarRange)
    display.SetScalarRange(0.0, MAX_SHOWN_DISTANCE_MM)
    display.SetVisibility2D(False)


def _add_legend(study: StudyRecord, node: Any, colors: Any) -> None:
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(node)
    if legend is not None:
        legend.SetTitleText("distance, mm")
        legend.SetSize(*_LEGEND_SIZE)
        legend.SetPosition(*_LEGEND_PLACE)
        for text in (legend.GetTitleTextProperty(), legend.GetLabelTextProperty()):
            text.SetFontSize(_LEGEND_FONT)
            text.SetBold(False)
        legend.SetLabelFormat("%.0f")
        legend.SetAndObserveColorNodeID(colors.GetID())
        legend.SetVisibility(True)
        study.set_node("color_legend", legend)


def bone_surfaces(prepared: PreparedStudy, side: Side) -> dict[str, Any]:
    """Return femur and hip bone (vtkPolyData, RAS), with the distance to the other as point data ``distance_mm``.

    Read from surfaces of 1 to 1.5 mm: good for colors, some tenths of a millimeter off.
    """
    turned = prepared.bones[side].masks_side
    fields = {
        "femur": prepared.bones[side].fields["femur"],
        "hip": BoneField(turned["hip"]),
    }  # the whole hip bone: placement needs its lower part only
    frame = SideFrame(side)
    surfaces = {}
    for bone, other in (("femur", "hip"), ("hip", "femur")):
        surface = triangulated(fields[bone].phi, frame.grid_to_ras(fields[bone].grid))
        points_side = frame.to_side(vtk_to_numpy(surface.GetPoints().GetData()))
        distance, _ = scipy.spatial.cKDTree(fields[other].surface[0]).query(points_side)
        scalars = numpy_to_vtk(distance.astype(np.float32), deep=True)
        scalars.SetName("distance_mm")
        surface.GetPointData().AddArray(scalars)
        surfaces[bone] = surface
    return surfaces
