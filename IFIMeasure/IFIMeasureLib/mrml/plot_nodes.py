"""The spaces along the axial planes as a plot, with the published cutoffs as a band."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from vtkmodules.vtkCommonCore import vtkDoubleArray
from vtkmodules.vtkCommonDataModel import vtkTable

from ..anatomy.reference_values import Subject, published
from ..measuring.registry import MEASUREMENTS
from ..measuring.spaces import SPACES, Space
from ..study.result import StudyResult
from ..values import Array, Side
from .record import StudyRecord, space_color

LEGEND_SHARE = 0.75
"""Room for the legend, as a share of the width that the points take."""

_BAND_SPACE = "ifs"
"""Whose published cutoffs are drawn: both spaces are plotted, and this one has most."""


def show_plot(study: StudyRecord, result: StudyResult) -> None:
    """Plot the spaces along the axial planes, one series a side and space."""
    levels: list[float] = []
    shown: list[Any] = []
    for side in Side:
        for name in SPACES:
            space = result.hips[side].spaces[name] if side in result.hips else None
            profile = space.profile if isinstance(space, Space) else ()
            points = [(p.level_mm, p.distance_mm) for p in profile if p.distance_mm is not None]
            role = f"{name}_{side.value}"
            if not points:
                study.remove(f"series_{role}", f"points_{role}")
                continue
            levels += [level for level, _ in points]
            series = _series(study, role, f"{name.upper()} {side.value}", np.array(points))
            _style(series, side, name)
            shown.append(series)
    if not levels:
        study.remove("plot", "series_cutoffs", "points_cutoffs")
        return
    low, high = min(levels) - 2.0, max(levels) + 2.0
    band = _band(study, result.subject, low, high)
    chart = study.made("plot", "vtkMRMLPlotChartNode", study.title("profile plot"))
    _label(chart, low, high)
    wanted = [node.GetID() for node in (band, *shown)]
    if [chart.GetNthPlotSeriesNodeID(n) for n in range(chart.GetNumberOfPlotSeriesNodes())] != wanted:
        chart.RemoveAllPlotSeriesNodeIDs()
        for node_id in wanted:
            chart.AddAndObservePlotSeriesNodeID(node_id)


def _label(chart: Any, low: float, high: float) -> None:
    """Say what the axes are, and leave room beside the points for the legend, which lies over the upper right."""
    chart.SetTitle("Spaces along the lesser trochanter")
    chart.SetXAxisTitle("superior (mm)")
    chart.SetYAxisTitle("space (mm)")
    chart.SetTitleFontSize(14)
    chart.SetAxisTitleFontSize(13)
    chart.SetAxisLabelFontSize(12)
    chart.SetLegendFontSize(12)
    chart.SetXAxisRangeAuto(False)
    chart.SetXAxisRange(low, high + LEGEND_SHARE * (high - low))


def _style(series: Any, side: Side, name: str) -> None:
    """Tell sides by the marker, spaces by the line, and all four by their color."""
    of = slicer.vtkMRMLPlotSeriesNode
    series.SetColor(*space_color(name, side))
    series.SetMarkerStyle(of.MarkerStyleCircle if side is Side.RIGHT else of.MarkerStyleSquare)
    series.SetLineStyle(of.LineStyleSolid if name == "ifs" else of.LineStyleDash)
    series.SetLineWidth(2.0)


def _band(study: StudyRecord, subject: Subject, left: float, right: float) -> Any:
    """A band, drawn as one line that runs to and fro: plots know no areas."""
    low, high = _cutoff_band(subject)
    heights = np.linspace(low, high, 25)
    points = [(x, y) for n, y in enumerate(heights) for x in ((left, right) if n % 2 == 0 else (right, left))]
    series = _series(study, "cutoffs", f"IFS cutoffs {low:g} to {high:g} mm", np.array(points))
    series.SetColor(0.6, 0.6, 0.6)
    series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
    series.SetLineWidth(2.0)
    series.SetOpacity(0.5)
    return series


def _cutoff_band(subject: Subject) -> tuple[float, float]:
    """Lowest and highest published cutoff that fits the subject, millimeter."""
    rows = [row for m in MEASUREMENTS if m.scored and m.space == _BAND_SPACE for row in published(m.id, subject)]
    cutoffs = [row.cutoff_mm for row in rows if row.cutoff_mm is not None]
    return (min(cutoffs), max(cutoffs)) if cutoffs else (0.0, 0.0)


def _series(study: StudyRecord, role: str, title: str, points: Array) -> Any:
    """A series of points (N, 2): superior coordinate and space, millimeter."""
    table = vtkTable()
    for index, column in enumerate(("level_s_mm", "distance_mm")):
        array = vtkDoubleArray()
        array.SetName(column)
        array.SetNumberOfValues(len(points))
        for row, value in enumerate(points[:, index]):
            array.SetValue(row, float(value))
        table.AddColumn(array)
    node = study.made(f"points_{role}", "vtkMRMLTableNode", study.title(f"plot {title}"))
    node.SetAndObserveTable(table)
    series = study.made(f"series_{role}", "vtkMRMLPlotSeriesNode", title)
    series.SetName(title)
    series.SetAndObserveTableNodeID(node.GetID())
    series.SetXColumnName("level_s_mm")
    series.SetYColumnName("distance_mm")
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    return series
