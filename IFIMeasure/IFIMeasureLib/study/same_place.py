"""Whether an image and the bones of a segmentation belong together: by what is known, and by what the image shows."""

from __future__ import annotations

from collections.abc import Mapping

from ..images.agreement import REACH_MM, Agreement, Shift, agreement
from ..images.masks import Mask, Segmentation, Volume
from ..values import IFIMeasureError, Side

_BONES = ("hip", "femur")

_WAY_OUT = "let the bones be registered onto it, or say that both lie in the same place all the same"
_ARGUMENTS = "register, same_place"


def place_notes(
    volume: Volume,
    segmentation: Segmentation,
    masks: Mapping[Side, Mapping[str, Mask]],
    same_place: bool = False,
    what: str = "image",
) -> list[str]:
    """Check that the bones of a segmentation lie on an image; return what a reader must know.

    Both may have any grids: what counts is where they lie in the patient. On the very same grid the image is not looked
    at, as the segmentation was then made on it.

    :param masks: structures of each side by id, RAS; hip bones and femora are looked at.
    :param same_place: whether a person has said that they do, so that nothing is refused.
    :param what: the image is called in what is said.
    :raises IFIMeasureError: where they lie in different frames of reference, the image does not reach the bones, or its
        edges say that the bones lie elsewhere.
    """
    refuse_other_frame(volume, segmentation, same_place, what)
    difference = volume.grid.difference(segmentation.grid)
    if not difference:
        return []
    found = agreement(volume, bones_of(masks))
    said = _said(found, what)
    if found is None or not found.is_clear or found.largest[1].is_far:
        if not same_place:
            raise IFIMeasureError(
                f"{segmentation.path}: {what} and segmentation do not lie in the same place: {said} ({volume.path}; "
                f"{difference}); {_WAY_OUT}.",
                argument=_ARGUMENTS,
            )
        return [f"{what} and segmentation are taken to lie in the same place, as was said, but {said}"]
    notes = [
        f"{what} and segmentation have other voxels ({difference}); the spaces are measured on the segmentation's grid"
    ]
    if found.largest[1].is_sure:
        notes.append(f"{said}; what is read from the {what} may be off by as much")
    return notes


def bones_of(masks: Mapping[Side, Mapping[str, Mask]]) -> dict[str, Mask]:
    """Return the hip bones and femora of both sides by name, such as ``right femur``, RAS."""
    names = {"hip": "hip bone", "femur": "femur"}
    return {f"{side.value} {names[key]}": of[key] for side, of in masks.items() for key in _BONES if key in of}


def other_frame(volume: Volume, segmentation: Segmentation) -> bool:
    """Return whether DICOM says that both lie in different frames of reference, so that coordinates tell nothing."""
    frame = volume.tags.get("FrameOfReferenceUID", "")
    return bool(frame and segmentation.frame_of_reference and frame != segmentation.frame_of_reference)


def shift_text(shift: Shift) -> str:
    """Return the size of a shift and its parts, millimeter."""
    right, anterior, superior = shift.mm
    return f"{shift.size_mm:.1f} mm (R {right:+.1f}, A {anterior:+.1f}, S {superior:+.1f})"


def refuse_other_frame(volume: Volume, segmentation: Segmentation, same_place: bool, what: str) -> None:
    """Refuse what DICOM says lies in different frames of reference, unless a person has said that it does not."""
    if same_place or not other_frame(volume, segmentation):
        return
    raise IFIMeasureError(
        f"{segmentation.path}: its frame of reference (DICOM) is not that of the {what} {volume.path}, so where its "
        f"bones lie on the {what} is not known; {_WAY_OUT}.",
        argument=_ARGUMENTS,
    )


def _said(found: Agreement | None, what: str) -> str:
    """What an image says of where the bones lie."""
    if found is None:
        return f"the {what} does not show the bones (it lies elsewhere, or ends before them)"
    if not found.is_clear:
        return f"nowhere within {REACH_MM:g} mm do the edges of the {what} agree with the bones' surfaces"
    name, shift = found.largest
    bones = f"the {name} fits" if name else "the bones fit"
    return f"{bones} the {what} best when moved by {shift_text(shift)}"
