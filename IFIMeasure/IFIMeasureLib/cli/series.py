"""``ifimeasure series``: the DICOM series of a folder, and which one would be measured."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .arguments import Commands, path
from .printing import print_table, say, visible

if TYPE_CHECKING:
    from ..files.dicom_series import Series


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    help_text = "list the DICOM series of a folder and which one would be measured"
    command: argparse.ArgumentParser = commands.add_parser("series", help=help_text)
    command.add_argument("folder", type=path, metavar="FOLDER")
    return command


def run(options: argparse.Namespace) -> int:
    """List the series."""
    from ..files.dicom_series import scan_folder
    from ..files.series_choice import anatomy, choose_series

    found = scan_folder(options.folder, say)
    rows = [("series", "name", "modality", "plane", "voxels (mm)", "slices", "covers", "note")]
    for s in found:
        spacing = f"{s.spacing_mm[1]:.3g} x {s.spacing_mm[0]:.3g} x {s.step_mm:.3g}" if s.spacing_mm[0] else "?"
        what = (s.number, s.description or "-", s.modality, s.plane, spacing, str(len(s.slices)))
        rows.append((*what, anatomy(s), s.problem or "; ".join(filter(None, [*s.notes, _gap_note(s)]))))
    print_table(rows)
    choice = choose_series(found)
    if choice.series is None:
        print(f"\nmeasure would take none: {visible(choice.reason)}")
    else:
        print(f"\nmeasure would take series {visible(choice.series.number)}: {visible(choice.reason)}.")
    return 0


def _gap_note(series: Series) -> str:
    thickness = series.tags.get("SliceThickness", "")
    try:
        gap = series.step_mm - float(thickness)
    except ValueError:
        return ""
    return f"gaps of {gap:.3g} mm between slices" if gap > 0.05 * float(thickness) else ""
