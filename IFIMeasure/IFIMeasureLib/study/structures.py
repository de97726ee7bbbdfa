"""Which segments make up each structure of a study, split into sides and checked against anatomy."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..anatomy.structures import Structure, definitions, structure_from_name
from ..images.grid import Grid
from ..images.masks import Mask, Segmentation, SegmentRef, cropped
from ..values import Array, IFIMeasureError, Side


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
                f"{segmentation.path}: there is no {definitions()[wanted].title.lower()} ({wanted}); "
                f"present are {have} (labels {present})."
            )
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
            said.append(
                f"No {Structure('hamstring', side).title.lower()}: the {side.value} quadratus femoris space needs "
                "its landmark, placed by hand."
            )
        elif ("iliopsoas", side) not in have:
            said.append(
                f"No {Structure('iliopsoas', side).title.lower()}: the {side.value} quadratus femoris space is "
                "measured to the lesser trochanter."
            )
    return said


def masks_by_side(
    segmentation: Segmentation, structures: dict[Structure, list[SegmentRef]]
) -> dict[Side, dict[str, Mask]]:
    result: dict[Side, dict[str, Mask]] = {side: {} for side in Side}
    joint: dict[str, Mask] = {}
    for structure, refs in structures.items():
        if not definitions()[structure.id].sided:
            continue
        mask = segmentation.mask(refs)
        if mask is None:
            names = ", ".join(ref.name for ref in refs)
            raise IFIMeasureError(
                f"{segmentation.path}: the segment of {structure.name} ({names}) is empty; "
                "segment it or leave it out of the mapping."
            )
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
    center = [
        float((array.sum(axis=tuple(b for b in range(3) if b != a)) * np.arange(array.shape[a])).sum() / total)
        for a in range(3)
    ]
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
                f"the label of {key} holds one side only, and there is nothing beside it to tell which; "
                f"name the side in the mapping ({key}_left or {key}_right)."
            )
        lateral = _center(mask)[0] - _center(other)[0]
        if key == "hip":
            lateral = -lateral
        if abs(lateral) < 5.0:
            raise IFIMeasureError(
                f"left and right cannot be told for the label of {key}; "
                f"name the side in the mapping ({key}_left or {key}_right)."
            )
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


def check_sides(masks: dict[Side, dict[str, Mask]], path: object) -> None:
    """Refuse labels whose left and right contradict anatomy."""
    advice = "check the mapping, or the orientation in the file's header"
    for key in ("femur", "hip"):
        pair = [masks[side].get(key) for side in (Side.RIGHT, Side.LEFT)]
        if pair[0] is not None and pair[1] is not None:
            right, left = _center(pair[0]), _center(pair[1])
            if right[0] < left[0]:
                raise IFIMeasureError(
                    f"{path}: left and right are swapped: the {key} labeled right lies {left[0] - right[0]:.0f} mm "
                    f"to the patient's left of the other; {advice}."
                )
    for side in Side:
        femur, hip = masks[side].get("femur"), masks[side].get("hip")
        if femur is not None and hip is not None:
            lateral = (_center(femur)[0] - _center(hip)[0]) * side.lateral_sign
            if lateral < -5.0:
                raise IFIMeasureError(
                    f"{path}: left and right are swapped: the femur labeled {side.value} lies {-lateral:.0f} mm "
                    f"medial of its hip bone; {advice}."
                )
            if abs(lateral) > 160.0:
                raise IFIMeasureError(
                    f"{path}: the {side.value} femur and hip bone lie {lateral:.0f} mm apart, "
                    f"so they belong to different sides; {advice}."
                )


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
        raise IFIMeasureError(
            f"{path}: image and segmentation do not lie in the same place: {difference}; "
            "give the segmentation made on this image."
        )
    return (
        f"image and segmentation have other voxels over the same space ({difference}); "
        "measured on the segmentation's grid"
    )
