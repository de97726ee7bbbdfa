"""The sample study as nodes of a scene: both hips with T1, Dixon and a follow-up, made from equations on the spot."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..images.masks import Segmentation, SegmentRef, Volume
from ..study.result import Progress
from ..study.structures import resolve_structures
from ..synthetic.phantom import Phantom
from ..synthetic.sample import sample_grid
from ..values import Array
from .result_nodes import hide_until_chosen
from .segmentations import add_segments
from .volumes import add_volume

SAMPLE_NAME = "IFI hip phantom (T1, Dixon, follow-up)"
SAMPLE_CHECKSUM = "SHA256:ee44f5b9cc7e845ebdfdc8470acafcb1a35ef0fca3f6c558cc3ab5ad7a512983"
"""Checksum of the sample's label map: bytes of uint8, i fastest."""

_SPACING_MM = (0.9, 0.9, 3.0)


def sample_phantom() -> Phantom:
    """Return the phantom of the sample: the right hip normal, the left one narrow."""
    return Phantom(seed=1)


def follow_up_phantom() -> Phantom:
    """Return the same person a year later: the left quadratus femoris has lost volume and gained fat."""
    first = sample_phantom()
    return replace(
        first, seed=2, left=replace(first.left, muscle_radius_mm=2.6, fat_fraction=0.45, edema=0.4, rotation_deg=4.0)
    )


def sample_labels(phantom: Phantom | None = None) -> Array:
    """Return the label map of a phantom, the sample's own where None, (I, J, K) uint8."""
    return (phantom or sample_phantom()).label_map(sample_grid(_SPACING_MM)).astype(np.uint8)


def checksum(labels: Array) -> str:
    """Return a label map's checksum in the form the application uses."""
    return "SHA256:" + hashlib.sha256(np.ascontiguousarray(labels.T).tobytes()).hexdigest()


def add_sample_bones(scene: Any, labels: Array | None = None, name: str = "IFI hip phantom bones") -> Any:
    """Add the sample's segmentation alone: bones, tendons and quadratus femoris of both hips.

    :param labels: what :func:`sample_labels` returns, where that was called already.
    :param name: of the segmentation.
    """
    grid = sample_grid(_SPACING_MM)
    refs = [SegmentRef(name, 0, value) for value, name in sample_phantom().label_names().items()]
    made = sample_labels() if labels is None else labels
    segmentation = Segmentation([made], grid, refs, Path("IFI hip phantom"), named=True)
    found = ((structure, segmentation.mask(refs)) for structure, refs in resolve_structures(segmentation, None).items())
    segments = [(structure.id, structure.side, mask) for structure, mask in found if mask is not None]
    return add_segments(scene, grid, segments, name)


def add_sample_first(scene: Any, progress: Progress, labels: Array | None = None) -> dict[str, Any]:
    """Add what one looks at first: the volume ``t1`` and the ``segmentation``, by name."""
    progress("making the bones")
    bones = add_sample_bones(scene, labels)
    progress("making the T1 image")
    t1 = _add_image(scene, sample_phantom().image(sample_grid(_SPACING_MM), "t1"), "T1")
    bones.SetReferenceImageGeometryParameterFromVolumeNode(t1)
    return {"t1": t1, "segmentation": bones}


def add_sample_rest(scene: Any, progress: Progress) -> dict[str, Any]:
    """Add the volumes ``water``, ``fat`` and ``follow_up`` of the sample, and ``follow_up_segmentation``, by name.

    The follow-up's segmentation is not shown until its study is: it lies about where the first one does.
    """
    progress("making the Dixon images")
    dixon = sample_phantom().images(sample_grid(_SPACING_MM), ("water", "fat"))
    made = {key: _add_image(scene, image, f"Dixon {key}") for key, image in dixon.items()}
    progress("making the follow-up")
    later = follow_up_phantom().image(sample_grid(_SPACING_MM), "t1")
    made["follow_up"] = _add_image(scene, later, "follow-up T1")
    bones = add_sample_bones(scene, sample_labels(follow_up_phantom()), "IFI hip phantom follow-up bones")
    bones.SetReferenceImageGeometryParameterFromVolumeNode(made["follow_up"])
    hide_until_chosen(bones)
    return {**made, "follow_up_segmentation": bones}


def _add_image(scene: Any, image: Array, title: str) -> Any:
    return add_volume(scene, Volume(image, sample_grid(_SPACING_MM), Path(title)), f"IFI hip phantom {title}")
