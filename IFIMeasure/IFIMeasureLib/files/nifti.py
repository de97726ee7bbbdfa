"""NIfTI-1 and NIfTI-2 files, single or as a pair, plain or gzip: read whole or refused.

The voxels are [i, j, k] as stored; the affine leads from their indices to RAS millimeter, which is NIfTI's own frame.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..images.grid import axis_codes, shear
from ..values import Array, IFIMeasureError
from .intact import (
    DENSEST_DEFLATED,
    SLACK_BYTES,
    check_claim,
    damaged,
    first_bytes,
    inflated,
    is_deflated,
    refuse_unreadable,
)

_NO_LEFT = "so left and right cannot be told; convert it again from DICOM with a converter that keeps the orientation."

_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
"""What the header calls the types of one number a voxel."""

_OTHER_TYPES = {1: 1, 32: 64, 128: 24, 1536: 128, 1792: 128, 2048: 256, 2304: 32}
"""Bits of a voxel of other types: bits, complex numbers, colors."""

_ORTHONORMAL = 1e-4
"""Cosine up to which the sform is taken beside a qform, which cannot be sheared."""

_LAST_OFFSET = 2**24
"""No header with its extensions is longer."""

_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Millimeters of the units of length (meter, millimeter, micrometer); 0 where none is said."""


@dataclass(frozen=True)
class NiftiImage:
    """What a NIfTI file holds.

    :param array: the voxels, (I, J, K), or with further axes where the file has them.
    :param affine: (4, 4) indices to RAS millimeter.
    :param names: of label values, as TotalSegmentator writes them into the header's extension.
    :param slice_axis: the axis across the slices, where the header says it.
    """

    array: Array
    affine: Array
    names: dict[int, str]
    slice_axis: int | None


@dataclass(frozen=True)
class _Header:
    order: str
    single: bool
    shape: tuple[int, ...]
    datatype: int
    bits: int
    pixdim: tuple[float, ...]
    offset: float
    slope: float
    intercept: float
    codes: tuple[int, int]
    quaternion: tuple[float, ...]
    rows: Array
    units: int
    dim_info: int

    @property
    def voxel_bytes(self) -> int:
        """Bytes of all voxels."""
        count = 1
        for n in self.shape:
            count *= n
        return count * self.bits // 8


def is_nifti(head: bytes) -> bool:
    """Return whether a file's first bytes, unpacked, are a header of NIfTI or of Analyze, which came before it."""
    return _sizeof(head) is not None


def _sizeof(head: bytes) -> tuple[str, int] | None:
    """Byte order and version of a header; None where it is none."""
    for order in "<>":
        for version, size in ((1, 348), (2, 540)):
            if len(head) >= size and struct.unpack(order + "i", head[:4])[0] == size:
                return order, version
    return None


def header_file(path: Path) -> Path:
    """Return the file that holds the header: of the voxels of a pair (``.img``), the one beside it (``.hdr``)."""
    match = re.search(r"\.img(\.gz)?$", path.name, re.IGNORECASE)
    if match is None:
        return path
    stem = path.name[: match.start()]
    beside = (path.with_name(stem + ending) for ending in (".hdr", ".hdr.gz", ".HDR"))
    return next((file for file in beside if file.exists()), path)


def unpacked_head(path: Path, head: bytes) -> bytes:
    """Return a file's first bytes, unpacked where they are compressed; none where they cannot be unpacked."""
    if not is_deflated(head):
        return head
    with path.open("rb") as stream:
        try:
            return next(inflated(path, stream), b"")[:1024]
        except IFIMeasureError:
            return b""


def read_nifti(path: Path) -> NiftiImage:
    """Read a NIfTI file.

    :param path: of the file, or of one of a pair.
    :raises IFIMeasureError: where it is damaged, contradicts itself, or does not say where the patient's left is.
    """
    given, path = path, header_file(path)
    packed = is_deflated(first_bytes(path))
    with path.open("rb") as stream:
        chunks = inflated(path, stream) if packed else iter(lambda: stream.read(1 << 22), b"")
        content = _up_to(bytearray(), chunks, 544)
        header = _parsed(path, bytes(content[:540]))
        affine = _affine(path, header)
        if header.single:
            there = path.stat().st_size - (0 if packed else int(header.offset))
            check_claim(path, header.voxel_bytes, there, DENSEST_DEFLATED if packed else 1)
        end = int(header.offset) + header.voxel_bytes if header.single else 1 << 20
        for chunk in chunks:
            content += chunk
            if len(content) > end + SLACK_BYTES:
                raise damaged(path, f"{end:,} bytes are expected, and more are there")
    names = _label_table(bytes(content[_header_size(content) + 4 : int(header.offset)])) if header.single else {}
    voxels = memoryview(content)[int(header.offset) :] if header.single else _voxels_of_pair(given, path, header)
    if len(voxels) < header.voxel_bytes:
        raise damaged(path, f"its header claims {header.voxel_bytes:,} bytes of voxels, and {len(voxels):,} are there")
    slice_axis = (header.dim_info >> 4 & 3) - 1
    return NiftiImage(_array(path, header, voxels), affine, names, slice_axis if slice_axis >= 0 else None)


def _up_to(content: bytearray, chunks: Iterator[bytes], size: int) -> bytearray:
    """Content with pieces added until it has a size, or there are no more."""
    while len(content) < size and (chunk := next(chunks, b"")):
        content += chunk
    return content


def _header_size(content: bytes | bytearray) -> int:
    return 348 if (_sizeof(bytes(content[:540].ljust(540))) or ("", 1))[1] == 1 else 540


def _voxels_of_pair(given: Path, path: Path, header: _Header) -> bytearray:
    """The voxels of a pair, from the file that was given, or else from the one beside its header."""
    stem = re.sub(r"\.hdr(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    beside = (path.with_name(stem + ending) for ending in (".img", ".img.gz", ".IMG"))
    file = given if given != path else next((file for file in beside if file.exists()), None)
    if file is None:
        raise damaged(path, f"it is the header of a pair, and {stem}.img is not beside it")
    refuse_unreadable(file)
    packed = is_deflated(first_bytes(file)) and file.name.lower().endswith(".gz")
    offset = int(header.offset)
    check_claim(file, header.voxel_bytes, file.stat().st_size - offset, DENSEST_DEFLATED if packed else 1)
    content = bytearray()
    with file.open("rb") as stream:
        for chunk in inflated(file, stream) if packed else iter(lambda: stream.read(1 << 22), b""):
            content += chunk
            if len(content) > offset + header.voxel_bytes + SLACK_BYTES:
                raise damaged(file, f"{offset + header.voxel_bytes:,} bytes are expected, and more are there")
    return content[offset:]


def _parsed(path: Path, head: bytes) -> _Header:
    """The header's fields, checked against each other."""
    found = _sizeof(head.ljust(540))
    if found is None or len(head) < (348 if found[1] == 1 else 540):
        raise damaged(path, "it ends within its header")
    order, version = found
    magic = head[344:348] if version == 1 else head[4:8]
    if magic not in ((b"n+1\0", b"ni1\0") if version == 1 else (b"n+2\0", b"ni2\0")):
        raise IFIMeasureError(f"{path}: an Analyze file has no orientation, {_NO_LEFT}")
    header = (_first_version if version == 1 else _second_version)(head, order, magic[1:2] == b"+")
    size = 352 if version == 1 else 544
    bits = 8 * np.dtype(_TYPES[header.datatype]).itemsize if header.datatype in _TYPES else None
    if bits is None:
        bits = _OTHER_TYPES.get(header.datatype)
    if bits is None or bits != header.bits:
        raise damaged(path, f"its header says type {header.datatype} of {header.bits} bits, which is none")
    if not header.shape or min(header.shape) < 1:
        raise damaged(path, f"its header says {' x '.join(map(str, header.shape)) or 'no'} voxels")
    if header.single and header.offset == 0.0:  # so write some; there is one place where the voxels can be
        header = replace(header, offset=float(size))
    low = size - 4 if header.single else 0
    if not low <= header.offset <= _LAST_OFFSET or header.offset != int(header.offset):
        raise damaged(path, f"its header says that the voxels begin at byte {header.offset:g}")
    return header


def _first_version(head: bytes, order: str, single: bool) -> _Header:
    def of(code: str, at: int) -> Any:
        return struct.unpack_from(order + code, head, at)

    dims = of("8h", 40)
    return _Header(
        order=order,
        single=single,
        shape=_shape(dims),
        datatype=of("h", 70)[0],
        bits=of("h", 72)[0],
        pixdim=of("8f", 76),
        offset=of("f", 108)[0],
        slope=of("f", 112)[0],
        intercept=of("f", 116)[0],
        codes=(of("h", 252)[0], of("h", 254)[0]),
        quaternion=of("6f", 256),
        rows=np.array(of("12f", 280)).reshape(3, 4),
        units=head[123] & 7,
        dim_info=head[39],
    )


def _second_version(head: bytes, order: str, single: bool) -> _Header:
    def of(code: str, at: int) -> Any:
        return struct.unpack_from(order + code, head, at)

    return _Header(
        order=order,
        single=single,
        shape=_shape(of("8q", 16)),
        datatype=of("h", 12)[0],
        bits=of("h", 14)[0],
        pixdim=of("8d", 104),
        offset=float(of("q", 168)[0]),
        slope=of("d", 176)[0],
        intercept=of("d", 184)[0],
        codes=(of("i", 344)[0], of("i", 348)[0]),
        quaternion=of("6d", 352),
        rows=np.array(of("12d", 400)).reshape(3, 4),
        units=of("i", 500)[0] & 7,
        dim_info=head[524],
    )


def _shape(dims: tuple[int, ...]) -> tuple[int, ...]:
    """Voxels along each axis, three at least; without further axes of length one."""
    shape = list(dims[1 : dims[0] + 1]) if 1 <= dims[0] <= 7 else []
    shape += [1] * (3 - len(shape)) if shape else []
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    return tuple(shape)


def _affine(path: Path, header: _Header) -> Array:
    """The affine to RAS millimeter: the scanner's, or what there is.

    The sform is taken where it is the scanner's or there is no qform; else the qform, as beside a template's sform.
    """
    qform, sform = header.codes
    if qform <= 0 and sform <= 0:
        raise IFIMeasureError(
            f"{path}: the NIfTI header has no orientation (qform_code and sform_code are 0), {_NO_LEFT}"
        )
    if qform > 0:
        _check_quaternion(path, header)
    of_q, of_s = _of_quaternion(header) if qform > 0 else None, header.rows if sform > 0 else None
    for affine in (of_q, of_s):
        if affine is not None and (not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12):
            raise IFIMeasureError(
                f"{path}: the geometry in the header is not usable (NaN or a direction of no length)."
            )
    if of_q is not None and of_s is not None:
        _refuse_disagreement(path, of_q, of_s)
    if of_s is not None and (of_q is None or (sform == 1 and shear(of_s) <= _ORTHONORMAL)):
        rows = _checked_sform(path, header, of_s)
    else:
        assert of_q is not None
        rows = of_q
    affine = np.eye(4)
    affine[:3] = rows * _UNITS_MM.get(header.units, 1.0)
    return affine


def _check_quaternion(path: Path, header: _Header) -> None:
    """Refuse a qform that turns and stretches in no way: a quaternion longer than 1, voxels of no or negative size."""
    b, c, d, *_ = header.quaternion
    if b * b + c * c + d * d > 1.01 or min(header.pixdim[1:4]) <= 0.0:
        raise damaged(path, "the quaternion or the spacing of the qform in its header is impossible")


def _of_quaternion(header: _Header) -> Array:
    """The three rows of the qform (NIfTI-1, method 2)."""
    b, c, d, *offset = header.quaternion
    a2 = 1.0 - (b * b + c * c + d * d)
    if a2 < 1e-7:  # as NIfTI's own library: rounding must not make it a root of a negative number
        scale = 1.0 / np.sqrt(b * b + c * c + d * d)
        a, b, c, d = 0.0, b * scale, c * scale, d * scale
    else:
        a = float(np.sqrt(a2))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    spacing = np.array(header.pixdim[1:4]) * [1.0, 1.0, -1.0 if header.pixdim[0] < 0 else 1.0]
    return np.column_stack([turn * spacing, offset])


def _refuse_disagreement(path: Path, of_q: Array, of_s: Array) -> None:
    """Refuse two orientations of which one would exchange left and right, or other directions of the patient."""
    q, s = axis_codes(of_q), axis_codes(of_s)
    mirrored = np.linalg.det(of_q[:, :3]) * np.linalg.det(of_s[:, :3]) < 0
    if mirrored or q != s:
        raise IFIMeasureError(
            f"{path}: the two orientations in the NIfTI header contradict each other (the qform says {q}, the sform "
            f"{s}), so left and right cannot be told; convert it again from DICOM."
        )


def _checked_sform(path: Path, header: _Header, rows: Array) -> Array:
    """The sform, with the spacing of the header.

    :raises IFIMeasureError: where it says another one.
    """
    length, spacing = np.linalg.norm(rows[:, :3], axis=0), np.array(header.pixdim[1:4])
    if not np.isfinite(spacing).all() or np.abs(length - spacing).max() > 0.01 * length.min():
        raise IFIMeasureError(
            f"{path}: the header contradicts itself: voxels of {_mm(spacing)} by its pixdim and of {_mm(length)} by "
            "its sform; convert it again from DICOM."
        )
    return np.column_stack([rows[:, :3] / length * spacing, rows[:, 3]])


def _mm(values: Array) -> str:
    return " x ".join(f"{v:g}" for v in np.round(values, 4)) + " mm"


def _array(path: Path, header: _Header, voxels: Any) -> Array:
    """The voxels as numbers, [i, j, k], scaled as the header says."""
    if header.datatype not in _TYPES:
        raise IFIMeasureError(f"{path}: its voxels are colors or complex numbers; one number a voxel is needed.")
    kind = np.dtype(header.order + _TYPES[header.datatype])
    count = header.voxel_bytes // kind.itemsize
    array = np.frombuffer(voxels, kind, count).reshape(header.shape, order="F")
    array = array.astype(kind.newbyteorder("="), copy=False)
    slope, intercept = header.slope, header.intercept
    if not np.isfinite([slope, intercept]).all() or slope == 0.0 or (slope, intercept) == (1.0, 0.0):
        return array
    scaled: Array = array.astype(np.float64 if kind.itemsize == 8 else np.float32)
    scaled *= slope
    scaled += intercept
    return scaled


def _label_table(extension: bytes) -> dict[int, str]:
    """Names in the XML label table of a header extension, as TotalSegmentator writes it."""
    pattern = r'<Label\s[^>]*Key="(\d{1,9})"[^>]*>\s*(?:<!\[CDATA\[)?\s*([^<\]]+?)\s*(?:\]\]>)?\s*</Label>'
    return {int(key): name for key, name in re.findall(pattern, extension.decode("utf-8", "replace"))}
