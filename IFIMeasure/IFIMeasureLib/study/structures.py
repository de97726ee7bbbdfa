"""Which segments make up each structure of a study, split into sides and checked against anatomy."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..anatomy.structures import Structure, definitions, structure_from_name
from ..images.frames import SideFrame
from ..images.hollow import without_hollow
from ..images.masks import Mask, Segmentation, SegmentRef, cropped
from ..values import Array, IFIMeasureError, Side
from .pieces import without_islands


def resolve_structures(
    segmentation: Segmentation, mapping: dict[str, Structure] | None, extra_names: dict[str, str] | None = None
) -> dict[Structure, list[SegmentRef]]:
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
            'say it, such as \'{"1": "hip_right", "2": "femur_right"}\', or name a preset.',
            argument="labels",
        )
    for wanted in ("hip", "femur"):
        if not any(structure.id == wanted for structure in found):
            have = ", ".join(sorted(s.name for s in found))
            raise IFIMeasureError(
                f"{segmentation.path}: there is no {definitions()[wanted].title.lower()} ({wanted});"
                f" present are {have} (labels {present})."
            )
    return found


def lacking_structures(found: Iterable[Structure]) -> list[str]:
    """Say which structures are missing among those found, and what cannot be measured for that; one sentence each."""
    have = {(structure.id, side) for structure in found for side in ((structure.side,) if structure.side else Side)}
    said = []
    for side in (Side.RIGHT, Side.LEFT):
        bones = [key for key in ("hip", "femur") if (key, side) not in have]
        space = f"the {side.value} quadratus femoris space"
        if bones:
            names = " and no ".join(Structure(key, side).title.lower() for key in bones)
            said.append(f"No {names}: nothing is measured on the {side.value} side.")
        elif ("hamstring", side) not in have:
            tendon = Structure("hamstring", side).title.lower()
            said.append(f"No {tendon}: {space} needs its landmark, placed by hand.")
        elif ("iliopsoas", side) not in have:
            tendon = Structure("iliopsoas", side).title.lower()
            said.append(f"No {tendon}: {space} is measured to the lesser trochanter.")
    return said


def masks_by_side(
    segmentation: Segmentation, structures: dict[Structure, list[SegmentRef]]
) -> tuple[dict[Side, dict[str, Mask]], list[str]]:
    """Return the structures of each side, by id, RAS, and what a reader must know of them.

    Those that join both sides are split, bones drawn as a shell are filled, and stray islands are left out
    (:func:`.without_islands`).

    :raises IFIMeasureError: where every hip bone or femur is empty, or a side cannot be told.
    """
    result: dict[Side, dict[str, Mask]] = {side: {} for side in Side}
    joint: dict[str, Mask] = {}
    notes: list[str] = []
    for structure, refs in structures.items():
        if not definitions()[structure.id].sided:
            continue
        mask = segmentation.mask(refs)
        if mask is None:
            if refs:
                names = ", ".join(ref.name for ref in refs)
                notes.append(f"the segment of {structure.name} ({names}) is empty and counts as absent")
            continue
        if structure.side is None:
            joint[structure.id] = mask
        else:
            result[structure.side][structure.id] = mask
    for key in sorted(joint, key=lambda name: name != "femur"):  # femora first: they give the midplane
        for side, part in _split(key, joint[key], result).items():
            result[side][key] = part
    for key in ("hip", "femur"):
        if not any(key in masks for masks in result.values()):
            raise IFIMeasureError(
                f"{segmentation.path}: every segment of the {definitions()[key].title.lower()} is empty;"
                " segment it, or give another segmentation."
            )
    return result, [*notes, *_mended(result)]


def _mended(masks_of: dict[Side, dict[str, Mask]]) -> list[str]:
    """Fill bones that are drawn as a shell and leave stray islands out; returns what a reader must know of that."""
    notes = []
    for side, masks in masks_of.items():
        for key in masks:
            solid = without_hollow(masks[key]) if definitions()[key].bone else None
            if solid is not None:
                masks[key] = solid
                name = f"{side.value} {definitions()[key].title.lower()}"
                notes.append(f"{name}: its cortex alone is drawn, so it was filled; look whether its outline is closed")
            masks[key], told = without_islands(key, side, masks[key])
            notes += told
    return notes


def _split(key: str, mask: Mask, known: dict[Side, dict[str, Mask]]) -> dict[Side, Mask]:
    """The parts of a mask that may hold both sides, by side.

    :param known: structures of each side that are known already.
    """
    plane = _midplane(mask, known)
    if plane is None:
        return {_only_side(key, mask, known): mask}
    origin, normal = plane
    i, j, k = (np.arange(n, dtype=float) for n in mask.array.shape)
    affine = mask.grid.affine
    to_the_right = (
        i[:, None, None] * (normal @ affine[:3, 0])
        + j[None, :, None] * (normal @ affine[:3, 1])
        + k[None, None, :] * (normal @ affine[:3, 2])
        + normal @ (affine[:3, 3] - origin)
    )
    parts = {}
    for side, half in ((Side.RIGHT, to_the_right > 0), (Side.LEFT, to_the_right <= 0)):
        part = mask.array & half
        if part.sum() > 0.02 * mask.array.sum():
            parts[side] = cropped(Mask(part, mask.grid, mask.cut))
    return parts


def _midplane(mask: Mask, known: dict[Side, dict[str, Mask]]) -> tuple[Array, Array] | None:
    """A point (3,) of the plane between both sides and its normal (3,) to the right; None where one side is shown."""
    normal = np.array([1.0, 0.0, 0.0])
    right_femur, left_femur = known[Side.RIGHT].get("femur"), known[Side.LEFT].get("femur")
    if right_femur is not None and left_femur is not None:
        right, left = _center(right_femur), _center(left_femur)
        across = (right - left) * np.array([1.0, 1.0, 0.0])
        if across[0] > 0:
            normal = across / np.linalg.norm(across)
        return 0.5 * (right + left), normal
    corners = mask.grid.corners()
    if np.ptp(corners[:, 0]) > 180.0:
        return 0.5 * (corners.min(0) + corners.max(0)), normal
    return None


def _only_side(key: str, mask: Mask, known: dict[Side, dict[str, Mask]]) -> Side:
    """The side of a mask that holds one only: a femur lies lateral of its hip bone."""
    advice = f"name the side in the mapping ({key}_left or {key}_right)."
    beside = (of.get(name) for name in ("femur", "hip") for of in (known[Side.RIGHT], known[Side.LEFT]))
    other = next((mask for mask in beside if mask is not None), None)
    if other is None:
        raise IFIMeasureError(
            f"the label of {key} holds one side only, and there is nothing beside it to tell which; {advice}"
        )
    lateral = _center(mask)[0] - _center(other)[0]
    if key == "hip":
        lateral = -lateral
    if abs(lateral) < 5.0:
        raise IFIMeasureError(f"left and right cannot be told for the label of {key}; {advice}")
    return Side.RIGHT if lateral > 0 else Side.LEFT


def _center(mask: Mask) -> Array:
    """Center of gravity (3,), RAS millimeter, by the projections onto the axes (no list of voxels is made)."""
    array = mask.array
    total = max(int(array.sum()), 1)
    center = []
    for axis, n in enumerate(array.shape):
        projection = array.sum(axis=tuple(other for other in range(3) if other != axis))
        center.append(float((projection * np.arange(n)).sum() / total))
    return mask.grid.to_ras(np.array(center))


def check_sides(masks: dict[Side, dict[str, Mask]], path: object) -> None:
    """Refuse labels whose left and right contradict anatomy.

    :raises IFIMeasureError: says what lies where.
    """
    advice = (
        "check the mapping (versions 2.3 and 2.4 of TotalSegmentator number total_mr otherwise: preset "
        "totalsegmentator_mr_56), or the orientation in the file's header."
    )
    for key in ("femur", "hip"):
        right, left = masks[Side.RIGHT].get(key), masks[Side.LEFT].get(key)
        if right is None or left is None:
            continue
        away = _center(left)[0] - _center(right)[0]
        if away > 0:
            raise IFIMeasureError(
                f"{path}: left and right are swapped: the {key} labeled right lies {away:.0f} mm to the patient's"
                f" left of the other; {advice}"
            )
    for side in Side:
        femur, hip = masks[side].get("femur"), masks[side].get("hip")
        if femur is None or hip is None:
            continue
        lateral = SideFrame(side).to_side(_center(femur) - _center(hip))[0]
        if lateral < -5.0:
            raise IFIMeasureError(
                f"{path}: left and right are swapped: the femur labeled {side.value} lies {-lateral:.0f} mm medial"
                f" of its hip bone; {advice}"
            )
        if abs(lateral) > 160.0:
            raise IFIMeasureError(
                f"{path}: the {side.value} femur and hip bone lie {lateral:.0f} mm apart, so they belong to"
                f" different sides; {advice}"
            )
