"""Whether a file is whole: what is there, against what its header says and the checksum that its compression carries.

Readers of other libraries fill what is missing with zeros, so every image goes through here before it is read.
"""

from __future__ import annotations

import bz2
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..values import IFIMeasureError

MOST_BYTES = 2**31
"""An image of the hip is smaller; a header that claims more would only fill the memory."""

SLACK_BYTES = 512
"""What may follow the voxels: writers fill up the last block."""

_CHUNK = 1 << 22
DENSEST_DEFLATED = 1040
"""No more bytes than these come out of one byte of a gzip or zlib stream (RFC 1951)."""

DENSEST_BZ2 = 100_000
"""No more bytes than these come out of one byte of a bzip2 stream."""


def damaged(path: Path, why: str) -> IFIMeasureError:
    """Return the error of a file that is not whole.

    :param why: what shows it.
    """
    return IFIMeasureError(
        f"{path}: the file is incomplete or damaged ({why}); copy it from its source or convert it again."
    )


def refuse_unreadable(path: Path) -> None:
    """Refuse what is no file that can be read: nothing, a folder, a pipe, a device, a name no program can write down.

    :raises IFIMeasureError: says which.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise IFIMeasureError(f"{shown}: the name is not valid UTF-8; rename the file or its folder.") from None
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise IFIMeasureError(f"{path}: there is no such file.") from None
    except PermissionError:
        raise IFIMeasureError(f"{path}: you may not open this file; ask for the right to read it.") from None
    except (OSError, ValueError):
        raise IFIMeasureError(f"{path}: this is no name of a file; check it.") from None
    if stat.S_ISDIR(mode):
        raise IFIMeasureError(f"{path}: this is a folder; name a file in it.")
    if not stat.S_ISREG(mode):
        raise IFIMeasureError(f"{path}: this is not a regular file (a pipe or a device); save it as a file first.")
    if not os.access(path, os.R_OK):
        raise IFIMeasureError(f"{path}: you may not read this file; ask for the right to read it.")


def first_bytes(path: Path, size: int = 1024) -> bytes:
    """Return the first bytes of a regular file.

    :raises IFIMeasureError: where it cannot be read.
    """
    refuse_unreadable(path)
    try:
        with path.open("rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise IFIMeasureError(f"{path}: the file cannot be read ({error.strerror or error}).") from None


def is_deflated(head: bytes) -> bool:
    """Return whether the first bytes of a stream are those of gzip or zlib."""
    return head[:2] == b"\x1f\x8b" or (len(head) > 1 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0)


def check_claim(path: Path, needed: int, there: int, densest: int = 1) -> None:
    """Compare the bytes of voxels that a header claims with those that are there, before memory is taken.

    :param needed: bytes of the voxels, unpacked.
    :param there: bytes in the file, from where the voxels begin.
    :param densest: how many bytes can come out of one of them; how many do is known only at their end.
    :raises IFIMeasureError: where the file cannot hold the voxels, holds more, or they are more than a hip's image.
    """
    packed = densest > 1
    if packed and needed > max(there, 0) * densest:
        raise damaged(path, f"its header claims {needed:,} bytes of voxels, more than the file can hold")
    if not packed and there < needed:
        raise damaged(path, f"its header claims {needed:,} bytes of voxels, and {max(there, 0):,} are there")
    if needed > MOST_BYTES:
        raise IFIMeasureError(
            f"{path}: its header claims {needed / 2**30:.1f} GiB of voxels, and an image of up to "
            f"{MOST_BYTES / 2**30:.0f} GiB is read; crop it to the hips, or check the file."
        )
    if not packed and there > needed + SLACK_BYTES:
        raise damaged(path, f"its header claims {needed:,} bytes of voxels, and {there:,} are there")


def check_unpacked(path: Path, chunks: Iterator[bytes], needed: int) -> None:
    """Unpack a stream to its end, where its checksum is, and compare its length with what the header claims.

    :raises IFIMeasureError: where it is damaged, shorter or longer.
    """
    length = 0
    for chunk in chunks:
        length += len(chunk)
        if length > needed + SLACK_BYTES:
            raise damaged(path, f"its header claims {needed:,} bytes of voxels, and more come out of it")
    if length < needed:
        raise damaged(path, f"its header claims {needed:,} bytes of voxels, and {length:,} come out of it")


def inflated(path: Path, stream: BinaryIO) -> Iterator[bytes]:
    """Yield what a gzip or zlib stream holds, in pieces of a bounded size; its checksum is compared at its end.

    :raises IFIMeasureError: where it ends too early, is damaged, or something else follows it.
    """
    yield from _unpacked(path, stream, lambda: zlib.decompressobj(47))


def unpacked_bz2(path: Path, stream: BinaryIO) -> Iterator[bytes]:
    """Yield what a bzip2 stream holds, as :func:`inflated` does."""
    yield from _unpacked(path, stream, bz2.BZ2Decompressor)


def _unpacked(path: Path, stream: BinaryIO, opened: Callable[[], Any]) -> Iterator[bytes]:
    """The content of a compressed stream, which may consist of several ones behind each other (as pigz writes)."""
    unpacker = opened()
    piece = stream.read(_CHUNK)
    try:
        while True:
            out = unpacker.decompress(piece, _CHUNK)
            yield out
            if unpacker.eof:
                piece = unpacker.unused_data + stream.read(_CHUNK)
                if not piece.strip(b"\0"):
                    return
                unpacker = opened()
                continue
            piece = getattr(unpacker, "unconsumed_tail", b"")
            if piece or len(out) == _CHUNK:
                continue  # there may be more to come out of what went in
            piece = stream.read(_CHUNK)
            if not piece:
                raise damaged(path, "its compressed data end too early")
    except (zlib.error, OSError, EOFError) as error:
        raise damaged(path, f"its compressed data: {str(error).rsplit(': ', 1)[-1]}") from None
