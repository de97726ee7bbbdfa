"""Published values beside a measured one: cutoff statements and z-scores, never a diagnosis.

The table is ``Resources/ReferenceValues/reference_values.csv``; a person may edit it.
"""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass

from ..resources import resource_path
from ..values import IFIMeasureError, iso_date


@dataclass(frozen=True)
class Subject:
    """What is known of the person; None where something is not.

    :param sex: ``F`` or ``M``.
    """

    sex: str | None = None
    age_years: float | None = None
    height_m: float | None = None
    weight_kg: float | None = None

    @classmethod
    def from_tags(cls, tags: dict[str, str]) -> Subject:
        """Return what DICOM's PatientSex, PatientAge (or birth and study date), PatientSize and PatientWeight say."""
        age = _age_years(tags.get("PatientAge", ""))
        birth, study = iso_date(tags.get("PatientBirthDate", "")), iso_date(tags.get("StudyDate", ""))
        if age is None and birth and study:
            years = int(study[:4]) - int(birth[:4]) - (study[5:] < birth[5:])
            age = float(years) if 0 <= years <= _OLDEST_YEARS else None
        return cls(
            sex=known_sex(tags.get("PatientSex", "")),
            age_years=age,
            height_m=_within(tags.get("PatientSize", ""), 0.3, 2.6),
            weight_kg=_within(tags.get("PatientWeight", ""), 2.0, 400.0),
        )


def known_sex(text: str) -> str | None:
    """Return ``F`` or ``M``; None for other, unknown, and what is no sex at all."""
    sex = text.strip().upper()
    return sex if sex in ("F", "M") else None


_OLDEST_YEARS = 130.0

_AGE_UNITS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


def _age_years(text: str) -> float | None:
    """An age of DICOM, as ``041Y``; None for what is none, as zeros and other fillers that scanners write."""
    found = re.fullmatch(r"(\d{3})([YMWD])", text.strip().upper(), re.ASCII)
    years = 0.0 if found is None else int(found[1]) * _AGE_UNITS[found[2]]
    return years if 0.0 < years <= _OLDEST_YEARS else None


def _within(text: str, low: float, high: float) -> float | None:
    """A number that a person can have; None for zero and other fillers that scanners write."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if low <= number <= high else None


@dataclass(frozen=True)
class ReferenceRow:
    """One published group: its mean and standard deviation, or a cutoff, or both; millimeter.

    :param position: how the body lay; virtual models may stand.
    :param predicts: what the cutoff tells of: impingement, where it is empty.
    """

    measurement: str
    study: str
    group: str
    sex: str | None
    age_min: float
    age_max: float
    position: str
    mean_mm: float | None
    sd_mm: float | None
    cutoff_mm: float | None
    predicts: str
    accuracy: str
    citation: str

    def applies_to(self, subject: Subject) -> bool:
        """Whether sex and age fit.

        A subject of unknown age counts as an adult; one of unknown sex fits mixed groups only.
        """
        if self.sex is not None and self.sex != subject.sex:
            return False
        age = 40.0 if subject.age_years is None else subject.age_years
        return self.age_min <= age <= self.age_max


@functools.cache
def reference_rows() -> tuple[ReferenceRow, ...]:
    """Return the table's rows; read once, so a table that is edited counts from the next start on.

    :raises IFIMeasureError: where the (perhaps edited) table cannot be read; names the line.
    """
    path = resource_path("ReferenceValues/reference_values.csv")
    rows = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), 2):
            try:
                rows.append(_reference_row(row))
            except IFIMeasureError:
                raise
            except (KeyError, ValueError, TypeError) as error:
                raise IFIMeasureError(
                    f"{path}: line {number} cannot be read ({error}); correct it or install again."
                ) from None
    return tuple(rows)


def _reference_row(row: dict[str, str]) -> ReferenceRow:
    """A line of the table, by the names of its columns."""
    return ReferenceRow(
        measurement=row["measurement"],
        study=row["study"],
        group=row["group"],
        sex=row["sex"] or None,
        age_min=float(row["age_min"] or 0),
        age_max=float(row["age_max"] or 200),
        position=row["position"],
        mean_mm=_optional(row["mean_mm"]),
        sd_mm=_optional(row["sd_mm"]),
        cutoff_mm=_optional(row["cutoff_mm"]),
        predicts=row.get("predicts") or "impingement",  # tables that were edited before have no such column
        accuracy=row["accuracy"],
        citation=row["citation"],
    )


def _optional(text: str) -> float | None:
    return float(text) if text else None


@dataclass(frozen=True)
class Statement:
    """One comparison with the literature.

    :param kind: ``cutoff`` or ``z``.
    :param z: standard deviations from the group's mean.
    :param below: whether the value is at or below the cutoff.
    """

    kind: str
    text: str
    row: ReferenceRow
    z: float | None = None
    below: bool | None = None


def published(measurement: str, subject: Subject) -> list[ReferenceRow]:
    """Return the published groups and cutoffs of a measurement that fit the subject, in the table's order."""
    return [row for row in reference_rows() if row.measurement == measurement and row.applies_to(subject)]


def statements(measurement: str, value_mm: float, subject: Subject) -> list[Statement]:
    """Compare a value with every published group that fits the subject."""
    result = []
    for row in published(measurement, subject):
        if row.cutoff_mm is not None:
            result.append(_against_cutoff(value_mm, row, row.cutoff_mm))
        if row.mean_mm is not None and row.sd_mm and row.group == "control":
            result.append(_against_mean(value_mm, row, row.mean_mm, row.sd_mm))
    return result


def _against_cutoff(value_mm: float, row: ReferenceRow, cutoff_mm: float) -> Statement:
    word = "below" if value_mm < cutoff_mm else "at" if value_mm == cutoff_mm else "above"
    other = "" if row.predicts == "impingement" else f" for {row.predicts}"
    text = f"{word} the published cutoff of {cutoff_mm:g} mm{other} ({row.study})"
    return Statement("cutoff", text, row, below=value_mm <= cutoff_mm)


def _against_mean(value_mm: float, row: ReferenceRow, mean_mm: float, sd_mm: float) -> Statement:
    z = (value_mm - mean_mm) / sd_mm
    who = {"F": "women", "M": "men", None: "controls"}[row.sex]
    how = "" if row.position == "supine" else f", {row.position}"
    return Statement("z", f"z = {z:+.1f} against {who} {mean_mm:g} ± {sd_mm:g} mm ({row.study}{how})", row, z=z)
