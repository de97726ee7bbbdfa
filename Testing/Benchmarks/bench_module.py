"""The module: dragging, placing, opening and switching, on slicer-core and on the stand-in of the application."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bench_report import Options, line
from cases import large_case
from IFIMeasureLib.images.grid import Grid, canonical
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.values import Side


def live(options: Options) -> None:
    """What a person waits for in the module."""
    _without_the_application()
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Python"))
    try:
        from host import driver
    except BaseException as error:  # pytest skips by an exception of its own
        print(f"  the panel: left out, {error}")
        return
    _in_the_panel(driver)


def _without_the_application() -> None:
    from IFIMeasureLib.mrml.sample_scene import add_sample_bones
    from IFIMeasureLib.mrml.scene import create_scene

    print("The module, without the application")
    headless = create_scene()
    labels, names, grid = large_case()
    large = _study_of(headless.scene, _add(headless.scene, labels, names, grid))
    start = time.perf_counter()
    large.place_from_bones()
    seconds = time.perf_counter() - start
    line(f"place from bones and measure, {' x '.join(map(str, labels.shape))}", seconds, "s", 5.0)
    sample = _study_of(headless.scene, add_sample_bones(headless.scene))
    sample.place_from_bones()
    nodes_before = headless.scene.GetNumberOfNodes()
    steps = _drag(sample.nodes, 1000, lambda: sample.update(draft=True), count_the_move=False)
    line("drag step of the lesser trochanter's tip, median of 1000", float(np.median(steps)), "ms", 50.0)
    line("drag step of the lesser trochanter's tip, 95th percentile", float(np.quantile(steps, 0.95)), "ms")
    line("nodes that 1000 drag steps left behind", headless.scene.GetNumberOfNodes() - nodes_before, "", 0.0)


def _in_the_panel(driver: Any) -> None:
    from IFIMeasureLib.mrml.sample_scene import add_sample_bones

    panel = driver.Panel()
    start = time.perf_counter()
    driver.Panel.open_again(panel)
    line("opening the module (stand-in of the application)", 1000 * (time.perf_counter() - start), "ms", 300.0)
    for _ in range(5):
        segmentation = add_sample_bones(panel.scene)
        panel.ui.studySelector.setCurrentNode(None)
        panel.turn()
        panel.ui.segmentationSelector.setCurrentNode(segmentation)
        panel.turn()
        panel.place()
    records = [study.record for study in panel.widget.logic.studies()]
    switches = []
    for number in range(10):
        start = time.perf_counter()
        panel.ui.studySelector.setCurrentNode(records[number % 5])
        panel.turn()
        switches.append(1000 * (time.perf_counter() - start))
    line("switching among 5 measured studies (stand-in), worst of 10", max(switches), "ms", 200.0)
    node = panel.live.nodes.landmark_node(Side.LEFT)
    node.InvokeEvent(node.PointStartInteractionEvent)
    observers = len(panel.widget.panel.observer.Observations)
    steps = _drag(panel.live.nodes, 300, panel.turn, count_the_move=True)
    node.InvokeEvent(node.PointEndInteractionEvent)
    line("drag step with the panel's tables (stand-in), median of 300", float(np.median(steps)), "ms", 50.0)
    line("observers that the drag left behind", len(panel.widget.panel.observer.Observations) - observers, "", 0.0)


def _study_of(scene: Any, segmentation: Any) -> Any:
    from IFIMeasureLib.mrml.live import LiveStudy
    from IFIMeasureLib.mrml.study_nodes import StudyNodes

    nodes = StudyNodes.create(scene, "case")
    nodes.segmentation = segmentation
    return LiveStudy(nodes)


def _add(scene: Any, labels: np.ndarray, names: dict[int, str], grid: Grid) -> Any:
    from IFIMeasureLib.mrml.segmentations import add_segments

    array, turned = canonical(labels, grid.affine)
    source = Segmentation([array], turned, [SegmentRef(n, 0, v) for v, n in names.items()], Path("x"), named=True)
    masks = ((structure, source.mask(refs)) for structure, refs in resolve_structures(source, None).items())
    segments = [(structure.id, structure.side, mask) for structure, mask in masks if mask is not None]
    return add_segments(scene, turned, segments, "case")


def _drag(nodes: Any, count: int, follow: Callable[[], object], count_the_move: bool) -> list[float]:
    """Move the left lesser trochanter's tip step by step; returns what each step takes, milliseconds.

    :param follow: what is done after each step.
    :param count_the_move: whether the time of the move itself counts, with what observes it.
    """
    node = nodes.landmark_node(Side.LEFT)
    index = nodes.landmark_index(Side.LEFT, "lesser_trochanter_tip")
    place = np.array(node.GetNthControlPointPosition(index))
    taken = []
    for step in range(count):
        start = time.perf_counter()
        node.SetNthControlPointPosition(index, *(place + np.array([0.0, 1.5 * np.sin(step), 2.0 * np.cos(step)])))
        start = start if count_the_move else time.perf_counter()
        follow()
        taken.append(1000 * (time.perf_counter() - start))
    return taken
