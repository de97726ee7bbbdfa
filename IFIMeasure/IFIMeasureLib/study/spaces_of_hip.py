"""Both spaces of one hip, and the landmarks that follow from them (side frame inside)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

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
from ..placement.bone_field import BoneField
from ..placement.placement import Placement
from ..values import Array, NotMeasurable, Side, point3


@dataclass
class Bones:
    """One side as its segments show it, before any person has touched a landmark (side frame but for ``masks``)."""

    side: Side
    masks: dict[str, Mask]
    turned: dict[str, Mask]
    found: Placement
    fields: dict[str, BoneField]
    placed: tuple[dict[str, tuple[float, float, float]], Placement] | None = None
    """What followed last from landmarks that a person had moved, and those."""


def what_spaces_hang_on(landmarks: LandmarkSet) -> object:
    return tuple(
        landmarks[key]
        for key in (
            "lesser_trochanter_tip",
            "femoral_head_center",
            "hamstring_tendon_superolateral",
            "iliopsoas_tendon_posteromedial",
        )
    )


@dataclass(frozen=True)
class HipSpaces:
    """Both spaces of one side, and the point of the iliopsoas tendon that faces the hamstring tendon (side frame)."""

    by_name: dict[str, Space | NotMeasurable]
    iliopsoas_point: Array | None = None


def measure_spaces(bones: Bones, landmarks: LandmarkSet, grid: Grid, draft: bool) -> HipSpaces:
    radius = bones.found.head_radius_mm
    tip = position(landmarks, "lesser_trochanter_tip")
    if tip is None:
        reason = NotMeasurable(
            f"Lesser trochanter tip is missing: {landmarks['lesser_trochanter_tip'].reason or 'not placed yet.'}",
            ("lesser_trochanter_tip",),
        )
        return HipSpaces({"ifs": reason, "qfs": reason})
    frame = SideFrame(bones.side)
    tip_side = frame.to_side(tip)
    levels, acquired = axial_levels(grid, tip_side, radius)
    if not levels:
        reason = NotMeasurable("no slice passes through the lesser trochanter.")
        return HipSpaces({"ifs": reason, "qfs": reason})
    belongs = lesser_trochanter_region(tip_side, radius)
    head = position(landmarks, "femoral_head_center")
    ischium = None if head is None else ischium_region(frame.to_side(head), radius)
    draft_at = tip_side if draft else None
    ifs: Space | NotMeasurable = _between(bones, [("hip", ischium)], [("femur", belongs)], levels, acquired, draft_at)
    if isinstance(ifs, Space) and ifs.axial is None and (2, -1) in bones.turned["hip"].cut:
        ifs = NotMeasurable(
            "the field of view ends above the ischium at the level of the lesser trochanter.",
            ("ischial_tuberosity_lateral",),
        )
    qfs = _quadratus_space(bones, landmarks, levels, acquired, belongs, draft_at)
    point = None
    if isinstance(qfs, Space) and qfs.axial is not None and {"hamstring", "iliopsoas"} <= bones.turned.keys():
        tendons = _between(
            bones,
            [("hamstring", None)],
            [("iliopsoas", None)],
            [(qfs.axial.level_mm, qfs.axial.slice_number)],
            True,
            draft_at,
        )
        point = tendons.axial.lateral_point if tendons.axial is not None else None
    return HipSpaces({"ifs": ifs, "qfs": qfs}, point)


_Structures = list[tuple[str, Union[Region, None]]]


def _between(
    bones: Bones,
    medial: _Structures,
    lateral: _Structures,
    levels: list[tuple[float, int | None]],
    acquired: bool,
    draft_at: Array | None,
) -> Space:
    """The space between structures, from refined surfaces.

    A draft around a point comes from the coarse ones that placement searched.
    """
    if draft_at is None:
        return measure_space(
            [(bones.turned[k], r) for k, r in medial], [(bones.turned[k], r) for k, r in lateral], levels, acquired
        )
    for key, _ in (*medial, *lateral):
        if key not in bones.fields:
            bones.fields[key] = BoneField(bones.turned[key])
    return coarse_space(
        [(bones.fields[k], r) for k, r in medial],
        [(bones.fields[k], r) for k, r in lateral],
        levels,
        acquired,
        draft_at,
    )


def thick_slices_note(grid: Grid) -> tuple[str, ...]:
    step = float(grid.spacing.max())
    if step <= 3.0:
        return ()
    return (f"slices are {step:.3g} mm apart: the smallest space may lie between two slices",)


def _quadratus_space(
    bones: Bones,
    landmarks: LandmarkSet,
    levels: list[tuple[float, int | None]],
    acquired: bool,
    belongs: Region,
    draft_at: Array | None,
) -> Space | NotMeasurable:
    """QFS from the tendons' segments where they exist, else from landmarks that a person placed."""
    if "hamstring" in bones.turned:
        lateral: _Structures = [("femur", belongs)]
        if "iliopsoas" in bones.turned:
            lateral.append(("iliopsoas", None))
        return _between(bones, [("hamstring", None)], lateral, levels, acquired, draft_at)
    place = position(landmarks, "hamstring_tendon_superolateral")
    if place is None:
        return NotMeasurable(
            "there is neither a segment of the hamstring tendon nor its landmark; segment it, "
            "or place the landmark by hand.",
            ("hamstring", "hamstring_tendon_superolateral"),
        )
    frame = SideFrame(bones.side)
    medial = frame.to_side(place)
    other = position(landmarks, "iliopsoas_tendon_posteromedial")
    level = float(medial[2])
    if other is not None:
        lateral_point = frame.to_side(other)
        apart = abs(float(lateral_point[2] - level))
        step = float(bones.masks["femur"].grid.spacing[2])
        if apart > max(0.5 * step, 1.0):
            return NotMeasurable(
                f"the landmarks of hamstring and iliopsoas tendon lie {apart:.1f} mm apart along the body; "
                "place both on one axial slice."
            )
        length = float(np.linalg.norm((medial - lateral_point)[:2]))
        profile = ProfilePoint(level, None, length, medial, lateral_point)
        return Space(
            (profile,), profile, float(np.linalg.norm(medial - lateral_point)), (medial, lateral_point), False, False
        )
    femur = bones.turned["femur"]
    reach = np.array([60.0, 60.0, 12.0])
    patch = refined_patch(femur.array, femur.grid, medial - reach, medial + reach)
    lines = np.zeros((0, 2, 3)) if patch is None else patch.section(level)
    lines = lines[belongs(lines).any(1)] if len(lines) else lines
    pair = closest_on_segments(medial[None], lines)
    if pair is None:
        return NotMeasurable(
            "the landmark of the hamstring tendon does not lie on a slice through the lesser trochanter; "
            "place it there."
        )
    profile = ProfilePoint(level, None, pair[0], medial, pair[2])
    return Space((profile,), profile, pair[0], (medial, pair[2]), False, False)


def add_derived(data: HipData, turned: dict[str, Mask], iliopsoas_point: Array | None, leave: frozenset[str]) -> None:
    """Place the landmarks that follow from the spaces, where no person placed them; ``leave`` stay unplaced."""

    def put(key: str, point: Array | None, reason: str) -> None:
        if key in leave or data.landmarks[key].by_person:
            return
        data.landmarks[key] = (
            Landmark.missing(reason)
            if point is None
            else Landmark.automatic(point3(SideFrame(data.side).to_ras(point)))
        )

    ifs, qfs = data.spaces["ifs"], data.spaces["qfs"]
    ifs_point = ifs.axial.medial_point if isinstance(ifs, Space) and ifs.axial is not None else None
    why = (
        ifs.reason
        if isinstance(ifs, NotMeasurable)
        else "no axial slice through the lesser trochanter shows the ischium."
    )
    put("ischial_tuberosity_lateral", ifs_point, why)
    axial = qfs.axial if isinstance(qfs, Space) else None
    no_tendon = "it is placed from a segment of the tendon, and there is none; place it by hand."
    if "hamstring" in turned and axial is not None:
        put("hamstring_tendon_superolateral", axial.medial_point, "")
    else:
        put("hamstring_tendon_superolateral", None, no_tendon)
    if "iliopsoas" in turned and "hamstring" in turned and axial is not None:
        put(
            "iliopsoas_tendon_posteromedial",
            iliopsoas_point,
            "the iliopsoas tendon is not on the slice of the quadratus femoris space.",
        )
    else:
        put("iliopsoas_tendon_posteromedial", None, no_tendon)
    for key, definition in landmark_definitions().items():
        if data.landmarks[key].status is LandmarkStatus.UNDEFINED and key not in leave:
            data.landmarks[key] = Landmark.missing(definition.why_missing)
