"""Fixtures: one small phantom study, measured once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from additions import ENTRIES, LANDMARK
from IFIMeasureLib.anatomy import landmarks
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.measuring.registry import MEASUREMENTS
from IFIMeasureLib.study.prepared import measure_study
from IFIMeasureLib.study.result import StudyResult
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_label_map


def pdf_can_be_made() -> bool:
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    return Phantom(seed=3)


@pytest.fixture(scope="session")
def label_map_file(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom's label map as a .seg.nrrd that carries names."""
    path = tmp_path_factory.mktemp("phantom") / "segmentation.seg.nrrd"
    grid = sample_grid((0.9, 0.9, 3.0))
    write_label_map(path, phantom.label_map(grid), grid, phantom.label_names())
    return path


@pytest.fixture
def with_landmarks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that adds entries to the file of landmarks, for the length of a test."""
    kept = (landmarks.landmark_definitions, landmarks.parse_label)
    content = landmarks.read_json(landmarks.DEFINITION_FILE)

    def add(*entries: dict[str, Any]) -> None:
        more = {"landmarks": [*content["landmarks"], *entries]}
        monkeypatch.setattr(landmarks, "read_json", lambda name: more)
        for function in kept:
            function.cache_clear()

    yield add
    monkeypatch.undo()
    for function in kept:
        function.cache_clear()


@pytest.fixture
def additions(with_landmarks: Any) -> Any:
    """The landmark and the measurements of ``additions``, registered for the length of a test."""
    with_landmarks(LANDMARK)
    with MEASUREMENTS.with_also(*ENTRIES):
        yield


@pytest.fixture(scope="session")
def study(phantom: Phantom) -> StudyResult:
    grid = sample_grid((0.9, 0.9, 3.0))
    labels = phantom.label_map(grid)
    refs = [SegmentRef(name, 0, value) for value, name in phantom.label_names().items()]
    segmentation = Segmentation([labels], grid, refs, Path("phantom.seg.nrrd"), named=True)
    return measure_study(segmentation, resolve_structures(segmentation, None))
