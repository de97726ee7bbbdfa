"""A folder of results whose files are not of one run is noticed; landmarks that a person edited are named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from IFIMeasureLib import api
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.values import IFIMeasureError, Side


@pytest.fixture(scope="module")
def kept(label_map_file, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "study"
    api.measure(label_map_file, side="left", date="2024-03-01").save(folder, ("tables", "landmarks", "segmentation"))
    return folder


@pytest.fixture
def folder(kept, tmp_path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "study"))


def edited(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_folder_as_it_was_written_has_no_remark(folder, tmp_path, capsys):
    study = api.open_study(folder)
    assert not [note for note in study.notes if "written" in note or "edited" in note]
    assert main(["collect", str(folder), "--output", str(tmp_path / "all.csv")]) == 0
    assert capsys.readouterr().err == ""


def test_a_segmentation_of_another_run_is_refused(folder, tmp_path, capsys):
    with (folder / "segmentation.seg.nrrd").open("ab") as stream:
        stream.write(b"\0")
    for call in (
        ["export", str(folder), "--output", str(tmp_path / "out")],
        ["follow-up", str(folder), str(folder), "--dates", "2024-03-01,2025-03-01", "--output", str(tmp_path / "out")],
    ):
        assert main(call) == 1
        said = capsys.readouterr().err
        assert f"{folder}: segmentation.seg.nrrd is not what study.json was written with" in said, said
    assert not (tmp_path / "out").exists()


def test_tables_of_another_run_and_a_study_changed_by_hand_are_named(folder, tmp_path, capsys):
    edited(folder, "measurements.csv", "measured", "measured ")
    edited(folder, "study.json", '"2024-03-01"', '"2024-03-02"')
    (folder / "report.html").write_text("of another run")
    assert main(["collect", str(folder), "--output", str(tmp_path / "all.csv")]) == 0
    said = capsys.readouterr().err
    assert "measurements.csv, report.html are not what study.json was written with" in said
    assert "study.json of study: it was changed after it was written" in said
    notes = " ".join(api.open_study(folder).notes)
    assert "measurements.csv, report.html" in notes and "it was changed after it was written" in notes
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    changes = api.follow_up([folder, other], dates=["2024-03-01", "2025-03-01"], together=False)
    assert sum("was changed after it was written" in warning for warning in changes.warnings) == 2


def test_a_landmark_that_a_person_edited_in_the_folder_is_named_and_used(folder):
    path = folder / "landmarks_left.mrk.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    points = document["markups"][0]["controlPoints"]
    tip = next(point for point in points if "esser trochanter tip" in point["label"])
    tip["position"][2] += 4.0
    tip["description"] = ""
    path.write_text(json.dumps(document), encoding="utf-8")
    study = api.open_study(folder)
    assert "landmarks of the left side that were edited in the folder: Lesser trochanter tip" in study.notes
    assert any("landmarks_left.mrk.json is not what study.json was written with" in note for note in study.notes)
    assert study.landmarks[Side.LEFT]["lesser_trochanter_tip"].position_ras_mm[2] == pytest.approx(tip["position"][2])


def test_a_study_that_was_laid_out_anew_is_not_changed(folder):
    document = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    (folder / "study.json").write_text(json.dumps(document, sort_keys=True), encoding="utf-8")
    assert not [note for note in api.open_study(folder).notes if "changed" in note]


def test_a_folder_with_a_missing_file_is_opened_as_before(folder):
    (folder / "measurements.csv").unlink()
    assert not [note for note in api.open_study(folder).notes if "written" in note]


def test_a_mixture_of_two_studies_is_refused(folder, label_map_file, tmp_path):
    other = tmp_path / "other"
    api.measure(label_map_file, side="right").save(other, ("segmentation",))
    shutil.copy(other / "study.json", folder / "study.json")
    with pytest.raises(IFIMeasureError, match="or of another run; measure the study again"):
        api.open_study(folder)
