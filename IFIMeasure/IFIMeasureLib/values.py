"""Values and errors: a result is a number with a unit, or a reason why there is none."""

from __future__ import annotations

import datetime
import enum
import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""Any numpy array; docstrings state shape, unit and frame."""


class IFIMeasureError(ValueError):
    """Something about the input makes the work impossible; the message is one sentence for a person.

    :param argument: the argument of :mod:`.api` that would set it right, where there is one, or several with ", "
        between; the command line then adds the options that give them.
    """

    def __init__(self, message: str = "", *, argument: str = "") -> None:
        super().__init__(message)
        self.argument = argument


class Side(enum.Enum):
    """Body side of the patient. Saved by name: never rename the members."""

    RIGHT = "right"
    LEFT = "left"

    @property
    def lateral_sign(self) -> float:
        """Sign of the lateral direction along the R axis of RAS (x grows to the patient's right)."""
        return 1.0 if self is Side.RIGHT else -1.0

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.LEFT if self is Side.RIGHT else Side.RIGHT

    @classmethod
    def parse(cls, text: str) -> tuple[Side, ...]:
        """Return the sides that ``left``, ``right`` or ``both`` names.

        :raises IFIMeasureError: for any other word.
        """
        if text == "both":
            return (cls.RIGHT, cls.LEFT)
        try:
            return (cls(text),)
        except ValueError:
            raise IFIMeasureError(f"side is {text!r}: it must be 'left', 'right' or 'both'.") from None


@dataclass(frozen=True)
class Measured:
    """A measured number.

    :param value: the number, always finite.
    :param unit: UCUM code, such as ``mm``, ``deg`` or ``1``.
    :param points_ras_mm: what to draw, RAS millimeter: the two ends of a distance, or leg, vertex and leg of an
        angle (whose opening is the value without its sign); empty for what has no place.
    :param plane: plane or space the value was measured in, in words.
    :param slice_ras_s_mm: superior coordinate of that plane (RAS millimeter) where it is an axial one.
    :param slice_number: zero-based index of the acquired slice, where the plane is an acquired one.
    :param method: how it was measured, in words.
    :param source: where the surfaces or points came from.
    :param notes: what a reader must know beside the number.
    :param plane_low_mm: of a smallest distance over parallel planes, the smallest that it becomes when all planes move
        by up to half their distance; ``plane_high_mm`` the largest. None for other numbers.
    """

    value: float
    unit: str
    points_ras_mm: tuple[tuple[float, float, float], ...] = ()
    plane: str = ""
    slice_ras_s_mm: float | None = None
    slice_number: int | None = None
    method: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    plane_low_mm: float | None = None
    plane_high_mm: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise IFIMeasureError(f"value is {self.value}: a measured value must be a finite number.")


@dataclass(frozen=True)
class NotMeasurable:
    """Why there is no number.

    :param reason: one sentence for a person.
    :param missing: ids of the structures or landmarks that were needed and absent.
    """

    reason: str
    missing: tuple[str, ...] = field(default=())


def iso_date(text: str) -> str:
    """Return a date of DICOM (YYYYMMDD, or YYYY.MM.DD of old) or ISO 8601 as ISO 8601; empty for what is no date.

    Scanners and programs that take names away write fillers: zeros, a month that is none, words.

    >>> iso_date("20240301"), iso_date("2024-03-01"), iso_date("00000000"), iso_date("2026-13-01")
    ('2024-03-01', '2024-03-01', '', '')
    """
    found = re.fullmatch(r"(\d{4})([-.]?)(\d{2})\2(\d{2})", str(text).strip(" \0"), re.ASCII)
    if found is None:
        return ""
    try:
        day = datetime.date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return ""
    return day.isoformat() if day.year >= _FIRST_YEAR else ""


_FIRST_YEAR = 1850
"""No person who was scanned was born before; earlier dates are fillers."""

Result = Measured | NotMeasurable


def point3(values: Any) -> tuple[float, float, float]:
    """Return three coordinates as a tuple of Python floats."""
    a, b, c = np.asarray(values, dtype=float).reshape(3)
    return (float(a), float(b), float(c))
