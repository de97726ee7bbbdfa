"""Findings of a reader: fields that a person fills in and that are exported as they are; nothing here is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..values import IFIMeasureError, Side

Findings = dict[Side, dict[str, str]]
"""By side, the choice a reader made for each finding; what no one has filled in is absent."""


@dataclass(frozen=True)
class FindingDefinition:
    """One field.

    :param id: stable and short; the name in tables and files.
    :param choices: what can be filled in, from least to most.
    :param code: code (scheme, value, meaning) of the finding; private (99IFIMEASURE) where no standard has one.
    :param how: what is meant by it, for people.
    """

    id: str
    title: str
    choices: tuple[str, ...]
    code: tuple[str, str, str]
    how: str


FINDINGS: tuple[FindingDefinition, ...] = (
    FindingDefinition(
        id="reader_edema",
        title="Quadratus femoris, edema",
        choices=("none", "mild", "moderate", "severe"),
        code=("SCT", "79654002", "Edema"),
        how="High signal of the muscle in fat-suppressed T2. Scales differ by study; write down which one you use.",
    ),
    FindingDefinition(
        id="reader_goutallier",
        title="Quadratus femoris, Goutallier grade",
        choices=("0", "1", "2", "3", "4"),
        code=("SCT", "29185008", "Fatty degeneration"),
        how="0 no fat, 1 streaks, 2 less fat than muscle, 3 as much fat as muscle, 4 more fat than muscle.",
    ),
    FindingDefinition(
        id="reader_atrophy",
        title="Quadratus femoris, atrophy",
        choices=("none", "mild", "moderate", "severe"),
        code=("SCT", "13331008", "Atrophy"),
        how="Loss of bulk as seen by eye, against the other side or the neighbors.",
    ),
    FindingDefinition(
        id="reader_tear",
        title="Quadratus femoris, tear",
        choices=("none", "partial", "complete"),
        code=("99IFIMEASURE", "READER_TEAR", "Tear of the quadratus femoris"),
        how="High signal medial to the muscle next to narrowing, with its fibers interrupted.",
    ),
    FindingDefinition(
        id="reader_hamstring",
        title="Hamstring origin, tendinopathy",
        choices=("none", "tendinosis", "partial tear", "complete tear"),
        code=("99IFIMEASURE", "READER_HAMSTRING", "Tendinopathy of the hamstring origin"),
        how="Thickening or high signal of the common tendon at the ischial tuberosity.",
    ),
)
"""Every field, in the order of tables and lists."""


def finding(finding_id: str) -> FindingDefinition:
    """Return a field's definition.

    :raises IFIMeasureError: where there is no such field; names those that exist.
    """
    for definition in FINDINGS:
        if definition.id == finding_id:
            return definition
    raise IFIMeasureError(
        f"there is no finding '{finding_id}'; there are {', '.join(d.id for d in FINDINGS)}.", argument="findings"
    )


def given_findings(given: Mapping[Any, Mapping[str, str]] | Iterable[str] | None) -> Findings:
    """Return findings, given by side and field, or as texts such as ``right:reader_tear=partial``.

    :raises IFIMeasureError: where a side, a field or a choice does not exist; says what may stand there.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        of_sides = [
            (side.value if isinstance(side, Side) else side, finding_id, choice)
            for side, fields in given.items()
            for finding_id, choice in _fields(fields).items()
        ]
    else:
        texts = given if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
        of_sides = [_parsed(text) for text in texts]
    found: Findings = {}
    for side, finding_id, choice in of_sides:
        definition = finding(finding_id)
        if side not in ("right", "left") or choice not in definition.choices:
            raise IFIMeasureError(
                f"finding '{side}:{finding_id}={choice}': the side is left or right, and {definition.title} is one of "
                f"{', '.join(definition.choices)}.",
                argument="findings",
            )
        found.setdefault(Side(side), {})[finding_id] = choice
    return found


def _fields(given: Any) -> Mapping[str, str]:
    if given is None or isinstance(given, Mapping):
        return given or {}
    raise IFIMeasureError(
        f"findings: a side holds {given!r}; give what was found by field, such as {{'reader_tear': 'partial'}}.",
        argument="findings",
    )


def _parsed(text: Any) -> tuple[str, str, str]:
    if not isinstance(text, str):
        raise IFIMeasureError(f"finding {text!r}: it must read as 'right:reader_tear=partial'.", argument="findings")
    where, _, choice = text.partition("=")
    side, _, finding_id = where.partition(":")
    if side not in ("right", "left") or not finding_id or not choice:
        raise IFIMeasureError(f"finding {text!r}: it must read as 'right:reader_tear=partial'.", argument="findings")
    return side, finding_id, choice
