"""A session of the library requests that trusts no answer: bounded in size and time, and led to no other host."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests

MOST_BYTES = 1 << 29
"""Bytes of the largest answer: no image of a hip is larger."""

PATIENCE_S = 60.0
"""How long an archive may take until it begins to answer, beside the time that sending takes."""

SLOWEST_BYTES_S = 2000.0
"""How fast an answer must come, and is at least sent, in the mean."""

_CHUNK = 1 << 16

_Answer = TypeVar("_Answer")


class RefusedAnswerError(Exception):
    """An answer that is not taken; the message says what it does, without its point."""


class GuardedSession(requests.Session):
    """Does as its parent; what an answer holds is read at once, as far as that is bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # no password of another program's file

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer leads to; nothing is sent to another host, nothing without encryption.

        :raises RefusedAnswerError: where it leads there, or what is sent would be sent a second time.
        """
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        if resp.request.method not in ("GET", "HEAD"):
            raise RefusedAnswerError("leads what is sent to another address, which is not followed")
        here, there = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
        same = (here.hostname, here.port, here.scheme) == (there.hostname, there.port, there.scheme)
        upgraded = (here.hostname, "http", "https") == (there.hostname, here.scheme, there.scheme)
        if not same and not upgraded:
            raise RefusedAnswerError(f"leads to another host ({there.scheme}://{there.netloc}), which is not followed")
        return target

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request; returns its answer, whole.

        :raises RefusedAnswerError: where the answer is too large, too slow, or leads elsewhere.
        """
        length = int(request.headers.get("Content-Length") or 0)
        streamed = {**kwargs, "stream": True}
        wait = PATIENCE_S + length / SLOWEST_BYTES_S
        response = _within(wait, lambda: super(GuardedSession, self).send(request, **streamed))
        _read(response)
        kind = response.headers.get("Content-Type", "")
        if kind.lower().startswith(("application/dicom+json", "application/json", "application/dicom+xml")):
            response.headers["Content-Type"] = kind.split(";")[0].strip().lower()  # as dicomweb-client looks for it
        return response


def _within(seconds: float, action: Callable[[], _Answer]) -> _Answer:
    """Return what an action gives, in a thread of its own that is left behind where it takes too long."""
    found: list[_Answer] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(action())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise RefusedAnswerError(f"does not begin within {seconds:.0f} seconds")
    return found[0]


def _read(response: requests.Response) -> None:
    """Read an answer's body to its end.

    A library reads in blocks, so one that trickles is waited for in a thread that is left behind.
    """
    if response._content is not False:  # read before, as of a redirect
        return
    content = bytearray()
    ended: list[BaseException | None] = []
    began = time.monotonic()

    def run() -> None:
        try:
            for block in response.iter_content(_CHUNK):
                content.extend(block)
                if len(content) > MOST_BYTES:
                    raise RefusedAnswerError(f"has more than {MOST_BYTES >> 20} MiB")
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not ended:
        thread.join(0.5)
        if not ended and time.monotonic() - began > PATIENCE_S + len(content) / SLOWEST_BYTES_S:
            raise RefusedAnswerError(f"comes too slowly ({len(content):,} bytes in {PATIENCE_S:.0f} seconds and more)")
    if ended[0] is not None:
        raise ended[0]
    response._content = bytes(content)
    response._content_consumed = True
