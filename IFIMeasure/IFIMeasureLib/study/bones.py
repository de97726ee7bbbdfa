"""The structures of one side as a study works on them, before any person has touched a landmark."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..images.frames import SideFrame
from ..images.masks import Mask
from ..placement.bone_field import BoneField
from ..placement.femur import find_on_femur
from ..placement.hip_bone import find_on_hip_bone
from ..placement.placement import Placement
from ..values import IFIMeasureError, Side

MUSCLES = ("quadratus_femoris", "gemelli_quadratus_femoris")
"""Structures that hold the muscle, by id."""

_NEIGHBORS = ("hip", "femur", "hamstring", "iliopsoas")


@dataclass
class Bones:
    """One side: its structures, by id, and what was found on its bones.

    :param masks: the structures, RAS.
    :param masks_side: the same ones in the side frame.
    :param found: landmarks on the bones, side frame.
    :param fields: coarse signed distances of structures that were searched, side frame.
    :param placed: what followed last from landmarks that a person had moved, and those (RAS millimeter).
    """

    side: Side
    masks: dict[str, Mask]
    masks_side: dict[str, Mask]
    found: Placement
    fields: dict[str, BoneField]
    placed: tuple[dict[str, tuple[float, float, float]], Placement] | None = None

    @classmethod
    def searched(cls, side: Side, masks: dict[str, Mask]) -> Bones:
        """Return a side whose femur and hip bone have been searched for landmarks.

        :param masks: structures by id, RAS, ``femur`` and ``hip`` among them.
        """
        masks_side = {key: SideFrame(side).mask_to_side(mask) for key, mask in masks.items()}
        found = Placement()
        try:
            femur = find_on_femur(masks_side["femur"], masks_side["hip"], found)
        except IFIMeasureError as error:
            raise IFIMeasureError(f"on the {side.value} side {error}; check the orientation in the header.") from None
        hip = find_on_hip_bone(masks_side["hip"], found)
        return cls(side, masks=masks, masks_side=masks_side, found=found, fields={"femur": femur, "hip": hip})

    @property
    def frame(self) -> SideFrame:
        """The side frame."""
        return SideFrame(self.side)

    @property
    def has_muscle(self) -> bool:
        """Whether a segment holds the muscle."""
        return any(key in self.masks for key in MUSCLES)

    @property
    def neighbors(self) -> dict[str, Mask]:
        """Structures that are not the muscle and may lie beside it, by id, RAS."""
        return {key: mask for key, mask in self.masks.items() if key in _NEIGHBORS}

    def copied(self) -> Bones:
        """Return the same side once more, so that what changes in it does not change in this one."""
        return replace(self, masks=dict(self.masks), masks_side=dict(self.masks_side), fields=dict(self.fields))

    def set_mask(self, key: str, mask: Mask) -> None:
        """Take a mask (RAS) as a structure from now on."""
        self.masks[key] = mask
        self.masks_side[key] = self.frame.mask_to_side(mask)

    def field(self, key: str) -> BoneField:
        """Return the coarse signed distance of a structure, side frame."""
        if key not in self.fields:
            self.fields[key] = BoneField(self.masks_side[key])
        return self.fields[key]
