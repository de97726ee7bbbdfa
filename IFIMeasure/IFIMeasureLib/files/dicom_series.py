"""DICOM folders: which series they hold, and the volume of a series (RAS in memory, LPS in the headers)."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..images.grid import LPS_TO_RAS, Grid, canonical, check_grid
from ..images.masks import Volume
from ..values import Array, IFIMeasureError
from .dicom_files import printable
from .dicom_slices import STACK, TAGS, Slice, SliceHeader, kind_of_file, read_headers, read_planes
from .images import array_view
from .intact import MOST_BYTES


@dataclass
class Series:
    """One series of a folder, or one stack of it where a multi-frame file holds several (echoes, Dixon images).

    :param slices: file and frame of each slice, in order along the slice normal.
    :param tags: what the first slice's header says, by DICOM keyword.
    :param spacing_mm: between the centers of rows and of columns.
    :param step_mm: between slices.
    :param normal: (3,) unit vector across the slices, LPS; zero where it is not known, as the directions.
    :param positions: (N, 3) centers of the slices' first pixels, LPS millimeter; empty where they are not known.
    :param row_direction: (3,) unit vector in which columns are counted, LPS; ``column_direction`` that of rows.
    :param scaled_apart: whether its slices have stored values of different scales.
    :param problem: why it is no volume; empty where it is one.
    :param damaged: whether that is because a file is not whole.
    :param notes: what of its files was left out, a sentence each.
    """

    uid: str
    number: str
    description: str
    modality: str
    slices: list[Slice]
    tags: dict[str, str]
    rows: int = 0
    columns: int = 0
    spacing_mm: tuple[float, float] = (0.0, 0.0)
    step_mm: float = 0.0
    normal: Array = field(default_factory=lambda: np.zeros(3))
    positions: Array = field(default_factory=lambda: np.zeros((0, 3)))
    row_direction: Array = field(default_factory=lambda: np.zeros(3))
    column_direction: Array = field(default_factory=lambda: np.zeros(3))
    scaled_apart: bool = False
    problem: str = ""
    damaged: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        """The files of the slices, each once."""
        return list(dict.fromkeys(s.path for s in self.slices))

    @property
    def plane(self) -> str:
        """``axial``, ``sagittal``, ``coronal`` or ``oblique`` after the slice normal."""
        if not self.normal.any():
            return "unknown"
        axis = int(np.argmax(np.abs(self.normal)))
        name = ("sagittal", "coronal", "axial")[axis]
        return name if abs(self.normal[axis]) > math.cos(math.radians(2.0)) else f"oblique {name}"

    @property
    def grid(self) -> Grid | None:
        """The voxel grid in RAS, or None where the series is no volume."""
        if self.problem or len(self.positions) < 2:
            return None
        affine = np.eye(4)
        affine[:3, 0] = self.row_direction * self.spacing_mm[1]
        affine[:3, 1] = self.column_direction * self.spacing_mm[0]
        affine[:3, 2] = (self.positions[-1] - self.positions[0]) / (len(self.positions) - 1)
        affine[:3, 3] = self.positions[0]
        return Grid((self.columns, self.rows, len(self.positions)), np.asarray(LPS_TO_RAS @ affine), 2)

    @property
    def label(self) -> str:
        """Number and name, for messages."""
        return f"series {self.number} ({self.description})" if self.description else f"series {self.number}"


def scan_folder(folder: Path, progress: Callable[[str], None] | None = None) -> list[Series]:
    """Return the image series below a folder, by series number. Files that are not DICOM images are passed over.

    :raises IFIMeasureError: where the folder does not exist or holds no DICOM image.
    """
    if not folder.exists():
        raise IFIMeasureError(f"{folder}: there is no such folder.")
    inside = folder.rglob("*") if folder.is_dir() else [folder]
    paths = sorted(p for p in inside if p.is_file() and (p == folder or not p.name.startswith(".")))
    members: dict[str, list[SliceHeader]] = {}
    for number, path in enumerate(paths):
        if progress and number % 200 == 199:
            progress(f"reading headers: {number + 1} of {len(paths)} files")
        for one in read_headers(path):
            members.setdefault(_group(one, folder), []).append(one)
    if not members:
        raise IFIMeasureError(f"{folder}: no DICOM image was found here.")
    found = [series for uid, of in members.items() for series in _stacks(uid, of)]
    return sorted(found, key=lambda s: (_number(s.number), s.uid, s.number))


def _group(one: SliceHeader, folder: Path) -> str:
    """What the slices of a series have in common: its UID, or where it has none, its number.

    :raises IFIMeasureError: where a damaged file may be of any series.
    """
    if one.uid:
        return one.uid
    if one.damaged:
        raise IFIMeasureError(
            f"{folder}: {one.problem}, and of which series it is cannot be told; copy it from its source again, or "
            "take it out of the folder."
        )
    return f"number {one.header.get('SeriesNumber', '')}"


def _stacks(uid: str, members: list[SliceHeader]) -> list[Series]:
    """The volumes that the slices of a series make, or why they make none.

    Frames of multi-frame files say what kind of image they are. Single slices are told apart only where several lie at
    one place; stacks (packages of slices) of one kind are one volume where they make one together.
    """
    members, notes = _without_copies(members)
    if any(one.problem for one in members) or uid.startswith("number "):
        return [_unusable(uid, members)]
    members, odd = _without_odd(members)
    notes += odd
    series: dict[tuple[str, ...], Series] = {}
    for kind, of in _by(members, lambda one: tuple(w for w in one.kind if not w.startswith(STACK))).items():
        whole = _series(uid, of)
        parts = _by(of, lambda one: one.kind) if any(one.kind for one in of) else _by(of, _kind_of_file)
        if whole.problem and len(parts) > 1:
            series |= {part: _series(uid, slices) for part, slices in parts.items()}
        else:
            series[kind] = whole
    _tell_stacks_apart(series)
    for one in series.values():
        one.notes += notes
        if one.problem and odd:
            one.problem += f"; {odd[0]}"
    return list(series.values())


def _kind_of_file(one: SliceHeader) -> tuple[str, ...]:
    return kind_of_file(one.header)


def _by(members: list[SliceHeader], key: Callable[[SliceHeader], tuple[str, ...]]) -> dict[Any, list[SliceHeader]]:
    """Slices by what a function says of them, in the order in which it says it first."""
    groups: dict[tuple[str, ...], list[SliceHeader]] = {}
    for one in members:
        groups.setdefault(key(one), []).append(one)
    return groups


def _unusable(uid: str, members: list[SliceHeader]) -> Series:
    """A series that cannot be read, and why."""
    bad = [one for one in members if one.problem]
    bad.sort(key=lambda one: not one.damaged)
    series = _described(uid, members)
    placed = [one for one in members if all(one.header.get(name) is not None for name in ("Rows", "Columns"))]
    good = [one.slice for one in members if not one.problem]
    if good and all(one.damaged for one in bad):
        # its headers still tell where it lies, so that it can be said whether it would have been the one to take
        lying = _series(uid, placed)
        if not lying.problem:
            series = replace(lying, slices=good)
    if bad:
        more = f" and {len(bad) - 1} files more" if len(bad) > 1 else ""
        series.problem, series.damaged = bad[0].problem + more, bad[0].damaged
    else:
        series.problem = "SeriesInstanceUID is missing (removed when it was made anonymous?), which DICOM needs"
    return series


def _without_copies(members: list[SliceHeader]) -> tuple[list[SliceHeader], list[str]]:
    """The slices without further copies of the same instance; one that is whole stays."""
    kept: list[SliceHeader] = []
    places: dict[tuple[str, int | None], list[str]] = {}
    for one in sorted(members, key=lambda one: bool(one.problem)):  # stable: else in the order of the files
        instance = (str(one.header.get("SOPInstanceUID") or ""), one.slice.frame)
        place = str(one.header.get("ImagePositionPatient"))
        there = places.get(instance, []) if instance[0] else []
        if there if one.problem else place in there:
            continue
        places.setdefault(instance, []).append(place)
        kept.append(one)
    copies = len(members) - len(kept)
    return kept, [f"{copies} files are copies of others and were left out"] if copies else []


_MOST_ODD = 0.1
"""Share of a series that may be left out because it is something else, such as a screen save."""


def _without_odd(members: list[SliceHeader]) -> tuple[list[SliceHeader], list[str]]:
    """The slices without a few that are of another size, direction or without a place."""
    forms = [_form(one.header) for one in members]
    common = max(set(forms), key=forms.count)
    odd = [one for one, form in zip(members, forms) if form != common]
    if not odd or len(odd) > max(1.0, _MOST_ODD * len(members)) or len(members) < 6 or common[2] is None:
        return members, []
    names = ", ".join(dict.fromkeys(one.slice.path.name for one in odd[:3]))
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    note = f"{names}{more} of the series has another size or direction than the other slices, and was left out"
    return [one for one, form in zip(members, forms) if form == common], [note]


def _form(header: Any) -> tuple[int, int, tuple[float, ...] | None]:
    """Size and direction of a slice; no direction where it has no place."""
    direction = header.get("ImageOrientationPatient")
    placed = direction is not None and header.get("ImagePositionPatient") is not None
    turned = tuple(round(float(v), 2) + 0.0 for v in direction) if placed else None
    return int(header.Rows), int(header.Columns), turned


def _tell_stacks_apart(stacks: dict[tuple[str, ...], Series]) -> None:
    """Give several stacks of one series a number each, and a name by what sets each apart."""
    if len(stacks) < 2:
        return
    common = set.intersection(*(set(kind) for kind in stacks))
    for number, (kind, series) in enumerate(stacks.items(), 1):
        series.number = f"{series.number}.{number}"
        words = [series.description, *(printable(word) for word in kind if word not in common)]
        series.description = " ".join(words).strip()


def _number(text: str) -> float:
    """A number for sorting; text that is none comes last."""
    try:
        return float(text)
    except ValueError:
        return math.inf


def _described(uid: str, members: list[SliceHeader]) -> Series:
    """A series as its first slice describes it, without a place."""
    first = members[0].header
    return Series(
        uid=uid,
        number=printable(str(first.get("SeriesNumber", "") or "")) or "without number",
        description=printable(str(first.get("SeriesDescription", "") or first.get("ProtocolName", "") or "")),
        modality=printable(str(first.get("Modality", ""))),
        slices=[member.slice for member in members],
        tags={name: str(first.get(name, "")) for name in TAGS if first.get(name) not in (None, "")},
    )


def _series(uid: str, members: list[SliceHeader]) -> Series:
    """A series of its slices in any order; ``problem`` tells where they make no volume."""
    series = _described(uid, members)
    headers = [member.header for member in members]
    series.rows, series.columns = int(headers[0].Rows), int(headers[0].Columns)
    series.scaled_apart = len({(h.get("RescaleSlope"), h.get("RescaleIntercept")) for h in headers}) > 1
    series.problem = _problem_of_headers(headers)
    if not series.problem:
        along = _arrange(series, headers)
        series.problem = _problem_of_gaps(series, along) or _problem_of_shifts(series)
    return series


def _problem_of_headers(headers: list[Any]) -> str:
    """Why slices with these headers are no volume; empty where the headers agree."""
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        if any(header.get(name) is None for header in headers):
            return f"{name} is missing, so its place in the patient is unknown"
    if len({(int(header.Rows), int(header.Columns)) for header in headers}) > 1:
        return "its slices have different numbers of rows and columns"
    orientation = np.array([[float(v) for v in header.ImageOrientationPatient] for header in headers])
    if np.abs(orientation - orientation[0]).max() > 1e-3:
        return "its slices have mixed orientations (as a localizer has)"
    normal = np.cross(orientation[0, :3], orientation[0, 3:])
    if not np.isfinite(normal).all() or np.linalg.norm(normal) < 0.9:
        return "ImageOrientationPatient is not two perpendicular directions"
    return ""


def _arrange(series: Series, headers: list[Any]) -> Array:
    """Set the geometry of a series and sort its slices; returns their places (N,) along the normal, growing."""
    orientation = np.array([float(v) for v in headers[0].ImageOrientationPatient])
    series.row_direction, series.column_direction = orientation[:3], orientation[3:]
    series.normal = np.cross(series.row_direction, series.column_direction)
    series.spacing_mm = (float(headers[0].PixelSpacing[0]), float(headers[0].PixelSpacing[1]))
    positions = np.array([[float(v) for v in header.ImagePositionPatient] for header in headers])
    along = positions @ series.normal
    order = np.argsort(along, kind="stable")
    series.slices = [series.slices[i] for i in order]
    series.positions = positions[order]
    if len(order) > 1:
        series.step_mm = _step_mm(along[order])
    return np.asarray(along[order])


def _problem_of_gaps(series: Series, along: Array) -> str:
    """Why slices at these places along the normal are no volume; empty where they are evenly spaced."""
    if len(along) < 2:
        return "it is a single slice (where a series has a file for each, give their folder)"
    gaps, step = np.diff(along), series.step_mm
    if (gaps < 1e-3).any():
        at = int(np.argmax(gaps < 1e-3))
        return (
            f"{int((gaps < 1e-3).sum()) + 1} or more slices share a position (first at {_at(series.positions[at])}), "
            "as several echoes, contrasts or time points in one series do; split them"
        )
    if np.abs(gaps - step).max() > _tolerance_mm(step) and not _is_rounded(along):
        at = int(np.abs(gaps - step).argmax())
        word = "slices are missing" if gaps[at] > 1.5 * step else "slices are unevenly spaced"
        return (
            f"{word}: after {_at(series.positions[at])} the next slice lies {gaps[at]:.2f} mm on"
            f" where others are {step:.2f} mm apart"
        )
    return ""


_ROUNDING_MM = 0.051
"""How far a place may be off where it was rounded to a tenth of a millimeter."""


def _tolerance_mm(step: float) -> float:
    """How far two slices may be from as far apart as the others."""
    return max(0.02 * step, 0.02)


def _step_mm(along: Array) -> float:
    """How far slices at these places along the normal (N,), growing, are apart."""
    step = float(np.median(np.diff(along)))
    if np.abs(np.diff(along) - step).max() > _tolerance_mm(step) and _is_rounded(along):
        return float(along[-1] - along[0]) / (len(along) - 1)  # the median of rounded places would be off
    return step


def _is_rounded(along: Array) -> bool:
    """Whether places along the normal (N,), growing, are evenly spaced but for their rounding."""
    numbers = np.arange(len(along))
    off = along - np.polyval(np.polyfit(numbers, along, 1), numbers)
    return bool(np.abs(off).max() <= 1.5 * _ROUNDING_MM and np.diff(along).min() > 4.0 * _ROUNDING_MM)


def _problem_of_shifts(series: Series) -> str:
    """Why slices beside each other are no volume; empty where they lie one above another."""
    drift = series.positions - (series.positions @ series.normal)[:, None] * series.normal
    if np.abs(drift - drift[0]).max() > 0.5:
        return "its slices are shifted against each other (a sheared volume, as a tilted gantry makes)"
    return ""


def _at(position: Array) -> str:
    return "LPS " + " ".join(f"{v:.1f}" for v in position) + " mm"


def read_series(series: Series) -> Volume:
    """Read a series as a volume.

    :raises IFIMeasureError: where it is no volume (missing, uneven or mixed slices, a single slice, no position).
    """
    if series.problem:
        raise IFIMeasureError(f"{series.files[0].parent}: {series.label} cannot be used: {series.problem}.")
    files = series.files
    grid = series.grid
    assert grid is not None
    if 2 * math.prod(grid.shape) > MOST_BYTES:
        raise IFIMeasureError(
            f"{files[0].parent}: {series.label} claims {2 * math.prod(grid.shape) / 2**30:.1f} GiB of pixels; an image "
            f"of up to {MOST_BYTES / 2**30:.0f} GiB is read."
        )
    try:
        stored = _pixels(series)
    except RuntimeError:
        raise IFIMeasureError(
            f"{files[0].parent}: the pixels of {series.label} cannot be read (damaged or in an unknown compression)."
        ) from None
    if stored is None:
        raise IFIMeasureError(f"{files[0].parent}: {series.label} is in color; a grayscale image is needed.")
    array, turned = canonical(stored, grid.affine, grid.across)
    check_grid(turned, files[0].parent)
    return Volume(array, turned, path=files[0].parent, tags=dict(series.tags), files=tuple(files))


def _pixels(series: Series) -> Array | None:
    """The pixels of a series, [i, j, k] as its slices lie; None where they are colors.

    :raises RuntimeError: where a file cannot be read.
    """
    if series.slices[0].frame is None and not series.scaled_apart:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames([str(p) for p in series.files])
        with contextlib.suppress(RuntimeError):  # it refuses a thickness of 0, too
            image = reader.Execute()
            return array_view(image) if image.GetNumberOfComponentsPerPixel() == 1 else None
    planes = read_planes(series.slices)
    return np.stack(planes).T if planes[0].ndim == 2 else None
