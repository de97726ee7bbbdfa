"""No behavior hangs on how a measurement's id is spelled, nor on lists of ids: definitions say what they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from IFIMeasureLib.measuring.registry import MEASUREMENTS

MODULE = Path(__file__).resolve().parents[3] / "IFIMeasure"
IDS = {m.id for m in MEASUREMENTS}

TRUTH = {
    "neck_shaft_angle",
    "lt_neck_angle",
    "femoral_version",
    "lt_version",
    "femoral_offset",
    "femoral_head_diameter",
}
POSE = {"femur_flexion", "femur_abduction", "femur_rotation_proxy"}
NAMED = {
    "synthetic/phantom.py": TRUTH | POSE,  # what its equations know the truth of
    "cli/demo.py": TRUTH | {"_axial", "_3d"},  # which is compared with what was measured
    "IFIMeasure.py": TRUTH | {"_axial"},  # in the self test, too
    "study/follow_up.py": {"femoral_head_diameter"} | POSE,  # another person's, and how the leg lies
}
"""Ids, and parts of them, that a file may name: each for what that measurement itself is."""


def steering(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of what tells one measurement from another by its id, or by what it is computed with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in IDS:
            yield node.lineno, node.value
        elif isinstance(node, ast.Attribute) and node.attr in ("compute", "compute_pair"):
            yield node.lineno, f".{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts = [n.value for a in node.args for n in ast.walk(a) if isinstance(n, ast.Constant)]
            yield from ((node.lineno, part) for part in parts if is_part_of_an_id(node.func.attr, part))
        elif isinstance(node, ast.JoinedStr):
            parts = [n.value for n in node.values if isinstance(n, ast.Constant)]
            yield from ((node.lineno, part) for part in parts if is_made_into_an_id(part))


def is_part_of_an_id(method: str, part: object) -> bool:
    if not isinstance(part, str) or len(part) < 3:
        return False
    if method in ("startswith", "removeprefix"):
        return any(key.startswith(part) for key in IDS)
    return method in ("endswith", "removesuffix") and any(key.endswith(part) for key in IDS)


def is_made_into_an_id(part: str) -> bool:
    begins = part.endswith("_") and any(key.startswith(part) for key in IDS)
    return begins or (part.startswith("_") and len(part) > 1 and any(key.endswith(part) for key in IDS))


def test_no_file_tells_measurements_apart_by_their_ids():
    found = []
    for path in sorted(MODULE.rglob("*.py")):
        name = path.relative_to(MODULE).as_posix().removeprefix("IFIMeasureLib/")
        if not name.startswith("measuring/"):
            allowed = NAMED.get(name, set())
            found += [
                f"{name}:{line}: {text}" for line, text in steering(ast.parse(path.read_text())) if text not in allowed
            ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        'definition.id.startswith("femur_")',
        'key[0].startswith(("ifs_", "qfs_"))',
        'definition.id.endswith("_axial")',
        'SHOWN = ("ifs_axial", "ifs_3d")',
        'study.hips[side].results["qf_volume"]',
        'f"{space}_axial"',
        'f"qf_{what}"',
        "definition.compute is None",
    ],
)
def test_each_way_of_telling_them_apart_is_found(line):
    assert list(steering(ast.parse(line)))


@pytest.mark.parametrize("line", ['name.startswith("IFI")', 'f"landmarks_{side}.mrk.json"', 'kind = "space"'])
def test_other_texts_are_left_alone(line):
    assert not list(steering(ast.parse(line)))
