"""The front door for Python: measure a study, open one that was measured, segment its muscle, follow it over time.

What goes in: paths, images of SimpleITK, or pairs ``(array[i, j, k], affine from ijk to RAS mm)``. What comes out:
objects with ``rows()`` (typed, without pandas) and ``table()`` (a pandas DataFrame). Points are RAS millimeter; columns
of tables name their frame. The command line is a user of this module, and does nothing that it cannot.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .anatomy.landmarks import LandmarkSet
from .anatomy.reference_values import Subject
from .export import reopen, study_files, whole
from .export.changes import write_changes
from .export.formats import FOLLOW_UP_FILES, chosen_formats
from .files.given import GivenImage, GivenLandmarks, PathLike, given_path, given_side, is_path
from .measuring.registry import MEASUREMENTS
from .muscle.strokes import Strokes
from .present.csv_text import csv_text
from .present.follow_up_report import changes_parts
from .present.rows import Rows
from .present.summary import study_html
from .present.tables import follow_up_table, measurement_table, profile_table, repeatability_table
from .present.text import value_text
from .study.asked import Asked, GivenFindings, GivenLabels, measured
from .study.follow_up import DEFAULT_WCV_PERCENT, Comparison, Examination
from .study.follow_up import follow_up as compared
from .study.opened import OpenedStudy
from .study.prepared import PreparedStudy
from .study.provenance import Provenance, kept_options
from .study.repeatability import RepeatabilityRow, given_repeats, read_repeatability, repeatability_of
from .study.result import Progress, StudyResult
from .study.together import Visit, found_together
from .values import IFIMeasureError, Measured, NotMeasurable, Side


class Study:
    """One examination that was measured.

    :ivar name: of the study; empty for that of the folder it is saved in.
    :ivar result: everything that was measured, as the library holds it.
    """

    def __init__(self, result: StudyResult, prepared: PreparedStudy | None = None, name: str = "") -> None:
        self.result = result
        self.name = name
        self._prepared = prepared

    @property
    def landmarks(self) -> dict[Side, LandmarkSet]:
        """Landmarks of each side that was measured, by id; positions are RAS millimeter."""
        return {side: dict(hip.landmarks) for side, hip in self.result.hips.items()}

    @property
    def notes(self) -> list[str]:
        """What a reader must know beside the values; sides that have no bones are among it."""
        absent = [f"{side.value} side: {reason}" for side, reason in self.result.absent_sides.items()]
        return [*self.result.notes, *absent]

    @property
    def date(self) -> str:
        """Date of the examination, ISO 8601; empty where it is not known."""
        return self.result.date

    @property
    def provenance(self) -> Provenance:
        """Where the results come from: inputs with checksums, series, options, contrast, versions."""
        return self.result.provenance

    @property
    def subject(self) -> Subject:
        """Sex, age, height and weight of the person, where they are known."""
        return self.result.subject

    def rows(self) -> Rows:
        """Return a row for every measurement and side, with the columns of ``measurements.csv``; cells are typed."""
        return measurement_table(self.result)

    def table(self) -> Any:
        """Return :meth:`rows` as a pandas DataFrame; a value that is missing is NaN, with the reason beside it.

        :raises IFIMeasureError: where pandas is not installed.
        """
        return self.rows().table()

    def profile(self) -> Rows:
        """Return the spaces along the slices, with the columns of ``profile.csv``; cells are typed."""
        return profile_table(self.result)

    def value(self, measurement: str, side: Side | str | None = None) -> Measured | NotMeasurable:
        """Return one value, or why there is none.

        :param measurement: its id, such as ``ifs_axial``.
        :param side: ``left`` or ``right``; may be left out for a measurement between both hips.
        :raises IFIMeasureError: where there is no such measurement, or the side is needed or was not asked for.
        """
        definition = MEASUREMENTS.definition(measurement)
        if definition.paired:
            return self.result.paired[measurement]
        have = ", ".join(repr(s.value) for s in (*self.result.hips, *self.result.absent_sides))
        if side is None or side == "both":
            raise IFIMeasureError(f"{measurement} is measured side by side; say which: there are {have}.")
        of = given_side(side)
        result = self.result.result(measurement, of)
        if result is None:
            raise IFIMeasureError(f"{measurement}: the {of.value} side was not asked for; there are {have}.")
        return result

    def save(
        self,
        folder: PathLike,
        formats: Collection[str] | str | None = None,
        force: bool = False,
        *,
        earlier: Study | PathLike | Iterable[Study | PathLike] = (),
        identified: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Write the study into a folder, all of it or nothing; returns the folder.

        :param formats: any of ``tables``, ``report``, ``pdf``, ``landmarks``, ``segmentation``, ``scene``,
            ``workbook``, ``dicom``, ``fhir``, or ``all``; None for the usual ones. ``study.json`` is always written.
        :param force: whether results that are in the folder already may be replaced.
        :param earlier: examinations of the same person before this one, to set this one against.
        :param identified: whether the report names the patient.
        :raises IFIMeasureError: where there are results already, a format is unknown or needs what is not installed,
            or landmarks alone were measured.
        """
        path = given_path(folder, "folder")
        if self.result.segmentation is None:
            raise IFIMeasureError(
                f"{path}: a study of landmarks alone has no bones to save; take its values from rows() or table()."
            )
        whole.refuse_overwriting(path, force)
        chosen = chosen_formats(formats)
        before = _each(earlier)
        changes, result = self._changes(before), self.result
        if before:
            names = [of.name if isinstance(of, Study) else of for of in before]
            options = {**result.provenance.options, **kept_options({"earlier": names})}
            result = replace(result, provenance=replace(result.provenance, options=options))
        with whole.written_whole(path, force) as beside:
            study_files.write_outputs(
                result,
                beside,
                self.name or path.name or "IFIMeasure",
                progress or _silent,
                chosen,
                identified,
                changes,
            )
        return path

    def _changes(self, earlier: list[Study | PathLike]) -> Comparison | None:
        """Changes against earlier examinations, numbers as they are."""
        if not earlier:
            return None
        this = "this study"
        before = [_visit(of, None, f"earlier study {number}").examination for number, of in enumerate(earlier, 1)]
        changes = compared([*before, Examination.of_study(self.result, this)])
        changes.warnings.extend(reopen.remarks_on_kept(Path(of) for of in earlier if not isinstance(of, Study)))
        last = changes.examinations[-1]
        if last.name != this:
            raise IFIMeasureError(
                f"{last.name}: it is of {last.date}, after this study ({self.date}); give examinations before it.",
                argument="earlier",
            )
        return changes

    def _opened(self) -> OpenedStudy:
        """The study as it can be measured again, without any effect on this one."""
        prepared = None if self._prepared is None else self._prepared.copied()
        return OpenedStudy(self.name, self.landmarks, self.subject, prepared)

    def __repr__(self) -> str:
        found = []
        for definition in (d for d in MEASUREMENTS if d.scored):
            for side in self.result.hips:
                result = self.result.result(definition.id, side)
                if isinstance(result, Measured):
                    value = value_text(result.value, definition.decimals, definition.unit)
                    found.append(f"{definition.id} {side.value} {value}")
        return f"<Study {self._title()}: {', '.join(found) or 'no space measured'}>"

    def _repr_html_(self) -> str:
        """Shown in a notebook: the two spaces of both sides, and the slice with the narrowest."""
        return study_html(self.result, self._title())

    def _title(self) -> str:
        return " ".join(text for text in (self.name, self.date) if text) or "of unknown date"


class Changes:
    """Changes between examinations of one person, each against the first one.

    :ivar result: the examinations in the order of their dates and their changes, as the library holds them.
    """

    def __init__(self, result: Comparison, studies: Iterable[StudyResult] = ()) -> None:
        self.result = result
        self._studies = list(studies)

    @property
    def warnings(self) -> list[str]:
        """What stands against comparing: protocols that differ, muscles that were not found together."""
        return list(self.result.warnings)

    def rows(self) -> Rows:
        """Return a row for every measurement that is followed, side and later examination, as in ``follow_up.csv``."""
        return follow_up_table(self.result)

    def table(self) -> Any:
        """Return :meth:`rows` as a pandas DataFrame.

        :raises IFIMeasureError: where pandas is not installed.
        """
        return self.rows().table()

    def save(self, folder: PathLike, force: bool = False) -> Path:
        """Write table, report, and the muscles that were found together, all of it or nothing; returns the folder.

        :raises IFIMeasureError: where there are results already that may not be replaced.
        """
        path = given_path(folder, "folder")
        whole.refuse_overwriting(path, force, FOLLOW_UP_FILES)
        with whole.written_whole(path, force, FOLLOW_UP_FILES) as beside:
            write_changes(self.result, self._studies, beside)
        return path

    def __repr__(self) -> str:
        return f"<Changes over {', '.join(e.date.isoformat() for e in self.result.examinations)}>"

    def _repr_html_(self) -> str:
        """Shown in a notebook: the changes, and the course of each measurement."""
        return f"<div>{''.join(changes_parts(self.result))}</div>"


class Repeatability:
    """Repeatability of one's own measurements.

    :ivar result: of each measurement, by its id, as the library holds it.
    :ivar notes: why other measurements have none.
    """

    def __init__(self, found: Iterable[RepeatabilityRow], notes: Iterable[str] = ()) -> None:
        self.result = {row.measurement: row for row in found}
        self.notes = list(notes)

    def rows(self) -> Rows:
        """Return a row for every measurement, with the columns of ``repeatability.csv``; cells are typed."""
        return repeatability_table(self.result.values())

    def table(self) -> Any:
        """Return :meth:`rows` as a pandas DataFrame.

        :raises IFIMeasureError: where pandas is not installed.
        """
        return self.rows().table()

    def save(self, path: PathLike, force: bool = False) -> Path:
        """Write the table, a CSV file that :func:`follow_up` takes; returns its path.

        :raises IFIMeasureError: where there is such a file already that may not be replaced.
        """
        where, table = given_path(path, "path"), self.rows()
        whole.refuse_existing(where, force)
        whole.write_file_whole(where, csv_text(table.columns, table), force)
        return where

    def __repr__(self) -> str:
        return f"<Repeatability of {', '.join(self.result)}>"

    def _repr_html_(self) -> str:
        """Shown in a notebook: its table."""
        return self.rows()._repr_html_()


def measure(
    segmentation: GivenImage | None = None,
    image: GivenImage | None = None,
    *,
    labels: GivenLabels | None = None,
    landmarks: GivenLandmarks | None = None,
    readings: Any = None,
    series: str | int | None = None,
    side: Side | str = "both",
    contrast: str | None = None,
    fat_image: GivenImage | None = None,
    opposed_image: GivenImage | None = None,
    fat_series: str | int | None = None,
    opposed_series: str | int | None = None,
    date: str | datetime.date | None = None,
    sex: str | None = None,
    age_years: float | None = None,
    height_m: float | None = None,
    weight_kg: float | None = None,
    findings: GivenFindings | None = None,
    same_place: bool = False,
    register: bool = False,
    name: str | None = None,
    progress: Progress | None = None,
) -> Study:
    """Place the landmarks of a study and take every measurement.

    An image or segmentation is a path (of a file, a DICOM folder, or a folder with a mask a file), an image of
    SimpleITK, or a pair ``(array[i, j, k], affine (4, 4) from ijk to RAS mm)``.

    :param segmentation: hip bones and femora at least; without it, angles and lengths come from ``landmarks`` alone.
    :param image: serves pictures, DICOM data, and volume, fat and edema of the muscle. It may have any grid; that the
        bones lie on it is checked in it.
    :param labels: which label is what: a preset (such as ``totalsegmentator``), a JSON file or text, or a mapping such
        as ``{1: "hip_right", 2: "femur_right"}`` from label values or segment names.
    :param landmarks: placed by a person: they win, point by point. Paths of Slicer markups, or by side
        ``{"left": {"lesser_trochanter_tip": (r, a, s)}}``, RAS millimeter.
    :param readings: not taken yet.
    :param series: number or UID of the DICOM series to take; ``fat_series`` and ``opposed_series`` those of the second
        image of Dixon.
    :param side: ``left``, ``right`` or ``both``.
    :param contrast: what ``image`` is: ``t1``, ``t2fs`` (fat-suppressed T2), ``water`` (of Dixon, with ``fat_image``),
        or ``in-phase`` (of Dixon, with ``opposed_image``).
    :param date: of the examination, ISO 8601; None for that of the DICOM data. So are sex (``F``, ``M``), age in
        years, height in meters and weight in kilograms.
    :param findings: what a reader found, such as ``{"right": {"reader_tear": "partial"}}``; exported as it is.
    :param same_place: whether image and bones are said to lie in the same place, so that nothing is refused for that.
    :param register: whether each bone is moved rigidly onto the image first; spaces and ``landmarks`` are then those of
        the image.
    :param name: of the study, as a scene names its nodes; None for that of the folder it is saved in.
    :param progress: is told in words what is being done.
    :raises IFIMeasureError: where the input contradicts itself or cannot be read; one sentence that says what to do.
    """
    if readings is not None:
        raise IFIMeasureError("readings: points read by hand are not taken yet; give landmarks.", argument="readings")
    asked = Asked.of(locals())
    return Study(*measured(asked, progress or _silent, False), _text(name, "name"))


def segment_muscle(
    image: GivenImage,
    segmentation: GivenImage,
    *,
    contrast: str | None = None,
    strokes: PathLike | Strokes | None = None,
    labels: GivenLabels | None = None,
    landmarks: GivenLandmarks | None = None,
    series: str | int | None = None,
    side: Side | str = "both",
    fat_image: GivenImage | None = None,
    opposed_image: GivenImage | None = None,
    fat_series: str | int | None = None,
    opposed_series: str | int | None = None,
    date: str | datetime.date | None = None,
    sex: str | None = None,
    age_years: float | None = None,
    height_m: float | None = None,
    weight_kg: float | None = None,
    findings: GivenFindings | None = None,
    same_place: bool = False,
    register: bool = False,
    name: str | None = None,
    progress: Progress | None = None,
) -> Study:
    """Segment the quadratus femoris on each side that has no segment of it, then measure as :func:`measure` does.

    A segment that was drawn on some slices only is filled between them.

    :param strokes: points that are certainly muscle or certainly not: a file of Slicer markups with lists named
        ``inside`` and ``outside``, or :class:`.Strokes`. All else as in :func:`measure`.
    :raises IFIMeasureError: as :func:`measure`, and where the muscle is found on no side.
    """
    asked = Asked.of(locals())
    if image is None or segmentation is None:
        lacking = "image" if image is None else "segmentation"
        raise IFIMeasureError(f"{lacking} is None: the muscle is found in an image beside segmented bones; give both.")
    return Study(*measured(asked, progress or _silent, True), _text(name, "name"))


def open_study(
    path: PathLike, image: PathLike | None = None, name: str | None = None, progress: Progress | None = None
) -> Study:
    """Open a study that was saved, and measure it again with its own landmarks, options and muscle.

    :param path: its folder, or one of its files: ``study.json``, ``scene.mrb``, or the DICOM Segmentation.
    :param image: the DICOM folder that was measured; needed for the format ``dicom``, and where no scene has the image.
    :param name: of the study: in a scene that holds several, the one to open; None for that of its folder or scene.
    :raises IFIMeasureError: where there is no study, or what is needed to measure it again is missing.
    """
    say = progress or _silent
    say("measuring the study again")
    opened = reopen.reopen(given_path(path, "path"), None if image is None else given_path(image, "image"), name, say)
    return Study(opened.measure(), opened.prepared, opened.name if name is None else name)


def follow_up(
    studies: Iterable[Study | PathLike],
    *,
    dates: Iterable[str | datetime.date | None] | None = None,
    wcv_percent: float | None = None,
    repeatability: Repeatability | PathLike | None = None,
    together: bool = True,
    progress: Progress | None = None,
) -> Changes:
    """Compare examinations of one person with the first one by date.

    :param studies: measured studies or their folders, in any order.
    :param dates: of the studies in their order, ISO 8601; None for those that the studies have.
    :param wcv_percent: within-subject coefficient of variation of your own measurements; None for 3.6 %.
    :param repeatability: of your own measurements, or the table that it was saved as; wins over ``wcv_percent``.
    :param together: whether a muscle that was found in the images is found again in all of them together, which makes
        changes more certain; without it the numbers are compared as they are. The studies given do not change.
    :raises IFIMeasureError: where dates are missing or equal, or the persons differ.
    """
    given = _each(studies)
    if dates is not None and (isinstance(dates, str) or not isinstance(dates, Iterable)):
        raise IFIMeasureError(f"dates is {dates!r}; give a list of them, one for each study.", argument="dates")
    days = [None] * len(given) if dates is None else list(dates)
    if len(days) != len(given):
        raise IFIMeasureError(
            f"dates: there are {len(days)} for {len(given)} studies; give one for each.", argument="dates"
        )
    wcv = DEFAULT_WCV_PERCENT if wcv_percent is None else wcv_percent
    own = _own(repeatability)
    visits = [
        _visit(of, None if day is None else str(day), f"study {number}")
        for number, (of, day) in enumerate(zip(given, days), 1)
    ]
    changes = compared([visit.examination for visit in visits], wcv, own)  # refuses before anything long begins
    remarks = reopen.remarks_on_kept(Path(of) for of in given if not isinstance(of, Study))
    if not together:
        changes.warnings.extend(remarks)
        return Changes(changes)
    found = found_together(visits, progress or _silent)
    changes = compared(found.examinations, wcv, own)
    changes.warnings.extend((*found.notes, *remarks))
    return Changes(changes, found.studies)


def repeatability(table: Any) -> Repeatability:
    """Compute the repeatability of your own measurements, from persons measured twice or more without a change between.

    :param table: path of a CSV file, a pandas DataFrame, or rows as mappings, with the columns ``subject``,
        ``measurement``, ``value`` and perhaps ``side``; a row a measurement, repeats in their order.
    :raises IFIMeasureError: where it is no such table, or fewer than two persons were measured twice.
    """
    return Repeatability(*repeatability_of(given_repeats(table)))


def _own(given: Repeatability | PathLike | None) -> Mapping[str, RepeatabilityRow]:
    """Repeatability of one's own measurements, by measurement."""
    if given is None or isinstance(given, Repeatability):
        return {} if given is None else given.result
    if not is_path(given):
        raise IFIMeasureError(
            f"repeatability is of type {type(given).__name__}: give what repeatability() returned, or its table.",
            argument="repeatability",
        )
    return read_repeatability(Path(given))


def _each(studies: Study | PathLike | Iterable[Study | PathLike]) -> list[Study | PathLike]:
    """The studies, also where one alone was given."""
    each = list(studies) if isinstance(studies, Iterable) and not is_path(studies) else [studies]
    for of in each:
        if not isinstance(of, Study) and not is_path(of):
            raise IFIMeasureError(f"studies: one is of type {type(of).__name__}; give studies, or folders of them.")
    return each


def _text(given: str | None, argument: str) -> str:
    """A text that may be left out."""
    if given is not None and not isinstance(given, str):
        raise IFIMeasureError(f"{argument} is {given!r}; give a text.", argument=argument)
    return given or ""


def _silent(text: str) -> None:
    """Tell no one."""


def _visit(of: Study | PathLike, date: str | None, name: str) -> Visit:
    """What follow-up needs of a study, or of the folder of one."""
    if isinstance(of, Study):
        result = of.result if date is None else replace(of.result, date=date)
        examination = Examination.of_study(result, of.name or name)
        return Visit(examination, result.provenance.muscle_origins, of._opened)
    path = given_path(of, "studies")
    saved = reopen.kept_study(path)
    origins = Provenance.from_document(saved.provenance, str(path)).muscle_origins
    examination = Examination.of_saved(saved, str(path), date)
    return Visit(examination, origins, lambda: reopen.reopen(path))
