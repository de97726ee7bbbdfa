"""The parser of the whole command line, and the border at which errors become one sentence and an exit code."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence

from .. import __version__
from . import collect, demo, export, follow_up, landmarks, measure, muscle, pull, push, repeatability, series, show
from .arguments import flag_of

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
    lacking = [package for name, package in _NEEDED.items() if importlib.util.find_spec(name) is None]
    if lacking:
        return _fail(f"{', '.join(lacking)}: not installed here; run: pip install 'ifimeasure[standalone]'.")
    from ..values import IFIMeasureError  # with it comes numpy

    try:
        return int(options.run(options))
    except IFIMeasureError as error:
        flag = flag_of(error.argument, options)
        message = f"{str(error).rstrip('.')} ({flag})." if flag else str(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _fail("stopped.")
        return 130
    except MemoryError:
        message = "there is not enough memory for this study; crop the segmentation to both hips."
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        message = f"{where}{(error.strerror or str(error)).rstrip('.')}."
    if options.debug:
        traceback.print_exc()
    return _fail(message)


def _fail(message: str) -> int:
    print(f"ifimeasure: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
