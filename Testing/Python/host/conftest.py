"""Fixtures: the panel, the panel with the sample measured, a slice view of Slicer's own."""

from __future__ import annotations

import pytest


@pytest.fixture
def panel():
    from host.driver import Panel

    made = Panel()
    yield made
    made.widget.cleanup()


@pytest.fixture
def placed(panel):
    panel.nodes = panel.choose_sample()
    panel.place()
    return panel


@pytest.fixture
def graphics():
    import vtk

    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    if not window.SupportsOpenGL():
        pytest.skip("this computer draws no OpenGL, not even in software")


@pytest.fixture
def view(placed, graphics):
    from host.driver import SliceView

    made = SliceView(placed)
    yield made
    made.window.Finalize()
