"""The notebook of the documents runs as it stands, cell by cell, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[3] / "Docs" / "examples" / "measure_a_phantom.ipynb"

RUN_AS_JUPYTER = """
import ast, json, sys
names = {"__name__": "__main__"}
for cell in json.loads(open(sys.argv[1], encoding="utf-8").read())["cells"]:
    if cell["cell_type"] != "code":
        continue
    tree = ast.parse("".join(cell["source"]))
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, cell["id"], "exec"), names)
    shown = eval(compile(ast.Expression(last.value), cell["id"], "eval"), names) if last else None
    if shown is not None:
        print("SHOWN", cell["id"], len(shown._repr_html_() if hasattr(shown, "_repr_html_") else repr(shown)))
"""


def cells(kind: str) -> list[dict[str, object]]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_the_notebook_is_kept_without_outputs_and_explains_its_steps():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells("code"))
    ids = [cell["id"] for cell in (*cells("code"), *cells("markdown"))]
    assert len(set(ids)) == len(ids) and len(cells("markdown")) >= 6


def test_the_notebook_runs_from_top_to_bottom(tmp_path):
    pytest.importorskip("pandas", reason="the package pandas is not installed")
    done = subprocess.run(
        [sys.executable, "-c", RUN_AS_JUPYTER, str(NOTEBOOK)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("SHOWN")]
    assert len(shown) >= 6  # studies, tables and values, as Jupyter shows them
    assert "says nothing of the patient's left" in done.stdout and "true" in done.stdout
