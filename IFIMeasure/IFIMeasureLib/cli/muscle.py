"""``ifimeasure muscle``: the quadratus femoris segmented, then one study measured."""

from __future__ import annotations

import argparse

from .arguments import Commands, add_study, path, study_arguments
from .measure import save_measured


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        "muscle",
        help="segment the quadratus femoris of a study, then measure it",
        description="Segment the quadratus femoris from its attachment corners and the image, on each side that has no "
        "segment of it (a segment drawn on every n-th slice is filled between them); then do what 'measure' does.",
    )
    add_study(command, image_needed=True)
    command.add_argument(
        "--strokes",
        type=path,
        metavar="FILE",
        help="Slicer markups (.mrk.json): lists named 'inside' and 'outside' with points that are certainly muscle, or "
        "certainly not",
    )
    return command


def run(options: argparse.Namespace) -> int:
    """Segment the muscle, measure the study and write its results."""
    from ..api import segment_muscle

    asked = {**study_arguments(options), "strokes": options.strokes}
    return save_measured(options, lambda progress: segment_muscle(**asked, progress=progress))
