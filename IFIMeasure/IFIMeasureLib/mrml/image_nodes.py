"""Images of a study as volumes: what was measured, and the map of the fat fraction made from it."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from ..images.masks import Volume
from ..muscle.images import MuscleImages, fat_fraction_map
from .record import StudyRecord
from .volumes import add_volume

_OF = "IFIMeasure.of"
"""Attribute of the map: checksum of its voxels, every fourth along each axis."""


def show_fat_fraction(study: StudyRecord, images: MuscleImages | None) -> None:
    """Keep the map of the fat fraction (0 to 1) as a volume, where there are Dixon images."""
    fraction = None if images is None else fat_fraction_map(images)
    if fraction is None or images is None:
        study.remove("fat_fraction")
        return
    stamp = str(zlib.crc32(np.ascontiguousarray(fraction[::4, ::4, ::4]).tobytes()))
    node = study.node("fat_fraction")
    if node is not None and node.GetAttribute(_OF) == stamp:
        return
    study.remove("fat_fraction")
    volume = Volume(fraction, images.grid, Path("fat fraction"))
    node = add_volume(study.scene, volume, f"{study.name} fat fraction")
    node.SetAttribute(_OF, stamp)
    display = node.GetDisplayNode()
    if display is not None:
        display.SetWindowLevelMinMax(0.0, 1.0)
    study.take("fat_fraction", node)
