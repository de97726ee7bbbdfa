"""An archive on loopback whose answers a test makes up."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

STUDY, SERIES, INSTANCE = "1.2.3", "1.2.3.4", "1.2.3.4.5"


@dataclass
class Answer:
    """What the archive says: a status, headers, and a body in blocks (also without end)."""

    body: bytes | Callable[[], Iterator[bytes]] = b""
    kind: str = "application/dicom+json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[str, str], Answer] = lambda method, path: Answer(b"[]")
        self.asked: list[tuple[str, str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/dicom-web"

    def handle_error(self, request: object, address: object) -> None:
        """A client that hangs up is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        server: Server = self.server  # type: ignore[assignment]
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.asked.append((self.command, self.path, sent))
        answer = server.answer(self.command, self.path)
        self.send_response(answer.status)
        for name, value in {"Content-Type": answer.kind, **answer.headers}.items():
            self.send_header(name, value)
        if isinstance(answer.body, bytes):
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            return
        self.end_headers()
        for block in answer.body():
            self.wfile.write(block)
            self.wfile.flush()

    do_GET = do_POST = _serve


@contextlib.contextmanager
def running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def image(uid: str = INSTANCE, series: str = SERIES, study: str = STUDY) -> pydicom.Dataset:
    """A whole image of 8 x 8 pixels."""
    made = pydicom.Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = MRImageStorage, uid
    made.StudyInstanceUID, made.SeriesInstanceUID, made.PatientName = study, series, "Secret^Name"
    made.Rows = made.Columns = 8
    made.BitsAllocated, made.SamplesPerPixel, made.PhotometricInterpretation = 16, 1, "MONOCHROME2"
    made.PixelData = np.arange(64, dtype=np.uint16).tobytes()
    made["PixelData"].VR = "OW"
    return made


def file_of(dataset: pydicom.Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def multipart(part: bytes) -> Answer:
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n--b--"
    return Answer(body, 'multipart/related; type="application/dicom"; boundary=b')


def listed(*uids: str, series: str = SERIES) -> Answer:
    """An answer of QIDO-RS."""
    of = [{"00080018": {"vr": "UI", "Value": [u]}, "0020000E": {"vr": "UI", "Value": [series]}} for u in uids]
    return Answer(json.dumps(of).encode())
