"""Fat and edema of the muscle, from images; grades of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy

from ..images.masks import Mask
from ..values import Array, point3
from .images import MuscleImages
from .masks import resampled, sampled
from .numbers import MuscleNumbers
from .signal import Levels

EDEMA_THRESHOLD = 1.5
"""A voxel counts as edematous where its fat-suppressed T2 signal is this many times that of the reference muscle."""


def with_images(
    numbers: MuscleNumbers,
    mask: Mask,
    images: MuscleImages,
    levels: Levels | None,
    reference: Mask | None,
    femur: Mask | None = None,
) -> MuscleNumbers:
    """Add what images tell: fat fraction (Dixon, or estimated from T1) and edema (fat-suppressed T2).

    :param mask: the muscle.
    :param levels: signals of fat and muscle in the T1 image; without them T1 gives no estimate.
    :param reference: a healthy muscle nearby, for the edema.
    :param femur: its marrow tells where water and fat images are swapped.
    """
    inside = sampled(mask, images.grid)
    if not inside.any():
        return replace(numbers, notes=(*numbers.notes, "the images do not show the muscle"))
    fat = _fat(images, inside, levels, femur)
    edema = _edema(images, inside, reference)
    return replace(
        numbers,
        fat_fraction=fat.fraction,
        fat_quartiles=fat.quartiles,
        fat_histogram=fat.histogram,
        fat_source=fat.source,
        edema_ratio=edema.ratio,
        edema_share=edema.share,
        notes=(*numbers.notes, *_shown_in_part(mask, images, inside), *fat.notes, *edema.notes),
    )


def fat_grade(fraction: float) -> int:
    """Return a grade like Goutallier's from a mean fat fraction (extension-defined).

    0 below 5 %, 1 below 20 %, 2 below 45 %, 3 to 55 %, 4 above.
    """
    return int(np.searchsorted([0.05, 0.20, 0.45, 0.55], fraction, side="right"))


def edema_grade(share: float) -> int:
    """Return grade 0 (none) to 3 (severe) from the share of edematous voxels (extension-defined): 5, 25, 50 %."""
    return int(np.searchsorted([0.05, 0.25, 0.50], share, side="right"))


def _shown_in_part(mask: Mask, images: MuscleImages, inside: Array) -> tuple[str, ...]:
    shown = float(inside.sum() * images.grid.voxel_mm3) / float(mask.array.sum() * mask.grid.voxel_mm3)
    if shown >= 0.9:
        return ()
    return (f"the images show {100 * shown:.0f} % of the muscle; fat and edema are of that part",)


@dataclass(frozen=True)
class _Fat:
    """Mean fat fraction, its quartiles, the number of voxels in each twentieth, and what it was read from."""

    fraction: float | None = None
    quartiles: tuple[float, float, float] | None = None
    histogram: tuple[int, ...] | None = None
    source: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, shares: Array, source: str, notes: tuple[str, ...] = ()) -> _Fat:
        """What the fat fractions of all voxels (N,) say."""
        counts, _ = np.histogram(shares, bins=20, range=(0.0, 1.0))
        return cls(
            fraction=float(shares.mean()),
            quartiles=point3(np.quantile(shares, [0.25, 0.5, 0.75])),
            histogram=tuple(int(n) for n in counts),
            source=source,
            notes=notes,
        )


def _fat(images: MuscleImages, inside: Array, levels: Levels | None, femur: Mask | None) -> _Fat:
    """Fat of the voxels ``inside`` (I, J, K): from Dixon images, or estimated from T1."""
    if images.water is not None and images.fat is not None:
        swapped = _marrow_is_water(images, femur)
        return _fat_by_dixon(images.water[inside].astype(float), images.fat[inside].astype(float), swapped)
    if images.t1 is None or levels is None or abs(levels.fat - levels.muscle) <= 3 * levels.noise:
        return _Fat()
    shares = (images.t1[inside].astype(float) - levels.muscle) / (levels.fat - levels.muscle)
    return _Fat.of(np.clip(shares, 0.0, 1.0), "T1, an estimate")


def _fat_by_dixon(water: Array, fat: Array, marrow_is_water: bool) -> _Fat:
    """Fat from the signals of all voxels, (N,) each."""
    total = water + fat
    good = total > 1e-6
    if (water < 0).any() or (fat < 0).any():
        return _Fat(notes=("Dixon images hold negative values, so there is no fat fraction",))
    if good.mean() < 0.9:
        return _Fat(notes=("Dixon images are empty in the muscle, so there is no fat fraction",))
    shares = fat[good] / total[good]
    if shares.mean() <= 0.5:
        return _Fat.of(shares, "Dixon")
    if marrow_is_water:
        why = "the femur's marrow shows as water, the muscle as fat"
        return _Fat(notes=(f"water and fat images are swapped ({why}), so there is no fat fraction",))
    return _Fat.of(shares, "Dixon", ("more fat than water: check that water and fat images are not swapped",))


def _marrow_is_water(images: MuscleImages, femur: Mask | None) -> bool:
    if femur is None or images.water is None or images.fat is None:
        return False
    deep = scipy.ndimage.binary_erosion(resampled(femur, images.grid), iterations=3)
    deep &= np.isfinite(images.water) & np.isfinite(images.fat)
    return bool(deep.sum() >= 50 and np.median(images.water[deep]) > np.median(images.fat[deep]))


@dataclass(frozen=True)
class _Edema:
    """Mean signal against the reference muscle, and the share of edematous voxels."""

    ratio: float | None = None
    share: float | None = None
    notes: tuple[str, ...] = ()


def _edema(images: MuscleImages, inside: Array, reference: Mask | None) -> _Edema:
    """Edema of the voxels ``inside`` (I, J, K), from fat-suppressed T2."""
    if images.t2fs is None:
        return _Edema()
    beside = None if reference is None else sampled(reference, images.grid)
    if beside is None or not beside.any():
        return _Edema(notes=("there is no reference muscle, so edema is not measured",))
    normal = float(np.median(images.t2fs[beside]))
    if normal <= 0:
        return _Edema(notes=("the reference muscle has no signal, so edema is not measured",))
    relative = images.t2fs[inside].astype(float) / normal
    return _Edema(ratio=float(relative.mean()), share=float((relative > EDEMA_THRESHOLD).mean()))
