"""Studies from an archive and results back into it, over DICOMweb (QIDO-RS, WADO-RS, STOW-RS) by dicomweb-client.

Where the archive is, and who asks, stands in a file or in the environment, never on the command line.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pydicom.errors

from ..values import IFIMeasureError

_ENVIRONMENT = {
    "user": "IFIMEASURE_ARCHIVE_USER",
    "password": "IFIMEASURE_ARCHIVE_PASSWORD",
    "token": "IFIMEASURE_ARCHIVE_TOKEN",
    "certificate": "IFIMEASURE_ARCHIVE_CERTIFICATE",
}


_LISTED = ("PatientID", "PatientName", "StudyDate", "StudyDescription", "StudyInstanceUID")


@dataclass(frozen=True)
class Archive:
    """Where an archive is and how to enter it.

    :param certificate: file with the certificates that its own is signed by; empty for those of the system.
    """

    url: str
    user: str = ""
    password: str = ""
    token: str = ""
    certificate: str = ""


def read_archive(where: str) -> Archive:
    """Return the archive that a URL or a JSON file names.

    The file has ``url`` and perhaps ``user``, ``password``, ``token``, ``certificate``.
    What the file does not say comes from the environment (IFIMEASURE_ARCHIVE_USER, …_PASSWORD, …_TOKEN, …_CERTIFICATE).

    :raises IFIMeasureError: where it is neither, or credentials stand in the URL or would go over the network
        unencrypted.
    """
    found: dict[str, str] = {}
    if not where.startswith(("http://", "https://")):
        try:
            found = {key: str(value) for key, value in json.loads(Path(where).read_text(encoding="utf-8-sig")).items()}
            where = found.pop("url")
        except (OSError, ValueError, KeyError, AttributeError):
            raise IFIMeasureError(
                f"archive is {where!r}: it must be a URL (https://…/dicom-web) or a JSON file such as "
                '{"url": "https://…", "user": "…", "password": "…"}.'
            ) from None
        unknown = sorted(set(found) - set(_ENVIRONMENT))
        if unknown:
            raise IFIMeasureError(
                f"the archive's file holds {', '.join(unknown)}; there may be url, {', '.join(_ENVIRONMENT)}."
            )
    given = {key: found.get(key) or os.environ.get(name, "") for key, name in _ENVIRONMENT.items()}
    parts = urlsplit(where)
    if parts.username or parts.password:
        raise IFIMeasureError(
            "the archive's URL holds a user or password, which others can read there;"
            " put them into a file or the environment."
        )
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise IFIMeasureError(
            f"{parts.scheme}://{parts.hostname}: patient data would go over the network unencrypted; use https."
        )
    return Archive(where.rstrip("/"), **given)


@contextlib.contextmanager
def _client(archive: Archive) -> Iterator[Any]:
    """A client of the archive; whatever goes wrong with it becomes one sentence."""
    try:
        import requests
        from dicomweb_client.api import DICOMwebClient
    except ImportError:
        raise IFIMeasureError(
            "Archives need the package dicomweb-client, which is not installed; install it."
        ) from None
    session = requests.Session()
    session.trust_env = False  # no password of another program's file
    if archive.user:
        session.auth = (archive.user, archive.password)
    if archive.certificate:
        session.verify = archive.certificate
    headers = {"Authorization": f"Bearer {archive.token}"} if archive.token else None
    host = urlsplit(archive.url).netloc
    try:
        client = DICOMwebClient(archive.url, session=session, headers=headers)
        client.set_http_retry_params(retry=False)
        yield client
    except requests.exceptions.SSLError:
        raise IFIMeasureError(
            f"{host}: its certificate is not trusted; name the one it is signed by (certificate in the archive's file)."
        ) from None
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout):
        raise IFIMeasureError(
            f"{host}: the archive cannot be reached, or the connection broke off;"
            " what was transferred is kept, so try again later."
        ) from None
    except requests.exceptions.HTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        if code in (401, 403):
            raise IFIMeasureError(
                f"{host}: the archive refuses these credentials ({code}); check user and password, or token."
            ) from None
        if code == 404:
            raise IFIMeasureError(
                f"{host}: the archive has nothing there (404);"
                " check its URL (it mostly ends with /dicom-web) and the UID."
            ) from None
        raise IFIMeasureError(
            f"{host}: the archive answered with an error ({code}); nothing more was transferred, so try again later."
        ) from None
    except OSError as error:
        if isinstance(error, requests.exceptions.RequestException):
            raise IFIMeasureError(
                f"{host}: the archive's answer cannot be understood; check that its URL is one of DICOMweb."
            ) from None
        raise


def find_studies(archive: Archive, filters: dict[str, str]) -> list[dict[str, str]]:
    """Return the archive's studies that match, by DICOM keyword; at most 200.

    :raises IFIMeasureError: with one sentence where the archive cannot be asked.
    """
    with _client(archive) as client:
        found = client.search_for_studies(search_filters=filters, limit=200)
    rows = []
    for answer in found:
        study = pydicom.Dataset.from_json(answer)
        rows.append({keyword: str(study.get(keyword, "") or "") for keyword in _LISTED})
    return rows


def pull_study(
    archive: Archive, study_uid: str, folder: Path, series_uid: str = "", say: Callable[[str], None] = lambda text: None
) -> int:
    """Fetch a study (or one series of it) into a folder, whole: it appears when everything is there.

    A transfer that was broken off goes on where it stopped when it is asked for again.

    :returns: number of images and other objects.
    :raises IFIMeasureError: with one sentence.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise IFIMeasureError(f"{folder}: there is something already; name a new or empty folder.")
    beside = folder.absolute().with_name(f".{folder.name}.partial")
    with _client(archive) as client:
        instances = [
            pydicom.Dataset.from_json(answer) for answer in client.search_for_instances(study_uid, series_uid or None)
        ]
        if not instances:
            raise IFIMeasureError(f"{study_uid}: the archive has no such study or series; list what it has first.")
        beside.mkdir(parents=True, exist_ok=True)
        for number, instance in enumerate(instances, 1):
            uid = str(instance.SOPInstanceUID)
            path = beside / f"{uid}.dcm"
            if path.exists():
                continue
            if number % 20 == 1:
                say(f"fetching {number} of {len(instances)}")
            dataset = client.retrieve_instance(study_uid, str(instance.SeriesInstanceUID), uid)
            unfinished = path.with_suffix(".tmp")
            dataset.save_as(unfinished, enforce_file_format=True)
            os.replace(unfinished, path)
    wanted = {f"{instance.SOPInstanceUID}.dcm" for instance in instances}
    for path in beside.iterdir():  # of an earlier, other request
        if path.name not in wanted:
            path.unlink()
    if folder.is_dir():
        folder.rmdir()  # it is empty, see above
    os.replace(beside, folder)
    return len(instances)


def push_files(
    archive: Archive, paths: Sequence[Path], say: Callable[[str], None] = lambda text: None
) -> tuple[int, int]:
    """Store DICOM files in the archive.

    What it has already is left alone, so that a broken-off transfer can be repeated.

    :returns: numbers of stored files and of those that were there.
    :raises IFIMeasureError: with one sentence; names a file that the archive did not take.
    """
    datasets = []
    for path in paths:
        try:
            datasets.append((path, pydicom.dcmread(path)))
        except (OSError, pydicom.errors.InvalidDicomError):
            raise IFIMeasureError(
                f"{path}: this is no DICOM file, so nothing was stored; give files of the format dicom."
            ) from None
    if not datasets:
        raise IFIMeasureError("there is no DICOM file to store; write the study in the format dicom.")
    stored = 0
    with _client(archive) as client:
        for path, dataset in datasets:
            if client.search_for_instances(search_filters={"SOPInstanceUID": str(dataset.SOPInstanceUID)}):
                continue
            say(f"storing {path.name}")
            answer = client.store_instances([dataset])
            failed = answer.get("FailedSOPSequence") if answer is not None else None
            if failed:
                raise IFIMeasureError(
                    f"{path}: the archive did not take it (reason {failed[0].get('FailureReason', 'not given')});"
                    f" {stored} were stored before, try again."
                )
            stored += 1
    return stored, len(datasets) - stored
