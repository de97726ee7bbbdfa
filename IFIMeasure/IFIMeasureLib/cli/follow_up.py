"""``ifimeasure follow-up``: examinations of one person compared over time."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import Commands
from .printing import print_table, quiet_libraries, say

if TYPE_CHECKING:
    from ..study.follow_up import Changes


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        "follow-up",
        help="compare examinations of one person over time",
        description="Compare the results of examinations of one person with those of the first: changes of the "
        "quadratus femoris and of the spaces.",
    )
    command.add_argument(
        "folders", type=Path, nargs="+", metavar="DIR", help="folders that 'measure' or 'muscle' wrote, in any order"
    )
    command.add_argument(
        "--dates",
        metavar="DATES",
        help="dates of the folders in their order, separated by commas (2024-03-01,2025-03-04); else from DICOM",
    )
    command.add_argument(
        "--wcv",
        dest="wcv_percent",
        type=float,
        default=None,
        metavar="PERCENT",
        help="within-subject coefficient of variation of your own measurements (default: 3.6, a repeatability of 10 %%)",
    )
    command.add_argument(
        "--repeatability",
        type=Path,
        metavar="FILE",
        help="repeatability.csv that 'ifimeasure repeatability' wrote of your own measurements; wins over --wcv, "
        "measurement by measurement",
    )
    command.add_argument(
        "--as-they-are",
        dest="together",
        action="store_false",
        help="compare the numbers in the folders; without it a muscle that was found in the images is found again in "
        "all of them together, which makes changes more certain",
    )
    command.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for follow_up.csv, follow_up.html and the muscles that were found together",
    )
    command.add_argument("--force", action="store_true", help="replace results that are in DIR already")
    return command


def run(options: argparse.Namespace) -> int:
    """Compare the studies and write the changes."""
    from ..export import reopen, whole
    from ..export.formats import FOLLOW_UP_FILES
    from ..files.results import read_study
    from ..present.csv_text import csv_text
    from ..present.follow_up_report import follow_up_html
    from ..present.tables import follow_up_table
    from ..study.follow_up import DEFAULT_WCV_PERCENT, Examination, follow_up
    from ..study.repeatability import read_repeatability
    from ..values import IFIMeasureError

    quiet_libraries()
    folder: Path = options.output
    whole.refuse_overwriting(folder, options.force, FOLLOW_UP_FILES)
    dates: list[str | None] = [None] * len(options.folders)
    if options.dates:
        dates = [text.strip() for text in options.dates.split(",")]
        if len(dates) != len(options.folders):
            raise IFIMeasureError(
                f"--dates names {len(dates)} dates for {len(options.folders)} folders; give one for each."
            )
    wcv = DEFAULT_WCV_PERCENT if options.wcv_percent is None else options.wcv_percent
    own = read_repeatability(options.repeatability) if options.repeatability else {}
    examinations = [
        Examination.of_saved(read_study(path / "study.json"), str(path), date)
        for path, date in zip(options.folders, dates)
    ]
    changes = follow_up(examinations, wcv, own)  # refuses what must not be compared before anything long begins
    with whole.written_whole(folder, FOLLOW_UP_FILES) as beside:
        if options.together:
            examinations, notes = reopen.measured_together(examinations, beside, say)
            changes = follow_up(examinations, wcv, own)
            changes.warnings.extend(notes)
        written = follow_up_table(changes)
        (beside / "follow_up.csv").write_bytes(csv_text(written.columns, written).encode())
        (beside / "follow_up.html").write_text(follow_up_html(changes), encoding="utf-8")
    _print(changes)
    print(f"\nTable and report are in {folder}; percent is symmetric, 200 (now - first) / (now + first).")
    return 0


def _print(changes: Changes) -> None:
    from ..present.text import percent_text

    table = [("measurement", "side", "from", "to", "first", "now", "change", "percent", "verdict")]
    for row in changes.rows:
        if row.first_value is None or row.value is None or row.absolute is None:
            continue
        where = (row.definition.id, "both" if row.side is None else row.side.value, str(row.first_date), str(row.date))
        numbers = (f"{row.first_value:.2f}", f"{row.value:.2f}", f"{row.absolute:+.2f} {row.definition.unit}")
        verdict = "" if row.verdict is None else row.verdict.value
        table.append((*where, *numbers, percent_text(row.symmetric_percent), verdict))
    print_table(table)
    for warning in changes.warnings:
        print(f"  {warning}")
