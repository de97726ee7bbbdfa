"""Tables and points as other programs, countries and versions write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from IFIMeasureLib.anatomy.landmarks import PlacedBy
from IFIMeasureLib.files.labels import read_label_mapping
from IFIMeasureLib.files.markups import read_landmarks
from IFIMeasureLib.files.tables import read_table
from IFIMeasureLib.study.repeatability import given_repeats, read_repeatability
from IFIMeasureLib.values import IFIMeasureError, Side

VALUES = (16.41, 16.9, 12.1, 12.6, 1120.05, 19.4)


def table(separator: str, decimal: str, quoted: bool = False, head: str = "", tail: str = "") -> str:
    quote = '"' if quoted else ""
    rows = [f"Müller {n // 2}{separator}qf_volume{separator}{quote}{v}{quote}" for n, v in enumerate(VALUES)]
    lines = [separator.join(("subject", "measurement", "value"))]
    lines += [line.replace(str(v), str(v).replace(".", decimal)) for line, v in zip(rows, VALUES)]
    return head + "\r\n".join(lines) + "\r\n" + tail


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (table(",", "."), "utf-8"),
        (table(";", ","), "utf-8-sig"),
        (table(";", ","), "cp1252"),
        (table(";", "."), "utf-8"),
        (table("\t", ","), "utf-16"),
        (table(",", ",", quoted=True), "utf-8"),
        (table(";", ",", head="sep=;\r\n"), "utf-8"),
        (table(",", ".", tail=",,\r\n,,\r\n"), "utf-8"),
        (table(";", ",").replace("1120,05", "1.120,05"), "utf-8"),
        (table(",", ".", quoted=True).replace("1120.05", "1,120.05"), "utf-8"),
    ],
)
def test_a_table_of_repeats_is_read_as_any_spreadsheet_writes_it(tmp_path, content, encoding):
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode(encoding))
    assert given_repeats(path) == {"qf_volume": [[16.41, 16.9], [12.1, 12.6], [1120.05, 19.4]]}
    assert read_table(path, ("value",))[0]["subject"] == "Müller 0"


def test_a_workbook_of_excel_is_read(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["subject", "measurement", "value"])
    for n, value in enumerate(VALUES):
        book.active.append([f"Müller {n // 2}", "qf_volume", value])
    book.save(tmp_path / "t.xlsx")
    assert given_repeats(tmp_path / "t.xlsx") == {"qf_volume": [[16.41, 16.9], [12.1, 12.6], [1120.05, 19.4]]}
    content = (tmp_path / "t.xlsx").read_bytes()
    (tmp_path / "t.xlsx").write_bytes(content[: len(content) // 2])
    with pytest.raises(IFIMeasureError, match="workbook cannot be read"):
        given_repeats(tmp_path / "t.xlsx")


def test_a_comma_that_may_be_decimal_or_between_thousands_is_asked_for(tmp_path):
    (tmp_path / "t.csv").write_text('subject,measurement,value\na,ifs_3d,"1,234"\n')
    with pytest.raises(IFIMeasureError, match="cannot be told whether a comma in the column value is a decimal one"):
        given_repeats(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("subject;measurement;value\na;ifs_3d;1,234\n")
    assert given_repeats(tmp_path / "t.csv") == {"ifs_3d": [[1.234]]}


def test_a_cell_of_any_length_ends_in_a_sentence(tmp_path):
    (tmp_path / "t.csv").write_text("subject,measurement,value\n" + "a" * 200_000 + ",ifs_3d,1\n")
    with pytest.raises(IFIMeasureError, match="field larger than field limit"):
        given_repeats(tmp_path / "t.csv")


def test_a_coefficient_table_saved_again_by_a_european_excel_is_used(tmp_path):
    names = "measurement;unit;subjects;measurements;mean;wsd;wcv_percent;bias;agreement_low;agreement_high"
    (tmp_path / "r.csv").write_text(f"{names}\nqf_volume;mL;12;24;16,5;0,4;2,5;0,1;-0,9;1,1\n", encoding="utf-8-sig")
    row = read_repeatability(tmp_path / "r.csv")["qf_volume"]
    assert (row.mean, row.wsd, row.wcv_percent, row.agreement_low) == (16.5, 0.4, 2.5, -0.9)


@pytest.mark.parametrize(
    ("system", "place"),
    [("LPS", (94.69, 23.99, -52.0)), ("RAS", (-94.69, -23.99, -52.0)), ("0", (-94.69, -23.99, -52.0))],
)
def test_points_of_older_slicers_are_read(tmp_path, system, place):
    path = tmp_path / "points.fcsv"
    x, y, z = place
    path.write_text(
        f"# Markups fiducial file version = 4.11\n# CoordinateSystem = {system}\n"
        "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
        f"vtkMRMLMarkupsFiducialNode_0,{x},{y},{z},0,0,0,1,1,1,0,Left lesser trochanter tip,,\n"
    )
    landmark = read_landmarks(path)[Side.LEFT]["lesser_trochanter_tip"]
    assert landmark.position_ras_mm == (-94.69, -23.99, -52.0)
    assert landmark.placed_by is PlacedBy.PERSON


def test_points_and_labels_in_utf_16_are_read(tmp_path):
    (tmp_path / "labels.json").write_text('{"1": "hip_right", "2": "femur_right"}', encoding="utf-16")
    assert read_label_mapping(tmp_path / "labels.json")[0]["2"].name == "femur_right"


def test_what_is_no_markups_file_ends_in_a_sentence(tmp_path):
    for content in ("[" * 100_000, "{}", '{"markups": 3}', "# Markups fiducial file version = 4.11\na,b,c,d\n"):
        (tmp_path / "a.mrk.json").write_text(content)
        with pytest.raises(IFIMeasureError):
            read_landmarks(tmp_path / "a.mrk.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name here")
@pytest.mark.parametrize("read", [read_landmarks, given_repeats, read_repeatability])
def test_a_pipe_in_place_of_a_file_is_refused(tmp_path: Path, read):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IFIMeasureError, match="not a regular file"):
        read(tmp_path / "pipe")


def test_the_56_classes_of_total_mr_have_a_preset():
    mapping, _ = read_label_mapping("totalsegmentator_mr_56")
    assert {value: structure.name for value, structure in mapping.items()}["36"] == "hip_left"
