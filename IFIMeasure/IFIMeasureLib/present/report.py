"""The report of a study: one self-contained HTML file, readable in gray, printable on A4 and Letter.

It names no patient unless that is asked for. All text from outside is escaped.
"""

from __future__ import annotations

from ..anatomy.reference_values import published, reference_rows
from ..files.results import lps_point
from ..measuring.definition import Kind, MeasurementDefinition
from ..measuring.registry import MEASUREMENTS
from ..study.follow_up import Comparison
from ..study.provenance import Provenance
from ..study.result import StudyResult, each_result
from ..study.rows import LandmarkRow, MeasurementRow, finding_rows, landmark_rows, measurement_rows
from ..values import Measured, NotMeasurable, Result, Side
from .bones import bones_picture
from .charts import histogram_picture, profile_picture, scale_picture
from .follow_up_report import changes_parts
from .page import document_html, escaped, figure_html
from .slices import axial_picture, side_levels
from .text import number_text, plane_range_text, value_text

_RESEARCH = (
    '<p class="note">Measurements for research. Not a medical device, no diagnosis: '
    "published values stand beside the numbers, not a judgment.</p>"
)


def report_html(study: StudyResult, identified: bool = False, changes: Comparison | None = None) -> str:
    """Return the report as an HTML document.

    :param identified: whether the patient's name and id stand in it, where the image has them.
    :param changes: against earlier examinations of the same person, or None.
    """
    body = [
        "<h1>Ischiofemoral impingement: measurements</h1>",
        *([_patient(study)] if identified and study.volume is not None else []),
        f'<p class="quiet">{_header(study)}</p>',
        _RESEARCH,
        *(f'<p class="note">{escaped(note)}</p>' for note in study.notes),
        *(
            f'<p class="note">The {side.value} side was not measured: {escaped(reason)}</p>'
            for side, reason in study.absent_sides.items()
        ),
        "<h2>Values</h2>" + _values(study),
        *_beside_published_values(study),
        *_places(study),
        *_profile(study),
        *_muscle(study),
        *(changes_parts(changes) if changes is not None else []),
        "<h2>Not measurable, and why</h2>" + _reasons(study),
        "<h2>Landmarks</h2>" + _landmarks(study),
        "<h2>How the values are defined</h2>" + _definitions(),
        "<h2>Made with</h2>" + _versions(study.provenance),
    ]
    return document_html("IFIMeasure report", body)


def _patient(study: StudyResult) -> str:
    tags = study.volume.tags if study.volume is not None else {}
    known = [tags.get(key, "").replace("^", " ").strip() for key in ("PatientName", "PatientID")]
    told = " · ".join(text for text in known if text) or "The image has no name and no id of the patient."
    return f"<p><b>{escaped(told)}</b></p>"


def _header(study: StudyResult) -> str:
    parts = []
    subject = study.subject
    if subject.sex:
        parts.append({"F": "female", "M": "male"}[subject.sex])
    if subject.age_years is not None:
        parts.append(f"{subject.age_years:.0f} years")
    if study.date:
        parts.append(f"examined {study.date}")
    series = study.provenance.series
    if series is not None and series.description:
        parts.append(f"series {series.number}: {series.description}")
    grid = study.bones.grid
    voxels = " × ".join(f"{s:.3g}" for s in grid.spacing)
    parts.append(f"segmentation {study.provenance.name_of('segmentation')}, {grid.plane_name}, {voxels} mm")
    return " · ".join(escaped(p) for p in parts)


# -- values ---------------------------------------------------------------------------------------------------------


def _values(study: StudyResult) -> str:
    sides = [side for side in Side if side in study.hips]
    rows = {(row.definition.id, row.side): row for row in measurement_rows(study)}
    head = "".join(f"<th>{side.value.capitalize()}</th>" for side in sides)
    lines = []
    for definition in MEASUREMENTS:
        if definition.paired:
            cell = _value_cell(definition, rows[definition.id, None].result)
            cells = f'<td class="value" colspan="{len(sides)}">{cell}</td>'
        else:
            cells = "".join(f"<td>{_side_cell(rows[definition.id, side])}</td>" for side in sides)
        lines.append(f"<tr><td>{escaped(definition.title)}</td>{cells}</tr>")
    return f"<table><thead><tr><th>Measurement</th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _value_cell(definition: MeasurementDefinition, result: Result) -> str:
    if isinstance(result, Measured):
        return escaped(value_text(result.value, definition.decimals, definition.unit))
    return '<span class="quiet">not measurable</span>'


def _side_cell(row: MeasurementRow) -> str:
    """A value, and beside it what it compares with, where it was measured, and what one must know."""
    result = row.result
    cell = f'<span class="value">{_value_cell(row.definition, result)}</span>'
    if not isinstance(result, Measured):
        return cell
    for statement in row.statements:
        kind = ' class="quiet below"' if statement.below else ' class="quiet"'
        cell += f"<div{kind}>{escaped(statement.text)}</div>"
    where = [
        *([f"slice {result.slice_number}"] if result.slice_number is not None else []),
        *([f"S {result.slice_ras_s_mm:.1f} mm"] if result.slice_ras_s_mm is not None else []),
    ]
    if result.plane_low_mm is not None:
        cell += f'<div class="quiet">{escaped(plane_range_text(result, row.definition.decimals))}</div>'
    if where:
        cell += f'<div class="quiet">{", ".join(where)}</div>'
    cell += "".join(f'<div class="quiet">{escaped(note)}</div>' for note in result.notes)
    if row.definition.kind is Kind.POSE:
        cell += f'<div class="quiet">{escaped(result.plane)}</div>'
    return cell


def _beside_published_values(study: StudyResult) -> list[str]:
    scales = []
    for definition in MEASUREMENTS:
        results = {side: hip.results.get(definition.id) for side, hip in study.hips.items()}
        values = {side: of.value for side, of in results.items() if isinstance(of, Measured)}
        rows = published(definition.id, study.subject)
        if values and rows:
            scales.append(figure_html(scale_picture(definition.id, values, rows)))
    return ["<h2>Beside published values</h2>" + "".join(scales), _citations(study)] if scales else []


def _citations(study: StudyResult) -> str:
    cited = sorted({row.citation for row in reference_rows() if row.applies_to(study.subject)})
    known = "" if study.subject.sex else " The sex is not known, so norms by sex are left out."
    return (
        f'<p class="quiet">Published values: {"; ".join(escaped(c) for c in cited)}.{known} '
        "Leg position moves the space more than the reader does; read it beside the pose.</p>"
    )


# -- pictures -------------------------------------------------------------------------------------------------------


def _places(study: StudyResult) -> list[str]:
    """The slices of the smallest spaces, from above, and the bones in 3D."""
    levels = {level for hip in study.hips.values() for level in side_levels(hip)}
    pictures = [axial_picture(study, level) for level in sorted(levels, reverse=True)]
    bones = bones_picture(study)
    return [
        "<h2>Where it was measured</h2>",
        *(figure_html(picture) for picture in (*pictures, *([bones] if bones is not None else []))),
    ]


def _profile(study: StudyResult) -> list[str]:
    """The spaces along the slices, with the first published cutoff that fits of each."""
    cutoffs: dict[str, float] = {}
    for definition in MEASUREMENTS:
        for row in published(definition.id, study.subject):
            if definition.space and row.cutoff_mm:
                cutoffs.setdefault(definition.space, row.cutoff_mm)
    profile = profile_picture(study, cutoffs)
    return ["<h2>Along the slices</h2>" + figure_html(profile)] if profile is not None else []


# -- the muscle -----------------------------------------------------------------------------------------------------


_ORIGINS = {
    "segment": "a segment that was given",
    "image": "the image and the attachment corners",
    "drawn slices": "drawn slices, filled between",
}


def _muscle(study: StudyResult) -> list[str]:
    """The quadratus femoris: where it is largest, its fat, and what a reader found."""
    numbers = {side: of for side, of in study.muscles.items() if not isinstance(of, NotMeasurable)}
    levels = sorted({of.max_area[0] for of in numbers.values()}, reverse=True)
    parts = [figure_html(axial_picture(study, level)) for level in levels]
    fat = {side: of for side, of in numbers.items() if of.fat_histogram is not None}
    if fat:
        counts = {side: of.fat_histogram for side, of in fat.items() if of.fat_histogram is not None}
        parts.append(figure_html(histogram_picture(counts, next(iter(fat.values())).fat_source)))
    origins = study.provenance.muscle_origins
    if origins:
        told = "; ".join(f"{_ORIGINS.get(origin, origin)} ({side.value})" for side, origin in origins.items())
        parts.append(f'<p class="quiet">From {told}.</p>')
    if study.findings:
        cells = "".join(
            f"<tr><td>{escaped(row.definition.title)}</td><td>{row.side.value}</td><td>{escaped(row.choice)}</td></tr>"
            for row in finding_rows(study.findings, study.hips)
            if row.choice
        )
        parts.append(f"<p>What a reader found:</p><table><tbody>{cells}</tbody></table>")
    return ["<h2>Quadratus femoris</h2>", *parts] if parts else []


# -- what stands behind the values ----------------------------------------------------------------------------------


def _reasons(study: StudyResult) -> str:
    rows = [
        f"<tr><td>{escaped(definition.title)}</td><td>{side.value if side is not None else 'both'}</td>"
        f"<td>{escaped(result.reason)}</td></tr>"
        for definition, side, result in each_result(study)
        if isinstance(result, NotMeasurable)
    ]
    return f"<table><tbody>{''.join(rows)}</tbody></table>" if rows else "<p>Everything was measured.</p>"


def _landmarks(study: StudyResult) -> str:
    rows = landmark_rows({side: hip.landmarks for side, hip in study.hips.items()})
    return (
        "<table><thead><tr><th>Landmark</th><th>Side</th><th>State</th><th>LPS (mm), or why it is missing</th></tr>"
        f"</thead><tbody>{''.join(_landmark_line(row) for row in rows)}</tbody></table>"
    )


def _landmark_line(row: LandmarkRow) -> str:
    place = row.landmark.position_ras_mm
    told = row.landmark.reason if place is None else " ".join(number_text(v, 1) for v in lps_point(place))
    cells = (row.definition.id, row.side.value, row.landmark.state, told)
    return f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in cells)}</tr>"


def _definitions() -> str:
    return "".join(
        f"<p><b>{escaped(m.title)}</b> (<code>{m.id}</code>): {escaped(m.definition)} "
        f"<span class='quiet'>[{escaped(m.citation)}]</span></p>"
        for m in MEASUREMENTS
    )


def _versions(provenance: Provenance) -> str:
    versions = ", ".join(f"{escaped(k)} {escaped(v)}" for k, v in provenance.versions.items())
    inputs = "".join(
        f"<li>{escaped(of.name)}{f': SHA-256 {of.sha256[:16]}…' if of.sha256 else ''}</li>" for of in provenance.inputs
    )
    return f'<p class="quiet">{versions}</p><ul class="quiet">{inputs}</ul>'
