"""What a caller asks for - paths, images, arrays, options - read, checked and measured."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..anatomy.findings import Findings, given_findings
from ..anatomy.landmarks import LandmarkSet
from ..anatomy.reference_values import Subject
from ..anatomy.structures import Structure, names_known_unasked
from ..files.given import (
    GivenImage,
    GivenLandmarks,
    PathLike,
    given_landmarks,
    given_segmentation,
    given_volume,
    is_path,
    landmark_files,
)
from ..files.labels import read_label_mapping
from ..images.grid import Grid
from ..images.masks import Segmentation, Volume
from ..muscle.images import CONTRASTS, MuscleImages, muscle_images
from ..muscle.strokes import Strokes, read_strokes
from ..values import IFIMeasureError, Side
from .follow_up import parse_date
from .prepared import PreparedStudy, measure_landmarks
from .provenance import Provenance, kept_options
from .registered import registered
from .result import Progress, StudyResult, refuse_without_trochanter
from .structures import resolve_structures

GivenFindings = Findings | Mapping[str, Mapping[str, str]] | Iterable[str]
GivenLabels = str | PathLike | Mapping[Any, str]


_SECOND = {"fat_image": "fat_series", "opposed_image": "opposed_series"}
"""Second images of Dixon, and what names their series."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for, by the names and meanings of :func:`.api.measure` and :func:`.api.segment_muscle`."""

    segmentation: GivenImage | None
    image: GivenImage | None
    labels: GivenLabels | None
    landmarks: GivenLandmarks | None
    series: str | int | None
    side: Side | str
    contrast: str | None
    fat_image: GivenImage | None
    opposed_image: GivenImage | None
    fat_series: str | int | None
    opposed_series: str | int | None
    date: str | datetime.date | None
    sex: str | None
    age_years: float | None
    height_m: float | None
    weight_kg: float | None
    findings: GivenFindings | None
    same_place: bool = False
    register: bool = False
    strokes: PathLike | Strokes | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Asked:
        """Return what a function of the front door was asked for, by its arguments; what is no field is left out."""
        return cls(**{name: arguments[name] for name in cls.__dataclass_fields__ if name in arguments})


def measured(asked: Asked, say: Progress, muscle: bool) -> tuple[StudyResult, PreparedStudy | None]:
    """Read what was given, segment the muscle where that is asked for, and measure.

    :param say: is told in words what is being done.
    :param muscle: whether the quadratus femoris is segmented on each side that has no segment of it.
    :returns: the result, and the prepared study; None where landmarks alone were measured.
    :raises IFIMeasureError: where the input contradicts itself or cannot be read, or the muscle is found on no side.
    """
    asked = _checked(asked)
    sides = (asked.side,) if isinstance(asked.side, Side) else Side.parse(asked.side)
    mapping, extra = (None, names_known_unasked()) if asked.labels is None else read_label_mapping(asked.labels)
    findings, date = given_findings(asked.findings), str(asked.date or "")
    person = given_landmarks(asked.landmarks)
    options = _options(asked, mapping or {}, findings)
    if asked.segmentation is None:
        result = _of_landmarks(asked, {side: person[side] for side in sides if side in person})
        result.findings, result.date, result.provenance = findings, date, Provenance(options=options).now()
        return result, None
    say("reading the segmentation")
    segmentation = given_segmentation(asked.segmentation, mapping or ())
    volume, chosen = _volume(asked, segmentation.grid, say)
    _tell_slices(segmentation, volume)
    structures = resolve_structures(segmentation, mapping, extra)
    provenance = Provenance.of(segmentation, structures, volume, options)
    told: list[str] = []
    if asked.register and volume is not None:
        say("registering the bones onto the image")
        onto = registered(segmentation, structures, volume)
        segmentation, structures, told = onto.segmentation, onto.structures, onto.notes
    prepared = PreparedStudy(
        segmentation,
        structures,
        volume=volume,
        sides=sides,
        subject=_subject(asked, volume),
        progress=say,
        provenance=provenance,
    )
    prepared.images, beside = _muscle_images(asked, prepared)
    prepared.notes += [*told, *beside]
    prepared.findings, prepared.date = findings, date or prepared.date
    if muscle:
        _segment(prepared, person, asked.strokes, say)
    result = prepared.measure(person, progress=say)
    refuse_without_trochanter(result)
    result.notes[:0] = [chosen] if chosen else []
    return result, prepared


def _volume(asked: Asked, match: Grid, say: Progress) -> tuple[Volume | None, str]:
    """Read the image, and say why this series of it; None where there is none."""
    if asked.image is None:
        return None, ""
    say("reading the image")
    volume, chosen = given_volume(asked.image, "image", match, asked.series, say)
    return replace(volume, contrast=asked.contrast or ""), chosen


def _tell_slices(segmentation: Segmentation, volume: Volume | None) -> None:
    """Let a label map whose file does not say where its slices are know it from the image it lies on."""
    grid = segmentation.grid
    if volume is not None and grid.across is None and not grid.difference(volume.grid):
        segmentation.grid = replace(grid, across=volume.grid.across)


def _segment(
    prepared: PreparedStudy, person: dict[Side, LandmarkSet], strokes: PathLike | Strokes | None, say: Progress
) -> None:
    """Segment the muscle where there is none."""
    placed = {side: hip.landmarks for side, hip in prepared.measure(person, progress=say).hips.items()}
    say("segmenting the quadratus femoris")
    points = strokes if strokes is None or isinstance(strokes, Strokes) else read_strokes(Path(strokes))
    made, failed = prepared.segment_muscles(placed, points)
    if failed and not made:
        raise IFIMeasureError(" ".join(dict.fromkeys(failed.values())))


def _options(asked: Asked, mapping: Mapping[str, Structure], findings: Findings) -> dict[str, Any]:
    """What was asked for, as :func:`.kept_options` keeps it with the study."""
    labels: Any = asked.labels
    if isinstance(labels, Mapping) or str(labels).lstrip().startswith("{"):
        labels = dict(mapping)
    return kept_options(
        {
            "segmentation": asked.segmentation,
            "image": asked.image,
            "fat_image": asked.fat_image,
            "opposed_image": asked.opposed_image,
            "landmarks": landmark_files(asked.landmarks),
            "strokes": asked.strokes,
            "labels": labels,
            "series": asked.series,
            "fat_series": asked.fat_series,
            "opposed_series": asked.opposed_series,
            "side": asked.side,
            "contrast": asked.contrast,
            "date": asked.date,
            "sex": asked.sex,
            "age": asked.age_years,
            "height": asked.height_m,
            "weight": asked.weight_kg,
            "findings": findings,
            "same_place": asked.same_place or None,
            "register": asked.register or None,
        }
    )


def _of_landmarks(asked: Asked, person: dict[Side, LandmarkSet]) -> StudyResult:
    """Measure what landmarks alone tell."""
    for argument in ("image", "series", "contrast", *_SECOND, *_SECOND.values(), "labels"):
        if getattr(asked, argument) is not None:
            raise IFIMeasureError(
                f"{argument} is given without a segmentation, and tells nothing then; give the segmentation of hip "
                "bones and femora.",
                argument="segmentation",
            )
    if not person:
        raise IFIMeasureError(
            "There is neither a segmentation nor a landmark of the side asked for; give the segmentation of hip bones "
            "and femora, or landmarks.",
            argument="segmentation",
        )
    return measure_landmarks(person, _subject(asked, None))


def _subject(asked: Asked, volume: Volume | None) -> Subject:
    """What is known of the person: what was given, else what the image says."""
    tags = Subject() if volume is None else Subject.from_tags(volume.tags)
    return Subject(
        sex=asked.sex or tags.sex,
        age_years=asked.age_years if asked.age_years is not None else tags.age_years,
        height_m=asked.height_m or tags.height_m,
        weight_kg=asked.weight_kg or tags.weight_kg,
    )


def _checked(asked: Asked) -> Asked:
    """Refuse what cannot be, before anything long begins; numbers are floats afterwards, the series is a text."""
    for argument, text, choices in (("sex", asked.sex, ("F", "M")), ("contrast", asked.contrast, CONTRASTS)):
        if text is not None and text not in choices:
            raise IFIMeasureError(f"{argument} is {text!r}: it must be one of {', '.join(choices)}.", argument=argument)
    for argument, contrast in (("fat_image", "water"), ("opposed_image", "in-phase")):
        if getattr(asked, argument) is not None and asked.contrast != contrast:
            raise IFIMeasureError(
                f"{argument} needs the image to be the {contrast} image of the same Dixon series; say so: the contrast "
                f"is {contrast}.",
                argument="contrast",
            )
    for argument, series in _SECOND.items():
        if getattr(asked, series) is not None and getattr(asked, argument) is None:
            raise IFIMeasureError(
                f"{series} is {getattr(asked, series)!r}, but {argument} is not given; name it.", argument=series
            )
    if asked.strokes is not None and not isinstance(asked.strokes, Strokes) and not is_path(asked.strokes):
        raise IFIMeasureError(
            f"strokes is of type {type(asked.strokes).__name__}; give a file of Slicer markups, or Strokes.",
            argument="strokes",
        )
    _refuse_without_image(asked)
    return replace(
        asked,
        landmarks=asked.landmarks if isinstance(asked.landmarks, Mapping) else landmark_files(asked.landmarks),
        series=None if asked.series is None else str(asked.series),
        fat_series=None if asked.fat_series is None else str(asked.fat_series),
        opposed_series=None if asked.opposed_series is None else str(asked.opposed_series),
        date=parse_date(str(asked.date), "date").isoformat() if asked.date else None,
        age_years=_number("age_years", asked.age_years, "years", 0.0, 130.0),
        height_m=_number("height_m", asked.height_m, "meters", 0.3, 2.6),
        weight_kg=_number("weight_kg", asked.weight_kg, "kilograms", 2.0, 400.0),
    )


def _refuse_without_image(asked: Asked) -> None:
    """Refuse what is asked of an image where there is none."""
    for argument in ("same_place", "register"):
        if not isinstance(getattr(asked, argument), bool):
            raise IFIMeasureError(
                f"{argument} is {getattr(asked, argument)!r}; it must be True or False.", argument=argument
            )
    for argument in ("contrast", "series", "same_place", "register"):
        given = getattr(asked, argument)
        if given not in (None, False) and asked.image is None and asked.segmentation is not None:
            raise IFIMeasureError(f"{argument} is {given!r}, but no image is given; name it.", argument=argument)


def _number(argument: str, given: Any, unit: str, low: float, high: float) -> float | None:
    """Return a number as a float; refuse what is none, or lies outside of what a person can be."""
    if given is None:
        return None
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high:
        shown = given if math.isnan(number) else format(number, "g")
        raise IFIMeasureError(
            f"{argument} is {shown}: it must be {unit} between {low:g} and {high:g}.",
            argument=argument,
        )
    return number


def _muscle_images(asked: Asked, prepared: PreparedStudy) -> tuple[MuscleImages | None, list[str]]:
    """Return the images that tell fat and edema, or None; and what a reader must know of where they lie."""
    volume = prepared.volume
    if asked.contrast is None or volume is None:
        return None, []
    argument = "fat_image" if asked.fat_image is not None else "opposed_image"
    given = getattr(asked, argument)
    if given is None:
        return muscle_images(asked.contrast, volume, None), []
    series = getattr(asked, _SECOND[argument])
    second, _ = given_volume(given, argument, volume.grid, series, argument=_SECOND[argument])
    notes = prepared.second_image_notes(second, argument.replace("_", " "))
    return muscle_images(asked.contrast, volume, second), notes
