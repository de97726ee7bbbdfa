"""Numbers, units and changes as people read them. Values become text here, at the edge, and nowhere below."""

from __future__ import annotations

from ..measuring.units import unit_of
from ..study.follow_up import Change
from ..values import Measured


def number_text(value: float, decimals: int) -> str:
    """Return a number rounded for reading, without a sign on zero."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def unit_text(unit: str) -> str:
    """Return a UCUM unit as people write it behind a number, with its space; empty for numbers without one."""
    return unit_of(unit).text


def value_text(value: float, decimals: int, unit: str) -> str:
    """Return a number rounded for reading, with its unit."""
    return f"{number_text(value, decimals)}{unit_text(unit)}"


def plane_range_text(result: Measured, decimals: int) -> str:
    """Return what the position of the planes leaves open, as a range with the unit and why; empty for nothing."""
    if result.plane_low_mm is None or result.plane_high_mm is None:
        return ""
    low, high = (number_text(value, decimals) for value in (result.plane_low_mm, result.plane_high_mm))
    return f"{low}–{high}{unit_text(result.unit)}, by where the slices fall"


def signed_text(value: float, decimals: int, unit: str) -> str:
    """Return a change rounded for reading, with its sign and unit; none on zero."""
    return f"{'+' if value > 0 else ''}{value_text(value, decimals, unit)}"


def percent_text(value: float | None) -> str:
    """Return a change in percent with its sign; empty for None."""
    return "" if value is None else f"{value:+.1f} %"


def change_texts(change: Change) -> tuple[str, str, str]:
    """Return first value, this value and the signed change, rounded for reading, with the unit; empty for none."""
    decimals, unit = change.definition.decimals, change.definition.unit
    first, now = (
        "" if value is None else value_text(value, decimals, unit) for value in (change.first_value, change.value)
    )
    return first, now, "" if change.absolute is None else signed_text(change.absolute, decimals, unit)
