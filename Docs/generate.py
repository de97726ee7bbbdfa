"""Write what derives from the registry: definitions, landmarks, data dictionary, terminology for 3D Slicer.

python Docs/generate.py          writes them
python Docs/generate.py --check  exits with 1 where they differ from the registry
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from IFIMeasureLib.values import IFIMeasureError

try:
    from IFIMeasureLib.anatomy.findings import FINDINGS
    from IFIMeasureLib.anatomy.landmarks import landmark_definitions
    from IFIMeasureLib.anatomy.reference_values import reference_rows
    from IFIMeasureLib.anatomy.structures import definitions
    from IFIMeasureLib.anatomy.terminology import terminology_document
    from IFIMeasureLib.export.collect import wide_columns
    from IFIMeasureLib.export.dicom_sources import KEPT
    from IFIMeasureLib.files.results import DOCUMENT_KEYS, LANDMARK_KEYS, MEASUREMENT_KEYS, PROFILE_KEYS
    from IFIMeasureLib.measuring.registry import MEASUREMENTS
    from IFIMeasureLib.present.tables import (
        FINDING_COLUMNS,
        FOLLOW_UP_COLUMNS,
        HISTOGRAM_COLUMNS,
        LANDMARK_COLUMNS,
        MUSCLE_COLUMNS,
        PROFILE_COLUMNS,
        REPEATABILITY_COLUMNS,
        measurement_columns,
    )
except IFIMeasureError as error:  # an entry is wrong, and the sentence says which
    sys.exit(str(error))

HEAD = "<!-- Made by Docs/generate.py from the registry; change the registry, not this file. -->\n\n"


def _row(*cells: str) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |\n"


def _head(*titles: str) -> str:
    """The first two rows of a table in Markdown."""
    return _row(*titles) + "|" + "---|" * len(titles) + "\n"


def _measurement_parts() -> Iterator[str]:
    yield "## Measurements\n\n"
    for m in MEASUREMENTS:
        rests = f"; computed from {', '.join(f'`{key}`' for key in m.depends)}" if m.depends else ""
        codes = f"code {':'.join(m.code[:2])}, quantity {':'.join(m.quantity[:2])}"
        yield f"### `{m.id}`: {m.title}\n\n{m.definition}\n\n"
        yield f"Unit {m.unit}; source: {m.citation}{rests}; {codes}.\n\n"


def _landmark_parts() -> Iterator[str]:
    yield "## Landmarks\n\n" + _head("Id", "Label", "How to find it", "Placed", "Code")
    for d in landmark_definitions().values():
        placed = "by hand" if d.by_hand else "by the program, or by hand"
        yield _row(f"`{d.id}`", d.title, d.how, placed, f"{d.code[0]} {d.code[1]}")


def _finding_parts() -> Iterator[str]:
    yield "\n## Findings of a reader\n\n" + _head("Id", "Field", "Choices", "How", "Code")
    for f in FINDINGS:
        yield _row(f"`{f.id}`", f.title, ", ".join(f.choices), f.how, f"{f.code[0]} {f.code[1]}")


def _structure_parts() -> Iterator[str]:
    yield "\n## Structures\n\n" + _head("Name", "Title", "Names that are understood", "Code")
    for s in definitions().values():
        name = f"`{s.id}{'_left, _right' if s.sided else ''}`"
        yield _row(name, s.title, ", ".join(s.names), f"{s.code[0]} {s.code[1]}")


def _reference_parts() -> Iterator[str]:
    titles = ("Measurement", "Study", "Group", "Mean ± SD (mm)", "Cutoff (mm)", "Citation")
    yield "\n## Published values\n\n" + _head(*titles)
    for r in reference_rows():
        mean = f"{r.mean_mm:g} ± {r.sd_mm:g}" if r.mean_mm is not None and r.sd_mm is not None else ""
        ages = "" if r.age_min >= 18 else f", {r.age_min:g} to {r.age_max:.0f} years"
        group = r.group + {"F": ", women", "M": ", men"}.get(r.sex or "", "") + ages
        cutoff = "" if r.cutoff_mm is None else f"{r.cutoff_mm:g}"
        yield _row(f"`{r.measurement}`", r.study, group, mean, cutoff, r.citation)


def definitions_page() -> str:
    """Return the definitions of measurements, landmarks, findings and structures, and published values."""
    parts = (_measurement_parts(), _landmark_parts(), _finding_parts(), _structure_parts(), _reference_parts())
    return "".join([HEAD, "# Definitions\n\n", *itertools.chain(*parts)])


def dictionary_page() -> str:
    """Return what every exported column holds."""
    parts = [HEAD, "# Data dictionary\n"]
    for title, columns in (
        ("measurements.csv", measurement_columns()),
        ("study.csv, and collect: one row a study", wide_columns()),
        ("profile.csv", PROFILE_COLUMNS),
        ("muscle_sections.csv", MUSCLE_COLUMNS),
        ("fat_histogram.csv", HISTOGRAM_COLUMNS),
        ("findings.csv", FINDING_COLUMNS),
        ("follow_up.csv", FOLLOW_UP_COLUMNS),
        ("repeatability.csv", REPEATABILITY_COLUMNS),
        ("landmarks (in the workbook)", LANDMARK_COLUMNS),
    ):
        parts.append(f"\n## {title}\n\n| Column | Content |\n|---|---|\n")
        parts += [f"| `{name}` | {text} |\n" for name, text in columns.items()]
    parts.append(
        "\n## study.json\n\nThe same document lies in the record of a scene and in the DICOM Segmentation. "
        "Numbers are numbers, what is missing is null beside a reason, points are LPS millimeter.\n"
    )
    for title, keys in (
        ("The document", DOCUMENT_KEYS),
        ("Each of `measurements`", MEASUREMENT_KEYS),
        ("Each of `profile`", PROFILE_KEYS),
        ("Each of `landmarks`", LANDMARK_KEYS),
    ):
        parts.append(f"\n### {title}\n\n| Key | Content |\n|---|---|\n")
        parts += [f"| `{name}` | {text} |\n" for name, text in keys.items()]
    parts.append(
        "\n## DICOM results\n\nSegmentation, structured report and encapsulated PDF copy this of the measured series, "
        "and nothing else of the patient; a date, time or sex that DICOM does not allow is left empty.\n\n"
        "| Element | What for |\n|---|---|\n"
    )
    parts += [f"| `{name}` | {text} |\n" for name, text in KEPT.items()]
    return "".join(parts)


def terminology_text() -> str:
    """Return the terminology file of 3D Slicer: our structures, and the bony places that are measured between."""
    places = [landmark_definitions()[key].code for key in ("lesser_trochanter_tip", "ischial_tuberosity_lateral")]
    return json.dumps(terminology_document(places), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write or check the documents."""
    folder = Path(__file__).resolve().parent
    stale = []
    terminology = Path("..") / "IFIMeasure" / "Resources" / "Terminologies" / "IFIMeasure.term.json"
    for name, text in (
        ("definitions.md", definitions_page()),
        ("data_dictionary.md", dictionary_page()),
        (str(terminology), terminology_text()),
    ):
        path = folder / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"out of date: {', '.join(stale)}; run python Docs/generate.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
