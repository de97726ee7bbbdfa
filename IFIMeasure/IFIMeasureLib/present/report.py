"""The report of a study: one self-contained HTML file, readable in gray, printable on A4 and Letter.

It names no patient unless that is asked for. All text from outside is escaped.
"""

from __future__ import annotations

from ..anatomy.reference_values import reference_rows, statements
from ..measuring.definition import Kind
from ..measuring.registry import MEASUREMENTS, measurement
from ..study.follow_up import Changes
from ..study.provenance import Provenance
from ..study.result import StudyResult
from ..values import Measured, NotMeasurable, Result, Side
from .bones import bones_picture
from .charts import histogram_picture, profile_picture, scale_picture
from .follow_up_report import changes_parts
from .page import document_html, escaped, figure_html
from .slices import axial_picture, side_levels
from .tables import finding_rows, landmark_rows
from .text import number_text, unit_text


def report_html(study: StudyResult, identified: bool = False, changes: Changes | None = None) -> str:
    """Return the report as an HTML document.

    :param identified: whether the patient's name and id stand in it, where the image has them.
    :param changes: against earlier examinations of the same person, or None.
    """
    body = ["<h1>Ischiofemoral impingement: measurements</h1>", f'<p class="quiet">{_header(study)}</p>']
    if identified and study.volume is not None:
        known = [study.volume.tags.get(key, "").replace("^", " ").strip() for key in ("PatientName", "PatientID")]
        body.insert(
            1,
            f"<p><b>{escaped(' · '.join(text for text in known if text) or 'The image has no name and no id of the patient.')}</b></p>",
        )
    body.append(
        '<p class="note">Measurements for research. Not a medical device, no diagnosis: published values stand beside the numbers, not a judgment.</p>'
    )
    for note in study.notes:
        body.append(f'<p class="note">{escaped(note)}</p>')
    for side, reason in study.absent_sides.items():
        body.append(f'<p class="note">The {side.value} side was not measured: {escaped(reason)}</p>')
    body.append("<h2>Values</h2>" + _values(study))
    scales = []
    for definition in MEASUREMENTS:
        if not definition.scored:
            continue
        values = {
            side: r.value for side, hip in study.hips.items() if isinstance(r := hip.results[definition.id], Measured)
        }
        rows = [row for row in reference_rows() if row.measurement == definition.id and row.applies_to(study.subject)]
        if values and rows:
            scales.append(figure_html(scale_picture(definition.id, values, rows)))
    if scales:
        body.append("<h2>Beside published values</h2>" + "".join(scales))
        body.append(_citations(study))
    body.append("<h2>Where it was measured</h2>")
    levels: dict[float, list[str]] = {}
    for side, hip in study.hips.items():
        for level in side_levels(hip):
            levels.setdefault(level, []).append(side.value)
    for level in sorted(levels, reverse=True):
        body.append(figure_html(axial_picture(study, level)))
    bones = bones_picture(study)
    if bones:
        body.append(figure_html(bones))
    cutoffs: dict[str, float] = {}
    for m in MEASUREMENTS:
        rows = [row for row in reference_rows() if row.measurement == m.id and row.applies_to(study.subject)]
        found = [row.cutoff_mm for row in rows if row.cutoff_mm]
        if m.space is not None and found:
            cutoffs.setdefault(m.space, found[0])
    profile = profile_picture(study, cutoffs)
    if profile:
        body.append("<h2>Along the slices</h2>" + figure_html(profile))
    body += _muscle(study)
    if changes is not None:
        body += changes_parts(changes)
    body.append("<h2>Not measurable, and why</h2>" + _reasons(study))
    body.append("<h2>Landmarks</h2>" + _landmarks(study))
    body.append("<h2>How the values are defined</h2>" + _definitions())
    body.append("<h2>Made with</h2>" + _versions(study.provenance))
    return document_html("IFIMeasure report", body)


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
    parts.append(
        f"segmentation {study.provenance.name_of('segmentation')}, {grid.plane_name}, {' × '.join(f'{s:.3g}' for s in grid.spacing)} mm"
    )
    return " · ".join(escaped(p) for p in parts)


def _muscle(study: StudyResult) -> list[str]:
    """The quadratus femoris: where it is largest, its fat, and what a reader found."""
    parts = []
    levels = {n.max_area[0]: None for n in study.muscles.values() if not isinstance(n, NotMeasurable)}
    parts += [figure_html(axial_picture(study, level)) for level in sorted(levels, reverse=True)]
    counts = {
        side: n.fat_histogram
        for side, n in study.muscles.items()
        if not isinstance(n, NotMeasurable) and n.fat_histogram is not None
    }
    if counts:
        source = next(
            n.fat_source
            for n in study.muscles.values()
            if not isinstance(n, NotMeasurable) and n.fat_histogram is not None
        )
        parts.append(figure_html(histogram_picture(counts, source)))
    origins = study.provenance.muscle_origins
    if origins:
        words = {
            "segment": "a segment that was given",
            "image": "the image and the attachment corners",
            "drawn slices": "drawn slices, filled between",
        }
        parts.append(
            f'<p class="quiet">From {"; ".join(f"{words.get(origin, origin)} ({side.value})" for side, origin in origins.items())}.</p>'
        )
    if study.findings:
        rows = [row for row in finding_rows(study.findings, study.hips) if row["value"]]
        cells = "".join(
            f"<tr><td>{escaped(r['title'])}</td><td>{escaped(r['side'])}</td><td>{escaped(r['value'])}</td></tr>"
            for r in rows
        )
        parts.append(f"<p>What a reader found:</p><table><tbody>{cells}</tbody></table>")
    return ["<h2>Quadratus femoris</h2>", *parts] if parts else []


def _value_cell(result: Result, decimals: int, unit: str) -> str:
    if isinstance(result, Measured):
        return f"{number_text(result.value, decimals)}{escaped(unit_text(unit))}"
    return '<span class="quiet">not measurable</span>'


def _values(study: StudyResult) -> str:
    sides = [side for side in (Side.RIGHT, Side.LEFT) if side in study.hips]
    rows = [
        "<table><thead><tr><th>Measurement</th>"
        + "".join(f"<th>{side.value.capitalize()}</th>" for side in sides)
        + "</tr></thead><tbody>"
    ]
    for definition in MEASUREMENTS:
        if definition.paired:
            cell = _value_cell(study.paired[definition.id], definition.decimals, definition.unit)
            rows.append(
                f'<tr><td>{escaped(definition.title)}</td><td class="value" colspan="{len(sides)}">{cell}</td></tr>'
            )
            continue
        cells = []
        for side in sides:
            result = study.hips[side].results[definition.id]
            cell = f'<td><span class="value">{_value_cell(result, definition.decimals, definition.unit)}</span>'
            if isinstance(result, Measured):
                if definition.scored:
                    for s in statements(definition.id, result.value, study.subject):
                        kind = ' class="quiet below"' if s.below else ' class="quiet"'
                        cell += f"<div{kind}>{escaped(s.text)}</div>"
                where = f"slice {result.slice_number}" if result.slice_number is not None else ""
                where += (
                    f"{', ' if where else ''}S {result.slice_ras_s_mm:.1f} mm"
                    if result.slice_ras_s_mm is not None
                    else ""
                )
                if where:
                    cell += f'<div class="quiet">{where}</div>'
                cell += "".join(f'<div class="quiet">{escaped(note)}</div>' for note in result.notes)
                if definition.kind is Kind.POSE:
                    cell += f'<div class="quiet">{escaped(result.plane)}</div>'
            cells.append(cell + "</td>")
        rows.append(f"<tr><td>{escaped(definition.title)}</td>{''.join(cells)}</tr>")
    return "".join(rows) + "</tbody></table>"


def _citations(study: StudyResult) -> str:
    cited = sorted({row.citation for row in reference_rows() if row.applies_to(study.subject)})
    known = "" if study.subject.sex else " The sex is not known, so norms by sex are left out."
    return f'<p class="quiet">Published values: {"; ".join(escaped(c) for c in cited)}.{known} Leg position moves the space more than the reader does; read it beside the pose.</p>'


def _reasons(study: StudyResult) -> str:
    rows = []
    for side, hip in study.hips.items():
        for key, result in hip.results.items():
            if not isinstance(result, Measured):
                rows.append(
                    f"<tr><td>{escaped(measurement(key).title)}</td><td>{side.value}</td><td>{escaped(result.reason)}</td></tr>"
                )
    for key, result in study.paired.items():
        if not isinstance(result, Measured):
            rows.append(
                f"<tr><td>{escaped(measurement(key).title)}</td><td>both</td><td>{escaped(result.reason)}</td></tr>"
            )
    return f"<table><tbody>{''.join(rows)}</tbody></table>" if rows else "<p>Everything was measured.</p>"


def _landmarks(study: StudyResult) -> str:
    rows = [
        f"<tr><td>{escaped(r['landmark'])}</td><td>{escaped(r['side'])}</td><td>{escaped(r['state'])}</td><td>{escaped(_short(r['position_lps_mm']) or r['reason'])}</td></tr>"
        for r in landmark_rows(study)
    ]
    return f"<table><thead><tr><th>Landmark</th><th>Side</th><th>State</th><th>LPS (mm), or why it is missing</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _short(text: str) -> str:
    return " ".join(number_text(float(v), 1) for v in text.split())


def _definitions() -> str:
    return "".join(
        f"<p><b>{escaped(m.title)}</b> (<code>{m.id}</code>): {escaped(m.definition)} <span class='quiet'>[{escaped(m.citation)}]</span></p>"
        for m in MEASUREMENTS
    )


def _versions(provenance: Provenance) -> str:
    versions = ", ".join(f"{escaped(k)} {escaped(v)}" for k, v in provenance.versions.items())
    inputs = "".join(f"<li>{escaped(of.name)}: SHA-256 {escaped(of.sha256[:16])}…</li>" for of in provenance.inputs)
    return f'<p class="quiet">{versions}</p><ul class="quiet">{inputs}</ul>'
