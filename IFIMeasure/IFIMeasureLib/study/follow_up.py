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
from dataclasses import dataclass, replace

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
    try:
        return datetime.date.fromisoformat(iso_date(text))
    except ValueError:
        what = f"'{text}' is no date" if text else "the date of the examination is not known"
        raise IFIMeasureError(f"{name}: {what}; give a date such as 2024-03-01.", argument="dates") from None


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
    if change.absolute is None:
        which = first if change.first_value is None else later
        why = which.reasons.get(key, "not in the results.")
        return replace(change, notes=(f"not measured on {which.date}: {why}",))
    notes = []
    if change.annualized_percent is not None and change.years < 0.5:
        notes.append("less than half a year apart: the annualized change magnifies errors")
    if definition.posed:
        notes.append("repositioning the leg alone changed the ischiofemoral space by 4 mm or more in 34 % of hips")
    return _judged(replace(change, notes=tuple(notes)), change.absolute, wcv_percent, own)


def _judged(change: Change, absolute: float, wcv_percent: float, own: RepeatabilityRow | None) -> Change:
    """Set a change against its repeatability: in percent where errors grow with the value, else in the unit."""
    symmetric = change.symmetric_percent
    if change.definition.followed is Followed.PROPORTIONAL and symmetric is not None:
        known = own.rc_percent if own is not None else None
        limit = repeatability_coefficient(wcv_percent) if known is None else known
        return replace(change, repeatability_percent=limit, verdict=_verdict(symmetric, limit))
    if own is not None:
        return replace(change, repeatability=own.rc, verdict=_verdict(absolute, own.rc))
    return change


def _verdict(change: float, coefficient: float) -> Verdict:
    return Verdict.BEYOND if abs(change) > coefficient else Verdict.WITHIN
