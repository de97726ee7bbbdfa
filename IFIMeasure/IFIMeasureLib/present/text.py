"""Numbers, units and changes as people read them. Values become text here, at the edge, and nowhere below."""

from __future__ import annotations

from ..measuring.registry import measurement
from ..measuring.units import unit_of


def number_text(value: float, decimals: int) -> str:
    """Return a number rounded for reading, without a sign on zero."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def unit_text(unit: str) -> str:
    """Return a UCUM unit as people write it behind a number, with its space; empty for numbers without one."""
    return unit_of(unit).text


def change_texts(row: dict[str, str]) -> tuple[str, str, str]:
    """Return first value, this value and the signed change of a row that has one, rounded for reading, with the unit."""
    decimals, unit = measurement(row["measurement"]).decimals, unit_text(row["unit"])
    first, now, change = (
        f"{number_text(float(row[key]), decimals)}{unit}" for key in ("first_value", "value", "change")
    )
    return first, now, f"{'+' if float(row['change']) > 0 else ''}{change}"
