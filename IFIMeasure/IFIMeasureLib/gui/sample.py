"""The sample study made in the application, with its first image shown as soon as it is there."""

from __future__ import annotations

import logging
from typing import Any

import slicer
import slicer.util
from slicer.i18n import tr as _

from ..mrml.sample_scene import SAMPLE_CHECKSUM, add_sample_first, add_sample_rest, checksum, sample_labels

STEPS = 6


def make_sample() -> list[Any]:
    """Make the sample's volumes and its segmentation in the application's scene; returns the nodes."""
    dialog = slicer.util.createProgressDialog(windowTitle=_("IFI hip phantom"), maximum=STEPS)
    dialog.setCancelButton(None)

    def say(text: str) -> None:
        dialog.labelText = text
        dialog.value = min(dialog.value + 1, STEPS - 1)
        slicer.app.processEvents()

    try:
        slicer.app.processEvents()
        say(_("making the structures"))
        labels = sample_labels()
        if checksum(labels) != SAMPLE_CHECKSUM:
            logging.warning(
                "The IFI hip phantom made here differs in some voxels from the one of the tests "
                "(another processor rounds otherwise)."
            )
        with slicer.util.RenderBlocker():
            first = add_sample_first(slicer.mrmlScene, say, labels)
            slicer.util.setSliceViewerLayers(background=first["t1"], fit=True)
        with slicer.util.RenderBlocker():
            rest = add_sample_rest(slicer.mrmlScene, say)
    finally:
        dialog.close()
        dialog.deleteLater()
    return [first["t1"], *rest.values(), first["segmentation"]]
