"""The registry of measurements: the one list that tables, report, docs, codes and tests derive from.

To add a measurement: one entry in :data:`MEASUREMENTS`, one function beside the others here, one test in
``Testing/Python/core/test_measurements.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..anatomy.landmarks import LandmarkSet, LandmarkState, landmark_definitions, position
from ..anatomy.reference_values import Subject
from ..images.frames import to_ras
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


@dataclass(frozen=True)
class MeasurementDefinition:
    """One measurement.

    :param id: stable and short; the name in tables and files.
    :param unit: UCUM code.
    :param quantity: code (scheme, value, meaning) of the quantity.
    :param code: code of the concept itself; private (99IFIMEASURE) where no standard has one.
    :param definition: what is measured, for documents; ends the question what the number means.
    :param needs: ids of the landmarks it needs.
    :param compute: from one hip's data, or (``paired``) from those of both sides.
    :param scored: whether published cutoffs or norms are set beside it.
    """

    id: str
    title: str
    unit: str
    decimals: int
    quantity: tuple[str, str, str]
    definition: str
    citation: str
    needs: tuple[str, ...]
    compute: HipMeasure | None = None
    compute_pair: PairMeasure | None = None
    scored: bool = False

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
    why = first.reason if first.state is LandmarkState.MISSING else "it is not placed yet."
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
        return Measured(
            point.distance_mm,
            "mm",
            (point3(to_ras(point.medial_point, data.side)), point3(to_ras(point.lateral_point, data.side))),
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
        a, b = space.points_3d
        return Measured(
            space.minimum_3d_mm,
            "mm",
            (point3(to_ras(a, data.side)), point3(to_ras(b, data.side))),
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
    place = to_ras(data.at("ischial_tuberosity_lateral"), data.side)
    cut = bone.section(place + np.array([-6.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0]), 45.0)
    if cut is None:
        return NotMeasurable("the ischium is not cut by the axial plane of its lateral point.")
    area, center, moments = cut
    values, vectors = np.linalg.eigh(moments)
    if np.sqrt(values[1] / max(values[0], 1e-9)) < 1.2:
        return NotMeasurable(f"the ischium's section ({area:.0f} mm²) is too round here for a long axis.")
    # the section's coordinates: u = superior x anterior = -lateral, v = superior x u = -anterior
    axis = np.array([-vectors[0, 1], -vectors[1, 1], 0.0])
    axis = axis * (1.0 if axis[0] >= 0 else -1.0)
    transverse = np.array([*data.frame()[0, :2] * np.array([data.side.lateral_sign, 1.0]), 0.0])
    transverse = _unit(transverse)
    angle = float(np.degrees(np.arctan2(transverse[0] * axis[1] - transverse[1] * axis[0], transverse @ axis)))
    return Measured(
        abs(angle), "deg", _rays(to_ras(center, data.side), to_ras(axis, data.side), to_ras(transverse, data.side)), plane="axial", slice_ras_s_mm=float(center[2]),
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


_TORRIANI = "Torriani M et al., AJR 2009;193:186-190"


_POSE_NOTE = "Repositioning changed the ischiofemoral space by 4 mm or more in 34 % of hips (PMC7901394), so it is reported with every space."


MEASUREMENTS: tuple[MeasurementDefinition, ...] = (
    MeasurementDefinition(
        "ifs_axial", "Ischiofemoral space, axial", "mm", 1, _DISTANCE,
        "Smallest distance between the lateral cortex of the ischial tuberosity and the medial cortex of the lesser trochanter in an axial plane, "
        "the smallest over the axial planes within 0.42 head radii (10 mm in an adult) of the tip of the lesser trochanter.",
        _TORRIANI, (), _axial("ifs", "ischium to lesser trochanter"), scored=True,
    ),
    MeasurementDefinition(
        "ifs_3d", "Ischiofemoral space, 3D", "mm", 1, _DISTANCE,
        "Smallest distance in any direction from the surface of the lesser trochanter to the hip bone. Never larger than the axial one; published cutoffs do not hold for it.",
        "defined here", (), _minimum_3d("ifs", "ischium to lesser trochanter"),
    ),
    MeasurementDefinition(
        "qfs_axial", "Quadratus femoris space, axial", "mm", 1, _DISTANCE,
        "Smallest space for the passage of the quadratus femoris in an axial plane: superolateral surface of the hamstring tendons to the posteromedial surface "
        "of the iliopsoas tendon or of the lesser trochanter, whichever is nearer; the smallest over the same planes as the ischiofemoral space.",
        _TORRIANI, (), _axial("qfs", "hamstring tendon to iliopsoas tendon or lesser trochanter"), scored=True,
    ),
    MeasurementDefinition(
        "qfs_3d", "Quadratus femoris space, 3D", "mm", 1, _DISTANCE,
        "Smallest distance in any direction between the same structures at the level of the lesser trochanter.",
        "defined here", (), _minimum_3d("qfs", "hamstring tendon to iliopsoas tendon or lesser trochanter"),
    ),
    MeasurementDefinition(
        "neck_shaft_angle", "Neck-shaft angle", "deg", 1, _ANGLE,
        "Angle between the neck axis (head center to the center of the narrowest neck section) and the proximal shaft axis, in 3D. Shown, not scored: studies conflict.",
        "common definition", _AXES, _neck_shaft_angle,
    ),
    MeasurementDefinition(
        "lt_neck_angle", "Lesser trochanter-neck angle", "deg", 1, _ANGLE,
        "Angle between the neck axis and the line from the shaft axis to the tip of the lesser trochanter, seen along the shaft; needs no knee.",
        "method as published for lesser trochanter version", (*_AXES, "lesser_trochanter_tip"), _lt_neck_angle,
    ),
    MeasurementDefinition(
        "lt_version", "Lesser trochanter version", "deg", 1, _ANGLE,
        "Angle of the line from the shaft axis to the tip of the lesser trochanter against the posterior condylar line; only where the knee is in the scan.",
        "method as published", ("lesser_trochanter_tip", "shaft_axis_proximal", "shaft_axis_distal", *_CONDYLES), _lt_version,
    ),
    MeasurementDefinition(
        "femoral_version", "Femoral version (neck isthmus, posterior condyles)", "deg", 1, _ANGLE,
        "Angle of the neck axis against the posterior condylar line, seen along the shaft; only where the knee is in the scan. Methods differ by up to 18 degree, so ours is part of the name.",
        "method defined here", (*_AXES, *_CONDYLES), _femoral_version,
    ),
    MeasurementDefinition(
        "femoral_offset", "Femoral offset", "mm", 1, _DISTANCE,
        "Perpendicular distance of the head center from the proximal shaft axis, in 3D.",
        "common definition", ("femoral_head_center", "shaft_axis_proximal", "shaft_axis_distal"), _femoral_offset,
    ),
    MeasurementDefinition(
        "femoral_head_diameter", "Femoral head diameter", "mm", 1, ("SCT", "410668003", "Length"),
        "Diameter of the sphere that fits the femoral head.", "common definition", ("femoral_head_center",), _head_diameter,
    ),
    MeasurementDefinition(
        "ischial_angle", "Ischial angle", "deg", 1, _ANGLE,
        "Angle between the long axis of the ischium's axial section at the level of the ischiofemoral space and the transverse axis of the pelvis. Line definitions vary; this is ours.",
        "line defined here", ("ischial_tuberosity_lateral",), _ischial_angle,
    ),
    MeasurementDefinition(
        "femur_flexion", "Femur flexion against the pelvis", "deg", 1, _ANGLE, "Proximal shaft axis in the sagittal plane of the pelvis frame. " + _POSE_NOTE,
        "PMC7901394", ("shaft_axis_proximal", "shaft_axis_distal"), _pose("flexion"),
    ),
    MeasurementDefinition(
        "femur_abduction", "Femur abduction against the pelvis", "deg", 1, _ANGLE, "Proximal shaft axis in the coronal plane of the pelvis frame. " + _POSE_NOTE,
        "PMC7901394", ("shaft_axis_proximal", "shaft_axis_distal"), _pose("abduction"),
    ),
    MeasurementDefinition(
        "femur_rotation_proxy", "Femur rotation, proxy (neck azimuth)", "deg", 1, _ANGLE,
        "Azimuth of the neck axis against the transverse axis of the pelvis, seen along the shaft (apparent anteversion). " + _POSE_NOTE,
        "PMC7901394", _AXES, _pose("rotation"),
    ),
    MeasurementDefinition(
        "intertuberous_distance", "Intertuberous distance", "mm", 1, _DISTANCE,
        "Distance between the lowest points of both ischial tuberosities.", "defined here", ("ischial_tuberosity_lowest",), None, _intertuberous,
    ),
    MeasurementDefinition(
        "qf_volume", "Quadratus femoris, volume", "mL", 2, _VOLUME_QUANTITY,
        "Sum over all slices of area times slice spacing. Refused where the field of view cuts the muscle off.", "Tosun O et al., 2012 (method)", (), _VOLUME,
    ),
    MeasurementDefinition(
        "qf_volume_surface", "Quadratus femoris, volume by surface", "mL", 2, _VOLUME_QUANTITY,
        "Volume within the surface of the segment smoothed by half a voxel (half level).", "defined here", (),
        _muscle("mL", "smooth surface of the segment", lambda m: m.surface_volume_ml),
    ),
    MeasurementDefinition(
        "qf_volume_partial", "Quadratus femoris, volume with partial voxels", "mL", 2, _VOLUME_QUANTITY,
        "Volume with every voxel at the muscle's border counted as the share that its signal takes between muscle and fat nearby: the most even one, so the one to follow.",
        "after Freeborough PA, Fox NC, IEEE TMI 1997;16:623-629", (),
        _muscle("mL", "voxels at the border by their signal", lambda m: m.partial_volume_ml, _NO_CONTRAST),
    ),
    MeasurementDefinition(
        "qf_volume_index", "Quadratus femoris, volume over height and weight", "mL/(kg.m)", 3, _RATIO,
        "Volume over the product of height and weight, with which the volumes of the leg's muscles grow.", "Handsfield GG et al., J Biomech 2014;47:631-638", (), _volume_index,
    ),
    MeasurementDefinition(
        "qf_lean_volume", "Quadratus femoris, lean volume", "mL", 2, _VOLUME_QUANTITY,
        "Volume times one minus the mean fat fraction; stands always beside the volume.", "defined here", (),
        _muscle("mL", "volume without fat; fat fraction from {source}", lambda m: m.lean_volume_ml, _NO_FAT),
    ),
    MeasurementDefinition(
        "qf_max_area", "Quadratus femoris, largest axial section", "mm2", 0, ("SCT", "42798000", "Area"),
        "Largest area of the muscle in an axial plane; given also where the field of view cuts the muscle off.", "method as published", (), _max_area,
    ),
    MeasurementDefinition(
        "qf_max_section", "Quadratus femoris, largest section across its fibers", "mm2", 0, ("SCT", "42798000", "Area"),
        "Largest area across the line from the middle of the ischial to the middle of the femoral attachment, in layers of 3 mm.", "defined here", (),
        _muscle("mm2", "across the fibers", lambda m: m.across_max_mm2, _NO_CORNERS),
    ),
    MeasurementDefinition(
        "qf_thickness", "Quadratus femoris, thickness at the ischiofemoral space", "mm", 1, _DISTANCE,
        "Mean thickness of the middle third of the muscle in the axial plane of the ischiofemoral space.", "defined here", (),
        _muscle("mm", "area of the middle third over its length, axial", lambda m: m.thickness_mm, "the muscle is not in the plane of the ischiofemoral space.", whole=False),
    ),
    MeasurementDefinition(
        "qf_length", "Quadratus femoris, length along its fibers", "mm", 1, ("SCT", "410668003", "Length"),
        "Extent of the muscle along the line from the middle of the ischial to the middle of the femoral attachment.", "defined here", (),
        _muscle("mm", "along the fibers", lambda m: m.length_mm, _NO_CORNERS),
    ),
    MeasurementDefinition(
        "qf_fat_fraction", "Quadratus femoris, mean fat fraction", "%", 1, _FRACTION,
        "Mean over the muscle of fat over fat plus water (Dixon); from T1 an estimate between the signals of muscle and fat nearby.", "defined here", (),
        _muscle("%", "mean over the segment; {source}", lambda m: None if m.fat_fraction is None else 100 * m.fat_fraction, _NO_FAT, whole=False),
    ),
    MeasurementDefinition(
        "qf_fat_grade", "Quadratus femoris, fat grade (extension-defined, like Goutallier)", "1", 0, _FRACTION,
        "0 below 5 %, 1 below 20 %, 2 below 45 %, 3 to 55 %, 4 above of mean fat fraction. Defined by this extension; not a reader's grade.", "defined here", (),
        _muscle("1", "from the mean fat fraction; {source}", lambda m: None if m.fat_fraction is None else float(fat_grade(m.fat_fraction)), _NO_FAT, whole=False),
    ),
    MeasurementDefinition(
        "qf_edema_ratio", "Quadratus femoris, signal relative to the reference muscle", "1", 2, _RATIO,
        "Mean fat-suppressed T2 signal of the muscle over the median of the reference muscle.", "defined here", (),
        _muscle("1", "mean over median of the reference muscle", lambda m: m.edema_ratio, _NO_EDEMA, whole=False),
    ),
    MeasurementDefinition(
        "qf_edema_share", "Quadratus femoris, share of edema", "%", 1, _PERCENT,
        f"Share of the muscle's voxels whose fat-suppressed T2 signal exceeds {EDEMA_THRESHOLD:g} times the median of the reference muscle.", "defined here", (),
        _muscle("%", f"threshold {EDEMA_THRESHOLD:g} times the reference muscle", lambda m: None if m.edema_share is None else 100 * m.edema_share, _NO_EDEMA, whole=False),
    ),
    MeasurementDefinition(
        "qf_edema_grade", "Quadratus femoris, edema grade (extension-defined)", "1", 0, _PERCENT,
        "0 none (below 5 % of the voxels), 1 below 25 %, 2 below 50 %, 3 above. Defined by this extension; not a reader's grade.", "defined here", (),
        _muscle("1", "from the share of edema", lambda m: None if m.edema_share is None else float(edema_grade(m.edema_share)), _NO_EDEMA, whole=False),
    ),
    MeasurementDefinition(
        "qf_volume_asymmetry", "Quadratus femoris, asymmetry of the volume", "%", 1, _PERCENT,
        "200 (left - right) / (left + right). Unsafe where both sides may be diseased.", "defined here", (), None, _volume_asymmetry,
    ),
)  # fmt: skip
"""Every measurement, in the order of tables and lists."""


def measurement(measurement_id: str) -> MeasurementDefinition:
    """Return a measurement's definition by id."""
    return next(m for m in MEASUREMENTS if m.id == measurement_id)
