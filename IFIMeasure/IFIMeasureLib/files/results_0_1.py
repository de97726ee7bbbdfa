"""Documents of version 0.1.0 (format 1), in which every value was text, under the keys and types of format 2.

Here, and nowhere else, a landmark's origin is told from words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_version_2(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document of format 1 as one of format 2; what 0.1.0 did not keep is empty.

    :raises KeyError, TypeError, ValueError, AttributeError: where it is damaged.
    """
    options = dict(document["options"])
    options["findings"] = options.pop("finding", [])
    grid = document["segmentation"]
    return {
        **{key: document[key] for key in ("created", "versions", "inputs", "notes", "absent_sides", "subject")},
        "series": document["series"] or None,
        "options": options,
        "contrast": options.get("contrast") or "",
        "muscle_origins": document.get("muscle", {}),
        "structures": grid.get("structures", {}),
        "date": document.get("date", ""),
        "findings": document.get("findings", {}),
        "segmentation": grid,
        "measurements": [_measurement(row) for row in document["measurements"]],
        "profile": [_profile(row) for row in document["profile"]],
        "outputs": document.get("outputs"),
        "muscle_sections": [],
        "fat_histogram": [],
        "landmarks": [_landmark(row) for row in document["landmarks"]],
    }


def _measurement(row: Mapping[str, str]) -> dict[str, Any]:
    points = (row["point_a_lps_mm"], row["point_b_lps_mm"])
    poses = {key.removesuffix("_deg"): text for key, text in row.items() if key.endswith("_deg") and text}
    return {
        **{key: row[key] for key in ("measurement", "title", "side", "unit", "reason", "method", "plane", "source")},
        "value": _number(row["value"]),
        "missing": [],
        "slice": _number(row["slice"]),
        "slice_s_mm": _number(row["slice_s_mm"]),
        "points_lps_mm": [_point(text) for text in points if text],
        "reference": _sentences(row["reference"]),
        "notes": _sentences(row["notes"]),
        "pose": {key: float(text) for key, text in poses.items()},
        "pose_frame": row["pose_frame"],
    }


def _profile(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        **{key: row[key] for key in ("side", "space", "reason")},
        "slice": _number(row["slice"]),
        "slice_s_mm": _number(row["slice_s_mm"]),
        "distance_mm": _number(row["distance_mm"]),
        "points_lps_mm": [_point(text) for text in (row["point_a_lps_mm"], row["point_b_lps_mm"]) if text],
    }


def _landmark(row: Mapping[str, str]) -> dict[str, Any]:
    by_person = row["state"] == "manual" or (row["state"] == "missing" and "by a person" in row["reason"])
    status = {"automatic": "defined", "manual": "defined", "missing": "missing", "not placed": "undefined"}[
        row["state"]
    ]
    return {
        "landmark": row["landmark"],
        "side": row["side"],
        "status": status,
        "placed_by": None if status == "undefined" else "person" if by_person else "program",
        "reason": row["reason"],
        "position_lps_mm": _point(row["position_lps_mm"]) if row["position_lps_mm"] else None,
    }


def _number(text: str) -> float | None:
    return float(text) if text else None


def _point(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def _sentences(text: str) -> list[str]:
    return text.split("; ") if text else []
