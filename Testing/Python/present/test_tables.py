"""Tables: full precision, frames in the names, every row accounted for, safe in spreadsheets."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from IFIMeasureLib.measuring.registry import MEASUREMENTS
from IFIMeasureLib.present.csv_text import csv_text
from IFIMeasureLib.present.tables import MEASUREMENT_COLUMNS, PROFILE_COLUMNS, lps_text, measurement_rows, profile_rows
from IFIMeasureLib.values import Side


def test_every_measurement_has_a_row_a_side(study):
    rows = measurement_rows(study)
    assert len(rows) == sum(2 if m.compute else 1 for m in MEASUREMENTS)
    for row in rows:
        assert set(row) == set(MEASUREMENT_COLUMNS)
        assert (row["status"] == "measured") == (row["value"] != "") == (row["reason"] == "")


def test_values_come_back_from_csv_to_the_last_digit(study):
    text = csv_text(MEASUREMENT_COLUMNS, measurement_rows(study))
    for row in csv.DictReader(io.StringIO(text)):
        if row["side"] == "left" and row["measurement"] == "ifs_axial":
            result = study.hips[Side.LEFT].results["ifs_axial"]
            assert float(row["value"]) == result.value
            lps = [float(v) for v in row["point_a_lps_mm"].split()]
            assert lps == pytest.approx(np.array(result.points_ras_mm[0]) * [-1, -1, 1])
            assert row["femur_flexion_deg"] and row["pose_frame"].startswith("pelvis")
            return
    raise AssertionError("no row of the left ifs_axial")


def test_the_profile_holds_the_minimum(study):
    rows = [r for r in profile_rows(study) if r["side"] == "right" and r["space"] == "qfs" and r["distance_mm"]]
    assert set(rows[0]) == set(PROFILE_COLUMNS)
    assert min(float(r["distance_mm"]) for r in rows) == study.hips[Side.RIGHT].results["qfs_axial"].value


def test_text_that_a_spreadsheet_would_run_is_defused_and_numbers_are_not():
    text = csv_text(["a", "b", "c"], [{"a": '=HYPERLINK("x")', "b": "-1.5 2 -3", "c": 'say "hi", ok'}])
    assert text == 'a,b,c\r\n"\'=HYPERLINK(""x"")",-1.5 2 -3,"say ""hi"", ok"\r\n'


def test_lps_text_flips_the_first_two_axes():
    assert lps_text((1.5, -2.0, 3.25)) == "-1.5 2.0 3.25"
    assert lps_text(None) == ""
