"""No place on a person's disk stands in any table, report or result: folders tell of persons."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study

PERSON = "Smith_John_1960"


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, and those in archives, by name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.name, path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
                    for name in archive.namelist():
                        yield f"{path.name}/{name}", archive.read(name)


@pytest.fixture(scope="module")
def person(tmp_path_factory) -> Path:
    """A folder that is called after a person, with everything that a study is measured from."""
    folder = tmp_path_factory.mktemp("disk") / PERSON
    folder.mkdir()
    dicom, segmentation = write_sample_study(folder, Phantom(seed=1), sample_grid((3.0, 3.0, 5.0)))
    labels = sitk.ReadImage(str(segmentation))
    names = {value: name for value, name in Phantom(seed=1).label_names().items() if "quadratus" not in name}
    array = sitk.GetArrayFromImage(labels)
    array[~np.isin(array, list(names))] = 0
    bones = sitk.GetImageFromArray(array)
    bones.CopyInformation(labels)
    sitk.WriteImage(bones, str(folder / "bones.nii.gz"))
    (folder / "labels.json").write_text(json.dumps({str(value): name for value, name in names.items()}))
    assert dicom == folder / "dicom"
    return folder


def test_no_result_holds_the_folder_that_its_inputs_lie_in(person, tmp_path, capsys):
    common = ["--segmentation", str(person / "bones.nii.gz"), "--labels", str(person / "labels.json"), "--series", "2",
              "--contrast", "t1", "--side", "left", "--quiet"]  # fmt: skip
    formats = "tables,report,landmarks,segmentation,scene,workbook,dicom,fhir"
    first = [str(person / "dicom"), *common, "--date", "2024-03-01", "--export", formats, "--output"]
    assert main(["muscle", *first, str(person / "out" / "a")]) == 0, capsys.readouterr().err
    again = ["export", str(person / "out" / "a"), "--export", "tables,report,scene,workbook", "--output"]
    assert main([*again, str(person / "out" / "b")]) == 0
    shutil.copytree(person / "out" / "a", person / "out" / "c")
    document = json.loads((person / "out" / "c" / "study.json").read_text(encoding="utf-8"))
    (person / "out" / "c" / "study.json").write_text(json.dumps({**document, "date": "2025-03-01"}), encoding="utf-8")
    both = [str(person / "out" / name) for name in ("a", "c")]
    assert main(["follow-up", *both, "--as-they-are", "--output", str(person / "changes")]) == 0
    assert main(["collect", *both, "--output", str(person / "all.csv")]) == 0
    assert main(["collect", *both, "--long", "--output", str(person / "long.xlsx")]) == 0
    assert main(["collect", str(person / "out"), "--output", str(person / "out.csv")]) == 0
    for kind in ("out", "changes"):
        shutil.copytree(person / kind, tmp_path / kind)
    for name in ("all.csv", "long.xlsx", "out.csv"):
        shutil.copy(person / name, tmp_path / name)
    looked_at = 0
    for name, content in contents(tmp_path):
        looked_at += 1
        for place in (PERSON, str(person.parent)):
            for encoding in ("utf-8", "utf-16-le"):
                assert place.encode(encoding) not in content, name
    assert looked_at > 60
    for name, studies in (("all.csv", ["a", "c"]), ("out.csv", ["out/a", "out/b", "out/c"])):
        rows = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        assert [row.split(",")[0] for row in rows[1:]] == studies


def test_studies_that_are_called_alike_are_told_apart_by_the_folder_above(person, tmp_path):
    for where in ("x", "y"):
        shutil.copytree(person / "out" / "a", tmp_path / where / "a")
    assert main(["collect", str(tmp_path / "x/a"), str(tmp_path / "y/a"), "--output", str(tmp_path / "t.csv")]) == 0
    rows = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in rows] == ["study", "x/a", "y/a"]
