"""One table over many studies, and the same values in every format, to the last printed digit."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
from conftest import pdf_can_be_made
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.export.collect import wide_columns
from IFIMeasureLib.export.dicom_report import show_report
from IFIMeasureLib.export.workbook import write_workbook
from IFIMeasureLib.measuring.registry import MEASUREMENTS, measurement
from IFIMeasureLib.present.text import number_text, unit_text


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("collect") / "one"
    done = subprocess.run(
        [sys.executable, "-m", "IFIMeasureLib.cli", "demo", "--output", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def many(demo, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    document = json.loads((demo / "study.json").read_text(encoding="utf-8"))
    for number in range(12):
        document["series"]["description"] = "=1+1" if number == 3 else f"series {number}"
        document["findings"] = {"right": {"reader_tear": "partial"}} if number == 5 else {}
        of = folder / f"group {number % 2}" / f"study {number:02d}"
        of.mkdir(parents=True)
        (of / "study.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def read(path: Path, separator: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=separator))


def test_every_study_has_one_row_with_its_values_unit_in_the_name(demo, many, tmp_path, capsys):
    assert main(["collect", str(many), "--output", str(tmp_path / "all.csv")]) == 0
    assert "12 studies in" in capsys.readouterr().out
    rows = read(tmp_path / "all.csv")
    assert len(rows) == 12 and list(rows[0]) == list(wide_columns())
    assert [Path(row["study"]).name for row in rows] == [f"study {n:02d}" for n in (*range(0, 12, 2), *range(1, 12, 2))]
    single = {(row["measurement"], row["side"]): row["value"] for row in read(demo / "measurements.csv")}
    for row in rows:
        assert row["ifs_axial_left_mm"] == single["ifs_axial", "left"]
        assert row["qf_volume_right_ml"] == single["qf_volume", "right"]
        assert row["intertuberous_distance_mm"] == single["intertuberous_distance", "both"]
        assert row["qf_lean_volume_left_ml"] == ""
    assert sum(row["reader_tear_right"] == "partial" for row in rows) == 1
    assert "'=1+1" in {row["series"] for row in rows}  # no formula when a spreadsheet opens it


def test_long_tsv_workbook_and_parquet_hold_the_same_values(many, tmp_path):
    for name, more in (("all.tsv", []), ("all.xlsx", []), ("all.parquet", []), ("long.csv", ["--long"])):
        assert main(["collect", str(many), "--output", str(tmp_path / name), *more]) == 0
    wide = read(tmp_path / "all.tsv", "\t")
    column = "ifs_3d_right_mm"
    values = [float(row[column]) for row in wide]
    sheet = openpyxl.load_workbook(tmp_path / "all.xlsx", read_only=True)["studies"]
    table = list(sheet.iter_rows(values_only=True))
    index = table[0].index(column)
    assert [row[index] for row in table[1:]] == pytest.approx(values, rel=1e-15)  # a workbook holds 16 digits
    series = table[0].index("series")
    assert "=1+1" in [row[series] for row in table[1:]]  # text, not run
    pyarrow = pytest.importorskip("pyarrow.parquet", reason="the package pyarrow is not installed")
    stored = pyarrow.read_table(tmp_path / "all.parquet").to_pydict()
    assert stored[column] == values and stored["qf_lean_volume_left_ml"] == [None] * 12
    long = [
        float(row["value"])
        for row in read(tmp_path / "long.csv")
        if row["measurement"] == "ifs_3d" and row["side"] == "right"
    ]
    assert long == values
    assert len(read(tmp_path / "long.csv")) == 12 * sum(1 if m.paired else 2 for m in MEASUREMENTS)


def test_damaged_studies_are_left_out_and_named_and_nothing_is_written_where_all_are(demo, tmp_path, capsys):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "study.json").write_text("{")
    table = tmp_path / "all.csv"
    assert main(["collect", str(demo), str(tmp_path / "bad"), "--output", str(table)]) == 0
    told = capsys.readouterr()
    assert (
        "1 study in" in told.out
        and "bad/study.json: this is no study that IFIMeasure wrote, or it is damaged" in told.err
    )
    assert main(["collect", str(tmp_path / "bad"), "--output", str(tmp_path / "none.csv")]) == 1
    assert not (tmp_path / "none.csv").exists() and not list(tmp_path.glob(".*"))
    for arguments, message in (
        ([str(tmp_path / "nowhere"), "--output", str(tmp_path / "x.csv")], "there is no such folder"),
        ([str(demo), "--output", str(tmp_path / "x.doc")], ".csv, .tsv, .xlsx or .parquet"),
        ([str(demo), "--output", str(table)], "there is such a file already"),
        ([str(demo / "sample"), "--output", str(tmp_path / "x.csv")], "there is no study in it"),
    ):
        capsys.readouterr()
        assert main(["collect", *arguments]) == 1
        assert message in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.csv", "bad"]


def test_a_measured_study_is_exported_again_with_equal_values(demo, tmp_path, capsys):
    assert main(["export", str(demo), "--output", str(tmp_path / "again"), "--export", "tables,workbook"]) == 0
    assert {p.suffix for p in (tmp_path / "again").iterdir()} == {".csv", ".xlsx", ".json"}
    before, after = read(demo / "measurements.csv"), read(tmp_path / "again" / "measurements.csv")
    same = [
        (a["value"], b["value"]) for a, b in zip(before, after) if not a["measurement"].startswith("qf_volume_partial")
    ]
    assert all(a == b or float(a) == pytest.approx(float(b), rel=1e-9) for a, b in same)
    book = openpyxl.load_workbook(tmp_path / "again" / "measurements.xlsx", read_only=True)
    assert book.sheetnames == [
        "measurements",
        "profile",
        "muscle",
        "fat",
        "findings",
        "landmarks",
        "follow-up",
        "data dictionary",
    ]
    rows = list(book["measurements"].iter_rows(values_only=True))
    value = rows[0].index("value")
    for row, expected in zip(rows[1:], after):
        assert row[value] == (pytest.approx(float(expected["value"]), rel=1e-15) if expected["value"] else None)
    assert main(["export", str(demo), "--output", str(tmp_path / "x"), "--export", "papyrus"]) == 1
    assert "there is no format papyrus" in capsys.readouterr().err
    assert main(["export", str(tmp_path), "--output", str(tmp_path / "x")]) == 1
    assert "no study that IFIMeasure wrote" in capsys.readouterr().err and not (tmp_path / "x").exists()


def test_a_study_with_earlier_ones_tells_the_changes_in_report_table_and_workbook(demo, tmp_path, capsys):
    call = [
        "measure",
        "--segmentation",
        str(demo / "sample" / "segmentation.seg.nrrd"),
        "--export",
        "tables,report,workbook",
        "--quiet",
        "--earlier",
        str(demo),
    ]
    assert main([*call, "--date", "2027-01-15", "--output", str(tmp_path / "later")]) == 0
    rows = [row for row in read(tmp_path / "later" / "follow_up.csv") if row["change"]]
    assert {(row["first_date"], row["date"]) for row in rows} == {("2026-01-15", "2027-01-15")}
    now = {(row["measurement"], row["side"]): row["value"] for row in read(tmp_path / "later" / "measurements.csv")}
    before = {(row["measurement"], row["side"]): row["value"] for row in read(demo / "measurements.csv")}
    for row in rows:
        key = (row["measurement"], row["side"])
        assert (row["first_value"], row["value"]) == (before[key], now[key])
        assert float(row["change"]) == float(now[key]) - float(before[key])
    assert {("ifs_axial", "left"), ("qf_volume", "right")} <= {(row["measurement"], row["side"]) for row in rows}
    sheet = openpyxl.load_workbook(tmp_path / "later" / "measurements.xlsx", read_only=True)["follow-up"]
    assert sum(1 for _ in sheet.iter_rows()) == 1 + len(read(tmp_path / "later" / "follow_up.csv"))
    page = (tmp_path / "later" / "report.html").read_text(encoding="utf-8")
    assert "Changes against the first examination" in page and "examined 2027-01-15" in page
    assert "Changes against" not in (demo / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "later" / "study.json").read_text(encoding="utf-8"))["date"] == "2027-01-15"
    for date, message in (
        ("2026-01-15", "have the same date"),
        ("2020-01-15", "after this study"),
        ("soon", "'soon' is no date"),
    ):
        capsys.readouterr()
        assert main([*call, "--date", date, "--output", str(tmp_path / "other")]) == 1
        assert message in capsys.readouterr().err and not (tmp_path / "other").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files can be limited on POSIX systems alone")
@pytest.mark.parametrize(
    ("formats", "largest"),
    [("tables,report", 100_000), ("scene", 2_000_000), ("segmentation", 10_000), ("dicom", 500_000)],
)
def test_what_cannot_be_written_whole_is_told_in_one_sentence_and_what_was_there_stays(
    demo, tmp_path, formats, largest
):
    """A limit on the size of files makes every writer fail midway, as a full disk does."""
    import resource

    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "study.json").write_text("what was there", encoding="utf-8")
    sample = demo / "sample"
    call = [
        "measure",
        str(sample / "dicom"),
        "--segmentation",
        str(sample / "segmentation.seg.nrrd"),
        "--output",
        str(folder),
        "--force",
        "--quiet",
        "--export",
        formats,
    ]
    done = subprocess.run(
        [sys.executable, "-m", "IFIMeasureLib.cli", *call],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert (
        done.stderr.startswith(f"ifimeasure: {folder}: the results could not be written (")
        and "nothing was changed there" in done.stderr
    )
    assert [p.name for p in folder.iterdir()] == ["study.json"] and (folder / "study.json").read_text(
        encoding="utf-8"
    ) == "what was there"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_place_where_nothing_may_be_written_is_refused_in_one_sentence(demo, tmp_path, capsys):
    closed = tmp_path / "closed"
    closed.mkdir()
    if os.geteuid() == 0:  # to whom every folder of a disk is open
        closed = Path("/proc/self")
    else:
        closed.chmod(0o500)
    assert main(["export", str(demo), "--export", "tables", "--output", str(closed / "out")]) == 1
    assert f"{closed / 'out'}: the results could not be written (" in capsys.readouterr().err
    for call in (
        ["collect", str(demo), "--output", str(closed / "all.csv")],
        ["landmarks", "--output", str(closed / "points.mrk.json")],
    ):
        assert main(call) == 1
        said = capsys.readouterr().err
        assert said.startswith("ifimeasure: ") and str(closed) in said and said.count("\n") == 1


def test_the_report_names_the_patient_only_where_that_is_asked_for(demo, tmp_path):
    call = [
        "measure",
        str(demo / "sample" / "dicom"),
        "--series",
        "2",
        "--segmentation",
        str(demo / "sample" / "segmentation.seg.nrrd"),
        "--export",
        "report",
        "--quiet",
    ]
    assert main([*call, "--identified", "--output", str(tmp_path / "named")]) == 0
    assert "IFIMeasure Phantom · PHANTOM1" in (tmp_path / "named" / "report.html").read_text(encoding="utf-8")
    assert "PHANTOM1" not in (tmp_path / "named" / "study.json").read_text(encoding="utf-8")
    assert "PHANTOM1" not in (demo / "report.html").read_text(encoding="utf-8")


def test_a_schema_stands_beside_the_tables_as_slicer_reads_it(demo):
    tables = [path for path in demo.glob("*.csv") if not path.name.endswith(".schema.csv")]
    assert len(tables) == 4
    for table in tables:
        schema = read(table.with_name(f"{table.stem}.schema.csv"))
        assert [row["columnName"] for row in schema] == table.read_text(encoding="utf-8").splitlines()[0].split(","), (
            table.name
        )
    rows = read(demo / "study.schema.csv")
    assert [row["columnName"] for row in rows] == list(wide_columns())
    assert {row["type"] for row in rows} == {"string"} and all(row["description"] for row in rows)


def test_text_that_looks_like_a_formula_or_a_link_stays_text(tmp_path):
    path = tmp_path / "book.xlsx"
    write_workbook(path, {"sheet": (["a", "b"], [{"a": "=2+3", "b": "http://example.org"}, {"a": -1.5, "b": "nan"}])})
    rows = list(openpyxl.load_workbook(path)["sheet"].iter_rows())
    assert [(cell.value, cell.data_type) for cell in rows[1]] == [("=2+3", "s"), ("http://example.org", "s")]
    assert rows[2][0].value == -1.5 and rows[2][1].value == "nan"


@dataclass(frozen=True)
class Everything:
    """A study in every format, its rows of ``measurements.csv``, and the values in them."""

    folder: Path
    rows: dict[tuple[str, str], dict[str, str]]
    values: dict[tuple[str, str], float]


@pytest.fixture(scope="module")
def everything(demo, tmp_path_factory) -> Everything:
    if not pdf_can_be_made():
        pytest.skip("the package weasyprint or the library Pango is missing")
    folder = tmp_path_factory.mktemp("everything") / "all"
    sample = demo / "sample"
    call = ["measure", str(sample / "dicom"), "--series", "2", "--contrast", "t1"]
    call += ["--segmentation", str(sample / "segmentation.seg.nrrd"), "--finding", "right:reader_edema=mild"]
    assert main([*call, "--export", "all", "--quiet", "--output", str(folder)]) == 0
    rows = {(row["measurement"], row["side"]): row for row in read(folder / "measurements.csv")}
    values = {key: float(row["value"]) for key, row in rows.items() if row["value"]}
    assert len(values) > 35
    return Everything(folder, rows, values)


def test_study_json_and_the_table_of_one_row_hold_the_values_of_the_table(everything):
    document = json.loads((everything.folder / "study.json").read_text(encoding="utf-8"))
    assert {
        (row["measurement"], row["side"]): row["value"] for row in document["measurements"] if row["value"] is not None
    } == everything.values
    wide = read(everything.folder / "study.csv")[0]
    units = ("_mm", "_deg", "_ml", "_percent", "_mm2")
    shown = [text for name, text in wide.items() if text and name.endswith(units) and not name.startswith("spacing")]
    expected = [row["value"] for row in everything.rows.values() if row["value"] and row["unit"] != "1"]
    assert sorted(shown) == sorted(expected)


def test_the_workbook_holds_the_values_of_the_table(everything):
    book = openpyxl.load_workbook(everything.folder / "measurements.xlsx", read_only=True)
    header, *lines = book["measurements"].iter_rows(values_only=True)
    at = {name: header.index(name) for name in ("measurement", "side", "value")}
    found = {
        (line[at["measurement"]], line[at["side"]]): line[at["value"]]
        for line in lines
        if line[at["value"]] is not None
    }
    assert found == pytest.approx(everything.values, rel=1e-15)


def test_the_structured_report_holds_the_values_of_the_table(everything):
    report = {
        (title, side): float(value.split()[0])
        for title, side, value, method in show_report(everything.folder / "report.dcm")
        if method != "reader"
    }
    rows = everything.rows
    assert report == {(rows[key]["title"][:64], key[1]): value for key, value in everything.values.items()}


def test_the_fhir_bundle_holds_the_values_of_the_table_and_no_patient(everything):
    from fhir.resources.bundle import Bundle

    bundle = json.loads((everything.folder / "fhir.json").read_text(encoding="utf-8"))
    Bundle.model_validate(bundle)
    resources = [entry["resource"] for entry in bundle["entry"][1:]]
    assert {
        (of["code"]["coding"][0]["code"].lower(), of["bodySite"]["text"].split()[0]): of["valueQuantity"]["value"]
        for of in resources
        if "valueQuantity" in of
    } == everything.values
    for of in resources:
        if "valueQuantity" not in of and "dataAbsentReason" in of:
            assert of["dataAbsentReason"]["text"]
    findings = [of["valueCodeableConcept"]["text"] for of in resources if "valueCodeableConcept" in of]
    assert findings == ["mild"]
    assert "PHANTOM" not in json.dumps(bundle)


def test_the_scene_holds_the_values_of_the_table(everything):
    with zipfile.ZipFile(everything.folder / "scene.mrb") as archive:
        name = next(n for n in archive.namelist() if n.endswith(" measurements.tsv"))
        header, *lines = [line.split("\t") for line in archive.read(name).decode().splitlines()]
    at = {column.strip('"'): n for n, column in enumerate(header)}
    stored = {
        (line[at["measurement"]].strip('"'), line[at["side"]].strip('"')): line[at["value"]].strip('"')
        for line in lines
    }
    assert {key: float(text) for key, text in stored.items() if text} == everything.values


def test_the_report_and_its_pdf_show_the_values_of_the_table_and_no_patient(everything):
    page = re.sub(r"<[^>]+>", " ", (everything.folder / "report.html").read_text(encoding="utf-8"))
    pdf = everything.folder / "report.pdf"
    assert pdf.read_bytes().startswith(b"%PDF")
    printed = None
    if shutil.which("pdftotext"):
        call = ["pdftotext", "-layout", str(pdf), "-"]
        printed = subprocess.run(call, capture_output=True, text=True, check=True).stdout
        assert "Phantom" not in printed.replace("phantom.seg", "")  # no patient's name
    for (key, _), value in everything.values.items():
        definition = measurement(key)
        number = number_text(value, definition.decimals)
        assert f"{number}{unit_text(definition.unit)}" in page, key
        assert printed is None or number in printed, key


def test_the_encapsulated_pdf_keeps_to_the_standard(everything):
    if not shutil.which("dciodvfy"):
        pytest.skip("the program dciodvfy is missing (Debian has it in dicom3tools)")
    call = ["dciodvfy", str(everything.folder / "report_pdf.dcm")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")] == []
