"""Changes over time against hand-made numbers, and everything that must not be compared."""

from __future__ import annotations

import datetime
import json
import math
from dataclasses import replace

import pytest
from IFIMeasureLib.files.results import from_document
from IFIMeasureLib.study.document import saved_study, study_document
from IFIMeasureLib.study.follow_up import Change, Examination, Verdict, follow_up
from IFIMeasureLib.study.repeatability import RepeatabilityRow
from IFIMeasureLib.values import IFIMeasureError, Side


def examination(date: str, volume: float, **more) -> Examination:
    values = {
        ("qf_volume", Side.LEFT): volume,
        ("ifs_axial", Side.LEFT): 14.0,
        ("femoral_head_diameter", Side.LEFT): 46.0,
    }
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


def change_of(rows: list[Change], measurement: str = "qf_volume", side: Side = Side.LEFT) -> Change:
    return next(row for row in rows if row.definition.id == measurement and row.side is side)


def test_a_change_is_given_absolute_percent_symmetric_and_annualized():
    changes = follow_up([examination("2022-01-01", 20.0), examination("2024-01-01", 16.2, age_years=52.0)])
    change = change_of(changes.rows)
    assert (change.first_date, change.date) == (datetime.date(2022, 1, 1), datetime.date(2024, 1, 1))
    assert (change.first_value, change.value) == (20.0, 16.2)
    assert change.absolute == pytest.approx(-3.8)
    assert change.percent == pytest.approx(-19.0)
    assert change.symmetric_percent == pytest.approx(200 * -3.8 / 36.2)
    assert change.annualized_percent == pytest.approx(100 * ((16.2 / 20) ** (365.25 / 730) - 1))
    assert change.verdict is Verdict.BEYOND and changes.warnings == []
    absent = change_of(changes.rows, side=Side.RIGHT)
    assert absent.absolute is None and absent.verdict is None
    assert absent.notes == ("not measured on 2022-01-01: not in the results.",)


def test_the_limit_is_1_96_root_2_of_the_wcv_that_a_lab_gives():
    pair = [examination("2023-01-01", 20.0), examination("2024-01-01", 18.2, age_years=51.0)]
    change = change_of(follow_up(pair).rows)
    assert change.repeatability_percent == pytest.approx(1.96 * math.sqrt(2) * 3.6)
    assert change.verdict is Verdict.WITHIN  # 9.4 % against 9.98 %
    assert change_of(follow_up(pair, wcv_percent=2.0).rows).verdict is Verdict.BEYOND


def test_a_space_is_judged_only_against_ones_own_repeatability_in_its_unit():
    first = examination("2023-01-01", 20.0)
    later = examination("2024-01-01", 20.0, age_years=51.0)
    later = replace(later, values={**later.values, ("ifs_axial", Side.LEFT): 11.0})
    change = change_of(follow_up([first, later]).rows, "ifs_axial")
    assert change.verdict is None and change.repeatability_percent is None
    assert "34 % of hips" in change.notes[0]
    own = RepeatabilityRow(
        measurement="ifs_axial",
        unit="mm",
        subjects=10,
        measurements=20,
        mean=15.0,
        wsd=1.0,
        wcv_percent=None,
        bias=0.0,
        agreement_low=-3.0,
        agreement_high=3.0,
    )
    judged = change_of(follow_up([first, later], own={"ifs_axial": own}).rows, "ifs_axial")
    assert judged.repeatability == pytest.approx(1.96 * math.sqrt(2)) and judged.verdict is Verdict.BEYOND


def test_the_order_of_the_folders_does_not_matter_and_three_examinations_stand_against_the_first():
    three = [
        examination("2024-06-01", 17.0, age_years=52.0),
        examination("2022-06-01", 20.0),
        examination("2023-06-01", 19.0, age_years=51.0),
    ]
    found = [row for row in follow_up(three).rows if row.definition.id == "qf_volume" and row.side is Side.LEFT]
    assert [(str(row.first_date), str(row.date), row.absolute) for row in found] == [
        ("2022-06-01", "2023-06-01", -1.0),
        ("2022-06-01", "2024-06-01", -3.0),
    ]


def test_an_examination_of_a_study_is_that_of_its_document(study):
    dated = replace(study, date="2024-03-01")
    of_study = Examination.of_study(dated, "a")
    of_document = Examination.of_saved(from_document(json.loads(json.dumps(study_document(dated))), "a"), "a")
    assert of_study == of_document
    assert of_study.values["ifs_axial", Side.LEFT] == study.hips[Side.LEFT].results["ifs_axial"].value
    assert of_study.reasons["lt_version", Side.LEFT].startswith("Posterior condyle, medial is missing")
    assert Examination.of_saved(saved_study(study), "a", "20250102").date == datetime.date(2025, 1, 2)
    with pytest.raises(IFIMeasureError, match="the date of the examination is not known"):
        Examination.of_study(study, "a")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sex": "M"}, "different persons: sex F and M"),
        ({"age_years": 60.0}, "do not fit the 1.0 years"),
        ({"values": {("femoral_head_diameter", Side.LEFT): 51.0}}, "46.0 and 51.0 mm"),
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
