"""``ifimeasure collect``: the results of many studies in one table."""

from __future__ import annotations

import argparse
import sys

from .arguments import Commands, path
from .printing import visible


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        "collect",
        help="join the results of many studies in one table",
        description="Join the results of any number of studies in one table, one row a study, or (--long) one row a "
        "measurement.",
    )
    command.add_argument(
        "folders",
        type=path,
        nargs="+",
        metavar="DIR",
        help="folders that 'measure' or 'muscle' wrote, or folders that hold them",
    )
    command.add_argument(
        "--output", type=path, required=True, metavar="FILE", help="table to write: .csv, .tsv, .xlsx or .parquet"
    )
    command.add_argument(
        "--long", action="store_true", help="one row a measurement and side, with methods, points and notes"
    )
    command.add_argument("--force", action="store_true", help="replace the file where it exists")
    return command


def run(options: argparse.Namespace) -> int:
    """Write the table."""
    from ..export.collect import write_collected
    from ..export.whole import refuse_existing

    refuse_existing(options.output, options.force)
    count, remarks = write_collected(options.folders, options.output, options.long, options.force)
    for sentence in remarks[:20]:
        print(f"  {visible(sentence)}", file=sys.stderr)
    if len(remarks) > 20:
        print(f"  … and {len(remarks) - 20} more.", file=sys.stderr)
    print(f"{count} {'study' if count == 1 else 'studies'} in {options.output}.")
    return 0
