"""The quadratus femoris of one person found in all examinations together, so that each helps the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ..anatomy.landmarks import LandmarkSet
from ..measuring.registry import MEASUREMENTS
from ..muscle.registration import AnotherPersonError
from ..values import IFIMeasureError, Side
from .follow_up import Examination
from .opened import OpenedStudy
from .prepared import PreparedStudy, segment_muscles_together
from .provenance import FOUND_IN_IMAGE, MuscleOrigin
from .result import Progress, StudyResult


@dataclass(frozen=True)
class Visit:
    """One examination of a person.

    :param muscle_origins: where the muscle of each side came from.
    :param opened: reads the study; what it gives is changed.
    """

    examination: Examination
    muscle_origins: Mapping[Side, MuscleOrigin]
    opened: Callable[[], OpenedStudy]


@dataclass(frozen=True)
class Together:
    """What was found.

    :param examinations: in the order of their dates, with the new numbers.
    :param studies: measured with the muscles that were found together; none where there is no such muscle.
    :param notes: what was found together, and about sides that stay as they are.
    """

    examinations: list[Examination]
    studies: list[StudyResult]
    notes: list[str]


def found_together(visits: Iterable[Visit], say: Progress) -> Together:
    """Find the muscle of all visits together, on each side where it was found in the images before, and measure again.

    :raises IFIMeasureError: where the bones say that it is another person.
    """
    ordered = sorted(visits, key=lambda visit: visit.examination.date)
    examinations = [visit.examination for visit in ordered]
    notes, sides = _sides([visit.muscle_origins for visit in ordered])
    if not sides:
        return Together(examinations, [], notes)
    try:
        say("opening the examinations")
        opened = [visit.opened() for visit in ordered]
        prepared = [_prepared(study) for study in opened]
        segment_muscles_together(prepared, [_landmarks(study.measure()) for study in opened], sides, say)
    except AnotherPersonError as error:
        raise IFIMeasureError(
            f"{', '.join(e.name for e in examinations)}: {error} Check the studies, or compare the numbers as they "
            "are.",
            argument="together",
        ) from None
    except IFIMeasureError as error:
        note = f"the muscles were not found together, so their numbers are compared as they are: {error}"
        return Together(examinations, [], [*notes, note])
    studies = [replace(study.measure(), date=e.date.isoformat()) for study, e in zip(opened, examinations)]
    measured = [_with_muscle(e, study, sides) for e, study in zip(examinations, studies)]
    notes.append(
        f"the quadratus femoris ({', '.join(side.value for side in sides)}) was found in all examinations together; "
        "values differ a little from those of each alone."
    )
    return Together(measured, studies, notes)


def _sides(origins: list[Mapping[Side, MuscleOrigin]]) -> tuple[list[str], list[Side]]:
    """Sides whose muscle was found in the image every time, and what is to be said of the others."""
    notes, sides = [], []
    for side in Side:
        of = [origin.get(side) for origin in origins]
        if all(o in FOUND_IN_IMAGE for o in of):
            sides.append(side)
        elif all(of):
            notes.append(
                f"the {side.value} quadratus femoris was not found in the image in each examination; its numbers are "
                "compared as they are."
            )
    return notes, sides


def _prepared(study: OpenedStudy) -> PreparedStudy:
    if study.prepared is None:
        raise IFIMeasureError(f"{study.name or 'a study'} is of landmarks alone, without a segmentation.")
    return study.prepared


def _landmarks(study: StudyResult) -> dict[Side, LandmarkSet]:
    return {side: hip.landmarks for side, hip in study.hips.items()}


def _with_muscle(examination: Examination, study: StudyResult, sides: list[Side]) -> Examination:
    """The examination with the muscle's numbers of these sides as they are now."""
    again = Examination.of_study(study, examination.name)
    new = {(m.id, side) for m in MEASUREMENTS if m.structure == "quadratus_femoris" for side in sides}
    values = {key: value for key, value in examination.values.items() if key not in new}
    values.update({key: value for key, value in again.values.items() if key in new})
    return replace(examination, values=values, reasons={**again.reasons, **examination.reasons})
