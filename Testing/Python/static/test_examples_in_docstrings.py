"""Examples in docstrings hold."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parents[3] / "IFIMeasure"


def modules_with_examples() -> list[str]:
    found = [p for p in (PACKAGES / "IFIMeasureLib").rglob("*.py") if ">>> " in p.read_text(encoding="utf-8")]
    return sorted(".".join(p.relative_to(PACKAGES).with_suffix("").parts) for p in found)


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_give_what_they_show(name: str):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0, "the examples stand outside of docstrings"
    assert failed == 0
