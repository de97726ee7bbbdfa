"""``ifimeasure repeatability``: repeatability of one's own measurements, from persons measured twice."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Commands, path
from .printing import print_table, visible


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        "repeatability",
        help="repeatability of your own measurements, from persons measured twice",
        description="Within-subject standard deviation and coefficient of variation, repeatability coefficient, limits "
        "of agreement and intraclass correlation from a table of repeated measurements.",
    )
    command.add_argument(
        "table",
        type=path,
        metavar="TABLE",
        help="CSV file with the columns subject, measurement, value and perhaps side; a row a measurement, repeats in "
        "their order",
    )
    command.add_argument("--output", type=path, required=True, metavar="FILE", help="table to write, a .csv file")
    command.add_argument("--force", action="store_true", help="replace the file where it exists")
    return command


def run(options: argparse.Namespace) -> int:
    """Compute the repeatability and write its table."""
    from ..api import repeatability
    from ..export.whole import refuse_existing
    from ..values import IFIMeasureError

    path: Path = options.output
    if path.suffix.lower() != ".csv":
        raise IFIMeasureError(f"--output is {path.name!r}: the table is a .csv file; name it so.")
    refuse_existing(path, options.force)
    found = repeatability(options.table)
    found.save(path, options.force)
    table = [("measurement", "subjects", "mean", "wSD", "wCV", "RC", "bias", "limits of agreement", "ICC(A,1)")]
    for of in found.result.values():
        percent = "" if of.wcv_percent is None else f"{of.wcv_percent:.1f} %"
        icc = "" if of.icc is None else f"{of.icc:.2f} ({of.icc_low:.2f} to {of.icc_high:.2f})"
        numbers = (f"{of.mean:.3g}", f"{of.wsd:.3g}", percent, f"{of.rc:.3g}", f"{of.bias:+.3g}")
        limits = f"{of.agreement_low:.3g} to {of.agreement_high:.3g}"
        table.append((of.measurement, str(of.subjects), *numbers, limits, icc))
    print_table(table)
    for text in [*dict.fromkeys(of.notes for of in found.result.values() if of.notes), *found.notes]:
        print(f"  {visible(text)}")
    print(f"\nThe table is {path}; use it with: ifimeasure follow-up … --repeatability {path}")
    return 0
