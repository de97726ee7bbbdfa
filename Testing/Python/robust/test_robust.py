"""Whatever is wrong with a file or an answer: no traceback, no hang, nothing silently changed.

In continuous integration each kind is tried some dozen times, always alike; ``make robust`` tries at least 2,000 times.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hostile_archive import INSTANCE, STUDY, Answer, file_of, image, listed, multipart, running
from hypothesis import given
from hypothesis import strategies as st
from IFIMeasureLib import api
from IFIMeasureLib.export.archive import pull_study, read_archive
from IFIMeasureLib.files.given import given_landmarks, given_segmentation, given_volume
from IFIMeasureLib.files.results import from_document, read_study
from IFIMeasureLib.images.masks import Segmentation
from IFIMeasureLib.mrml.open_scene import open_study_scene
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study
from IFIMeasureLib.values import IFIMeasureError
from robust.mutations import OUTCOMES, command, edited, edits, json_bytes, odd, odd_places, read, runs

FORMATS = ("tables", "landmarks", "segmentation", "scene", "dicom")


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    """A small sample study with everything that is written of it."""
    folder = tmp_path_factory.mktemp("sample")
    dicom, segmentation = write_sample_study(folder, Phantom(seed=1), sample_grid((3.0, 3.0, 5.0)))
    study = api.measure(segmentation, dicom, series=2, side="left", contrast="t1", date="2024-03-01")
    study.save(folder / "results", FORMATS)
    (folder / "series").mkdir()
    for path in study.result.volume.files:
        shutil.copy(path, folder / "series")
    return folder


@pytest.fixture(scope="module", autouse=True)
def told() -> Iterator[None]:
    """Say how many runs there were, and what came of them."""
    yield
    print("\n" + "\n".join(f"{kind:24} {outcome:8} {n:5}" for (kind, outcome), n in sorted(OUTCOMES.items())))
    print(f"{sum(OUTCOMES.values())} runs")


def same_segmentation(one: Segmentation, other: Segmentation) -> bool:
    return (
        np.allclose(one.grid.affine, other.grid.affine, atol=1e-6)
        and len(one.layers) == len(other.layers)
        and all(np.array_equal(a, b) for a, b in zip(one.layers, other.layers))
    )


# -- study.json


@runs(25)
@given(places=odd_places())
def test_a_study_with_odd_values_is_refused_or_named_and_a_table_of_others_stands(sample, tmp_path_factory, places):
    folder = tmp_path_factory.mktemp("cohort")
    for name in ("a", "b"):
        (folder / name).mkdir()
        shutil.copy(sample / "results" / "study.json", folder / name)
    whole = json.loads((folder / "a" / "study.json").read_text(encoding="utf-8"))
    document = odd(whole, places)
    (folder / "b" / "study.json").write_bytes(json_bytes(document))
    assert command("study.json, collect", "collect", folder, "--output", folder / "all.csv") == 0
    assert "\n" in (folder / "all.csv").read_text(encoding="utf-8")
    command("study.json, collect", "collect", folder, "--long", "--output", folder / "long.xlsx")
    saved = read("study.json", lambda: read_study(folder / "b" / "study.json"))
    if saved is not None and not saved.altered and "checksum" in document:
        assert json_bytes(document) == json_bytes(whole)
    both = [folder / "a", folder / "b", "--dates", "2024-03-01,2025-03-01", "--as-they-are", "--output", folder / "o"]
    command("study.json, follow-up", "follow-up", *both)
    shutil.rmtree(folder)


@runs(40)
@given(changes=edits())
def test_a_study_whose_bytes_are_damaged_is_refused_or_noticed(sample, tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("study") / "study.json"
    content = (sample / "results" / "study.json").read_bytes()
    path.write_bytes(edited(content, changes))
    saved = read("study.json", lambda: read_study(path))
    if saved is not None and not saved.altered and b'"checksum"' in path.read_bytes():
        assert json.loads(path.read_bytes()) == json.loads(content)


@runs(4)
@given(places=odd_places())
def test_a_folder_with_an_odd_study_is_measured_again_or_refused(sample, tmp_path_factory, places):
    folder = tmp_path_factory.mktemp("again")
    shutil.copytree(sample / "results", folder / "a")
    document = json.loads((folder / "a" / "study.json").read_text(encoding="utf-8"))
    (folder / "a" / "study.json").write_bytes(json_bytes(odd(document, places)))
    command("study.json, export", "export", folder / "a", "--export", "tables,report", "--output", folder / "o")
    shutil.rmtree(folder)


# -- landmarks


@runs(40)
@given(places=odd_places(), changes=edits(), as_bytes=st.booleans())
def test_markups_that_are_odd_are_read_or_refused(sample, tmp_path_factory, places, changes, as_bytes):
    whole = (sample / "results" / "landmarks_left.mrk.json").read_bytes()
    path = tmp_path_factory.mktemp("points") / "points.mrk.json"
    path.write_bytes(edited(whole, changes) if as_bytes else json_bytes(odd(json.loads(whole), places)))
    found = read("mrk.json", lambda: given_landmarks(path))
    for landmarks in (found or {}).values():
        for landmark in landmarks.values():
            assert landmark.position_ras_mm is None or np.isfinite(landmark.position_ras_mm).all()


@runs(3)
@given(places=odd_places())
def test_a_study_with_odd_markups_is_measured_or_refused(sample, tmp_path_factory, places):
    folder = tmp_path_factory.mktemp("points")
    whole = json.loads((sample / "results" / "landmarks_left.mrk.json").read_text(encoding="utf-8"))
    (folder / "points.mrk.json").write_bytes(json_bytes(odd(whole, places)))
    command(
        "mrk.json, measure", "measure", "--segmentation", sample / "segmentation.seg.nrrd", "--side", "left",
        "--landmarks", folder / "points.mrk.json", "--export", "tables", "--output", folder / "o", "--quiet",
    )  # fmt: skip
    shutil.rmtree(folder)


# -- images


def written(sample: Path, name: str) -> Path:
    """The sample's label map in another format."""
    path = sample / name
    if not path.exists():
        labels = sitk.ReadImage(str(sample / "segmentation.seg.nrrd"))
        plain = sitk.GetImageFromArray(sitk.GetArrayFromImage(labels))
        plain.CopyInformation(labels)
        sitk.WriteImage(plain, str(path), useCompression=not name.endswith((".nii", "raw.mha", "raw.nrrd")))
    return path


IMAGES = ("labels.nii", "labels.nii.gz", "labels.mha", "raw.mha", "raw.nrrd", "segmentation.seg.nrrd")


def begins(name: str, content: bytes) -> int:
    """Where the voxels begin."""
    if name.endswith(".nii"):
        return 352
    if name.endswith(".mha"):
        return content.index(b"LOCAL\n") + 6
    return content.index(b"\n\n") + 2 if name.endswith("nrrd") else 10


@pytest.mark.parametrize("name", IMAGES)
@runs(15)
@given(changes=edits(1, ("cut",)))
def test_an_image_that_was_cut_off_is_refused(sample, tmp_path_factory, name, changes):
    content = written(sample, name).read_bytes()
    path = tmp_path_factory.mktemp("cut") / name
    path.write_bytes(edited(content, changes))
    found = read(f"{name}, cut", lambda: given_segmentation(path))
    if found is not None:
        assert same_segmentation(found, given_segmentation(sample / name))


@pytest.mark.parametrize("name", [name for name in IMAGES if not name.endswith(".nii") and "raw" not in name])
@runs(15)
@given(changes=edits(2, ("flip", "zero", "write", "remove", "insert", "repeat")))
def test_compressed_voxels_that_were_damaged_are_refused(sample, tmp_path_factory, name, changes):
    content = written(sample, name).read_bytes()
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(edited(content, changes, begins(name, content)))
    found = read(f"{name}, voxels", lambda: given_segmentation(path))
    if found is not None:
        assert same_segmentation(found, given_segmentation(sample / name))


@pytest.mark.parametrize("name", IMAGES)
@runs(12)
@given(changes=edits(3))
def test_a_damaged_header_ends_in_no_traceback(sample, tmp_path_factory, name, changes):
    content = written(sample, name).read_bytes()
    header = content if name != "labels.nii.gz" else zlib.decompress(content, 31)
    first = 352 if "nii" in name else begins(name, content)
    done = edited(header, changes, 0, first)
    if name == "labels.nii.gz":
        packer = zlib.compressobj(1, wbits=31)
        done = packer.compress(done) + packer.flush()
    path = tmp_path_factory.mktemp("header") / name
    path.write_bytes(done)
    read(f"{name}, header", lambda: given_segmentation(path))
    read(f"{name}, header", lambda: given_volume(path, "image"))


# -- DICOM


@runs(25)
@given(changes=edits(), file=st.integers(0, 1000), whole_header=st.booleans())
def test_a_series_with_a_damaged_file_is_listed_and_read_or_refused(
    sample, tmp_path_factory, changes, file, whole_header
):
    folder = tmp_path_factory.mktemp("dicom")
    shutil.copytree(sample / "series", folder / "s")
    paths = sorted((folder / "s").iterdir())
    path = paths[file % len(paths)]
    content = path.read_bytes()
    path.write_bytes(edited(content, changes, 0, None if whole_header else 2000))
    command("DICOM, series", "series", folder / "s")
    found = read("DICOM", lambda: given_volume(folder / "s", "image"))
    if found is not None and all(change[0] == "cut" for change in changes):
        good = given_volume(sample / "series", "image")[0]
        assert np.array_equal(found[0].array, good.array) and np.allclose(found[0].grid.affine, good.grid.affine)
    shutil.rmtree(folder)


@runs(15)
@given(changes=edits())
def test_a_damaged_dicom_segmentation_is_read_or_refused(sample, tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("seg") / "segmentation.dcm"
    content = (sample / "results" / "segmentation.dcm").read_bytes()
    path.write_bytes(edited(content, changes))
    found = read("DICOM SEG", lambda: given_segmentation(path))
    if found is not None and all(change[0] == "cut" for change in changes):
        assert same_segmentation(found, given_segmentation(sample / "results" / "segmentation.dcm"))


@runs(15)
@given(changes=edits())
def test_a_damaged_report_is_shown_or_refused(sample, tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("report") / "report.dcm"
    path.write_bytes(edited((sample / "results" / "report.dcm").read_bytes(), changes))
    command("DICOM SR, show", "show", path)


# -- scenes


@runs(3)
@given(changes=edits())
def test_a_damaged_scene_is_opened_or_refused(sample, tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("scene") / "scene.mrb"
    path.write_bytes(edited((sample / "results" / "scene.mrb").read_bytes(), changes))
    read("scene.mrb", lambda: open_study_scene(path))


# -- tables


@runs(20)
@given(changes=edits(), cell=st.text(max_size=10))
def test_a_damaged_table_of_repeats_is_computed_or_refused(tmp_path_factory, changes, cell):
    folder = tmp_path_factory.mktemp("table")
    text = "subject,measurement,side,value\n" + "".join(
        f"{cell if n == 5 else n // 2},qf_volume,left,{n + 0.5}\n" for n in range(12)
    )
    (folder / "repeats.csv").write_bytes(edited(text.encode("utf-8", "replace"), changes))
    command("repeatability", "repeatability", folder / "repeats.csv", "--output", folder / "out.csv")


# -- archive


@pytest.fixture(scope="module")
def server():
    with running() as server:
        yield server


@runs(40)
@given(changes=edits(), places=odd_places(), which=st.sampled_from(("list", "odd list", "object", "cut")))
def test_what_an_archive_sends_is_what_was_asked_for_or_refused(server, tmp_path_factory, changes, places, which):
    folder = tmp_path_factory.mktemp("archive")
    whole, answer = file_of(image()), listed(INSTANCE)
    if which == "list":
        answer = Answer(edited(answer.body, changes))
    elif which == "odd list":
        answer = Answer(json_bytes(odd(json.loads(answer.body), places)))
    elif which == "cut":
        whole = edited(whole, [("cut", *change[1:]) for change in changes])
    else:
        whole = edited(whole, changes, 0, whole.index(b"\xe0\x7f\x10\x00"))

    def served(method: str, path: str) -> Answer:
        if f"/instances/{INSTANCE}" in path:
            return multipart(whole)
        return Answer(b"[]") if "offset=" in path else answer

    server.answer = served
    count = read("archive", lambda: pull_study(read_archive(server.url), STUDY, folder / "a"))
    assert (folder / "a").exists() == (count is not None)
    if count is not None:
        (path,) = (folder / "a").iterdir()
        got = pydicom.dcmread(path)
        assert str(got.SOPInstanceUID) == INSTANCE and str(got.StudyInstanceUID) == STUDY
        if which != "object":
            assert got.PixelData == image().PixelData


def test_a_document_nested_as_deep_as_memory_allows_is_refused(sample, tmp_path):
    content = (sample / "results" / "study.json").read_text(encoding="utf-8")
    for depth in (1_000, 100_000):
        (tmp_path / "study.json").write_text(content.replace('"notes": [', f'"notes": [{"[" * depth}{"]" * depth}, '))
        assert read("study.json", lambda: read_study(tmp_path / "study.json")) is None
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    document = json.loads(content)
    for key in document:
        if key != "format":
            read("study.json", lambda key=key: from_document({**document, key: deep}, "study.json"))
    while deep:  # else its end would be as deep
        deep = deep.pop()  # type: ignore[assignment]


@pytest.mark.parametrize("away", [1e4, 1e8, 1e300])
def test_a_landmark_that_lies_far_from_every_bone_is_refused(sample, tmp_path, away):
    document = json.loads((sample / "results" / "landmarks_left.mrk.json").read_text(encoding="utf-8"))
    tip = next(p for p in document["markups"][0]["controlPoints"] if "lesser trochanter tip" in p["label"].lower())
    tip.update(position=[away, 0.0, 0.0], description="")
    (tmp_path / "points.mrk.json").write_text(json.dumps(document))
    with pytest.raises(IFIMeasureError, match=r"trochanter tip: it lies .* m outside the segmentation; it is"):
        api.measure(sample / "segmentation.seg.nrrd", side="left", landmarks=tmp_path / "points.mrk.json")
