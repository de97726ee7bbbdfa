"""``ifimeasure show``: the measurements of a DICOM structured report."""

from __future__ import annotations

import argparse

from .arguments import Commands, path
from .printing import print_table


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    help_text = "print the measurements of a DICOM structured report (TID 1500)"
    command: argparse.ArgumentParser = commands.add_parser("show", help=help_text)
    command.add_argument("report", type=path, metavar="SR.dcm")
    return command


def run(options: argparse.Namespace) -> int:
    """Print the measurements."""
    from ..export.dicom_report import show_report

    print_table([("measurement", "side", "value", "method"), *show_report(options.report)])
    return 0
