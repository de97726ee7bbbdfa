"""The package as pip installs it: what its wheel and sdist hold and ask for, and that it runs outside the checkout."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

SHIPPED_WITH_SLICER = {"numpy", "scipy", "simpleitk", "vtk", "slicer-core", "pydicom"}


def run(call: Sequence[object], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    return subprocess.run(
        [str(word) for word in call], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """The sdist of the checkout, and the wheel that is made from the sdist alone."""
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "--directory", folder, "--target"]
    done = run([*build, "sdist"], ROOT)
    assert done.returncode == 0, done.stderr
    sdist = next(folder.glob("*.tar.gz"))
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data") if sys.version_info >= (3, 12) else archive.extractall(
            folder / "unpacked"
        )
    done = run([*build, "wheel"], next((folder / "unpacked").iterdir()))
    assert done.returncode == 0, done.stderr
    return sdist, next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def metadata(built) -> Message:
    with zipfile.ZipFile(built[1]) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(wheel.read(name))


def environment(folder: Path, wheel: Path, see: bool) -> Path:
    """A fresh virtual environment with the wheel in it; where ``see``, it sees the packages of this one besides."""
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "--quiet"]
    done = run([*install, "--no-deps", "--no-index", wheel], folder)
    assert done.returncode == 0, done.stderr
    if see:
        where = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).stdout.strip()
        (Path(where) / "packages_of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def requirements(metadata: Message) -> list[tuple[str, str, str]]:
    """Name, versions and extra (empty where it is needed always) of everything the package asks for."""
    found = []
    for line in metadata.get_all("Requires-Dist", []):
        asked, _, marker = line.partition(";")
        name = re.match(r"[A-Za-z0-9_.-]+", asked).group(0)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", marker)
        found.append((name.lower(), asked[len(name) :].strip(), extra.group(1) if extra else ""))
    return found


def test_installing_it_in_slicer_replaces_nothing_that_slicer_ships(metadata):
    of = requirements(metadata)
    assert not [name for name, _, extra in of if extra == ""]
    standalone = {name for name, _, extra in of if extra == "standalone"}
    assert standalone == SHIPPED_WITH_SLICER | {"highdicom", "openpyxl"}
    for name, _, extra in of:
        assert name not in SHIPPED_WITH_SLICER or extra == "standalone", f"{extra} brings {name}"


def test_every_requirement_has_an_upper_bound(metadata):
    for name, versions, extra in requirements(metadata):
        assert "<" in versions, f"{name} of {extra} has no upper bound"
    assert set(metadata.get_all("Provides-Extra")) == {
        "standalone", "dicom", "workbook", "notebook", "statistics", "parquet", "pdf", "archive", "test",
    }  # fmt: skip


def test_the_metadata_say_what_it_is(metadata, built):
    assert metadata["Name"] == "ifimeasure" and metadata["Version"] in built[1].name
    assert metadata["License-Expression"] == "MIT" and metadata["License-File"] == "LICENSE.txt"
    assert metadata["Requires-Python"] == "<3.14,>=3.10"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# IFIMeasure")
    with zipfile.ZipFile(built[1]) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
        assert "ifimeasure = IFIMeasureLib.cli:main" in wheel.read(name).decode()


def test_the_wheel_holds_every_module_and_resource_and_nothing_else(built):
    module = ROOT / "IFIMeasure"
    wanted = {
        str(path.relative_to(module))
        for pattern in ("*.py", "py.typed")
        for path in (module / "IFIMeasureLib").rglob(pattern)
    } | {f"IFIMeasureLib/{path.relative_to(module)}" for path in (module / "Resources").rglob("*") if path.is_file()}
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == wanted
    with tarfile.open(built[0]) as sdist:
        held = {name.split("/", 1)[1] for name in sdist.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE.txt", "CHANGELOG.md", "CITATION.cff"} <= held
    assert not any(name.startswith(("Testing", ".venv", "out")) for name in held)


def test_installed_it_runs_measures_and_finds_its_resources(built, tmp_path):
    python = environment(tmp_path / "venv", built[1], True)
    command = python.with_name("ifimeasure")
    done = run([command, "--version"], tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("ifimeasure 0."), done.stderr
    code = (
        "import pathlib, sys, IFIMeasureLib as ifi\n"
        "from IFIMeasureLib.resources import resource_path\n"
        "home = pathlib.Path(ifi.__file__).parent\n"
        "assert home.is_relative_to(sys.prefix), home\n"
        "assert (home / 'py.typed').is_file() and resource_path('Definitions/landmarks.json').is_relative_to(home)\n"
        "points = {'femoral_head_center': (-90, 0, 0), 'femoral_neck_center': (-110, 0, -20),\n"
        "    'shaft_axis_proximal': (-120, 0, -60), 'shaft_axis_distal': (-120, 0, -120)}\n"
        "study = ifi.measure(landmarks={'left': points})\n"
        "print(study.value('neck_shaft_angle', 'left').value)\n"
    )
    done = run([python, "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(135.0)
    done = run([command, "landmarks", "--output", "template.mrk.json"], tmp_path)
    assert done.returncode == 0 and (tmp_path / "template.mrk.json").is_file(), done.stderr


def test_without_the_packages_of_slicer_each_command_says_what_to_install(built, tmp_path):
    python = environment(tmp_path / "venv", built[1], False)
    command = python.with_name("ifimeasure")
    assert run([command, "--help"], tmp_path).returncode == 0
    for arguments in (["series", "."], ["demo", "--output", "o"], ["show", "x.dcm"]):
        done = run([command, *arguments], tmp_path)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert "numpy, scipy, SimpleITK, vtk, pydicom" in done.stderr
        assert "pip install 'ifimeasure[standalone]'" in done.stderr
    done = run([python, "-c", "import IFIMeasureLib as ifi; print(len(dir(ifi))); ifi.measure"], tmp_path)
    assert int(done.stdout) > 8 and "run: pip install 'ifimeasure[standalone]'" in done.stderr
