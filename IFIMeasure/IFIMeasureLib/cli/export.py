"""``ifimeasure export``: a study that was measured, in other formats."""

from __future__ import annotations

import argparse

from .arguments import Commands, add_export, path
from .printing import say


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        "export",
        help="write a study that was measured in other formats",
        description="Measure a study again from its results, and write it in the formats asked for.",
    )
    command.add_argument(
        "folder",
        type=path,
        metavar="DIR",
        help="folder that 'measure' or 'muscle' wrote, or its scene.mrb or segmentation.dcm",
    )
    command.add_argument("--output", type=path, required=True, metavar="DIR", help="folder for the files")
    command.add_argument(
        "--image",
        type=path,
        metavar="DICOM_FOLDER",
        help="the DICOM folder that was measured; needed for the format dicom, and where no scene holds the image",
    )
    add_export(command)
    command.add_argument("--force", action="store_true", help="replace results that are there already")
    return command


def run(options: argparse.Namespace) -> int:
    """Open the study and write it."""
    from ..api import open_study
    from ..export.formats import chosen_formats
    from ..export.whole import refuse_overwriting

    formats = chosen_formats(options.formats)
    refuse_overwriting(options.output, options.force)
    study = open_study(options.folder, options.image, progress=say)
    study.save(
        options.output, formats, options.force, earlier=options.earlier, identified=options.identified, progress=say
    )
    print(f"Results are in {options.output}.")
    return 0
