"""Changes over time against hand-made numbers, and everything that must not be compared."""

from __future__ import annotations

import datetime
import math
from dataclasses import replace

import pytest
from IFIMeasureLib.study.follow_up import Examination, follow_up
from IFIMeasureLib.values import IFIMeasureError


def examination(date: str, volume: float, **more) -> Examination:
    values = {("qf_volume", "left"): volume, ("ifs_axial", "left"): 14.0, ("femoral_head_diameter", "left"): 46.0}
    made = Examination(
        name=date,
        date=datetime.date.fromisoformat(date),
        sex="F",
        age_years=50.0,
        plane="axial",
        spacing_mm=(0.7, 0.7, 4.0),
        series="t1",
        contrast="t1",
        values=values,
        reasons={},
    )
    return replace(made, **more)


def row_of(rows, measurement="qf_volume", side="left"):
    return next(row for row in rows if row["measurement"] == measurement and row["side"] == side)


def test_a_change_is_given_absolute_percent_symmetric_and_annualized():
    changes = follow_up([examination("2022-01-01", 20.0), examination("2024-01-01", 16.2, age_years=52.0)])
    rows, warnings = changes.rows, changes.warnings
    row = row_of(rows)
    assert float(row["change"]) == pytest.approx(-3.8)
    assert float(row["change_percent"]) == pytest.approx(-19.0)
    assert float(row["change_symmetric_percent"]) == pytest.approx(200 * -3.8 / 36.2)
    assert float(row["change_annualized_percent"]) == pytest.approx(100 * ((16.2 / 20) ** (365.25 / 730) - 1))
    assert row["verdict"] == "beyond measurement error" and warnings == []
    assert "not measured on 2022-01-01" in row_of(rows, side="right")["notes"]


def test_the_limit_is_1_96_root_2_of_the_wcv_that_a_lab_gives():
    pair = [examination("2023-01-01", 20.0), examination("2024-01-01", 18.2, age_years=51.0)]
    row = row_of(follow_up(pair).rows)
    assert float(row["repeatability_percent"]) == pytest.approx(1.96 * math.sqrt(2) * 3.6)
    assert row["verdict"] == "within measurement error"  # 9.4 % against 9.98 %
    assert row_of(follow_up(pair, wcv_percent=2.0).rows)["verdict"] == "beyond measurement error"


def test_the_order_of_the_folders_does_not_matter_and_three_examinations_stand_against_the_first():
    three = [
        examination("2024-06-01", 17.0, age_years=52.0),
        examination("2022-06-01", 20.0),
        examination("2023-06-01", 19.0, age_years=51.0),
    ]
    rows = follow_up(three).rows
    found = [row for row in rows if row["measurement"] == "qf_volume" and row["side"] == "left"]
    assert [(r["first_date"], r["date"], float(r["change"])) for r in found] == [
        ("2022-06-01", "2023-06-01", -1.0),
        ("2022-06-01", "2024-06-01", -3.0),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sex": "M"}, "different persons: sex F and M"),
        ({"age_years": 60.0}, "do not fit the 1.0 years"),
        ({"values": {("femoral_head_diameter", "left"): 51.0}}, "46.0 and 51.0 mm"),
        ({"date": datetime.date(2023, 1, 1)}, "have the same date"),
    ],
)
def test_another_person_or_an_equal_date_is_refused(change, message):
    with pytest.raises(IFIMeasureError, match=message):
        follow_up([examination("2023-01-01", 20.0), replace(examination("2024-01-01", 18.0, age_years=51.0), **change)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plane": "coronal"}, "planes differ"),
        ({"spacing_mm": (0.7, 0.7, 6.0)}, "slice spacing differs"),
        ({"spacing_mm": (0.4, 0.4, 4.0)}, "pixels differ"),
        ({"contrast": "t2fs"}, "contrasts differ"),
    ],
)
def test_unequal_protocols_warn(change, message):
    warnings = follow_up(
        [examination("2023-01-01", 20.0), examination("2024-01-01", 18.0, age_years=51.0, **change)]
    ).warnings
    assert any(message in warning for warning in warnings)


def test_one_examination_and_a_senseless_wcv_are_refused():
    with pytest.raises(IFIMeasureError, match="at least two"):
        follow_up([examination("2023-01-01", 20.0)])
    with pytest.raises(IFIMeasureError, match="wcv_percent is -1"):
        follow_up([examination("2023-01-01", 20.0), examination("2024-01-01", 18.0, age_years=51.0)], -1.0)
