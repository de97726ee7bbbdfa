"""One hip study from its segmentation to its results: the work behind ``ifimeasure measure`` and the module's Logic."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Union

import numpy as np

from .anatomy import Structure, definitions, structure_from_name
from .findings import Findings
from .imaging import Grid, Mask, Segmentation, SegmentRef, Volume, cropped
from .landmarks import NOT_PLACED, Landmark, LandmarkSet, LandmarkState, empty_landmarks, landmark_definitions, landmark_label, merge, position
from .measurements import MEASUREMENTS, HipData, MeasurementDefinition, measure_hip, measure_pair
from .muscle import CORNERS, Levels, Strokes, fill_between, muscle_region, on_grid, partial_volume_ml, resampled, segment_muscle, signal_levels, split_joint
from .muscle import Region as MuscleRegion
from .muscle_numbers import MuscleImages, MuscleNumbers, muscle_numbers, with_images
from .placement import ADULT_HEAD_RADIUS_MM, BoneField, Found, find_on_femur, find_on_hip_bone, place_attachments, side_frame, to_ras
from .reference_values import Subject
from .registration import Examined, segment_together
from .spaces import ProfilePoint, Region, Space, axial_levels, coarse_space, ischium_region, lesser_trochanter_region, measure_space
from .surface import closest_on_segments, refined_patch
from .values import Array, IFIMeasureError, NotMeasurable, Result, Side, iso_date, point3

Progress = Callable[[str], None]
MuscleOrigin = Literal["segment", "image", "drawn slices", "image, with other examinations"]


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
    """Everything one run found out.

    :param segmentation: None where landmarks alone were measured.
    :param images: those that told fat and edema of the muscle, or None.
    :param muscles: numbers of each side's muscle, where it has a segment.
    :param muscle_origins: where the muscle of each side came from; sides without one are absent.
    :param findings: of a reader; copied, never computed.
    :param date: of the examination, ISO 8601; empty where it is not known.
    :param draft: whether the spaces were read from coarse surfaces while a point was dragged.
    """

    hips: dict[Side, HipResult]
    paired: dict[str, Result]
    absent_sides: dict[Side, str]
    subject: Subject
    segmentation: Segmentation | None
    structures: dict[Structure, list[SegmentRef]]
    volume: Volume | None
    notes: list[str]
    draft: bool = False
    images: MuscleImages | None = None
    muscles: dict[Side, MuscleNumbers | NotMeasurable] = field(default_factory=dict)
    muscle_origins: dict[Side, MuscleOrigin] = field(default_factory=dict)
    findings: Findings = field(default_factory=dict)
    date: str = ""

    @property
    def bones(self) -> Segmentation:
        """The segmentation that was measured.

        :raises IFIMeasureError: where landmarks alone were measured.
        """
        if self.segmentation is None:
            raise IFIMeasureError("There is no segmentation, so there are no spaces to export; segment the bones, or copy the angles from the table.")
        return self.segmentation

    def of_files(self, files: tuple[Path, ...]) -> StudyResult:
        """Return the same result, of an image that was read from these DICOM files."""
        return self if self.volume is None else replace(self, volume=replace(self.volume, files=files))

    def result(self, measurement_id: str, side: Side | None) -> Result | None:
        """Return one result (of both hips where the measurement is one between them), or None where that side was not measured."""
        if measurement_id in self.paired:
            return self.paired[measurement_id]
        return self.hips[side].results[measurement_id] if side in self.hips else None


def each_result(study: StudyResult) -> Iterator[tuple[MeasurementDefinition, Side | None, Result]]:
    """Yield every result of the sides that were measured, with its definition and side (None for measurements of both hips)."""
    for definition in MEASUREMENTS:
        if definition.compute is None:
            yield definition, None, study.paired[definition.id]
        else:
            for side, hip in study.hips.items():
                yield definition, side, hip.results[definition.id]


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


def lacking_structures(found: Iterable[Structure]) -> list[str]:
    """Say which structures are missing among those found, and what cannot be measured for that; one sentence each."""
    have = {(structure.id, side) for structure in found for side in ((structure.side,) if structure.side else Side)}
    said = []
    for side in (Side.RIGHT, Side.LEFT):
        bones = [key for key in ("hip", "femur") if (key, side) not in have]
        if bones:
            names = " and no ".join(Structure(key, side).title.lower() for key in bones)
            said.append(f"No {names}: nothing is measured on the {side.value} side.")
        elif ("hamstring", side) not in have:
            said.append(f"No {Structure('hamstring', side).title.lower()}: the {side.value} quadratus femoris space needs its landmark, placed by hand.")
        elif ("iliopsoas", side) not in have:
            said.append(f"No {Structure('iliopsoas', side).title.lower()}: the {side.value} quadratus femoris space is measured to the lesser trochanter.")
    return said


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
            result[side][key] = cropped(Mask(part, mask.grid, mask.cut))


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
    study = PreparedStudy(segmentation, structures, volume, sides, subject, progress).measure(person, progress=progress)
    refuse_without_trochanter(study)
    return study


@dataclass
class _Bones:
    """One side as its segments show it, before any person has touched a landmark (side frame but for ``masks``)."""

    side: Side
    masks: dict[str, Mask]
    turned: dict[str, Mask]
    found: Found
    fields: dict[str, BoneField]
    placed: tuple[dict[str, tuple[float, float, float]], Found] | None = None
    """What followed last from landmarks that a person had moved, and those."""


class PreparedStudy:
    """A study whose bones have been read, checked and searched once; :meth:`measure` is then quick.

    :param sides: the sides to measure; one that has no bones is told in the result, unless it was the only one asked for.
    :raises IFIMeasureError: where the input contradicts itself, or no side has bones; one sentence.
    """

    def __init__(
        self,
        segmentation: Segmentation,
        structures: dict[Structure, list[SegmentRef]],
        volume: Volume | None = None,
        sides: tuple[Side, ...] = (Side.RIGHT, Side.LEFT),
        subject: Subject | None = None,
        progress: Progress | None = None,
    ) -> None:
        say = progress or (lambda text: None)
        self.segmentation, self.structures, self.volume = segmentation, structures, volume
        self.subject = subject or Subject()
        self.notes = list(segmentation.notes)
        if volume is not None:
            note = check_match(volume.grid, segmentation.grid, segmentation.path)
            if note:
                self.notes.append(note)
        say("reading the structures")
        masks = _masks_by_side(segmentation, structures)
        _check_sides(masks, segmentation.path)
        self.absent: dict[Side, str] = {}
        for side in sides:
            lacking = [key for key in ("hip", "femur") if key not in masks[side]]
            if lacking:
                have = ", ".join(sorted(f"{k}_{s.value}" for s in Side for k in masks[s])) or "nothing"
                self.absent[side] = f"there is no {' and no '.join(f'{key}_{side.value}' for key in lacking)} in the segmentation; present are {have}."
        if len(self.absent) == len(sides):
            raise IFIMeasureError(f"{segmentation.path}: {' '.join(self.absent.values())}")
        self.bones: dict[Side, _Bones] = {}
        for side in sides:
            if side not in self.absent:
                say(f"placing the landmarks of the {side.value} side")
                turned = {key: side_frame(mask, side) for key, mask in masks[side].items()}
                found = Found()
                femur = find_on_femur(turned["femur"], found)
                hip = find_on_hip_bone(turned["hip"], found)
                self.bones[side] = _Bones(side, masks[side], turned, found, {"femur": femur, "hip": hip})
        self._spaces: dict[Side, tuple[object, _Spaces]] = {}
        self._muscles: dict[Side, tuple[object, MuscleNumbers]] = {}
        self._muscle_notes: dict[Side, str] = {}
        self._origins: dict[Side, MuscleOrigin] = {}
        self.findings: Findings = {}
        self.date = iso_date(volume.tags.get("StudyDate", "")) if volume is not None else ""
        self.images: MuscleImages | None = None

    def measure(self, person: dict[Side, LandmarkSet] | None = None, draft: bool = False, progress: Progress | None = None, fill: bool = True) -> StudyResult:
        """Take every measurement with the landmarks as they are.

        :param person: landmarks that a person placed; they win, point by point.
        :param fill: whether what ``person`` has not placed is placed automatically; without it, it stays unplaced
            and what needs it is not measurable.
        :param draft: whether the spaces may be read from the coarse surfaces (some tenths of a millimeter off, but
            quick enough to follow a point that is being dragged).
        """
        say = progress or (lambda text: None)
        placed = {side: _place(bones, (person or {}).get(side), fill) for side, bones in self.bones.items()}
        heads = {side: to_ras(bones.found.points["femoral_head_center"], side) for side, bones in self.bones.items() if "femoral_head_center" in bones.found.points}
        _refuse_other_side({side: landmarks for side, (landmarks, _) in placed.items()}, heads)
        frame, frame_name = _pelvis_frame({side: landmarks for side, (landmarks, _) in placed.items()})
        data: dict[Side, HipData] = {}
        for side, bones in self.bones.items():
            say(f"measuring the {side.value} side")
            landmarks, found = placed[side]
            hip = HipData(
                side, dict(landmarks), {}, bones.fields, found.head_radius_mm, self.subject, frame, frame_name,
                source=f"segmentation {self.segmentation.path.name}", notes=_thick(self.segmentation.grid),
            )  # fmt: skip
            key = _what_spaces_hang_on(landmarks)
            known = self._spaces.get(side)
            if known is not None and known[0] == key:
                spaces = known[1]
            else:
                spaces = _measure_spaces(bones, landmarks, self.segmentation.grid, draft)
                if not draft:
                    self._spaces[side] = (key, spaces)
            hip.spaces = spaces.by_name
            if "quadratus_femoris" in bones.masks or "gemelli_quadratus_femoris" in bones.masks:
                hip.muscle = self._muscle(bones, landmarks, spaces, draft)
            _add_derived(hip, bones.turned, spaces.iliopsoas_point, frozenset() if fill else _unplaced((person or {}).get(side)))
            data[side] = hip
        hips = {side: HipResult(side, d.landmarks, d.spaces, measure_hip(d), self.bones[side].masks) for side, d in data.items()}
        muscles = {side: d.muscle for side, d in data.items() if {"quadratus_femoris", "gemelli_quadratus_femoris"} & self.bones[side].masks.keys()}
        return StudyResult(
            hips, measure_pair(data), self.absent, self.subject, self.segmentation, self.structures, self.volume, [*self.notes, *self._muscle_notes.values()], draft,
            self.images, muscles, {side: self._origins.get(side, "segment") for side in muscles}, self.findings, self.date,
        )  # fmt: skip

    def _muscle(self, bones: _Bones, landmarks: LandmarkSet, spaces: _Spaces, draft: bool) -> MuscleNumbers | NotMeasurable:
        """Numbers of one side's muscle; while a point is dragged those from before."""
        ifs = spaces.by_name["ifs"]
        level = ifs.axial.level_mm if isinstance(ifs, Space) and ifs.axial is not None else None
        places = [position(landmarks, key) for key in CORNERS]
        corners = np.array([place for place in places if place is not None])
        key = (level, corners.tobytes())
        known = self._muscles.get(bones.side)
        if known is not None and (draft or known[0] == key):
            return known[1]
        whole = corners if len(corners) == len(CORNERS) else None
        mask = bones.masks.get("quadratus_femoris")
        split: tuple[str, ...] = ()
        if mask is None:
            joint = bones.masks["gemelli_quadratus_femoris"]
            if whole is None:
                return NotMeasurable(
                    "the segment joins the quadratus femoris with the gemelli, and its corners, which would part them, are not all placed.", ("quadratus_femoris",)
                )
            try:
                mask = split_joint(joint, whole, bones.found.head_radius_mm or ADULT_HEAD_RADIUS_MM)
            except IFIMeasureError as error:
                return NotMeasurable(str(error))
            split = ("split from a segment that joins it with the gemelli, at a plane from the landmarks of the bones",)
        numbers = muscle_numbers(mask, whole, level)
        numbers = replace(numbers, notes=(*split, *numbers.notes))
        levels = None
        if self.volume is not None and whole is not None:
            with contextlib.suppress(IFIMeasureError):  # the image does not show the muscle: no volume by its signal, no estimate of fat
                region = muscle_region(self.volume, landmarks, _others(bones), bones.side)
                levels = signal_levels(region, bones.masks["femur"])
                if mask is bones.masks.get("quadratus_femoris"):
                    numbers = replace(numbers, partial_volume_ml=_partial_volume(region, levels, mask))
        if self.images is not None:
            of_t1 = levels if self.images.t1 is not None else None
            numbers = with_images(numbers, mask, self.images, of_t1, bones.masks.get("reference_muscle"), bones.masks["femur"])
        self._muscles[bones.side] = (key, numbers)
        return numbers

    def examined(self, side: Side, landmarks: LandmarkSet, strokes: Strokes | None = None) -> Examined:
        """Return one side as it is segmented together with other examinations.

        :raises IFIMeasureError: where there is no image.
        """
        if self.volume is None:
            raise IFIMeasureError(f"{self.segmentation.path}: there is no image to find the muscle in.")
        return Examined(self.volume, landmarks, _others(self.bones[side]), side, strokes)

    def set_muscle(self, side: Side, mask: Mask, origin: MuscleOrigin) -> None:
        """Take a mask as the quadratus femoris of a side from now on, brought onto the segmentation's grid where it lies on another."""
        if self.volume is not None and self.segmentation.grid.difference(self.volume.grid):
            mask = on_grid(mask, self.segmentation.grid)
        bones = self.bones[side]
        bones.masks["quadratus_femoris"], bones.turned["quadratus_femoris"] = mask, side_frame(mask, side)
        self.structures.setdefault(Structure("quadratus_femoris", side), [])
        self._muscles.pop(side, None)
        self._origins[side] = origin

    def segment_muscles(self, landmarks: dict[Side, LandmarkSet], strokes: Strokes | None = None, anew: Collection[Side] = ()) -> tuple[dict[Side, MuscleOrigin], dict[Side, str]]:
        """Segment the quadratus femoris of each side that has none; fill one that was drawn on some slices only.

        What was made or failed is told in the notes of the next :meth:`measure`, too. Where it fails, what is there stays.

        :param landmarks: final landmarks of each side, from :meth:`measure`.
        :param anew: sides whose segment is to be found in the image again, whatever is there.
        :returns: where the muscle of each side on which something was made came from, and why it failed on others.
        """
        made: dict[Side, MuscleOrigin] = {}
        failed: dict[Side, str] = {}
        for side, bones in self.bones.items():
            known = None if side in anew else bones.masks.get("quadratus_femoris")
            note = ""
            if known is not None:
                axis = self.segmentation.grid.slice_axis
                drawn = np.flatnonzero(known.array.any(axis=tuple(a for a in range(3) if a != axis)))
                of = int(drawn[-1] - drawn[0]) + 1
                if len(drawn) == of:
                    continue
                mask = fill_between(known, axis)
                note = f"the {side.value} quadratus femoris was drawn on {len(drawn)} of {of} slices; those between were filled by the shapes beside them"
            else:
                try:
                    e = self.examined(side, landmarks[side], strokes)
                    mask = segment_muscle(e.volume, e.landmarks, e.others, side, strokes)
                    if self.segmentation.grid.difference(e.volume.grid):
                        note = f"the {side.value} quadratus femoris was brought onto the segmentation's grid"
                except IFIMeasureError as error:
                    failed[side] = str(error)
                    self._muscle_notes[side] = f"{side.value} quadratus femoris: {error}"
                    continue
            made[side] = "image" if known is None else "drawn slices"
            self.set_muscle(side, mask, made[side])
            self._muscle_notes.pop(side, None)
            if note:
                self._muscle_notes[side] = note
        return made, failed

    def snap(self, side: Side, landmark_id: str, place_ras_mm: Array, within_mm: float = 8.0) -> Array | None:
        """Return the point of its structure's surface nearest to a place, RAS millimeter.

        None for landmarks that lie inside bone, where the structure has no segment, or no surface is within reach.
        """
        definition = landmark_definitions()[landmark_id]
        bones = self.bones.get(side)
        if bones is None or not definition.surface or definition.on not in bones.turned:
            return None
        mask, place = bones.turned[definition.on], to_ras(place_ras_mm, side)
        patch = refined_patch(mask.array, mask.grid, place - within_mm, place + within_mm)
        points = np.zeros((0, 3)) if patch is None else patch.surface_points()
        if not len(points):
            return None
        distance = np.linalg.norm(points - place, axis=1)
        return to_ras(points[distance.argmin()], side) if distance.min() <= within_mm else None


def segment_muscles_together(examinations: list[PreparedStudy], placed: list[dict[Side, LandmarkSet]], sides: Iterable[Side], progress: Progress | None = None) -> None:
    """Find the quadratus femoris of several examinations of one person together; see :func:`.registration.segment_together`.

    :param examinations: in the order of their dates; each takes the muscles that are found as its own.
    :param placed: final landmarks of each, from :meth:`PreparedStudy.measure`.
    :raises IFIMeasureError: where one has no image or no muscle, or the bones do not fit each other; then nothing has changed.
    """
    found = []
    for side in sides:
        if progress is not None:
            progress(f"finding the {side.value} quadratus femoris in all examinations")
        found.append((side, segment_together([e.examined(side, landmarks[side]) for e, landmarks in zip(examinations, placed)])))
    for side, masks in found:
        for examination, mask in zip(examinations, masks):
            examination.set_muscle(side, mask, "image, with other examinations")


def measure_landmarks(landmarks: dict[Side, LandmarkSet], subject: Subject | None = None) -> StudyResult:
    """Take what can be taken from landmarks alone, without any segmentation: angles and lengths, no spaces.

    :param landmarks: of one or both sides, RAS millimeter.
    """
    heads = {side: head for side, points in landmarks.items() if (head := position(points, "femoral_head_center")) is not None}
    _refuse_other_side(landmarks, heads)
    frame, frame_name = _pelvis_frame(landmarks)
    reason = NotMeasurable("there is no segmentation of the bones; a space is measured between their surfaces.", ("hip", "femur"))
    about = subject or Subject()
    data = {side: HipData(side, dict(points), {"ifs": reason, "qfs": reason}, {}, None, about, frame, frame_name) for side, points in landmarks.items()}
    hips = {side: HipResult(side, d.landmarks, d.spaces, measure_hip(d)) for side, d in data.items()}
    return StudyResult(hips, measure_pair(data), {}, about, None, {}, None, [])


def _partial_volume(region: MuscleRegion, levels: Levels, mask: Mask) -> float | None:
    """Volume of a muscle by its signal, milliliter; None where the image shows a part of it only."""
    inside = resampled(mask, region.grid)
    whole = inside.sum() * region.grid.voxel_mm3 / (mask.array.sum() * mask.grid.voxel_mm3)
    return partial_volume_ml(region, levels, inside) if 0.9 < whole < 1.1 else None


def _others(bones: _Bones) -> dict[str, Mask]:
    """Structures of a side that are not the muscle, by id."""
    return {key: mask for key, mask in bones.masks.items() if key in ("hip", "femur", "hamstring", "iliopsoas")}


def _what_spaces_hang_on(landmarks: LandmarkSet) -> object:
    return tuple(landmarks[key] for key in ("lesser_trochanter_tip", "femoral_head_center", "hamstring_tendon_superolateral", "iliopsoas_tendon_posteromedial"))


def _unplaced(person: LandmarkSet | None) -> frozenset[str]:
    landmarks = person or empty_landmarks()
    return frozenset(key for key, landmark in landmarks.items() if landmark.state is LandmarkState.NOT_PLACED)


def _place(bones: _Bones, person: LandmarkSet | None, fill: bool) -> tuple[LandmarkSet, Found]:
    """Final landmarks of one side: a person's where there are some, else those found; what hangs on them follows."""
    moved = {
        key: place
        for key in ("lesser_trochanter_tip", "ischial_tuberosity_lowest")
        if person is not None and person[key].state is LandmarkState.MANUAL and (place := person[key].position_ras_mm) is not None
    }
    if bones.placed is None or bones.placed[0] != moved:
        found = replace(bones.found, points=dict(bones.found.points), missing=dict(bones.found.missing))
        for key, place in moved.items():
            found.points[key] = to_ras(np.array(place), bones.side)
            found.missing.pop(key, None)
        place_attachments(bones.fields["femur"], bones.fields["hip"], found)
        bones.placed = (moved, found)
    found = bones.placed[1]
    automatic = empty_landmarks()
    for key in automatic:
        if key in found.points:
            automatic[key] = Landmark(LandmarkState.AUTOMATIC, point3(to_ras(found.points[key], bones.side)))
        elif key in found.missing:
            automatic[key] = Landmark(LandmarkState.MISSING, None, found.missing[key])
    landmarks = merge(automatic, person) if person else automatic
    if not fill:
        landmarks.update(dict.fromkeys(_unplaced(person), NOT_PLACED))
    return landmarks, found


def _refuse_other_side(landmarks: dict[Side, LandmarkSet], heads: dict[Side, Array]) -> None:
    """Refuse landmarks that a person has placed on the other hip: they would give numbers that look like any others.

    :param heads: centers of the femoral heads, RAS millimeter; nothing is refused where one is not known.
    """
    if len(heads) < 2:
        return
    if heads[Side.RIGHT][0] <= heads[Side.LEFT][0]:
        raise IFIMeasureError("left and right are swapped: the right femoral head center lies to the patient's left of the other, or on it; place them again.")
    for side, points in landmarks.items():
        for key, landmark in points.items():
            place = position(points, key)
            if landmark.state is LandmarkState.MANUAL and place is not None and np.linalg.norm(place - heads[side]) > np.linalg.norm(place - heads[side.other]):
                raise IFIMeasureError(f"{landmark_label(side, key)}: it was placed on the {side.other.value} hip; place it again, or mark it as missing.")


def refuse_without_trochanter(study: StudyResult) -> None:
    """Refuse a study in which no side shows a lesser trochanter.

    :raises IFIMeasureError: with the reason of each side.
    """
    reasons = []
    for side, hip in study.hips.items():
        tip = hip.landmarks["lesser_trochanter_tip"]
        if tip.position_ras_mm is not None:
            return
        reasons.append(f"{side.value} side: {tip.reason.rstrip('.')}")
    raise IFIMeasureError(
        f"{study.bones.path}: no lesser trochanter was found, so no space can be measured ({'; '.join(reasons)}); "
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


@dataclass(frozen=True)
class _Spaces:
    """Both spaces of one side, and the point of the iliopsoas tendon that faces the hamstring tendon (side frame)."""

    by_name: dict[str, Space | NotMeasurable]
    iliopsoas_point: Array | None = None


def _measure_spaces(bones: _Bones, landmarks: LandmarkSet, grid: Grid, draft: bool) -> _Spaces:
    side, radius = bones.side, bones.found.head_radius_mm
    tip = position(landmarks, "lesser_trochanter_tip")
    if tip is None:
        reason = NotMeasurable(f"Lesser trochanter tip is missing: {landmarks['lesser_trochanter_tip'].reason or 'not placed yet.'}", ("lesser_trochanter_tip",))
        return _Spaces({"ifs": reason, "qfs": reason})
    tip = to_ras(tip, side)
    levels, acquired = axial_levels(grid, tip, radius)
    if not levels:
        reason = NotMeasurable("no slice passes through the lesser trochanter.")
        return _Spaces({"ifs": reason, "qfs": reason})
    belongs = lesser_trochanter_region(tip, radius)
    head = position(landmarks, "femoral_head_center")
    ischium = None if head is None else ischium_region(to_ras(head, side), radius)
    draft_at = tip if draft else None
    ifs: Space | NotMeasurable = _between(bones, [("hip", ischium)], [("femur", belongs)], levels, acquired, draft_at)
    if isinstance(ifs, Space) and ifs.axial is None and (2, -1) in bones.turned["hip"].cut:
        ifs = NotMeasurable("the field of view ends above the ischium at the level of the lesser trochanter.", ("ischial_tuberosity_lateral",))
    qfs = _quadratus_space(bones, landmarks, levels, acquired, belongs, draft_at)
    point = None
    if isinstance(qfs, Space) and qfs.axial is not None and {"hamstring", "iliopsoas"} <= bones.turned.keys():
        tendons = _between(bones, [("hamstring", None)], [("iliopsoas", None)], [(qfs.axial.level_mm, qfs.axial.slice_number)], True, draft_at)
        point = tendons.axial.lateral_point if tendons.axial is not None else None
    return _Spaces({"ifs": ifs, "qfs": qfs}, point)


_Structures = list[tuple[str, Union[Region, None]]]


def _between(bones: _Bones, medial: _Structures, lateral: _Structures, levels: list[tuple[float, int | None]], acquired: bool, draft_at: Array | None) -> Space:
    """The space between structures: from refined surfaces, or (a draft around a point) from the coarse ones that placement searched."""
    if draft_at is None:
        return measure_space([(bones.turned[k], r) for k, r in medial], [(bones.turned[k], r) for k, r in lateral], levels, acquired)
    for key, _ in (*medial, *lateral):
        if key not in bones.fields:
            bones.fields[key] = BoneField(bones.turned[key])
    return coarse_space([(bones.fields[k], r) for k, r in medial], [(bones.fields[k], r) for k, r in lateral], levels, acquired, draft_at)


def _thick(grid: Grid) -> tuple[str, ...]:
    step = float(grid.spacing.max())
    if step <= 3.0:
        return ()
    return (f"slices are {step:.3g} mm apart: the smallest space may lie between two slices",)


def _quadratus_space(
    bones: _Bones, landmarks: LandmarkSet, levels: list[tuple[float, int | None]], acquired: bool, belongs: Region, draft_at: Array | None
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
            "there is neither a segment of the hamstring tendon nor its landmark; segment it, or place the landmark by hand.",
            ("hamstring", "hamstring_tendon_superolateral"),
        )
    medial = to_ras(place, bones.side)
    other = position(landmarks, "iliopsoas_tendon_posteromedial")
    level = float(medial[2])
    if other is not None:
        lateral_point = to_ras(other, bones.side)
        apart = abs(float(lateral_point[2] - level))
        step = float(bones.masks["femur"].grid.spacing[2])
        if apart > max(0.5 * step, 1.0):
            return NotMeasurable(f"the landmarks of hamstring and iliopsoas tendon lie {apart:.1f} mm apart along the body; place both on one axial slice.")
        length = float(np.linalg.norm((medial - lateral_point)[:2]))
        profile = ProfilePoint(level, None, length, medial, lateral_point)
        return Space((profile,), profile, float(np.linalg.norm(medial - lateral_point)), (medial, lateral_point), False, False)
    femur = bones.turned["femur"]
    reach = np.array([60.0, 60.0, 12.0])
    patch = refined_patch(femur.array, femur.grid, medial - reach, medial + reach)
    lines = np.zeros((0, 2, 3)) if patch is None else patch.section(level)
    lines = lines[belongs(lines).any(1)] if len(lines) else lines
    pair = closest_on_segments(medial[None], lines)
    if pair is None:
        return NotMeasurable("the landmark of the hamstring tendon does not lie on a slice through the lesser trochanter; place it there.")
    profile = ProfilePoint(level, None, pair[0], medial, pair[2])
    return Space((profile,), profile, pair[0], (medial, pair[2]), False, False)


def _add_derived(data: HipData, turned: dict[str, Mask], iliopsoas_point: Array | None, leave: frozenset[str]) -> None:
    """Place the landmarks that follow from the spaces, where no person placed them; ``leave`` stay unplaced."""

    def put(key: str, point: Array | None, reason: str) -> None:
        if key in leave:
            return
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
        put("iliopsoas_tendon_posteromedial", iliopsoas_point, "the iliopsoas tendon is not on the slice of the quadratus femoris space.")
    else:
        put("iliopsoas_tendon_posteromedial", None, no_tendon)
    for key, definition in landmark_definitions().items():
        if data.landmarks[key].state is LandmarkState.NOT_PLACED and key not in leave:
            data.landmarks[key] = Landmark(LandmarkState.MISSING, None, f"no {definition.on} was found to place it on.")
