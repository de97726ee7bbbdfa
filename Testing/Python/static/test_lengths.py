"""Files, functions and lines are no longer than one can read.

Lines are held in Python, ``pyproject.toml``, the Makefile and ``.ci/run``; not in prose (Markdown), in data (CSV, JSON,
the panel's ``.ui``), and where a format wants a description on one line (``CMakeLists.txt``, ``.s4ext``).
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

LINE = 120
"""Most characters of a line."""

FUNCTION = 60
"""Most lines of a function of the extension."""

FILES = {"IFIMeasure": 500, "Testing": 800, "Docs": 800}
"""Most lines of a Python file, by the folder it lies in."""


def python_files(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("folder", FILES)
def test_no_file_is_too_long(folder: str):
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(folder)}
    assert lines, "there are files to look at"
    assert {file: n for file, n in lines.items() if n > FILES[folder]} == {}


def test_no_function_of_the_extension_is_too_long():
    lengths = {}
    for path in python_files("IFIMeasure"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lengths[f"{name(path)} {node.name}"] = (node.end_lineno or node.lineno) - node.lineno + 1
    assert len(lengths) > 500, "there are functions to look at"
    assert {function: n for function, n in lengths.items() if n > FUNCTION} == {}


def test_no_line_is_too_long():
    held = [ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / ".ci" / "run"]
    held += [path for folder in FILES for path in python_files(folder)]
    too_long = [
        f"{name(path)}:{number}"
        for path in held
        if path.exists()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LINE
    ]
    assert too_long == []
