"""NRRD and MetaImage files, whose headers are text: checked whole before SimpleITK reads them.

SimpleITK fills what is missing with zeros and passes over what it does not understand; neither is let through here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..values import Array, IFIMeasureError
from .intact import (
    DENSEST_BZ2,
    DENSEST_DEFLATED,
    check_claim,
    check_unpacked,
    damaged,
    inflated,
    refuse_unreadable,
    unpacked_bz2,
)

_LONGEST_HEADER = 1 << 22

_NRRD_TYPES = {
    1: ("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"),
    2: (
        *("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
        *("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    ),
    4: ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"),
    8: (
        *("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
        *("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t", "double"),
    ),
}
"""Names of the types of voxels, by their bytes."""

_NRRD_FIELDS = {
    *(
        "dimension",
        "type",
        "block size",
        "blocksize",
        "encoding",
        "endian",
        "content",
        "old min",
        "oldmin",
        "old max",
        "oldmax",
    ),
    *("min", "max", "data file", "datafile", "line skip", "lineskip", "byte skip", "byteskip", "number"),
    *("sample units", "sampleunits", "sizes", "spacings", "thicknesses", "axis mins", "axismins", "axis maxs"),
    *("axismaxs", "centers", "centerings", "labels", "units", "kinds", "space", "space dimension", "space units"),
    *("space origin", "space directions", "measurement frame"),
}
"""Fields that a header may have (http://teem.sourceforge.net/nrrd/format.html)."""

_NRRD_SPACES = {
    *("right-anterior-superior", "ras", "left-anterior-superior", "las", "left-posterior-superior", "lps"),
    *("right-anterior-superior-time", "rast", "left-anterior-superior-time", "last"),
    *("left-posterior-superior-time", "lpst"),
}
"""Spaces that say where the patient's left is."""

_META_TYPES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR"), 1),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_LONG", "MET_ULONG", "MET_FLOAT"), 4),
    **dict.fromkeys(("MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), 8),
}
"""Bytes of a voxel by the name of its type."""


@dataclass(frozen=True)
class _Data:
    """Where the voxels are.

    :param needed: bytes they have, unpacked.
    :param start: byte of the file at which they begin; negative where they are at its end.
    :param skipped: bytes to pass over after unpacking.
    :param values: how many numbers there are, where they are written as text; else 0.
    """

    path: Path
    needed: int
    start: int
    encoding: str
    skipped: int = 0
    values: int = 0


def is_metaimage(head: bytes) -> bool:
    """Return whether a file's first bytes are the header of a MetaImage."""
    return re.match(rb"\s*(ObjectType|Comment|NDims|ID|ObjectSubType|BinaryData)\s*=", head) is not None


def check_nrrd(path: Path) -> dict[str, str]:
    """Check an NRRD file, or its header and the file of its voxels.

    :returns: the keys of its writer (``key:=value``).
    :raises IFIMeasureError: where it is damaged, contradicts itself, or does not say where the patient's left is.
    """
    content, start = _header(path, (b"\n\n", b"\r\n\r\n"))
    fields, keys = _nrrd_fields(path, content)
    sizes = [_whole(path, "sizes", text) for text in fields.get("sizes", "").split()]
    if not sizes or len(sizes) != _whole(path, "dimension", fields.get("dimension", "")) or min(sizes) < 1:
        raise damaged(path, "dimension and sizes in its header contradict each other")
    kind = fields.get("type", "").lower()
    size = next((size for size, names in _NRRD_TYPES.items() if kind in names), None)
    if size is None:
        raise damaged(path, f"its header says that voxels are of type {kind!r}")
    _check_nrrd_space(path, fields, len(sizes))
    encoding = fields.get("encoding", "").lower()
    if encoding == "raw" and size > 1 and fields.get("endian", "").lower() not in ("little", "big"):
        raise damaged(path, "its header does not say the order of bytes (endian)")
    named = fields.get("data file", fields.get("datafile", ""))
    file = _beside(path, named) if named else path
    lines = _whole(path, "line skip", fields.get("line skip", fields.get("lineskip", "0")))
    skip = int(_number(path, "byte skip", fields.get("byte skip", fields.get("byteskip", "0"))))
    begin = _after_lines(file, 0 if named else start, lines)
    count = math.prod(sizes)
    if encoding == "raw":
        _check_data(_Data(file, count * size, -1 if skip < 0 else begin + skip, "raw"))
    elif encoding in ("gzip", "gz", "bzip2", "bz2"):
        _check_data(_Data(file, count * size, begin, encoding[:2], skipped=max(skip, 0)))
    elif encoding in ("txt", "text", "ascii"):
        _check_data(_Data(file, count, begin + max(skip, 0), "text", values=count))
    else:
        raise IFIMeasureError(f"{path}: its encoding is {encoding!r}; save it again with the encoding gzip or raw.")
    return keys


def check_metaimage(path: Path) -> None:
    """Check a MetaImage, or its header (``.mhd``) and the file of its voxels.

    :raises IFIMeasureError: where it is damaged, contradicts itself, or does not say where the patient's left is.
    """
    content, start = _header(path, (rb"ElementDataFile[ \t]*=[^\n]*\n",))
    fields = _meta_fields(path, content)
    dimensions = _whole(path, "NDims", fields.get("NDims", ""))
    sizes = [_whole(path, "DimSize", text) for text in fields.get("DimSize", "").split()]
    if len(sizes) != dimensions or not sizes or min(sizes) < 1:
        raise damaged(path, "NDims and DimSize in its header contradict each other")
    size = _META_TYPES.get(fields.get("ElementType", ""))
    if size is None:
        raise damaged(path, f"its header says that voxels are of type {fields.get('ElementType', '')!r}")
    _check_meta_space(path, fields, dimensions)
    channels = _whole(path, "ElementNumberOfChannels", fields.get("ElementNumberOfChannels", "1"))
    count = math.prod(sizes) * channels
    named = fields["ElementDataFile"]
    local = named.upper() == "LOCAL"
    file = path if local else _beside(path, named)
    skip = int(_number(path, "HeaderSize", fields.get("HeaderSize", "0")))
    begin = start if local else max(skip, 0)
    if _is_true(path, fields, "CompressedData", False):
        _check_data(_Data(file, count * size, begin, "gz"))
    elif _is_true(path, fields, "BinaryData", True):
        _check_data(_Data(file, count * size, -1 if skip < 0 else begin, "raw"))
    else:
        _check_data(_Data(file, count, begin, "text", values=count))


def _header(path: Path, ends: tuple[bytes, ...]) -> tuple[str, int]:
    """The text of a header, and the byte at which what follows begins."""
    with path.open("rb") as stream:
        content = stream.read(_LONGEST_HEADER)
    places = [match.end() for end in ends if (match := re.search(end, content))]
    if not places and (not path.name.lower().endswith((".nhdr", ".mhd")) or len(content) == _LONGEST_HEADER):
        raise damaged(path, "its header has no end")
    end = min(places, default=len(content))
    try:
        text = content[:end].decode()
    except UnicodeDecodeError:
        text = content[:end].decode("latin-1")
    if re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text):
        raise damaged(path, "there are control characters in its header")
    return text, end


def _nrrd_fields(path: Path, text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Fields of the format by their names in lower case, and the keys of its writer."""
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    lines = text.splitlines()
    if not re.fullmatch(r"NRRD000[1-6]\s*", lines[0] if lines else ""):
        raise damaged(path, "its first line names no version of NRRD")
    for line in lines[1:]:
        if not line.strip() or line.startswith("#"):
            continue
        name, sign, value = line.partition(":=")
        found = keys
        if not sign:
            name, sign, value = line.partition(": ")
            name, found = name.strip().lower(), fields
        foreign = ":=" in value if found is keys else name not in _NRRD_FIELDS
        if not sign or name in found or foreign:
            raise damaged(path, f"its header has the line {line[:60]!r}")
        found[name] = value.strip()
    return fields, keys


def _check_nrrd_space(path: Path, fields: Mapping[str, str], dimension: int) -> None:
    space = fields.get("space", "").lower()
    if space not in _NRRD_SPACES:
        what = f"the space {space!r}" if space else "no 'space' field"
        raise IFIMeasureError(
            f"{path}: the NRRD header has {what}, so left and right cannot be told; save it again from a program that "
            "writes the orientation."
        )
    directions = re.findall(r"none|\([^()]*\)", fields.get("space directions", ""))
    rows = [row for text in directions if (row := _vector(path, "space directions", text)) is not None]
    if len(directions) != dimension or len(rows) < min(3, dimension) or any(len(row) not in (3, 4) for row in rows):
        raise IFIMeasureError(
            f"{path}: the NRRD header has no 'space directions' for each axis, so the place of its voxels in the "
            "patient is unknown; save it again from a program that writes the orientation."
        )
    if "space origin" in fields:
        _vector(path, "space origin", fields["space origin"])
    _check_directions(path, np.array([row[:3] for row in rows[-3:]]).T)


def _vector(path: Path, name: str, text: str) -> list[float] | None:
    """Three numbers in parentheses; None for an axis that is not one of space."""
    if text == "none":
        return None
    match = re.fullmatch(r"\((.*)\)", text)
    parts = match[1].split(",") if match else []
    if all(part.strip().lower() == "nan" for part in parts) and parts:
        return None
    return [_number(path, name, part) for part in parts]


def _meta_fields(path: Path, text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if not line.strip():
            continue
        if not equals:
            raise damaged(path, f"its header has the line {line[:60]!r}")
        fields[name.strip()] = value.strip()
    if "ElementDataFile" not in fields:
        raise damaged(path, "its header has no end (ElementDataFile)")
    return fields


def _check_meta_space(path: Path, fields: Mapping[str, str], dimensions: int) -> None:
    found = [
        next((fields[name] for name in names if name in fields), None)
        for names in (
            ("TransformMatrix", "Rotation", "Orientation"),
            ("Offset", "Position", "Origin"),
            ("ElementSpacing", "ElementSize"),
        )
    ]
    matrix, offset, spacing = found
    if matrix is None or offset is None:
        raise IFIMeasureError(
            f"{path}: the MetaImage header has no TransformMatrix and Offset, so left and right cannot be told; save "
            "it again from a program that writes the orientation."
        )
    if spacing is None:
        raise damaged(path, "its header does not say the distance of voxels (ElementSpacing)")
    numbers = {
        name: [_number(path, name, part) for part in text.split()]
        for name, text in (("TransformMatrix", matrix), ("Offset", offset), ("ElementSpacing", spacing))
    }
    lengths = (dimensions**2, dimensions, dimensions)
    if any(len(values) != length for values, length in zip(numbers.values(), lengths)):
        raise damaged(path, "TransformMatrix, Offset and ElementSpacing in its header do not fit NDims")
    if dimensions >= 3:
        turn = np.array(numbers["TransformMatrix"]).reshape(dimensions, dimensions).T[:3, :3]
        if np.abs(np.linalg.norm(turn, axis=0) - 1.0).max() > 0.01:
            raise damaged(path, "the directions in its header (TransformMatrix) have no length of 1")
        _check_directions(path, turn * numbers["ElementSpacing"][:3])


def _check_directions(path: Path, columns: Array) -> None:
    """Refuse axes (3, 3) of no length."""
    length = np.linalg.norm(columns, axis=0)
    if not np.isfinite(columns).all() or length.min() < 1e-9:
        raise IFIMeasureError(f"{path}: the geometry in the header is not usable (NaN or a direction of no length).")


def _is_true(path: Path, fields: Mapping[str, str], name: str, default: bool) -> bool:
    text = fields.get(name, str(default)).lower()
    if text not in ("true", "false"):
        raise damaged(path, f"its header says {name} = {text!r}")
    return text == "true"


def _number(path: Path, name: str, text: str) -> float:
    """A number of a header; it may be NaN, but not text."""
    try:
        return float(text)
    except ValueError:
        raise damaged(path, f"its header says {name} {text[:40]!r}, which is no number") from None


def _whole(path: Path, name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,12}", text.strip()):
        raise damaged(path, f"its header says {name} {text[:40]!r}, which is no whole number")
    return int(text)


def _beside(path: Path, named: str) -> Path:
    """The file of the voxels that a header names.

    :raises IFIMeasureError: where they lie in several files, or it is not there.
    """
    if named.upper().startswith("LIST") or "%" in named:
        raise IFIMeasureError(f"{path}: its voxels lie in several files ({named[:40]}); save it as one file.")
    file = path.parent / named
    if not file.exists():
        raise damaged(path, f"its voxels lie in {named}, which is not there")
    refuse_unreadable(file)
    return file


def _after_lines(path: Path, start: int, lines: int) -> int:
    """The byte after as many lines."""
    if not lines:
        return start
    with path.open("rb") as stream:
        stream.seek(start)
        for _ in range(min(lines, 100_000)):
            stream.readline(1 << 16)
        return stream.tell()


def _check_data(data: _Data) -> None:
    """Compare the voxels that are there with those that the header claims."""
    size = data.path.stat().st_size
    if data.encoding == "raw":
        begin = size - data.needed if data.start < 0 else data.start
        check_claim(data.path, data.needed, size - max(begin, 0))
        return
    if data.encoding == "text":
        check_claim(data.path, data.needed, size - data.start, DENSEST_DEFLATED)
        _check_text(data)
        return
    densest, unpacked = (DENSEST_BZ2, unpacked_bz2) if data.encoding == "bz" else (DENSEST_DEFLATED, inflated)
    check_claim(data.path, data.needed, size - data.start, densest)
    with data.path.open("rb") as stream:
        stream.seek(data.start)
        check_unpacked(data.path, unpacked(data.path, stream), data.needed + data.skipped)


def _check_text(data: _Data) -> None:
    with data.path.open("rb") as stream:
        stream.seek(data.start)
        words = stream.read(data.values * 32 + 4096).split()
    if len(words) != data.values:
        raise damaged(data.path, f"its header claims {data.values:,} voxels, and {len(words):,} are there")
