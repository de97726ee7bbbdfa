"""Ways in which files and answers go wrong, as strategies of hypothesis, and the judgment of what comes of them."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from IFIMeasureLib.cli.border import FAULT
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.values import IFIMeasureError

SCALE = int(os.environ.get("IFIMEASURE_ROBUST", "1"))
"""How many times the runs of continuous integration are made; ``make robust`` sets it."""

SECONDS = 60
"""How long one run may take before it counts as hung."""

OUTCOMES: Counter[tuple[str, str]] = Counter()
"""Number of runs by kind and outcome."""

_Result = TypeVar("_Result")


def runs(count: int) -> settings:
    """Settings of so many runs, the same ones each time in continuous integration."""
    return settings(
        max_examples=count * SCALE, deadline=None, derandomize=SCALE == 1, database=None,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip


class Hung(BaseException):
    """A run took too long."""


@contextlib.contextmanager
def timed() -> Iterator[None]:
    """Raise :class:`Hung` after some time; where there are no alarms, at the end."""

    def stop(*_: object) -> None:
        raise Hung

    began = time.monotonic()
    if not hasattr(signal, "setitimer"):
        yield
    else:
        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < SECONDS


def read(kind: str, call: Callable[[], _Result]) -> _Result | None:
    """What a call gives, or None where it refuses in one sentence; all else fails."""
    try:
        with timed():
            found = call()
    except IFIMeasureError as error:
        assert str(error).strip() and "\n" not in str(error), str(error)
        OUTCOMES[kind, "refused"] += 1
        return None
    OUTCOMES[kind, "taken"] += 1
    return found


def command(kind: str, *arguments: object) -> int:
    """Run a command as a person does; returns its exit code. What it says where it fails is one line."""
    said, told = io.StringIO(), io.StringIO()
    with timed(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        code = main([str(of) for of in arguments])
    text = told.getvalue()
    assert code in (0, 1) and "Traceback" not in text and FAULT not in text, text
    last = [line for line in text.splitlines() if line.startswith("ifimeasure: ")]
    assert len(last) == code, text
    assert all(c.isprintable() or c == "\n" for c in text + said.getvalue()), repr(text)
    assert ".partial" not in text, text
    OUTCOMES[kind, "refused" if code else "taken"] += 1
    return code


# -- bytes

EDITS = ("flip", "cut", "zero", "insert", "remove", "repeat", "write")

Edit = tuple[str, float, int, int]


def edits(most: int = 3, kinds: tuple[str, ...] = EDITS) -> st.SearchStrategy[list[Edit]]:
    """A few changes of bytes: what, where (a part of the length), with which byte, over how many."""
    one = st.tuples(st.sampled_from(kinds), st.floats(0.0, 1.0), st.integers(0, 255), st.integers(1, 40))
    return st.lists(one, min_size=1, max_size=most)


def edited(content: bytes, changes: list[Edit], first: int = 0, last: int | None = None) -> bytes:
    """Content with its changes, between two places."""
    done = bytearray(content)
    for what, part, byte, count in changes:
        end = len(done) if last is None else min(last, len(done))
        at = first + int(part * max(end - first - 1, 0))
        if what == "flip" and at < len(done):
            done[at] ^= 1 << byte % 8
        elif what == "cut":
            del done[at:]
        elif what == "zero":
            done[at : at + count] = bytes(len(done[at : at + count]))
        elif what == "insert":
            done[at:at] = bytes([byte]) * count
        elif what == "remove":
            del done[at : at + count]
        elif what == "repeat":
            done[at:at] = done[at : at + count]
        elif what == "write" and at < len(done):
            done[at] = byte
    return bytes(done)


# -- JSON

ODD = st.one_of(
    st.sampled_from(
        [None, True, False, 0, -1, 10**400, 1e308, -0.0, float("nan"), float("inf"), "", "\x1b[2J", "\ud800", "a\nb",
         "../../etc/passwd", "left", [], {}, [[]], [None], {"": None}, "1e5", "NaN", 10**18, "x" * 5000]
    ),
    st.integers(), st.floats(), st.text(max_size=20),
    st.recursive(st.none() | st.integers(-9, 9), lambda below: st.lists(below, max_size=3), max_leaves=6),
)  # fmt: skip


def odd_places(most: int = 3) -> st.SearchStrategy[list[tuple[float, str, Any]]]:
    """A few changes of JSON content: where, what is done, and the odd value."""
    return st.lists(
        st.tuples(st.floats(0.0, 1.0), st.sampled_from(("put", "remove", "wrap", "double", "deep")), ODD),
        min_size=1, max_size=most,
    )  # fmt: skip


def odd(document: Any, changes: list[tuple[float, str, Any]]) -> Any:
    """A document with odd values in places."""
    done = copy.deepcopy(document)
    for part, what, value in changes:
        places = list(_places(done))
        if not places:
            return value
        holder, key = places[int(part * (len(places) - 1))]
        if what == "put":
            holder[key] = value
        elif what == "remove":
            del holder[key]
        elif what == "wrap":
            holder[key] = [holder[key]]
        elif what == "deep":
            for _ in range(300):
                holder[key] = [holder[key]]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
    return done


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(document, dict | list):
        for key in list(document) if isinstance(document, dict) else range(len(document)):
            yield document, key
            yield from _places(document[key])


def json_bytes(document: Any) -> bytes:
    """JSON text, also of what is no Unicode."""
    return json.dumps(document).encode("utf-8", "surrogatepass")
