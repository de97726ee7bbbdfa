"""Tables of results as nodes."""

from __future__ import annotations

from typing import Any

from vtkmodules.vtkCommonCore import vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkTable

from ..present.tables import (
    MEASUREMENT_COLUMNS,
    PROFILE_COLUMNS,
    SUMMARY_COLUMNS,
    measurement_rows,
    profile_rows,
    summary_rows,
)
from ..study.follow_up import FOLLOW_UP_COLUMNS
from ..study.result import StudyResult
from .record import StudyRecord

_TABLE = "vtkMRMLTableNode"


def show_tables(study: StudyRecord, result: StudyResult) -> None:
    """Keep a study's summary, measurements and profile as tables."""
    for role, columns, rows in (
        ("summary", SUMMARY_COLUMNS, summary_rows(result)),
        ("measurements", MEASUREMENT_COLUMNS, measurement_rows(result)),
        ("profile", PROFILE_COLUMNS, profile_rows(result)),
    ):
        fill_table(study.made(f"table_{role}", _TABLE, f"{study.name} {role}"), columns, rows)


def write_follow_up(scene: Any, rows: list[dict[str, str]]) -> Any:
    """Keep the changes between the studies of a scene in its one table of them; returns the node."""
    name = "IFIMeasure follow-up"
    node = scene.GetFirstNode(name, _TABLE) or scene.AddNewNodeByClass(_TABLE, name)
    fill_table(node, FOLLOW_UP_COLUMNS, rows)
    return node


def fill_table(node: Any, columns: dict[str, str], rows: list[dict[str, str]]) -> None:
    """Fill a table node with text columns: the tables' own file format keeps only six digits of numbers.

    :param columns: what each column holds, by its name.
    """
    table = vtkTable()
    for column in columns:
        array = vtkStringArray()
        array.SetName(column)
        for row in rows:
            array.InsertNextValue(row[column])
        table.AddColumn(array)
    node.SetAndObserveTable(table)
    for column, description in columns.items():
        node.SetColumnDescription(column, description)
