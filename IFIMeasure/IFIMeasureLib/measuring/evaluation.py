"""Every measurement of a hip and between both hips, each after those it depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from ..anatomy.landmarks import LandmarkSet, LandmarkStatus, landmark_definitions
from ..values import IFIMeasureError, Measured, NotMeasurable, Result, Side
from .definition import DefinitionError, HipData, MeasurementDefinition, PairData
from .registry import MEASUREMENTS, measurement

_Data = TypeVar("_Data", HipData, PairData)


def measure_hip(data: HipData) -> dict[str, Result]:
    """Take every measurement of one hip, in the order of the registry."""
    results: dict[str, Result] = {}
    for definition in MEASUREMENTS.in_order_of_need:
        compute = definition.compute
        if compute is None:
            continue
        lacking = _lacking(definition, data.landmarks, results)
        results[definition.id] = lacking or _computed(
            definition, compute, replace(data, results=_of(definition, results))
        )
    return {m.id: results[m.id] for m in MEASUREMENTS if not m.paired}


def measure_pair(hips: Mapping[Side, HipData], measured: Mapping[Side, Mapping[str, Result]]) -> dict[str, Result]:
    """Take every measurement between both hips, in the order of the registry.

    :param measured: what :func:`measure_hip` gave for each hip.
    """
    results: dict[str, Result] = {}
    absent = next((side for side in Side if side not in hips), None)
    for definition in MEASUREMENTS.in_order_of_need:
        compute = definition.compute_pair
        if compute is None:
            continue
        if absent is not None:
            why = f"both sides are needed; the {absent.value} side was not measured."
            results[definition.id] = NotMeasurable(why)
            continue
        lacking = _lacking_in_pair(definition, hips, measured, results)
        right, left = (replace(hips[side], results=_of(definition, measured[side])) for side in (Side.RIGHT, Side.LEFT))
        data = PairData(right=right, left=left, results=_of(definition, results))
        results[definition.id] = lacking or _computed(definition, compute, data)
    return {m.id: results[m.id] for m in MEASUREMENTS if m.paired}


def _of(definition: MeasurementDefinition, results: Mapping[str, Result]) -> dict[str, Result]:
    """The results that a measurement has named, and no others: what it does not name, it does not get."""
    return {key: results[key] for key in definition.depends if key in results}


def _computed(definition: MeasurementDefinition, compute: Callable[[_Data], Result], data: _Data) -> Result:
    """A result, or why its numbers gave none: one measurement that fails takes no other with it.

    :raises DefinitionError: where the function asks for or gives what the definition does not say.
    """
    try:
        result = compute(data)
    except DefinitionError as error:
        raise DefinitionError(f"Measurement {definition.id!r}: {error}") from None
    except (ArithmeticError, IFIMeasureError) as error:
        return NotMeasurable(f"it cannot be computed from the numbers here: {str(error).rstrip('.')}.")
    if isinstance(result, NotMeasurable):
        return result
    for wrong, sentence in (
        (not isinstance(result, Measured), f"its function gave {result!r}, and must give Measured or NotMeasurable."),
        (
            getattr(result, "unit", "") != definition.unit,
            f"its unit is {definition.unit!r}, its function gave another.",
        ),
        (
            len(getattr(result, "points_ras_mm", ())) not in (0, 2, 3),
            "what is drawn of it must be two or three points.",
        ),
    ):
        if wrong:
            raise DefinitionError(f"Measurement {definition.id!r}: {sentence}")
    return result


def _lacking_in_pair(
    definition: MeasurementDefinition,
    hips: Mapping[Side, HipData],
    measured: Mapping[Side, Mapping[str, Result]],
    results: Mapping[str, Result],
) -> NotMeasurable | None:
    for side, data in hips.items():
        found = _lacking(definition, data.landmarks, measured[side])
        if found is not None:
            missing = tuple(f"{side.value} {key}" for key in found.missing)
            return NotMeasurable(f"{side.value} side: {found.reason}", missing)
    return _lacking(replace(definition, needs=()), {}, results)


def _lacking(
    definition: MeasurementDefinition, landmarks: LandmarkSet, results: Mapping[str, Result]
) -> NotMeasurable | None:
    """Why a measurement cannot be taken: the first landmark or measurement that it needs and that is not there."""
    missing = tuple(key for key in definition.needs if landmarks[key].position_ras_mm is None)
    if missing:
        first = landmarks[missing[0]]
        why = first.reason if first.status is LandmarkStatus.MISSING else "it is not placed yet."
        return NotMeasurable(f"{landmark_definitions()[missing[0]].title} is missing: {why}", missing)
    for key in definition.depends:
        result = results.get(key)
        if isinstance(result, NotMeasurable):
            why = f'it depends on "{measurement(key).title}", which is not measurable: {result.reason}'
            return NotMeasurable(why, result.missing)
    return None
