"""What a new measurement and a new landmark become of themselves: one entry each, and they stand wherever values do.

The entries are those of ``additions``.
"""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from additions import ENTRIES, PLACE_RAS_MM, placed_by_hand
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.files.markups import read_landmarks
from IFIMeasureLib.values import Side


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_they_stand_in_every_file_of_a_study(additions, label_map_file, tmp_path):
    out = tmp_path / "out"
    call = ["measure", "--segmentation", str(label_map_file), "--landmarks", str(placed_by_hand(tmp_path))]
    formats = "tables,report,landmarks,workbook,fhir"  # the scene has a test of its own, as has the DICOM report
    assert main([*call, "--output", str(out), "--quiet", "--export", formats]) == 0

    rows = {(row["measurement"], row["side"]): row for row in table(out / "measurements.csv")}
    value = {key: float(row["value"]) for key, row in rows.items() if row["value"]}
    for side in ("right", "left"):
        space = value["ifs_axial", side]
        assert value["invented_ratio", side] == space / value["femoral_head_diameter", side]
        assert value["invented_unit", side] == space / value["neck_shaft_angle", side]
    tip = read_landmarks(out / "landmarks_right.mrk.json")[Side.RIGHT]["lesser_trochanter_tip"].position_ras_mm
    distance = value["invented_distance", "right"]
    assert distance == pytest.approx(np.linalg.norm(np.array(tip) - PLACE_RAS_MM), abs=1e-6)
    assert rows["invented_distance", "right"]["point_a_lps_mm"] == "-45.0 -10.0 -25.0"
    why = "Invented point is missing: it is placed by hand only, and nobody has placed it."
    assert rows["invented_distance", "left"]["reason"] == why

    wide = table(out / "study.csv")[0]
    assert float(wide["invented_distance_right_mm"]) == distance and wide["invented_distance_left_mm"] == ""
    assert float(wide["invented_ratio_left"]) == value["invented_ratio", "left"]
    assert float(wide["invented_unit_left_mm_per_deg"]) == value["invented_unit", "left"]

    report = (out / "report.html").read_text(encoding="utf-8")
    assert all(entry.title in report and entry.definition in report for entry in ENTRIES)
    assert f"{distance:.1f} mm" in report and "invented_point" in report and why in report
    book = openpyxl.load_workbook(out / "measurements.xlsx")
    cells = {cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row}
    assert {entry.id for entry in ENTRIES} <= cells
    fhir = (out / "fhir.json").read_text(encoding="utf-8")
    assert all(f'"{entry.id.upper()}"' in fhir for entry in ENTRIES) and why in fhir
    document = json.loads((out / "study.json").read_text(encoding="utf-8"))
    points = [row for row in document["landmarks"] if row["landmark"] == "invented_point"]
    assert [(row["status"], row["placed_by"]) for row in points] == [("defined", "person"), ("missing", "program")]


def test_they_stand_in_the_documents_that_are_generated(additions):
    path = Path(__file__).resolve().parents[3] / "Docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", path)
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for entry in ENTRIES:
        assert f"### `{entry.id}`: {entry.title}" in generate.definitions_page()
        assert f"`{entry.id}_right" in generate.dictionary_page()
    assert "| `invented_point` | Invented point | Where nothing is" in generate.definitions_page()
