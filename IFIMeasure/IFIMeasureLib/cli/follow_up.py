"""``ifimeasure follow-up``: examinations of one person compared over time."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .arguments import Commands, path
from .printing import print_table, say, visible

if TYPE_CHECKING:
    from ..api import Changes


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        "follow-up",
        help="compare examinations of one person over time",
        description="Compare the results of examinations of one person with those of the first: changes of the "
        "quadratus femoris and of the spaces.",
    )
    command.add_argument(
        "folders", type=path, nargs="+", metavar="DIR", help="folders that 'measure' or 'muscle' wrote, in any order"
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
        help="within-subject coefficient of variation of your own measurements "
        "(default: 3.6, a repeatability of 10 %%)",
    )
    command.add_argument(
        "--repeatability",
        type=path,
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
        type=path,
        required=True,
        metavar="DIR",
        help="folder for follow_up.csv, follow_up.html and the muscles that were found together",
    )
    command.add_argument("--force", action="store_true", help="replace results that are in DIR already")
    return command


def run(options: argparse.Namespace) -> int:
    """Compare the studies and write the changes."""
    from ..api import follow_up
    from ..export.formats import FOLLOW_UP_FILES
    from ..export.whole import refuse_overwriting

    refuse_overwriting(options.output, options.force, FOLLOW_UP_FILES)
    changes = follow_up(
        options.folders,
        dates=[text.strip() for text in options.dates.split(",")] if options.dates else None,
        wcv_percent=options.wcv_percent,
        repeatability=options.repeatability,
        together=options.together,
        progress=say,
    )
    changes.save(options.output, options.force)
    _print(changes)
    print(f"\nTable and report are in {options.output}; percent is symmetric, 200 (now - first) / (now + first).")
    return 0


def _print(changes: Changes) -> None:
    from ..present.text import percent_text

    table = [("measurement", "side", "from", "to", "first", "now", "change", "percent", "verdict")]
    for row in changes.result.rows:
        if row.first_value is None or row.value is None or row.absolute is None:
            continue
        where = (row.definition.id, "both" if row.side is None else row.side.value, str(row.first_date), str(row.date))
        numbers = (f"{row.first_value:.2f}", f"{row.value:.2f}", f"{row.absolute:+.2f} {row.definition.unit}")
        verdict = "" if row.verdict is None else row.verdict.value
        table.append((*where, *numbers, percent_text(row.symmetric_percent), verdict))
    print_table(table)
    for warning in changes.warnings:
        print(f"  {visible(warning)}")
