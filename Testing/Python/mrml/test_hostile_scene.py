"""Scenes open whatever names are in them; damaged ones and those that would fill the memory are refused."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from IFIMeasureLib import api
from IFIMeasureLib.mrml.open_scene import open_study_scene
from IFIMeasureLib.mrml.scene import create_scene, write_scene
from IFIMeasureLib.mrml.study_nodes import StudyNodes
from IFIMeasureLib.study.result import StudyResult
from IFIMeasureLib.values import IFIMeasureError, Side


@pytest.fixture(scope="module")
def result(label_map_file) -> StudyResult:
    return api.measure(label_map_file, side="left").result


def saved(result: StudyResult, path: Path, name: str) -> Path:
    headless = create_scene()
    StudyNodes.of_result(headless.scene, name, result)
    write_scene(headless.scene, path)
    return path


@pytest.fixture(scope="module")
def scene(result, tmp_path_factory) -> Path:
    return saved(result, tmp_path_factory.mktemp("scene") / "scene.mrb", "plain")


@pytest.mark.parametrize(
    ("name", "opened"),
    [
        ("A & B <c> \"q\" 'x' &amp; &lt;", None),
        ("Müller 王 ✓ %41 \u202eabc", None),
        ("a/b\\c:*?|;", None),
        ("..", None),
        ("n" * 300, None),
        ("x\x1b[2Jy\x00\x07", "x[2Jy"),
    ],
)
def test_a_scene_opens_whatever_its_study_is_called(result, tmp_path, name, opened):
    study = open_study_scene(saved(result, tmp_path / "scene.mrb", name))
    tip = study.landmarks[Side.LEFT]["lesser_trochanter_tip"].position_ras_mm
    assert tip == pytest.approx(result.hips[Side.LEFT].landmarks["lesser_trochanter_tip"].position_ras_mm, abs=1e-9)
    assert study.prepared is not None and study.prepared.structures
    if "\x00" not in name:
        assert study.name == (opened or name)


def test_a_name_that_is_no_text_is_refused_before_vtk_ends_the_program(label_map_file, scene, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    with pytest.raises(IFIMeasureError, match=r"xff: the name is not valid UTF-8"):
        api.measure(label_map_file, side="left").save(folder, ("scene", "tables"))
    assert not folder.exists()
    folder.mkdir()
    for path in (folder / "scene.mrb", folder / "scene.mrml"):
        path.write_bytes(scene.read_bytes())
        with pytest.raises(IFIMeasureError, match=r"the name is not valid UTF-8"):
            api.open_study(path)


def test_a_scene_that_would_fill_the_memory_or_the_disk_is_refused(scene, tmp_path, monkeypatch):
    bomb = tmp_path / "bomb.mrb"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("scene/a.nrrd", bytes(1 << 27))
    with monkeypatch.context() as patch:
        patch.setattr("IFIMeasureLib.mrml.scene._MOST_BYTES", 1 << 26)
        with pytest.raises(IFIMeasureError, match=r"bomb\.mrb: the scene holds 0\.1 GiB, more than can be opened"):
            open_study_scene(bomb)
    claims = tmp_path / "claims.mrb"
    with zipfile.ZipFile(scene) as whole, zipfile.ZipFile(claims, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in whole.namelist():
            content = whole.read(name)
            if name.endswith(".seg.nrrd"):
                start = content.index(b"sizes: ")
                end = content.index(b"\n", start)
                content = content[:start] + b"sizes: 9000 9000 9000" + content[end:]
            archive.writestr(name, content)
    with pytest.raises(IFIMeasureError, match=r"claims\.mrb: .*\.seg\.nrrd: .*its header claims"):
        open_study_scene(claims)


def test_an_image_of_a_scene_that_is_cut_off_is_refused(scene, tmp_path):
    cut = tmp_path / "cut.mrb"
    with zipfile.ZipFile(scene) as whole, zipfile.ZipFile(cut, "w") as archive:
        for name in whole.namelist():
            content = whole.read(name)
            archive.writestr(name, content[: len(content) * 2 // 3] if name.endswith(".nrrd") else content)
    with pytest.raises(IFIMeasureError, match=r"cut\.mrb: plain segmentation\.seg\.nrrd: .*incomplete or damaged"):
        open_study_scene(cut)


def test_a_scene_with_names_that_no_disk_takes_is_refused(scene, tmp_path):
    for name in ("n" * 5000, "a/" * 3000 + "b"):
        with zipfile.ZipFile(scene) as whole, zipfile.ZipFile(tmp_path / "long.mrb", "w") as archive:
            archive.writestr(f"scene/{name}", "")
            archive.writestr("scene/scene.mrml", whole.read(whole.namelist()[0]))
        with pytest.raises(IFIMeasureError, match=r"long\.mrb: .*damaged"):
            open_study_scene(tmp_path / "long.mrb")
