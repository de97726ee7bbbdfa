"""The parser of the whole command line."""

from __future__ import annotations

import argparse
import importlib.util
import io
import sys
from collections.abc import Sequence

from .. import __version__
from . import collect, demo, export, follow_up, landmarks, measure, muscle, pull, push, repeatability, series, show
from .border import fail, run_command

COMMANDS = (series, measure, muscle, follow_up, repeatability, collect, export, show, pull, push, demo, landmarks)
"""The commands in the order of ``--help``: each module has ``add_parser(commands)`` and ``run(options) -> int``."""


_EPILOG = """\
examples:
  ifimeasure demo --output out/demo
  ifimeasure series DICOM_FOLDER
  ifimeasure measure DICOM_FOLDER --segmentation bones.nii.gz --labels totalsegmentator --output results
  ifimeasure measure --segmentation bones.seg.nrrd --side left --output results

exit codes: 0 done, 1 a problem with the input, 2 wrong usage of the command
"""


_NEEDED = {"numpy": "numpy", "scipy": "scipy", "SimpleITK": "SimpleITK", "vtkmodules": "vtk", "pydicom": "pydicom"}
"""Modules that every command needs, and their packages: 3D Slicer ships them."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; nothing heavy is imported for it."""
    parser = argparse.ArgumentParser(
        prog="ifimeasure",
        description="Measure the ischiofemoral and quadratus femoris spaces of the hip from an image and a "
        "segmentation of its bones.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ifimeasure {__version__}")
    parser.add_argument("--debug", action="store_true", help="show Python's traceback on errors")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands).set_defaults(run=command.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = build_parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name in letters that the terminal has not
    lacking = [package for name, package in _NEEDED.items() if importlib.util.find_spec(name) is None]
    if lacking:
        return fail(f"{', '.join(lacking)}: not installed here; run: pip install 'ifimeasure[standalone]'.")
    return run_command(options.run, options)


if __name__ == "__main__":
    sys.exit(main())
