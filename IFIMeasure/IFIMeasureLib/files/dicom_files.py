"""One DICOM file: known by its content, its header read whatever is in it, its pixels counted before they are read.

Readers of other libraries fill missing pixels with zeros, and stop at a number that is none; neither happens here.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..values import IFIMeasureError
from .intact import MOST_BYTES, first_bytes

FOREIGN_ERRORS = (Exception,)
"""What the libraries that read DICOM raise of damaged files: anything, with errors of their own that have no base."""

SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""SOP classes of DICOM segmentations: of voxels, and as a label map."""

_DEFLATED = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_IMPLICIT = "1.2.840.10008.1.2"
_UNDEFINED = 0xFFFFFFFF

_NUMBERS = {
    "Rows": 1,
    "Columns": 1,
    "PixelSpacing": 2,
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
    "RescaleSlope": 1,
    "RescaleIntercept": 1,
    "NumberOfFrames": 1,
    "BitsAllocated": 1,
    "SamplesPerPixel": 1,
    "BitsStored": 1,
    "PixelRepresentation": 1,
}
"""How many numbers a geometry cannot do without hold."""


@dataclass(frozen=True)
class DicomHeader:
    """What the header of a DICOM file says.

    :param dataset: pydicom's, with those of the keywords that were asked for and can be read.
    :param problem: why its image cannot be used; empty where it can.
    :param damaged: whether the problem is that the file is not whole.
    """

    dataset: Any
    problem: str = ""
    damaged: bool = False


def is_dicom(path: Path) -> bool:
    """Return whether a file is DICOM by its content, with or without the preamble of a file.

    :raises IFIMeasureError: where it is no regular file, or cannot be read.
    """
    return _is_dicom(first_bytes(path, 132))


def _is_dicom(head: bytes) -> bool:
    if head[128:132] == b"DICM":
        return True
    group = head[:2]
    if len(head) < 132 or group not in (b"\x02\x00", b"\x08\x00", b"\x00\x08"):
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return head[3] == 0 and (explicit or int.from_bytes(head[4:8], "little") < 1024)


def read_header(path: Path, keywords: Sequence[str]) -> DicomHeader | None:
    """Read the header of a DICOM file, and compare its pixels with it; None where it is no DICOM file.

    :param keywords: what is wanted of it, beside what tells how many pixels there are.
    :raises IFIMeasureError: where it is no regular file, or cannot be read.
    """
    import pydicom

    head = first_bytes(path, 132)
    if not _is_dicom(head):
        if path.suffix.lower() in (".dcm", ".ima"):
            return DicomHeader(pydicom.Dataset(), f"{path.name} is no DICOM file, or its beginning is lost", True)
        return None
    try:
        with path.open("rb") as stream:
            dataset, pixels = _read(stream, head[128:] == b"DICM", ["SOPClassUID", *keywords, *_NUMBERS])
            problem = _problem_of_values(dataset)
            if problem:
                return DicomHeader(dataset, f"{path.name}: {problem}")
            problem = _problem_of_pixels(dataset, pixels)
    except FOREIGN_ERRORS as error:
        if head[128:] != b"DICM":
            return None
        dataset, problem = pydicom.Dataset(), error_text(error)
    if problem:
        return DicomHeader(dataset, f"{path.name} is incomplete or damaged ({problem})", True)
    return DicomHeader(dataset)


def error_text(error: BaseException) -> str:
    """Return the first line of what another library says, without a full stop."""
    lines = str(error).strip().splitlines()
    return printable(lines[0])[:200].rstrip(". ") if lines else type(error).__name__


def printable(text: str) -> str:
    """Return a text of a header without what moves the cursor or rings a bell."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def refuse_damaged_dicom(path: Path) -> None:
    """Refuse a DICOM file that is not whole, whatever it holds.

    :raises IFIMeasureError: where it is incomplete or damaged.
    """
    found = read_header(path, ())
    if found is not None and found.damaged:
        raise IFIMeasureError(f"{path.parent}: {found.problem}; copy the file from its source again.")


def _read(stream: BinaryIO, preamble: bool, keywords: Sequence[str]) -> tuple[Any, BinaryIO]:
    """The header of a file, and a stream that stands where its pixels begin."""
    import pydicom
    from pydicom.filereader import read_dataset, read_file_meta_info, read_preamble

    if preamble:
        meta = read_file_meta_info(stream.name)
        if meta.get("TransferSyntaxUID") == _DEFLATED:
            read_preamble(stream, False)
            _pass_meta(stream)
            content = io.BytesIO(_inflated(stream))
            dataset = pydicom.FileDataset("", read_dataset(content, False, True, stop_when=_is_pixels), file_meta=meta)
            return dataset, content
    stream.seek(0)
    dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=not preamble, specific_tags=list(keywords))
    return dataset, stream


def _is_pixels(tag: int, vr: str | None, length: int) -> bool:
    return tag in (0x7FE00008, 0x7FE00009, 0x7FE00010)


def _pass_meta(stream: BinaryIO) -> None:
    """Go to the end of the file's meta information, which says its length."""
    group, element, _, length, value = struct.unpack("<HH2sHI", stream.read(12))
    if (group, element, length) != (2, 0, 4):
        raise ValueError("its meta information has no length")
    stream.seek(value, io.SEEK_CUR)


def _inflated(stream: BinaryIO) -> bytes:
    """The data set of a deflated file (RFC 1951, without a checksum); its end must be there."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    content = unpacker.decompress(stream.read(), MOST_BYTES)
    if not unpacker.eof or len(unpacker.unused_data) > 1:
        raise ValueError("its compressed data do not end where they should")
    return content


def _problem_of_values(dataset: Any) -> str:
    """Why what the header says cannot be used; values that do no harm are made text."""
    problem = ""
    for element in list(dataset.keys()):
        try:
            value = dataset[element].value
        except FOREIGN_ERRORS:
            raw, keyword = dataset.get_item(element), _keyword(element)
            text = bytes(raw.value or b"").decode("latin-1", "replace").strip(" \0")
            del dataset[element]
            if keyword in _NUMBERS:
                problem = problem or f"{keyword} is {text[:40]!r}, which is no number"
            else:
                dataset.add_new(element, "UT", text)
            continue
        keyword = _keyword(element)
        if keyword in _NUMBERS and isinstance(value, str):  # a text where numbers should be
            value = value.split("\\") if _NUMBERS[keyword] > 1 else value
            if _are_numbers(value, _NUMBERS[keyword]):
                dataset.add_new(element, "DS", value)
        if keyword in _NUMBERS and value not in (None, "") and not _are_numbers(value, _NUMBERS[keyword]):
            text = "\\".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
            problem = problem or f"{keyword} is '{str(text)[:40]}', which is not {_NUMBERS[keyword]} finite numbers"
            problem = printable(problem)
    return problem


def _keyword(tag: Any) -> str:
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag)


def _are_numbers(value: Any, count: int) -> bool:
    values = [value] if count == 1 else value
    try:
        return len(values) == count and all(math.isfinite(float(v)) for v in values)
    except (TypeError, ValueError, OverflowError):
        return False


def _problem_of_pixels(dataset: Any, stream: BinaryIO) -> str:
    """Why the pixels are not those that the header claims; empty where they are, or it is no image."""
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", "")) if hasattr(dataset, "file_meta") else ""
    order = ">" if syntax == _BIG_ENDIAN else "<"
    head = stream.read(12)
    if len(head) < 12:
        return "its pixels are missing" if _should_have_pixels(dataset) else ""
    explicit = head[4:6] in (b"OW", b"OB", b"UN")
    length = struct.unpack(order + "I", head[8:12] if explicit else head[4:8])[0]
    if not explicit:
        stream.seek(-4, io.SEEK_CUR)
    needed = _claimed_bytes(dataset)
    if struct.unpack(order + "HH", head[:4]) != (0x7FE0, 0x0010) or needed is None:
        return ""  # maps of floating point, and what has no rows, are no images of ours
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    problem = f"it claims {needed / 2**30:.1f} GiB of pixels" if needed > MOST_BYTES else ""
    if length == _UNDEFINED:
        return _problem_of_fragments(stream, frames) or problem
    begin = stream.tell()
    problem = _problem_of_length(stream, length, needed, needed // frames) or problem
    if problem or not isinstance(stream, io.BytesIO):
        return problem
    return _problem_of_inflated(stream.getvalue()[begin:], length, dataset)


def _claimed_bytes(dataset: Any) -> int | None:
    """Bytes of all pixels, unpacked, by the header; None where it is no image."""
    if dataset.get("Rows") is None or dataset.get("Columns") is None:
        return None
    count = int(dataset.Rows) * int(dataset.Columns) * max(int(dataset.get("NumberOfFrames", 1) or 1), 1)
    # of colors, pixels beside each other may share some
    samples = min(int(dataset.get("SamplesPerPixel", 1) or 1), 2)
    return -(-count * samples * int(dataset.get("BitsAllocated", 16) or 16) // 8)


def _problem_of_length(stream: BinaryIO, length: int, needed: int, frame: int) -> str:
    """Why so many bytes of pixels are not those that are needed."""
    begin = stream.tell()
    there = stream.seek(0, io.SEEK_END) - begin
    if length > there:
        return f"its pixels end after {there:,} of {length:,} bytes"
    if length < needed or needed < 1 or length - needed >= max(frame, 2):
        return f"its header claims {needed:,} bytes of pixels, and {length:,} are there"
    return ""


def _problem_of_inflated(content: bytes, length: int, dataset: Any) -> str:
    """Why what was inflated cannot be right: deflated data sets have no checksum, and this shows most damage.

    :param content: from where the pixels begin.
    """
    rest = content[length : length + 8]
    if rest and (len(rest) < 8 or int.from_bytes(rest[:2], "little") < 0x7FE0):
        return f"something that is no element follows its {length:,} bytes of pixels"
    bits = int(dataset.get("BitsStored", 16) or 16)
    unsigned = not int(dataset.get("PixelRepresentation", 0) or 0)
    if unsigned and int(dataset.get("BitsAllocated", 16) or 16) == 16 and bits < 16 and length >= 2:
        highest = int(np.frombuffer(content, "<u2", length // 2).max())
        if highest >= 1 << bits:
            return f"a pixel is {highest}, which has more than {bits} bits"
    return ""


def _should_have_pixels(dataset: Any) -> bool:
    """Whether it is of a kind that has pixels: an image or a segmentation, or where nothing says it, one with rows."""
    from pydicom.uid import UID

    said = dataset.get("SOPClassUID") or getattr(dataset, "file_meta", {}).get("MediaStorageSOPClassUID") or ""
    name = UID(str(said)).name
    if not said:
        return dataset.get("Rows") is not None
    return "Image Storage" in name or str(said) in SEGMENTATION_CLASSES


def _problem_of_fragments(stream: BinaryIO, frames: int) -> str:
    """Why compressed pixels are not whole: their pieces (DICOM PS3.5, A.4) up to the end that is marked."""
    pieces = -1  # the first is a table of offsets
    begin = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(begin)
    while True:
        head = stream.read(8)
        if len(head) < 8:
            return "its compressed pixels end too early"
        group, element, length = struct.unpack("<HHI", head)
        if (group, element) == (0xFFFE, 0xE0DD):
            break
        if (group, element) != (0xFFFE, 0xE000) or length > size - stream.tell():
            return "its compressed pixels end too early"
        if not length and pieces >= 0:
            return "a piece of its compressed pixels is empty"
        pieces += 1
        stream.seek(length, io.SEEK_CUR)
    return "" if pieces >= frames else f"its header claims {frames:,} frames, and {max(pieces, 0):,} are there"
