"""Text files as people give them: read, or refused in one sentence."""

from __future__ import annotations

import os

import pytest
from IFIMeasureLib import api
from IFIMeasureLib.files.texts import read_json, read_text
from IFIMeasureLib.values import IFIMeasureError


def test_utf_8_with_and_without_a_mark_and_utf_16_are_read(tmp_path):
    path = tmp_path / "a.txt"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes("Müller".encode(encoding))
        assert read_text(path) == "Müller"


@pytest.mark.parametrize("content", [b"\xff\x00", b"M\xfcller"])
def test_what_is_no_text_is_told(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(IFIMeasureError, match="this is no text in UTF-8"):
        read_text(tmp_path / "a.txt")


def test_what_cannot_be_opened_says_why(tmp_path):
    with pytest.raises(IFIMeasureError, match="there is no such file"):
        read_text(tmp_path / "none")
    with pytest.raises(IFIMeasureError, match="this is a folder"):
        read_text(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(IFIMeasureError, match="not a regular file"):
            read_text(tmp_path / "pipe")


def test_json_that_is_nested_too_deep_is_no_json(tmp_path):
    (tmp_path / "a.json").write_text(100_000 * "[")
    with pytest.raises(ValueError):
        read_json(tmp_path / "a.json")


def test_a_cell_longer_than_any_table_has_is_told_in_one_sentence(tmp_path):
    path = tmp_path / "repeats.csv"
    path.write_text("subject,measurement,value\n" + 131_073 * "x" + ",qf_volume,1\n")
    with pytest.raises(IFIMeasureError, match=r"repeats.csv: this is no table that can be read \(field larger"):
        api.repeatability(path)
