"""One hip study from its segmentation to its results: the work behind ``ifimeasure measure`` and the module's Logic."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import numpy as np

from ..anatomy.findings import Findings
from ..anatomy.landmarks import LandmarkSet, landmark_definitions, position
from ..anatomy.reference_values import Subject
from ..anatomy.structures import Structure
from ..images.grid import Grid
from ..images.masks import Mask, Segmentation, SegmentRef, Volume, snapped
from ..images.surface import refined_patch
from ..measuring.definition import HipData
from ..measuring.evaluation import measure_hip, measure_pair
from ..measuring.spaces import Space
from ..muscle.images import MuscleImages
from ..muscle.masks import on_grid
from ..muscle.numbers import MuscleNumbers
from ..muscle.strokes import Strokes
from ..muscle.together import MuscleInput, segment_together
from ..placement.plausible import HEAD_DIAMETERS_MM
from ..values import Array, IFIMeasureError, NotMeasurable, Side, iso_date
from .bones import Bones
from .contrast import contrast_notes
from .muscle_of_hip import MadeMuscle, filled_muscle, found_muscle, muscle_corners_placed, numbers_of_hip
from .placing import pelvis_frame, place_landmarks, refuse_far, refuse_other_side, refuse_upside_down, unplaced
from .provenance import FOUND_IN_IMAGE, MuscleOrigin, Provenance
from .result import HipResult, Progress, StudyResult, refuse_without_trochanter
from .same_place import place_notes, refuse_other_frame
from .spaces_of_hip import HipSpaces, add_derived, measure_spaces, thick_slices_note, what_spaces_hang_on
from .structures import check_sides, masks_by_side


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
    :param sides: the sides to measure; one that has no bones is told in the result, unless it was the only one asked
        for.
    :raises IFIMeasureError: where the input contradicts itself, or no side can be measured; one sentence.
    """
    prepared = PreparedStudy(segmentation, structures, volume=volume, sides=sides, subject=subject, progress=progress)
    study = prepared.measure(person, progress=progress)
    refuse_without_trochanter(study)
    return study


class PreparedStudy:
    """A study whose bones have been read, checked and searched once; :meth:`measure` is then quick.

    :param sides: the sides to measure; one that has no bones is told in the result, unless it was the only one asked
        for.
    :param provenance: of the inputs, where more is known than they tell by themselves (:meth:`.Provenance.of`):
        options, or what a study that was measured before says of its first inputs.
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
        self.provenance = provenance or Provenance.of(segmentation, structures, volume)
        say("reading the structures")
        masks, told = masks_by_side(segmentation, structures)
        self.notes += told
        check_sides(masks, segmentation.path)
        self.absent = _absent_sides(masks, sides)
        if len(self.absent) == len(sides):
            raise IFIMeasureError(f"{segmentation.path}: {' '.join(self.absent.values())}")
        same_place = bool(self.provenance.options.get("same_place"))
        if volume is not None:
            say("comparing the bones with the image")
            self.notes += place_notes(volume, segmentation, masks, same_place)
        self.bones: dict[Side, Bones] = {}
        for side in sides:
            if side not in self.absent:
                say(f"placing the landmarks of the {side.value} side")
                try:
                    self.bones[side] = Bones.searched(side, masks[side])
                except IFIMeasureError as error:
                    raise IFIMeasureError(f"{segmentation.path}: {error}") from None
                self.notes += self._size_note(side)
        if volume is not None:
            # bones that may lie elsewhere tell nothing of the image's signals
            self.notes += contrast_notes(volume, () if same_place else self.bones.values())
        self._spaces: dict[Side, tuple[object, HipSpaces]] = {}
        self._muscles: dict[Side, tuple[object, MuscleNumbers]] = {}
        self._muscle_notes: dict[Side, str] = {}
        for side, origin in self.provenance.muscle_origins.items():
            known = self.bones[side].masks.get("quadratus_femoris") if side in self.bones else None
            if known is not None:
                self.bones[side].set_mask("quadratus_femoris", snapped(known, self._muscle_grid(origin)))
        self.findings: Findings = {}
        self.date = iso_date(volume.tags.get("StudyDate", "")) if volume is not None else ""
        self.images: MuscleImages | None = None

    def second_image_notes(self, second: Volume, what: str) -> list[str]:
        """Check that the bones lie on a second image of Dixon, too; return what a reader must know.

        On the very grid of the image it lies where that does.

        :param what: it is called in what is said.
        :raises IFIMeasureError: as :func:`.place_notes`.
        """
        if self.volume is None:
            return []
        same_place = bool(self.provenance.options.get("same_place"))
        frame = self.volume.tags.get("FrameOfReferenceUID") or self.segmentation.frame_of_reference
        segmentation = replace(self.segmentation, frame_of_reference=frame)
        refuse_other_frame(second, segmentation, same_place, what)
        if not self.volume.grid.difference(second.grid):
            return []
        masks = {side: bones.masks for side, bones in self.bones.items()}
        return place_notes(second, segmentation, masks, same_place, what)

    def _size_note(self, side: Side) -> list[str]:
        """What a reader must know where a femoral head has no person's size; a small child's has none."""
        radius, age = self.bones[side].found.head_radius_mm, self.subject.age_years
        low, high = HEAD_DIAMETERS_MM
        if radius is None or low <= 2.0 * radius <= high or (age is not None and age < 8.0 and 2.0 * radius < low):
            return []
        size = f"{2.0 * radius:.0f} mm is no person's ({low:.0f} to {high:.0f} mm)"
        return [
            f"{side.value} femoral head: a diameter of {size}; the spacing of the voxels looks wrong: check the header"
        ]

    def copied(self) -> PreparedStudy:
        """Return the same study once more: what changes in it from now on (a muscle) does not change in this one."""
        other = copy.copy(self)
        other.structures, other.notes = dict(self.structures), list(self.notes)
        other.bones = {side: bones.copied() for side, bones in self.bones.items()}
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
        person = person or {}
        refuse_far(person, self.segmentation.grid)
        placed = {side: place_landmarks(bones, person.get(side), fill, draft) for side, bones in self.bones.items()}
        final = {side: landmarks for side, (landmarks, _) in placed.items()}
        refuse_other_side(final, self._heads())
        refuse_upside_down(final)
        frame, frame_name = pelvis_frame(final)
        data: dict[Side, HipData] = {}
        for side, bones in self.bones.items():
            say(f"measuring the {side.value} side")
            landmarks, found = placed[side]
            spaces = self._spaces_of(bones, landmarks, found.head_radius_mm, draft)
            hip = HipData(
                side=side,
                landmarks=dict(landmarks),
                spaces=spaces.by_name,
                fields=bones.fields,
                head_radius_mm=found.head_radius_mm,
                subject=self.subject,
                pelvis_frame=frame,
                pelvis_frame_name=frame_name,
                source=f"segmentation {self.provenance.name_of('segmentation') or self.segmentation.path.name}",
                notes=thick_slices_note(self.segmentation.grid),
            )
            if bones.has_muscle:
                hip.muscle = self._muscle(bones, landmarks, spaces, draft)
            leave = frozenset() if fill else unplaced(person.get(side))
            add_derived(hip, bones.masks_side, spaces.iliopsoas_side, leave)
            data[side] = hip
        return self._result(data, draft)

    def _heads(self) -> dict[Side, Array]:
        """Centers of the femoral heads that were found on the bones, RAS millimeter."""
        return {
            side: bones.frame.to_ras(bones.found.points["femoral_head_center"])
            for side, bones in self.bones.items()
            if "femoral_head_center" in bones.found.points
        }

    def _spaces_of(self, bones: Bones, landmarks: LandmarkSet, head_radius_mm: float | None, draft: bool) -> HipSpaces:
        """The spaces of one side; those from before where nothing has moved that they hang on."""
        key = what_spaces_hang_on(landmarks)
        known = self._spaces.get(bones.side)
        if known is not None and known[0] == key:
            return known[1]
        spaces = measure_spaces(bones, landmarks, head_radius_mm, self.segmentation.grid, draft)
        if not draft:
            self._spaces[bones.side] = (key, spaces)
        return spaces

    def _muscle(
        self, bones: Bones, landmarks: LandmarkSet, spaces: HipSpaces, draft: bool
    ) -> MuscleNumbers | NotMeasurable:
        """Numbers of one side's muscle; while a point is dragged those from before."""
        ifs = spaces.by_name["ifs"]
        level = ifs.axial.level_mm if isinstance(ifs, Space) and ifs.axial is not None else None
        key = (level, muscle_corners_placed(landmarks).tobytes())
        known = self._muscles.get(bones.side)
        if known is not None and (draft or known[0] == key):
            return known[1]
        own = self._muscle_in_image(bones.side)
        numbers = numbers_of_hip(bones, landmarks, level, self.volume, self.images, own)
        if isinstance(numbers, MuscleNumbers):
            self._muscles[bones.side] = (key, numbers)
        return numbers

    def _result(self, data: dict[Side, HipData], draft: bool) -> StudyResult:
        measured = {side: measure_hip(hip) for side, hip in data.items()}
        muscles = {side: hip.muscle for side, hip in data.items() if self.bones[side].has_muscle}
        return StudyResult(
            hips={
                side: HipResult(
                    side,
                    landmarks=hip.landmarks,
                    spaces=hip.spaces,
                    results=measured[side],
                    masks=self.bones[side].masks,
                )
                for side, hip in data.items()
            },
            paired=measure_pair(data, measured),
            absent_sides=self.absent,
            subject=self.subject,
            segmentation=self.segmentation,
            structures=self.structures,
            volume=self.volume,
            notes=[*self.notes, *self._muscle_notes.values()],
            draft=draft,
            images=self.images,
            muscles=muscles,
            provenance=self._provenance(muscles),
            findings=self.findings,
            date=self.date,
        )

    def _provenance(self, sides: Iterable[Side]) -> Provenance:
        """Of results that were just measured, with the muscles of these sides."""
        known = self.provenance.muscle_origins
        origins: dict[Side, MuscleOrigin] = {side: known.get(side, "segment") for side in sides}
        return replace(self.provenance, muscle_origins=origins).now()

    def muscle_input(self, side: Side, landmarks: LandmarkSet, strokes: Strokes | None = None) -> MuscleInput:
        """Return what the muscle of one side is found from in this examination.

        :raises IFIMeasureError: where there is no image.
        """
        if self.volume is None:
            raise IFIMeasureError(f"{self.segmentation.path}: there is no image to find the muscle in.")
        return MuscleInput(self.volume, landmarks, others=self.bones[side].neighbors, side=side, strokes=strokes)

    def set_muscle(self, side: Side, mask: Mask, origin: MuscleOrigin) -> None:
        """Take a mask as the quadratus femoris of a side from now on.

        It is brought onto the segmentation's grid where it lies on another.
        """
        grid = self._muscle_grid(origin)
        mask = snapped(mask, grid) if self._has_one_grid() else on_grid(mask, grid)
        self.bones[side].set_mask("quadratus_femoris", mask)
        self.structures.setdefault(Structure("quadratus_femoris", side), [])
        self._muscles.pop(side, None)
        self.provenance = self.provenance.with_muscle(side, origin)

    def _muscle_in_image(self, side: Side) -> Mask | None:
        """A muscle that was found in the image, on the image's voxels; None where it is kept on those anyway.

        It is made of what is kept, so that a study that is opened again gives the same numbers.
        """
        mask = self.bones[side].masks.get("quadratus_femoris")
        found = self.provenance.muscle_origins.get(side) in FOUND_IN_IMAGE
        if mask is None or not found or self.volume is None or self._has_one_grid():
            return None
        with contextlib.suppress(IFIMeasureError):  # this image does not show it
            return on_grid(mask, self.volume.grid)
        return None

    def _has_one_grid(self) -> bool:
        """Whether image and segmentation have the same voxels, but for rounding."""
        return self.volume is None or not self.segmentation.grid.difference(self.volume.grid)

    def _muscle_grid(self, origin: MuscleOrigin) -> Grid:
        """The grid that a muscle is measured on: of the image that it was found in where that has the same voxels.

        Both may differ by rounding; a muscle that was written and read is then brought back onto that very grid, so
        that it gives the same numbers.
        """
        if self.volume is not None and origin in FOUND_IN_IMAGE and self._has_one_grid():
            return self.volume.grid
        return self.segmentation.grid

    def segment_muscles(
        self, landmarks: dict[Side, LandmarkSet], strokes: Strokes | None = None, anew: Collection[Side] = ()
    ) -> tuple[dict[Side, MuscleOrigin], dict[Side, str]]:
        """Segment the quadratus femoris of each side that has none; fill one that was drawn on some slices only.

        What was made or failed is told in the notes of the next :meth:`measure`, too. Where it fails, what is there
        stays.

        :param landmarks: final landmarks of each side, from :meth:`measure`.
        :param anew: sides whose segment is to be found in the image again, whatever is there.
        :returns: where the muscle of each side on which something was made came from, and why it failed on others.
        """
        made: dict[Side, MuscleOrigin] = {}
        failed: dict[Side, str] = {}
        for side in self.bones:
            try:
                muscle = self._made_muscle(side, landmarks, strokes, side in anew)
            except IFIMeasureError as error:
                failed[side] = str(error)
                self._muscle_notes[side] = f"{side.value} quadratus femoris: {error}"
                continue
            if muscle is None:
                continue
            made[side] = muscle.origin
            self.set_muscle(side, muscle.mask, muscle.origin)
            self._muscle_notes.pop(side, None)
            if muscle.note:
                self._muscle_notes[side] = muscle.note
        return made, failed

    def _made_muscle(
        self, side: Side, landmarks: Mapping[Side, LandmarkSet], strokes: Strokes | None, anew: bool
    ) -> MadeMuscle | None:
        """The muscle of a side where something is to be made; None where its segment is whole."""
        drawn = None if anew else self.bones[side].masks.get("quadratus_femoris")
        grid = self.segmentation.grid
        if drawn is not None:
            return filled_muscle(drawn, grid.slice_axis, side.value)
        return found_muscle(self.muscle_input(side, landmarks[side], strokes), grid)

    def snap(self, side: Side, landmark_id: str, place_ras_mm: Array, within_mm: float = 8.0) -> Array | None:
        """Return the point of its structure's surface nearest to a place, RAS millimeter.

        None for landmarks that lie inside bone, where the structure has no segment, or no surface is within reach.
        """
        definition = landmark_definitions()[landmark_id]
        bones = self.bones.get(side)
        if bones is None or not definition.surface or definition.on not in bones.masks_side:
            return None
        mask_side, place_side = bones.masks_side[definition.on], bones.frame.to_side(place_ras_mm)
        patch = refined_patch(mask_side.array, mask_side.grid, place_side - within_mm, place_side + within_mm)
        points_side = np.zeros((0, 3)) if patch is None else patch.surface_points()
        if not len(points_side):
            return None
        distance = np.linalg.norm(points_side - place_side, axis=1)
        return bones.frame.to_ras(points_side[distance.argmin()]) if distance.min() <= within_mm else None


def segment_muscles_together(
    examinations: list[PreparedStudy],
    placed: list[dict[Side, LandmarkSet]],
    sides: Iterable[Side],
    progress: Progress | None = None,
) -> None:
    """Find the quadratus femoris of several examinations of one person together.

    :param examinations: in the order of their dates; each takes the muscles that are found as its own.
    :param placed: final landmarks of each, from :meth:`PreparedStudy.measure`.
    :raises IFIMeasureError: where one has no image or no muscle, or the bones do not fit each other; then nothing has
        changed. See :func:`.muscle.together.segment_together`.
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
    heads = {side: position(points, "femoral_head_center") for side, points in landmarks.items()}
    refuse_other_side(landmarks, {side: head for side, head in heads.items() if head is not None})
    refuse_upside_down(landmarks)
    frame, frame_name = pelvis_frame(landmarks)
    no_bones = NotMeasurable(
        "there is no segmentation of the bones; a space is measured between their surfaces.", ("hip", "femur")
    )
    about = subject or Subject()
    data = {
        side: HipData(
            side=side,
            landmarks=dict(points),
            spaces={"ifs": no_bones, "qfs": no_bones},
            subject=about,
            pelvis_frame=frame,
            pelvis_frame_name=frame_name,
        )
        for side, points in landmarks.items()
    }
    measured = {side: measure_hip(hip) for side, hip in data.items()}
    return StudyResult(
        hips={side: HipResult(side, hip.landmarks, hip.spaces, measured[side]) for side, hip in data.items()},
        paired=measure_pair(data, measured),
        absent_sides={},
        subject=about,
        segmentation=None,
        structures={},
        volume=None,
        notes=[],
    )


def _absent_sides(masks: dict[Side, dict[str, Mask]], sides: Iterable[Side]) -> dict[Side, str]:
    """Sides that have not both bones, and what is there instead; one sentence each."""
    absent = {}
    for side in sides:
        lacking = [f"{key}_{side.value}" for key in ("hip", "femur") if key not in masks[side]]
        if lacking:
            have = ", ".join(sorted(f"{key}_{of.value}" for of in Side for key in masks[of])) or "nothing"
            absent[side] = f"there is no {' and no '.join(lacking)} in the segmentation; present are {have}."
    return absent
