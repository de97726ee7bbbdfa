"""Where the tables, definitions and pictures that ship with the module lie."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from .values import IFIMeasureError


def resource_path(name: str) -> Path:
    """Return the path of a file below ``Resources``, such as ``Definitions/landmarks.json``.

    In 3D Slicer and in a checkout ``Resources`` lies beside the package, in a wheel within it.

    :raises FileNotFoundError: where the installation lacks the file.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "Resources", package.parent / "Resources"):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"The installation of IFIMeasure lacks Resources/{name}; install it again.")


@functools.cache
def read_json(name: str) -> Any:
    """Return the content of a JSON file below ``Resources``. Do not change what is returned.

    :raises IFIMeasureError: where it is no JSON.
    """
    try:
        return json.loads(resource_path(name).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise IFIMeasureError(f"Resources/{name}: {error.msg} in line {error.lineno}, column {error.colno}.") from None
