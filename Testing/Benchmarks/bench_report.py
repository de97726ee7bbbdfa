"""Figures as they are printed, each with its limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from typing import Any

import numpy as np

MISSED: list[str] = []
"""Names of the figures that missed their limits."""


@dataclass(frozen=True)
class Options:
    """How much is measured: the number of random cases, and the processes they are measured in."""

    cases: int = 50
    processes: int = 2

    def of_each(self, function: Callable[[Any], Any], jobs: Iterable[Any]) -> Sequence[Any]:
        """Return a function's value for each job, in their order."""
        with Pool(self.processes) as pool:
            return pool.map(function, jobs, chunksize=1)


def line(name: str, value: float, unit: str, limit: float | None = None, at_least: bool = False) -> None:
    """Print one figure with its limit; remember it where the limit is missed."""
    text = f"  {name:<58} {value:9.3f} {unit:<5}"
    if limit is not None:
        good = value >= limit if at_least else value <= limit
        text += f" {'at least' if at_least else 'at most'} {limit:g}  {'ok' if good else 'MISSED'}"
        if not good:
            MISSED.append(name)
    print(text, flush=True)


def timed(function: Callable[[], object], repeats: int) -> float:
    """Return the shortest of several times that a function takes, seconds."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return float(best)
