"""A study out of a real archive (Orthanc, on loopback) and its results back into it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pydicom
import pytest
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.export.archive import Archive, pull_study, push_files, read_archive
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study
from IFIMeasureLib.values import IFIMeasureError

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    if program is None or not PLUGIN.exists():
        pytest.skip(
            "the program Orthanc or its DICOMweb plugin is missing (Debian has them in orthanc and orthanc-dicomweb)"
        )
    folder = tmp_path_factory.mktemp("orthanc")
    port = free_port()
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "DicomPort": free_port(),
        "RemoteAccessAllowed": False,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"reader": "secret"},
        "Plugins": [str(PLUGIN)],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    server = subprocess.Popen(
        [program, str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/system", timeout=1)
            except urllib.error.HTTPError:
                break  # it answers, and asks for a password
            except OSError:
                time.sleep(0.1)
        else:
            pytest.skip("Orthanc does not start here")
        path = folder / "archive.json"
        path.write_text(
            json.dumps({"url": f"http://127.0.0.1:{port}/dicom-web", "user": "reader", "password": "secret"})
        )
        yield path
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> tuple[Path, Path]:
    return write_sample_study(tmp_path_factory.mktemp("sample"), Phantom(seed=1), sample_grid((1.4, 1.4, 4.0)))


def test_a_study_is_found_fetched_measured_and_its_results_stored_beside_it(orthanc, sample, tmp_path, capsys):
    archive = read_archive(str(orthanc))
    files = sorted(sample[0].glob("*.dcm"))
    assert push_files(archive, files) == (len(files), 0)
    assert main(["pull", "--archive", str(orthanc), "--find", "PatientID=PHANTOM1"]) == 0
    printed = capsys.readouterr().out
    study = pydicom.dcmread(files[0]).StudyInstanceUID
    assert study in printed and "IFIMeasure^Phantom" in printed
    assert main(["pull", "--archive", str(orthanc), "--study", study, "--output", str(tmp_path / "study")]) == 0
    fetched = {pydicom.dcmread(p).SOPInstanceUID: pydicom.dcmread(p).PixelData for p in (tmp_path / "study").iterdir()}
    assert fetched == {pydicom.dcmread(p).SOPInstanceUID: pydicom.dcmread(p).PixelData for p in files}
    call = [
        "measure",
        str(tmp_path / "study"),
        "--series",
        "2",
        "--segmentation",
        str(sample[1]),
        "--quiet",
        "--export",
        "dicom",
    ]
    assert main([*call, "--output", str(tmp_path / "results")]) == 0
    capsys.readouterr()
    assert main(["push", str(tmp_path / "results"), "--archive", str(orthanc)]) == 0
    assert "2 stored." in capsys.readouterr().out
    assert main(["push", str(tmp_path / "results"), "--archive", str(orthanc)]) == 0
    assert "0 stored, 2 were there already" in capsys.readouterr().out
    count = pull_study(archive, study, tmp_path / "again")
    assert count == len(files) + 2
    kinds = {pydicom.dcmread(p, stop_before_pixels=True).Modality for p in (tmp_path / "again").iterdir()}
    assert kinds == {"MR", "SR", "SEG"}


def test_a_transfer_that_broke_off_goes_on_where_it_stopped(orthanc, sample, tmp_path, monkeypatch):
    from dicomweb_client.api import DICOMwebClient

    archive = read_archive(str(orthanc))
    files = sorted(sample[0].glob("t1*.dcm"))
    push_files(archive, files)
    first = pydicom.dcmread(files[0])
    real, calls = DICOMwebClient.retrieve_instance, []

    def breaks(self, *arguments, **more):
        import requests

        calls.append(arguments)
        if len(calls) == 5:
            raise requests.exceptions.ConnectionError
        return real(self, *arguments, **more)

    monkeypatch.setattr(DICOMwebClient, "retrieve_instance", breaks)
    with pytest.raises(IFIMeasureError, match="broke off"):
        pull_study(archive, first.StudyInstanceUID, tmp_path / "study", first.SeriesInstanceUID)
    assert not (tmp_path / "study").exists()
    assert pull_study(archive, first.StudyInstanceUID, tmp_path / "study", first.SeriesInstanceUID) == len(files)
    assert len(calls) == len(files) + 1  # four were there, the fifth was asked for twice
    assert len(list((tmp_path / "study").iterdir())) == len(files) and not list(tmp_path.glob(".*"))


def test_refused_credentials_a_wrong_address_and_an_unknown_study_get_one_sentence(
    orthanc, tmp_path, capsys, monkeypatch
):
    url = json.loads(orthanc.read_text())["url"]
    for name in list(os.environ):
        if name.startswith("IFIMEASURE_ARCHIVE"):
            monkeypatch.delenv(name)
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"url": url, "user": "reader", "password": "guess"}))
    cases = [
        ([str(wrong)], "refuses these credentials (401)"),
        ([url.replace("dicom-web", "elsewhere")], "refuses these credentials"),
        ([f"http://127.0.0.1:{free_port()}/dicom-web"], "cannot be reached"),
        ([str(orthanc), "--study", "1.2.3", "--output", str(tmp_path / "x")], "has no such study"),
        ([str(orthanc), "--study", "1.2.3"], "needs --output"),
        ([str(orthanc), "--find", "PatientID=nobody"], "no study that matches"),
    ]
    for arguments, message in cases:
        assert main(["pull", "--archive", *arguments]) == 1, arguments
        assert message in capsys.readouterr().err, arguments
    assert sorted(p.name for p in tmp_path.iterdir()) == ["wrong.json"]
    monkeypatch.setenv("IFIMEASURE_ARCHIVE_USER", "reader")
    monkeypatch.setenv("IFIMEASURE_ARCHIVE_PASSWORD", "secret")
    assert read_archive(url) == Archive(url, "reader", "secret")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("https://me:secret@archive.example/dicom-web", "holds a user or password"),
        ("http://archive.example/dicom-web", "unencrypted; use https"),
        ("nowhere.json", "must be a URL"),
    ],
)
def test_unsafe_or_unknown_archives_are_refused_before_anything_is_sent(where, message):
    with pytest.raises(IFIMeasureError, match=message):
        read_archive(where)


def test_files_that_are_no_dicom_are_refused_before_anything_is_stored(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_text("no")
    with pytest.raises(IFIMeasureError, match="no DICOM file, so nothing was stored"):
        push_files(Archive("http://127.0.0.1:1/dicom-web"), [path])
    with pytest.raises(IFIMeasureError, match="no DICOM file to store"):
        push_files(Archive("http://127.0.0.1:1/dicom-web"), [])
