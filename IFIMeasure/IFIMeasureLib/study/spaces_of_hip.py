"""Both spaces of one hip, and the landmarks that follow from them (side frame inside)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..anatomy.landmarks import Landmark, LandmarkSet, LandmarkStatus, landmark_definitions, position
from ..anatomy.regions import Region, ischium_region, lesser_trochanter_region
from ..images.distance import closest_on_segments
from ..images.frames import SideFrame
from ..images.grid import Grid
from ..images.masks import Mask
from ..images.surface import refined_patch
from ..measuring.definition import HipData
from ..measuring.spaces import ProfilePoint, Space, axial_levels, coarse_space, measure_space
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
    :param trochanter: which points of the femur belong to the lesser trochanter.
    :param draft_at: the lesser trochanter's tip where the coarse surfaces around it are enough; else None.
    """

    levels: list[tuple[float, int | None]]
    acquired: bool
    trochanter: Region
    draft_at: Array | None


def measure_spaces(bones: Bones, landmarks: LandmarkSet, grid: Grid, draft: bool) -> HipSpaces:
    """Measure both spaces of one side.

    :param landmarks: final ones, RAS.
    :param grid: of the segmentation.
    :param draft: whether the coarse surfaces are enough.
    """
    radius = bones.found.head_radius_mm
    tip = position(landmarks, "lesser_trochanter_tip")
    if tip is None:
        why = landmarks["lesser_trochanter_tip"].reason or "not placed yet."
        return HipSpaces.none(NotMeasurable(f"Lesser trochanter tip is missing: {why}", ("lesser_trochanter_tip",)))
    tip_side = bones.frame.to_side(tip)
    levels, acquired = axial_levels(grid, tip_side, radius)
    if not levels:
        return HipSpaces.none(NotMeasurable("no slice passes through the lesser trochanter."))
    trochanter = lesser_trochanter_region(tip_side, radius)
    planes = _Planes(levels, acquired, trochanter, tip_side if draft else None)
    ifs = _ischiofemoral_space(bones, landmarks, planes)
    qfs = _quadratus_space(bones, landmarks, planes)
    return HipSpaces({"ifs": ifs, "qfs": qfs}, _iliopsoas_point(bones, qfs, planes))


def _ischiofemoral_space(bones: Bones, landmarks: LandmarkSet, planes: _Planes) -> Space | NotMeasurable:
    head = position(landmarks, "femoral_head_center")
    ischium = None if head is None else ischium_region(bones.frame.to_side(head), bones.found.head_radius_mm)
    space = _between(bones, [("hip", ischium)], [("femur", planes.trochanter)], planes)
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
        return _between(bones, [("hamstring", None)], lateral, planes)
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
    in_plane = float(np.linalg.norm((medial_side - lateral_side)[:2]))
    return _single(in_plane, float(np.linalg.norm(medial_side - lateral_side)), medial_side, lateral_side)


def _to_trochanter(bones: Bones, medial_side: Array, trochanter: Region) -> Space | NotMeasurable:
    """QFS from the landmark of the hamstring tendon (3,) to the femur in its axial plane."""
    femur = bones.masks_side["femur"]
    reach = np.array([60.0, 60.0, 12.0])
    patch = refined_patch(femur.array, femur.grid, medial_side - reach, medial_side + reach)
    lines = np.zeros((0, 2, 3)) if patch is None else patch.section(float(medial_side[2]))
    lines = lines[trochanter(lines).any(1)] if len(lines) else lines
    pair = closest_on_segments(medial_side[None], lines)
    if pair is None:
        return NotMeasurable(
            "the landmark of the hamstring tendon does not lie on a slice through the lesser trochanter;"
            " place it there."
        )
    distance, _, lateral_side = pair
    return _single(distance, distance, medial_side, lateral_side)


def _single(in_plane_mm: float, minimum_3d_mm: float, medial_side: Array, lateral_side: Array) -> Space:
    """A space that is known in one plane only, between two points (3,)."""
    point = ProfilePoint(
        level_mm=float(medial_side[2]),
        slice_number=None,
        distance_mm=in_plane_mm,
        medial_side=medial_side,
        lateral_side=lateral_side,
    )
    return Space((point,), point, minimum_3d_mm, (medial_side, lateral_side), at_edge=False, acquired=False)


def _iliopsoas_point(bones: Bones, qfs: Space | NotMeasurable, planes: _Planes) -> Array | None:
    """The point of the iliopsoas tendon that faces the hamstring tendon where the space is smallest."""
    if not isinstance(qfs, Space) or qfs.axial is None or not {"hamstring", "iliopsoas"} <= bones.masks_side.keys():
        return None
    there = replace(planes, levels=[(qfs.axial.level_mm, qfs.axial.slice_number)], acquired=True)
    tendons = _between(bones, [("hamstring", None)], [("iliopsoas", None)], there)
    return tendons.axial.lateral_side if tendons.axial is not None else None


def _between(bones: Bones, medial: _Structures, lateral: _Structures, planes: _Planes) -> Space:
    """The space between structures, from refined surfaces; a draft from the coarse ones that placement searched."""
    if planes.draft_at is None:
        return measure_space(
            [(bones.masks_side[key], region) for key, region in medial],
            [(bones.masks_side[key], region) for key, region in lateral],
            planes.levels,
            planes.acquired,
        )
    return coarse_space(
        [(bones.field(key), region) for key, region in medial],
        [(bones.field(key), region) for key, region in lateral],
        planes.levels,
        planes.acquired,
        planes.draft_at,
    )


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
