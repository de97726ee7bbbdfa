"""Repeatability of one's own measurements, from the same persons measured twice or more without a change between.

Within-subject standard deviation and coefficient of variation, repeatability coefficient (J. M. Bland and D. G. Altman,
Stat Methods Med Res 1999;8:135), limits of agreement of the first two repeats, and intraclass correlation (ICC(A,1):
two-way random effects, absolute agreement, single measurement), which comes from the library pingouin.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..files.tables import read_table
from ..measuring.registry import MEASUREMENTS
from ..values import Array, IFIMeasureError

INPUT_COLUMNS = ("subject", "measurement", "value")
"""Columns that a table of repeated measurements must have; ``side`` may be there, too."""


def repeatability_coefficient(within_subject: float) -> float:
    """Return what two measurements of one person differ by less than in 95 of 100.

    :param within_subject: standard deviation, or coefficient of variation.
    """
    return 1.96 * math.sqrt(2.0) * within_subject


@dataclass(frozen=True)
class RepeatabilityRow:
    """Repeatability of one measurement, None where there is no such number."""

    measurement: str
    unit: str
    subjects: int
    measurements: int
    mean: float
    wsd: float
    wcv_percent: float | None
    bias: float
    agreement_low: float
    agreement_high: float
    icc: float | None = None
    icc_low: float | None = None
    icc_high: float | None = None
    notes: str = ""

    @property
    def rc(self) -> float:
        """Repeatability coefficient in the unit."""
        return repeatability_coefficient(self.wsd)

    @property
    def rc_percent(self) -> float | None:
        """Repeatability coefficient in percent."""
        return None if self.wcv_percent is None else repeatability_coefficient(self.wcv_percent)


def given_repeats(table: Any) -> dict[str, list[list[float]]]:
    """Return repeated measurements: a row each, with ``subject``, ``measurement``, ``value`` and perhaps ``side``.

    :param table: path of a CSV or Excel file, a pandas DataFrame, or rows as mappings.
    :returns: by measurement, the values of each person (or hip) in the order of the rows.
    :raises IFIMeasureError: where it is no such table, or a value is no finite number; names the row.
    """
    if isinstance(table, (str, os.PathLike)):
        path = Path(table)
        return _by_measurement(read_table(path, ("value",)), str(path), "line", 2)
    given = table.to_dict("records") if hasattr(table, "to_dict") else table
    rows = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(row, Mapping) for row in rows):
        raise IFIMeasureError(
            f"table is of type {type(table).__name__}: give the path of a CSV file, a DataFrame, or rows as mappings."
        )
    return _by_measurement(rows, "table", "row", 0)


def _by_measurement(
    rows: Sequence[Mapping[str, Any]], where: str, row_word: str, first: int
) -> dict[str, list[list[float]]]:
    """Values of each person by measurement; ``row_word`` and ``first`` say how people count the rows."""
    lacking = [name for name in INPUT_COLUMNS if not rows or name not in rows[0]]
    if lacking:
        raise IFIMeasureError(
            f"{where}: there is no column {' and no column '.join(lacking)}, or no row; give a table with the columns "
            f"{', '.join(INPUT_COLUMNS)}."
        )
    found: dict[str, dict[tuple[str, str], list[float]]] = {}
    for number, row in enumerate(rows, first):
        value = row["value"]
        if _is_missing(value):
            continue  # not measurable that time
        try:
            parsed = float(value)
        except (TypeError, ValueError):
            parsed = math.nan
        if not math.isfinite(parsed):
            raise IFIMeasureError(
                f"{where}: {row_word} {number}: the value is {value!r}, which is no finite number; correct it or leave "
                "it empty."
            )
        key = (_text(row["subject"]), _text(row.get("side")))
        found.setdefault(_text(row["measurement"]), {}).setdefault(key, []).append(parsed)
    return {name: list(of.values()) for name, of in found.items()}


def _is_missing(value: Any) -> bool:
    """Whether a cell holds nothing; pandas has NaN for that."""
    return not str(value).strip() if isinstance(value, str) else str(value) in ("None", "nan", "<NA>", "NaT")


def _text(value: Any) -> str:
    return "" if _is_missing(value) else str(value).strip()


def repeatability_of(values: Mapping[str, Sequence[Sequence[float]]]) -> tuple[list[RepeatabilityRow], list[str]]:
    """Compute the repeatability of each measurement.

    :param values: by measurement, those of each person.
    :returns: the rows, and why other measurements have none.
    :raises IFIMeasureError: where there is none at all; says why.
    """
    found, refused = [], []
    for measurement_id, of in values.items():
        try:
            found.append(repeatability(measurement_id, of))
        except IFIMeasureError as error:
            refused.append(str(error))
    if not found:
        raise IFIMeasureError(" ".join(refused) or "There is no value in the table.")
    return found, refused


def repeatability(measurement_id: str, values: Sequence[Sequence[float]]) -> RepeatabilityRow:
    """Compute the repeatability of one measurement.

    :param values: of each person, all measurements; persons measured once do not count.
    :raises IFIMeasureError: where fewer than two persons were measured twice.
    """
    groups = [np.array(of, float) for of in values if len(of) >= 2]
    if len(groups) < 2:
        raise IFIMeasureError(
            f"{measurement_id}: {len(groups)} person was measured twice or more; at least two are needed, and "
            "better ten."
        )
    freedom = sum(len(g) - 1 for g in groups)
    wsd = math.sqrt(sum(float(((g - g.mean()) ** 2).sum()) for g in groups) / freedom)
    wcv = None
    if all((g > 0).all() for g in groups):
        logs = [np.log(g) for g in groups]
        wcv = 100.0 * math.sqrt(math.expm1(sum(float(((g - g.mean()) ** 2).sum()) for g in logs) / freedom))
    differences = np.array([g[1] - g[0] for g in groups])
    spread = 1.96 * float(differences.std(ddof=1))
    bias = float(differences.mean())
    notes = [f"only {len(groups)} persons: the coefficient is uncertain itself"] if len(groups) < 10 else []
    icc, low, high, why = _icc(groups)
    if why:
        notes.append(why)
    unit = next((m.unit for m in MEASUREMENTS if m.id == measurement_id), "")
    count = sum(len(g) for g in groups)
    mean = float(np.mean([g.mean() for g in groups]))
    return RepeatabilityRow(
        measurement=measurement_id,
        unit=unit,
        subjects=len(groups),
        measurements=count,
        mean=mean,
        wsd=wsd,
        wcv_percent=wcv,
        bias=bias,
        agreement_low=bias - spread,
        agreement_high=bias + spread,
        icc=icc,
        icc_low=low,
        icc_high=high,
        notes="; ".join(notes),
    )


def _icc(groups: list[Array]) -> tuple[float | None, float | None, float | None, str]:
    """ICC(A,1) with its confidence interval, or why there is none."""
    if len({len(g) for g in groups}) != 1:
        return None, None, None, "no intraclass correlation: the persons were not measured equally often"
    try:
        import pandas
        import pingouin
    except ImportError:
        return None, None, None, "no intraclass correlation: the package pingouin is not installed"
    rows = [(n, k, v) for n, g in enumerate(groups) for k, v in enumerate(g)]
    if len(groups) < 5:
        return None, None, None, "no intraclass correlation: it needs at least five persons"
    table = pingouin.intraclass_corr(
        pandas.DataFrame(rows, columns=["subject", "repeat", "value"]), "subject", "repeat", "value"
    ).set_index("Type")
    row = table.loc["ICC(A,1)" if "ICC(A,1)" in table.index else "ICC2"]
    low, high = next(row[name] for name in ("CI95", "CI95%") if name in row.index)
    return float(row["ICC"]), float(low), float(high), ""


def read_repeatability(path: Path) -> dict[str, RepeatabilityRow]:
    """Read a table that this program wrote.

    :raises IFIMeasureError: where it is none.
    """
    if not path.exists():
        raise IFIMeasureError(
            f"{path}: there is no such file, so this is no table of repeatability; give the one that "
            "'ifimeasure repeatability' wrote."
        )
    numbers = ("mean", "wsd", "bias", "agreement_low", "agreement_high")
    rows = read_table(path, (*numbers, "wcv_percent"))
    try:
        found = {}
        for row in rows:
            mean, wsd, bias, low, high = (float(row[key]) for key in numbers)
            found[row["measurement"]] = RepeatabilityRow(
                measurement=row["measurement"],
                unit=row["unit"],
                subjects=int(row["subjects"]),
                measurements=int(row["measurements"]),
                mean=mean,
                wsd=wsd,
                wcv_percent=float(row["wcv_percent"]) if row["wcv_percent"] else None,
                bias=bias,
                agreement_low=low,
                agreement_high=high,
            )
    except (ValueError, KeyError, TypeError):
        raise IFIMeasureError(
            f"{path}: this is no table of repeatability; give the one that 'ifimeasure repeatability' wrote."
        ) from None
    if not found:
        raise IFIMeasureError(f"{path}: the table of repeatability is empty; run 'ifimeasure repeatability' again.")
    return found
