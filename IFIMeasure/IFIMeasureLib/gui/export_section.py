"""Files of a study: which, and where they go."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

FORMAT_PARAMETERS = {
    "tables": "exportTables",
    "report": "exportReport",
    "landmarks": "exportLandmarks",
    "segmentation": "exportSegmentation",
    "scene": "exportScene",
    "workbook": "exportWorkbook",
    "dicom": "exportDicom",
    "pdf": "exportPdf",
    "fhir": "exportFhir",
}
"""Format, as :data:`IFIMeasureLib.export.formats.OUTPUT_FORMATS` names it, and the parameter that chooses it."""


class ExportSection:
    """Folder and files of an export.

    :param on_folder: called with the folder, as typed.
    :param on_export: called when the files are to be written.
    """

    def __init__(self, ui: Any, *, on_folder: Callable[[str], None], on_export: Callable[[], None]) -> None:
        self._ui = ui
        ui.exportFolderSelector.connect("currentPathChanged(QString)", on_folder)
        ui.exportButton.connect("clicked()", on_export)

    def show(self, possible: bool) -> None:
        """Offer the export: it takes results of bones."""
        self._ui.exportButton.enabled = possible
        self._ui.exportButton.toolTip = (
            _("Write the chosen files: the same as the command line makes.")
            if possible
            else _("Measure a segmentation first.")
        )

    def show_folder(self, folder: pathlib.Path) -> None:
        """Show the folder. A binding would write back what is being typed, less its last slash."""
        if pathlib.Path(self._ui.exportFolderSelector.currentPath) != folder:
            self._ui.exportFolderSelector.currentPath = "" if folder == pathlib.Path() else str(folder)

    def show_written(self, folder: pathlib.Path | None) -> None:
        """Say where the files of a study are; None where none were written."""
        self._ui.exportLabel.text = "" if folder is None else _("Written to {folder}").format(folder=folder)
