"""The report of changes over time."""

from __future__ import annotations

from collections.abc import Callable

from ..measuring.registry import measurement
from ..study.follow_up import Changes
from ..values import Side
from .charts import trend_picture
from .page import document_html, escaped, figure_html
from .text import change_texts, unit_text


def follow_up_html(changes: Changes) -> str:
    """Return the report of changes over time as an HTML document."""
    dates = ", ".join(e.date.isoformat() for e in changes.examinations)
    body = [
        "<h1>Ischiofemoral impingement: changes over time</h1>",
        f'<p class="quiet">{len(changes.examinations)} examinations: {escaped(dates)}</p>',
    ]
    body.append('<p class="note">Measurements for research. Not a medical device, no diagnosis.</p>')
    return document_html("IFIMeasure follow-up", [*body, *changes_parts(changes)])


def changes_parts(changes: Changes) -> list[str]:
    """Warnings, the table of changes, trends, and what cannot be compared."""
    rows = changes.rows
    body = [f'<p class="note">{escaped(warning)}</p>' for warning in changes.warnings]
    body.append("<h2>Changes against the first examination</h2>")
    head = "".join(
        f"<th>{name}</th>"
        for name in ("Measurement", "Side", "Date", "First", "Now", "Change", "Symmetric", "A year", "Verdict")
    )
    lines = []
    for row in rows:
        if not row["change"]:
            continue
        symmetric, annual = (
            f"{float(row[key]):+.1f} %" if row[key] else ""
            for key in ("change_symmetric_percent", "change_annualized_percent")
        )
        mark = "&#9650; " if row["verdict"].startswith("beyond") else ""
        cells = (row["title"], row["side"], row["date"], *change_texts(row), symmetric, annual)
        lines.append(
            f"<tr>{''.join(f'<td{_NO_WRAP if n else str()}>{escaped(c)}</td>' for n, c in enumerate(cells))}<td>{mark}{escaped(row['verdict'])}<div class='quiet'>{escaped(row['notes'])}</div></td></tr>"
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
            body.append(figure_html(trend_picture(definition.title, unit_text(definition.unit), points, error)))
    missing = [
        f"<tr><td>{escaped(r['title'])}</td><td>{escaped(r['side'])}</td><td>{escaped(r['notes'])}</td></tr>"
        for r in rows
        if not r["change"]
    ]
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
