"""The front door for Python: what it shows, what it takes, what it gives, and what it refuses in one sentence."""

from __future__ import annotations

import ast
import datetime
import json
import subprocess
import sys
import time
from pathlib import Path

import IFIMeasureLib as ifi
import numpy as np
import pytest
import SimpleITK as sitk
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.images.grid import LPS_TO_RAS, Grid
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_label_map

DOOR = {
    "measure", "open_study", "segment_muscle", "follow_up", "repeatability", "Study", "Changes", "Repeatability",
    "Measured", "NotMeasurable", "Side", "IFIMeasureError",
}  # fmt: skip

LABELS = {1: "hip_right", 2: "hip_left", 3: "femur_right", 4: "femur_left"}


@pytest.fixture(scope="module")
def bones() -> tuple[np.ndarray, Grid]:
    """Bones of the phantom alone, coarse: label values and their grid."""
    grid = sample_grid((2.0, 2.0, 4.0))
    labels = Phantom(seed=2).label_map(grid)
    labels[labels > 4] = 0
    return labels, grid


@pytest.fixture(scope="module")
def file(bones, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bones") / "bones.nrrd"
    write_label_map(path, *bones, {})
    return path


@pytest.fixture(scope="module")
def study(file) -> ifi.Study:
    return ifi.measure(file, labels=LABELS, date="2024-03-01", sex="F", age_years=40)


def values(study: ifi.Study) -> dict[tuple[str, str], object]:
    return {(row["measurement"], row["side"]): row["value"] or row["reason"] for row in study.rows()}


# -- what it shows


def test_the_package_shows_its_front_door():
    assert set(dir(ifi)) == {*DOOR, "__version__"} == set(ifi.__all__)
    for name in DOOR:
        assert getattr(ifi, name).__module__ in ("IFIMeasureLib.api", "IFIMeasureLib.values")
        assert getattr(ifi, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'meazure'; it has measure"):
        ifi.meazure  # noqa: B018


def test_what_type_checkers_see_is_what_there_is():
    tree = ast.parse(Path(ifi.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert block.test.id == "TYPE_CHECKING"
    assert {alias.asname for node in block.body for alias in node.names} == DOOR
    assert all(alias.asname == alias.name for node in block.body for alias in node.names)  # what mypy takes as public


def best_of(arguments: list[str], times: int = 7) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        best = min(best, time.perf_counter() - start)
    return best


def test_importing_it_and_starting_the_command_take_no_time():
    # The bounds are 0.1 and 0.3 s for a whole process, Python's own start included; the bench holds them to the letter.
    # Here other tests run beside this one, so what Python alone takes now is granted once more.
    bare = best_of(["-c", "pass"])
    assert best_of(["-c", "import IFIMeasureLib"]) < 0.1 + bare
    assert best_of(["-m", "IFIMeasureLib.cli", "--help"]) < 0.3 + bare


def test_nothing_heavy_is_loaded_before_something_is_used():
    code = (
        "import sys, IFIMeasureLib, IFIMeasureLib.cli.main; dir(IFIMeasureLib)\n"
        "sys.modules['IFIMeasureLib.cli.main'].build_parser()\n"
        "print([n for n in ('numpy', 'scipy', 'vtk', 'vtkmodules', 'SimpleITK', 'pydicom') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


# -- what it takes


def test_a_path_an_image_and_an_array_give_the_same_numbers(study, file, bones):
    labels, grid = bones
    image = sitk.ReadImage(str(file))
    for given in (str(file), image, (labels, grid.affine)):
        again = ifi.measure(given, labels=LABELS, sex="F", age_years=40)
        for key, value in values(study).items():
            assert values(again)[key] == value, key


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_an_array_in_another_order_of_axes_gives_the_same_numbers_with_its_affine(study, bones, order):
    labels, grid = bones
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = grid.affine[:3, list(order)], grid.affine[:3, 3]
    again = ifi.measure(
        (np.ascontiguousarray(labels.transpose(order))[:, ::-1], flipped(affine, labels.shape, order)), labels=LABELS
    )
    for name in ("ifs_axial", "ifs_3d", "neck_shaft_angle"):
        for side in ("left", "right"):
            assert again.value(name, side).value == pytest.approx(study.value(name, side).value, abs=1e-9)


def flipped(affine: np.ndarray, shape: tuple[int, ...], order: tuple[int, ...]) -> np.ndarray:
    """The affine of an array whose second axis runs the other way."""
    other = affine.copy()
    other[:3, 3] += other[:3, 1] * (shape[order[1]] - 1)
    other[:3, 1] *= -1
    return other


def test_an_image_as_an_array_is_taken_with_the_segmentation(bones):
    labels, grid = bones
    image = 100.0 * (labels > 0) + np.random.default_rng(1).normal(0, 3, labels.shape)
    study = ifi.measure((labels, grid.affine), (image, grid.affine), labels=LABELS, contrast="t1")
    assert study.result.volume.contrast == "t1" and study.result.volume.array.shape == labels.shape
    with pytest.raises(ifi.IFIMeasureError, match="origin by 30"):
        ifi.measure((labels, grid.affine), (image, moved(grid.affine, 30.0)), labels=LABELS)


def moved(affine: np.ndarray, by: float) -> np.ndarray:
    other = affine.copy()
    other[2, 3] += by
    return other


def sheared(affine: np.ndarray, by: float = 0.02) -> np.ndarray:
    other = affine.copy()
    other[0, 2] += by * other[2, 2]
    return other


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a, m: (a, np.eye(4)), "the identity, which says nothing of the patient's left"),
        (lambda a, m: (a, LPS_TO_RAS), "the identity"),
        (lambda a, m: (a, m[:3]), r"the shape \(3, 4\)"),
        (lambda a, m: (a, m.T), "it may be transposed"),
        (lambda a, m: (a, np.where(m == m[0, 0], np.nan, m)), "no finite number"),
        (lambda a, m: (a, sheared(m)), "88.85 degree apart instead of 90"),
        (lambda a, m: (a, 0.001 * m + np.diag([0, 0, 0, 0.999])), "units look like meters"),
        (lambda a, m: (a, np.diag([0.0, 0, 0, 1]) @ m), "not usable"),
        (lambda a, m: (a[None], m), "has 4 dimensions"),
        (lambda a, m: (a.astype(object), m), "of type object"),
        (lambda a, m: (a + 0.5, m), "not whole numbers"),
        (lambda a, m: (a * 0, m), "the segmentation is empty"),
        (lambda a, m: (a[:0], m), "is 0 x"),
        (lambda a, m: (a.astype(np.uint64) * 2**62, m), "values of up to"),
        (lambda a, m: a, "this is of type ndarray; give a path"),
        (lambda a, m: (a, "affine"), "no finite number"),
        (lambda a, m: sitk.GetImageFromArray(a.transpose(2, 1, 0)), "the identity"),
        (lambda a, m: "nowhere.nii.gz", "there is no such file"),
        (lambda a, m: "", "segmentation is ''; give a path"),
    ],
)
def test_a_geometry_that_says_nothing_or_cannot_be_is_refused(bones, change, sentence):
    with pytest.raises(ifi.IFIMeasureError, match=sentence) as refused:
        ifi.measure(change(bones[0], bones[1].affine), labels=LABELS)
    assert "\n" not in str(refused.value)


def test_a_shear_as_headers_round_it_is_taken(study, bones):
    again = ifi.measure((bones[0], sheared(bones[1].affine, 1e-4)), labels=LABELS)
    assert again.value("ifs_axial", "left").value == pytest.approx(study.value("ifs_axial", "left").value, abs=0.05)


def test_labels_are_taken_as_mapping_text_or_file_and_left_is_never_guessed(study, bones, tmp_path):
    given = (bones[0], bones[1].affine)
    text = json.dumps({str(key): name for key, name in LABELS.items()})
    (tmp_path / "labels.json").write_text(text)
    for labels in (text, tmp_path / "labels.json", str(tmp_path / "labels.json")):
        assert values(ifi.measure(given, labels=labels)).keys() == values(study).keys()
    with pytest.raises(ifi.IFIMeasureError, match="which label is which bone is not known"):
        ifi.measure(given)
    swapped = {1: "hip_left", 2: "hip_right", 3: "femur_left", 4: "femur_right"}
    with pytest.raises(ifi.IFIMeasureError, match="left and right are swapped"):
        ifi.measure(given, labels=swapped)
    with pytest.raises(ifi.IFIMeasureError, match="it is no preset"):
        ifi.measure(given, labels="totalsegmenter")


def test_a_landmark_that_a_person_placed_wins(study, bones):
    given = (bones[0], bones[1].affine)
    place = np.array(study.landmarks[ifi.Side.LEFT]["femoral_head_center"].position_ras_mm) + (-4.0, 0.0, 0.0)
    again = ifi.measure(given, labels=LABELS, landmarks={"left": {"femoral_head_center": place}})
    assert again.landmarks[ifi.Side.LEFT]["femoral_head_center"].state == "manual"
    assert again.value("femoral_offset", "left").value < study.value("femoral_offset", "left").value - 2.0
    assert again.value("femoral_offset", "right") == study.value("femoral_offset", "right")
    unplaced = {"left": {"femoral_head_center": None}}  # as if nothing had been said of it
    assert ifi.measure(given, labels=LABELS, landmarks=unplaced).value("femoral_offset", "left").value == (
        study.value("femoral_offset", "left").value
    )
    everything = ifi.measure(given, labels=LABELS, landmarks=again.landmarks)  # what a study gives, another takes
    assert everything.value("femoral_offset", "left") == again.value("femoral_offset", "left")


@pytest.mark.parametrize(
    ("landmarks", "sentence"),
    [
        ({"up": {}}, "the side is 'up'"),
        ({"left": {"head": (1, 2, 3)}}, "there is no landmark 'head'; there are femoral_head_center"),
        ({"left": {"femoral_head_center": (1, 2)}}, "three finite numbers"),
        ({"left": {"femoral_head_center": (1, 2, float("nan"))}}, "three finite numbers"),
        ({"left": [(1, 2, 3)]}, "give positions by id"),
        ({"left": {"femoral_head_center": (90, 0, 0)}}, "it was placed on the right hip"),
        ([3], "give paths of Slicer markups"),
        ("nowhere.mrk.json", "no such file of landmarks"),
    ],
)
def test_landmarks_that_cannot_be_are_refused(file, landmarks, sentence):
    with pytest.raises(ifi.IFIMeasureError, match=sentence):
        ifi.measure(file, labels=LABELS, landmarks=landmarks)


def test_landmarks_alone_give_angles_and_lengths_and_say_why_there_is_no_space(study):
    alone = ifi.measure(
        landmarks=study.landmarks, side="left", date="2024-03-01", findings=["left:reader_tear=partial"]
    )
    assert alone.value("neck_shaft_angle", "left").value == pytest.approx(study.value("neck_shaft_angle", "left").value)
    assert "no segmentation of the bones" in alone.value("ifs_axial", "left").reason
    assert str(alone.profile().table()["distance_mm"].dtype) == "float64", "a column of numbers is one without any"
    assert alone.date == "2024-03-01" and "no space measured" in repr(alone)
    assert "not measurable: there is no segmentation" in alone._repr_html_()
    with pytest.raises(ifi.IFIMeasureError, match="of landmarks alone has no bones to save; take its values from rows"):
        alone.save("nowhere")
    with pytest.raises(ifi.IFIMeasureError, match="the right side was not asked for; there are 'left'"):
        alone.value("ifs_axial", "right")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"readings": "sr.dcm"}, "readings: points read by hand are not taken yet"),
        ({"contrast": "t1"}, "contrast is 't1', but no image is given"),
        ({"contrast": "pd"}, "contrast is 'pd': it must be one of t1, t2fs, water, in-phase"),
        ({"fat_image": "fat.nii.gz"}, "fat_image needs the image to be the water image"),
        ({"opposed_image": "o.nii.gz", "contrast": "t1"}, "opposed_image needs the image to be the in-phase image"),
        ({"series": 3}, "series is 3, but no image is given"),
        ({"side": "up"}, "side is 'up'"),
        ({"sex": "female"}, "sex is 'female': it must be one of F, M"),
        ({"age_years": 900}, "age_years is 900: it must be years between 0 and 130"),
        ({"height_m": 170}, "height_m is 170: it must be meters"),
        ({"weight_kg": 0.5}, "weight_kg is 0.5: it must be kilograms"),
        ({"labels": ["hip"]}, "labels must be one JSON object that maps labels to structures"),
        ({"date": "first of March"}, "'first of March' is no date"),
        ({"findings": {"left": {"reader_tear": "maybe"}}}, "is one of none, partial, complete"),
        ({"findings": {"left": {"tear": "none"}}}, "there is no finding 'tear'; there are reader_edema"),
        ({"findings": {"up": {"reader_tear": "none"}}}, "the side is left or right"),
        ({"findings": "tear"}, "must read as"),
        ({"findings": 3}, "finding 3: it must read as"),
        ({"findings": {"left": "reader_tear"}}, "a side holds 'reader_tear'"),
        ({"labels": {1: "hip_right", "1": "hip_left"}}, "labels holds the label 1 twice"),
        ({"name": 5}, "name is 5; give a text"),
        ({"image": ""}, "image is ''; give a path"),
    ],
)
def test_arguments_that_cannot_be_get_one_sentence(file, more, sentence):
    with pytest.raises(ifi.IFIMeasureError, match=sentence) as refused:
        ifi.measure(file, **{"labels": LABELS, **more})
    assert "\n" not in str(refused.value) and "--" not in str(refused.value)
    with pytest.raises(ifi.IFIMeasureError, match="neither a segmentation nor a landmark"):
        ifi.measure()
    with pytest.raises(ifi.IFIMeasureError, match="strokes is of type int; give a file of Slicer markups"):
        ifi.segment_muscle(file, file, strokes=3)
    with pytest.raises(ifi.IFIMeasureError, match="contrast is given without a segmentation"):
        ifi.measure(landmarks={"left": {}}, contrast="t1")


# -- what it gives


def test_rows_and_table_are_typed_and_say_why_a_value_is_missing(study):
    rows, table = study.rows(), study.table()
    assert rows.columns[:5] == ["measurement", "title", "side", "value", "unit"] == list(table.columns[:5])
    assert len(rows) == len(table) and rows["value"] == [row["value"] for row in rows]
    by = {(row["measurement"], row["side"]): row for row in rows}
    assert by["ifs_axial", "left"]["value"] == study.value("ifs_axial", "left").value
    assert isinstance(by["ifs_axial", "left"]["slice"], int) and by["ifs_3d", "left"]["slice"] is None
    missing = by["qfs_axial", "left"]
    assert missing["value"] is None and missing["reason"] == study.value("qfs_axial", "left").reason
    assert str(table["value"].dtype) == "float64" and str(table["slice"].dtype) == "Int64"
    assert table["value"].isna().equals(table["status"] == "not_measurable")
    assert (
        table.set_index(["measurement", "side"]).loc[("ifs_axial", "left"), "value"] == by["ifs_axial", "left"]["value"]
    )
    with pytest.raises(ifi.IFIMeasureError, match="no column 'mm'; there are measurement, title"):
        rows["mm"]
    profile = study.profile()
    assert (
        min(
            d
            for d, s, n in zip(profile["distance_mm"], profile["side"], profile["space"])
            if d and (s, n) == ("left", "ifs")
        )
        == by["ifs_axial", "left"]["value"]
    )
    assert "<table>" in rows._repr_html_()


def test_a_value_is_measured_or_says_why_not(study):
    found = study.value("ifs_axial", ifi.Side.LEFT)
    assert isinstance(found, ifi.Measured) and found.unit == "mm" and 5 < found.value < 20
    assert isinstance(study.value("qfs_axial", "right"), ifi.NotMeasurable)
    assert study.value("intertuberous_distance").value > 50
    for call, sentence in (
        (("ifs", "left"), "There is no measurement 'ifs'; known: ifs_axial, ifs_3d"),
        (("ifs_axial",), "say which: there are 'right', 'left'"),
        (("ifs_axial", "both"), "say which: there are 'right', 'left'"),
        (("ifs_axial", "up"), "the side is 'up'; it must be 'left' or 'right'"),
    ):
        with pytest.raises(ifi.IFIMeasureError, match=sentence):
            study.value(*call)


def test_a_side_without_bones_says_so(bones):
    labels = np.where(np.isin(bones[0], (1, 3)), bones[0], 0)
    one = ifi.measure((labels, bones[1].affine), labels={1: "hip_right", 3: "femur_right"})
    assert "there is no hip_left and no femur_left" in one.value("ifs_axial", "left").reason
    assert any("left side: there is no hip_left" in note for note in one.notes)
    assert "not measurable: there is no hip_left" in one._repr_html_()


def test_shown_in_a_notebook_a_study_is_its_two_spaces_and_a_picture(study):
    page = study._repr_html_()
    left, right = (study.value("ifs_axial", side).value for side in ("left", "right"))
    assert f"<b>{left:.1f} mm</b>" in page and "below the published cutoff of 17 mm (Torriani 2009)" in page
    assert page.count("<svg") == 1 and "Quadratus femoris space" in page and "2024-03-01" in page
    assert "<script" not in page and "not measurable" in page
    assert repr(study) == f"<Study 2024-03-01: ifs_axial right {right:.1f} mm, ifs_axial left {left:.1f} mm>"


def test_without_pandas_rows_work_and_a_table_says_what_to_install(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert study.rows()[0]["measurement"] == "ifs_axial"
    with pytest.raises(ifi.IFIMeasureError, match="needs the package pandas, which is not installed"):
        study.table()


def test_without_slicer_it_measures_and_saves_and_only_its_own_files_say_what_is_missing(file, tmp_path):
    code = (
        "import sys; sys.modules['slicer'] = None\n"
        "import IFIMeasureLib as ifi\n"
        f"study = ifi.measure({str(file)!r}, labels={LABELS!r})\n"
        "study._repr_html_(); study.rows(); study.profile()\n"
        "study.save('tables', ['tables', 'report'])\n"
        "try:\n    study.save('scene')\n"
        "except ifi.IFIMeasureError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "need the package slicer-core, which is not installed" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["tables"]
    assert {"study.json", "measurements.csv", "report.html"} <= {p.name for p in (tmp_path / "tables").iterdir()}


# -- saved and opened


def document(folder: Path) -> dict[str, object]:
    """What ``study.json`` holds, less the time and the checksums of files that hold it."""
    content = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key not in ("created", "outputs", "checksum")}


def test_a_study_saved_here_and_one_of_the_command_line_are_equal(file, tmp_path):
    labels = json.dumps({str(key): name for key, name in LABELS.items()})
    asked = ["--side", "left", "--date", "2024-03-01", "--sex", "F", "--age", "40", "--height", "1.6"]
    more = ["--finding", "left:reader_tear=partial", "--export", "tables,landmarks"]
    call = ["measure", "--segmentation", str(file), "--labels", labels, *asked, *more, "--quiet"]
    assert main([*call, "--output", str(tmp_path / "a" / "r")]) == 0
    study = ifi.measure(
        file,
        labels=LABELS,
        side="left",
        date="2024-03-01",
        sex="F",
        age_years=40,
        height_m=1.6,
        findings={"left": {"reader_tear": "partial"}},
    )
    study.save(tmp_path / "b" / "r", ["tables", "landmarks"])
    assert document(tmp_path / "a" / "r") == document(tmp_path / "b" / "r")
    tables = {p.name for p in (tmp_path / "a" / "r").glob("*.csv")}
    assert "measurements.csv" in tables
    for name in tables:
        assert (tmp_path / "a" / "r" / name).read_bytes() == (tmp_path / "b" / "r" / name).read_bytes(), name


def test_a_saved_study_opens_with_the_same_values_and_is_never_replaced_unasked(study, tmp_path):
    folder = study.save(tmp_path / "visit")
    again = ifi.open_study(folder)
    assert again.name == "visit" and again.date == study.date and again.subject == study.subject
    for key, value in values(study).items():
        if isinstance(value, float):
            assert values(again)[key] == pytest.approx(value, abs=1e-3), key
    with pytest.raises(ifi.IFIMeasureError, match="there are results already"):
        study.save(folder)
    study.save(folder, "tables", force=True)
    assert not (folder / "scene.mrb").exists() and (folder / "study.json").exists()
    with pytest.raises(ifi.IFIMeasureError, match="there is no format xls; there are tables"):
        study.save(tmp_path / "other", ["xls"])
    with pytest.raises(ifi.IFIMeasureError, match="no study that IFIMeasure wrote"):
        ifi.open_study(tmp_path)


def test_a_study_is_saved_with_the_changes_against_an_earlier_one(study, file, tmp_path):
    earlier = ifi.measure(file, labels=LABELS, date=datetime.date(2023, 3, 1), name="first")
    study.save(tmp_path / "now", "tables", earlier=earlier)
    assert document(tmp_path / "now")["options"]["earlier"] == ["first"]
    assert "2023-03-01" in (tmp_path / "now" / "follow_up.csv").read_text(encoding="utf-8")
    with pytest.raises(ifi.IFIMeasureError, match="it is of 2024-03-01, after this study"):
        earlier.save(tmp_path / "then", "tables", earlier=[study])
