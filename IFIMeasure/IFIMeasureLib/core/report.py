"""The report of a study: one self-contained HTML file, readable in gray, printable on A4 and Letter.

It names no patient unless that is asked for. All text from outside is escaped.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from typing import Any

from .findings import finding_rows
from .follow_up import Changes, change_texts
from .measurements import MEASUREMENTS, measurement
from .pictures import Picture, axial_picture, bones_picture, histogram_picture, profile_picture, scale_picture, side_levels, trend_picture
from .reference_values import reference_rows, statements
from .study import StudyResult
from .tables import landmark_rows
from .values import Measured, NotMeasurable, Result, Side, number_text, unit_text

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #111; background: #fff; max-width: 1000px; margin: 1.5em auto; padding: 0 1em; }
h1 { font-size: 1.5em; margin: 0 0 .2em; } h2 { font-size: 1.15em; margin: 1.6em 0 .4em; border-bottom: 1px solid #999; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25em .6em; border-bottom: 1px solid #ccc; vertical-align: top; }
.value { font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; } .quiet { color: #444; font-size: .88em; }
figure { margin: .8em 0; break-inside: avoid; } figure svg, figure img { width: 100%; height: auto; border: 1px solid #bbb; } figcaption { font-size: .88em; color: #333; }
.below::before { content: "\\25BC\\00a0"; } .note { border-left: 4px solid #555; padding-left: .7em; }
tr { break-inside: avoid; } h2 { break-after: avoid; }
@page { margin: 14mm; } @media print { body { margin: 0; max-width: none; font-size: 10.5pt; } }
"""


def report_html(study: StudyResult, provenance: dict[str, Any], identified: bool = False, changes: Changes | None = None) -> str:
    """Return the report as an HTML document.

    :param provenance: what ``study.json`` holds of versions, inputs and options.
    :param identified: whether the patient's name and id stand in it, where the image has them.
    :param changes: against earlier examinations of the same person, or None.
    """
    body = ["<h1>Ischiofemoral impingement: measurements</h1>", f'<p class="quiet">{_header(study, provenance)}</p>']
    if identified and study.volume is not None:
        known = [study.volume.tags.get(key, "").replace("^", " ").strip() for key in ("PatientName", "PatientID")]
        body.insert(1, f"<p><b>{_text(' · '.join(text for text in known if text) or 'The image has no name and no id of the patient.')}</b></p>")
    body.append('<p class="note">Measurements for research. Not a medical device, no diagnosis: published values stand beside the numbers, not a judgment.</p>')
    for note in study.notes:
        body.append(f'<p class="note">{_text(note)}</p>')
    for side, reason in study.absent_sides.items():
        body.append(f'<p class="note">The {side.value} side was not measured: {_text(reason)}</p>')
    body.append("<h2>Values</h2>" + _values(study))
    scales = []
    for definition in MEASUREMENTS:
        if not definition.scored:
            continue
        values = {side: r.value for side, hip in study.hips.items() if isinstance(r := hip.results[definition.id], Measured)}
        rows = [row for row in reference_rows() if row.measurement == definition.id and row.applies_to(study.subject)]
        if values and rows:
            scales.append(_figure(scale_picture(definition.id, values, rows)))
    if scales:
        body.append("<h2>Beside published values</h2>" + "".join(scales))
        body.append(_citations(study))
    body.append("<h2>Where it was measured</h2>")
    levels: dict[float, list[str]] = {}
    for side, hip in study.hips.items():
        for level in side_levels(hip):
            levels.setdefault(level, []).append(side.value)
    for level in sorted(levels, reverse=True):
        body.append(_figure(axial_picture(study, level)))
    bones = bones_picture(study)
    if bones:
        body.append(_figure(bones))
    cutoffs = {}
    for name in ("ifs", "qfs"):
        found = [row.cutoff_mm for row in reference_rows() if row.measurement == f"{name}_axial" and row.cutoff_mm and row.applies_to(study.subject)]
        if found:
            cutoffs[name] = found[0]
    profile = profile_picture(study, cutoffs)
    if profile:
        body.append("<h2>Along the slices</h2>" + _figure(profile))
    body += _muscle(study)
    if changes is not None:
        body += _changes(changes)
    body.append("<h2>Not measurable, and why</h2>" + _reasons(study))
    body.append("<h2>Landmarks</h2>" + _landmarks(study))
    body.append("<h2>How the values are defined</h2>" + _definitions())
    body.append("<h2>Made with</h2>" + _versions(provenance))
    return _document("IFIMeasure report", body)


def _document(title: str, body: list[str]) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _text(value: Any) -> str:
    return html.escape(str(value))


def _header(study: StudyResult, provenance: dict[str, Any]) -> str:
    parts = []
    subject = study.subject
    if subject.sex:
        parts.append({"F": "female", "M": "male"}[subject.sex])
    if subject.age_years is not None:
        parts.append(f"{subject.age_years:.0f} years")
    if study.date:
        parts.append(f"examined {study.date}")
    series = provenance.get("series", {})
    if series.get("description"):
        parts.append(f"series {series.get('number', '')}: {series['description']}")
    grid = study.bones.grid
    parts.append(f"segmentation {study.bones.path.name}, {grid.plane_name}, {' × '.join(f'{s:.3g}' for s in grid.spacing)} mm")
    return " · ".join(_text(p) for p in parts)


def _muscle(study: StudyResult) -> list[str]:
    """The quadratus femoris: where it is largest, its fat, and what a reader found."""
    parts = []
    levels = {n.max_area[0]: None for n in study.muscles.values() if not isinstance(n, NotMeasurable)}
    parts += [_figure(axial_picture(study, level)) for level in sorted(levels, reverse=True)]
    counts = {side: n.fat_histogram for side, n in study.muscles.items() if not isinstance(n, NotMeasurable) and n.fat_histogram is not None}
    if counts:
        source = next(n.fat_source for n in study.muscles.values() if not isinstance(n, NotMeasurable) and n.fat_histogram is not None)
        parts.append(_figure(histogram_picture(counts, source)))
    if study.muscle_origins:
        words = {"segment": "a segment that was given", "image": "the image and the attachment corners", "drawn slices": "drawn slices, filled between"}
        parts.append(f'<p class="quiet">From {"; ".join(f"{words.get(origin, origin)} ({side.value})" for side, origin in study.muscle_origins.items())}.</p>')
    if study.findings:
        rows = [row for row in finding_rows(study.findings, study.hips) if row["value"]]
        cells = "".join(f"<tr><td>{_text(r['title'])}</td><td>{_text(r['side'])}</td><td>{_text(r['value'])}</td></tr>" for r in rows)
        parts.append(f"<p>What a reader found:</p><table><tbody>{cells}</tbody></table>")
    return ["<h2>Quadratus femoris</h2>", *parts] if parts else []


def follow_up_html(changes: Changes) -> str:
    """Return the report of changes over time as an HTML document."""
    dates = ", ".join(e.date.isoformat() for e in changes.examinations)
    body = ["<h1>Ischiofemoral impingement: changes over time</h1>", f'<p class="quiet">{len(changes.examinations)} examinations: {_text(dates)}</p>']
    body.append('<p class="note">Measurements for research. Not a medical device, no diagnosis.</p>')
    return _document("IFIMeasure follow-up", [*body, *_changes(changes)])


def _changes(changes: Changes) -> list[str]:
    """Warnings, the table of changes, trends, and what cannot be compared."""
    rows = changes.rows
    body = [f'<p class="note">{_text(warning)}</p>' for warning in changes.warnings]
    body.append("<h2>Changes against the first examination</h2>")
    head = "".join(f"<th>{name}</th>" for name in ("Measurement", "Side", "Date", "First", "Now", "Change", "Symmetric", "A year", "Verdict"))
    lines = []
    for row in rows:
        if not row["change"]:
            continue
        symmetric, annual = (f"{float(row[key]):+.1f} %" if row[key] else "" for key in ("change_symmetric_percent", "change_annualized_percent"))
        mark = "&#9650; " if row["verdict"].startswith("beyond") else ""
        cells = (row["title"], row["side"], row["date"], *change_texts(row), symmetric, annual)
        lines.append(
            f"<tr>{''.join(f'<td{_NO_WRAP if n else str()}>{_text(c)}</td>' for n, c in enumerate(cells))}<td>{mark}{_text(row['verdict'])}<div class='quiet'>{_text(row['notes'])}</div></td></tr>"
        )
    body.append(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>")
    body.append("<h2>Trend</h2>")
    for key in dict.fromkeys(row["measurement"] for row in rows if row["change"]):
        definition = measurement(key)
        points = {}
        for side in Side:
            of = [(e.date, e.values[key, side.value]) for e in changes.examinations if (key, side.value) in e.values]
            if len(of) > 1:
                points[side] = of
        known = next((row for row in rows if row["measurement"] == key and row["verdict"]), None)
        error = None if known is None else _error_of(known)
        if points:
            body.append(_figure(trend_picture(definition.title, unit_text(definition.unit), points, error)))
    missing = [f"<tr><td>{_text(r['title'])}</td><td>{_text(r['side'])}</td><td>{_text(r['notes'])}</td></tr>" for r in rows if not r["change"]]
    if missing:
        body.append(f"<h2>Not comparable, and why</h2><table><tbody>{''.join(missing)}</tbody></table>")
    body.append(
        '<p class="quiet">Symmetric change: 200 (now - first) / (now + first). A year: 100 ((now / first)^(1 / years) - 1). '
        "A change is beyond measurement error where it exceeds the repeatability coefficient, 1.96 &radic;2 times the within-subject coefficient of variation "
        "(Bland and Altman, Stat Methods Med Res 1999;8:135-160).</p>"
    )
    return body


_NO_WRAP = ' style="white-space: nowrap"'


def _error_of(row: dict[str, str]) -> Callable[[float], float]:
    """From a first value to the change that measurement error alone can make."""
    if row["repeatability"]:
        absolute = float(row["repeatability"])
        return lambda value: absolute
    share = float(row["repeatability_percent"]) / 200.0
    return lambda value: value * (2.0 * share / (1.0 - share))


def _value_cell(result: Result, decimals: int, unit: str) -> str:
    if isinstance(result, Measured):
        return f"{number_text(result.value, decimals)}{_text(unit_text(unit))}"
    return '<span class="quiet">not measurable</span>'


def _values(study: StudyResult) -> str:
    sides = [side for side in (Side.RIGHT, Side.LEFT) if side in study.hips]
    rows = ["<table><thead><tr><th>Measurement</th>" + "".join(f"<th>{side.value.capitalize()}</th>" for side in sides) + "</tr></thead><tbody>"]
    for definition in MEASUREMENTS:
        if definition.compute is None:
            cell = _value_cell(study.paired[definition.id], definition.decimals, definition.unit)
            rows.append(f'<tr><td>{_text(definition.title)}</td><td class="value" colspan="{len(sides)}">{cell}</td></tr>')
            continue
        cells = []
        for side in sides:
            result = study.hips[side].results[definition.id]
            cell = f'<td><span class="value">{_value_cell(result, definition.decimals, definition.unit)}</span>'
            if isinstance(result, Measured):
                if definition.scored:
                    for s in statements(definition.id, result.value, study.subject):
                        kind = ' class="quiet below"' if s.below else ' class="quiet"'
                        cell += f"<div{kind}>{_text(s.text)}</div>"
                where = f"slice {result.slice_number}" if result.slice_number is not None else ""
                where += f"{', ' if where else ''}S {result.slice_ras_s_mm:.1f} mm" if result.slice_ras_s_mm is not None else ""
                if where:
                    cell += f'<div class="quiet">{where}</div>'
                cell += "".join(f'<div class="quiet">{_text(note)}</div>' for note in result.notes)
                if definition.id.startswith("femur_"):
                    cell += f'<div class="quiet">{_text(result.plane)}</div>'
            cells.append(cell + "</td>")
        rows.append(f"<tr><td>{_text(definition.title)}</td>{''.join(cells)}</tr>")
    return "".join(rows) + "</tbody></table>"


def _figure(picture: Picture) -> str:
    content = picture.svg or f'<img alt="{_text(picture.caption)}" src="data:image/png;base64,{base64.b64encode(picture.png).decode()}">'
    return f"<figure>{content}<figcaption>{_text(picture.caption)}</figcaption></figure>"


def _citations(study: StudyResult) -> str:
    cited = sorted({row.citation for row in reference_rows() if row.applies_to(study.subject)})
    known = "" if study.subject.sex else " The sex is not known, so norms by sex are left out (give it with --sex)."
    return f'<p class="quiet">Published values: {"; ".join(_text(c) for c in cited)}.{known} Leg position moves the space more than the reader does; read it beside the pose.</p>'


def _reasons(study: StudyResult) -> str:
    rows = []
    for side, hip in study.hips.items():
        for key, result in hip.results.items():
            if not isinstance(result, Measured):
                rows.append(f"<tr><td>{_text(measurement(key).title)}</td><td>{side.value}</td><td>{_text(result.reason)}</td></tr>")
    for key, result in study.paired.items():
        if not isinstance(result, Measured):
            rows.append(f"<tr><td>{_text(measurement(key).title)}</td><td>both</td><td>{_text(result.reason)}</td></tr>")
    return f"<table><tbody>{''.join(rows)}</tbody></table>" if rows else "<p>Everything was measured.</p>"


def _landmarks(study: StudyResult) -> str:
    rows = [
        f"<tr><td>{_text(r['landmark'])}</td><td>{_text(r['side'])}</td><td>{_text(r['state'])}</td><td>{_text(_short(r['position_lps_mm']) or r['reason'])}</td></tr>"
        for r in landmark_rows(study)
    ]
    return f"<table><thead><tr><th>Landmark</th><th>Side</th><th>State</th><th>LPS (mm), or why it is missing</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _short(text: str) -> str:
    return " ".join(number_text(float(v), 1) for v in text.split())


def _definitions() -> str:
    return "".join(f"<p><b>{_text(m.title)}</b> (<code>{m.id}</code>): {_text(m.definition)} <span class='quiet'>[{_text(m.citation)}]</span></p>" for m in MEASUREMENTS)


def _versions(provenance: dict[str, Any]) -> str:
    versions = ", ".join(f"{_text(k)} {_text(v)}" for k, v in provenance.get("versions", {}).items())
    inputs = "".join(f"<li>{_text(i['name'])}: SHA-256 {_text(i['sha256'][:16])}…</li>" for i in provenance.get("inputs", [])[:6])
    return f'<p class="quiet">{versions}</p><ul class="quiet">{inputs}</ul>'
