"""A picture: SVG or PNG with a caption; helpers that draw them."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkIOImage import vtkPNGWriter

from ..values import Array


@dataclass(frozen=True)
class Picture:
    """A picture as SVG text or PNG bytes, and what it shows, in words."""

    caption: str
    svg: str = ""
    png: bytes = b""


def png_bytes(pixels: Array) -> bytes:
    """Encode pixels (rows, columns) or (rows, columns, 3) uint8, top row first, as PNG."""
    rows, columns = pixels.shape[:2]
    image = vtkImageData()
    image.SetDimensions(columns, rows, 1)
    flat = np.ascontiguousarray(pixels[::-1]).reshape(rows * columns, -1)
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    writer = vtkPNGWriter()
    writer.WriteToMemoryOn()
    writer.SetInputData(image)
    writer.Write()
    return bytes(vtk_to_numpy(writer.GetResult()))


def svg_document(width: float, height: float, parts: list[str], title: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" font-family="sans-serif"><title>{html.escape(title)}</title>{"".join(parts)}</svg>'


def outlined_text(text: str, x: float, y: float, anchor: str, color: str, size: int) -> str:
    """Text with a dark outline, drawn in two passes: not every program that prints SVG knows the order of painting."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {place} fill="black" stroke="black" stroke-width="3" aria-hidden="true">{text}</text><text {place} fill="{color}">{text}</text>'


def gray_levels(array: Array) -> tuple[float, float]:
    """Return gray levels between which an image shows well: its 1st and 99th percentile, of some 96 voxels along each axis."""
    sample = array[tuple(slice(None, None, max(1, n // 96)) for n in array.shape)]
    low, high = np.percentile(sample, [1.0, 99.0])
    return float(low), float(max(high, low + 1e-3))
