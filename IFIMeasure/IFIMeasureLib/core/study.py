"""One hip study from its segmentation to its results: the work behind ``ifimeasure measure`` and the module's Logic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .anatomy import Structure, definitions, structure_from_name
from .imaging import Grid, Mask, Segmentation, SegmentRef, Volume
from .landmarks import Landmark, LandmarkSet, LandmarkState, empty_landmarks, landmark_definitions, merge, position
from .measurements import HipData, measure_hip, measure_pair
from .placement import BoneField, Found, find_on_femur, find_on_hip_bone, place_attachments, side_frame, to_ras
from .reference_values import Subject
from .spaces import ProfilePoint, Region, Space, axial_levels, ischium_region, lesser_trochanter_region, measure_space
from .surface import closest_on_segments, refined_patch
from .values import Array, IFIMeasureError, NotMeasurable, Result, Side, point3

Progress = Callable[[str], None]


@dataclass
class HipResult:
    """Results of one side. Points in RAS millimeter; ``spaces`` holds the profiles (side frame inside)."""

    side: Side
    landmarks: LandmarkSet
    spaces: dict[str, Space | NotMeasurable]
    results: dict[str, Result]
    masks: dict[str, Mask] = field(default_factory=dict, repr=False)


@dataclass
class StudyResult:
    """Everything one run found out."""

    hips: dict[Side, HipResult]
    paired: dict[str, Result]
    absent_sides: dict[Side, str]
    subject: Subject
    segmentation: Segmentation
    structures: dict[Structure, list[SegmentRef]]
    volume: Volume | None
    notes: list[str]

    def result(self, measurement_id: str, side: Side | None) -> Result:
        """Return one result; ``side`` None for measurements of both hips."""
        return self.paired[measurement_id] if side is None else self.hips[side].results[measurement_id]


def resolve_structures(segmentation: Segmentation, mapping: dict[str, Structure] | None, extra_names: dict[str, str] | None = None) -> dict[Structure, list[SegmentRef]]:
    """Return which segments make up each structure.

    :param mapping: from label values or segment names, as the person gave it; None to go by the file's names.
    :raises IFIMeasureError: where nothing fits; says what the file holds.
    """
    found: dict[Structure, list[SegmentRef]] = {}
    for ref in segmentation.segments:
        structure = None
        if mapping:
            structure = mapping.get(ref.name) or mapping.get(str(ref.value))
        if structure is None and (not mapping or segmentation.named):
            structure = structure_from_name(ref.name, extra_names)
        if structure is not None:
            found.setdefault(structure, []).append(ref)
    present = ", ".join(ref.name for ref in segmentation.segments[:40])
    if not found:
        raise IFIMeasureError(
            f"{segmentation.path}: which label is which bone is not known; the file holds {present}; "
            'say it with --labels, such as \'{"1": "hip_right", "2": "femur_right"}\' or a preset.'
        )
    for wanted in ("hip", "femur"):
        if not any(structure.id == wanted for structure in found):
            have = ", ".join(sorted(s.name for s in found))
            raise IFIMeasureError(f"{segmentation.path}: there is no {definitions()[wanted].title.lower()} ({wanted}); present are {have} (labels {present}).")
    return found


def _masks_by_side(segmentation: Segmentation, structures: dict[Structure, list[SegmentRef]]) -> dict[Side, dict[str, Mask]]:
    result: dict[Side, dict[str, Mask]] = {side: {} for side in Side}
    joint: dict[str, Mask] = {}
    for structure, refs in structures.items():
        if not definitions()[structure.id].sided:
            continue
        mask = segmentation.mask(refs)
        if mask is None:
            names = ", ".join(ref.name for ref in refs)
            raise IFIMeasureError(f"{segmentation.path}: the segment of {structure.name} ({names}) is empty; segment it or leave it out of the mapping.")
        if structure.side is None:
            joint[structure.id] = mask
        else:
            result[structure.side][structure.id] = mask
    for key in sorted(joint, key=lambda name: name != "femur"):  # femora first: they give the midplane
        _split(key, joint[key], result)
    return result


def _center(mask: Mask) -> Array:
    """Center of gravity in RAS, by the projections onto the axes (no list of voxels is made)."""
    array = mask.array
    total = max(int(array.sum()), 1)
    center = [float((array.sum(axis=tuple(b for b in range(3) if b != a)) * np.arange(array.shape[a])).sum() / total) for a in range(3)]
    return mask.grid.to_ras(np.array(center))


def _split(key: str, mask: Mask, result: dict[Side, dict[str, Mask]]) -> None:
    """Split a mask that may hold both sides at the midplane and add the halves."""
    femora = [result[side].get("femur") for side in (Side.RIGHT, Side.LEFT)]
    corners = mask.grid.corners()
    normal = np.array([1.0, 0.0, 0.0])
    if femora[0] is not None and femora[1] is not None:
        right, left = _center(femora[0]), _center(femora[1])
        origin = 0.5 * (right + left)
        across = (right - left) * np.array([1.0, 1.0, 0.0])
        if across[0] > 0:
            normal = across / np.linalg.norm(across)
    elif np.ptp(corners[:, 0]) > 180.0:
        origin = 0.5 * (corners.min(0) + corners.max(0))
    else:
        # one side only: a femur lies lateral of its hip bone
        other = femora[0] or femora[1] or next((m[k] for m in result.values() for k in ("hip",) if k in m), None)
        if other is None:
            raise IFIMeasureError(
                f"the label of {key} holds one side only, and there is nothing beside it to tell which; name the side in the mapping ({key}_left or {key}_right)."
            )
        lateral = _center(mask)[0] - _center(other)[0]
        if key == "hip":
            lateral = -lateral
        if abs(lateral) < 5.0:
            raise IFIMeasureError(f"left and right cannot be told for the label of {key}; name the side in the mapping ({key}_left or {key}_right).")
        result[Side.RIGHT if lateral > 0 else Side.LEFT][key] = mask
        return
    axes = [np.arange(n, dtype=float) for n in mask.array.shape]
    affine = mask.grid.affine
    across_plane = (
        axes[0][:, None, None] * (normal @ affine[:3, 0])
        + axes[1][None, :, None] * (normal @ affine[:3, 1])
        + axes[2][None, None, :] * (normal @ affine[:3, 2])
        + normal @ (affine[:3, 3] - origin)
    )
    for side, half in ((Side.RIGHT, across_plane > 0), (Side.LEFT, across_plane <= 0)):
        part = mask.array & half
        if part.sum() > 0.02 * mask.array.sum():
            result[side][key] = _crop(Mask(part, mask.grid, mask.cut))


def _crop(mask: Mask) -> Mask:
    used = [np.flatnonzero(mask.array.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    shape = mask.array.shape
    box = tuple(slice(max(int(u[0]) - 1, 0), min(int(u[-1]) + 2, n)) for u, n in zip(used, shape))
    cut = frozenset((axis, end) for axis, end in mask.cut if (used[axis][0] == 0 if end < 0 else used[axis][-1] == shape[axis] - 1))
    return Mask(mask.array[box], mask.grid.cropped((box[0], box[1], box[2])), cut)


def _check_sides(masks: dict[Side, dict[str, Mask]], path: object) -> None:
    """Refuse labels whose left and right contradict anatomy."""
    advice = "check the mapping (--labels), or the orientation in the file's header"
    for key in ("femur", "hip"):
        pair = [masks[side].get(key) for side in (Side.RIGHT, Side.LEFT)]
        if pair[0] is not None and pair[1] is not None:
            right, left = _center(pair[0]), _center(pair[1])
            if right[0] < left[0]:
                raise IFIMeasureError(f"{path}: left and right are swapped: the {key} labeled right lies {left[0] - right[0]:.0f} mm to the patient's left of the other; {advice}.")
    for side in Side:
        femur, hip = masks[side].get("femur"), masks[side].get("hip")
        if femur is not None and hip is not None:
            lateral = (_center(femur)[0] - _center(hip)[0]) * side.lateral_sign
            if lateral < -5.0:
                raise IFIMeasureError(f"{path}: left and right are swapped: the femur labeled {side.value} lies {-lateral:.0f} mm medial of its hip bone; {advice}.")
            if abs(lateral) > 160.0:
                raise IFIMeasureError(f"{path}: the {side.value} femur and hip bone lie {lateral:.0f} mm apart, so they belong to different sides; {advice}.")


def check_match(image: Grid, segmentation: Grid, path: object) -> str:
    """Compare the geometry of image and segmentation: a note where they differ harmlessly, else an error.

    Measuring uses the segmentation's own grid, so other voxels over the same space do no harm.

    :raises IFIMeasureError: where the segmentation lies elsewhere than the image; says what differs and by how much.
    """
    difference = image.difference(segmentation)
    if not difference:
        return ""
    tolerance = float(max(image.spacing.max(), segmentation.spacing.max()))
    inside = image.to_ijk(segmentation.corners(0.5))
    over = np.maximum(-0.5 - inside, inside - (np.array(image.shape) - 0.5)) * image.spacing
    same_size = image.shape == segmentation.shape and np.allclose(image.spacing, segmentation.spacing, atol=1e-3)
    shift = float(np.linalg.norm(image.affine[:3, 3] - segmentation.affine[:3, 3]))
    if over.max() > tolerance or (same_size and shift > 0.5 * float(image.spacing.min())):
        raise IFIMeasureError(f"{path}: image and segmentation do not lie in the same place: {difference}; give the segmentation made on this image.")
    return f"image and segmentation have other voxels over the same space ({difference}); measured on the segmentation's grid"


def measure_study(
    segmentation: Segmentation,
    structures: dict[Structure, list[SegmentRef]],
    volume: Volume | None = None,
    person: dict[Side, LandmarkSet] | None = None,
    sides: tuple[Side, ...] = (Side.RIGHT, Side.LEFT),
    subject: Subject | None = None,
    progress: Progress | None = None,
) -> StudyResult:
    """Place the landmarks and take every measurement of a study.

    :param structures: from :func:`resolve_structures`.
    :param person: landmarks that a person placed; they win, point by point.
    :param sides: the sides to measure; one that has no bones is told in the result, unless it was the only one asked for.
    :raises IFIMeasureError: where the input contradicts itself, or no side can be measured; one sentence.
    """
    say = progress or (lambda text: None)
    notes = list(segmentation.notes)
    if volume is not None:
        note = check_match(volume.grid, segmentation.grid, segmentation.path)
        if note:
            notes.append(note)
    say("reading the structures")
    masks = _masks_by_side(segmentation, structures)
    _check_sides(masks, segmentation.path)
    absent: dict[Side, str] = {}
    for side in sides:
        lacking = [key for key in ("hip", "femur") if key not in masks[side]]
        if lacking:
            have = ", ".join(sorted(f"{k}_{s.value}" for s in Side for k in masks[s])) or "nothing"
            absent[side] = f"there is no {' and no '.join(f'{key}_{side.value}' for key in lacking)} in the segmentation; present are {have}."
    if len(absent) == len(sides):
        raise IFIMeasureError(f"{segmentation.path}: {' '.join(absent.values())}")
    prepared: dict[Side, _Prepared] = {}
    for side in sides:
        if side not in absent:
            say(f"placing the landmarks of the {side.value} side")
            prepared[side] = _prepare(side, masks[side], (person or {}).get(side))
    _refuse_without_trochanter(prepared, segmentation)
    frame, frame_name = _pelvis_frame({s: p.landmarks for s, p in prepared.items()})
    data: dict[Side, HipData] = {}
    for side, hip in prepared.items():
        say(f"measuring the {side.value} side")
        data[side] = _measure_spaces(hip, segmentation, frame, frame_name)
    paired = measure_pair(data)
    hips = {side: HipResult(side, d.landmarks, d.spaces, measure_hip(d), prepared[side].masks) for side, d in data.items()}
    return StudyResult(hips, paired, absent, subject or Subject(), segmentation, structures, volume, notes)


@dataclass
class _Prepared:
    side: Side
    masks: dict[str, Mask]
    landmarks: LandmarkSet
    found: Found
    fields: dict[str, BoneField]


def _prepare(side: Side, masks: dict[str, Mask], person: LandmarkSet | None) -> _Prepared:
    turned = {key: side_frame(mask, side) for key, mask in masks.items()}
    found = Found()
    femur = find_on_femur(turned["femur"], found)
    hip = find_on_hip_bone(turned["hip"], found)
    if person is not None:  # what hangs on a point that a person placed follows it
        for key in ("lesser_trochanter_tip", "ischial_tuberosity_lowest"):
            place = position(person, key)
            if place is not None and person[key].state is LandmarkState.MANUAL:
                found.points[key] = to_ras(place, side)
                found.missing.pop(key, None)
    place_attachments(femur, hip, found)
    automatic = empty_landmarks()
    for key in automatic:
        if key in found.points:
            automatic[key] = Landmark(LandmarkState.AUTOMATIC, point3(to_ras(found.points[key], side)))
        elif key in found.missing:
            automatic[key] = Landmark(LandmarkState.MISSING, None, found.missing[key])
    landmarks = merge(automatic, person) if person else automatic
    return _Prepared(side, masks, landmarks, found, {"femur": femur, "hip": hip})


def _refuse_without_trochanter(prepared: dict[Side, _Prepared], segmentation: Segmentation) -> None:
    reasons = []
    for side, hip in prepared.items():
        tip = hip.landmarks["lesser_trochanter_tip"]
        if tip.position_ras_mm is not None:
            return
        reasons.append(f"{side.value} side: {tip.reason.rstrip('.')}")
    raise IFIMeasureError(
        f"{segmentation.path}: no lesser trochanter was found, so no space can be measured ({'; '.join(reasons)}); "
        "give a scan that shows it, or place it by hand and pass it with --landmarks."
    )


def _pelvis_frame(landmarks: dict[Side, LandmarkSet]) -> tuple[Array, str]:
    """Rows right, anterior, superior in RAS: transverse through both head centers, vertical of the image."""
    heads = {side: position(points, "femoral_head_center") for side, points in landmarks.items()}
    right, left = heads.get(Side.RIGHT), heads.get(Side.LEFT)
    if right is None or left is None:
        return np.eye(3), "image axes (the other head center is not known)"
    x = (right - left) / np.linalg.norm(right - left)
    z = np.array([0.0, 0.0, 1.0]) - x * x[2]
    z = z / np.linalg.norm(z)
    return np.array([x, np.cross(z, x), z]), "pelvis: transverse axis through both head centers, vertical of the image"


def _measure_spaces(hip: _Prepared, segmentation: Segmentation, frame: Array, frame_name: str) -> HipData:
    side = hip.side
    turned = {key: side_frame(mask, side) for key, mask in hip.masks.items()}
    radius = hip.found.head_radius_mm
    data = HipData(side, dict(hip.landmarks), {}, hip.fields, radius, frame, frame_name, source=f"segmentation {segmentation.path.name}", notes=_thick(segmentation.grid))
    tip = position(hip.landmarks, "lesser_trochanter_tip")
    if tip is None:
        reason = NotMeasurable(f"Lesser trochanter tip is missing: {hip.landmarks['lesser_trochanter_tip'].reason}", ("lesser_trochanter_tip",))
        data.spaces = {"ifs": reason, "qfs": reason}
    else:
        tip = to_ras(tip, side)
        levels, acquired = axial_levels(segmentation.grid, tip, radius)
        if not levels:
            reason = NotMeasurable("no slice passes through the lesser trochanter.")
            data.spaces = {"ifs": reason, "qfs": reason}
        else:
            belongs = lesser_trochanter_region(tip, radius)
            head = position(hip.landmarks, "femoral_head_center")
            ischium = None if head is None else ischium_region(to_ras(head, side), radius)
            space = measure_space([(turned["hip"], ischium)], [(turned["femur"], belongs)], levels, acquired)
            if space.axial is None and (2, -1) in turned["hip"].cut:
                data.spaces["ifs"] = NotMeasurable("the field of view ends above the ischium at the level of the lesser trochanter.", ("ischial_tuberosity_lateral",))
            else:
                data.spaces["ifs"] = space
            data.spaces["qfs"] = _quadratus_space(hip, turned, levels, acquired, belongs)
    _add_derived(data, turned)
    return data


def _thick(grid: Grid) -> tuple[str, ...]:
    step = float(grid.spacing.max())
    if step <= 3.0:
        return ()
    return (f"slices are {step:.3g} mm apart: the smallest space may lie between two slices",)


def _quadratus_space(hip: _Prepared, turned: dict[str, Mask], levels: list[tuple[float, int | None]], acquired: bool, belongs: Region) -> Space | NotMeasurable:
    """QFS from the tendons' segments where they exist, else from landmarks that a person placed."""
    if "hamstring" in turned:
        lateral: list[tuple[Mask, Region | None]] = [(turned["femur"], belongs)]
        if "iliopsoas" in turned:
            lateral.append((turned["iliopsoas"], None))
        return measure_space([(turned["hamstring"], None)], lateral, levels, acquired)
    place = position(hip.landmarks, "hamstring_tendon_superolateral")
    if place is None:
        return NotMeasurable(
            "there is neither a segment of the hamstring tendon nor its landmark; segment it, or place the landmark by hand.",
            ("hamstring", "hamstring_tendon_superolateral"),
        )
    medial = to_ras(place, hip.side)
    other = position(hip.landmarks, "iliopsoas_tendon_posteromedial")
    level = float(medial[2])
    if other is not None:
        lateral_point = to_ras(other, hip.side)
        apart = abs(float(lateral_point[2] - level))
        step = float(hip.masks["femur"].grid.spacing[2])
        if apart > max(0.5 * step, 1.0):
            return NotMeasurable(f"the landmarks of hamstring and iliopsoas tendon lie {apart:.1f} mm apart along the body; place both on one axial slice.")
        length = float(np.linalg.norm((medial - lateral_point)[:2]))
        profile = ProfilePoint(level, None, length, medial, lateral_point)
        return Space((profile,), profile, float(np.linalg.norm(medial - lateral_point)), (medial, lateral_point), False, False)
    femur = turned["femur"]
    reach = np.array([60.0, 60.0, 12.0])
    patch = refined_patch(femur.array, femur.grid, medial - reach, medial + reach)
    lines = np.zeros((0, 2, 3)) if patch is None else patch.section(level)
    lines = lines[belongs(lines).any(1)] if len(lines) else lines
    pair = closest_on_segments(medial[None], lines)
    if pair is None:
        return NotMeasurable("the landmark of the hamstring tendon does not lie on a slice through the lesser trochanter; place it there.")
    profile = ProfilePoint(level, None, pair[0], medial, pair[2])
    return Space((profile,), profile, pair[0], (medial, pair[2]), False, False)


def _add_derived(data: HipData, turned: dict[str, Mask]) -> None:
    """Place the landmarks that follow from the spaces, where no person placed them."""

    def put(key: str, point: Array | None, reason: str) -> None:
        if data.landmarks[key].state is LandmarkState.MANUAL:
            return
        if data.landmarks[key].state is LandmarkState.MISSING and "by a person" in data.landmarks[key].reason:
            return
        data.landmarks[key] = Landmark(LandmarkState.MISSING, None, reason) if point is None else Landmark(LandmarkState.AUTOMATIC, point3(to_ras(point, data.side)))

    ifs, qfs = data.spaces["ifs"], data.spaces["qfs"]
    ifs_point = ifs.axial.medial_point if isinstance(ifs, Space) and ifs.axial is not None else None
    why = ifs.reason if isinstance(ifs, NotMeasurable) else "no axial slice through the lesser trochanter shows the ischium."
    put("ischial_tuberosity_lateral", ifs_point, why)
    axial = qfs.axial if isinstance(qfs, Space) else None
    no_tendon = "it is placed from a segment of the tendon, and there is none; place it by hand."
    if "hamstring" in turned and axial is not None:
        put("hamstring_tendon_superolateral", axial.medial_point, "")
    else:
        put("hamstring_tendon_superolateral", None, no_tendon)
    if "iliopsoas" in turned and "hamstring" in turned and axial is not None:
        only = measure_space([(turned["hamstring"], None)], [(turned["iliopsoas"], None)], [(axial.level_mm, axial.slice_number)], True)
        put(
            "iliopsoas_tendon_posteromedial",
            only.axial.lateral_point if only.axial is not None else None,
            "the iliopsoas tendon is not on the slice of the quadratus femoris space.",
        )
    else:
        put("iliopsoas_tendon_posteromedial", None, no_tendon)
    for key, definition in landmark_definitions().items():
        if data.landmarks[key].state is LandmarkState.NOT_PLACED:
            data.landmarks[key] = Landmark(LandmarkState.MISSING, None, f"no {definition.on} was found to place it on.")
