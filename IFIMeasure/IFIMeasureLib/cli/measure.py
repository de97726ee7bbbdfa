"""``ifimeasure measure``: one study."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from .arguments import Commands, add_study, study_arguments
from .printing import print_summary, teller

if TYPE_CHECKING:
    from ..api import Study


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        "measure",
        help="measure one study",
        description="Place the landmarks and take every measurement of one study.",
    )
    add_study(command, image_needed=False)
    return command


def run(options: argparse.Namespace) -> int:
    """Measure the study and write its results."""
    from ..api import measure

    return save_measured(options, lambda progress: measure(**study_arguments(options), progress=progress))


def save_measured(options: argparse.Namespace, measured: Callable[[Callable[[str], None]], Study]) -> int:
    """Measure a study, write it as the options say, and print its summary.

    What the options say of the output is refused before anything long begins.
    """
    from ..export.formats import chosen_formats
    from ..export.whole import refuse_overwriting

    refuse_overwriting(options.output, options.force)
    formats = chosen_formats(options.formats)
    progress = teller(options.quiet)
    study = measured(progress)
    study.save(
        options.output,
        formats,
        options.force,
        earlier=options.earlier,
        identified=options.identified,
        progress=progress,
    )
    if not options.quiet:
        print_summary(study)
        pages = "; open report.html, or scene.mrb in 3D Slicer" if {"report", "scene"} <= set(formats) else ""
        print(f"\nResults are in {options.output}{pages}.")
    return 0
