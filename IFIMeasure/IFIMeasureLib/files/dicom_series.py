"""DICOM folders: which series they hold, and the volume of a series (RAS in memory, LPS in the headers)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..images.grid import LPS_TO_RAS, Grid, canonical, check_grid
from ..images.masks import Volume
from ..values import Array, IFIMeasureError
from .dicom_slices import TAGS, Slice, SliceHeader, read_headers, read_planes
from .images import array_view


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
    :param problem: why it is no volume; empty where it is one.
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
    problem: str = ""

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
        return Grid((self.columns, self.rows, len(self.positions)), np.asarray(LPS_TO_RAS @ affine))

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
    stacks: dict[str, dict[tuple[str, ...], list[SliceHeader]]] = {}
    for number, path in enumerate(paths):
        if progress and number % 200 == 199:
            progress(f"reading headers: {number + 1} of {len(paths)} files")
        for one in read_headers(path):
            stacks.setdefault(str(one.header.SeriesInstanceUID), {}).setdefault(one.kind, []).append(one)
    if not stacks:
        raise IFIMeasureError(f"{folder}: no DICOM image was found in this folder.")
    found: list[Series] = []
    for uid, of_kinds in stacks.items():
        series = {kind: _series(uid, members) for kind, members in of_kinds.items()}
        _tell_stacks_apart(series)
        found += series.values()
    return sorted(found, key=lambda s: (_number(s.number), s.uid, s.number))


def _tell_stacks_apart(stacks: dict[tuple[str, ...], Series]) -> None:
    """Give several stacks of one series a number each, and a name by what sets each apart."""
    if len(stacks) < 2:
        return
    common = set.intersection(*(set(kind) for kind in stacks))
    for number, (kind, series) in enumerate(stacks.items(), 1):
        series.number = f"{series.number}.{number}"
        words = [series.description, *(word for word in kind if word not in common)]
        series.description = " ".join(words).strip()


def _number(text: str) -> float:
    """A number for sorting; text that is none comes last."""
    try:
        return float(text)
    except ValueError:
        return math.inf


def _series(uid: str, members: list[SliceHeader]) -> Series:
    """A series of its slices in any order; ``problem`` tells where they make no volume."""
    first = members[0].header
    series = Series(
        uid=uid,
        number=str(first.get("SeriesNumber", "") or "without number"),
        description=str(first.get("SeriesDescription", "") or first.get("ProtocolName", "") or ""),
        modality=str(first.get("Modality", "")),
        slices=[member.slice for member in members],
        tags={name: str(first.get(name, "")) for name in TAGS if first.get(name) not in (None, "")},
        rows=int(first.Rows),
        columns=int(first.Columns),
    )
    headers = [member.header for member in members]
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
        series.step_mm = float(np.median(np.diff(along[order])))
    return np.asarray(along[order])


def _problem_of_gaps(series: Series, along: Array) -> str:
    """Why slices at these places along the normal are no volume; empty where they are evenly spaced."""
    if len(along) < 2:
        return "it is a single slice"
    gaps, step = np.diff(along), series.step_mm
    if (gaps < 1e-3).any():
        at = int(np.argmax(gaps < 1e-3))
        return (
            f"{int((gaps < 1e-3).sum()) + 1} or more slices share a position (first at {_at(series.positions[at])}), "
            "as several echoes, contrasts or time points in one series do; split them"
        )
    if np.abs(gaps - step).max() > max(0.02 * step, 0.02):
        at = int(np.abs(gaps - step).argmax())
        word = "slices are missing" if gaps[at] > 1.5 * step else "slices are unevenly spaced"
        return (
            f"{word}: after {_at(series.positions[at])} the next slice lies {gaps[at]:.2f} mm on"
            f" where others are {step:.2f} mm apart"
        )
    return ""


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
    try:
        if series.slices[0].frame is None:
            reader = sitk.ImageSeriesReader()
            reader.SetFileNames([str(p) for p in files])
            image = reader.Execute()
            stored = array_view(image) if image.GetNumberOfComponentsPerPixel() == 1 else None
        else:
            planes = read_planes(series.slices)
            stored = np.stack(planes).T if planes[0].ndim == 2 else None
    except RuntimeError:
        raise IFIMeasureError(
            f"{files[0].parent}: the pixels of {series.label} cannot be read (damaged or in an unknown compression)."
        ) from None
    if stored is None:
        raise IFIMeasureError(f"{files[0].parent}: {series.label} is in color; a grayscale image is needed.")
    array, turned = canonical(stored, grid.affine)
    check_grid(turned, files[0].parent)
    return Volume(array, turned, path=files[0].parent, tags=dict(series.tags), files=tuple(files))
