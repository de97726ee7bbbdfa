"""The registry of measurements: the one list that tables, report, docs, codes and tests derive from.

To add a measurement: one entry in :data:`MEASUREMENTS`, one function beside the others here, one test in
``Testing/Python/core/test_measurements.py``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..anatomy.landmarks import LandmarkSet, LandmarkStatus, landmark_definitions, position
from ..anatomy.reference_values import Subject
from ..images.frames import SideFrame
from ..muscle.numbers import EDEMA_THRESHOLD, MuscleNumbers, edema_grade, fat_grade
from ..placement.bone_field import BoneField
from ..values import Array, Measured, NotMeasurable, Result, Side, point3
from .spaces import ProfilePoint, Space


@dataclass
class HipData:
    """What is known of one hip when its measurements are taken.

    :param landmarks: final landmarks (automatic, or a person's in their place), RAS.
    :param spaces: ``ifs`` and ``qfs`` (side frame inside, see :mod:`.spaces`) or the reason why there is none.
    :param fields: coarse signed distances of ``hip`` and ``femur`` (side frame) where there is a segment.
    :param pelvis_frame: (3, 3) rows: right, anterior, superior unit vectors of the pelvis in RAS.
    :param pelvis_frame_name: what that frame stands on, in words.
    :param muscle: numbers of the quadratus femoris, or why there are none.
    """

    side: Side
    landmarks: LandmarkSet
    spaces: dict[str, Space | NotMeasurable] = field(default_factory=dict)
    fields: dict[str, BoneField] = field(default_factory=dict)
    head_radius_mm: float | None = None
    subject: Subject = field(default_factory=Subject)
    pelvis_frame: Array = field(default_factory=lambda: np.eye(3))
    pelvis_frame_name: str = "image axes"
    source: str = ""
    notes: tuple[str, ...] = ()
    muscle: MuscleNumbers | NotMeasurable = field(
        default_factory=lambda: NotMeasurable("there is no segment of the quadratus femoris.", ("quadratus_femoris",))
    )

    def at(self, landmark_id: str) -> Array:
        """Position of a landmark that is known to be placed, RAS."""
        place = position(self.landmarks, landmark_id)
        assert place is not None
        return place

    def frame(self) -> Array:
        """Rows: lateral, anterior, superior of the pelvis in RAS, for this side."""
        return np.asarray(self.pelvis_frame * np.array([[self.side.lateral_sign], [1.0], [1.0]]))


HipMeasure = Callable[[HipData], Result]


PairMeasure = Callable[[dict[Side, HipData]], Result]


class Kind(enum.Enum):
    """What sort of number a measurement is."""

    SPACE = "space"
    ANGLE = "angle"
    LENGTH = "length"
    POSE = "pose"
    MUSCLE = "muscle"


class Followed(enum.Enum):
    """Whether a measurement is followed over time, and what its change is judged against."""

    NO = "no"
    PROPORTIONAL = "proportional"
    """Errors grow with the value: judged in percent, against a within-subject coefficient of variation."""
    ABSOLUTE = "absolute"
    """Judged in the unit, and only against one's own repeatability."""


@dataclass(frozen=True, kw_only=True)
class MeasurementDefinition:
    """One measurement: what it is, how it is computed, and how it behaves wherever it is shown.

    :param id: stable and short; the name in tables and files. Nothing is told from how it is spelled.
    :param unit: UCUM code.
    :param quantity: code (scheme, value, meaning) of the quantity.
    :param definition: what is measured, for documents; ends the question what the number means.
    :param needs: ids of the landmarks it needs.
    :param depends: ids of the measurements it needs.
    :param compute: from one hip's data.
    :param compute_pair: from the data of both hips; a definition has one of the two.
    :param short: its name in pictures and views; the title where empty.
    :param space: the space it is a number of, ``ifs`` or ``qfs``.
    :param structure: id of the structure whose segment it is a number of.
    :param followed: whether and how it is followed over time.
    :param scored: whether published cutoffs or norms are set beside it.
    :param drawn: whether its points stand in views and pictures unasked.
    :param labeled: whether its value stands beside them unasked.
    :param posed: whether the femur's pose stands beside it.
    """

    id: str
    title: str
    kind: Kind
    unit: str
    decimals: int
    quantity: tuple[str, str, str]
    definition: str
    citation: str
    needs: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    compute: HipMeasure | None = None
    compute_pair: PairMeasure | None = None
    short: str = ""
    space: str | None = None
    structure: str | None = None
    followed: Followed = Followed.NO
    scored: bool = False
    drawn: bool = False
    labeled: bool = False
    posed: bool = False

    @property
    def paired(self) -> bool:
        """Whether it is a measurement between both hips."""
        return self.compute_pair is not None

    @property
    def label(self) -> str:
        """Its name in pictures and views."""
        return self.short or self.title

    @property
    def code(self) -> tuple[str, str, str]:
        """The concept's private code."""
        return ("99IFIMEASURE", self.id.upper(), self.title)


def measure_hip(data: HipData) -> dict[str, Result]:
    """Take every measurement of one hip."""
    results: dict[str, Result] = {}
    for definition in MEASUREMENTS:
        if definition.compute is None:
            continue
        lacking = _lacking(data.landmarks, definition.needs)
        results[definition.id] = lacking or definition.compute(data)
    return results


def measure_pair(hips: dict[Side, HipData]) -> dict[str, Result]:
    """Take every measurement that needs both hips."""
    results: dict[str, Result] = {}
    for definition in MEASUREMENTS:
        if definition.compute_pair is None:
            continue
        absent = [side.value for side in Side if side not in hips]
        if absent:
            results[definition.id] = NotMeasurable(f"both sides are needed; the {absent[0]} side was not measured.")
            continue
        lacking = None
        for side, data in hips.items():
            found = _lacking(data.landmarks, definition.needs)
            if found is not None:
                lacking = NotMeasurable(
                    f"{side.value} side: {found.reason}", tuple(f"{side.value} {m}" for m in found.missing)
                )
                break
        results[definition.id] = lacking or definition.compute_pair(hips)
    return results


def _lacking(landmarks: LandmarkSet, needs: tuple[str, ...]) -> NotMeasurable | None:
    missing = tuple(key for key in needs if landmarks[key].position_ras_mm is None)
    if not missing:
        return None
    first = landmarks[missing[0]]
    why = first.reason if first.status is LandmarkStatus.MISSING else "it is not placed yet."
    title = landmark_definitions()[missing[0]].title
    return NotMeasurable(f"{title} is missing: {why}", missing)


# -- spaces -------------------------------------------------------------------------------------------------


def _space_notes(space: Space) -> tuple[str, ...]:
    notes = []
    if space.at_edge:
        notes.append(
            "the minimum lies in the last plane that shows both structures at the lesser trochanter, so it is no local minimum"
        )
    if space.overlap:
        notes.append("the two structures touch or overlap; check the segmentation")
    return tuple(notes)


def _axial(name: str, title: str) -> HipMeasure:
    def compute(data: HipData) -> Result:
        space = data.spaces[name]
        if isinstance(space, NotMeasurable):
            return space
        point: ProfilePoint | None = space.axial
        if point is None or point.distance_mm is None or point.medial_point is None or point.lateral_point is None:
            what = "ischium" if name == "ifs" else "hamstring tendon"
            return NotMeasurable(f"no axial slice through the lesser trochanter shows the {what}.")
        frame = SideFrame(data.side)
        return Measured(
            point.distance_mm,
            "mm",
            (point3(frame.to_ras(point.medial_point)), point3(frame.to_ras(point.lateral_point))),
            plane="axial, acquired slice" if point.slice_number is not None else "axial, cut through the surface",
            slice_ras_s_mm=point.level_mm,
            slice_number=point.slice_number,
            method=f"{title}, smallest over {sum(p.distance_mm is not None for p in space.profile)} axial planes through the lesser trochanter",
            source=data.source,
            notes=_space_notes(space) + data.notes,
        )

    return compute


def _minimum_3d(name: str, title: str) -> HipMeasure:
    def compute(data: HipData) -> Result:
        space = data.spaces[name]
        if isinstance(space, NotMeasurable):
            return space
        if space.minimum_3d_mm is None or space.points_3d is None:
            return NotMeasurable("no surface of both structures lies near the lesser trochanter.")
        medial_side, lateral_side = space.points_3d
        frame = SideFrame(data.side)
        return Measured(
            space.minimum_3d_mm,
            "mm",
            (point3(frame.to_ras(medial_side)), point3(frame.to_ras(lateral_side))),
            plane="3D",
            method=f"{title}, smallest distance in any direction from the surface of the lesser trochanter",
            source=data.source,
            notes=(
                "no published cutoff holds for the 3D distance",
                *(("the two structures touch or overlap; check the segmentation",) if space.overlap else ()),
                *data.notes,
            ),
        )

    return compute


# -- angles and lengths --------------------------------------------------------------------------------------


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


def _angle_deg(a: Array, b: Array) -> float:
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def _shaft(data: HipData) -> Array:
    return _unit(data.at("shaft_axis_proximal") - data.at("shaft_axis_distal"))


def _neck(data: HipData) -> Array:
    return _unit(data.at("femoral_neck_center") - data.at("femoral_head_center"))


_RAY_MM = 45.0


def _rays(vertex: Array, first: Array, second: Array) -> tuple[tuple[float, float, float], ...]:
    """An angle as three points to draw: end of the first leg, vertex, end of the second."""
    return (point3(vertex + _RAY_MM * _unit(first)), point3(vertex), point3(vertex + _RAY_MM * _unit(second)))


_AXES = ("femoral_head_center", "femoral_neck_center", "shaft_axis_proximal", "shaft_axis_distal")


_CONDYLES = ("posterior_condyle_medial", "posterior_condyle_lateral")


def _neck_shaft_angle(data: HipData) -> Result:
    neck, shaft, head = _neck(data), _shaft(data), data.at("femoral_head_center")
    # the two axes pass each other; the angle is drawn where the shaft's comes nearest to the neck's
    across = np.cross(neck, shaft)
    offset = head - data.at("shaft_axis_proximal")
    vertex = data.at("shaft_axis_proximal") + shaft * (
        np.cross(offset, neck) @ across / -(across @ across) if across @ across > 1e-9 else 0.0
    )
    return Measured(
        _angle_deg(neck, shaft),
        "deg",
        _rays(vertex, -neck, -shaft),
        plane="3D",
        method="neck axis (head center to neck center) against proximal shaft axis, in 3D",
    )


def _in_shaft_plane_deg(data: HipData, first: Array, second: Array) -> float:
    """Signed angle from ``first`` to ``second`` seen along the shaft, positive where ``second`` lies more posterior."""
    up = _shaft(data)
    a, b = (_unit(v - up * (v @ up)) for v in (first, second))
    posterior = np.cross(up, a) * data.side.lateral_sign
    return float(np.degrees(np.arctan2(b @ posterior, b @ a)))


def _across_shaft(data: HipData, vector: Array) -> Array:
    """The part of a vector that lies across the shaft."""
    up = _shaft(data)
    return np.asarray(vector - up * (vector @ up))


def _shaft_to(data: HipData, name: str) -> Array:
    """Vector from the shaft's axis to a landmark, across the shaft."""
    return _across_shaft(data, data.at(name) - data.at("shaft_axis_proximal"))


def _lt_neck_angle(data: HipData) -> Result:
    neck, tip = _across_shaft(data, -_neck(data)), _shaft_to(data, "lesser_trochanter_tip")
    return Measured(
        _in_shaft_plane_deg(data, neck, tip), "deg", _rays(data.at("lesser_trochanter_tip") - tip, neck, tip), plane="across the shaft axis",
        method="neck axis against the line from the shaft axis to the lesser trochanter tip, seen along the shaft; positive: tip posterior of the neck",
    )  # fmt: skip


def _condylar_line(data: HipData) -> Array:
    """The posterior condylar line, from lateral to medial, across the shaft."""
    return _across_shaft(data, data.at("posterior_condyle_medial") - data.at("posterior_condyle_lateral"))


def _version(data: HipData, direction: Array) -> float:
    """Angle of a medial direction against the posterior condylar line, seen along the shaft; positive anterior."""
    return -_in_shaft_plane_deg(data, _condylar_line(data), direction)


def _femoral_version(data: HipData) -> Result:
    return Measured(
        _version(data, -_neck(data)), "deg", _rays(data.at("femoral_neck_center"), _condylar_line(data), _across_shaft(data, -_neck(data))), plane="across the shaft axis",
        method="neck axis (head center to neck isthmus, 3D) against the posterior condylar line, projected along the proximal shaft axis",
        notes=("methods differ by up to 18 degree in the same hips; compare only values of one method",),
    )  # fmt: skip


def _lt_version(data: HipData) -> Result:
    tip = _shaft_to(data, "lesser_trochanter_tip")
    return Measured(
        _version(data, tip), "deg", _rays(data.at("lesser_trochanter_tip") - tip, _condylar_line(data), tip), plane="across the shaft axis",
        method="line from the shaft axis to the lesser trochanter tip against the posterior condylar line; negative: retroverted",
    )  # fmt: skip


def _femoral_offset(data: HipData) -> Result:
    vector = _shaft_to(data, "femoral_head_center")
    head = data.at("femoral_head_center")
    return Measured(
        float(np.linalg.norm(vector)),
        "mm",
        (point3(head - vector), point3(head)),
        plane="3D",
        method="head center to the proximal shaft axis, perpendicular, in 3D",
    )


def _head_diameter(data: HipData) -> Result:
    if data.head_radius_mm is None:
        return NotMeasurable("the head center was placed by hand and no sphere was fitted.")
    return Measured(
        2 * data.head_radius_mm,
        "mm",
        _diameter_points(data, data.head_radius_mm),
        plane="3D",
        method="least-squares sphere",
    )


def _diameter_points(data: HipData, radius: float) -> tuple[tuple[float, float, float], ...]:
    center = data.at("femoral_head_center")
    return (point3(center - [radius, 0.0, 0.0]), point3(center + [radius, 0.0, 0.0]))


def _ischial_angle(data: HipData) -> Result:
    bone = data.fields.get("hip")
    if bone is None:
        return NotMeasurable("there is no segment of the hip bone on this side.", ("hip",))
    frame = SideFrame(data.side)
    place_side = frame.to_side(data.at("ischial_tuberosity_lateral"))
    cut = bone.section(place_side + np.array([-6.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0]), 45.0)
    if cut is None:
        return NotMeasurable("the ischium is not cut by the axial plane of its lateral point.")
    area, center, moments = cut
    values, vectors = np.linalg.eigh(moments)
    if np.sqrt(values[1] / max(values[0], 1e-9)) < 1.2:
        return NotMeasurable(f"the ischium's section ({area:.0f} mm²) is too round here for a long axis.")
    # the section's coordinates: u = superior x anterior = -lateral, v = superior x u = -anterior
    axis = np.array([-vectors[0, 1], -vectors[1, 1], 0.0])
    axis = axis * (1.0 if axis[0] >= 0 else -1.0)
    transverse = _unit(frame.to_side([*data.frame()[0, :2], 0.0]))
    angle = float(np.degrees(np.arctan2(transverse[0] * axis[1] - transverse[1] * axis[0], transverse @ axis)))
    return Measured(
        abs(angle), "deg", _rays(frame.to_ras(center), frame.to_ras(axis), frame.to_ras(transverse)), plane="axial", slice_ras_s_mm=float(center[2]),
        method="long axis of the ischium's axial section at the level of the ischiofemoral space against the transverse axis of the pelvis",
        notes=("published definitions of the line differ; compare only values of one method",),
    )  # fmt: skip


_POSES: dict[str, tuple[str, Array]] = {
    "flexion": ("proximal shaft axis in the sagittal plane; positive: flexion", np.array([0.0, 1.0, 1.0])),
    "abduction": ("proximal shaft axis in the coronal plane; positive: abduction", np.array([1.0, 0.0, 1.0])),
    "rotation": (
        "azimuth of the neck axis across the shaft (apparent anteversion); grows with external, falls with internal rotation, and holds the femur's own version as well",
        np.array([1.0, 1.0, 0.0]),
    ),
}
"""Method of each pose angle, and the plane (lateral, anterior, superior) it is seen in."""


def _pose(kind: str) -> HipMeasure:
    method, plane = _POSES[kind]

    def compute(data: HipData) -> Result:
        frame = data.frame()
        if kind == "rotation":
            direction = (frame @ _across_shaft(data, -_neck(data))) * plane
            value, zero, vertex = (
                np.arctan2(direction[1], -direction[0]),
                np.array([-1.0, 0.0, 0.0]),
                data.at("femoral_neck_center"),
            )
        else:
            direction = (frame @ _shaft(data)) * plane
            value = np.arctan2(-direction[1 if kind == "flexion" else 0], direction[2])
            zero, vertex = np.array([0.0, 0.0, 1.0]), data.at("shaft_axis_distal")
        rays = _rays(vertex, frame.T @ zero, frame.T @ direction)
        return Measured(float(np.degrees(value)), "deg", rays, plane=f"frame: {data.pelvis_frame_name}", method=method)

    return compute


# -- the quadratus femoris -----------------------------------------------------------------------------------


def _muscle(
    unit: str, method: str, value: Callable[[MuscleNumbers], float | None], lacking: str = "", whole: bool = True
) -> HipMeasure:
    """A measurement of the muscle's segment.

    :param lacking: the reason where ``value`` gives None.
    :param whole: whether it needs the whole muscle in the field of view.
    """

    def compute(data: HipData) -> Result:
        numbers = data.muscle
        if isinstance(numbers, NotMeasurable):
            return numbers
        if whole and numbers.cut:
            return NotMeasurable("the field of view cuts the quadratus femoris off; only its sections are measured.")
        found = value(numbers)
        if found is None:
            return NotMeasurable(lacking)
        if unit.startswith("mL") and numbers.slices < 2:
            return NotMeasurable("a single slice shows the muscle, and a volume needs at least two.")
        notes = numbers.notes
        if unit == "mL":
            notes = (f"partial volume and slice thickness leave ± {numbers.volume_uncertainty_ml:.2g} mL open", *notes)
        return Measured(
            found,
            unit,
            method=method.format(source=numbers.fat_source),
            plane="segment",
            source=data.source,
            notes=notes,
        )

    return compute


def _max_area(data: HipData) -> Result:
    numbers = data.muscle
    if isinstance(numbers, NotMeasurable):
        return numbers
    level, area = numbers.max_area
    return Measured(
        area,
        "mm2",
        plane="axial",
        slice_ras_s_mm=level,
        method="largest axial section",
        source=data.source,
        notes=numbers.notes,
    )


def _volume_asymmetry(hips: dict[Side, HipData]) -> Result:
    volumes = {}
    for side, data in hips.items():
        result = _VOLUME(data)
        if isinstance(result, NotMeasurable):
            return NotMeasurable(f"{side.value} side: {result.reason}", result.missing)
        volumes[side] = result.value
    left, right = volumes[Side.LEFT], volumes[Side.RIGHT]
    return Measured(
        200.0 * (left - right) / (left + right), "%", plane="segments", method="200 (left - right) / (left + right) of the volumes",
        notes=("unsafe where both sides may be diseased, as in 25 to 47 % of patients: a small difference is no sign of health",),
    )  # fmt: skip


_NO_FAT = "the fat fraction needs Dixon images (water and fat), or a T1 image for an estimate."


_NO_EDEMA = "edema needs a fat-suppressed T2 image and a segment of a reference muscle, such as the gluteus maximus."


_NO_CORNERS = "the attachment corners are not all placed."


_NO_CONTRAST = "it needs an image in which the muscle and the fat around it differ, and the four attachment corners."


_VOLUME = _muscle("mL", "sum over the slices of area times slice spacing", lambda m: m.volume_ml)


def _volume_index(data: HipData) -> Result:
    volume = _VOLUME(data)
    height, weight = data.subject.height_m, data.subject.weight_kg
    if isinstance(volume, NotMeasurable):
        return volume
    if height is None or weight is None:
        return NotMeasurable("height and weight of the person are not known.")
    return replace(
        volume,
        value=volume.value / (height * weight),
        unit="mL/(kg.m)",
        method=f"volume over {height:.2f} m times {weight:.1f} kg",
    )


def _intertuberous(hips: dict[Side, HipData]) -> Result:
    a, b = (hips[side].at("ischial_tuberosity_lowest") for side in (Side.RIGHT, Side.LEFT))
    return Measured(
        float(np.linalg.norm(a - b)),
        "mm",
        (point3(a), point3(b)),
        plane="3D",
        method="between the lowest points of both ischial tuberosities",
    )


_DISTANCE = ("DCM", "121206", "Distance")


_ANGLE = ("SCT", "1483009", "Angle")


_VOLUME_QUANTITY = ("SCT", "118565006", "Volume")


_FRACTION = ("DCM", "129100", "Fat fraction")


_PERCENT = ("99IFIMEASURE", "PERCENT", "Percentage")


_RATIO = ("99IFIMEASURE", "RATIO", "Ratio")


_MUSCLE = "quadratus_femoris"


_TORRIANI = "Torriani M et al., AJR 2009;193:186-190"


_POSE_NOTE = (
    "Repositioning changed the ischiofemoral space by 4 mm or more in 34 % of hips (PMC7901394), "
    "so it is reported with every space."
)


MEASUREMENTS: tuple[MeasurementDefinition, ...] = (
    MeasurementDefinition(
        id="ifs_axial",
        title="Ischiofemoral space, axial",
        short="IFS",
        kind=Kind.SPACE,
        unit="mm",
        decimals=1,
        quantity=_DISTANCE,
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
        quantity=_DISTANCE,
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
        quantity=_DISTANCE,
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
        posed=True,
    ),
    MeasurementDefinition(
        id="qfs_3d",
        title="Quadratus femoris space, 3D",
        short="QFS 3D",
        kind=Kind.SPACE,
        unit="mm",
        decimals=1,
        quantity=_DISTANCE,
        definition=(
            "Smallest distance in any direction between the same structures at the level of the lesser trochanter."
        ),
        citation="defined here",
        compute=_minimum_3d("qfs", "hamstring tendon to iliopsoas tendon or lesser trochanter"),
        space="qfs",
        posed=True,
    ),
    MeasurementDefinition(
        id="neck_shaft_angle",
        title="Neck-shaft angle",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=_ANGLE,
        definition=(
            "Angle between the neck axis (head center to the center of the narrowest neck section) and "
            "the proximal shaft axis, in 3D. Shown, not scored: studies conflict."
        ),
        citation="common definition",
        needs=_AXES,
        compute=_neck_shaft_angle,
    ),
    MeasurementDefinition(
        id="lt_neck_angle",
        title="Lesser trochanter-neck angle",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=_ANGLE,
        definition=(
            "Angle between the neck axis and the line from the shaft axis to the tip of the lesser "
            "trochanter, seen along the shaft; needs no knee."
        ),
        citation="method as published for lesser trochanter version",
        needs=(*_AXES, "lesser_trochanter_tip"),
        compute=_lt_neck_angle,
    ),
    MeasurementDefinition(
        id="lt_version",
        title="Lesser trochanter version",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=_ANGLE,
        definition=(
            "Angle of the line from the shaft axis to the tip of the lesser trochanter against the "
            "posterior condylar line; only where the knee is in the scan."
        ),
        citation="method as published",
        needs=("lesser_trochanter_tip", "shaft_axis_proximal", "shaft_axis_distal", *_CONDYLES),
        compute=_lt_version,
    ),
    MeasurementDefinition(
        id="femoral_version",
        title="Femoral version (neck isthmus, posterior condyles)",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=_ANGLE,
        definition=(
            "Angle of the neck axis against the posterior condylar line, seen along the shaft; only where"
            " the knee is in the scan. Methods differ by up to 18 degree, so ours is part of the name."
        ),
        citation="method defined here",
        needs=(*_AXES, *_CONDYLES),
        compute=_femoral_version,
    ),
    MeasurementDefinition(
        id="femoral_offset",
        title="Femoral offset",
        kind=Kind.LENGTH,
        unit="mm",
        decimals=1,
        quantity=_DISTANCE,
        definition="Perpendicular distance of the head center from the proximal shaft axis, in 3D.",
        citation="common definition",
        needs=("femoral_head_center", "shaft_axis_proximal", "shaft_axis_distal"),
        compute=_femoral_offset,
    ),
    MeasurementDefinition(
        id="femoral_head_diameter",
        title="Femoral head diameter",
        kind=Kind.LENGTH,
        unit="mm",
        decimals=1,
        quantity=("SCT", "410668003", "Length"),
        definition="Diameter of the sphere that fits the femoral head.",
        citation="common definition",
        needs=("femoral_head_center",),
        compute=_head_diameter,
    ),
    MeasurementDefinition(
        id="ischial_angle",
        title="Ischial angle",
        kind=Kind.ANGLE,
        unit="deg",
        decimals=1,
        quantity=_ANGLE,
        definition=(
            "Angle between the long axis of the ischium's axial section at the level of the ischiofemoral"
            " space and the transverse axis of the pelvis. Line definitions vary; this is ours."
        ),
        citation="line defined here",
        needs=("ischial_tuberosity_lateral",),
        compute=_ischial_angle,
    ),
    MeasurementDefinition(
        id="femur_flexion",
        title="Femur flexion against the pelvis",
        kind=Kind.POSE,
        unit="deg",
        decimals=1,
        quantity=_ANGLE,
        definition=("Proximal shaft axis in the sagittal plane of the pelvis frame. " + _POSE_NOTE),
        citation="PMC7901394",
        needs=("shaft_axis_proximal", "shaft_axis_distal"),
        compute=_pose("flexion"),
    ),
    MeasurementDefinition(
        id="femur_abduction",
        title="Femur abduction against the pelvis",
        kind=Kind.POSE,
        unit="deg",
        decimals=1,
        quantity=_ANGLE,
        definition=("Proximal shaft axis in the coronal plane of the pelvis frame. " + _POSE_NOTE),
        citation="PMC7901394",
        needs=("shaft_axis_proximal", "shaft_axis_distal"),
        compute=_pose("abduction"),
    ),
    MeasurementDefinition(
        id="femur_rotation_proxy",
        title="Femur rotation, proxy (neck azimuth)",
        kind=Kind.POSE,
        unit="deg",
        decimals=1,
        quantity=_ANGLE,
        definition=(
            (
                "Azimuth of the neck axis against the transverse axis of the pelvis, seen along the shaft"
                " (apparent anteversion). "
            )
            + _POSE_NOTE
        ),
        citation="PMC7901394",
        needs=_AXES,
        compute=_pose("rotation"),
    ),
    MeasurementDefinition(
        id="intertuberous_distance",
        title="Intertuberous distance",
        kind=Kind.LENGTH,
        unit="mm",
        decimals=1,
        quantity=_DISTANCE,
        definition="Distance between the lowest points of both ischial tuberosities.",
        citation="defined here",
        needs=("ischial_tuberosity_lowest",),
        compute_pair=_intertuberous,
    ),
    MeasurementDefinition(
        id="qf_volume",
        title="Quadratus femoris, volume",
        kind=Kind.MUSCLE,
        unit="mL",
        decimals=2,
        quantity=_VOLUME_QUANTITY,
        definition=(
            "Sum over all slices of area times slice spacing. Refused where the field of view cuts the muscle off."
        ),
        citation="Tosun O et al., 2012 (method)",
        compute=_VOLUME,
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_volume_surface",
        title="Quadratus femoris, volume by surface",
        kind=Kind.MUSCLE,
        unit="mL",
        decimals=2,
        quantity=_VOLUME_QUANTITY,
        definition="Volume within the surface of the segment smoothed by half a voxel (half level).",
        citation="defined here",
        compute=_muscle("mL", "smooth surface of the segment", lambda m: m.surface_volume_ml),
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_volume_partial",
        title="Quadratus femoris, volume with partial voxels",
        kind=Kind.MUSCLE,
        unit="mL",
        decimals=2,
        quantity=_VOLUME_QUANTITY,
        definition=(
            "Volume with every voxel at the muscle's border counted as the share that its signal takes "
            "between muscle and fat nearby: the most even one, so the one to follow."
        ),
        citation="after Freeborough PA, Fox NC, IEEE TMI 1997;16:623-629",
        compute=_muscle("mL", "voxels at the border by their signal", lambda m: m.partial_volume_ml, _NO_CONTRAST),
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_volume_index",
        title="Quadratus femoris, volume over height and weight",
        kind=Kind.MUSCLE,
        unit="mL/(kg.m)",
        decimals=3,
        quantity=_RATIO,
        definition=("Volume over the product of height and weight, with which the volumes of the leg's muscles grow."),
        citation="Handsfield GG et al., J Biomech 2014;47:631-638",
        compute=_volume_index,
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_lean_volume",
        title="Quadratus femoris, lean volume",
        kind=Kind.MUSCLE,
        unit="mL",
        decimals=2,
        quantity=_VOLUME_QUANTITY,
        definition="Volume times one minus the mean fat fraction; stands always beside the volume.",
        citation="defined here",
        compute=_muscle("mL", "volume without fat; fat fraction from {source}", lambda m: m.lean_volume_ml, _NO_FAT),
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_max_area",
        title="Quadratus femoris, largest axial section",
        kind=Kind.MUSCLE,
        unit="mm2",
        decimals=0,
        quantity=("SCT", "42798000", "Area"),
        definition=(
            "Largest area of the muscle in an axial plane; given also where the field of view cuts the muscle off."
        ),
        citation="method as published",
        compute=_max_area,
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_max_section",
        title="Quadratus femoris, largest section across its fibers",
        kind=Kind.MUSCLE,
        unit="mm2",
        decimals=0,
        quantity=("SCT", "42798000", "Area"),
        definition=(
            "Largest area across the line from the middle of the ischial to the middle of the femoral "
            "attachment, in layers of 3 mm."
        ),
        citation="defined here",
        compute=_muscle("mm2", "across the fibers", lambda m: m.across_max_mm2, _NO_CORNERS),
        structure=_MUSCLE,
        followed=Followed.PROPORTIONAL,
    ),
    MeasurementDefinition(
        id="qf_thickness",
        title="Quadratus femoris, thickness at the ischiofemoral space",
        kind=Kind.MUSCLE,
        unit="mm",
        decimals=1,
        quantity=_DISTANCE,
        definition=("Mean thickness of the middle third of the muscle in the axial plane of the ischiofemoral space."),
        citation="defined here",
        compute=_muscle(
            "mm",
            "area of the middle third over its length, axial",
            lambda m: m.thickness_mm,
            "the muscle is not in the plane of the ischiofemoral space.",
            whole=False,
        ),
        structure=_MUSCLE,
        followed=Followed.ABSOLUTE,
    ),
    MeasurementDefinition(
        id="qf_length",
        title="Quadratus femoris, length along its fibers",
        kind=Kind.MUSCLE,
        unit="mm",
        decimals=1,
        quantity=("SCT", "410668003", "Length"),
        definition=(
            "Extent of the muscle along the line from the middle of the ischial to the middle of the "
            "femoral attachment."
        ),
        citation="defined here",
        compute=_muscle("mm", "along the fibers", lambda m: m.length_mm, _NO_CORNERS),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_fat_fraction",
        title="Quadratus femoris, mean fat fraction",
        kind=Kind.MUSCLE,
        unit="%",
        decimals=1,
        quantity=_FRACTION,
        definition=(
            "Mean over the muscle of fat over fat plus water (Dixon); from T1 an estimate between the "
            "signals of muscle and fat nearby."
        ),
        citation="defined here",
        compute=_muscle(
            "%",
            "mean over the segment; {source}",
            lambda m: None if m.fat_fraction is None else 100 * m.fat_fraction,
            _NO_FAT,
            whole=False,
        ),
        structure=_MUSCLE,
        followed=Followed.ABSOLUTE,
    ),
    MeasurementDefinition(
        id="qf_fat_grade",
        title="Quadratus femoris, fat grade (extension-defined, like Goutallier)",
        kind=Kind.MUSCLE,
        unit="1",
        decimals=0,
        quantity=_FRACTION,
        definition=(
            "0 below 5 %, 1 below 20 %, 2 below 45 %, 3 to 55 %, 4 above of mean fat fraction. Defined by"
            " this extension; not a reader's grade."
        ),
        citation="defined here",
        compute=_muscle(
            "1",
            "from the mean fat fraction; {source}",
            lambda m: None if m.fat_fraction is None else float(fat_grade(m.fat_fraction)),
            _NO_FAT,
            whole=False,
        ),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_edema_ratio",
        title="Quadratus femoris, signal relative to the reference muscle",
        kind=Kind.MUSCLE,
        unit="1",
        decimals=2,
        quantity=_RATIO,
        definition="Mean fat-suppressed T2 signal of the muscle over the median of the reference muscle.",
        citation="defined here",
        compute=_muscle(
            "1", "mean over median of the reference muscle", lambda m: m.edema_ratio, _NO_EDEMA, whole=False
        ),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_edema_share",
        title="Quadratus femoris, share of edema",
        kind=Kind.MUSCLE,
        unit="%",
        decimals=1,
        quantity=_PERCENT,
        definition=(
            f"Share of the muscle's voxels whose fat-suppressed T2 signal exceeds {EDEMA_THRESHOLD:g} "
            "times the median of the reference muscle."
        ),
        citation="defined here",
        compute=_muscle(
            "%",
            f"threshold {EDEMA_THRESHOLD:g} times the reference muscle",
            lambda m: None if m.edema_share is None else 100 * m.edema_share,
            _NO_EDEMA,
            whole=False,
        ),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_edema_grade",
        title="Quadratus femoris, edema grade (extension-defined)",
        kind=Kind.MUSCLE,
        unit="1",
        decimals=0,
        quantity=_PERCENT,
        definition=(
            "0 none (below 5 % of the voxels), 1 below 25 %, 2 below 50 %, 3 above. Defined by this "
            "extension; not a reader's grade."
        ),
        citation="defined here",
        compute=_muscle(
            "1",
            "from the share of edema",
            lambda m: None if m.edema_share is None else float(edema_grade(m.edema_share)),
            _NO_EDEMA,
            whole=False,
        ),
        structure=_MUSCLE,
    ),
    MeasurementDefinition(
        id="qf_volume_asymmetry",
        title="Quadratus femoris, asymmetry of the volume",
        kind=Kind.MUSCLE,
        unit="%",
        decimals=1,
        quantity=_PERCENT,
        definition="200 (left - right) / (left + right). Unsafe where both sides may be diseased.",
        citation="defined here",
        compute_pair=_volume_asymmetry,
        structure=_MUSCLE,
    ),
)
"""Every measurement, in the order of tables and lists."""


def measurement(measurement_id: str) -> MeasurementDefinition:
    """Return a measurement's definition by id."""
    return next(m for m in MEASUREMENTS if m.id == measurement_id)
