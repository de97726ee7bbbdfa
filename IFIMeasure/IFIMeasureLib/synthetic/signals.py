"""What the phantom's tissues look like in each contrast, and what a scanner adds: partial volume, bias, noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..images.grid import Grid
from ..values import Array
from .hip import HipSpec

SIGNALS = {
    "t1": {"fat": 900.0, "muscle": 330.0, "marrow": 780.0, "cortex": 60.0, "tendon": 90.0, "edema": 280.0},
    "t2fs": {"fat": 90.0, "muscle": 210.0, "marrow": 110.0, "cortex": 30.0, "tendon": 40.0, "edema": 720.0},
    "water": {"fat": 40.0, "muscle": 420.0, "marrow": 90.0, "cortex": 30.0, "tendon": 40.0, "edema": 520.0},
    "fat": {"fat": 820.0, "muscle": 20.0, "marrow": 700.0, "cortex": 25.0, "tendon": 20.0, "edema": 20.0},
}
"""Signal of each tissue in each contrast, arbitrary units; marrow is fatty, cortex and tendon are dark."""


class Painter:
    """Images (I, J, K) float32 of several contrasts on one grid, into which tissues are painted one over another."""

    def __init__(self, grid: Grid, contrasts: tuple[str, ...]) -> None:
        self.images = {contrast: np.zeros(grid.shape, np.float32) for contrast in contrasts}
        self._edge_mm = float(grid.spacing.min())

    def paint(self, tissue: str, distance: Array, box: Any = ...) -> None:
        """Paint a tissue.

        :param distance: signed distance to its edge, millimeter, negative inside; voxels at the edge mix.
        :param box: the part of the image that ``distance`` is of.
        """
        for contrast in self.images:
            self._mix(contrast, SIGNALS[contrast][tissue], distance, box)

    def paint_muscle(self, spec: HipSpec, distance: Array, box: Any) -> None:
        """Paint the quadratus femoris of a hip with its fat and edema; see :meth:`paint`."""
        for contrast in self.images:
            signal = SIGNALS[contrast]
            lean = signal["muscle"] + spec.edema * (signal["edema"] - signal["muscle"])
            value = (1 - spec.fat_fraction) * lean + spec.fat_fraction * signal["fat"]
            self._mix(contrast, value, distance, box)

    def _mix(self, contrast: str, value: float, distance: Array, box: Any) -> None:
        image = self.images[contrast]
        weight = np.clip(0.5 - distance / self._edge_mm, 0.0, 1.0).astype(np.float32)
        image[box] += weight * (value - image[box])


def depth_below_skin(grid: Grid) -> Array:
    """Return how deep each voxel lies in the body, (I, J, K) float32, millimeter, negative outside.

    The skin is an ellipse across the body; its depth is that along the ray, near enough for a contrast.
    """
    i, j = np.meshgrid(*[np.arange(n, dtype=float) for n in grid.shape[:2]], indexing="ij")
    depth = np.empty(grid.shape, np.float32)
    for k in range(grid.shape[2]):
        p = grid.to_ras(np.stack([i, j, np.full_like(i, k)], axis=-1))
        r = np.sqrt((p[..., 0] / 178.0) ** 2 + ((p[..., 1] + 12.0) / 108.0) ** 2)
        depth[:, :, k] = (1.0 - r) * 108.0
    return depth


def add_bias(image: Array, bias: float, rng: np.random.Generator) -> None:
    """Multiply an image (I, J, K) in place with a receive field that changes by ``bias`` (relative) over it."""
    x, y, z = (np.linspace(-1, 1, n, dtype=np.float32) for n in image.shape)
    w = rng.normal(size=4)
    w /= np.abs(w).sum()
    linear = w[0] * x[:, None, None] + w[1] * y[None, :, None] + w[2] * z[None, None, :]
    field = linear + w[3] * (x**2)[:, None, None]
    image *= (1 + bias * field).astype(np.float32)


def add_noise(image: Array, snr: float, rng: np.random.Generator) -> None:
    """Add the noise of a magnitude image (Rician) in place.

    :param snr: signal of muscle in T1 over the noise's standard deviation.
    """
    sd = SIGNALS["t1"]["muscle"] / snr
    for k in range(image.shape[2]):
        real, imaginary = rng.normal(scale=sd, size=(2, *image.shape[:2]))
        image[:, :, k] = np.hypot(image[:, :, k] + real, imaginary)
