"""Units and quantities: what is written of them in column names, DICOM reports and for people."""

from __future__ import annotations

import re
from dataclasses import dataclass

Code = tuple[str, str, str]
"""Scheme, value and meaning; DICOM allows 64 characters for a meaning."""

# A quantity means one thing and has one unit; a test holds it.
ANGLE: Code = ("SCT", "1483009", "Angle")
AREA: Code = ("SCT", "42798000", "Area")
DISTANCE: Code = ("DCM", "121206", "Distance")
EDEMA_GRADE: Code = ("99IFIMEASURE", "EDEMAGRADE", "Edema grade, 0 to 3")
FAT_GRADE: Code = ("99IFIMEASURE", "FATGRADE", "Fat grade, 0 to 4")
FRACTION: Code = ("DCM", "129100", "Fat fraction")
LENGTH: Code = ("SCT", "410668003", "Length")
PERCENTAGE: Code = ("99IFIMEASURE", "PERCENT", "Percentage")
RATIO: Code = ("99IFIMEASURE", "RATIO", "Ratio")
VOLUME: Code = ("SCT", "118565006", "Volume")
VOLUME_INDEX: Code = ("99IFIMEASURE", "VOLUMEINDEX", "Volume over height and weight")


@dataclass(frozen=True)
class Unit:
    """A UCUM unit.

    :param code: in UCUM.
    :param meaning: its name, as DICOM wants one.
    :param column: what it adds to a column's name; empty for numbers without a unit.
    :param text: what stands behind a number for people, with its space.
    """

    code: str
    meaning: str
    column: str
    text: str


_KNOWN = {
    unit.code: unit
    for unit in (
        Unit("mm", "millimeter", "mm", " mm"),
        Unit("deg", "degree", "deg", "°"),
        Unit("mL", "milliliter", "ml", " mL"),
        Unit("mm2", "square millimeter", "mm2", " mm²"),
        Unit("%", "percent", "percent", " %"),
        Unit("1", "no units", "", ""),
        Unit("mL/(kg.m)", "milliliter per kilogram and meter", "ml_per_kg_m", " mL/(kg.m)"),
    )
}
"""Units with names of their own; any other is written as its code."""


def unit_of(code: str) -> Unit:
    """Return a unit by its UCUM code; one that is not known here is named by the code itself.

    >>> unit_of("mm/mL").column
    'mm_per_ml'
    """
    known = _KNOWN.get(code)
    if known is not None:
        return known
    column = re.sub(r"[^a-z0-9]+", "_", code.lower().replace("/", "_per_").replace("%", "_percent_")).strip("_")
    return Unit(code, code, column, f" {code}")
