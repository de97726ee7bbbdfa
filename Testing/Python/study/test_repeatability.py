"""Repeatability against hand-made numbers and against other programs' formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from IFIMeasureLib.study.repeatability import given_repeats, repeatability
from IFIMeasureLib.values import IFIMeasureError


def test_two_measurements_that_differ_by_a_known_amount_give_it_back():
    found = repeatability("qf_volume", [[20.0, 21.0], [30.0, 29.0], [25.0, 26.0], [40.0, 39.0]])
    assert found.wsd == pytest.approx(math.sqrt(0.5))  # the standard deviation of two numbers one apart
    assert found.rc == pytest.approx(1.96 * math.sqrt(2) * math.sqrt(0.5))
    assert (found.bias, found.subjects, found.measurements, found.unit) == (0.0, 4, 8, "mL")
    assert found.agreement_high == pytest.approx(1.96 * math.sqrt(4 / 3))
    logs = [math.log(b / a) ** 2 / 2 for a, b in ((20, 21), (30, 29), (25, 26), (40, 39))]
    assert found.wcv_percent == pytest.approx(100 * math.sqrt(math.expm1(np.mean(logs))))


def test_many_simulated_persons_give_back_the_error_they_were_made_with():
    rng = np.random.default_rng(0)
    values = [list(true * np.exp(rng.normal(scale=0.03, size=3))) for true in rng.uniform(15, 40, 400)]
    found = repeatability("qf_volume", values)
    assert found.wcv_percent == pytest.approx(3.0, rel=0.05)
    assert found.icc is not None and found.icc > 0.97


def test_the_intraclass_correlation_is_that_of_shrout_and_fleiss():
    # Shrout PE, Fleiss JL, Psychol Bull 1979;86:420: four judges, six targets, ICC(2,1) = 0.29
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    pytest.importorskip("pingouin", reason="the package pingouin is not installed")
    assert repeatability("x", ratings).icc == pytest.approx(0.29, abs=0.005)


def test_unequal_numbers_of_repeats_and_too_few_persons_say_so():
    found = repeatability("x", [[1.0, 1.1], [2.0, 2.1, 2.2], [3.0]])
    assert found.icc is None and "not measured equally often" in found.notes and found.subjects == 2
    with pytest.raises(IFIMeasureError, match="at least two are needed"):
        repeatability("x", [[1.0, 2.0], [3.0]])
    assert repeatability("x", [[-1.0, 1.1], [2.0, 2.1]]).wcv_percent is None


def test_a_table_is_read_by_side_and_a_bad_value_names_its_line(tmp_path):
    path = tmp_path / "repeats.csv"
    path.write_text(
        "subject,measurement,side,value\n"
        "a,qf_volume,left,1\na,qf_volume,right,2\na,qf_volume,left,\na,qf_volume,left,3\n"
    )
    assert given_repeats(path) == {"qf_volume": [[1.0, 3.0], [2.0]]}
    path.write_text("subject,measurement,value\na,x,1\na,x,one\n")
    with pytest.raises(IFIMeasureError, match="line 3: the value is 'one'"):
        given_repeats(path)
    with pytest.raises(IFIMeasureError, match=r"none\.csv: there is no such file"):
        given_repeats(tmp_path / "none.csv")


def test_a_table_in_memory_is_read_as_its_file_is_and_names_its_row():
    pandas = pytest.importorskip("pandas", reason="the package pandas is not installed")
    rows = [
        {"subject": 1, "measurement": "qf_volume", "side": "left", "value": 1.0},
        {"subject": 1, "measurement": "qf_volume", "side": "left", "value": None},
        {"subject": 1, "measurement": "qf_volume", "side": "left", "value": 3},
        {"subject": 2, "measurement": "qf_volume", "side": None, "value": 2.0},
    ]
    for table in (rows, iter(rows), pandas.DataFrame(rows), pandas.DataFrame(rows).convert_dtypes()):
        assert given_repeats(table) == {"qf_volume": [[1.0, 3.0], [2.0]]}
    with pytest.raises(IFIMeasureError, match="table: row 1: the value is 'one'"):
        given_repeats([rows[0], {**rows[0], "value": "one"}])
    with pytest.raises(IFIMeasureError, match="no column measurement and no column value"):
        given_repeats([{"subject": 1}])
    for table in (3, [1, 2], None):
        with pytest.raises(IFIMeasureError, match="give the path of a CSV file, a DataFrame, or rows"):
            given_repeats(table)
