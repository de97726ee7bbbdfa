"""One hip study from its segmentation to its results: the work behind ``ifimeasure measure`` and the module's Logic."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from ..anatomy.findings import Findings
from ..anatomy.landmarks import LandmarkSet, landmark_definitions, position
from ..anatomy.reference_values import Subject
from ..anatomy.regions import ADULT_HEAD_RADIUS_MM
from ..anatomy.structures import Structure
from ..images.frames import SideFrame
from ..images.masks import Mask, Segmentation, SegmentRef, Volume
from ..images.surface import refined_patch
from ..measuring.definition import HipData
from ..measuring.evaluation import measure_hip, measure_pair
from ..measuring.spaces import Space
from ..muscle.composition import with_images
from ..muscle.images import MuscleImages
from ..muscle.masks import fill_between, on_grid, resampled, split_joint
from ..muscle.numbers import MuscleNumbers, muscle_numbers
from ..muscle.plate import CORNERS
from ..muscle.region import SearchRegion, muscle_region
from ..muscle.segment import segment_muscle
from ..muscle.signal import Levels, partial_volume_ml, signal_levels
from ..muscle.strokes import Strokes
from ..muscle.together import MuscleInput, segment_together
from ..placement.femur import find_on_femur
from ..placement.hip_bone import find_on_hip_bone
from ..placement.placement import Placement
from ..values import Array, IFIMeasureError, NotMeasurable, Side, iso_date
from .placing import pelvis_frame, place_landmarks, refuse_other_side, unplaced
from .provenance import MuscleOrigin, Provenance
from .result import HipResult, Progress, StudyResult, refuse_without_trochanter
from .spaces_of_hip import Bones, HipSpaces, add_derived, measure_spaces, thick_slices_note, what_spaces_hang_on
from .structures import check_match, check_sides, masks_by_side


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


class PreparedStudy:
    """A study whose bones have been read, checked and searched once; :meth:`measure` is then quick.

    :param sides: the sides to measure; one that has no bones is told in the result, unless it was the only one asked for.
    :param provenance: of the inputs, where more is known than they tell by themselves (:meth:`.Provenance.of`): options,
        or what a study that was measured before says of its first inputs.
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
        provenance: Provenance | None = None,
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
        masks = masks_by_side(segmentation, structures)
        check_sides(masks, segmentation.path)
        self.absent: dict[Side, str] = {}
        for side in sides:
            lacking = [key for key in ("hip", "femur") if key not in masks[side]]
            if lacking:
                have = ", ".join(sorted(f"{k}_{s.value}" for s in Side for k in masks[s])) or "nothing"
                self.absent[side] = (
                    f"there is no {' and no '.join(f'{key}_{side.value}' for key in lacking)} in the segmentation; present are {have}."
                )
        if len(self.absent) == len(sides):
            raise IFIMeasureError(f"{segmentation.path}: {' '.join(self.absent.values())}")
        self.bones: dict[Side, Bones] = {}
        for side in sides:
            if side not in self.absent:
                say(f"placing the landmarks of the {side.value} side")
                turned = {key: SideFrame(side).mask_to_side(mask) for key, mask in masks[side].items()}
                found = Placement()
                femur = find_on_femur(turned["femur"], found)
                hip = find_on_hip_bone(turned["hip"], found)
                self.bones[side] = Bones(side, masks[side], turned, found, {"femur": femur, "hip": hip})
        self._spaces: dict[Side, tuple[object, HipSpaces]] = {}
        self._muscles: dict[Side, tuple[object, MuscleNumbers]] = {}
        self._muscle_notes: dict[Side, str] = {}
        self.provenance = provenance or Provenance.of(segmentation, structures, volume)
        self.findings: Findings = {}
        self.date = iso_date(volume.tags.get("StudyDate", "")) if volume is not None else ""
        self.images: MuscleImages | None = None

    def copied(self) -> PreparedStudy:
        """Return the same study once more: what changes in it from now on (a muscle) does not change in this one."""
        other = copy.copy(self)
        other.structures, other.notes = dict(self.structures), list(self.notes)
        other.bones = {
            side: replace(bones, masks=dict(bones.masks), turned=dict(bones.turned), fields=dict(bones.fields))
            for side, bones in self.bones.items()
        }
        other._spaces, other._muscles = dict(self._spaces), dict(self._muscles)
        other._muscle_notes = dict(self._muscle_notes)
        return other

    def measure(
        self,
        person: dict[Side, LandmarkSet] | None = None,
        draft: bool = False,
        progress: Progress | None = None,
        fill: bool = True,
    ) -> StudyResult:
        """Take every measurement with the landmarks as they are.

        :param person: landmarks that a person placed; they win, point by point.
        :param fill: whether what ``person`` has not placed is placed automatically; without it, it stays unplaced
            and what needs it is not measurable.
        :param draft: whether the spaces may be read from the coarse surfaces (some tenths of a millimeter off, but
            quick enough to follow a point that is being dragged).
        """
        say = progress or (lambda text: None)
        placed = {side: place_landmarks(bones, (person or {}).get(side), fill) for side, bones in self.bones.items()}
        heads = {
            side: SideFrame(side).to_ras(bones.found.points["femoral_head_center"])
            for side, bones in self.bones.items()
            if "femoral_head_center" in bones.found.points
        }
        refuse_other_side({side: landmarks for side, (landmarks, _) in placed.items()}, heads)
        frame, frame_name = pelvis_frame({side: landmarks for side, (landmarks, _) in placed.items()})
        data: dict[Side, HipData] = {}
        for side, bones in self.bones.items():
            say(f"measuring the {side.value} side")
            landmarks, found = placed[side]
            hip = HipData(
                side, dict(landmarks), {}, bones.fields, found.head_radius_mm, self.subject, frame, frame_name,
                source=f"segmentation {self.provenance.name_of('segmentation') or self.segmentation.path.name}", notes=thick_slices_note(self.segmentation.grid),
            )  # fmt: skip
            key = what_spaces_hang_on(landmarks)
            known = self._spaces.get(side)
            if known is not None and known[0] == key:
                spaces = known[1]
            else:
                spaces = measure_spaces(bones, landmarks, self.segmentation.grid, draft)
                if not draft:
                    self._spaces[side] = (key, spaces)
            hip.spaces = spaces.by_name
            if "quadratus_femoris" in bones.masks or "gemelli_quadratus_femoris" in bones.masks:
                hip.muscle = self._muscle(bones, landmarks, spaces, draft)
            add_derived(
                hip, bones.turned, spaces.iliopsoas_point, frozenset() if fill else unplaced((person or {}).get(side))
            )
            data[side] = hip
        measured = {side: measure_hip(d) for side, d in data.items()}
        hips = {
            side: HipResult(side, d.landmarks, d.spaces, measured[side], self.bones[side].masks)
            for side, d in data.items()
        }
        muscles = {
            side: d.muscle
            for side, d in data.items()
            if {"quadratus_femoris", "gemelli_quadratus_femoris"} & self.bones[side].masks.keys()
        }
        return StudyResult(
            hips, measure_pair(data, measured), self.absent, self.subject, self.segmentation, self.structures, self.volume, [*self.notes, *self._muscle_notes.values()], draft,
            self.images, muscles, self._provenance(muscles), self.findings, self.date,
        )  # fmt: skip

    def _provenance(self, sides: Iterable[Side]) -> Provenance:
        """Of results that were just measured, with the muscles of these sides."""
        known = self.provenance.muscle_origins
        origins: dict[Side, MuscleOrigin] = {side: known.get(side, "segment") for side in sides}
        return replace(self.provenance, muscle_origins=origins).now()

    def _muscle(
        self, bones: Bones, landmarks: LandmarkSet, spaces: HipSpaces, draft: bool
    ) -> MuscleNumbers | NotMeasurable:
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
                    "the segment joins the quadratus femoris with the gemelli, and its corners, which would part them, are not all placed.",
                    ("quadratus_femoris",),
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
            with contextlib.suppress(
                IFIMeasureError
            ):  # the image does not show the muscle: no volume by its signal, no estimate of fat
                region = muscle_region(self.volume, landmarks, _others(bones), bones.side)
                levels = signal_levels(region, bones.masks["femur"])
                if mask is bones.masks.get("quadratus_femoris"):
                    numbers = replace(numbers, partial_volume_ml=_partial_volume(region, levels, mask))
        if self.images is not None:
            of_t1 = levels if self.images.t1 is not None else None
            numbers = with_images(
                numbers, mask, self.images, of_t1, bones.masks.get("reference_muscle"), bones.masks["femur"]
            )
        self._muscles[bones.side] = (key, numbers)
        return numbers

    def muscle_input(self, side: Side, landmarks: LandmarkSet, strokes: Strokes | None = None) -> MuscleInput:
        """Return what the muscle of one side is found from in this examination.

        :raises IFIMeasureError: where there is no image.
        """
        if self.volume is None:
            raise IFIMeasureError(f"{self.segmentation.path}: there is no image to find the muscle in.")
        return MuscleInput(self.volume, landmarks, _others(self.bones[side]), side, strokes)

    def set_muscle(self, side: Side, mask: Mask, origin: MuscleOrigin) -> None:
        """Take a mask as the quadratus femoris of a side from now on, brought onto the segmentation's grid where it lies on another."""
        if self.volume is not None and self.segmentation.grid.difference(self.volume.grid):
            mask = on_grid(mask, self.segmentation.grid)
        bones = self.bones[side]
        bones.masks["quadratus_femoris"] = mask
        bones.turned["quadratus_femoris"] = SideFrame(side).mask_to_side(mask)
        self.structures.setdefault(Structure("quadratus_femoris", side), [])
        self._muscles.pop(side, None)
        self.provenance = self.provenance.with_muscle(side, origin)

    def segment_muscles(
        self, landmarks: dict[Side, LandmarkSet], strokes: Strokes | None = None, anew: Collection[Side] = ()
    ) -> tuple[dict[Side, MuscleOrigin], dict[Side, str]]:
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
                    e = self.muscle_input(side, landmarks[side], strokes)
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
        frame = SideFrame(side)
        mask_side, place_side = bones.turned[definition.on], frame.to_side(place_ras_mm)
        patch = refined_patch(mask_side.array, mask_side.grid, place_side - within_mm, place_side + within_mm)
        points_side = np.zeros((0, 3)) if patch is None else patch.surface_points()
        if not len(points_side):
            return None
        distance = np.linalg.norm(points_side - place_side, axis=1)
        return frame.to_ras(points_side[distance.argmin()]) if distance.min() <= within_mm else None


def segment_muscles_together(
    examinations: list[PreparedStudy],
    placed: list[dict[Side, LandmarkSet]],
    sides: Iterable[Side],
    progress: Progress | None = None,
) -> None:
    """Find the quadratus femoris of several examinations of one person together; see :func:`.together.segment_together`.

    :param examinations: in the order of their dates; each takes the muscles that are found as its own.
    :param placed: final landmarks of each, from :meth:`PreparedStudy.measure`.
    :raises IFIMeasureError: where one has no image or no muscle, or the bones do not fit each other; then nothing has changed.
    """
    found = []
    for side in sides:
        if progress is not None:
            progress(f"finding the {side.value} quadratus femoris in all examinations")
        inputs = [e.muscle_input(side, landmarks[side]) for e, landmarks in zip(examinations, placed)]
        found.append((side, segment_together(inputs)))
    for side, masks in found:
        for examination, mask in zip(examinations, masks):
            examination.set_muscle(side, mask, "image, with other examinations")


def measure_landmarks(landmarks: dict[Side, LandmarkSet], subject: Subject | None = None) -> StudyResult:
    """Take what can be taken from landmarks alone, without any segmentation: angles and lengths, no spaces.

    :param landmarks: of one or both sides, RAS millimeter.
    """
    heads = {
        side: head
        for side, points in landmarks.items()
        if (head := position(points, "femoral_head_center")) is not None
    }
    refuse_other_side(landmarks, heads)
    frame, frame_name = pelvis_frame(landmarks)
    reason = NotMeasurable(
        "there is no segmentation of the bones; a space is measured between their surfaces.", ("hip", "femur")
    )
    about = subject or Subject()
    data = {
        side: HipData(side, dict(points), {"ifs": reason, "qfs": reason}, {}, None, about, frame, frame_name)
        for side, points in landmarks.items()
    }
    measured = {side: measure_hip(d) for side, d in data.items()}
    hips = {side: HipResult(side, d.landmarks, d.spaces, measured[side]) for side, d in data.items()}
    return StudyResult(hips, measure_pair(data, measured), {}, about, None, {}, None, [])


def _partial_volume(region: SearchRegion, levels: Levels, mask: Mask) -> float | None:
    """Volume of a muscle by its signal, milliliter; None where the image shows a part of it only."""
    inside = resampled(mask, region.grid)
    whole = inside.sum() * region.grid.voxel_mm3 / (mask.array.sum() * mask.grid.voxel_mm3)
    return partial_volume_ml(region, levels, inside) if 0.9 < whole < 1.1 else None


def _others(bones: Bones) -> dict[str, Mask]:
    """Structures of a side that are not the muscle, by id."""
    return {key: mask for key, mask in bones.masks.items() if key in ("hip", "femur", "hamstring", "iliopsoas")}
