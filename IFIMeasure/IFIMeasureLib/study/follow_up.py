"""Changes between examinations of one person: absolute, percent, symmetric, annualized, each against its repeatability.

Formulas: percent 100 (b - a) / a; symmetric 200 (b - a) / (a + b), whose sign alone turns when the order is
swapped; annualized 100 ((b / a)^(1 / years) - 1). A change of volume or area is real when the symmetric change
exceeds the repeatability coefficient, 1.96 sqrt(2) wCV (Bland and Altman; about 2.77 wCV).
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..measuring.definition import Followed
from ..measuring.registry import MEASUREMENTS, measurement
from ..values import IFIMeasureError, Measured, iso_date
from .repeatability import Repeatability, repeatability_coefficient
from .result import StudyResult, each_result

DEFAULT_WCV_PERCENT = 3.6
"""Within-subject coefficient of variation that is assumed where a lab gives none of its own; a repeatability of 10 %."""


FOLLOW_UP_COLUMNS: dict[str, str] = {
    "measurement": "Id of the measurement; stable.",
    "title": "Its name for people.",
    "side": "right or left.",
    "unit": "UCUM unit of the values.",
    "first_date": "Date of the first examination, ISO 8601.",
    "date": "Date of this examination, ISO 8601.",
    "first_value": "Value of the first examination, full precision.",
    "value": "Value of this examination, full precision.",
    "change": "This minus first, in the unit.",
    "change_percent": "100 (this - first) / first.",
    "change_symmetric_percent": "200 (this - first) / (this + first).",
    "change_annualized_percent": "100 ((this / first)^(1 / years) - 1).",
    "repeatability_percent": "Repeatability coefficient the symmetric change is set against; empty where none is known.",
    "repeatability": "Repeatability coefficient the change is set against, in the unit, where your own measurements gave one and no percentage fits.",
    "verdict": "within measurement error, beyond measurement error, or empty where no repeatability is known.",
    "notes": "What a reader must know beside the change, or why there is none.",
}
"""Columns of ``follow_up.csv``."""


def parse_date(text: str, name: str) -> datetime.date:
    """Return a date of ISO 8601 or DICOM.

    :raises IFIMeasureError: where it is none, with the ``name`` of the examination.
    """
    try:
        return datetime.date.fromisoformat(iso_date(text))
    except ValueError:
        what = f"'{text}' is no date" if text else "the date of the examination is not known"
        raise IFIMeasureError(f"{name}: {what}; give a date such as 2024-03-01.", argument="dates") from None


@dataclass(frozen=True)
class Examination:
    """What a study says: name (of its folder), date, person, protocol, values and reasons by (measurement, side)."""

    name: str
    date: datetime.date
    sex: str
    age_years: float | None
    plane: str
    spacing_mm: tuple[float, float, float]
    series: str
    contrast: str
    values: dict[tuple[str, str], float]
    reasons: dict[tuple[str, str], str]


@dataclass(frozen=True)
class Changes:
    """Examinations of one person in the order of their dates, the rows of their changes (:data:`FOLLOW_UP_COLUMNS`), and warnings about unequal protocols."""

    examinations: list[Examination]
    rows: list[dict[str, str]]
    warnings: list[str]


def read_examination(document: dict[str, Any], name: str, date: str | None = None) -> Examination:
    """Return what follow-up needs of a study's ``study.json``.

    :param date: ISO 8601; None for the date in the document.
    :raises IFIMeasureError: where no date is known, or the document lacks what a study has.
    """
    day = parse_date(date or str(document.get("date", "")), name)
    try:
        grid, subject, series = (document[key] for key in ("segmentation", "subject", "series"))
        spacing = [float(v) for v in grid["spacing_mm"]]
        values, reasons = {}, {}
        for row in document["measurements"]:
            key = row["measurement"], row["side"]
            if row["value"]:
                values[key] = float(row["value"])
            else:
                reasons[key] = row["reason"]
        return Examination(
            name=name,
            date=day,
            sex=subject.get("sex") or "",
            age_years=subject.get("age_years"),
            plane=str(grid["plane"]),
            spacing_mm=(spacing[0], spacing[1], spacing[2]),
            series=str((series or {}).get("description", "")),
            contrast=str(document["contrast"]),
            values=values,
            reasons=reasons,
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise IFIMeasureError(f"{name}: its study.json is damaged; measure the study again.") from None


def examination_of(study: StudyResult, name: str) -> Examination:
    """Return what follow-up needs of a measured study.

    :raises IFIMeasureError: where its date is not known.
    """
    grid, series = study.bones.grid, study.provenance.series
    spacing = grid.spacing.tolist()
    values, reasons = {}, {}
    for definition, side, result in each_result(study):
        key = definition.id, side.value if side is not None else "both"
        if isinstance(result, Measured):
            values[key] = result.value
        else:
            reasons[key] = result.reason
    for side, reason in study.absent_sides.items():
        reasons.update({(definition.id, side.value): reason for definition in MEASUREMENTS})
    return Examination(
        name=name,
        date=parse_date(study.date, name),
        sex=study.subject.sex or "",
        age_years=study.subject.age_years,
        plane=grid.plane_name,
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        series=series.description if series is not None else "",
        contrast=study.provenance.contrast,
        values=values,
        reasons=reasons,
    )


def follow_up(
    examinations: list[Examination],
    wcv_percent: float = DEFAULT_WCV_PERCENT,
    own: Mapping[str, Repeatability] | None = None,
) -> Changes:
    """Compare examinations of one person with the first one.

    :param own: repeatability of one's own measurements, by measurement; wins over ``wcv_percent``.
    :raises IFIMeasureError: where there is only one, dates are equal, or the persons differ.
    """
    if len(examinations) < 2:
        raise IFIMeasureError("One examination alone shows no change; give at least two folders of results.")
    if not (math.isfinite(wcv_percent) and 0 < wcv_percent < 100):
        raise IFIMeasureError(
            f"wcv_percent is {wcv_percent:g}: the within-subject coefficient of variation must be a percentage "
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
    rows: list[dict[str, str]] = []
    for later in ordered[1:]:
        _refuse_another_person(first, later)
        warnings += _protocol(first, later)
        for definition in MEASUREMENTS:
            if definition.followed is not Followed.NO:
                rows += [
                    _row(definition.id, side, first, later, wcv_percent, (own or {}).get(definition.id))
                    for side in ("right", "left")
                ]
    return Changes(ordered, rows, warnings)


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
            f"{where}: ages {first.age_years:g} and {later.age_years:g} do not fit the {years:.1f} years between them; check folders and dates."
        )
    for side in ("right", "left"):
        diameter, other = (e.values.get(("femoral_head_diameter", side)) for e in (first, later))
        # adults: a head that differs by more than the error of both is another one; children grow
        adult = first.age_years is None or first.age_years >= 18.0
        if diameter is not None and other is not None and adult and abs(other - diameter) > 2.5:
            raise IFIMeasureError(
                f"{where}: the {side} femoral heads measure {diameter:.1f} and {other:.1f} mm; check the folders."
            )


def _protocol(first: Examination, later: Examination) -> list[str]:
    """Say how the protocols differ; the same muscle read 11 to 41 % smaller in another plane."""
    found = []
    label = f"{first.date} and {later.date}"
    if first.plane != later.plane:
        found.append(
            f"{label}: planes differ ({first.plane}, {later.plane}); volumes of other planes are not comparable (11 to 41 % apart in one comparison)."
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


def _row(
    measurement_id: str,
    side: str,
    first: Examination,
    later: Examination,
    wcv_percent: float,
    own: Repeatability | None,
) -> dict[str, str]:
    definition = measurement(measurement_id)
    row = dict.fromkeys(FOLLOW_UP_COLUMNS, "")
    row.update(
        measurement=measurement_id,
        title=definition.title,
        side=side,
        unit=definition.unit,
        first_date=first.date.isoformat(),
        date=later.date.isoformat(),
    )
    key = (measurement_id, side)
    a, b = first.values.get(key), later.values.get(key)
    row.update(first_value="" if a is None else repr(a), value="" if b is None else repr(b))
    if a is None or b is None:
        which = first if a is None else later
        row["notes"] = f"not measured on {which.date}: {which.reasons.get(key, 'not in the results.')}"
        return row
    row["change"] = repr(b - a)
    notes = []
    if a > 0 and b > 0:
        symmetric = 200.0 * (b - a) / (a + b)
        years = (later.date - first.date).days / 365.25
        row.update(
            change_percent=repr(100.0 * (b - a) / a),
            change_symmetric_percent=repr(symmetric),
            change_annualized_percent=repr(100.0 * math.expm1(math.log(b / a) / years)),
        )
        if years < 0.5:
            notes.append("less than half a year apart: the annualized change magnifies errors")
        if definition.followed is Followed.PROPORTIONAL:
            coefficient = (
                repeatability_coefficient(wcv_percent) if own is None or own.rc_percent is None else own.rc_percent
            )
            row["repeatability_percent"] = repr(coefficient)
            row["verdict"] = _verdict(symmetric, coefficient)
    if own is not None and not row["verdict"]:
        row["repeatability"] = repr(own.rc)
        row["verdict"] = _verdict(b - a, own.rc)
    if definition.posed:
        notes.append("repositioning the leg alone changed the ischiofemoral space by 4 mm or more in 34 % of hips")
    row["notes"] = "; ".join(notes)
    return row


def _verdict(change: float, coefficient: float) -> str:
    return "beyond measurement error" if abs(change) > coefficient else "within measurement error"
