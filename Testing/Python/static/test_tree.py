"""The tree agrees with itself: lists of files, descriptions, directions of imports, versions."""

from __future__ import annotations

import ast
import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[3]
MODULE = ROOT / "IFIMeasure"


def cmake_list(name: str) -> list[str]:
    text = (MODULE / "CMakeLists.txt").read_text()
    return re.search(rf"set\({name}\s+(.*?)\)", text, re.S).group(1).split()


def cmake_value(name: str) -> str:
    return re.search(rf'set\s*\({name}\s*"([^"]+)"\)', (ROOT / "CMakeLists.txt").read_text()).group(1)


def files(pattern: str, below: Path) -> set[str]:
    return {str(p.relative_to(MODULE)) for p in below.rglob(pattern) if p.is_file() and "__pycache__" not in p.parts}


def test_the_lists_of_scripts_and_resources_are_those_of_the_tree():
    assert sorted(cmake_list("MODULE_PYTHON_SCRIPTS")) == sorted(files("*.py", MODULE))
    assert (MODULE / "CMakeLists.txt").read_text().count(".py\n") == len(cmake_list("MODULE_PYTHON_SCRIPTS"))
    assert set(cmake_list("MODULE_PYTHON_RESOURCES")) == files("*", MODULE / "Resources") | {"IFIMeasureLib/py.typed"}


def test_the_module_is_the_only_python_file_at_its_level():
    assert [p.name for p in MODULE.glob("*.py")] == ["IFIMeasure.py"]


def test_the_descriptions_of_the_extension_agree():
    entry = dict(
        line.split(" ", 1)
        for line in (ROOT / "IFIMeasure.s4ext").read_text().splitlines()
        if " " in line and not line.startswith("#")
    )
    catalog = json.loads((ROOT / "IFIMeasure.json").read_text())
    assert entry["description"] == cmake_value("EXTENSION_DESCRIPTION")
    assert entry["category"] == cmake_value("EXTENSION_CATEGORY") == catalog["category"]
    assert entry["homepage"] == cmake_value("EXTENSION_HOMEPAGE")
    assert entry["iconurl"] == cmake_value("EXTENSION_ICONURL")
    assert entry["screenshoturls"] == cmake_value("EXTENSION_SCREENSHOTURLS")
    assert entry["depends"] == cmake_value("EXTENSION_DEPENDS")
    assert entry["scmurl"] == catalog["scm_url"] and entry["scmrevision"] == catalog["scm_revision"]
    assert "project(IFIMeasure)" in (ROOT / "CMakeLists.txt").read_text()
    for url in [entry["iconurl"], *entry["screenshoturls"].split()]:
        assert (ROOT / url.split("/main/")[1]).is_file(), url


def test_the_icon_is_a_png_of_128_by_128():
    data = (MODULE / "Resources" / "Icons" / "IFIMeasure.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (128, 128)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


FLOORS = """
    values resources anatomy images files synthetic bones placement muscle measuring readings study motion planning
    present mrml gui export api cohort cli
""".split()
"""Rooms of the library from the ground up: a room imports only rooms below it."""


def imported_rooms(path: Path) -> set[str]:
    """Rooms of the library that a file imports from, at its top or within functions."""
    inside = path.relative_to(MODULE / "IFIMeasureLib").with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = list(inside[: len(inside) - node.level])
            where = [*base, *(node.module.split(".") if node.module else [])]
            found |= {where[0]} if where else {alias.name for alias in node.names}
        elif node.module and node.module.split(".")[0] == "IFIMeasureLib":
            found.add((node.module.split(".") + [""])[1])
    return found - {"__version__"}


def test_a_room_imports_only_rooms_below_it():
    for path in sorted((MODULE / "IFIMeasureLib").rglob("*.py")):
        room = path.relative_to(MODULE / "IFIMeasureLib").with_suffix("").parts[0]
        if room == "__init__":
            continue
        assert room in FLOORS, f"{path}: the room {room} has no floor"
        for other in imported_rooms(path) - {room}:
            assert FLOORS.index(other) < FLOORS.index(room), f"{path}: {room} imports {other}, which lies above it"


def test_every_room_says_in_its_first_sentence_what_comes_in_and_goes_out():
    for init in sorted((MODULE / "IFIMeasureLib").glob("*/__init__.py")):
        sentence = ast.get_docstring(ast.parse(init.read_text())) or ""
        assert len(sentence) > 40, init


def test_slicer_and_qt_are_known_only_where_they_may_be():
    for path in sorted((MODULE / "IFIMeasureLib").rglob("*.py")):
        room = path.relative_to(MODULE / "IFIMeasureLib").parts[0]
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & {"PySide6"}, path
        assert room in ("mrml", "gui") or "slicer" not in roots, path
        assert room == "gui" or not roots & {"qt", "ctk"}, path
        assert room == "gui" or ("slicer.app" not in path.read_text() and "slicer.mrmlScene" not in path.read_text()), (
            path
        )


def test_only_the_command_line_knows_its_options():
    from IFIMeasureLib.cli.main import build_parser

    subparsers = next(action for action in build_parser()._actions if action.dest == "command")
    flags = {flag for command in subparsers.choices.values() for flag in command._option_string_actions}
    assert {"--wcv", "--force", "--contrast"} <= flags
    for path in sorted((MODULE / "IFIMeasureLib").rglob("*.py")):
        if path.relative_to(MODULE / "IFIMeasureLib").parts[0] == "cli":
            continue
        text = path.read_text()
        assert "argparse" not in text, path
        assert not (named := flags & set(re.findall(r"--[a-z][a-z-]*", text))), f"{path}: {named}"


def test_an_option_is_kept_under_the_name_of_the_argument_it_gives():
    import argparse

    from IFIMeasureLib.cli.arguments import flag_of
    from IFIMeasureLib.cli.main import build_parser

    subparsers = next(action for action in build_parser()._actions if action.dest == "command")
    for command in subparsers.choices.values():
        for action in command._actions:
            if action.option_strings and action.dest != "help":
                flag = flag_of(action.dest, argparse.Namespace(**{action.dest: None}))
                assert flag in action.option_strings, (command.prog, action.dest)


def test_files_are_loaded_in_the_application_without_packages_it_lacks():
    allowed = {"contextlib", "logging", "os", "pathlib", "sys", "qt", "slicer", "vtk", "IFIMeasureLib"}
    tree = ast.parse((MODULE / "IFIMeasure.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.module.split(".")[0] in allowed


def test_every_picture_is_one_of_a_landmark_and_those_the_program_places_have_one():
    entries = json.loads((MODULE / "Resources" / "Definitions" / "landmarks.json").read_text())["landmarks"]
    pictures = {p.stem for p in (MODULE / "Resources" / "Icons" / "Landmarks").glob("*.png")}
    assert pictures <= {entry["id"] for entry in entries}
    assert {entry["id"] for entry in entries if entry.get("placed") == "by program"} <= pictures


def test_versions_agree():
    namespace: dict[str, str] = {}
    exec((MODULE / "IFIMeasureLib" / "__init__.py").read_text(), namespace)
    version = namespace["__version__"]
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_control_of_the_panel_that_a_person_uses_has_a_tooltip():
    tree = ElementTree.parse(MODULE / "Resources" / "UI" / "IFIMeasure.ui")
    for widget in tree.iter("widget"):
        if widget.get("class") in (
            "qMRMLNodeComboBox",
            "ctkPathLineEdit",
            "QPushButton",
            "QCheckBox",
            "QComboBox",
            "QSpinBox",
            "QTableWidget",
            "QPlainTextEdit",
        ):
            assert widget.find("property[@name='toolTip']") is not None, widget.get("name")


def test_the_generated_documents_are_those_of_the_registry():
    done = subprocess.run(
        [sys.executable, str(ROOT / "Docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
