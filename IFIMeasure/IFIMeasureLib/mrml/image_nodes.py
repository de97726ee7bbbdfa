"""Images of a study as volumes: those that were measured, and the map of the fat fraction made from them."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from ..images.masks import Volume
from ..muscle.images import MuscleImages, fat_fraction_map
from ..study.result import StudyResult
from .record import StudyRecord
from .volumes import add_volume

_OF = "IFIMeasure.of"
"""Attribute of the map: checksum of its voxels, every fourth along each axis."""


def add_images(study: StudyRecord, result: StudyResult) -> None:
    """Add the images that a study without any was measured in, and say what they are."""
    if result.volume is None:
        return
    study.take("volume", add_volume(study.scene, result.volume, study.title("image")))
    study.contrast = result.provenance.contrast
    images = result.images
    if images is None:
        return
    for array, title in ((images.opposed, "opposed phase"), (images.fat, "fat")):
        if array is not None:
            second = Volume(array, images.grid, Path(title))
            study.take("second_volume", add_volume(study.scene, second, study.title(title)))
            return


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
    node = add_volume(study.scene, volume, study.title("fat fraction"))
    node.SetAttribute(_OF, stamp)
    display = node.GetDisplayNode()
    if display is not None:
        display.SetWindowLevelMinMax(0.0, 1.0)
    study.take("fat_fraction", node)
