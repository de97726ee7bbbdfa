"""The quadratus femoris of one hip in a study: its numbers, and its segment where it has none (RAS millimeter)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np

from ..anatomy.landmarks import LandmarkSet, position
from ..anatomy.regions import ADULT_HEAD_RADIUS_MM
from ..images.grid import Grid
from ..images.masks import Mask, Volume
from ..muscle.composition import with_images
from ..muscle.images import MuscleImages
from ..muscle.masks import fill_between, sampled, split_joint
from ..muscle.numbers import MuscleNumbers, muscle_numbers
from ..muscle.plate import CORNERS
from ..muscle.region import SearchRegion, muscle_region
from ..muscle.segment import segment_muscle
from ..muscle.signal import Levels, partial_volume_ml, signal_levels
from ..muscle.together import MuscleInput
from ..values import Array, IFIMeasureError, NotMeasurable
from .bones import Bones
from .provenance import MuscleOrigin

_SPLIT = "split from a segment that joins it with the gemelli, at a plane from the landmarks of the bones"


def muscle_corners_placed(landmarks: LandmarkSet) -> Array:
    """Return those of the four attachment corners that are placed, (N, 3) RAS millimeter."""
    places = [position(landmarks, key) for key in CORNERS]
    return np.array([place for place in places if place is not None])


def numbers_of_hip(
    bones: Bones,
    landmarks: LandmarkSet,
    level_mm: float | None,
    volume: Volume | None,
    images: MuscleImages | None,
    own: Mask | None = None,
) -> MuscleNumbers | NotMeasurable:
    """Take the numbers of one side's muscle.

    :param bones: with a segment of the muscle, or one that joins it with the gemelli.
    :param level_mm: superior coordinate of the ischiofemoral space.
    :param volume: the image, for the volume by its signal.
    :param images: those that tell fat and edema.
    :param own: the muscle on the grid of the image that it was found in, where that is another than the segmentation's.
    """
    corners = muscle_corners_placed(landmarks)
    whole = corners if len(corners) == len(CORNERS) else None
    mask = bones.masks.get("quadratus_femoris") if own is None else own
    notes: tuple[str, ...] = ()
    joint = mask is None
    if mask is None:
        split = _split(bones, whole)
        if isinstance(split, NotMeasurable):
            return split
        mask, notes = split, (_SPLIT,)
    numbers = muscle_numbers(mask, whole, level_mm)
    numbers = replace(numbers, notes=(*notes, *numbers.notes))
    levels = None
    if volume is not None and whole is not None:
        # where the image does not show the muscle: no volume by its signal, no estimate of fat
        with contextlib.suppress(IFIMeasureError):
            region = muscle_region(volume, landmarks, bones.neighbors, bones.side)
            levels = signal_levels(region, bones.masks["femur"])
            if not joint:
                numbers = replace(numbers, partial_volume_ml=_partial_volume(region, levels, mask))
    if images is None:
        return numbers
    of_t1 = levels if images.t1 is not None else None
    return with_images(numbers, mask, images, of_t1, bones.masks.get("reference_muscle"), bones.masks["femur"])


def _split(bones: Bones, corners: Array | None) -> Mask | NotMeasurable:
    """The muscle out of the segment that joins it with the gemelli."""
    if corners is None:
        return NotMeasurable(
            "the segment joins the quadratus femoris with the gemelli, and its corners, which would part them,"
            " are not all placed.",
            ("quadratus_femoris",),
        )
    joint = bones.masks["gemelli_quadratus_femoris"]
    try:
        return split_joint(joint, corners, bones.found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
    except IFIMeasureError as error:
        return NotMeasurable(str(error))


def _partial_volume(region: SearchRegion, levels: Levels, mask: Mask) -> float | None:
    """Volume of a muscle by its signal, milliliter; None where the image shows a part of it only."""
    inside = sampled(mask, region.grid)
    whole = inside.sum() * region.grid.voxel_mm3 / (mask.array.sum() * mask.grid.voxel_mm3)
    return partial_volume_ml(region, levels, inside) if 0.9 < whole < 1.1 else None


@dataclass(frozen=True)
class MadeMuscle:
    """A segment of the muscle that was made, from what, and what a reader must know of it."""

    mask: Mask
    origin: MuscleOrigin
    note: str = ""


def filled_muscle(drawn: Mask, axis: int, side_name: str) -> MadeMuscle | None:
    """Return a muscle that was drawn on some slices, filled between them; None where it was drawn on every slice.

    :param axis: the axis across the slices.
    """
    slices = np.flatnonzero(drawn.array.any(axis=tuple(a for a in range(3) if a != axis)))
    count = int(slices[-1] - slices[0]) + 1
    if len(slices) == count:
        return None
    note = (
        f"the {side_name} quadratus femoris was drawn on {len(slices)} of {count} slices;"
        " those between were filled by the shapes beside them"
    )
    return MadeMuscle(fill_between(drawn, axis), "drawn slices", note)


def found_muscle(of: MuscleInput, grid: Grid) -> MadeMuscle:
    """Return the muscle found in an image.

    :param grid: the segmentation's, onto which it will be brought.
    :raises IFIMeasureError: where it cannot be found.
    """
    mask = segment_muscle(of.volume, of.landmarks, of.others, of.side, of.strokes)
    if not grid.difference(of.volume.grid):
        return MadeMuscle(mask, "image")
    note = (
        f"the {of.side.value} quadratus femoris was brought onto the segmentation's grid to be kept; its numbers are "
        "those on the image's"
    )
    return MadeMuscle(mask, "image", note)
