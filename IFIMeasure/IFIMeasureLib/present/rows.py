"""Rows of a table with typed cells, and the same as pandas has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..values import IFIMeasureError
from .page import escaped


class Rows(list[dict[str, Any]]):
    """Rows of a table: dictionaries by column; a cell is a float, an int, a text, or None where there is nothing.

    :param columns: names of the columns, in their order, and what each holds.
    :param numbers: those that hold numbers, with their type.
    """

    def __init__(
        self,
        columns: Mapping[str, str],
        rows: Iterable[Mapping[str, Any]],
        numbers: Mapping[str, type] | None = None,
    ) -> None:
        super().__init__({name: row[name] for name in columns} for row in rows)
        self.descriptions = dict(columns)
        self.numbers = dict(numbers or {})

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in their order."""
        return list(self.descriptions)

    def __getitem__(self, key: Any) -> Any:
        """Return a row by its number, or a column by its name, as a list.

        :raises IFIMeasureError: where there is no such column; names those that exist.
        """
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key not in self.descriptions:
            raise IFIMeasureError(f"there is no column {key!r}; there are {', '.join(self.descriptions)}.")
        return [row[key] for row in self]

    def table(self) -> Any:
        """Return the rows as a pandas DataFrame: a column of numbers is one whatever is missing, which is NaN.

        :raises IFIMeasureError: where pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise IFIMeasureError(
                "A table needs the package pandas, which is not installed; install it, or take rows()."
            ) from None
        found = {name: self[name] for name in self.descriptions}
        return pandas.DataFrame({name: pandas.Series(cells, dtype=self._dtype(name)) for name, cells in found.items()})

    def _dtype(self, column: str) -> str:
        """Type of a column in pandas: numbers that are whole stay whole, also beside missing ones."""
        return {float: "float64", int: "Int64"}.get(self.numbers.get(column, str), "object")

    def _repr_html_(self) -> str:
        """Shown in a notebook."""
        head = "".join(f'<th title="{escaped(text)}">{escaped(name)}</th>' for name, text in self.descriptions.items())
        body = "".join(
            f"<tr>{''.join(f'<td>{_cell(row[name])}</td>' for name in self.descriptions)}</tr>" for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else escaped(value)
