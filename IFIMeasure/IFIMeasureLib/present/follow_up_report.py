"""The report of changes over time."""

from __future__ import annotations

from ..study.follow_up import Change, Comparison, Verdict
from ..values import Side
from .charts import Limits, trend_picture
from .page import document_html, escaped, figure_html
from .text import change_texts, percent_text, unit_text

_HEAD = ("Measurement", "Side", "Date", "First", "Now", "Change", "Symmetric", "A year", "Verdict")

_NO_WRAP = ' style="white-space: nowrap"'


def follow_up_html(changes: Comparison) -> str:
    """Return the report of changes over time as an HTML document."""
    dates = ", ".join(e.date.isoformat() for e in changes.examinations)
    body = [
        "<h1>Ischiofemoral impingement: changes over time</h1>",
        f'<p class="quiet">{len(changes.examinations)} examinations: {escaped(dates)}</p>',
    ]
    body.append('<p class="note">Measurements for research. Not a medical device, no diagnosis.</p>')
    return document_html("IFIMeasure follow-up", [*body, *changes_parts(changes)])


def changes_parts(changes: Comparison) -> list[str]:
    """Return warnings, the table of changes, trends, and what cannot be compared."""
    body = [f'<p class="note">{escaped(warning)}</p>' for warning in changes.warnings]
    body.append("<h2>Changes against the first examination</h2>")
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    lines = "".join(_line(change) for change in changes.rows if change.absolute is not None)
    body.append(f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>")
    body.append("<h2>Trend</h2>")
    body += _trends(changes)
    missing = "".join(
        f"<tr><td>{escaped(change.definition.title)}</td><td>{_side(change)}</td>"
        f"<td>{escaped('; '.join(change.notes))}</td></tr>"
        for change in changes.rows
        if change.absolute is None
    )
    if missing:
        body.append(f"<h2>Not comparable, and why</h2><table><tbody>{missing}</tbody></table>")
    body.append(
        '<p class="quiet">Symmetric change: 200 (now - first) / (now + first). '
        "A year: 100 ((now / first)^(1 / years) - 1). "
        "A change is beyond measurement error where it exceeds the repeatability coefficient, "
        "1.96 &radic;2 times the within-subject coefficient of variation "
        "(Bland and Altman, Stat Methods Med Res 1999;8:135-160). A change of a space is beyond error where it exceeds "
        "what the position of the slices and repositioning of the leg explain.</p>"
    )
    return body


def _side(change: Change) -> str:
    return "both" if change.side is None else change.side.value


def _line(change: Change) -> str:
    cells = (
        change.definition.title,
        _side(change),
        change.date.isoformat(),
        *change_texts(change),
        percent_text(change.symmetric_percent),
        percent_text(change.annualized_percent),
    )
    written = "".join(f"<td{_NO_WRAP if n else ''}>{escaped(cell)}</td>" for n, cell in enumerate(cells))
    mark = "&#9650; " if change.verdict is Verdict.BEYOND else ""
    verdict = "" if change.verdict is None else change.verdict.value
    notes = escaped("; ".join(change.notes))
    return f"<tr>{written}<td>{mark}{verdict}<div class='quiet'>{notes}</div></td></tr>"


def _trends(changes: Comparison) -> list[str]:
    """One picture for each measurement that changed, with the measurement error as a band where it is known."""
    figures = []
    compared = [change for change in changes.rows if change.absolute is not None]
    for definition in {change.definition.id: change.definition for change in compared}.values():
        points = {}
        for side in Side:
            key = (definition.id, side)
            of = [(e.date, e.values[key]) for e in changes.examinations if key in e.values]
            if len(of) > 1:
                points[side] = of
        bands: dict[Side, list[Limits]] = {}
        for change in compared:
            if change.definition.id == definition.id and change.side is not None and change.limits is not None:
                bands.setdefault(change.side, []).append((change.date, *change.limits))
        if points:
            figures.append(figure_html(trend_picture(definition.title, unit_text(definition.unit), points, bands)))
    return figures
