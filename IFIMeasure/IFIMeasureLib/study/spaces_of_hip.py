"""Both spaces of one hip, and the landmarks that follow from them (side frame inside)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..anatomy.landmarks import Landmark, LandmarkSet, LandmarkStatus, landmark_definitions, position
from ..anatomy.regions import (
    ADULT_HEAD_RADIUS_MM,
    LESSER_TROCHANTER_HALF_HEIGHT,
    LESSER_TROCHANTER_RADIUS,
    Region,
    ischium_region,
    lesser_trochanter_region,
)
from ..anatomy.structures import definitions
from ..images.distance import closest_on_segments
from ..images.frames import SideFrame
from ..images.grid import Grid
from ..images.masks import Mask
from ..images.surface import Patch, refined_patch
from ..measuring.definition import HipData
from ..measuring.spaces import ProfilePoint, Space, axial_levels, coarse_space, measure_space, moved_levels
from ..values import Array, NotMeasurable, point3
from .bones import Bones

_HANGING_ON = (
    "lesser_trochanter_tip",
    "femoral_head_center",
    "hamstring_tendon_superolateral",
    "iliopsoas_tendon_posteromedial",
)
"""Landmarks that the spaces hang on."""

_Structures = list[tuple[str, Region | None]]
"""Ids of structures, and which of their points count."""


@dataclass(frozen=True)
class HipSpaces:
    """Both spaces of one side, and the point of the iliopsoas tendon that faces the hamstring tendon (side frame)."""

    by_name: dict[str, Space | NotMeasurable]
    iliopsoas_side: Array | None = None

    @classmethod
    def none(cls, reason: NotMeasurable) -> HipSpaces:
        """Return why there is neither space."""
        return cls({"ifs": reason, "qfs": reason})


def what_spaces_hang_on(landmarks: LandmarkSet) -> object:
    """Return what is the same as long as the spaces are."""
    return tuple(landmarks[key] for key in _HANGING_ON)


def thick_slices_note(grid: Grid) -> tuple[str, ...]:
    """Return what a reader must know where slices are far apart; nothing where they are not."""
    step = float(grid.spacing.max())
    if step <= 3.0:
        return ()
    return (f"slices are {step:.3g} mm apart: the smallest space may lie between two slices",)


@dataclass(frozen=True)
class _Planes:
    """Where the spaces of one side are measured (side frame).

    :param levels: superior coordinate and index of the slice of each axial plane; no index where it is a cut.
    :param acquired: whether the planes are acquired slices.
    :param moved: the levels when all planes move together; None where the range that they leave open is not asked for.
    :param trochanter: which points of the femur belong to the lesser trochanter.
    :param tip_side: (3,) of the lesser trochanter.
    :param draft: whether the coarse surfaces around it are enough.
    """

    levels: list[tuple[float, int | None]]
    acquired: bool
    moved: list[list[float]] | None
    trochanter: Region
    tip_side: Array
    head_radius_mm: float | None
    draft: bool


def measure_spaces(
    bones: Bones, landmarks: LandmarkSet, head_radius_mm: float | None, grid: Grid, draft: bool
) -> HipSpaces:
    """Measure both spaces of one side.

    :param landmarks: final ones, RAS.
    :param head_radius_mm: of the femoral head, where it is known.
    :param grid: of the segmentation.
    :param draft: whether the coarse surfaces are enough.
    """
    radius = head_radius_mm
    tip = position(landmarks, "lesser_trochanter_tip")
    if tip is None:
        why = landmarks["lesser_trochanter_tip"].reason or "not placed yet."
        return HipSpaces.none(NotMeasurable(f"Lesser trochanter tip is missing: {why}", ("lesser_trochanter_tip",)))
    tip_side = bones.frame.to_side(tip)
    levels, acquired = axial_levels(grid, tip_side, radius)
    if not levels:
        return HipSpaces.none(NotMeasurable("no slice passes through the lesser trochanter."))
    trochanter = lesser_trochanter_region(tip_side, radius)
    planes = _Planes(
        levels=levels,
        acquired=acquired,
        moved=None if draft else moved_levels(grid, tip_side, radius),
        trochanter=trochanter,
        tip_side=tip_side,
        head_radius_mm=radius,
        draft=draft,
    )
    ifs = _ischiofemoral_space(bones, landmarks, planes)
    qfs = _quadratus_space(bones, landmarks, planes)
    return HipSpaces({"ifs": ifs, "qfs": qfs}, _iliopsoas_point(bones, qfs, planes))


def _ischiofemoral_space(bones: Bones, landmarks: LandmarkSet, planes: _Planes) -> Space | NotMeasurable:
    head = position(landmarks, "femoral_head_center")
    ischium = None if head is None else ischium_region(bones.frame.to_side(head), planes.head_radius_mm)
    space = _noting_cuts(
        _between(bones, [("hip", ischium)], [("femur", planes.trochanter)], planes), bones, ("hip",), ("femur",), planes
    )
    if space.axial is None and (2, -1) in bones.masks_side["hip"].cut:
        return NotMeasurable(
            "the field of view ends above the ischium at the level of the lesser trochanter.",
            ("ischial_tuberosity_lateral",),
        )
    return space


def _quadratus_space(bones: Bones, landmarks: LandmarkSet, planes: _Planes) -> Space | NotMeasurable:
    """QFS from the tendons' segments where they exist, else from landmarks that a person placed."""
    if "hamstring" in bones.masks_side:
        lateral: _Structures = [("femur", planes.trochanter)]
        if "iliopsoas" in bones.masks_side:
            lateral.append(("iliopsoas", None))
        space = _between(bones, [("hamstring", None)], lateral, planes)
        return _noting_cuts(space, bones, ("hamstring",), tuple(key for key, _ in lateral), planes)
    hamstring = position(landmarks, "hamstring_tendon_superolateral")
    if hamstring is None:
        return NotMeasurable(
            "there is neither a segment of the hamstring tendon nor its landmark;"
            " segment it, or place the landmark by hand.",
            ("hamstring", "hamstring_tendon_superolateral"),
        )
    medial_side = bones.frame.to_side(hamstring)
    iliopsoas = position(landmarks, "iliopsoas_tendon_posteromedial")
    if iliopsoas is not None:
        return _between_landmarks(bones, medial_side, bones.frame.to_side(iliopsoas))
    return _to_trochanter(bones, medial_side, planes.trochanter)


def _between_landmarks(bones: Bones, medial_side: Array, lateral_side: Array) -> Space | NotMeasurable:
    """QFS between the landmarks of both tendons, (3,) each."""
    apart = abs(float(lateral_side[2] - medial_side[2]))
    step = float(bones.masks["femur"].grid.spacing[2])
    if apart > max(0.5 * step, 1.0):
        return NotMeasurable(
            f"the landmarks of hamstring and iliopsoas tendon lie {apart:.1f} mm apart along the body;"
            " place both on one axial slice."
        )
    # each is taken for where its tendon passes the plane between both, so that the line's length is the value
    level = 0.5 * float(medial_side[2] + lateral_side[2])
    space = _single(np.array([*medial_side[:2], level]), np.array([*lateral_side[:2], level]))
    if apart < 0.05:
        return space
    return replace(
        space, notes=(f"the landmarks of both tendons lie {apart:.1f} mm apart along the body: seen in one plane",)
    )


def _to_trochanter(bones: Bones, medial_side: Array, trochanter: Region) -> Space | NotMeasurable:
    """QFS from the landmark of the hamstring tendon (3,) to the femur in its axial plane."""
    femur = bones.masks_side["femur"]
    reach = np.array([60.0, 60.0, 12.0])
    patch = refined_patch(femur.array, femur.grid, medial_side - reach, medial_side + reach)
    pair = _from_point(medial_side, patch, trochanter)
    if patch is None or pair is None:
        return NotMeasurable(
            "the landmark of the hamstring tendon does not lie on a slice through the lesser trochanter;"
            " place it there."
        )
    distance, _, lateral_side = pair
    space = _single(medial_side, lateral_side)
    half = 0.5 * float(femur.grid.spacing[2])
    rounded = patch.rounded_between_slices()
    moved = (medial_side + [0.0, 0.0, move] for move in np.linspace(-half, half, 9))
    found = [distance, *(of[0] for place in moved if (of := _from_point(place, rounded, trochanter)) is not None)]
    return replace(space, plane_low_mm=min(found), plane_high_mm=max(found))


def _from_point(place: Array, bone: Patch | None, belongs: Region) -> tuple[float, Array, Array] | None:
    """The smallest distance from a point (3,) to a bone in its axial plane, the point, and the place on the bone."""
    lines = np.zeros((0, 2, 3)) if bone is None else bone.section(float(place[2]))
    return closest_on_segments(place[None], lines[belongs(lines).any(1)] if len(lines) else lines)


def _single(medial_side: Array, lateral_side: Array) -> Space:
    """A space that is known in one axial plane only, between two points (3,) of it."""
    distance = float(np.linalg.norm(medial_side - lateral_side))
    point = ProfilePoint(
        level_mm=float(medial_side[2]),
        slice_number=None,
        distance_mm=distance,
        medial_side=medial_side,
        lateral_side=lateral_side,
    )
    return Space((point,), point, distance, (medial_side, lateral_side), at_edge=False, acquired=False)


def _iliopsoas_point(bones: Bones, qfs: Space | NotMeasurable, planes: _Planes) -> Array | None:
    """The point of the iliopsoas tendon that faces the hamstring tendon where the space is smallest."""
    if not isinstance(qfs, Space) or qfs.axial is None or not {"hamstring", "iliopsoas"} <= bones.masks_side.keys():
        return None
    there = replace(planes, levels=[(qfs.axial.level_mm, qfs.axial.slice_number)], moved=None)
    tendons = _between(bones, [("hamstring", None)], [("iliopsoas", None)], there)
    return tendons.axial.lateral_side if tendons.axial is not None else None


def _between(bones: Bones, medial: _Structures, lateral: _Structures, planes: _Planes) -> Space:
    """The space between structures, from refined surfaces; a draft from the coarse ones that placement searched."""
    if not planes.draft:
        return measure_space(
            [(bones.masks_side[key], region) for key, region in medial],
            [(bones.masks_side[key], region) for key, region in lateral],
            planes.levels,
            planes.acquired,
            planes.moved,
        )
    return coarse_space(
        [(bones.field(key), region) for key, region in medial],
        [(bones.field(key), region) for key, region in lateral],
        planes.levels,
        planes.acquired,
        planes.tip_side,
    )


def _noting_cuts(
    space: Space, bones: Bones, medial: tuple[str, ...], lateral: tuple[str, ...], planes: _Planes
) -> Space:
    """The space with a note where a structure leaves the field of view so near that it may be smaller beyond.

    :param medial: ids of its structures; ``lateral`` likewise.
    """
    if space.minimum_3d_mm is None or space.points_3d_side is None:
        return space
    medial_side, lateral_side = space.points_3d_side
    low, high = planes.levels[0][0], planes.levels[-1][0]
    notes = []
    for key in (*medial, *lateral):
        mask = bones.masks_side[key]
        opposite = lateral_side if key in medial else medial_side
        for axis, end in mask.cut:
            near = mask.face_distance(opposite, axis, end) < space.minimum_3d_mm
            if axis == 2:
                # planes of the trochanter that the structure no longer reaches
                near |= mask.face_distance(np.array([*planes.tip_side[:2], low if end < 0 else high]), axis, end) < 0.0
            if key == "femur":
                near &= _meets_trochanter(mask, axis, end, planes)
            if near:
                notes.append(
                    f"the {definitions()[key].title.lower()} leaves the field of view within reach of the smallest"
                    " distance, which may be smaller beyond"
                )
                break
    return replace(space, notes=(*space.notes, *notes))


def _meets_trochanter(femur: Mask, axis: int, end: int, planes: _Planes) -> bool:
    """Whether an edge of the image, at which the femur is cut off, cuts off a part of the lesser trochanter."""
    radius = planes.head_radius_mm or ADULT_HEAD_RADIUS_MM
    reach = (LESSER_TROCHANTER_HALF_HEIGHT if axis == 2 else LESSER_TROCHANTER_RADIUS) * radius
    return femur.face_distance(planes.tip_side, axis, end) < reach


def add_derived(
    data: HipData, masks_side: dict[str, Mask], iliopsoas_side: Array | None, leave: frozenset[str]
) -> None:
    """Place the landmarks that follow from the spaces, where no person placed them.

    :param masks_side: structures that have a segment, by id.
    :param iliopsoas_side: (3,), side frame; see :class:`HipSpaces`.
    :param leave: ids of landmarks that stay unplaced.
    """
    ischial, why = _ischial_point(data.spaces["ifs"])
    derived: dict[str, tuple[Array | None, str]] = {"ischial_tuberosity_lateral": (ischial, why)}
    qfs = data.spaces["qfs"]
    axial = qfs.axial if isinstance(qfs, Space) else None
    no_tendon = "it is placed from a segment of the tendon, and there is none; place it by hand."
    hamstring: tuple[Array | None, str] = (None, no_tendon)
    iliopsoas: tuple[Array | None, str] = (None, no_tendon)
    if "hamstring" in masks_side and axial is not None:
        hamstring = (axial.medial_side, "")
        if "iliopsoas" in masks_side:
            away = "the iliopsoas tendon is not on the slice of the quadratus femoris space."
            iliopsoas = (iliopsoas_side, away)
    derived["hamstring_tendon_superolateral"] = hamstring
    derived["iliopsoas_tendon_posteromedial"] = iliopsoas
    for key, (point_side, reason) in derived.items():
        if key in leave or data.landmarks[key].by_person:
            continue
        if point_side is None:
            data.landmarks[key] = Landmark.missing(reason)
        else:
            data.landmarks[key] = Landmark.automatic(point3(SideFrame(data.side).to_ras(point_side)))
    for key, definition in landmark_definitions().items():
        if data.landmarks[key].status is LandmarkStatus.UNDEFINED and key not in leave:
            data.landmarks[key] = Landmark.missing(definition.why_missing)


def _ischial_point(ifs: Space | NotMeasurable) -> tuple[Array | None, str]:
    """The point of the ischium where the space is smallest (side frame), and why where there is none."""
    if isinstance(ifs, NotMeasurable):
        return None, ifs.reason
    point = None if ifs.axial is None else ifs.axial.medial_side
    return point, "no axial slice through the lesser trochanter shows the ischium."
