"""The muscle segmented in several examinations of one person together (RAS millimeter of each)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from ..anatomy.landmarks import LandmarkSet, position
from ..images.masks import Mask, Volume
from ..images.rigid import moved
from ..values import Array, IFIMeasureError, Side
from .masks import depth_inside
from .registration import register_bone
from .segment import Expected, segment_muscle
from .strokes import Strokes

_ON_HIP = (
    "femoral_head_center",
    "quadratus_ischium_superior",
    "quadratus_ischium_inferior",
    "ischial_tuberosity_lowest",
)
"""Landmarks by which hip bones are brought together before they are registered."""

_ON_FEMUR = (
    "femoral_head_center",
    "lesser_trochanter_tip",
    "greater_trochanter_tip",
    "femoral_neck_center",
    "quadratus_femur_superior",
    "quadratus_femur_inferior",
)
"""The same of femora."""

_REACH_MM = 15.0
"""Depths of more, either way, are not told apart."""


@dataclass(frozen=True)
class MuscleInput:
    """What the muscle of one side is found from in one examination.

    :param volume: the image.
    :param landmarks: final ones, RAS millimeter.
    :param others: structures other than the muscle, by id, RAS.
    :param strokes: what a person drew to say what is muscle and what is not.
    """

    volume: Volume
    landmarks: LandmarkSet
    others: Mapping[str, Mask]
    side: Side
    strokes: Strokes | None = None


def segment_together(examinations: list[MuscleInput]) -> list[Mask]:
    """Segment the quadratus femoris of one side in several examinations of one person, each helped by all others.

    Each examination is segmented by itself; hip bone and femur are registered with the first examination's, as the leg
    lies differently each time; every examination is segmented again where all of them together expect the muscle. All
    are treated alike: for two of them, exchanging both exchanges the results.

    :param examinations: in the order of their dates.
    :returns: the muscle in each, on its image's grid.
    :raises IFIMeasureError: where one cannot be segmented, or bones do not fit each other.
    """
    alone = [segment_muscle(e.volume, e.landmarks, e.others, e.side, e.strokes) for e in examinations]
    from_first = [_between(examinations[0], other) for other in examinations[1:]]
    return [
        segment_muscle(e.volume, e.landmarks, e.others, e.side, e.strokes, _expected(number, alone, from_first))
        for number, e in enumerate(examinations)
    ]


def _expected(number: int, alone: list[Mask], from_first: list[MuscleWay]) -> Expected:
    """Where all examinations together expect the muscle in one of them.

    :param alone: the muscle of each as it was found by itself.
    :param from_first: ways from the first examination to each of the others.
    """

    def depth(points: Array, along: Array) -> Array:
        in_first = points if number == 0 else from_first[number - 1].inverse().moved(points, along)
        total = _depth(alone[number], points)
        for other, mask in enumerate(alone):
            if other != number:
                there = in_first if other == 0 else from_first[other - 1].moved(in_first, along)
                total = total + _depth(mask, there)
        return np.asarray(total / len(alone))

    return depth


def _depth(mask: Mask, points: Array) -> Array:
    """Signed distance of points (N, 3) to a mask's border, millimeter, positive inside; within :data:`_REACH_MM`."""
    spacing = mask.grid.spacing
    margin = np.ceil(_REACH_MM / spacing).astype(int)
    depth = depth_inside(np.pad(mask.array, [(m, m) for m in margin]), spacing)
    ijk = (mask.grid.to_ijk(points) + margin).T
    return np.asarray(scipy.ndimage.map_coordinates(depth, ijk, order=1, mode="nearest"))


@dataclass(frozen=True)
class MuscleWay:
    """How points of a muscle move between two examinations: each end with its bone.

    :param with_hip: matrix (4, 4) of the hip bone, ``with_femur`` that of the femur.
    """

    with_hip: Array
    with_femur: Array

    def moved(self, points: Array, along: Array) -> Array:
        """Return points (N, 3) moved; ``along`` (N,) is 0 at the ischium and 1 at the femur."""
        share = np.clip(along, 0.0, 1.0)[:, None]
        return np.asarray((1.0 - share) * moved(points, self.with_hip) + share * moved(points, self.with_femur))

    def inverse(self) -> MuscleWay:
        """Return the way back."""
        return MuscleWay(np.linalg.inv(self.with_hip), np.linalg.inv(self.with_femur))


def _between(first: MuscleInput, second: MuscleInput) -> MuscleWay:
    return MuscleWay(_matrix("hip", _ON_HIP, first, second), _matrix("femur", _ON_FEMUR, first, second))


def _matrix(bone: str, keys: tuple[str, ...], first: MuscleInput, second: MuscleInput) -> Array:
    """Matrix (4, 4) of a bone from the first to the second examination; ``keys`` are ids of landmarks on it."""
    places = [(position(first.landmarks, key), position(second.landmarks, key)) for key in keys]
    known = [(a, b) for a, b in places if a is not None and b is not None]
    if len(known) < 3:
        raise IFIMeasureError(
            f"fewer than three landmarks of the {first.side.value} {bone} are placed in both examinations,"
            " so they cannot be registered."
        )
    in_first, in_second = (np.array(of) for of in zip(*known))
    return register_bone(first.others[bone], second.others[bone], in_first, in_second)[0]
