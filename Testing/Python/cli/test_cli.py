"""The command as a person uses it: its files, its exit codes, and one sentence for every bad input."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cases import SHARED
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.export.formats import OUTPUT_FILES
from IFIMeasureLib.files.markups import read_landmarks
from IFIMeasureLib.files.segmentations import read_segmentation
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.synthetic.sample import sample_grid, write_label_map
from IFIMeasureLib.values import Side

needs_mr = pytest.mark.skipif(not (SHARED / "hip_mr").exists(), reason="the real MR study is not here")

WRITTEN = set(OUTPUT_FILES) - {
    "fat_fraction.nrrd",
    *(f"{table}{ending}" for table in ("fat_histogram", "findings", "follow_up") for ending in (".csv", ".schema.csv")),
    "measurements.xlsx",
    "report.dcm",
    "segmentation.dcm",
    "fhir.json",
    "report.pdf",
    "report_pdf.dcm",
}
"""What a study without Dixon images and without a reader's findings gives, where no workbook is asked for."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run(
        [sys.executable, "-m", "IFIMeasureLib.cli", "demo", "--output", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr and "ERR|" not in done.stderr
    return folder, done.stdout


def rows(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return {(row["measurement"], row["side"]): row for row in csv.DictReader(stream)}


def test_the_demo_writes_every_file_and_agrees_with_its_truth(demo):
    folder, printed = demo
    assert {p.name for p in folder.iterdir()} == {*WRITTEN, "sample"}
    for line in printed.splitlines():
        words = line.split()
        if words and words[0] in ("ifs_axial", "qfs_axial"):
            assert abs(float(words[-1])) < 0.5, line
    table = rows(folder / "measurements.csv")
    assert float(table["ifs_axial", "left"]["value"]) < 15 < float(table["ifs_axial", "right"]["value"])
    assert "below the published cutoff of 17 mm (Torriani 2009)" in table["ifs_axial", "left"]["reference"]


def test_the_report_is_self_contained_and_names_no_patient(demo):
    text = (demo[0] / "report.html").read_text(encoding="utf-8")
    assert "http://" not in text.replace("http://www.w3.org/", "") and "https://" not in text and "<script" not in text
    assert "PHANTOM" not in text and "Phantom" not in text.replace("IFI hip phantom", "")
    assert text.count("<svg") >= 4


def test_the_study_file_tells_where_everything_came_from(demo):
    data = json.loads((demo[0] / "study.json").read_text(encoding="utf-8"))
    assert data["versions"]["ifimeasure"] and data["series"]["uid"].startswith("2.25.")
    assert {i["role"] for i in data["inputs"]} == {"image", "segmentation"}
    assert all(len(i["sha256"]) == 64 for i in data["inputs"])
    assert set(data["outputs"]) == WRITTEN - {"study.json"}


def test_measuring_without_an_image_gives_the_same_numbers(demo, tmp_path, capsys):
    folder, _ = demo
    assert (
        main(
            [
                "measure",
                "--segmentation",
                str(folder / "sample" / "segmentation.seg.nrrd"),
                "--output",
                str(tmp_path / "r"),
                "--quiet",
            ]
        )
        == 0
    )
    first, second = rows(folder / "measurements.csv"), rows(tmp_path / "r" / "measurements.csv")
    assert {k: v["value"] for k, v in first.items() if k[0] != "qf_volume_partial"} == {
        k: v["value"] for k, v in second.items() if k[0] != "qf_volume_partial"
    }
    assert (
        first["qf_volume_partial", "left"]["value"]
        and "needs an image" in second["qf_volume_partial", "left"]["reason"]
    )
    assert capsys.readouterr().out == ""


def test_the_written_segmentation_gives_the_same_numbers_again(demo, tmp_path):
    folder, _ = demo
    assert (
        main(
            [
                "measure",
                "--segmentation",
                str(folder / "segmentation.seg.nrrd"),
                "--output",
                str(tmp_path / "r"),
                "--quiet",
            ]
        )
        == 0
    )
    first, second = rows(folder / "measurements.csv"), rows(tmp_path / "r" / "measurements.csv")
    for key in (("ifs_axial", "left"), ("qfs_3d", "right"), ("femoral_offset", "left")):
        assert float(second[key]["value"]) == pytest.approx(float(first[key]["value"]), abs=1e-3)


def test_a_landmark_moved_by_a_person_wins_and_moves_what_hangs_on_it(demo, tmp_path):
    folder, _ = demo
    document = json.loads((folder / "landmarks_left.mrk.json").read_text())
    for point in document["markups"][0]["controlPoints"]:
        if point["label"] == "Left femoral head center":
            point["position"][0] += 4.0  # LPS: toward the left, so lateral, nearer to the shaft
    (tmp_path / "moved.mrk.json").write_text(json.dumps(document))
    arguments = [
        "measure",
        "--segmentation",
        str(folder / "sample" / "segmentation.seg.nrrd"),
        "--landmarks",
        str(tmp_path / "moved.mrk.json"),
    ]
    assert main([*arguments, "--output", str(tmp_path / "r"), "--quiet"]) == 0
    first, second = rows(folder / "measurements.csv"), rows(tmp_path / "r" / "measurements.csv")
    assert float(second["femoral_offset", "left"]["value"]) - float(
        first["femoral_offset", "left"]["value"]
    ) == pytest.approx(-4.0 * np.cos(np.radians(14)), abs=0.3)
    assert second["femoral_offset", "right"]["value"] == first["femoral_offset", "right"]["value"]
    origins = read_landmarks(tmp_path / "r" / "landmarks_left.mrk.json")[Side.LEFT]
    assert origins["femoral_head_center"].state == "manual" and origins["lesser_trochanter_tip"].state == "automatic"


def test_a_landmark_placed_on_the_other_hip_is_refused_and_nothing_is_written(demo, tmp_path, capsys):
    folder, _ = demo
    document = json.loads((folder / "landmarks_left.mrk.json").read_text())
    for point in document["markups"][0]["controlPoints"]:
        if point["label"] == "Left femoral neck center":
            point["position"][0] *= -1.0  # on the right neck
            point["description"] = ""
    (tmp_path / "moved.mrk.json").write_text(json.dumps(document))
    arguments = [
        "measure",
        "--segmentation",
        str(folder / "sample" / "segmentation.seg.nrrd"),
        "--landmarks",
        str(tmp_path / "moved.mrk.json"),
    ]
    assert main([*arguments, "--output", str(tmp_path / "r"), "--quiet"]) == 1
    assert "Left femoral neck center: it was placed on the right hip; place it again" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_without_tendons_qfs_says_why_and_comes_from_landmarks_when_placed(demo, tmp_path):
    folder, _ = demo
    image = sitk.ReadImage(str(folder / "sample" / "segmentation.seg.nrrd"))
    array = sitk.GetArrayFromImage(image)
    array[array > 4] = 0
    bones = sitk.GetImageFromArray(array)
    bones.CopyInformation(image)
    sitk.WriteImage(bones, str(tmp_path / "bones.nii.gz"))
    labels = json.dumps({"1": "hip_right", "2": "hip_left", "3": "femur_right", "4": "femur_left"})
    arguments = ["measure", "--segmentation", str(tmp_path / "bones.nii.gz"), "--labels", labels, "--quiet"]
    assert main([*arguments, "--output", str(tmp_path / "a")]) == 0
    assert (
        "neither a segment of the hamstring tendon nor its landmark"
        in rows(tmp_path / "a" / "measurements.csv")["qfs_axial", "left"]["reason"]
    )
    document = json.loads((folder / "landmarks_left.mrk.json").read_text())
    for point in document["markups"][0]["controlPoints"]:
        point["description"] = ""
    (tmp_path / "person.mrk.json").write_text(json.dumps(document))
    assert main([*arguments, "--landmarks", str(tmp_path / "person.mrk.json"), "--output", str(tmp_path / "b")]) == 0
    value = float(rows(tmp_path / "b" / "measurements.csv")["qfs_axial", "left"]["value"])
    ours = float(rows(folder / "measurements.csv")["qfs_axial", "left"]["value"])
    assert ours - 0.1 < value < ours + 6


def test_a_folder_of_masks_is_measured_as_totalsegmentator_leaves_it_without_a_mapping(demo, tmp_path, capsys):
    segmentation = read_segmentation(demo[0] / "sample" / "segmentation.seg.nrrd")
    folder = tmp_path / "segmentations"
    folder.mkdir()
    for ref in segmentation.segments:
        mask = (segmentation.layers[ref.layer] == ref.value).astype(np.uint8)
        write_label_map(folder / f"{ref.name}.nii.gz", mask, segmentation.grid, {})
    for name in ("sacrum", "liver"):
        write_label_map(folder / f"{name}.nii.gz", np.zeros_like(mask), segmentation.grid, {})
    (folder / "statistics.json").write_text("{}")
    assert (
        main(
            [
                "measure",
                "--segmentation",
                str(folder),
                "--output",
                str(tmp_path / "out"),
                "--export",
                "tables",
                "--quiet",
            ]
        )
        == 0
    )
    assert (
        main(
            [
                "measure",
                "--segmentation",
                str(demo[0] / "sample" / "segmentation.seg.nrrd"),
                "--output",
                str(tmp_path / "one"),
                "--export",
                "tables",
                "--quiet",
            ]
        )
        == 0
    )
    first, second = (rows(tmp_path / name / "measurements.csv") for name in ("out", "one"))
    for key, row in second.items():
        assert first[key]["value"] == row["value"] or float(first[key]["value"]) == pytest.approx(
            float(row["value"]), abs=1e-4
        ), key
    assert len(json.loads((tmp_path / "out" / "study.json").read_text())["inputs"][0]["sha256"]) == 64
    (folder / "femur_left.nii.gz").rename(folder / "bone7.nii.gz")
    call = [
        "measure",
        "--segmentation",
        str(folder),
        "--output",
        str(tmp_path / "named"),
        "--export",
        "tables",
        "--quiet",
    ]
    assert main([*call, "--labels", json.dumps({"bone7": "femur_left"})]) == 0
    assert rows(tmp_path / "named" / "measurements.csv")["ifs_3d", "left"]["value"] == first["ifs_3d", "left"]["value"]
    (folder / "hamstring_left.nii.gz").rename(
        folder / "semimembranosus_left.nii.gz"
    )  # a muscle, which is no tendon unless someone says so
    assert main([*call, "--labels", json.dumps({"bone7": "femur_left"}), "--force"]) == 0
    assert rows(tmp_path / "named" / "measurements.csv")["qfs_axial", "left"]["status"] == "not_measurable"
    (folder / "bone7.nii.gz").rename(folder / "femur_left.nii.gz")
    assert main([*call, "--force"]) == 0
    without = rows(tmp_path / "named" / "measurements.csv")["qfs_axial", "left"]
    assert without["status"] == "not_measurable" and "hamstring tendon" in without["reason"]
    for path in folder.glob("*_*.nii.gz"):
        path.unlink()
    capsys.readouterr()
    assert main([*call, "--force"]) == 1
    assert "none of its" not in capsys.readouterr().err  # the sacrum's mask is there, but empty
    (folder / "sacrum.nii.gz").unlink()
    assert main([*call, "--force"]) == 1
    assert "none of its 2 files is a mask named as a structure" in capsys.readouterr().err


def test_the_muscle_is_segmented_measured_and_followed_over_time(demo, tmp_path, capsys):
    whole = sitk.ReadImage(str(demo[0] / "sample" / "segmentation.seg.nrrd"))
    array = sitk.GetArrayFromImage(whole)
    array[array > 8] = 0  # the quadratus femoris of both sides is 9 and 10
    bones = sitk.GetImageFromArray(array)
    bones.CopyInformation(whole)
    sitk.WriteImage(bones, str(tmp_path / "bones.nii.gz"), True)
    labels = {
        f"{2 * n + m}": f"{key}_{side}"
        for n, key in enumerate(("hip", "femur", "hamstring", "iliopsoas"))
        for m, side in ((1, "right"), (2, "left"))
    }
    call = [
        "muscle",
        str(demo[0] / "sample" / "dicom"),
        "--series",
        "2",
        "--segmentation",
        str(tmp_path / "bones.nii.gz"),
        "--labels",
        json.dumps(labels),
        "--contrast",
        "t1",
        "--quiet",
    ]
    assert main([*call, "--output", str(tmp_path / "found")]) == 0
    found, true = rows(tmp_path / "found" / "measurements.csv"), rows(demo[0] / "measurements.csv")
    for side in ("left", "right"):
        assert float(found["qf_volume", side]["value"]) == pytest.approx(
            float(true["qf_volume", side]["value"]), rel=0.12
        )
        assert found["qf_fat_fraction", side]["method"].endswith("T1, an estimate")
    again = read_landmarks(tmp_path / "found" / "landmarks_left.mrk.json")
    assert again[Side.LEFT]["lesser_trochanter_tip"].position_ras_mm is not None
    names = [s.name for s in read_segmentation(tmp_path / "found" / "segmentation.seg.nrrd").segments]
    assert {"quadratus_femoris_left", "quadratus_femoris_right"} <= set(names)
    array = sitk.GetArrayFromImage(whole)
    used = np.flatnonzero((array == 9).any((1, 2)))
    for k in used[1:-1:2]:
        array[k][array[k] >= 9] = 0
    sparse = sitk.GetImageFromArray(array)
    sparse.CopyInformation(whole)
    sitk.WriteImage(sparse, str(tmp_path / "sparse.nii.gz"), True)
    labels |= {"9": "quadratus_femoris_right", "10": "quadratus_femoris_left"}
    call[call.index("--segmentation") + 1], call[call.index("--labels") + 1] = (
        str(tmp_path / "sparse.nii.gz"),
        json.dumps(labels),
    )
    assert main([*call, "--output", str(tmp_path / "filled")]) == 0
    filled = rows(tmp_path / "filled" / "measurements.csv")
    assert float(filled["qf_volume", "right"]["value"]) == pytest.approx(
        float(true["qf_volume", "right"]["value"]), rel=0.08
    )  # every other of the 4 mm slices
    assert "those between were filled" in (tmp_path / "filled" / "report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    first, second = str(tmp_path / "found"), str(tmp_path / "again")
    assert (
        main(
            [
                *call[:-1],
                "--side",
                "left",
                "--segmentation",
                str(tmp_path / "bones.nii.gz"),
                "--finding",
                "left:reader_tear=partial",
                "--weight",
                "60",
                "--height",
                "1.6",
                "--quiet",
                "--output",
                second,
            ]
        )
        == 0
    )
    numbers = rows(tmp_path / "again" / "measurements.csv")
    assert float(numbers["qf_volume_index", "left"]["value"]) == pytest.approx(
        float(numbers["qf_volume", "left"]["value"]) / 96
    )
    assert 'reader_tear,"Quadratus femoris, tear",left,partial' in (tmp_path / "again" / "findings.csv").read_text(
        encoding="utf-8"
    )
    dates = ["--dates", "2024-01-01,2025-01-01"]
    assert main(["follow-up", first, second, *dates, "--output", str(tmp_path / "changes")]) == 0
    printed = capsys.readouterr().out
    assert "the quadratus femoris (left) was found in all examinations together" in printed
    assert {p.name for p in (tmp_path / "changes").iterdir()} == {
        "follow_up.csv",
        "follow_up.html",
        "together_2024-01-01.seg.nrrd",
        "together_2025-01-01.seg.nrrd",
    }
    with (tmp_path / "changes" / "follow_up.csv").open(encoding="utf-8", newline="") as stream:
        followed = {(row["measurement"], row["side"]): row for row in csv.DictReader(stream)}
    assert abs(float(followed["qf_volume_partial", "left"]["change_percent"])) < 0.5  # the same images
    assert followed["qf_volume_partial", "left"]["verdict"] == "within measurement error"
    assert "not measured on 2025-01-01" in followed["qf_volume", "right"]["notes"]
    page = (tmp_path / "changes" / "follow_up.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 5 and "volume with partial voxels over time" in page
    assert main(["follow-up", first, second, *dates, "--output", str(tmp_path / "changes")]) == 1
    assert "there are results already" in capsys.readouterr().err
    assert main(["follow-up", first, str(tmp_path), *dates, "--output", str(tmp_path / "other")]) == 1
    assert "this is no study that IFIMeasure wrote" in capsys.readouterr().err and not (tmp_path / "other").exists()


def test_a_labs_own_repeatability_is_computed_and_used(demo, tmp_path, capsys):
    table = tmp_path / "repeats.csv"
    lines = ["subject,measurement,side,value"] + [
        f"p{n},qf_volume,left,{value}" for n in range(6) for value in (20 + n, 20.6 + n)
    ]
    table.write_text("\n".join(lines))
    assert main(["repeatability", str(table), "--output", str(tmp_path / "own.csv")]) == 0
    assert "only 6 persons" in capsys.readouterr().out
    dates = ["--dates", "2024-01-01,2025-01-01", "--as-they-are"]
    assert (
        main(
            [
                "follow-up",
                str(demo[0]),
                str(demo[0]),
                *dates,
                "--repeatability",
                str(tmp_path / "own.csv"),
                "--output",
                str(tmp_path / "changes"),
            ]
        )
        == 0
    )
    with (tmp_path / "changes" / "follow_up.csv").open(encoding="utf-8", newline="") as stream:
        row = next(row for row in csv.DictReader(stream) if row["measurement"] == "qf_volume" and row["side"] == "left")
    assert 4.0 < float(row["repeatability_percent"]) < 6.0  # 0.6 mL apart at 20 to 25 mL
    capsys.readouterr()
    table.write_text("subject,value\np1,3")
    assert main(["repeatability", str(table), "--output", str(tmp_path / "other.csv")]) == 1
    assert "no column measurement" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--contrast", "t1"], "no image is given"),
        (["--fat-image", "fat.nii.gz"], "needs the image to be the water image"),
        (["--opposed-image", "fat.nii.gz"], "needs the image to be the in-phase image"),
        (["--finding", "right:reader_tear=maybe"], "is one of none, partial, complete"),
        (["--finding", "tear"], "must read as"),
        (["--height", "170"], "must be meters"),
    ],
)
def test_image_options_without_their_image_get_one_sentence(demo, tmp_path, capsys, more, message):
    assert (
        main(
            [
                "measure",
                "--segmentation",
                str(demo[0] / "segmentation.seg.nrrd"),
                "--output",
                str(tmp_path / "out"),
                "--quiet",
                *more,
            ]
        )
        == 1
    )
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_existing_results_are_kept_unless_forced(demo, tmp_path, capsys):
    folder, _ = demo
    target = tmp_path / "r"
    target.mkdir()
    (target / "report.html").write_text("mine")
    (target / "notes.txt").write_text("mine too")
    arguments = [
        "measure",
        "--segmentation",
        str(folder / "sample" / "segmentation.seg.nrrd"),
        "--output",
        str(target),
        "--quiet",
    ]
    assert main(arguments) == 1
    assert "--force" in capsys.readouterr().err
    assert (target / "report.html").read_text() == "mine" and len(list(target.iterdir())) == 2
    assert main([*arguments, "--side", "left", "--force"]) == 0
    assert (target / "notes.txt").read_text() == "mine too"
    assert not (target / "landmarks_right.mrk.json").exists()
    assert not list(tmp_path.glob(".*"))


# -- bad input ----------------------------------------------------------------------------------------------


def label_map(path: Path, change=None, spacing=(2.0, 2.0, 4.0), bottom=-136.0, names=None) -> Path:
    from IFIMeasureLib.synthetic.phantom import Phantom

    grid = sample_grid(spacing, bottom_mm=bottom)
    labels = Phantom().label_map(grid)
    labels[labels > 4] = 0
    if change is not None:
        labels, grid = change(labels, grid)
    write_label_map(path, labels, grid, names or {})
    return path


def scaled(grid: Grid, factor: float) -> Grid:
    return Grid(grid.shape, np.diag([factor, factor, factor, 1.0]) @ grid.affine)


def moved(grid: Grid, by: tuple[float, float, float]) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] += by
    return Grid(grid.shape, affine)


BONES = {"1": "hip_right", "2": "hip_left", "3": "femur_right", "4": "femur_left"}
SWAPPED = {"1": "hip_left", "2": "hip_right", "3": "femur_left", "4": "femur_right"}


@pytest.mark.parametrize(
    ("change", "labels", "more", "message"),
    [
        (None, None, [], "which label is which bone is not known; the file holds 1, 2, 3, 4"),
        (None, SWAPPED, [], "left and right are swapped"),
        (None, {"3": "femur_right", "4": "femur_left"}, [], "there is no hip bone"),
        (
            None,
            {"1": "hip_right", "3": "femur_right"},
            ["--side", "left"],
            "there is no hip_left and no femur_left in the segmentation; present are femur_right, hip_right",
        ),
        (None, {**BONES, "9": "femur_right"}, [], None),
        (lambda a, g: (np.where(a == 3, 0, a), g), BONES, ["--side", "right"], "no femur_right"),
        (lambda a, g: (a, scaled(g, 0.001)), BONES, [], "units look like meters"),
        (lambda a, g: (a * 0, g), BONES, [], "the segmentation is empty"),
        (lambda a, g: (a[:, :, 10:11], Grid((a.shape[0], a.shape[1], 1), g.affine)), BONES, [], "single slice"),
        (
            lambda a, g: (a[:, :, 26:], g.cropped((slice(0, a.shape[0]), slice(0, a.shape[1]), slice(26, a.shape[2])))),
            BONES,
            [],
            "field of view ends above the lesser trochanter",
        ),
    ],
)
def test_bad_segmentations_get_one_sentence_and_leave_nothing(tmp_path, capsys, change, labels, more, message):
    path = label_map(tmp_path / "seg.nrrd", change)
    arguments = ["measure", "--segmentation", str(path), "--output", str(tmp_path / "out" / "deep"), "--quiet", *more]
    if labels:
        arguments += ["--labels", json.dumps(labels)]
    code = main(arguments)
    error = capsys.readouterr().err
    if message is None:
        assert code == 0, error
        return
    assert code == 1
    assert message in error
    assert error.count("\n") == 1 and "Traceback" not in error
    assert {p.name for p in tmp_path.iterdir()} == {"seg.nrrd"}


def test_an_image_that_lies_elsewhere_is_refused_and_a_finer_one_is_not(tmp_path, capsys):
    seg = label_map(tmp_path / "seg.nrrd")
    label_map(tmp_path / "shifted.nrrd", lambda a, g: (a, moved(g, (15.0, 0.0, 0.0))))
    label_map(tmp_path / "finer.nrrd", spacing=(1.0, 1.0, 4.0))
    arguments = ["--segmentation", str(seg), "--labels", json.dumps(BONES)]
    assert main(["measure", str(tmp_path / "shifted.nrrd"), *arguments, "--output", str(tmp_path / "a")]) == 1
    error = capsys.readouterr().err
    assert (
        "origin by 15.00 mm" in error
        and "best when moved by 1" in error
        and error.endswith("(--register or --same-place).\n")
    )
    assert not (tmp_path / "a").exists()
    assert main(["measure", str(tmp_path / "finer.nrrd"), *arguments, "--output", str(tmp_path / "b")]) == 0
    assert "measured on the segmentation's grid" in capsys.readouterr().out


def test_an_unsided_label_of_both_hip_bones_is_split(tmp_path, capsys):
    sided = label_map(tmp_path / "sided.nrrd")
    joined = label_map(tmp_path / "joined.nrrd", lambda a, g: (np.where(a == 2, 1, a), g))
    assert (
        main(
            [
                "measure",
                "--segmentation",
                str(sided),
                "--labels",
                json.dumps(BONES),
                "--output",
                str(tmp_path / "a"),
                "--quiet",
            ]
        )
        == 0
    )
    labels = json.dumps({"1": "hip", "3": "femur_right", "4": "femur_left"})
    assert (
        main(["measure", "--segmentation", str(joined), "--labels", labels, "--output", str(tmp_path / "b"), "--quiet"])
        == 0
    )
    a, b = rows(tmp_path / "a" / "measurements.csv"), rows(tmp_path / "b" / "measurements.csv")
    for side in ("left", "right"):
        assert float(b["ifs_axial", side]["value"]) == pytest.approx(float(a["ifs_axial", side]["value"]), abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["measure", "--segmentation", "{tmp}/none.nrrd", "--output", "{tmp}/o"], "there is no such file"),
        (["measure", "--segmentation", "{tmp}/text.nrrd", "--output", "{tmp}/o"], "not an image"),
        (["measure", "--segmentation", "{tmp}/text.nrrd", "--output", "{tmp}/text.nrrd"], "this is a file"),
        (
            [
                "measure",
                "{tmp}",
                "--segmentation",
                "{tmp}/seg.nrrd",
                "--labels",
                "totalsegmentator",
                "--output",
                "{tmp}/o",
            ],
            "no DICOM image",
        ),
        (["measure", "--segmentation", "{tmp}/seg.nrrd", "--series", "3", "--output", "{tmp}/o"], "no image is given"),
        (
            ["measure", "--segmentation", "{tmp}/seg.nrrd", "--age", "900", "--output", "{tmp}/o"],
            "age_years is 900: it must be years between 0 and 130 (--age)",
        ),
        (
            [
                "measure",
                "--segmentation",
                "{tmp}/seg.nrrd",
                "--landmarks",
                "{tmp}/none.mrk.json",
                "--output",
                "{tmp}/o",
            ],
            "no such file of landmarks",
        ),
        (["series", "{tmp}/nowhere"], "there is no such folder"),
        (["landmarks", "--output", "{tmp}/a.txt"], "must end with .mrk.json"),
    ],
)
def test_bad_arguments_get_one_sentence(tmp_path, capsys, arguments, message):
    (tmp_path / "text.nrrd").write_text("no image at all")
    label_map(tmp_path / "seg.nrrd", spacing=(6.0, 6.0, 12.0))
    before = sorted(p.name for p in tmp_path.iterdir())
    assert main([a.replace("{tmp}", str(tmp_path)) for a in arguments]) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("  ")]
    assert len(error) == 1 and message in error[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_wrong_usage_exits_with_2():
    for arguments in ([], ["measure"], ["measure", "--side", "up", "--segmentation", "x", "--output", "y"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("runuser"), reason="needs an ordinary user")
def test_a_full_or_forbidden_folder_leaves_nothing(tmp_path, capsys, monkeypatch):
    seg = label_map(tmp_path / "seg.nrrd")

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "o"))

    monkeypatch.setattr("IFIMeasureLib.mrml.scene.write_scene", full)
    assert (
        main(
            [
                "measure",
                "--segmentation",
                str(seg),
                "--labels",
                json.dumps(BONES),
                "--output",
                str(tmp_path / "o"),
                "--quiet",
            ]
        )
        == 1
    )
    assert "No space left on device" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["seg.nrrd"]


def test_the_template_has_every_landmark_of_both_sides_unplaced(tmp_path, capsys):
    from IFIMeasureLib.anatomy.landmarks import landmark_definitions

    path = tmp_path / "template.mrk.json"
    assert main(["landmarks", "--output", str(path)]) == 0
    points = json.loads(path.read_text())["markups"][0]["controlPoints"]
    assert len(points) == 2 * len(landmark_definitions()) and {p["positionStatus"] for p in points} == {"undefined"}
    assert main(["landmarks", "--output", str(path)]) == 1
    assert "--force" in capsys.readouterr().err


@needs_mr
def test_the_real_study_is_measured_from_its_folder(tmp_path, capsys):
    labels = json.dumps({"1": "hip", "2": "femur_right", "3": "femur_left"})
    arguments = [
        "measure",
        str(SHARED / "hip_mr" / "dicom"),
        "--segmentation",
        str(SHARED / "hip_mr" / "bone_contours.nii.gz"),
        "--labels",
        labels,
    ]
    assert main([*arguments, "--output", str(tmp_path / "r")]) == 0
    table = rows(tmp_path / "r" / "measurements.csv")
    for side in ("left", "right"):
        assert 10 < float(table["ifs_axial", side]["value"]) < 40
        # slices that show the lesser trochanter and the tuberosity are files 13 to 16, numbers 2 to 5 from the feet
        assert 2 <= int(table["ifs_axial", side]["slice"]) <= 5
    data = json.loads((tmp_path / "r" / "study.json").read_text())
    assert data["series"]["number"] == "6" and data["subject"] == {
        "sex": "F",
        "age_years": 9.0,
        "height_m": None,
        "weight_kg": 35.0,
    }
    assert (
        "14.9 mm for edema of the quadratus femoris, not impingement (Goldberg-Stein 2018)"
        in table["ifs_axial", "left"]["reference"]
    )


@pytest.mark.skipif(not (SHARED / "not_a_hip").exists(), reason="the scans without hips are not here")
def test_a_scan_that_is_no_hip_is_refused(tmp_path, capsys):
    ct = SHARED / "not_a_hip" / "ct_ends_above_lesser_trochanter" / "example_ct.nii.gz"
    assert (
        main(["measure", "--segmentation", str(ct), "--labels", "totalsegmentator", "--output", str(tmp_path / "r")])
        == 1
    )
    assert "give the segmentation, not the image" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
