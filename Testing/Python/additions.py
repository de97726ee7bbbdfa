"""A landmark and measurements that nobody has defined yet, for tests of what becomes of them.

They are as the developer guide has it: one entry each, and a function. The fixture ``additions`` registers them. Their
names are such that nobody will give them to a measurement that is meant.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from IFIMeasureLib.anatomy.landmarks import Landmark, empty_landmarks
from IFIMeasureLib.files.markups import markups_document
from IFIMeasureLib.measuring.definition import HipData, Kind, MeasurementDefinition
from IFIMeasureLib.measuring.units import DISTANCE, RATIO
from IFIMeasureLib.values import Measured, Result, Side, point3

LANDMARK = {
    "id": "invented_point",
    "title": "Invented point",
    "how": "Where nothing is.",
}

PLACE_RAS_MM = (45.0, 10.0, -25.0)


def _invented_ratio(data: HipData) -> Result:
    return Measured(data.value("ifs_axial") / data.value("femoral_head_diameter"), "1", method="quotient of both")


def _invented_distance(data: HipData) -> Result:
    a, b = data.at("invented_point"), data.at("lesser_trochanter_tip")
    return Measured(
        float(np.linalg.norm(a - b)), "mm", (point3(a), point3(b)), plane="3D", method="between both points"
    )


ENTRIES = (
    MeasurementDefinition(
        id="invented_ratio",
        title="Invented ratio",
        kind=Kind.SPACE,
        unit="1",
        decimals=2,
        quantity=RATIO,
        definition="The axial ischiofemoral space over the diameter of the head.",
        citation="defined here",
        depends=("ifs_axial", "femoral_head_diameter"),
        compute=_invented_ratio,
    ),
    MeasurementDefinition(
        id="invented_distance",
        title="Invented distance",
        kind=Kind.LENGTH,
        unit="mm",
        decimals=1,
        quantity=DISTANCE,
        definition="From an invented point to the tip of the lesser trochanter.",
        citation="defined here",
        needs=("invented_point", "lesser_trochanter_tip"),
        compute=_invented_distance,
    ),
    MeasurementDefinition(
        id="invented_unit",
        title="Invented unit",
        kind=Kind.SPACE,
        unit="mm/deg",
        decimals=3,
        quantity=RATIO,
        definition="Has a unit that nothing else has.",
        citation="defined here",
        depends=("ifs_axial", "neck_shaft_angle"),
        compute=lambda data: Measured(data.value("ifs_axial") / data.value("neck_shaft_angle"), "mm/deg"),
    ),
)


def placed_by_hand(folder: Path) -> Path:
    """A file in which a person has placed the new landmark of the right side, and no other point."""
    landmarks = {**empty_landmarks(), LANDMARK["id"]: Landmark.manual(PLACE_RAS_MM)}
    path = folder / "by_hand.mrk.json"
    path.write_text(json.dumps(markups_document({Side.RIGHT: landmarks}, "by hand")), encoding="utf-8")
    return path
