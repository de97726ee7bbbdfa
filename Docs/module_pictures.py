"""Take the module's pictures in 3D Slicer itself, with the sample study.

Run with the application, its window 1600 by 950 pixels or larger:

    Slicer --additional-module-paths IFIMeasure --python-script Docs/module_pictures.py

Writes ``module_measured.png`` (the sample measured, in the application's four views) and ``module_layout.png`` (the
study's layout), the whole window each.
"""

from __future__ import annotations

import time
from pathlib import Path

import qt
import slicer

SIZE = (1600, 950)

FOLDER = Path(__file__).resolve().parent  # known only while the application reads the file


def let_run(seconds: float) -> None:
    """Let the application draw and make the bones' surfaces, at least so long and until the panel is at rest."""
    widget = getattr(slicer.modules, "IFIMeasureWidget", None)
    end = time.monotonic() + seconds
    while time.monotonic() < end or (
        widget is not None and (widget.panel.timer.active or widget.panel.look.timer.active)
    ):
        slicer.app.processEvents()


def main() -> None:
    """Measure the sample and take the pictures."""
    window = slicer.util.mainWindow()
    window.resize(*SIZE)
    window.statusBar().hide()
    slicer.util.selectModule("IFIMeasure")
    let_run(1.0)
    import IFIMeasure

    t1, *_others, bones = IFIMeasure.makeSampleData()
    ui = slicer.modules.ifimeasure.widgetRepresentation().self().ui
    ui.volumeSelector.setCurrentNode(t1)
    ui.segmentationSelector.setCurrentNode(bones)
    let_run(8.0)
    ui.placeFromBonesButton.click()
    let_run(4.0)
    window.grab().save(str(FOLDER / "module_measured.png"))
    ui.layoutButton.click()
    let_run(4.0)
    window.grab().save(str(FOLDER / "module_layout.png"))
    slicer.util.exit(0)


qt.QTimer.singleShot(2000, main)
