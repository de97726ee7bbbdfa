"""Tables: typed cells, full precision, frames in the names, every row accounted for, safe in spreadsheets."""

from __future__ import annotations

import csv
import datetime
import io

import numpy as np
import pytest
from IFIMeasureLib.measuring.registry import MEASUREMENTS, measurement
from IFIMeasureLib.present.csv_text import cell_text, csv_text, safe_text
from IFIMeasureLib.present.tables import (
    FOLLOW_UP_COLUMNS,
    LANDMARK_COLUMNS,
    PROFILE_COLUMNS,
    change_cells,
    finding_table,
    landmark_table,
    lps_text,
    measurement_columns,
    measurement_numbers,
    measurement_table,
    muscle_table,
    profile_table,
)
from IFIMeasureLib.study.follow_up import Change, Verdict
from IFIMeasureLib.values import Side


def test_every_measurement_has_a_row_a_side_of_typed_cells(study):
    table = measurement_table(study)
    assert len(table) == sum(1 if m.paired else 2 for m in MEASUREMENTS)
    for row in table:
        assert list(row) == list(table.columns) == list(measurement_columns())
        assert (row["status"] == "measured") == (row["value"] is not None) == (row["reason"] is None)
        for name, cell in row.items():
            assert cell is None or type(cell) is measurement_numbers().get(name, str), (name, cell)
            assert cell != "", name


def test_values_come_back_from_csv_to_the_last_digit(study):
    table = measurement_table(study)
    text = csv_text(table.columns, table)
    for row in csv.DictReader(io.StringIO(text)):
        if row["side"] == "left" and row["measurement"] == "ifs_axial":
            result = study.hips[Side.LEFT].results["ifs_axial"]
            assert float(row["value"]) == result.value and int(row["slice"]) == result.slice_number
            lps = [float(v) for v in row["point_a_lps_mm"].split()]
            assert lps == pytest.approx(np.array(result.points_ras_mm[0]) * [-1, -1, 1])
            pose = study.hips[Side.LEFT].results["femur_flexion"]
            assert float(row["femur_flexion_deg"]) == pose.value and row["pose_frame"].startswith("pelvis")
            assert row["reason"] == ""
            return
    raise AssertionError("no row of the left ifs_axial")


def test_the_pose_stands_beside_what_is_posed_and_nothing_else(study):
    for row in measurement_table(study):
        posed = measurement(row["measurement"]).posed and row["value"] is not None
        assert (row["femur_flexion_deg"] is not None) == posed, row["measurement"]


def test_the_profile_holds_the_minimum(study):
    rows = [r for r in profile_table(study) if r["side"] == "right" and r["space"] == "qfs" and r["distance_mm"]]
    assert list(rows[0]) == list(PROFILE_COLUMNS)
    assert min(r["distance_mm"] for r in rows) == study.hips[Side.RIGHT].results["qfs_axial"].value


def test_landmarks_findings_and_the_muscle_have_their_tables(study):
    landmarks = landmark_table(study)
    head = next(r for r in landmarks if r["landmark"] == "femoral_head_center" and r["side"] == "left")
    place = study.hips[Side.LEFT].landmarks["femoral_head_center"].position_ras_mm
    assert list(head) == list(LANDMARK_COLUMNS)
    assert (head["state"], head["reason"], head["code"]) == ("automatic", None, "SCT:2812003")
    assert [float(v) for v in head["position_lps_mm"].split()] == pytest.approx(np.array(place) * [-1, -1, 1])
    assert {(r["side"], r["value"]) for r in finding_table(study)} == {("right", None), ("left", None)}
    areas = [r["area_mm2"] for r in muscle_table(study) if r["side"] == "left"]
    assert max(areas) == study.hips[Side.LEFT].results["qf_max_area"].value


def test_a_change_has_dates_as_text_and_numbers_as_numbers():
    change = Change(
        definition=measurement("qf_volume"),
        side=Side.LEFT,
        first_date=datetime.date(2022, 1, 1),
        date=datetime.date(2023, 1, 1),
        first_value=20.0,
        value=15.0,
        verdict=Verdict.BEYOND,
        notes=("one", "two"),
    )
    cells = change_cells(change)
    assert list(cells) == list(FOLLOW_UP_COLUMNS)
    assert (cells["first_date"], cells["change"], cells["change_percent"]) == ("2022-01-01", -5.0, -25.0)
    assert (cells["verdict"], cells["notes"], cells["repeatability"]) == ("beyond measurement error", "one; two", None)


def test_numbers_are_written_at_full_precision_and_nothing_as_nothing():
    written = [cell_text(v) for v in (0.1 + 0.2, np.float64(0.1), 3, None, "x")]
    assert written == ["0.30000000000000004", "0.1", "3", "", "x"]


def test_text_that_a_spreadsheet_would_run_is_defused_and_numbers_are_not():
    text = csv_text(["a", "b", "c"], [{"a": '=HYPERLINK("x")', "b": "-1.5 2 -3", "c": 'say "hi", ok'}])
    assert text == 'a,b,c\r\n"\'=HYPERLINK(""x"")",-1.5 2 -3,"say ""hi"", ok"\r\n'
    assert csv_text(["a", "b"], [{"a": -1.5, "b": "-x"}]) == "a,b\r\n-1.5,'-x\r\n"


def test_lps_text_flips_the_first_two_axes():
    assert lps_text((1.5, -2.0, 3.25)) == "-1.5 2.0 3.25"
    assert lps_text((0.0, 0.0, 0.0)) == "0.0 0.0 0.0"
    assert lps_text(None) is None


@pytest.mark.parametrize(
    "text",
    ["=1", "+1", "@a", "-a", "\t=1", "\r=1", "\n=1", "\n1", " =1", "  -x", "\u00a0=1",
     "\u3000@a", "\ufeff=1",
     "\u200b+1",
     "＝1", "＋1", "－a", "＠a", "\ufe63a", " ＝1", "\x00=1"],
)  # fmt: skip
def test_whatever_a_spreadsheet_would_run_is_behind_an_apostrophe(text):
    assert safe_text(text) == "'" + text


@pytest.mark.parametrize("text", ["", " ", "a=1", "1+1", "-1.5 2 -3", " 7", "mm", "Ｍ"])
def test_other_text_stays_as_it_is(text):
    assert safe_text(text) == text
