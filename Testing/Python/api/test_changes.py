"""Examinations of one person compared, and the repeatability of measurements, through the front door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import IFIMeasureLib as ifi
import numpy as np
import pytest
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid

GRID = sample_grid((1.2, 1.2, 3.0))


def phantom(atrophy: bool) -> Phantom:
    """A person, and the same one later, whose left muscle has lost volume."""
    first = Phantom(seed=1)
    return replace(first, seed=2, left=replace(first.left, muscle_radius_mm=2.6)) if atrophy else first


def visit(atrophy: bool, date: str, muscle: bool = True) -> ifi.Study:
    """The left hip of an examination; without its muscle that is found in the image."""
    person = phantom(atrophy)
    labels = person.label_map(GRID)
    names = person.label_names()
    if not muscle:
        labels[np.isin(labels, [n for n, name in names.items() if name.startswith("quadratus")])] = 0
    asked = {"labels": names, "side": "left", "date": date, "name": f"visit of {date}"}
    if muscle:
        return ifi.measure((labels, GRID.affine), **asked)
    image = person.image(GRID, "t1")
    return ifi.segment_muscle((image, GRID.affine), (labels, GRID.affine), contrast="t1", **asked)


@pytest.fixture(scope="module")
def visits() -> tuple[ifi.Study, ifi.Study]:
    return visit(False, "2024-03-01"), visit(True, "2025-03-01")


def test_changes_are_typed_and_read_forward_whatever_the_order(visits):
    changes, swapped = ifi.follow_up(visits), ifi.follow_up(visits[::-1])
    assert changes.rows() == swapped.rows()
    row = next(r for r in changes.rows() if (r["measurement"], r["side"]) == ("qf_volume", "left"))
    first, now = (v.value("qf_volume", "left").value for v in visits)
    assert (row["first_value"], row["value"], row["change"]) == (first, now, now - first)
    assert row["verdict"] == "beyond measurement error" and row["change_percent"] < -10
    table = changes.table()
    assert table["change"].dtype == "float64" and len(table) == len(changes.rows())
    missing = table[table["side"] == "right"]
    assert missing["change"].isna().all() and (missing["notes"].str.contains("not measured on")).all()
    page = changes._repr_html_()
    assert "Quadratus femoris, volume" in page and page.count("<svg") >= 3
    assert repr(changes) == "<Changes over 2024-03-01, 2025-03-01>"


def test_segments_that_a_person_drew_are_compared_as_they_are_and_that_is_said(visits):
    changes = ifi.follow_up(visits)
    assert any("left quadratus femoris was not found in the image" in text for text in changes.warnings)
    assert ifi.follow_up(visits, together=False).warnings == []


def test_folders_and_studies_give_the_same_changes_and_the_files_of_the_command_line(visits, tmp_path):
    folders = [study.save(tmp_path / study.date, ["tables", "segmentation", "landmarks"]) for study in visits]
    here = ifi.follow_up([visits[0], folders[1]])
    here.save(tmp_path / "here")
    call = ["follow-up", *map(str, folders), "--output", str(tmp_path / "there")]
    assert main(call) == 0
    for name in ("follow_up.csv", "follow_up.html"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes(), name
    with pytest.raises(ifi.IFIMeasureError, match="there are results already"):
        here.save(tmp_path / "here")
    assert here.save(tmp_path / "here", force=True) == tmp_path / "here"


def test_muscles_found_in_the_images_are_found_together_and_the_studies_stay_as_they_were(tmp_path):
    studies = [visit(False, "2024-03-01", muscle=False), visit(True, "2025-03-01", muscle=False)]
    before = [study.rows() for study in studies]
    changes = ifi.follow_up(studies)
    assert any("(left) was found in all examinations together" in text for text in changes.warnings)
    assert [study.rows() for study in studies] == before
    row = next(r for r in changes.rows() if (r["measurement"], r["side"]) == ("qf_volume_partial", "left"))
    assert -40 < row["change_percent"] < -8 and row["verdict"] == "beyond measurement error"
    changes.save(tmp_path / "changes")
    names = {path.name for path in (tmp_path / "changes").iterdir()}
    assert {"together_2024-03-01.seg.nrrd", "together_2025-03-01.seg.nrrd", "follow_up.html"} <= names
    swapped = ifi.follow_up(studies[::-1])
    assert next(r for r in swapped.rows() if (r["measurement"], r["side"]) == ("qf_volume_partial", "left")) == row


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"dates": ["2024-01-01"]}, "dates: there are 1 for 2 studies; give one for each"),
        ({"dates": ["2024-01-01", "2024-01-01"]}, "have the same date"),
        ({"dates": ["2024-01-01", "soon"]}, "'soon' is no date"),
        ({"dates": "2024-01-01"}, "dates is '2024-01-01'; give a list"),
        ({"dates": 5}, "dates is 5; give a list"),
        ({"wcv_percent": "a"}, "wcv_percent is a: the within-subject"),
        ({"wcv_percent": 200}, "wcv_percent is 200: the within-subject"),
        ({"repeatability": 3}, "repeatability is of type int: give what repeatability"),
        ({"repeatability": "nowhere.csv"}, "there is no such file"),
    ],
)
def test_what_cannot_be_compared_gets_one_sentence(visits, change, sentence):
    with pytest.raises(ifi.IFIMeasureError, match=sentence):
        ifi.follow_up(visits, **change)


def test_one_study_or_another_person_is_refused(visits, tmp_path):
    with pytest.raises(ifi.IFIMeasureError, match="One examination alone shows no change"):
        ifi.follow_up(visits[0])
    with pytest.raises(ifi.IFIMeasureError, match="one is of type int; give studies, or folders"):
        ifi.follow_up([visits[0], 3])
    other = ifi.Study(replace(visits[1].result, subject=replace(visits[1].subject, sex="M")), name="other")
    her = ifi.Study(replace(visits[0].result, subject=replace(visits[0].subject, sex="F")), name="her")
    with pytest.raises(ifi.IFIMeasureError, match="her and other are of different persons: sex F and M"):
        ifi.follow_up([her, other])
    with pytest.raises(ifi.IFIMeasureError, match="no study that IFIMeasure wrote"):
        ifi.follow_up([visits[0], tmp_path])


def repeats() -> list[dict[str, object]]:
    return [
        {"subject": f"p{n}", "measurement": "qf_volume", "side": "left", "value": value}
        for n in range(6)
        for value in (20.0 + n, 20.6 + n)
    ]


def test_repeatability_comes_from_rows_a_table_or_a_file_and_judges_changes(visits, tmp_path):
    pandas = pytest.importorskip("pandas", reason="the package pandas is not installed")
    own = ifi.repeatability(repeats())
    assert own.rows()[0]["rc"] == pytest.approx(1.96 * np.sqrt(2) * np.sqrt(0.18))
    assert own.result["qf_volume"].subjects == 6 and own.table()["rc_percent"][0] == own.rows()[0]["rc_percent"]
    pandas.DataFrame(repeats()).to_csv(tmp_path / "repeats.csv", index=False)
    for table in (pandas.DataFrame(repeats()), tmp_path / "repeats.csv"):
        assert ifi.repeatability(table).rows() == own.rows()
    path = own.save(tmp_path / "own.csv")
    with pytest.raises(ifi.IFIMeasureError, match="there is such a file already"):
        own.save(path)
    for given in (own, path, str(path)):
        changes = ifi.follow_up(visits, repeatability=given, together=False)
        row = next(r for r in changes.rows() if (r["measurement"], r["side"]) == ("qf_volume", "left"))
        assert row["repeatability_percent"] == pytest.approx(own.result["qf_volume"].rc_percent)
    assert main(["repeatability", str(tmp_path / "repeats.csv"), "--output", str(tmp_path / "command.csv")]) == 0
    assert (tmp_path / "command.csv").read_bytes() == path.read_bytes()


def test_measurements_without_enough_persons_are_named_and_none_at_all_is_refused():
    few = [{"subject": "p1", "measurement": "ifs_axial", "value": value} for value in (17.0, 18.0)]
    own = ifi.repeatability([*repeats(), *few])
    assert list(own.result) == ["qf_volume"] and own.notes[0].startswith("ifs_axial: 1 person was measured twice")
    assert repr(own) == "<Repeatability of qf_volume>" and "qf_volume" in own._repr_html_()
    with pytest.raises(ifi.IFIMeasureError, match="at least two are needed"):
        ifi.repeatability(few)
    with pytest.raises(ifi.IFIMeasureError, match="no column subject"):
        ifi.repeatability([])


def test_the_folder_of_a_study_is_read_as_a_path_or_a_text(visits, tmp_path):
    folder: Path = visits[0].save(tmp_path / "first", "tables")
    rows = ifi.follow_up([str(folder), visits[1]], together=False).rows()
    assert rows == ifi.follow_up(visits, together=False).rows()
