"""Studies from an archive and results back into it, over DICOMweb (QIDO-RS, WADO-RS, STOW-RS) by dicomweb-client.

Where the archive is, and who asks, stands in a file or in the environment, never on the command line. What arrives is
what was asked for, and what counts as stored is what the archive says that it stored.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pydicom.errors

from ..files.exchange import held, put, remove
from ..files.intact import refuse_unreadable
from ..files.texts import read_json
from ..values import IFIMeasureError

_ENVIRONMENT = {
    "user": "IFIMEASURE_ARCHIVE_USER",
    "password": "IFIMEASURE_ARCHIVE_PASSWORD",
    "token": "IFIMEASURE_ARCHIVE_TOKEN",
    "certificate": "IFIMEASURE_ARCHIVE_CERTIFICATE",
}


_LISTED = ("PatientID", "PatientName", "StudyDate", "StudyDescription", "StudyInstanceUID")


_MOST_INSTANCES = 100_000
"""More images than any study has."""


_PIXELS = {"PixelData": None, "FloatPixelData": 32, "DoubleFloatPixelData": 64}
"""Elements that hold pixels, and bits of each; None where BitsAllocated says it."""


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
        found, where = _archive_file(where)
    given = {key: found.get(key) or os.environ.get(name, "") for key, name in _ENVIRONMENT.items()}
    try:
        parts = urlsplit(where)
        user, host, _ = parts.username or parts.password, parts.hostname, parts.port
    except ValueError:
        user, host = None, None
    if not host or not where.isprintable() or " " in where:
        raise IFIMeasureError(
            f"archive is {where!r}: this is no URL of an archive; it must read as https://…/dicom-web."
        )
    if user:
        raise IFIMeasureError(
            "the archive's URL holds a user or password, which others can read there;"
            " put them into a file or the environment."
        )
    if parts.scheme != "https" and host not in ("localhost", "127.0.0.1", "::1"):
        raise IFIMeasureError(
            f"{parts.scheme}://{host}: patient data would go over the network unencrypted; use https."
        )
    if not (given["token"].isascii() and given["token"].isprintable()):
        raise IFIMeasureError("the archive's token holds letters that no token has; copy it again.")
    if given["certificate"]:
        refuse_unreadable(Path(given["certificate"]))
    return Archive(where.rstrip("/"), **given)


def _archive_file(where: str) -> tuple[dict[str, str], str]:
    """What a JSON file says of an archive, and its URL."""
    try:
        found = read_json(Path(where))
    except (IFIMeasureError, ValueError) as error:
        found, why = None, str(error) if isinstance(error, IFIMeasureError) else ""
        if Path(where).exists() and why:
            raise
    if not isinstance(found, dict) or not isinstance(found.get("url"), str):
        raise IFIMeasureError(
            f"archive is {where!r}: it must be a URL (https://…/dicom-web) or a JSON file such as "
            '{"url": "https://…", "user": "…", "password": "…"}.'
        )
    unknown = sorted(set(found) - {"url", *_ENVIRONMENT})
    if unknown:
        raise IFIMeasureError(
            f"the archive's file holds {', '.join(unknown)}; there may be url, {', '.join(_ENVIRONMENT)}."
        )
    if not found["url"].startswith(("http://", "https://")):
        raise IFIMeasureError(f"{where}: its url is {found['url']!r}; it must read as https://…/dicom-web.")
    return {key: str(value) for key, value in found.items() if value is not None}, found["url"]


@contextlib.contextmanager
def _client(archive: Archive) -> Iterator[Any]:
    """A client of the archive; whatever goes wrong with it becomes one sentence."""
    try:
        import requests
        from dicomweb_client.api import DICOMwebClient

        from .web import GuardedSession, RefusedAnswerError
    except ImportError:
        raise IFIMeasureError(
            "Archives need the package dicomweb-client, which is not installed; install it."
        ) from None
    session = GuardedSession()
    if archive.user:
        session.auth = (archive.user.encode(), archive.password.encode())  # type: ignore[assignment]
    if archive.certificate:
        session.verify = archive.certificate
    headers = {"Authorization": f"Bearer {archive.token}"} if archive.token else None
    host = urlsplit(archive.url).netloc
    try:
        client = DICOMwebClient(archive.url, session=session, headers=headers)
        client.set_http_retry_params(retry=False)
        yield client
    except (IFIMeasureError, _OwnFileError, MemoryError):
        raise
    except RefusedAnswerError as error:
        raise IFIMeasureError(f"{host}: the archive's answer {error}; nothing more was transferred.") from None
    except requests.exceptions.SSLError:
        raise IFIMeasureError(
            f"{host}: its certificate is not trusted; name the one it is signed by (certificate in the archive's file)."
        ) from None
    except (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
    ):
        raise IFIMeasureError(
            f"{host}: the archive cannot be reached, or the connection broke off;"
            " what was transferred is kept, so try again later."
        ) from None
    except requests.exceptions.HTTPError as error:
        raise _of_status(host, error.response.status_code if error.response is not None else 0) from None
    except Exception:  # an answer may be anything
        raise IFIMeasureError(
            f"{host}: the archive's answer cannot be understood; check that its URL is one of DICOMweb."
        ) from None


class _OwnFileError(Exception):
    """A file of one's own, not the archive, is at fault."""


@contextlib.contextmanager
def _own_files() -> Iterator[None]:
    """Tell errors of files on this machine from those of the archive."""
    try:
        yield
    except OSError as error:
        raise _OwnFileError from error


def _of_status(host: str, code: int) -> IFIMeasureError:
    if code in (401, 403):
        return IFIMeasureError(
            f"{host}: the archive refuses these credentials ({code}); check user and password, or token."
        )
    if code == 404:
        return IFIMeasureError(
            f"{host}: the archive has nothing there (404); check its URL (it mostly ends with /dicom-web) and the UID."
        )
    return IFIMeasureError(
        f"{host}: the archive answered with an error ({code}); nothing more was transferred, so try again later."
    )


def find_studies(archive: Archive, filters: dict[str, str]) -> list[dict[str, str]]:
    """Return the archive's studies that match, by DICOM keyword; at most 200.

    :raises IFIMeasureError: with one sentence where the archive cannot be asked, or a keyword is none.
    """
    for keyword in filters:
        if pydicom.datadict.tag_for_keyword(keyword) is None:
            raise IFIMeasureError(f"{keyword!r} is no keyword of DICOM; give one such as PatientID or StudyDate.")
    with _client(archive) as client:
        found = client.search_for_studies(search_filters=filters, limit=200)
        rows = []
        for answer in found:
            study = pydicom.Dataset.from_json(answer)
            rows.append({keyword: str(study.get(keyword, "") or "") for keyword in _LISTED})
    return rows


def pull_study(
    archive: Archive,
    study_uid: str,
    folder: Path,
    series_uid: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> int:
    """Fetch a study (or one series of it) into a folder, whole: it appears when everything is there.

    A transfer that was broken off goes on where it stopped when it is asked for again.

    :returns: number of images and other objects.
    :raises IFIMeasureError: with one sentence; where something else arrives than was asked for, too.
    """
    for name, uid in (("study", study_uid), ("series", series_uid)):
        if uid is not None and not _is_uid(uid):
            raise IFIMeasureError(
                f"{name} is {uid!r}: this is no UID (digits and points, such as 1.2.840.113619); list what the archive "
                "has first."
            )
    folder = Path(os.path.realpath(folder))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise IFIMeasureError(f"{folder}: there is something already; name a new or empty folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with held(folder):
            return _pull(archive, study_uid, folder, series_uid or "", say)
    except _OwnFileError as error:
        assert error.__cause__ is not None
        raise error.__cause__ from None


def _pull(archive: Archive, study_uid: str, folder: Path, series_uid: str, say: Callable[[str], None]) -> int:
    beside = folder.with_name(f".{folder.name[:100]}.fetched")
    with _client(archive) as client:
        wanted = _instances(client, study_uid, series_uid)
        if not wanted:
            raise IFIMeasureError(f"{study_uid}: the archive has no such study or series; list what it has first.")
        with _own_files():
            beside.mkdir(exist_ok=True)
        for number, (uid, series) in enumerate(wanted.items(), 1):
            path = beside / f"{uid}.dcm"
            if path.exists():
                continue
            if number % 20 == 1:
                say(f"fetching {number} of {len(wanted)}")
            dataset = client.retrieve_instance(study_uid, series, uid)
            _refuse_other(dataset, study_uid, series, uid, urlsplit(archive.url).netloc)
            unfinished = path.with_suffix(".tmp")
            with _own_files():
                dataset.save_as(unfinished, enforce_file_format=True)
                os.replace(unfinished, path)
    with _own_files():
        for path in beside.iterdir():  # of an earlier, other request
            if path.suffix != ".dcm" or path.stem not in wanted:
                remove(path)
        if folder.is_dir():
            folder.rmdir()  # it is empty, see above
        put(beside, folder, force=False)
    return len(wanted)


def _instances(client: Any, study_uid: str, series_uid: str) -> dict[str, str]:
    """UIDs of all instances and of their series; an archive may list them page by page."""
    found: dict[str, str] = {}
    while True:
        answers = client.search_for_instances(study_uid, series_uid or None, offset=len(found) or None)
        before = len(found)
        for answer in answers:
            listed = pydicom.Dataset.from_json(answer)
            uid, series = str(listed.SOPInstanceUID), str(listed.get("SeriesInstanceUID", "") or series_uid)
            if not _is_uid(uid) or not _is_uid(series):
                raise ValueError
            if not series_uid or series == series_uid:
                found[uid] = series
        if len(found) == before:
            return found
        if len(found) > _MOST_INSTANCES:
            raise ValueError


def _refuse_other(dataset: Any, study: str, series: str, uid: str, host: str) -> None:
    """Refuse what is not the instance that was asked for, or is not whole."""
    got = tuple(str(dataset.get(k, "")) for k in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
    if got != (study, series, uid):
        raise IFIMeasureError(
            f"{host}: the archive sent another object ({got[2] or 'without a UID'}) than the one asked for ({uid}); "
            "ask its administrator."
        )
    why = incomplete_pixels(dataset)
    if why:
        raise IFIMeasureError(
            f"{host}: the archive sent {uid} incomplete ({why}); try again, or ask its administrator."
        )


def incomplete_pixels(dataset: Any) -> str:
    """Return what lacks of an image's pixels, in words; empty where nothing does, or it is no image.

    :param dataset: of pydicom.
    """
    if "Rows" not in dataset or "Columns" not in dataset:
        return ""
    keyword = next((name for name in _PIXELS if name in dataset), None)
    if keyword is None:
        return "it has no pixels"
    frames = int(dataset.get("NumberOfFrames") or 1)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        there = sum(1 for _ in pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=frames))
        return "" if there == frames else f"{there} of {frames} frames"
    bits = _PIXELS[keyword] or int(dataset.BitsAllocated)
    values = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1) * frames
    needed, there = (values * bits + 7) // 8, len(dataset[keyword].value)
    if str(dataset.get("PhotometricInterpretation", "")) == "YBR_FULL_422":
        needed = needed * 2 // 3
    return "" if needed <= there <= needed + 1 else f"{there:,} of {needed:,} bytes of pixels"


def _is_uid(text: str) -> bool:
    return pydicom.uid.UID(text).is_valid if text.isascii() and text else False


def push_files(
    archive: Archive, paths: Sequence[Path], say: Callable[[str], None] = lambda text: None
) -> tuple[int, int]:
    """Store DICOM files in the archive.

    What it has already is left alone, so that a broken-off transfer can be repeated.

    :returns: numbers of stored files and of those that were there.
    :raises IFIMeasureError: with one sentence; names a file that the archive did not take.
    """
    datasets = [(path, _own(path)) for path in paths]
    if not datasets:
        raise IFIMeasureError("there is no DICOM file to store; write the study in the format dicom.")
    stored = 0
    with _client(archive) as client:
        for path, dataset in datasets:
            uid = str(dataset.SOPInstanceUID)
            if _has(client, uid):
                continue
            say(f"storing {path.name}")
            answer = client.store_instances([dataset])
            why = _why_not_stored(answer, uid)
            if why:
                raise IFIMeasureError(
                    f"{path}: the archive did not take it ({why}); {stored} were stored before, try again."
                )
            stored += 1
    return stored, len(datasets) - stored


def _own(path: Path) -> Any:
    """A file of one's own to store."""
    refuse_unreadable(path)
    try:
        dataset = pydicom.dcmread(path)
        uid = str(dataset.SOPInstanceUID)
    except Exception:  # whatever pydicom finds wrong in it
        uid = ""
    if not _is_uid(uid):
        raise IFIMeasureError(
            f"{path}: this is no DICOM file, so nothing was stored; give files of the format dicom."
        ) from None
    return dataset


def _has(client: Any, uid: str) -> bool:
    """Whether the archive has an instance; one that knows no such question lists others."""
    found = client.search_for_instances(search_filters={"SOPInstanceUID": uid}, limit=10)
    return any(str(pydicom.Dataset.from_json(answer).get("SOPInstanceUID", "")) == uid for answer in found)


def _why_not_stored(answer: Any, uid: str) -> str:
    """Why an instance does not count as stored, by what the archive says; empty where it does."""
    failed = answer.get("FailedSOPSequence") if answer is not None else None
    if failed:
        return f"reason {failed[0].get('FailureReason', 'not given')}"
    named = answer.get("ReferencedSOPSequence") if answer is not None else None
    if not any(str(of.get("ReferencedSOPInstanceUID", "")) == uid for of in named or ()):
        return "it does not say that it has stored it"
    return ""
