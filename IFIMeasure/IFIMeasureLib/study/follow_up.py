"""Changes between examinations of one person: absolute, percent, symmetric, annualized, each against its repeatability.

Formulas: percent 100 (b - a) / a; symmetric 200 (b - a) / (a + b), whose sign alone turns when the order is
swapped; annualized 100 ((b / a)^(1 / years) - 1). A change of volume or area is real when the symmetric change
exceeds the repeatability coefficient, 1.96 sqrt(2) wCV (Bland and Altman; about 2.77 wCV).
"""

from __future__ import annotations

import datetime
import enum
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..files.results import SavedStudy
from ..measuring.definition import Followed, MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..values import IFIMeasureError, Measured, NotMeasurable, Side, iso_date
from .document import saved_study
from .provenance import Provenance
from .repeatability import RepeatabilityRow, repeatability_coefficient
from .result import StudyResult

DEFAULT_WCV_PERCENT = 3.6
"""Within-subject coefficient of variation where a lab gives none of its own; a repeatability of 10 %."""


def parse_date(text: str, name: str) -> datetime.date:
    """Return a date of ISO 8601 or DICOM.

    :raises IFIMeasureError: where it is none, with the ``name`` of the examination.
    """
    known = iso_date(text)
    if known:
        return datetime.date.fromisoformat(known)
    what = f"'{text}' is no date" if text else "the date of the examination is not known"
    raise IFIMeasureError(f"{name}: {what}; give a date such as 2024-03-01.", argument="dates")


class Verdict(enum.Enum):
    """What a change is, set against what measurement error alone can make. Saved by value: never rename."""

    WITHIN = "within measurement error"
    BEYOND = "beyond measurement error"


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What a study says of one examination.

    :param name: of its folder or study.
    :param sex: ``F``, ``M``, or empty where it is not known.
    :param plane: plane of the image; with ``spacing_mm``, ``series`` and ``contrast`` its protocol.
    :param values: by measurement and side (None: between both), in the measurement's unit.
    :param reasons: why the others have no value.
    :param plane_ranges: what the position of the planes leaves open of values: lowest and highest, millimeter.
    """

    name: str
    date: datetime.date
    sex: str
    age_years: float | None
    plane: str
    spacing_mm: tuple[float, float, float]
    series: str
    contrast: str
    values: Mapping[tuple[str, Side | None], float]
    reasons: Mapping[tuple[str, Side | None], str]
    plane_ranges: Mapping[tuple[str, Side | None], tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of_study(cls, study: StudyResult, name: str) -> Examination:
        """Return what follow-up needs of a measured study.

        :raises IFIMeasureError: where its date is not known, or landmarks alone were measured.
        """
        return cls.of_saved(saved_study(study), name)

    @classmethod
    def of_saved(cls, saved: SavedStudy, name: str, date: str | None = None) -> Examination:
        """Return what follow-up needs of a study that was kept.

        :param date: ISO 8601 or as DICOM writes it; None for the one that the study has.
        :raises IFIMeasureError: where no date is known.
        """
        provenance = Provenance.from_document(saved.provenance, name)
        results = {(row.id, row.side): row.result for row in saved.measurements}
        i, j, k = saved.grid.spacing.tolist()
        return cls(
            name=name,
            date=parse_date(date or saved.date, name),
            sex=saved.subject.sex or "",
            age_years=saved.subject.age_years,
            plane=saved.grid.plane_name,
            spacing_mm=(i, j, k),
            series=provenance.series.description if provenance.series is not None else "",
            contrast=provenance.contrast,
            values={key: of.value for key, of in results.items() if isinstance(of, Measured)},
            reasons={key: of.reason for key, of in results.items() if isinstance(of, NotMeasurable)},
            plane_ranges={
                key: (of.plane_low_mm, of.plane_high_mm)
                for key, of in results.items()
                if isinstance(of, Measured) and of.plane_low_mm is not None and of.plane_high_mm is not None
            },
        )


@dataclass(frozen=True, kw_only=True)
class Change:
    """One measurement of one side (None: between both) in one examination against the first one.

    Values and ``absolute`` are in the measurement's unit; None where one of both examinations has none.

    :param repeatability_percent: coefficient that the symmetric change is set against.
    :param repeatability: coefficient that the absolute change is set against, in the unit.
    :param verdict: None where no repeatability is known.
    :param notes: what a reader must know beside the change, or why there is none.
    """

    definition: MeasurementDefinition
    side: Side | None
    first_date: datetime.date
    date: datetime.date
    first_value: float | None = None
    value: float | None = None
    repeatability_percent: float | None = None
    repeatability: float | None = None
    verdict: Verdict | None = None
    notes: tuple[str, ...] = ()

    @property
    def limits(self) -> tuple[float, float] | None:
        """The lowest and the highest value that are within error of the first one; None where nothing was judged.

        These are the limits that the verdict is told from; there may be no highest one (infinity).
        """
        if self.verdict is None or self.first_value is None:
            return None
        if self.repeatability is not None:
            return self.first_value - self.repeatability, self.first_value + self.repeatability
        if self.repeatability_percent is None:
            return None
        # the symmetric change 200 (b - a) / (a + b) stays below 200 % whatever b is
        share = self.repeatability_percent / 200.0
        if share >= 1.0:
            return 0.0, math.inf
        return self.first_value * (1.0 - share) / (1.0 + share), self.first_value * (1.0 + share) / (1.0 - share)

    @property
    def years(self) -> float:
        """Time between both examinations."""
        return (self.date - self.first_date).days / 365.25

    @property
    def absolute(self) -> float | None:
        """This minus first, in the unit."""
        return None if self.first_value is None or self.value is None else self.value - self.first_value

    @property
    def percent(self) -> float | None:
        """100 (this - first) / first, where both are positive."""
        return None if (pair := self._positive()) is None else 100.0 * (pair[1] - pair[0]) / pair[0]

    @property
    def symmetric_percent(self) -> float | None:
        """200 (this - first) / (this + first), where both are positive."""
        return None if (pair := self._positive()) is None else 200.0 * (pair[1] - pair[0]) / (pair[0] + pair[1])

    @property
    def annualized_percent(self) -> float | None:
        """100 ((this / first)^(1 / years) - 1), where both are positive."""
        if (pair := self._positive()) is None:
            return None
        return 100.0 * math.expm1(math.log(pair[1] / pair[0]) / self.years)

    def _positive(self) -> tuple[float, float] | None:
        a, b = self.first_value, self.value
        return (a, b) if a is not None and b is not None and a > 0 and b > 0 else None


@dataclass(frozen=True)
class Comparison:
    """Examinations of one person in the order of their dates, changes against the first, and warnings.

    The warnings tell of unequal protocols.
    """

    examinations: list[Examination]
    rows: list[Change]
    warnings: list[str]


def follow_up(
    examinations: list[Examination],
    wcv_percent: float = DEFAULT_WCV_PERCENT,
    own: Mapping[str, RepeatabilityRow] | None = None,
) -> Comparison:
    """Compare examinations of one person with the first one.

    :param own: repeatability of one's own measurements, by measurement; wins over ``wcv_percent``.
    :raises IFIMeasureError: where there is only one, dates are equal, or the persons differ.
    """
    if len(examinations) < 2:
        raise IFIMeasureError("One examination alone shows no change; give at least two folders of results.")
    if not isinstance(wcv_percent, (int, float)) or not 0 < wcv_percent < 100:
        raise IFIMeasureError(
            f"wcv_percent is {wcv_percent}: the within-subject coefficient of variation must be a percentage "
            "between 0 and 100.",
            argument="wcv_percent",
        )
    ordered = sorted(examinations, key=lambda e: e.date)
    first = ordered[0]
    for earlier, later in itertools.pairwise(ordered):
        if earlier.date == later.date:
            raise IFIMeasureError(
                f"{earlier.name} and {later.name} have the same date ({later.date}); give the right dates.",
                argument="dates",
            )
    warnings: list[str] = []
    rows: list[Change] = []
    for later in ordered[1:]:
        _refuse_another_person(first, later)
        warnings += _protocol(first, later)
        for definition in MEASUREMENTS:
            if definition.followed is not Followed.NO:
                rows += [
                    _change(definition, side, first, later, wcv_percent, (own or {}).get(definition.id))
                    for side in ((None,) if definition.paired else Side)
                ]
    return Comparison(ordered, rows, warnings)


def _refuse_another_person(first: Examination, later: Examination) -> None:
    where = f"{first.name} and {later.name} are of different persons"
    if first.sex and later.sex and first.sex != later.sex:
        raise IFIMeasureError(f"{where}: sex {first.sex} and {later.sex}; check the folders.")
    years = (later.date - first.date).days / 365.25
    if (
        first.age_years is not None
        and later.age_years is not None
        and abs(later.age_years - first.age_years - years) > 1.5
    ):
        raise IFIMeasureError(
            f"{where}: ages {first.age_years:g} and {later.age_years:g} do not fit the {years:.1f} years between them;"
            " check folders and dates."
        )
    for side in Side:
        diameter, other = (e.values.get((_HEAD_DIAMETER, side)) for e in (first, later))
        # adults: a head that differs by more than the error of both is another one; children grow
        adult = first.age_years is None or first.age_years >= 18.0
        if diameter is not None and other is not None and adult and abs(other - diameter) > 2.5:
            raise IFIMeasureError(
                f"{where}: the {side.value} femoral heads measure {diameter:.1f} and {other:.1f} mm; check the folders."
            )


def _protocol(first: Examination, later: Examination) -> list[str]:
    """Say how the protocols differ; the same muscle read 11 to 41 % smaller in another plane."""
    found = []
    label = f"{first.date} and {later.date}"
    if first.plane != later.plane:
        found.append(
            f"{label}: planes differ ({first.plane}, {later.plane});"
            " volumes of other planes are not comparable (11 to 41 % apart in one comparison)."
        )
    thick = [max(e.spacing_mm) for e in (first, later)]
    if max(thick) > 1.25 * min(thick):
        found.append(
            f"{label}: slice spacing differs ({thick[0]:.3g}, {thick[1]:.3g} mm); a part of the change may be that."
        )
    fine = [min(e.spacing_mm) for e in (first, later)]
    if max(fine) > 1.25 * min(fine):
        found.append(f"{label}: pixels differ ({fine[0]:.3g}, {fine[1]:.3g} mm); a part of the change may be that.")
    if first.contrast != later.contrast:
        found.append(f"{label}: contrasts differ ({first.contrast or 'not said'}, {later.contrast or 'not said'}).")
    elif first.series and later.series and first.series != later.series:
        found.append(f"{label}: series differ ({first.series}, {later.series}).")
    return found


_HEAD_DIAMETER = "femoral_head_diameter"
"""Does not change in an adult: another one is another person's."""


def _change(
    definition: MeasurementDefinition,
    side: Side | None,
    first: Examination,
    later: Examination,
    wcv_percent: float,
    own: RepeatabilityRow | None,
) -> Change:
    key = (definition.id, side)
    change = Change(
        definition=definition,
        side=side,
        first_date=first.date,
        date=later.date,
        first_value=first.values.get(key),
        value=later.values.get(key),
    )
    absolute = change.absolute
    if absolute is None:
        which = first if change.first_value is None else later
        why = which.reasons.get(key, "not in the results.")
        return replace(change, notes=(f"not measured on {which.date}: {why}",))
    notes = []
    if change.annualized_percent is not None and change.years < 0.5:
        notes.append("less than half a year apart: the annualized change magnifies errors")
    change = replace(change, notes=tuple(notes))
    if definition.space is not None:
        return _judged_space(change, absolute, first, later, own)
    return _judged(change, absolute, wcv_percent, own)


def _judged(change: Change, absolute: float, wcv_percent: float, own: RepeatabilityRow | None) -> Change:
    """Set a change against its repeatability: in percent where errors grow with the value, else in the unit."""
    symmetric = change.symmetric_percent
    proportional = change.definition.followed is Followed.PROPORTIONAL and symmetric is not None
    if own is not None and (not proportional or own.rc_percent is None):
        return replace(_noted(change, _own_text(own)), repeatability=own.rc, verdict=_verdict(absolute, own.rc))
    if not proportional or symmetric is None:
        return change
    if own is not None and own.rc_percent is not None:
        limit, used = own.rc_percent, _own_text(own)
    else:
        limit = repeatability_coefficient(wcv_percent)
        used = f"judged with a within-subject coefficient of variation of {wcv_percent:g} %"
    return replace(_noted(change, used), repeatability_percent=limit, verdict=_verdict(symmetric, limit))


def _own_text(own: RepeatabilityRow) -> str:
    return f"judged with the repeatability of your own measurements ({own.subjects} persons)"


def _noted(change: Change, *notes: str) -> Change:
    return replace(change, notes=(*change.notes, *notes))


# -- spaces: where the planes fall, and how the leg lies ----------------------------------------------------------

_REPOSITIONED_MM = 4.0 / 0.954 * 1.96
"""What repositioning the leg alone changes a space by less than in 95 of 100, millimeter.

It changed it by 4 mm or more in 34 % of hips (PMC7901394), which 0.954 standard deviations do.
"""

_ROTATION_MM_PER_DEG = {True: 0.375, False: 0.233}
"""Change of the space over a degree of internal (True) or external rotation: Kivlan's cadavers, 28 to 43 and 14 mm."""

_POSE = {
    "femur_flexion": ("flexion", 1.0),
    "femur_abduction": ("abduction", 1.0),
    "femur_rotation_proxy": ("internal rotation", -1.0),  # the neck turns backward with it
}
"""Measurements of how the leg lies, with their names and signs here."""


def _judged_space(
    change: Change, absolute: float, first: Examination, later: Examination, own: RepeatabilityRow | None
) -> Change:
    """Set a change of a space against what the planes leave open, and one's own repeatability or the leg's position.

    Beyond error is a change that is larger than what the planes explain and what remains of it than the position of
    the leg does; repeats of one's own hold the leg's position.
    """
    planes = _explained_by_planes(change, absolute, first, later)
    turned, told = _pose_change(change.side, first, later)
    if own is not None:
        limit, used = max(own.rc, planes), _own_text(own)
    else:
        limit = planes + max(_REPOSITIONED_MM, turned)
        used = (
            f"judged against repositioning of the leg ({max(_REPOSITIONED_MM, turned):.1f} mm: it alone changed the"
            " space by 4 mm or more in 34 % of hips, PMC7901394)"
        )
    fell = f"where the slices fall explains up to {planes:.1f} mm of the change" if planes >= 0.05 else ""
    notes = [text for text in (used, fell, told) if text]
    return replace(_noted(change, *notes), repeatability=limit, verdict=_verdict(absolute, limit))


def _explained_by_planes(change: Change, absolute: float, first: Examination, later: Examination) -> float:
    """How much of a change goes where planes of both examinations may have fallen elsewhere, millimeter."""
    key = (change.definition.id, change.side)
    a, b = first.plane_ranges.get(key), later.plane_ranges.get(key)
    if a is None or b is None:
        return 0.0
    apart = max(0.0, b[0] - a[1], a[0] - b[1])
    return max(0.0, abs(absolute) - apart)


def _pose_change(side: Side | None, first: Examination, later: Examination) -> tuple[float, str]:
    """How much the change of the leg's rotation may change a space, millimeter, and how the leg lies now, in words."""
    turns = {}
    for key, (name, sign) in _POSE.items():
        before, now = first.values.get((key, side)), later.values.get((key, side))
        if before is not None and now is not None:
            turns[name] = sign * (now - before)
    if not turns:
        return 0.0, "the leg's position is not known in both examinations"
    rotation = turns.get("internal rotation", 0.0)
    told = ", ".join(f"{name} {turn:+.0f}°" for name, turn in turns.items())
    return abs(rotation) * _ROTATION_MM_PER_DEG[rotation > 0], f"the leg lies otherwise than before by: {told}"


def _verdict(change: float, coefficient: float) -> Verdict:
    return Verdict.BEYOND if abs(change) > coefficient else Verdict.WITHIN
