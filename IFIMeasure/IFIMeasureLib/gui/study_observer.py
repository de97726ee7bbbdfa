"""Watches the nodes of one study, and the views' plots, and says what a person did with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
import slicer.util
import vtk

from ..mrml.live import LiveStudy
from ..mrml.views import clicked_level
from ..values import Side

CLICK_PIXELS = 3  # a press and release no farther apart is a click, not a drag


class StudyObserver(slicer.util.VTKObservationMixin):
    """Observes the landmarks, bones and plots of one study and of no other.

    :param on_changed: called when landmarks or bones have changed.
    :param on_defined: called with markups node and number of a control point that was given a place.
    :param on_drag: called with whether a landmark is being dragged, as that begins and ends.
    :param on_placing: called when what a click in a view does has changed.
    :param on_plot: called with side, space and level (superior, mm) of a point of the plot that was clicked.
    """

    def __init__(
        self,
        *,
        on_changed: Callable[[], None],
        on_defined: Callable[[Any, int], None],
        on_drag: Callable[[bool], None],
        on_placing: Callable[[], None],
        on_plot: Callable[[Side, str, float], None],
    ) -> None:
        super().__init__()
        self._on_changed, self._on_defined, self._on_drag = on_changed, on_defined, on_drag
        self._on_placing, self._on_plot = on_placing, on_plot
        self._live: LiveStudy | None = None
        self._pressed: tuple[int, int] | None = None
        self.plots: list[tuple[Any, Any]] = []

    def watch(self, live: LiveStudy | None) -> None:
        """Watch a study in place of the one before; None for none."""
        self.removeObservers()
        self._live, self.plots = live, []
        if live is None:
            return
        for side in Side:
            self._watch_landmarks(live.nodes.landmark_node(side))
        if live.nodes.segmentation is not None:
            self._watch_bones(live.nodes.segmentation)
        interaction = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        if interaction is not None:
            changed = slicer.vtkMRMLInteractionNode.InteractionModeChangedEvent
            self.addObserver(interaction, changed, self._placing_changed)
        selection = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSelectionNode")
        if selection is not None:
            changed = slicer.vtkMRMLSelectionNode.ActivePlaceNodeIDChangedEvent
            self.addObserver(selection, changed, self._placing_changed)

    def watch_plots(self) -> None:
        """Let clicks on plots be followed, in whatever layout they are shown."""
        manager = slicer.app.layoutManager()
        for index in range(manager.plotViewCount if manager is not None else 0):
            view = manager.plotWidget(index).plotView()
            interactor = view.renderWindow().GetInteractor()
            if interactor is not None and all(known is not interactor for known, _chart in self.plots):
                self.plots.append((interactor, view.chart()))
                self.addObserver(interactor, vtk.vtkCommand.LeftButtonPressEvent, self._plot_pressed)
                self.addObserver(interactor, vtk.vtkCommand.LeftButtonReleaseEvent, self._plot_released)

    def _watch_landmarks(self, node: Any) -> None:
        markups = slicer.vtkMRMLMarkupsNode
        for event in (
            markups.PointModifiedEvent,
            markups.PointPositionUndefinedEvent,
            markups.PointPositionMissingEvent,
            slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
        ):
            self.addObserver(node, event, self._changed)
        self.addObserver(node, markups.PointPositionDefinedEvent, self._defined)
        self.addObserver(node, markups.PointStartInteractionEvent, self._drag_started)
        self.addObserver(node, markups.PointEndInteractionEvent, self._drag_ended)

    def _watch_bones(self, node: Any) -> None:
        segmentation = node.GetSegmentation()
        for event in (
            slicer.vtkSegmentation.SourceRepresentationModified,
            slicer.vtkSegmentation.SegmentAdded,
            slicer.vtkSegmentation.SegmentRemoved,
            slicer.vtkSegmentation.SegmentModified,
        ):
            self.addObserver(segmentation, event, self._changed)
        self.addObserver(node, slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._changed)

    def _changed(self, caller: Any = None, event: Any = None) -> None:
        self._on_changed()

    @vtk.calldata_type(vtk.VTK_INT)
    def _defined(self, caller: Any, event: Any, index: int = 0) -> None:
        self._on_defined(caller, index)

    def _drag_started(self, caller: Any = None, event: Any = None) -> None:
        self._on_drag(True)

    def _drag_ended(self, caller: Any = None, event: Any = None) -> None:
        self._on_drag(False)

    def _placing_changed(self, caller: Any = None, event: Any = None) -> None:
        self._on_placing()

    def _plot_pressed(self, interactor: Any, event: Any = None) -> None:
        self._pressed = interactor.GetEventPosition()

    def _plot_released(self, interactor: Any, event: Any = None) -> None:
        """Find the point that was clicked. The plot's own signal tells of points in a rectangle only."""
        place, pressed = interactor.GetEventPosition(), self._pressed
        self._pressed = None
        if self._live is None or pressed is None or max(abs(a - b) for a, b in zip(place, pressed)) > CLICK_PIXELS:
            return
        chart = next(chart for known, chart in self.plots if known is interactor)
        found = clicked_level(self._live.nodes, chart, place)
        if found is not None:
            self._on_plot(*found)
