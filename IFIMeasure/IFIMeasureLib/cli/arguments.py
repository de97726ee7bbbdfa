"""Arguments that several commands share. An option is kept under the name of the argument of the library it gives."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..export.formats import DEFAULT_FORMATS, OUTPUT_FORMATS

Commands = Any
"""What :meth:`argparse.ArgumentParser.add_subparsers` returns."""


def path(text: str) -> Path:
    """Return the path that an option gives.

    :raises argparse.ArgumentTypeError: where it is empty, which would mean the folder one is in.
    """
    if not text:
        raise argparse.ArgumentTypeError("it is empty; give a path")
    return Path(text)


ARCHIVE_HELP = (
    "URL of the archive (https://…/dicom-web), or a JSON file with url, user, password, token, certificate; "
    "credentials else from IFIMEASURE_ARCHIVE_USER, …_PASSWORD, …_TOKEN"
)


_FLAGS = {
    "age_years": "--age",
    "height_m": "--height",
    "weight_kg": "--weight",
    "findings": "--finding",
    "formats": "--export",
    "wcv_percent": "--wcv",
    "together": "--as-they-are",
}
"""Options that are not called as the argument of the library that they give."""


def flag_of(argument: str, options: argparse.Namespace) -> str:
    """Return the option that gives an argument of the library, or those of several; empty where there is none.

    :param argument: one, or several with a comma between, of which any helps.
    """
    names = [name for name in argument.split(", ") if name and hasattr(options, name)]
    return " or ".join(_FLAGS.get(name, f"--{name.replace('_', '-')}") for name in names)


def add_study(command: argparse.ArgumentParser, image_needed: bool) -> None:
    """Add what ``measure`` and ``muscle`` take of a study."""
    use = "; may be left out: it only serves pictures, DICOM data, and fat and edema of the muscle"
    command.add_argument(
        "image",
        type=path,
        nargs=None if image_needed else "?",
        metavar="IMAGE",
        help=f"DICOM folder, NIfTI, NRRD or MetaImage file{'' if image_needed else use}",
    )
    command.add_argument(
        "--segmentation",
        type=path,
        required=True,
        metavar="SEG",
        help="label map (NIfTI, NRRD), .seg.nrrd, DICOM SEG, or folder with one mask a file (as TotalSegmentator "
        "writes), with at least hip bone and femur",
    )
    command.add_argument("--output", type=path, required=True, metavar="DIR", help="folder for the results")
    for name, what in (("", "image"), ("fat-", "fat image"), ("opposed-", "out-of-phase image")):
        command.add_argument(
            f"--{name}series", metavar="NUMBER", help=f"number or UID of the DICOM series to take as {what}"
        )
    command.add_argument(
        "--labels",
        metavar="MAPPING",
        help="which label is what: a preset (totalsegmentator, totalsegmentator_mr, totalsegmentator_mr_56, "
        "totalsegmentator_v1, musclemap, "
        'bodyparts3d), a JSON file, or JSON such as \'{"1": "hip_right"}\'',
    )
    command.add_argument(
        "--landmarks",
        type=path,
        action="append",
        default=[],
        metavar="FILE",
        help="Slicer markups (.mrk.json, .fcsv) with points placed by a person; they win; repeatable",
    )
    command.add_argument(
        "--side", choices=("left", "right", "both"), default="both", help="side to measure (default: both)"
    )
    _add_images(command)
    _add_person(command)
    add_export(command)
    command.add_argument("--force", action="store_true", help="replace results that are in DIR already")
    command.add_argument("--quiet", action="store_true", help="no progress and no summary")


def _add_images(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--contrast",
        choices=("t1", "t2fs", "water", "in-phase"),
        help="what IMAGE is: T1, fat-suppressed T2 (edema), the water image of Dixon (with --fat-image: fat fraction), "
        "or the in-phase image of Dixon (with --opposed-image)",
    )
    command.add_argument("--fat-image", type=path, metavar="FILE", help="fat image of Dixon, with --contrast water")
    command.add_argument(
        "--opposed-image",
        type=path,
        metavar="FILE",
        help="image out of phase, with --contrast in-phase: fat and water from both",
    )
    command.add_argument(
        "--register",
        action="store_true",
        help="move each bone rigidly onto IMAGE first (bones of another examination, or of CT); the spaces are then "
        "those of the leg's position in IMAGE",
    )
    command.add_argument(
        "--same-place",
        action="store_true",
        help="bones and images lie in the same place, whatever DICOM and the images' edges say",
    )


def _add_person(command: argparse.ArgumentParser) -> None:
    command.add_argument("--date", metavar="DATE", help="date of the examination, such as 2024-03-01; else from DICOM")
    command.add_argument(
        "--height",
        dest="height_m",
        type=float,
        metavar="METERS",
        help="height of the person, for the volume over body size; else from DICOM",
    )
    command.add_argument(
        "--weight", dest="weight_kg", type=float, metavar="KG", help="weight of the person; else from DICOM"
    )
    command.add_argument(
        "--finding",
        dest="findings",
        action="append",
        default=[],
        metavar="SIDE:FIELD=VALUE",
        help="what a reader found, such as right:reader_tear=partial; exported as it is; repeatable",
    )
    command.add_argument("--sex", choices=("F", "M"), help="for the norms; else from DICOM")
    command.add_argument("--age", dest="age_years", type=float, metavar="YEARS", help="for the norms; else from DICOM")


def add_export(command: argparse.ArgumentParser) -> None:
    """Add what a command takes that writes a study."""
    command.add_argument(
        "--export",
        dest="formats",
        metavar="FORMATS",
        help=f"what to write, separated by commas: {', '.join(OUTPUT_FORMATS)}, or all "
        f"(default: {','.join(DEFAULT_FORMATS)})",
    )
    command.add_argument(
        "--earlier",
        type=path,
        action="append",
        default=[],
        metavar="DIR",
        help="results of an earlier examination of the same person: report, tables and workbook then hold the changes, "
        "numbers as they are ('follow-up' finds the muscles together); repeatable",
    )
    command.add_argument(
        "--identified",
        action="store_true",
        help="name the patient in the report (DICOM results always do, as an archive needs it)",
    )


def study_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return what :func:`add_study` asked for, by the names of :func:`.api.measure`."""
    names = ("segmentation", "image", "labels", "landmarks", "series", "side", "contrast", "fat_image")
    more = ("opposed_image", "fat_series", "opposed_series", "date", "sex", "age_years", "height_m", "weight_kg")
    rest = ("findings", "same_place", "register")
    return {name: getattr(options, name) for name in (*names, *more, *rest)}
