"""Pictures as SVG with a caption, and what draws them; coordinates in pixels from the upper left corner."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkIOImage import vtkPNGWriter

from ..values import Array

Number = int | float

Point = tuple[float, float]


@dataclass(frozen=True)
class Picture:
    """A picture as SVG text, and what it shows, in words."""

    caption: str
    svg: str


class Drawing:
    """SVG elements in the order they are painted.

    :param decimals: of coordinates and lengths.
    """

    def __init__(self, width: float, height: float, decimals: int = 1) -> None:
        self.width, self.height = width, height
        self._decimals = decimals
        self._elements: list[str] = []

    def add(self, tag: str, content: str = "", /, **attributes: Number | str | None) -> None:
        """Add an element.

        :param content: what stands within it, as SVG.
        :param attributes: with ``_`` for ``-`` in their names; those that are None are left out.
        """
        words = [tag]
        for name, value in attributes.items():
            if value is not None:
                text = f"{value:.{self._decimals}f}" if isinstance(value, float) else str(value)
                words.append(f'{name.replace("_", "-")}="{html.escape(text)}"')
        self._elements.append(f"<{' '.join(words)}>{content}</{tag}>" if content else f"<{' '.join(words)}/>")

    def background(self, color: str) -> None:
        """Fill the whole drawing."""
        self.add("rect", width=self.width, height=self.height, fill=color)

    def image(self, pixels: Array) -> None:
        """Put an image, one of its pixels a pixel, at the upper left corner; see :func:`png_bytes`."""
        rows, columns = pixels.shape[:2]
        content = base64.b64encode(png_bytes(pixels)).decode()
        self.add("image", width=columns, height=rows, href=f"data:image/png;base64,{content}")

    def line(self, start: Point, end: Point, color: str, width: Number | None = None, dash: str | None = None) -> None:
        """Draw a line; ``dash`` names lengths of strokes and gaps."""
        (x1, y1), (x2, y2) = start, end
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=color, stroke_width=width, stroke_dasharray=dash)

    def polyline(self, points: Iterable[Point], color: str, width: Number, dash: str | None = None) -> None:
        """Draw a line through points."""
        places = " ".join(f"{x:.{self._decimals}f},{y:.{self._decimals}f}" for x, y in points)
        self.add("polyline", points=places, fill="none", stroke=color, stroke_width=width, stroke_dasharray=dash)

    def rectangle(self, corner: Point, width: float, height: float, fill: str, **more: Number | str | None) -> None:
        """Draw a rectangle from its upper left corner."""
        self.add("rect", x=corner[0], y=corner[1], width=width, height=height, fill=fill, **more)

    def circle(self, center: Point, radius: Number, fill: str, **more: Number | str | None) -> None:
        """Draw a circle."""
        self.add("circle", cx=center[0], cy=center[1], r=radius, fill=fill, **more)

    def text(self, text: str, place: Point, size: int, anchor: str | None = None, **more: Number | str | None) -> None:
        """Write a text; ``anchor`` says which of its ends lies at the place: ``start``, ``middle`` or ``end``."""
        self.add("text", html.escape(text), x=place[0], y=place[1], text_anchor=anchor, font_size=size, **more)

    def outlined_text(self, text: str, place: Point, size: int, anchor: str, color: str) -> None:
        """Write a text with a dark outline.

        In two passes, as not every program that prints SVG knows the order of painting.
        """
        self.text(text, place, size, anchor, fill="black", stroke="black", stroke_width=3, aria_hidden="true")
        self.text(text, place, size, anchor, fill=color)

    def picture(self, caption: str) -> Picture:
        """Return what was drawn."""
        start = '<svg xmlns="http://www.w3.org/2000/svg"'
        box = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        title = f"<title>{html.escape(caption)}</title>"
        elements = "".join(self._elements)
        return Picture(caption, f'{start} {box} role="img" font-family="sans-serif">{title}{elements}</svg>')


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


def gray_levels(array: Array) -> tuple[float, float]:
    """Return the two gray levels between which an image shows well: its 1st and 99th percentile.

    They are read from some 96 voxels along each axis; values that are no finite numbers do not count.
    """
    sample = array[tuple(slice(None, None, max(1, n // 96)) for n in array.shape)]
    finite = sample[np.isfinite(sample)]
    low, high = np.percentile(finite if len(finite) else [0.0], [1.0, 99.0])
    return float(low), float(max(high, low + 1e-3))
