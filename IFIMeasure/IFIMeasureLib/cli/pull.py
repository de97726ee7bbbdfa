"""``ifimeasure pull``: studies of an archive, listed or fetched."""

from __future__ import annotations

import argparse

from .arguments import ARCHIVE_HELP, Commands, path
from .printing import print_table, say


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    help_text = "list an archive's studies, or fetch one, over DICOMweb"
    command: argparse.ArgumentParser = commands.add_parser("pull", help=help_text)
    command.add_argument("--archive", required=True, metavar="ARCHIVE", help=ARCHIVE_HELP)
    command.add_argument(
        "--find",
        action="append",
        default=[],
        metavar="KEYWORD=VALUE",
        help="list studies with this (PatientID=…, StudyDate=20240101-20241231); repeatable",
    )
    command.add_argument("--study", metavar="UID", help="study to fetch")
    command.add_argument("--series", metavar="UID", help="fetch this series of it alone")
    command.add_argument("--output", type=path, metavar="DIR", help="folder for what is fetched")
    return command


def run(options: argparse.Namespace) -> int:
    """List what the archive has, or fetch a study."""
    from ..export.archive import find_studies, pull_study, read_archive
    from ..values import IFIMeasureError

    archive = read_archive(options.archive)
    if options.study is None:
        filters = dict(text.partition("=")[::2] for text in options.find)
        if not all(filters.values()):
            raise IFIMeasureError(f"--find is {' '.join(options.find)!r}: it must read as PatientID=1234.")
        found = find_studies(archive, filters)
        if not found:
            raise IFIMeasureError(f"the archive has no study that matches {', '.join(options.find) or 'anything'}.")
        print_table([tuple(found[0]), *(tuple(row.values()) for row in found)])
        return 0
    if options.output is None:
        raise IFIMeasureError("--study needs --output, the folder for what is fetched.")
    count = pull_study(archive, options.study, options.output, options.series, say)
    then = f"ifimeasure measure {options.output} --segmentation …"
    print(f"{count} objects are in {options.output}; measure them with: {then}")
    return 0
