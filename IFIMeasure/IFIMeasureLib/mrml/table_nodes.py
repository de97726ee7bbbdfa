"""Tables of results as nodes."""

from __future__ import annotations

import contextlib
from typing import Any

from vtkmodules.vtkCommonCore import vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkTable

from ..present.csv_text import cell_text
from ..present.rows import Rows
from ..present.tables import follow_up_table, measurement_table, profile_table, summary_table
from ..study.follow_up import Comparison
from ..study.result import StudyResult
from ..values import Side
from .record import StudyRecord

_TABLE = "vtkMRMLTableNode"
_SIDES = [side.value for side in Side]


def show_tables(study: StudyRecord, result: StudyResult) -> None:
    """Keep a study's summary, measurements and profile as tables."""
    for role, rows in (
        ("summary", summary_table(result)),
        ("measurements", measurement_table(result)),
        ("profile", profile_table(result)),
    ):
        fill_table(study.made(f"table_{role}", _TABLE, study.title(role)), rows)
    # names stay in view beside both sides, however narrow the table is shown
    study.node("table_summary").SetUseFirstColumnAsRowHeader(True)


def saved_values(study: StudyRecord) -> dict[tuple[str, Side | None], float]:
    """Return the values of a study as its table has them, by measurement and side (None for both), in their units."""
    node = study.node("table_measurements")
    found: dict[tuple[str, Side | None], float] = {}
    for row in range(0 if node is None else node.GetNumberOfRows()):
        table = node.GetTable()
        key, side, value = (table.GetValueByName(row, name).ToString() for name in ("measurement", "side", "value"))
        with contextlib.suppress(ValueError):  # those that were not taken have none
            found[key, Side(side) if side in _SIDES else None] = float(value)
    return found


def write_follow_up(scene: Any, changes: Comparison) -> Any:
    """Keep the changes between the studies of a scene in its one table of them; returns the node."""
    name = "IFIMeasure follow-up"
    node = scene.GetFirstNode(name, _TABLE) or scene.AddNewNodeByClass(_TABLE, name)
    fill_table(node, follow_up_table(changes))
    return node


def fill_table(node: Any, rows: Rows) -> None:
    """Fill a table node with text columns: the tables' own file format keeps only six digits of numbers."""
    table = vtkTable()
    for column in rows.columns:
        array = vtkStringArray()
        array.SetName(column)
        for row in rows:
            array.InsertNextValue(cell_text(row[column]))
        table.AddColumn(array)
    node.SetAndObserveTable(table)
    node.SetUseColumnTitleAsColumnHeader(True)
    for column, description in rows.descriptions.items():
        node.SetColumnDescription(column, description)
