"""The registry of measurements: the one list that tables, reports, documents, codes, panel and tests derive from."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import overload

from ..anatomy.landmarks import landmark_definitions
from ..anatomy.structures import definitions
from ..values import IFIMeasureError
from . import femur_measurements, muscle_measurements, pelvis_measurements, space_measurements
from .definition import DefinitionError, MeasurementDefinition
from .spaces import SPACES

MEANING_LENGTH = 64
"""What DICOM allows for a code's meaning, and so for a title."""


class Registry(Sequence[MeasurementDefinition]):
    """Measurements in the order of tables and lists.

    Rooms above this one add their own with :meth:`register`, at their import.
    """

    def __init__(self) -> None:
        self._entries: dict[str, MeasurementDefinition] = {}
        self._by_need: tuple[MeasurementDefinition, ...] = ()

    def register(self, *entries: MeasurementDefinition) -> None:
        """Add measurements at the end; one may depend on any other, whatever their order.

        :raises DefinitionError: where one is not whole, has the id or title of another, or depends on what is not
            there or, by others, on itself; then none is added.
        """
        known = dict(self._entries)
        for entry in entries:
            if entry.id in known:
                raise DefinitionError(f"There are two measurements {entry.id!r}; give one another id.")
            for other in known.values():
                if entry.title == other.title:
                    raise DefinitionError(f"Measurements {other.id!r} and {entry.id!r} have one title; change one.")
            known[entry.id] = entry
        for entry in entries:
            _refuse_what_is_not_whole(entry)
            _refuse_wrong_dependencies(entry, known)
        self._by_need = _in_order_of_need(known)
        self._entries = known

    @contextlib.contextmanager
    def with_also(self, *entries: MeasurementDefinition) -> Iterator[None]:
        """Have more measurements for a while: to try one, or to test what becomes of it."""
        before = self._entries, self._by_need
        self.register(*entries)
        try:
            yield
        finally:
            self._entries, self._by_need = before

    @property
    def in_order_of_need(self) -> tuple[MeasurementDefinition, ...]:
        """The same measurements, each behind those it depends on."""
        return self._by_need

    def basis(self, definition: MeasurementDefinition) -> tuple[MeasurementDefinition, ...]:
        """Return a measurement and, behind it, all that it rests on."""
        found = {definition.id: definition}
        for key in definition.depends:
            found.update({m.id: m for m in self.basis(self._entries[key])})
        return tuple(found.values())

    def definition(self, measurement_id: str) -> MeasurementDefinition:
        """Return a measurement's definition by id.

        :raises IFIMeasureError: where there is none.
        """
        if measurement_id not in self._entries:
            raise IFIMeasureError(f"There is no measurement {measurement_id!r}; known: {', '.join(self._entries)}.")
        return self._entries[measurement_id]

    @overload
    def __getitem__(self, index: int) -> MeasurementDefinition: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[MeasurementDefinition, ...]: ...
    def __getitem__(self, index: int | slice) -> MeasurementDefinition | tuple[MeasurementDefinition, ...]:
        return tuple(self._entries.values())[index]

    def __iter__(self) -> Iterator[MeasurementDefinition]:
        return iter(tuple(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)


def _refuse_what_is_not_whole(entry: MeasurementDefinition) -> None:
    for wrong, sentence in (
        (not re.fullmatch(r"[a-z][a-z0-9_]*", entry.id), "its id must be of small letters, digits and underscores."),
        (
            not 0 < len(entry.title) <= MEANING_LENGTH,
            f"its title must have 1 to {MEANING_LENGTH} characters, for DICOM.",
        ),
        (not entry.unit, "its unit is empty; the UCUM code of a number without one is '1'."),
        (not 0 <= entry.decimals <= 6, "its decimals must be 0 to 6."),
        (not entry.definition.endswith("."), "its definition must be a sentence, with a full stop."),
        (not entry.citation, "its citation is empty; say where the definition comes from, as 'defined here'."),
        ((entry.compute is None) == (entry.compute_pair is None), "it needs one of 'compute' and 'compute_pair'."),
        (entry.space not in (None, *SPACES), f"its space must be None or one of {', '.join(SPACES)}."),
        (entry.structure not in (None, *definitions()), "its structure is not in Definitions/structures.json."),
    ):
        if wrong:
            raise DefinitionError(f"Measurement {entry.id!r}: {sentence}")
    for key in entry.needs:
        if key not in landmark_definitions():
            raise DefinitionError(
                f"Measurement {entry.id!r}: it needs the landmark {key!r}, which is not in Definitions/landmarks.json."
            )


def _refuse_wrong_dependencies(entry: MeasurementDefinition, known: dict[str, MeasurementDefinition]) -> None:
    for key in entry.depends:
        if key not in known:
            raise DefinitionError(f"Measurement {entry.id!r}: it depends on {key!r}, which is no measurement.")
        if known[key].paired and not entry.paired:
            raise DefinitionError(
                f"Measurement {entry.id!r}: it is one of a single hip and cannot depend on {key!r}, one between both."
            )


def _in_order_of_need(known: dict[str, MeasurementDefinition]) -> tuple[MeasurementDefinition, ...]:
    """Each behind those it depends on, else in the order given.

    :raises DefinitionError: where one depends on itself, by others.
    """
    done: dict[str, MeasurementDefinition] = {}

    def add(key: str, path: tuple[str, ...]) -> None:
        if key in path:
            circle = " on ".join(repr(k) for k in (*path[path.index(key) :], key))
            raise DefinitionError(f"Measurements depend on each other in a circle: {circle}.")
        if key not in done:
            for other in known[key].depends:
                add(other, (*path, key))
            done[key] = known[key]

    for key in known:
        add(key, ())
    return tuple(done.values())


MEASUREMENTS = Registry()
"""Every measurement, in the order of tables and lists."""

MEASUREMENTS.register(
    *space_measurements.ENTRIES,
    *femur_measurements.ENTRIES,
    *pelvis_measurements.ENTRIES,
    *muscle_measurements.ENTRIES,
)


def measurement(measurement_id: str) -> MeasurementDefinition:
    """Return a measurement's definition by id.

    :raises IFIMeasureError: where there is none.
    """
    return MEASUREMENTS.definition(measurement_id)
