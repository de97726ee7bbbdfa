"""What the commands print: progress, tables, the summary of a study."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..api import Study


def visible(text: object) -> str:
    """Return a text on one line, with everything that would steer a terminal written out, such as ``\\x1b``."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def say(text: str) -> None:
    """Print what is being done to standard error."""
    print(f"  {visible(text)} …", file=sys.stderr, flush=True)


def teller(quiet: bool) -> Callable[[str], None]:
    """Return what tells the progress of long work, or keeps it to itself."""
    return (lambda text: None) if quiet else say


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of text in columns; the first row is their heading."""
    rows = [tuple(visible(cell) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def print_summary(study: Study) -> None:
    """Print the measurements of both sides, and what a reader must know beside them."""
    from ..anatomy.reference_values import statements
    from ..measuring.registry import MEASUREMENTS
    from ..present.tables import summary_table
    from ..present.text import plane_range_text
    from ..values import Measured

    rows = [
        ("measurement", "right", "left", "unit"),
        *(
            (definition.id, row["right"], row["left"], row["unit"])
            for definition, row in zip(MEASUREMENTS, summary_table(study.result))
        ),
    ]
    remarks = []
    for definition in (d for d in MEASUREMENTS if d.scored):
        for side in study.result.hips:
            result = study.value(definition.id, side)
            where = f"{definition.id}, {side.value}"
            if isinstance(result, Measured):
                said = statements(definition.id, result.value, study.subject)
                left_open = plane_range_text(result, definition.decimals)
                remarks += [f"{where}: {left_open}"] if left_open else []
                remarks += [f"{where}: {s.text}" for s in said if s.kind == "cutoff"]
            else:
                remarks.append(f"{where}: not measurable: {result.reason}")
    print()
    print_table(rows)
    for note in [*study.notes, *remarks]:
        print(f"  {visible(note)}")
