"""Changes between the studies of a scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from ..present.text import change_texts, percent_text
from ..study.follow_up import Change, Comparison, Verdict
from .cells import fit_columns, write_cell


class FollowUpSection:
    """The comparison of a scene's studies.

    :param on_compare: called with the within-subject coefficient of variation (percent), and whether muscles found in
        the images are to be found again in all studies together.
    """

    def __init__(self, ui: Any, *, on_compare: Callable[[float, bool], None]) -> None:
        self._ui = ui
        self.table = FollowUpTable(ui.followUpTable)
        ui.followUpButton.connect("clicked()", lambda: on_compare(self.wcv_percent, ui.togetherCheckBox.checked))

    @property
    def wcv_percent(self) -> float:
        """Within-subject coefficient of variation that changes are judged by."""
        return float(self._ui.wcvSpinBox.value)

    def show(self, changes: Comparison) -> None:
        """Show changes, and what to bear in mind about them."""
        self.table.show(changes.rows)
        self._ui.followUpLabel.text = "\n".join(changes.warnings)


class FollowUpTable:
    """Changes of the studies of a scene against the first one."""

    def __init__(self, table: Any) -> None:
        self._table = table
        fit_columns(table)

    def show(self, rows: list[Change]) -> None:
        """Show changes; rows without one are left out."""
        changed = [row for row in rows if row.absolute is not None]
        self._table.setRowCount(len(changed))
        for number, row in enumerate(changed):
            side = _("both") if row.side is None else row.side.value
            cells = (f"{row.definition.title}, {side}", row.date.isoformat(), _told(row))
            for column, text in enumerate(cells):
                write_cell(self._table, number, column, text, _tooltip(row))
        self._table.resizeRowsToContents()


def _told(row: Change) -> str:
    _first, _now, change = change_texts(row)
    symmetric = percent_text(row.symmetric_percent)
    verdict = {Verdict.BEYOND: _("▲ beyond error"), Verdict.WITHIN: _("within error"), None: ""}[row.verdict]
    told = f"{change} ({symmetric})" if symmetric else change
    return f"{told}\n{verdict}" if verdict else told


def _tooltip(row: Change) -> str:
    first, now, _change = change_texts(row)
    dates = f"{row.first_date.isoformat()}: {first}; {row.date.isoformat()}: {now}"
    judged = row.verdict.value if row.verdict is not None else ""
    return "\n".join(text for text in (dates, judged, "; ".join(row.notes)) if text)
