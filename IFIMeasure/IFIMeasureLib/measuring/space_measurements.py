"""Measurements of the ischiofemoral and the quadratus femoris space."""

from __future__ import annotations

from ..images.frames import SideFrame
from ..values import Measured, NotMeasurable, Result, point3
from .definition import Followed, HipData, HipMeasure, Kind, MeasurementDefinition
from .spaces import ProfilePoint, Space
from .units import DISTANCE

_TORRIANI = "Torriani M et al., AJR 2009;193:186-190"


def _space_notes(space: Space) -> tuple[str, ...]:
    notes = []
    if space.at_edge:
        notes.append(
            "the minimum lies in the last plane that shows both structures at the lesser trochanter, "
            "so it is no local minimum"
        )
    return (*notes, *_notes_of_both(space))


def _notes_of_both(space: Space) -> tuple[str, ...]:
    """What holds for the smallest distance in the planes and in 3D."""
    touch = ("the two structures touch or overlap; check the segmentation",) if space.overlap else ()
    return (*touch, *space.notes)


def _axial(name: str, title: str) -> HipMeasure:
    def compute(data: HipData) -> Result:
        space = data.spaces[name]
        if isinstance(space, NotMeasurable):
            return space
        point: ProfilePoint | None = space.axial
        if point is None or point.distance_mm is None or point.medial_side is None or point.lateral_side is None:
            what = "ischium" if name == "ifs" else "hamstring tendon"
            return NotMeasurable(f"no axial slice through the lesser trochanter shows the {what}.")
        frame = SideFrame(data.side)
        planes = sum(p.distance_mm is not None for p in space.profile)
        return Measured(
            value=point.distance_mm,
            unit="mm",
            points_ras_mm=(
                point3(frame.to_ras(point.medial_side)),
                point3(frame.to_ras(point.lateral_side)),
            ),
            plane="axial, acquired slice" if point.slice_number is not None else "axial, cut through the surface",
            slice_ras_s_mm=point.level_mm,
            slice_number=point.slice_number,
            method=f"{title}, smallest over {planes} axial planes through the lesser trochanter",
            source=data.source,
            notes=_space_notes(space) + data.notes,
            plane_low_mm=space.plane_low_mm,
            plane_high_mm=space.plane_high_mm,
        )

    return compute


def _minimum_3d(name: str, title: str) -> HipMeasure:
    def compute(data: HipData) -> Result:
        space = data.spaces[name]
        if isinstance(space, NotMeasurable):
            return space
        if space.minimum_3d_mm is None or space.points_3d_side is None:
            return NotMeasurable("no surface of both structures lies near the lesser trochanter.")
        medial_side, lateral_side = space.points_3d_side
        frame = SideFrame(data.side)
        return Measured(
            value=space.minimum_3d_mm,
            unit="mm",
            points_ras_mm=(point3(frame.to_ras(medial_side)), point3(frame.to_ras(lateral_side))),
            plane="3D",
            method=f"{title}, smallest distance in any direction from the surface of the lesser trochanter",
            source=data.source,
            notes=(
                "no published cutoff holds for the 3D distance",
                *_notes_of_both(space),
                *data.notes,
            ),
        )

    return compute


ENTRIES = (
    MeasurementDefinition(
        id="ifs_axial",
        title="Ischiofemoral space, axial",
        short="IFS",
        kind=Kind.SPACE,
        unit="mm",
        decimals=1,
        quantity=DISTANCE,
        definition=(
            "Smallest distance between the lateral cortex of the ischial tuberosity and the medial cortex"
            " of the lesser trochanter in an axial plane, the smallest over the axial planes within 0.42 "
            "head radii (10 mm in an adult) of the tip of the lesser trochanter."
        ),
        citation=_TORRIANI,
        compute=_axial("ifs", "ischium to lesser trochanter"),
        space="ifs",
        followed=Followed.ABSOLUTE,
        scored=True,
        drawn=True,
        labeled=True,
        posed=True,
    ),
    MeasurementDefinition(
        id="ifs_3d",
        title="Ischiofemoral space, 3D",
        short="IFS 3D",
        kind=Kind.SPACE,
        unit="mm",
        decimals=1,
        quantity=DISTANCE,
        definition=(
            "Smallest distance in any direction from the surface of the lesser trochanter to the hip "
            "bone. Never larger than the axial one; published cutoffs do not hold for it."
        ),
        citation="defined here",
        compute=_minimum_3d("ifs", "ischium to lesser trochanter"),
        space="ifs",
        drawn=True,
        posed=True,
    ),
    MeasurementDefinition(
        id="qfs_axial",
        title="Quadratus femoris space, axial",
        short="QFS",
        kind=Kind.SPACE,
        unit="mm",
        decimals=1,
        quantity=DISTANCE,
        definition=(
            "Smallest space for the passage of the quadratus femoris in an axial plane: superolateral "
            "surface of the hamstring tendons to the posteromedial surface of the iliopsoas tendon or of "
            "the lesser trochanter, whichever is nearer; the smallest over the same planes as the "
            "ischiofemoral space."
        ),
        citation=_TORRIANI,
        compute=_axial("qfs", "hamstring tendon to iliopsoas tendon or lesser trochanter"),
        space="qfs",
        followed=Followed.ABSOLUTE,
        scored=True,
        drawn=True,
        labeled=True,
        posed=True,
    ),
    MeasurementDefinition(
        id="qfs_3d",
        title="Quadratus femoris space, 3D",
        short="QFS 3D",
        kind=Kind.SPACE,
        unit="mm",
        decimals=1,
        quantity=DISTANCE,
        definition=(
            "Smallest distance in any direction between the same structures at the level of the lesser trochanter."
        ),
        citation="defined here",
        compute=_minimum_3d("qfs", "hamstring tendon to iliopsoas tendon or lesser trochanter"),
        space="qfs",
        posed=True,
    ),
)
