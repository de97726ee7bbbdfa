"""The files of changes over time: table, report, and the muscles that were found together."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..present.csv_text import csv_text
from ..present.follow_up_report import follow_up_html
from ..present.tables import follow_up_table
from ..study.follow_up import Comparison
from ..study.result import StudyResult
from .mrml_files import write_mrml


def write_changes(changes: Comparison, studies: Iterable[StudyResult], folder: Path) -> None:
    """Write the changes into ``folder`` (see :func:`.written_whole` for doing it whole).

    :param studies: with the muscles that were found together, of which each is written as a segmentation.
    :raises IFIMeasureError: where Slicer's core is not installed and there is such a muscle.
    """
    table = follow_up_table(changes)
    (folder / "follow_up.csv").write_bytes(csv_text(table.columns, table).encode())
    (folder / "follow_up.html").write_text(follow_up_html(changes), encoding="utf-8")
    for study in studies:
        write_mrml(study, folder, f"quadratus femoris {study.date}", ("segmentation",))
        os.replace(folder / "segmentation.seg.nrrd", folder / f"together_{study.date}.seg.nrrd")
