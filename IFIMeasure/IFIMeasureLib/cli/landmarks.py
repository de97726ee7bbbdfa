"""``ifimeasure landmarks``: an empty landmark template to place in 3D Slicer."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .arguments import Commands, path


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    help_text = "write an empty landmark template to place in 3D Slicer"
    command: argparse.ArgumentParser = commands.add_parser("landmarks", help=help_text)
    command.add_argument("--output", type=path, required=True, metavar="FILE", help="file that ends with .mrk.json")
    command.add_argument("--side", choices=("left", "right", "both"), default="both")
    command.add_argument("--force", action="store_true", help="replace the file where it exists")
    return command


def run(options: argparse.Namespace) -> int:
    """Write the template."""
    from ..anatomy.landmarks import empty_landmarks
    from ..export.whole import refuse_existing, write_file_whole
    from ..files.markups import markups_document
    from ..values import IFIMeasureError, Side

    path: Path = options.output
    if not path.name.endswith(".mrk.json"):
        raise IFIMeasureError(
            f"--output is {path.name!r}: the name must end with .mrk.json, so that 3D Slicer knows the file."
        )
    refuse_existing(path, options.force)
    document = markups_document({side: empty_landmarks() for side in Side.parse(options.side)}, "IFI landmarks")
    write_file_whole(path, json.dumps(document, indent=1) + "\n", options.force)
    print(f"{path}: drop it into 3D Slicer and place the points; what you do not place is placed automatically.")
    return 0
