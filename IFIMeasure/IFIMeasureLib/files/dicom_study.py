"""The study that a DICOM Segmentation of ours carries: its document in private elements, which other programs skip.

DICOM says how private elements are reserved in PS3.5, 7.8.1. What the header has of the patient is not said again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..images.grid import Grid
from ..values import IFIMeasureError
from .results import SavedStudy, from_document

PRIVATE_GROUP = 0x0099

PRIVATE_CREATOR = "IFIMEASURE STUDY"
"""Reserves a block of the group; the document is its first element, JSON in UTF-8."""

_DOCUMENT = 0x01


def add_study(dataset: Any, document: Mapping[str, Any]) -> None:
    """Put a study's document into a data set (pydicom)."""
    content = json.dumps(document, ensure_ascii=False).encode()
    block = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(_DOCUMENT, "OB", content + b" " * (len(content) % 2))  # lengths are even in DICOM


def study_of(dataset: Any, where: object) -> SavedStudy | None:
    """Return the study that a data set carries; None where it carries none.

    :param where: the file, for messages.
    :raises IFIMeasureError: where it is damaged, or was made by a newer version; one sentence.
    """
    try:
        content = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)[_DOCUMENT].value
    except KeyError:
        return None
    try:
        document = json.loads(bytes(content).decode())
    except (ValueError, TypeError, RecursionError):
        document = None
    return from_document(document, where)


def grid_of(dataset: Any) -> Grid | None:
    """Return the grid that the study of a data set was measured on, RAS; None where it cannot be told."""
    try:
        study = study_of(dataset, "")
    except IFIMeasureError:
        return None
    return None if study is None else study.grid
