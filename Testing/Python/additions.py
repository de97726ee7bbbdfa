"""A landmark and measurements that nobody has defined yet, for tests of what becomes of them.

They are as the developer guide has it: one entry each, and a function. The fixture ``additions`` registers them.
"""

from __future__ import annotations

import numpy as np
from IFIMeasureLib.measuring.definition import HipData, Kind, MeasurementDefinition
from IFIMeasureLib.measuring.units import DISTANCE, RATIO
from IFIMeasureLib.values import Measured, Result, point3

LANDMARK = {
    "id": "teardrop_lowest",
    "title": "Teardrop, lowest",
    "how": "Lowest point of the acetabular teardrop.",
}

PLACE_RAS_MM = (45.0, 10.0, -25.0)


def _space_over_head(data: HipData) -> Result:
    return Measured(data.value("ifs_axial") / data.value("femoral_head_diameter"), "1", method="quotient of both")


def _teardrop_to_trochanter(data: HipData) -> Result:
    a, b = data.at("teardrop_lowest"), data.at("lesser_trochanter_tip")
    return Measured(
        float(np.linalg.norm(a - b)), "mm", (point3(a), point3(b)), plane="3D", method="between both points"
    )


ENTRIES = (
    MeasurementDefinition(
        id="space_over_head",
        title="Ischiofemoral space over head diameter",
        kind=Kind.SPACE,
        unit="1",
        decimals=2,
        quantity=RATIO,
        definition="The axial ischiofemoral space over the diameter of the femoral head.",
        citation="defined here",
        depends=("ifs_axial", "femoral_head_diameter"),
        compute=_space_over_head,
    ),
    MeasurementDefinition(
        id="teardrop_to_trochanter",
        title="Teardrop to lesser trochanter",
        kind=Kind.LENGTH,
        unit="mm",
        decimals=1,
        quantity=DISTANCE,
        definition="Distance between the lowest point of the teardrop and the tip of the lesser trochanter.",
        citation="defined here",
        needs=("teardrop_lowest", "lesser_trochanter_tip"),
        compute=_teardrop_to_trochanter,
    ),
    MeasurementDefinition(
        id="space_per_degree",
        title="Ischiofemoral space per degree of neck-shaft angle",
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
