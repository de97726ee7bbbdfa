"""No handler swallows a sentence for a person: IFIMeasureError is a ValueError, so broad handlers come after it."""

from __future__ import annotations

import ast
import collections
from pathlib import Path

LIBRARY = Path(__file__).parents[3] / "IFIMeasure" / "IFIMeasureLib"
BROAD = {"ValueError", "Exception", "BaseException"}
OURS = {"IFIMeasureError", "DefinitionError", "AnotherPersonError"}
CONTAINERS = {name for kind in (list, dict, set, str, bytes, Path) for name in dir(kind)}
"""Methods of Python's own: a function of ours that is called like one of them is not meant."""


def caught(kind: ast.expr | None) -> set[str]:
    if kind is None:
        return {"BaseException"}
    if isinstance(kind, ast.Tuple):
        return set().union(*(caught(one) for one in kind.elts))
    return {kind.id if isinstance(kind, ast.Name) else kind.attr if isinstance(kind, ast.Attribute) else ""}


def called(nodes: list[ast.stmt] | list[ast.FunctionDef]) -> set[str]:
    found = set()
    for node in (below for top in nodes for below in ast.walk(top)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                found.add(node.func.id)
            elif isinstance(node.func, ast.Attribute) and node.func.attr not in CONTAINERS:
                found.add(node.func.attr)
    return found


def telling(trees: list[ast.Module]) -> set[str]:
    """Names of functions and classes that may raise a sentence, directly or by what they call."""
    functions = collections.defaultdict(list)
    for node in (below for tree in trees for below in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef):
            functions[node.name].append(node)
        elif isinstance(node, ast.ClassDef):
            functions[node.name] += [m for m in node.body if isinstance(m, ast.FunctionDef) and "init__" in m.name]
    found = {name for name, of in functions.items() if called(of) & OURS}
    while True:
        more = {name for name, of in functions.items() if name not in found and called(of) & found}
        if not more:
            return found
        found |= more


def swallowing(tree: ast.Module, tells: set[str]) -> list[int]:
    """Lines of broad handlers around what may raise a sentence, without a handler for it before."""
    lines = []
    for node in ast.walk(tree):
        before: set[str] = set()
        for handler in node.handlers if isinstance(node, ast.Try) else ():
            kinds = caught(handler.type)
            if kinds & BROAD and not (before | kinds) & OURS and called(node.body) & tells:
                lines.append(handler.lineno)
            before |= kinds
        if isinstance(node, ast.With):
            for item in node.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and called([ast.Expr(call)]) & {"suppress"}:
                    kinds = set().union(*(caught(of) for of in call.args))
                    if kinds & BROAD and called(node.body) & tells:
                        lines.append(node.lineno)
    return lines


def test_no_broad_handler_swallows_a_sentence():
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in LIBRARY.rglob("*.py")}
    tells = telling(list(trees.values()))
    assert {"read_study", "parse_date", "from_document"} <= tells
    wrong = {path.relative_to(LIBRARY).as_posix(): swallowing(tree, tells) for path, tree in trees.items()}
    assert not {path: lines for path, lines in wrong.items() if lines}


def test_a_handler_that_swallows_a_sentence_is_found():
    code = "try:\n    read_study(path)\nexcept (OSError, ValueError):\n    pass\n"
    assert swallowing(ast.parse(code), {"read_study"}) == [3]
    mended = "try:\n    read_study(path)\nexcept IFIMeasureError:\n    raise\nexcept ValueError:\n    pass\n"
    assert swallowing(ast.parse(mended), {"read_study"}) == []
    assert swallowing(ast.parse("with suppress(ValueError):\n    read_study(path)\n"), {"read_study"}) == [1]
