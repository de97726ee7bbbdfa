"""The HTML page of reports: style, escaping, figures. All text from outside is escaped."""

from __future__ import annotations

import html
from typing import Any

from .picture import Picture

_STYLE = """
:root { color-scheme: light; }
body {
  font: 15px/1.45 system-ui, sans-serif; color: #111; background: #fff;
  max-width: 1000px; margin: 1.5em auto; padding: 0 1em;
}
h1 { font-size: 1.5em; margin: 0 0 .2em; }
h2 { font-size: 1.15em; margin: 1.6em 0 .4em; border-bottom: 1px solid #999; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25em .6em; border-bottom: 1px solid #ccc; vertical-align: top; }
.value { font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; }
.quiet { color: #444; font-size: .88em; }
figure { margin: .8em 0; break-inside: avoid; }
figure svg { width: 100%; height: auto; border: 1px solid #bbb; }
figcaption { font-size: .88em; color: #333; }
.below::before { content: "\\25BC\\00a0"; } .note { border-left: 4px solid #555; padding-left: .7em; }
tr { break-inside: avoid; } h2 { break-after: avoid; }
@page { margin: 14mm; } @media print { body { margin: 0; max-width: none; font-size: 10.5pt; } }
"""


def document_html(title: str, body: list[str]) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def escaped(value: Any) -> str:
    return html.escape(str(value))


def figure_html(picture: Picture) -> str:
    return f"<figure>{picture.svg}<figcaption>{escaped(picture.caption)}</figcaption></figure>"
