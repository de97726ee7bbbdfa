"""``ifimeasure push``: DICOM results into an archive."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import ARCHIVE_HELP, Commands, path
from .printing import say


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    help_text = "store DICOM results in an archive, over DICOMweb"
    command: argparse.ArgumentParser = commands.add_parser("push", help=help_text)
    command.add_argument(
        "results", type=path, nargs="+", metavar="PATH", help="DICOM files, or folders of results that hold them"
    )
    command.add_argument("--archive", required=True, metavar="ARCHIVE", help=ARCHIVE_HELP)
    return command


def run(options: argparse.Namespace) -> int:
    """Store the files."""
    from ..export.archive import push_files, read_archive

    paths: list[Path] = []
    for given in options.results:
        paths += sorted(given.glob("*.dcm")) if given.is_dir() else [given]
    stored, there = push_files(read_archive(options.archive), paths, say)
    print(f"{stored} stored{f', {there} were there already' if there else ''}.")
    return 0
