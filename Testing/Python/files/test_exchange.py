"""Folders and files are exchanged as one: whatever happens at any point, they are old or new."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from IFIMeasureLib.export import whole
from IFIMeasureLib.files import exchange
from IFIMeasureLib.values import IFIMeasureError
from kill_points import killed_at_every_point

FILES = ("study.json", "measurements.csv", "report.html", "scene.mrb")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on POSIX systems alone")


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def write(folder: Path, text: str, names=FILES, force=True) -> None:
    with whole.written_whole(folder, force) as beside:
        for name in names:
            (beside / name).write_text(text)


OLD = dict.fromkeys(FILES, "old") | {"notes.txt": "mine", "image/1.dcm": "mine, too"}
NEW = dict.fromkeys(FILES[:3], "new") | {"notes.txt": "mine", "image/1.dcm": "mine, too"}


@pytest.fixture(params=["in one step", "in two steps"])
def folder(request, tmp_path, monkeypatch) -> Path:
    """A folder of results, on a system that exchanges folders in one step, and on one that cannot."""
    if request.param == "in two steps":
        monkeypatch.setattr(exchange, "_swapped", lambda one, other: False)
    elif not exchange._swapped(*(Path(tempfile.mkdtemp(dir=tmp_path)) for _ in range(2))):
        pytest.skip("this system or disk exchanges no folders in one step")
    folder = tmp_path / "place" / "results"
    (folder / "image").mkdir(parents=True)
    write(folder, "old")
    (folder / "notes.txt").write_text("mine")
    (folder / "image" / "1.dcm").write_text("mine, too")
    return folder


@forks
def test_a_folder_is_old_or_new_wherever_its_run_is_killed_and_the_next_run_clears_what_is_left(folder, request):
    seen = []
    in_one_step = "one step" in request.node.name
    for point in killed_at_every_point(lambda: write(folder, "new", FILES[:3])):
        if in_one_step:
            assert content(folder) in (OLD, NEW), point
        exchange.restore(folder)  # what every reader does first
        found = content(folder)
        assert found in (OLD, NEW), point
        seen.append(found == NEW)
        write(folder, "old")  # the next run
        assert [path.name for path in folder.parent.iterdir()] == ["results"], point
        assert content(folder) == OLD
    assert len(seen) > 20 and seen == sorted(seen) and {True, False} == set(seen)
    assert content(folder) == NEW


@forks
def test_a_first_folder_is_whole_or_absent_wherever_its_run_is_killed(tmp_path):
    folder = tmp_path / "place" / "results"
    for point in killed_at_every_point(lambda: write(folder, "new")):
        assert not folder.exists() or content(folder) == dict.fromkeys(FILES, "new"), point
        write(folder, "new")
        assert [path.name for path in folder.parent.iterdir()] == ["results"], point
        exchange.remove(folder.parent)
    assert content(folder) == dict.fromkeys(FILES, "new")


@forks
def test_a_file_is_old_or_new_wherever_its_run_is_killed(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text("old")
    seen = []
    for _ in killed_at_every_point(lambda: whole.write_file_whole(path, "new", True)):
        seen.append(path.read_text())
        whole.write_file_whole(path, "old", True)
        assert [found.name for found in tmp_path.iterdir()] == ["all.csv"]
    assert set(seen) == {"old", "new"}


def test_of_two_runs_into_one_folder_one_wins_and_the_other_is_refused(tmp_path):
    folder = tmp_path / "results"
    with whole.written_whole(folder, False) as beside:
        (beside / "study.json").write_text("the first")
        with pytest.raises(IFIMeasureError, match="another run is writing to it right now"):
            write(folder, "the second", force=False)
    with pytest.raises(IFIMeasureError, match="there are results already"):
        write(folder, "the third", force=False)
    assert content(folder) == {"study.json": "the first"}
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_of_two_processes_that_began_together_one_alone_says_that_it_is_done(tmp_path):
    script = (
        "import sys, time, pathlib\n"
        "from IFIMeasureLib.export import whole\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "whole.refuse_overwriting(folder, False)\n"
        "print('begun', flush=True); sys.stdin.readline()\n"
        "with whole.written_whole(folder, False) as beside:\n"
        "    (beside / 'study.json').write_text(sys.argv[2])\n"
    )
    folder = tmp_path / "results"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(folder), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for name in ("first", "second")
    ]  # fmt: skip
    for run in runs:
        assert run.stdout.readline() == "begun\n"
    for run in runs:
        run.stdin.write("\n")
        run.stdin.flush()
    said = [run.communicate(timeout=60)[1] for run in runs]
    done = [run.returncode for run in runs]
    assert sorted(done) == [0, 1], said
    assert content(folder) == {"study.json": ("first", "second")[done.index(0)]}
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_failure_leaves_everything_as_it_was_and_names_the_place_that_was_chosen(folder):
    with pytest.raises(IFIMeasureError) as told:
        with whole.written_whole(folder, True) as beside:
            (beside / "study.json").write_text("new")
            (beside / "none" / "report.html").write_text("new")
    assert str(told.value).startswith(f"{folder}: the results could not be written (No such file or directory)")
    assert ".partial" not in str(told.value)
    assert content(folder) == OLD and [path.name for path in folder.parent.iterdir()] == ["results"]
    with pytest.raises(FileNotFoundError), whole.written_whole(folder, True):
        (folder.parent / "what is read").read_text()


def test_a_folder_that_cannot_be_exchanged_is_refused_with_a_way_out(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    (folder / "below").mkdir(parents=True)
    monkeypatch.chdir(folder / "below")
    with pytest.raises(IFIMeasureError, match=r"this program runs in it, so .* such as .*work.results"):
        whole.refuse_overwriting(folder, True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(whole, "_MOST_OTHERS", 3)
    for number in range(4):
        (folder / f"{number}.txt").write_text("mine")
    with pytest.raises(IFIMeasureError, match="it holds more than 3 other files"):
        write(folder, "new")


def test_a_link_to_a_folder_stays_a_link_and_long_names_are_no_hindrance(tmp_path):
    there = tmp_path / ("n" * 250)
    write(there, "old")
    link = tmp_path / "link"
    link.symlink_to(there)
    write(link, "new")
    assert link.is_symlink() and content(there) == dict.fromkeys(FILES, "new")


def test_nothing_stays_in_the_temporary_folder_after_a_run_or_after_the_next_where_one_was_killed(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with exchange.private_folder() as made:
        (made / "patient").write_text("name")
        with exchange.private_folder() as other:
            assert (made / "patient").exists() and other != made
    assert not list(tmp_path.iterdir())
    if not hasattr(os, "fork"):
        return

    def unpack():
        with exchange.private_folder() as made:
            (made / "patient").write_text("name")

    for _ in killed_at_every_point(unpack):
        with exchange.private_folder():
            pass
        assert not list(tmp_path.iterdir())
