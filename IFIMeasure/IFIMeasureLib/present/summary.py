"""A study at a glance, as a notebook shows it: the two spaces of both sides, and the slice they were read on."""

from __future__ import annotations

from ..anatomy.reference_values import statements
from ..measuring.definition import MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..study.result import StudyResult
from ..values import Measured, Side
from .page import escaped, figure_html
from .picture import Picture
from .slices import axial_picture, side_levels
from .text import value_text

_CELL = 'style="text-align: left; vertical-align: top; padding: .2em .8em"'


def study_html(study: StudyResult, title: str) -> str:
    """Return a part of an HTML page: the scored spaces of each side with the cutoffs they pass, and a picture."""
    rows = []
    for definition in (d for d in MEASUREMENTS if d.scored):
        cells = "".join(f"<td {_CELL}>{_value(study, definition, side)}</td>" for side in Side)
        rows.append(f"<tr><th {_CELL}>{escaped(definition.title)}</th>{cells}</tr>")
    head = "".join(f"<th {_CELL}>{side.value.capitalize()}</th>" for side in Side)
    table = f"<table><thead><tr><th {_CELL}></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    notes = "".join(f"<p>{escaped(note)}</p>" for note in study.notes)
    picture = study_picture(study)
    figure = "" if picture is None else f'<div style="max-width: 640px">{figure_html(picture)}</div>'
    return f"<div><p><b>{escaped(title)}</b></p>{table}{notes}{figure}</div>"


def study_picture(study: StudyResult) -> Picture | None:
    """Return the axial slice with the narrowest space of the study; None where no space was measured."""
    narrowest = [
        (result.value, result.slice_ras_s_mm)
        for hip in study.hips.values()
        for definition in MEASUREMENTS
        if definition.scored
        and isinstance(result := hip.results[definition.id], Measured)
        and result.slice_ras_s_mm in side_levels(hip)
    ]
    return axial_picture(study, min(narrowest)[1] or 0.0) if narrowest else None


def _value(study: StudyResult, definition: MeasurementDefinition, side: Side) -> str:
    result = study.result(definition.id, side)
    if isinstance(result, Measured):
        said = [s.text for s in statements(definition.id, result.value, study.subject) if s.kind == "cutoff"]
        value = f"<b>{escaped(value_text(result.value, definition.decimals, definition.unit))}</b>"
        return value + "".join(f"<br>{escaped(text)}" for text in said)
    reason = "not asked for." if result is None else result.reason
    return f"not measurable: {escaped(reason)}"
