"""The command ``ifimeasure``: measure hip studies without a screen."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..export.formats import DEFAULT_FORMATS, FOLLOW_UP_FILES, OUTPUT_FORMATS
from ..values import IFIMeasureError, Measured, Side

_EPILOG = """\
examples:
  ifimeasure demo --output out/demo
  ifimeasure series DICOM_FOLDER
  ifimeasure measure DICOM_FOLDER --segmentation bones.nii.gz --labels totalsegmentator --output results
  ifimeasure measure --segmentation bones.seg.nrrd --side left --output results

exit codes: 0 done, 1 a problem with the input, 2 wrong usage of the command
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="ifimeasure",
        description="Measure the ischiofemoral and quadratus femoris spaces of the hip from an image and a segmentation of its bones.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ifimeasure {__version__}")
    parser.add_argument("--debug", action="store_true", help="show Python's traceback on errors")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    series = commands.add_parser("series", help="list the DICOM series of a folder and which one would be measured")
    series.add_argument("folder", type=Path, metavar="FOLDER")

    measure = commands.add_parser(
        "measure", help="measure one study", description="Place the landmarks and take every measurement of one study."
    )
    _study_arguments(measure, image_needed=False)
    muscle = commands.add_parser(
        "muscle",
        help="segment the quadratus femoris of a study, then measure it",
        description="Segment the quadratus femoris from its attachment corners and the image, on each side that has no segment of it (a segment drawn on every n-th slice is filled between them); then do what 'measure' does.",
    )
    _study_arguments(muscle, image_needed=True)
    muscle.add_argument(
        "--strokes",
        type=Path,
        metavar="FILE",
        help="Slicer markups (.mrk.json): lists named 'inside' and 'outside' with points that are certainly muscle, or certainly not",
    )

    follow = commands.add_parser(
        "follow-up",
        help="compare examinations of one person over time",
        description="Compare the results of examinations of one person with those of the first: changes of the quadratus femoris and of the spaces.",
    )
    follow.add_argument(
        "folders", type=Path, nargs="+", metavar="DIR", help="folders that 'measure' or 'muscle' wrote, in any order"
    )
    follow.add_argument(
        "--dates",
        metavar="DATES",
        help="dates of the folders in their order, separated by commas (2024-03-01,2025-03-04); else from DICOM",
    )
    follow.add_argument(
        "--wcv",
        type=float,
        default=None,
        metavar="PERCENT",
        help="within-subject coefficient of variation of your own measurements (default: 3.6, a repeatability of 10 %%)",
    )
    follow.add_argument(
        "--repeatability",
        type=Path,
        metavar="FILE",
        help="repeatability.csv that 'ifimeasure repeatability' wrote of your own measurements; wins over --wcv, measurement by measurement",
    )
    follow.add_argument(
        "--as-they-are",
        action="store_true",
        help="compare the numbers in the folders; without it a muscle that was found in the images is found again in all of them together, which makes changes more certain",
    )
    follow.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for follow_up.csv, follow_up.html and the muscles that were found together",
    )
    follow.add_argument("--force", action="store_true", help="replace results that are in DIR already")

    repeat = commands.add_parser(
        "repeatability",
        help="repeatability of your own measurements, from persons measured twice",
        description="Within-subject standard deviation and coefficient of variation, repeatability coefficient, limits of agreement and intraclass correlation "
        "from a table of repeated measurements.",
    )
    repeat.add_argument(
        "table",
        type=Path,
        metavar="TABLE",
        help="CSV file with the columns subject, measurement, value and perhaps side; a row a measurement, repeats in their order",
    )
    repeat.add_argument("--output", type=Path, required=True, metavar="FILE", help="table to write, a .csv file")
    repeat.add_argument("--force", action="store_true", help="replace the file where it exists")

    collect = commands.add_parser(
        "collect",
        help="join the results of many studies in one table",
        description="Join the results of any number of studies in one table, one row a study, or (--long) one row a measurement.",
    )
    collect.add_argument(
        "folders",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="folders that 'measure' or 'muscle' wrote, or folders that hold them",
    )
    collect.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="table to write: .csv, .tsv, .xlsx or .parquet"
    )
    collect.add_argument(
        "--long", action="store_true", help="one row a measurement and side, with methods, points and notes"
    )
    collect.add_argument("--force", action="store_true", help="replace the file where it exists")

    export = commands.add_parser(
        "export",
        help="write a study that was measured in other formats",
        description="Measure a study again from its folder of results, and write it in the formats asked for.",
    )
    export.add_argument("folder", type=Path, metavar="DIR", help="folder that 'measure' or 'muscle' wrote")
    export.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the files")
    export.add_argument(
        "--image",
        type=Path,
        metavar="DICOM_FOLDER",
        help="the DICOM folder that was measured; needed for the format dicom alone",
    )
    _export_argument(export)
    export.add_argument("--force", action="store_true", help="replace results that are there already")

    show = commands.add_parser("show", help="print the measurements of a DICOM structured report (TID 1500)")
    show.add_argument("report", type=Path, metavar="SR.dcm")

    where = "URL of the archive (https://…/dicom-web), or a JSON file with url, user, password, token, certificate; credentials else from IFIMEASURE_ARCHIVE_USER, …_PASSWORD, …_TOKEN"
    pull = commands.add_parser("pull", help="list an archive's studies, or fetch one, over DICOMweb")
    pull.add_argument("--archive", required=True, metavar="ARCHIVE", help=where)
    pull.add_argument(
        "--find",
        action="append",
        default=[],
        metavar="KEYWORD=VALUE",
        help="list studies with this (PatientID=…, StudyDate=20240101-20241231); repeatable",
    )
    pull.add_argument("--study", metavar="UID", help="study to fetch")
    pull.add_argument("--series", metavar="UID", default="", help="fetch this series of it alone")
    pull.add_argument("--output", type=Path, metavar="DIR", help="folder for what is fetched")
    push = commands.add_parser("push", help="store DICOM results in an archive, over DICOMweb")
    push.add_argument(
        "results", type=Path, nargs="+", metavar="PATH", help="DICOM files, or folders of results that hold them"
    )
    push.add_argument("--archive", required=True, metavar="ARCHIVE", help=where)

    demo = commands.add_parser("demo", help="make a sample study, measure it, and compare with its true values")
    demo.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for sample and results")
    demo.add_argument("--seed", type=int, default=1, help="seed of noise and bias (default: 1)")
    demo.add_argument("--force", action="store_true", help="replace results that are in DIR already")

    landmarks = commands.add_parser("landmarks", help="write an empty landmark template to place in 3D Slicer")
    landmarks.add_argument("--output", type=Path, required=True, metavar="FILE", help="file that ends with .mrk.json")
    landmarks.add_argument("--side", choices=("left", "right", "both"), default="both")
    landmarks.add_argument("--force", action="store_true", help="replace the file where it exists")
    return parser


def _study_arguments(command: argparse.ArgumentParser, image_needed: bool) -> None:
    command.add_argument(
        "image",
        type=Path,
        nargs=None if image_needed else "?",
        metavar="IMAGE",
        help="DICOM folder, NIfTI, NRRD or MetaImage file"
        + (
            ""
            if image_needed
            else "; may be left out: it only serves pictures, DICOM data, and fat and edema of the muscle"
        ),
    )
    command.add_argument(
        "--segmentation",
        type=Path,
        required=True,
        metavar="SEG",
        help="label map (NIfTI, NRRD), .seg.nrrd, DICOM SEG, or folder with one mask a file (as TotalSegmentator writes), with at least hip bone and femur",
    )
    command.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    command.add_argument("--series", metavar="NUMBER", help="number or UID of the DICOM series to take")
    command.add_argument(
        "--labels",
        metavar="MAPPING",
        help='which label is what: a preset (totalsegmentator, totalsegmentator_mr, totalsegmentator_v1, musclemap, bodyparts3d), a JSON file, or JSON such as \'{"1": "hip_right"}\'',
    )
    command.add_argument(
        "--landmarks",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="Slicer markups (.mrk.json) with points placed by a person; they win; repeatable",
    )
    command.add_argument(
        "--side", choices=("left", "right", "both"), default="both", help="side to measure (default: both)"
    )
    command.add_argument(
        "--contrast",
        choices=("t1", "t2fs", "water", "in-phase"),
        help="what IMAGE is: T1, fat-suppressed T2 (edema), the water image of Dixon (with --fat-image: fat fraction), or the in-phase image of Dixon (with --opposed-image)",
    )
    command.add_argument("--fat-image", type=Path, metavar="FILE", help="fat image of Dixon, with --contrast water")
    command.add_argument(
        "--opposed-image",
        type=Path,
        metavar="FILE",
        help="image out of phase, with --contrast in-phase: fat and water from both",
    )
    command.add_argument("--date", metavar="DATE", help="date of the examination, such as 2024-03-01; else from DICOM")
    command.add_argument(
        "--height",
        type=float,
        metavar="METERS",
        help="height of the person, for the volume over body size; else from DICOM",
    )
    command.add_argument("--weight", type=float, metavar="KG", help="weight of the person; else from DICOM")
    command.add_argument(
        "--finding",
        action="append",
        default=[],
        metavar="SIDE:FIELD=VALUE",
        help="what a reader found, such as right:reader_tear=partial; exported as it is; repeatable",
    )
    command.add_argument("--sex", choices=("F", "M"), help="for the norms; else from DICOM")
    command.add_argument("--age", type=float, metavar="YEARS", help="for the norms; else from DICOM")
    _export_argument(command)
    command.add_argument("--force", action="store_true", help="replace results that are in DIR already")
    command.add_argument("--quiet", action="store_true", help="no progress and no summary")


def _export_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--export",
        metavar="FORMATS",
        help=f"what to write, separated by commas: {', '.join(OUTPUT_FORMATS)}, or all (default: {','.join(DEFAULT_FORMATS)})",
    )
    command.add_argument(
        "--earlier",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="results of an earlier examination of the same person: report, tables and workbook then hold the changes, numbers as they are ('follow-up' finds the muscles together); repeatable",
    )
    command.add_argument(
        "--identified",
        action="store_true",
        help="name the patient in the report (DICOM results always do, as an archive needs it)",
    )


def _formats(options: argparse.Namespace) -> tuple[str, ...]:
    if options.export is None:
        return DEFAULT_FORMATS
    if options.export == "all":
        return tuple(OUTPUT_FORMATS)
    chosen = tuple(word.strip() for word in options.export.split(",") if word.strip())
    unknown = [word for word in chosen if word not in OUTPUT_FORMATS]
    if unknown or not chosen:
        raise IFIMeasureError(
            f"--export is {options.export!r}: there is no format {', '.join(unknown) or 'in it'}; there are {', '.join(OUTPUT_FORMATS)}, and all."
        )
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = build_parser().parse_args(arguments)
    _quiet_libraries()
    try:
        return _COMMANDS[options.command](options)
    except IFIMeasureError as error:
        flag = _flag_of(error.argument, options)
        message = f"{str(error).rstrip('.')} ({flag})." if flag else str(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("ifimeasure: stopped.", file=sys.stderr)
        return 130
    except MemoryError:
        message = "there is not enough memory for this study; crop the segmentation to both hips."
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        message = f"{where}{(error.strerror or str(error)).rstrip('.')}."
    if options.debug:
        traceback.print_exc()
    print(f"ifimeasure: {message}", file=sys.stderr)
    return 1


def _flag_of(argument: str, options: argparse.Namespace) -> str:
    """Return the option that gives an argument of the library; empty where the command has none."""
    names = {"findings": "finding", "wcv_percent": "wcv", "together": "as_they_are"}
    name = names.get(argument, argument)
    return f"--{name.replace('_', '-')}" if name and hasattr(options, name) else ""


def _quiet_libraries() -> None:
    """Keep the warnings of ITK and VTK off the terminal; what matters is said in our own words."""
    import SimpleITK as sitk
    from vtkmodules.vtkCommonCore import vtkLogger, vtkObject

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    vtkObject.GlobalWarningDisplayOff()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)


def _say(text: str) -> None:
    print(f"  {text} …", file=sys.stderr, flush=True)


def _series(options: argparse.Namespace) -> int:
    from ..files.dicom_series import scan_folder
    from ..files.series_choice import anatomy, choose_series

    found = scan_folder(options.folder, _say)
    rows = [("series", "name", "modality", "plane", "voxels (mm)", "slices", "covers", "note")]
    for s in found:
        spacing = f"{s.spacing_mm[1]:.3g} x {s.spacing_mm[0]:.3g} x {s.step_mm:.3g}" if s.spacing_mm[0] else "?"
        rows.append(
            (
                s.number,
                s.description or "-",
                s.modality,
                s.plane,
                spacing,
                str(len(s.slices)),
                anatomy(s),
                s.problem or _gap_note(s),
            )
        )
    _print_table(rows)
    choice = choose_series(found)
    if choice.series is None:
        print(f"\nmeasure would take none: {choice.reason}")
    else:
        print(f"\nmeasure would take series {choice.series.number}: {choice.reason}.")
    return 0


def _gap_note(series: Any) -> str:
    thickness = series.tags.get("SliceThickness", "")
    try:
        gap = series.step_mm - float(thickness)
    except ValueError:
        return ""
    return f"gaps of {gap:.3g} mm between slices" if gap > 0.05 * float(thickness) else ""


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _measure(options: argparse.Namespace) -> int:
    from ..export import study_files, whole

    say = (lambda text: None) if options.quiet else _say
    whole.refuse_overwriting(options.output, options.force)
    if options.age is not None and not 0 <= options.age <= 130:
        raise IFIMeasureError(f"--age is {options.age:g}: it must be years between 0 and 130.")
    if options.height is not None and not 0.3 <= options.height <= 2.6:
        raise IFIMeasureError(f"--height is {options.height:g}: it must be meters between 0.3 and 2.6.")
    if options.weight is not None and not 2 <= options.weight <= 400:
        raise IFIMeasureError(f"--weight is {options.weight:g}: it must be kilograms between 2 and 400.")
    formats = _formats(options)
    study = run_study(options, say)
    changes = _changes(study, options)
    with whole.written_whole(options.output) as folder:
        study_files.write_outputs(
            study, folder, options.output.name or "IFIMeasure", say, formats, options.identified, changes
        )
    if not options.quiet:
        _summary(study)
        print(
            f"\nResults are in {options.output}{'; open report.html, or scene.mrb in 3D Slicer' if formats == DEFAULT_FORMATS else ''}."
        )
    return 0


def _changes(study: Any, options: argparse.Namespace) -> Any:
    """Return the changes against the earlier examinations that the options name, or None."""
    from ..files.results import read_document
    from ..study.follow_up import examination_of, follow_up, read_examination

    if not options.earlier:
        return None
    earlier = [read_examination(read_document(folder / "study.json"), str(folder)) for folder in options.earlier]
    changes = follow_up([*earlier, examination_of(study, "this study")])
    if changes.examinations[-1].name != "this study":
        raise IFIMeasureError(
            f"{changes.examinations[-1].name}: it is of {changes.examinations[-1].date}, after this study ({study.date}); --earlier names examinations before it."
        )
    return changes


def run_study(options: argparse.Namespace, say: Any) -> Any:
    """Read what the options name, segment the muscle where that is asked for, and measure; returns the :class:`StudyResult`."""
    from ..anatomy.findings import parse_findings
    from ..anatomy.landmarks import LandmarkSet, merge
    from ..anatomy.reference_values import Subject
    from ..anatomy.structures import names_known_unasked
    from ..files.dicom_series import read_series, scan_folder
    from ..files.images import read_volume
    from ..files.labels import read_label_mapping
    from ..files.markups import read_landmarks
    from ..files.segmentations import read_segmentation
    from ..files.series_choice import choose_series
    from ..muscle.strokes import read_strokes
    from ..study.follow_up import parse_date
    from ..study.prepared import PreparedStudy
    from ..study.provenance import Provenance
    from ..study.result import refuse_without_trochanter
    from ..study.structures import resolve_structures

    mapping, extra = read_label_mapping(options.labels) if options.labels else (None, names_known_unasked())
    person: dict[Side, LandmarkSet] = {}
    for path in options.landmarks:
        for side, landmarks in read_landmarks(path).items():
            person[side] = merge(person[side], landmarks) if side in person else landmarks
    say("reading the segmentation")
    segmentation = read_segmentation(options.segmentation, mapping or ())
    volume = None
    notes = []
    if options.image is not None:
        say("reading the image")
        if options.image.is_dir() or (options.image.is_file() and options.image.suffix.lower() in (".dcm", ".ima")):
            found = scan_folder(options.image, say)
            choice = choose_series(found, segmentation.grid, options.series)
            if choice.series is None:
                raise IFIMeasureError(f"{options.image}: {choice.reason}")
            notes.append(f"{choice.series.label} was taken: {choice.reason}")
            volume = read_series(choice.series)
        elif options.series:
            raise IFIMeasureError(
                f"--series is {options.series!r}, but {options.image} is no DICOM folder; leave the option out."
            )
        else:
            volume = read_volume(options.image)
    elif options.series:
        raise IFIMeasureError(f"--series is {options.series!r}, but no IMAGE is given; name the DICOM folder.")
    if volume is not None and options.contrast:
        volume = replace(volume, contrast=options.contrast)
    tags = Subject.from_tags(volume.tags) if volume is not None else Subject()
    subject = Subject(
        options.sex or tags.sex,
        options.age if options.age is not None else tags.age_years,
        options.height or tags.height_m,
        options.weight or tags.weight_kg,
    )
    structures = resolve_structures(segmentation, mapping, extra)
    asked = {**vars(options), "findings": options.finding}
    provenance = Provenance.of(segmentation, structures, volume, asked)
    sides = Side.parse(options.side)
    prepared = PreparedStudy(segmentation, structures, volume, sides, subject, say, provenance)
    prepared.images = _muscle_images(options, volume)
    prepared.findings = parse_findings(options.finding)
    if options.date:
        prepared.date = parse_date(options.date, "--date").isoformat()
    if options.command == "muscle":
        assert volume is not None
        placed = {side: hip.landmarks for side, hip in prepared.measure(person, progress=say).hips.items()}
        say("segmenting the quadratus femoris")
        made, failed = prepared.segment_muscles(placed, read_strokes(options.strokes) if options.strokes else None)
        if failed and not made:
            raise IFIMeasureError(" ".join(dict.fromkeys(failed.values())))
    study = prepared.measure(person, progress=say)
    refuse_without_trochanter(study)
    study.notes[:0] = notes
    return study


def _muscle_images(options: argparse.Namespace, volume: Any) -> Any:
    """Return the images that tell fat and edema, or None."""
    from ..files.images import read_volume
    from ..muscle.numbers import muscle_images

    for option, path, contrast, what in (
        ("--fat-image", options.fat_image, "water", "water"),
        ("--opposed-image", options.opposed_image, "in-phase", "in-phase"),
    ):
        if path is not None and options.contrast != contrast:
            raise IFIMeasureError(
                f"{option} needs IMAGE to be the {what} image of the same Dixon series; say so with --contrast {contrast}."
            )
    if options.contrast is None:
        return None
    if volume is None:
        raise IFIMeasureError(f"--contrast is {options.contrast}, but no IMAGE is given; name the image.")
    second = options.fat_image or options.opposed_image
    return muscle_images(options.contrast, volume, read_volume(second) if second is not None else None)


def _summary(study: Any) -> None:
    from ..anatomy.reference_values import statements
    from ..measuring.registry import MEASUREMENTS
    from ..present.tables import summary_rows

    rows = [
        ("measurement", "right", "left", "unit"),
        *((row["id"], row["right"], row["left"], row["unit"]) for row in summary_rows(study)),
    ]
    remarks = []
    for definition in (d for d in MEASUREMENTS if d.scored):
        for side, hip in study.hips.items():
            result = hip.results[definition.id]
            if isinstance(result, Measured):
                remarks += [
                    f"{definition.id}, {side.value}: {s.text}"
                    for s in statements(definition.id, result.value, study.subject)
                    if s.kind == "cutoff"
                ]
            else:
                remarks.append(f"{definition.id}, {side.value}: not measurable: {result.reason}")
    print()
    _print_table(rows)
    for note in [*study.notes, *(f"{s.value} side: {r}" for s, r in study.absent_sides.items()), *remarks]:
        print(f"  {note}")


def _follow_up(options: argparse.Namespace) -> int:
    from ..export import reopen, whole
    from ..files.results import read_document
    from ..present.csv_text import csv_text
    from ..present.follow_up_report import follow_up_html
    from ..study.follow_up import DEFAULT_WCV_PERCENT, FOLLOW_UP_COLUMNS, follow_up, read_examination
    from ..study.repeatability import read_repeatability

    folder: Path = options.output
    whole.refuse_overwriting(folder, options.force, FOLLOW_UP_FILES)
    dates: list[str | None] = [None] * len(options.folders)
    if options.dates:
        dates = [text.strip() for text in options.dates.split(",")]
        if len(dates) != len(options.folders):
            raise IFIMeasureError(
                f"--dates names {len(dates)} dates for {len(options.folders)} folders; give one for each."
            )
    wcv = DEFAULT_WCV_PERCENT if options.wcv is None else options.wcv
    own = read_repeatability(options.repeatability) if options.repeatability else {}
    examinations = [
        read_examination(read_document(path / "study.json"), str(path), date)
        for path, date in zip(options.folders, dates)
    ]
    changes = follow_up(examinations, wcv, own)  # refuses what must not be compared before anything long begins
    with whole.written_whole(folder, FOLLOW_UP_FILES) as beside:
        if not options.as_they_are:
            examinations, notes = reopen.measured_together(examinations, beside, _say)
            changes = follow_up(examinations, wcv, own)
            changes.warnings.extend(notes)
        (beside / "follow_up.csv").write_bytes(csv_text(FOLLOW_UP_COLUMNS, changes.rows).encode())
        (beside / "follow_up.html").write_text(follow_up_html(changes), encoding="utf-8")
    table = [("measurement", "side", "from", "to", "first", "now", "change", "percent", "verdict")]
    for row in changes.rows:
        if row["change"]:
            percent = f"{float(row['change_symmetric_percent']):+.1f} %" if row["change_symmetric_percent"] else ""
            numbers = (
                f"{float(row['first_value']):.2f}",
                f"{float(row['value']):.2f}",
                f"{float(row['change']):+.2f} {row['unit']}",
            )
            table.append(
                (row["measurement"], row["side"], row["first_date"], row["date"], *numbers, percent, row["verdict"])
            )
    _print_table(table)
    for warning in changes.warnings:
        print(f"  {warning}")
    print(f"\nTable and report are in {folder}; percent is symmetric, 200 (now - first) / (now + first).")
    return 0


def _repeatability(options: argparse.Namespace) -> int:
    from ..present.csv_text import csv_text
    from ..study.repeatability import REPEATABILITY_COLUMNS, read_repeats, repeatability

    path: Path = options.output
    if path.suffix.lower() != ".csv":
        raise IFIMeasureError(f"--output is {path.name!r}: the table is a .csv file; name it so.")
    _refuse_existing(path, options.force)
    found, refused = [], []
    for measurement_id, values in read_repeats(options.table).items():
        try:
            found.append(repeatability(measurement_id, values))
        except IFIMeasureError as error:
            refused.append(str(error))
    if not found:
        raise IFIMeasureError(f"{options.table}: {' '.join(refused) or 'there is no value in it.'}")
    _write_beside(path, csv_text(REPEATABILITY_COLUMNS, [of.row() for of in found]))
    table = [("measurement", "subjects", "mean", "wSD", "wCV", "RC", "bias", "limits of agreement", "ICC(A,1)")]
    for of in found:
        percent = "" if of.wcv_percent is None else f"{of.wcv_percent:.1f} %"
        icc = "" if of.icc is None else f"{of.icc:.2f} ({of.icc_low:.2f} to {of.icc_high:.2f})"
        numbers = (
            f"{of.mean:.3g}",
            f"{of.wsd:.3g}",
            percent,
            f"{of.rc:.3g}",
            f"{of.bias:+.3g}",
            f"{of.agreement_low:.3g} to {of.agreement_high:.3g}",
        )
        table.append((of.measurement, str(of.subjects), *numbers, icc))
    _print_table(table)
    for text in [*dict.fromkeys(of.notes for of in found if of.notes), *refused]:
        print(f"  {text}")
    print(f"\nThe table is {path}; use it with: ifimeasure follow-up … --repeatability {path}")
    return 0


def _collect(options: argparse.Namespace) -> int:
    from ..export.collect import write_collected

    _refuse_existing(options.output, options.force)
    count, left_out = write_collected(options.folders, options.output, options.long)
    for sentence in left_out[:20]:
        print(f"  {sentence}", file=sys.stderr)
    if len(left_out) > 20:
        print(f"  … and {len(left_out) - 20} more.", file=sys.stderr)
    print(f"{count} {'study' if count == 1 else 'studies'} in {options.output}.")
    return 0


def _export(options: argparse.Namespace) -> int:
    from ..export import reopen, study_files, whole
    from ..files.results import read_document

    formats = _formats(options)
    whole.refuse_overwriting(options.output, options.force)
    document = read_document(options.folder / "study.json")
    _say("measuring the study again")
    prepared = reopen.reopen(options.folder)
    if options.image is not None:
        prepared.volume = _measured_series(options.image, document)
    study = prepared.measure(reopen.placed_by_person(options.folder))
    study.notes[:0] = [note for note in document.get("notes", []) if note not in study.notes]
    changes = _changes(study, options)
    with whole.written_whole(options.output) as folder:
        study_files.write_outputs(
            study,
            folder,
            options.folder.name or "IFIMeasure",
            _say,
            formats,
            options.identified,
            changes,
        )
    print(f"Results are in {options.output}.")
    return 0


def _measured_series(folder: Path, document: dict[str, Any]) -> Any:
    """Read the DICOM series that a study was measured with, by its UID; of several stacks in it, the one that was named then."""
    from ..files.dicom_series import read_series, scan_folder

    uid = (document.get("series") or {}).get("uid", "")
    options = document.get("options", {})
    matching = [series for series in scan_folder(folder, _say) if uid and series.tags.get("SeriesInstanceUID") == uid]
    if len(matching) > 1:
        matching = [series for series in matching if series.number == options.get("series")]
        if not matching:
            raise IFIMeasureError(
                f"{folder}: the series that was measured ({uid}) holds several stacks, and which one is not known; measure the study again with --series."
            )
    if matching:
        return replace(read_series(matching[0]), contrast=options.get("contrast") or "")
    raise IFIMeasureError(
        f"{folder}: the series that was measured ({uid or 'unknown: no DICOM series was measured'}) is not in it; give the folder that was measured."
    )


def _show(options: argparse.Namespace) -> int:
    from ..export.dicom_report import show_report

    _print_table([("measurement", "side", "value", "method"), *show_report(options.report)])
    return 0


def _pull(options: argparse.Namespace) -> int:
    from ..export.archive import find_studies, pull_study, read_archive

    archive = read_archive(options.archive)
    if options.study is None:
        filters = dict(text.partition("=")[::2] for text in options.find)
        if not all(filters.values()):
            raise IFIMeasureError(f"--find is {' '.join(options.find)!r}: it must read as PatientID=1234.")
        found = find_studies(archive, filters)
        if not found:
            raise IFIMeasureError(f"the archive has no study that matches {', '.join(options.find) or 'anything'}.")
        _print_table([tuple(found[0]), *(tuple(row.values()) for row in found)])
        return 0
    if options.output is None:
        raise IFIMeasureError("--study needs --output, the folder for what is fetched.")
    count = pull_study(archive, options.study, options.output, options.series, _say)
    print(
        f"{count} objects are in {options.output}; measure them with: ifimeasure measure {options.output} --segmentation …"
    )
    return 0


def _push(options: argparse.Namespace) -> int:
    from ..export.archive import push_files, read_archive

    paths: list[Path] = []
    for path in options.results:
        paths += sorted(path.glob("*.dcm")) if path.is_dir() else [path]
    stored, there = push_files(read_archive(options.archive), paths, _say)
    print(f"{stored} stored{f', {there} were there already' if there else ''}.")
    return 0


def _refuse_existing(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise IFIMeasureError(f"{path}: there is such a file already; choose another name, or replace it with --force.")


def _write_beside(path: Path, text: str) -> None:
    """Write a file whole: beside its place, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    try:
        beside.write_bytes(text.encode())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _demo(options: argparse.Namespace) -> int:
    from ..export import study_files, whole
    from ..images.frames import SideFrame
    from ..measuring.registry import MEASUREMENTS
    from ..measuring.spaces import Space
    from ..synthetic.phantom import Phantom
    from ..synthetic.sample import write_sample_study

    folder: Path = options.output
    whole.refuse_overwriting(folder, options.force)
    phantom = Phantom(seed=options.seed)
    with whole.written_whole(folder) as beside:
        dicom, segmentation = write_sample_study(beside / "sample", phantom, say=_say)
        call = build_parser().parse_args(
            ["measure", str(dicom), "--segmentation", str(segmentation), "--output", str(beside)]
        )
        call.seed = options.seed
        study = run_study(call, _say)
        study_files.write_outputs(study, beside, "IFI hip phantom", _say)
    rows = [("measurement", "side", "true", "measured", "error")]
    for side, hip in study.hips.items():
        truth = phantom.truth(side)
        true = {
            **truth.angles_deg,
            "femoral_offset": truth.lengths_mm["femoral_offset"],
            "femoral_head_diameter": 2 * truth.lengths_mm["head_radius"],
        }
        for name in ("ifs", "qfs"):
            space = hip.spaces[name]
            if isinstance(space, Space):
                values = [phantom.true_space(side, name, p.level_mm) for p in space.profile]
                true[f"{name}_axial"] = min(v for v in values if v is not None)
                true[f"{name}_3d"] = phantom.true_space_3d(side, name)
        for definition in MEASUREMENTS:
            result = hip.results.get(definition.id)
            if isinstance(result, Measured) and definition.id in true:
                value = true[definition.id]
                rows.append(
                    (
                        definition.id,
                        side.value,
                        f"{value:.2f}",
                        f"{result.value:.2f} {result.unit}",
                        f"{result.value - value:+.2f}",
                    )
                )
        tip = hip.landmarks["lesser_trochanter_tip"].position_ras_mm
        if tip is not None:
            true_tip = SideFrame(side).to_ras(truth.lesser_trochanter_tip)
            away = float(sum((a - b) ** 2 for a, b in zip(tip, true_tip)) ** 0.5)
            rows.append(("lesser trochanter tip", side.value, "", "", f"{away:.2f} mm"))
    print()
    _print_table(rows)
    print(f"\nThe sample study is in {folder / 'sample'}, the results are in {folder}; open {folder / 'report.html'}.")
    return 0


def _landmarks(options: argparse.Namespace) -> int:
    from ..anatomy.landmarks import empty_landmarks
    from ..files.markups import markups_document

    path: Path = options.output
    if not path.name.endswith(".mrk.json"):
        raise IFIMeasureError(
            f"--output is {path.name!r}: the name must end with .mrk.json, so that 3D Slicer knows the file."
        )
    _refuse_existing(path, options.force)
    document = markups_document({side: empty_landmarks() for side in Side.parse(options.side)}, "IFI landmarks")
    _write_beside(path, json.dumps(document, indent=1) + "\n")
    print(f"{path}: drop it into 3D Slicer and place the points; what you do not place is placed automatically.")
    return 0


_COMMANDS = {
    "series": _series,
    "measure": _measure,
    "muscle": _measure,
    "follow-up": _follow_up,
    "repeatability": _repeatability,
    "collect": _collect,
    "export": _export,
    "show": _show,
    "pull": _pull,
    "push": _push,
    "demo": _demo,
    "landmarks": _landmarks,
}


if __name__ == "__main__":
    sys.exit(main())
