"""An archive may answer anything: what arrives is what was asked for, or one sentence; nothing goes elsewhere."""

from __future__ import annotations

import itertools
import json
import time

import pydicom
import pytest
from hostile_archive import INSTANCE, SERIES, STUDY, Answer, Server, file_of, image, listed, multipart, running
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.export import web
from IFIMeasureLib.export.archive import Archive, find_studies, pull_study, push_files, read_archive
from IFIMeasureLib.values import IFIMeasureError


@pytest.fixture
def server():
    with running() as server:
        yield server


def archive(server: Server) -> Archive:
    return read_archive(server.url)


def serving(*parts: bytes | Answer, lists: Answer | None = None):
    """Answers of an archive with one image, which is sent as given."""
    sent = iter(parts)

    def answer(method: str, path: str) -> Answer:
        if f"/instances/{INSTANCE}" in path:
            part = next(sent)
            return multipart(part) if isinstance(part, bytes) else part
        if "offset=" in path:
            return Answer(b"[]")
        return lists or listed(INSTANCE)

    return answer


def refused(call) -> str:
    began = time.monotonic()
    with pytest.raises(IFIMeasureError) as told:
        call()
    assert time.monotonic() - began < 20.0
    message = str(told.value)
    assert "\n" not in message and message.endswith("."), message
    return message


def test_what_was_asked_for_is_fetched_whole(server, tmp_path):
    server.answer = serving(file_of(image()))
    assert pull_study(archive(server), STUDY, tmp_path / "a") == 1
    assert pydicom.dcmread(tmp_path / "a" / f"{INSTANCE}.dcm").PixelData == image().PixelData
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def changed(**values: object) -> bytes:
    dataset = image()
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return file_of(dataset)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (file_of(image("1.2.3.4.6")), "another object (1.2.3.4.6) than the one asked for"),
        (file_of(image(series="1.2.3.9")), "sent another object"),
        (file_of(image(study="1.2.9")), "sent another object"),
        (file_of(image())[:-20], "incomplete (108 of 128 bytes of pixels)"),
        (changed(PixelData=None), "incomplete (it has no pixels)"),
        (changed(NumberOfFrames=2), "incomplete (128 of 256 bytes of pixels)"),
        (changed(Rows=16), "incomplete (128 of 256 bytes"),
        (b"", "cannot be understood"),
        (b"no DICOM at all", "cannot be understood"),
        (Answer(b"", "text/html"), "cannot be understood"),
        (Answer(b"x" * 100, headers={"Content-Length": "5000"}), "broke off"),
        (Answer(b"", status=500), "answered with an error (500)"),
        (Answer(b"", status=302, headers={"Location": "http://127.0.0.2:9/x"}), "leads to another host"),
        (Answer(b"", status=302, headers={"Location": "/dicom-web/loop"}), "cannot be understood"),
    ],
)
def test_anything_else_is_refused_and_leaves_no_folder(server, tmp_path, part, message):
    looping = Answer(b"", status=302, headers={"Location": "/dicom-web/loop"})
    answer = serving(part)
    server.answer = lambda method, path: looping if path.endswith("/loop") else answer(method, path)
    said = refused(lambda: pull_study(archive(server), STUDY, tmp_path / "a"))
    assert message in said, said
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"null", b"3", b'"text"', b"[null]", b"[[]]", b'[{"x": 1}]', b"\xff\xfe", 200_000 * b"["),
        b'[{"00080018": {"vr": "UI", "Value": ["../../etc"]}}]',
        b'[{"00080018": {"vr": "UI"}}]',
        b'[{"00080018": {"vr": "ZZ", "Value": [1]}}]',
        b'[{"00080018": {"vr": "UI", "Value": {"a": 1}}}]',
        b'[{"00080018": {"vr": "SQ", "Value": [{"00080018": 3}]}}]',
    ],
)
def test_every_list_that_is_none_is_told_in_one_sentence(server, tmp_path, body):
    server.answer = lambda method, path: Answer(body)
    for call in (
        lambda: pull_study(archive(server), STUDY, tmp_path / "a"),
        lambda: find_studies(archive(server), {"PatientID": "1"}) and None,
    ):
        try:
            call()
        except IFIMeasureError as error:
            assert "\n" not in str(error)
    assert not (tmp_path / "a").exists()


def test_pages_are_read_to_the_end_and_an_archive_that_repeats_itself_is_left(server, tmp_path):
    uids = [f"1.2.3.4.{n}" for n in range(5)]

    def paged(method: str, path: str) -> Answer:
        found = next((uid for uid in uids if path.endswith(uid)), None)
        if found:
            return multipart(file_of(image(found)))
        start = int(path.partition("offset=")[2] or 0)
        return listed(*uids[start : start + 2])

    server.answer = paged
    assert pull_study(archive(server), STUDY, tmp_path / "a") == 5
    server.answer = serving(file_of(image()), lists=listed(INSTANCE))
    server.answer = lambda method, path, inner=server.answer: inner(method, path.replace("offset=", "o="))
    assert pull_study(archive(server), STUDY, tmp_path / "b") == 1


def test_an_endless_a_trickling_and_a_late_answer_are_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr(web, "PATIENCE_S", 1.0)
    monkeypatch.setattr(web, "MOST_BYTES", 1 << 22)

    def trickling():
        for _ in range(300):
            yield b" "
            time.sleep(0.1)

    def late():
        time.sleep(30)
        yield b"[]"

    for body, message in (
        (lambda: itertools.repeat(b"x" * 65536), "has more than 4 MiB"),
        (trickling, "comes too slowly"),
        (late, "comes too slowly"),
    ):
        server.answer = lambda method, path, body=body: Answer(body)
        assert message in refused(lambda: find_studies(archive(server), {}))


def test_nothing_is_posted_to_another_address(server, tmp_path):
    (tmp_path / "a.dcm").write_bytes(file_of(image()))
    with running() as other:
        for status in (301, 302, 303, 307, 308):
            where = f"{other.url}/studies"
            server.answer = lambda method, path, status=status, where=where: (
                Answer(b"[]") if method == "GET" else Answer(status=status, headers={"Location": where})
            )
            said = refused(lambda: push_files(archive(server), [tmp_path / "a.dcm"]))
            assert "leads what is sent to another address" in said
        assert other.asked == []


def test_a_lookup_is_not_led_to_another_host_nor_out_of_encryption(server):
    with running() as other:
        server.answer = lambda method, path: Answer(status=302, headers={"Location": f"{other.url}/studies"})
        assert "leads to another host" in refused(lambda: find_studies(archive(server), {"PatientID": "17"}))
        assert other.asked == []
    session = web.GuardedSession()
    answer = web.requests.Response()
    answer.status_code, answer.url = 302, "https://archive.example/dicom-web/studies"
    answer.headers["Location"] = "http://archive.example/dicom-web/studies"
    answer.request = web.requests.Request("GET", answer.url).prepare()
    with pytest.raises(web.RefusedAnswerError):
        session.get_redirect_target(answer)


def stored(uid: str, key: str = "00081199") -> bytes:
    return json.dumps({key: {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [uid]}}]}}).encode()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(b""), "does not say that it has stored it"),
        (Answer(b"{}"), "does not say that it has stored it"),
        (Answer(stored("1.2.9")), "does not say that it has stored it"),
        (Answer(stored(INSTANCE, "00081198")), "did not take it (reason"),
        (Answer(b"<html>", "text/html"), "does not say that it has stored it"),
        (Answer(b"<", "application/dicom+xml"), "cannot be understood"),
        (Answer(status=409), "answered with an error (409)"),
    ],
)
def test_what_the_archive_does_not_say_it_stored_does_not_count(server, tmp_path, answer, message):
    (tmp_path / "a.dcm").write_bytes(file_of(image()))
    server.answer = lambda method, path: answer if method == "POST" else Answer(b"[]")
    assert message in refused(lambda: push_files(archive(server), [tmp_path / "a.dcm"]))


def test_what_it_says_it_stored_counts_and_another_object_is_not_taken_for_ours(server, tmp_path):
    (tmp_path / "a.dcm").write_bytes(file_of(image()))
    kind = "application/dicom+json; charset=utf-8"
    server.answer = lambda method, path: Answer(stored(INSTANCE), kind) if method == "POST" else listed("1.2.9")
    assert push_files(archive(server), [tmp_path / "a.dcm"]) == (1, 0)
    server.answer = lambda method, path: listed(INSTANCE)
    assert push_files(archive(server), [tmp_path / "a.dcm"]) == (0, 1)


@pytest.mark.parametrize("uid", ["*", "1.2.3/../..", "", "abc", "1.2.3?x=1", "1" * 65, "1..2", "１.２"])
def test_a_study_and_a_series_are_uids(server, tmp_path, capsys, uid):
    for options in (["--study", uid], ["--study", "1.2.3", "--series", uid]):
        call = ["pull", "--archive", server.url, *options, "--output", str(tmp_path / "a")]
        assert main(call) == 1
        assert "this is no UID" in capsys.readouterr().err
    assert server.asked == []


def test_a_fetch_into_a_folder_that_another_run_fetches_into_is_refused(server, tmp_path):
    def answer(method: str, path: str) -> Answer:
        if "/instances/" in path:
            assert "another run" in refused(lambda: pull_study(archive(server), STUDY, tmp_path / "a"))
            return multipart(file_of(image()))
        return Answer(b"[]") if "offset=" in path else listed(INSTANCE, series=SERIES)

    server.answer = answer
    assert pull_study(archive(server), STUDY, tmp_path / "a") == 1


@pytest.mark.parametrize(
    "content",
    ["[]", "3", "{", "[" * 100_000, '{"url": 3}', '{"url": "ftp://a"}', '{"url": "https://[::1"}',
     '{"url": "https://a b"}', '{"url": "https://a", "certificate": "/none.pem"}', '{"url": "https://a:x"}',
     '{"url": "https://a", "token": "a\\nb"}', '{"url": "https://a", "more": 1}'],
)  # fmt: skip
def test_a_file_that_names_no_archive_gets_one_sentence(tmp_path, content):
    (tmp_path / "archive.json").write_text(content)
    refused(lambda: read_archive(str(tmp_path / "archive.json")))
