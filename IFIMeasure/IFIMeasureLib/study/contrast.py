"""What an image shows: said by a person, told by DICOM, and seen in it; these must not contradict one another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import scipy

from ..images.masks import Volume
from ..muscle.images import CONTRASTS, refuse_unknown_contrast
from ..muscle.signal import two_means
from ..values import Array, IFIMeasureError
from .bones import Bones

FAT_IS_BRIGHT = {"t1": True, "in-phase": True, "t2fs": False, "water": False}
"""Whether fat is brighter than muscle, by contrast."""

_NAMED = {
    "t1": r"t1w?",
    "t2": r"t2w?|pd|pdw",
    "fat-suppressed": r"fs|fatsat|stir|tirm|spair|spir|tir",
    "water": r"w|water|wasser",
    "fat": r"f|fat|fett",
    "in-phase": r"in|ip|inphase",
    "opposed": r"opp|op|oop|opposed|out|outphase",
}
"""Words of names of series and protocols, and what each tells."""

_OTHER_MODALITIES = ("CT", "PT", "NM", "US", "CR", "DX", "XA", "RF")

_DIXON = ("water", "fat", "in-phase", "opposed")

_SHELL_MM = (4.0, 16.0)
"""How far around the femur muscle is looked for."""

_DEEP_MM = 4.0
"""How deep in the femur there is marrow and no cortex."""

_COARSE_MM = 2.5
"""Places are taken no nearer to one another."""

_LIKE_LOW, _LIKE_HIGH = 0.3, 0.7
"""Where marrow lies between the darker (0) and the brighter (1) of what lies around the femur: fat and muscle.

Fat is bright where most marrow looks like the brighter, dark where even its fattest quarter looks like the darker:
marrow that makes blood looks like muscle in T1.
"""


def contrast_notes(volume: Volume, bones: Iterable[Bones]) -> list[str]:
    """Check what an image was said to show; return what was found out where no one has said.

    :param volume: its ``contrast`` is what was said, or empty.
    :raises IFIMeasureError: where DICOM or the image contradicts what was said; one sentence.
    """
    if volume.contrast:
        refuse_unknown_contrast(volume.contrast)
    told, by = told_by_dicom(volume.tags)
    bright = fat_is_bright(volume, bones)
    said = volume.contrast
    if said:
        if told and said not in told:
            _refuse(volume, f"DICOM tells {_names(told)} ({by})")
        if bright is not None and FAT_IS_BRIGHT[said] is not bright:
            _refuse(volume, f"fat in the bones is {'brighter' if bright else 'darker'} than muscle in it")
        return []
    if volume.tags.get("Modality", "MR") in _OTHER_MODALITIES:
        return []
    likely = [name for name in CONTRASTS if name in (told or CONTRASTS) and bright in (None, FAT_IS_BRIGHT[name])]
    signs = [f"DICOM: {by}"] if told else []
    signs += [f"fat is {'brighter' if bright else 'darker'} than muscle"] if bright is not None else []
    if not signs or not likely:
        return []
    return [f"no one has said what the image shows; it looks like {_names(likely)} ({'; '.join(signs)})"]


def _refuse(volume: Volume, why: str) -> None:
    raise IFIMeasureError(
        f"{volume.path}: the image was said to be {volume.contrast}, but {why}; say what it is"
        f" ({', '.join(CONTRASTS)}), or leave the contrast out.",
        argument="contrast",
    )


def _names(told: Iterable[str]) -> str:
    return " or ".join(told)


# -- DICOM --------------------------------------------------------------------------------------------------------


def told_by_dicom(tags: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """Return what an image's DICOM header tells that it may be, and by what; nothing where it tells nothing.

    :param tags: by DICOM keyword.
    :returns: some of the contrasts, or other words where it is none of them (``CT``, ``fat``, ...).
    """
    modality = tags.get("Modality", "MR")
    if modality in _OTHER_MODALITIES:
        return (modality,), f"modality {modality}"
    named = _words(f"{tags.get('SeriesDescription') or ''} {tags.get('ProtocolName') or ''}")
    kind = _words(tags.get("ImageType") or "")[2:]
    for words, by in ((kind, "image type"), (named if _is_dixon(named) else [], "its name")):
        found = [name for name in _DIXON if _has(words, name)]
        if len(found) == 1:
            return (found[0],), by
    weight, by_weight = _weighting(tags, named)
    suppressed = _suppression(tags, named)
    if not weight:
        return (("t2fs", "T1 with suppressed fat"), suppressed) if suppressed else ((), "")
    if suppressed:
        return ("t2fs" if weight == "t2" else "T1 with suppressed fat",), f"{by_weight}, {suppressed}"
    return ("t1" if weight == "t1" else "t2fs", *_DIXON), by_weight


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", text.lower()) if word]


def _is_dixon(named: list[str]) -> bool:
    return any("dixon" in word or word in ("ideal", "lava", "vibe") for word in named)


def _has(words: list[str], name: str) -> bool:
    return any(re.fullmatch(_NAMED[name], word) for word in words)


def _weighting(tags: Mapping[str, str], named: list[str]) -> tuple[str, str]:
    """``t1``, ``t2`` or nothing, and what tells it: echo and repetition time, else the names."""
    echo, repetition = _number(tags, "EchoTime"), _number(tags, "RepetitionTime")
    if echo is not None and repetition is not None:
        by = f"echo time {echo:g} ms, repetition time {repetition:g} ms"
        if echo >= 45.0 and repetition >= 1500.0:
            return "t2", by
        if 5.0 <= echo <= 30.0 and 200.0 <= repetition <= 1200.0:
            return "t1", by
    one, two = _has(named, "t1"), _has(named, "t2")
    if one is not two:
        return ("t1" if one else "t2"), "its name"
    return "", ""


def _suppression(tags: Mapping[str, str], named: list[str]) -> str:
    """What tells that fat is suppressed; empty where nothing does."""
    inversion = _number(tags, "InversionTime")
    if inversion is not None and 80.0 <= inversion <= 300.0:
        return f"inversion time {inversion:g} ms"
    options = _words(tags.get("ScanOptions", ""))
    if "fs" in options or ("fat" in options and "sat" in options):
        return f"scan options {tags['ScanOptions']}"
    return "its name" if _has(named, "fat-suppressed") else ""


def _number(tags: Mapping[str, str], key: str) -> float | None:
    try:
        value = float(str(tags.get(key, "")).split("\\")[0])
    except ValueError:
        return None
    return value if np.isfinite(value) and value > 0 else None


# -- the image ----------------------------------------------------------------------------------------------------


def fat_is_bright(volume: Volume, bones: Iterable[Bones]) -> bool | None:
    """Return whether fat is brighter than muscle in an image: which of both around the femur its marrow looks like.

    None where the image does not tell.
    """
    inside, around = [], []
    for of in bones:
        marrow, shell = _marrow_and_shell(of)
        inside.append(_values(volume, marrow))
        around.append(_values(volume, shell))
    marrow, shell = (np.concatenate(of) if of else np.zeros(0) for of in (inside, around))
    if len(marrow) < 200 or len(shell) < 500:
        return None
    low, high = two_means(shell)
    typical, fattest = ((float(np.quantile(marrow, q)) - low) / max(high - low, 1e-6) for q in (0.5, 0.75))
    return True if typical > _LIKE_HIGH else False if fattest < _LIKE_LOW else None


def _marrow_and_shell(bones: Bones) -> tuple[Array, Array]:
    """Places (N, 3) deep in the femur, and (M, 3) around it outside of the hip bone, RAS."""
    femur = bones.fields["femur"]
    steps = np.maximum(1, np.floor(_COARSE_MM / femur.grid.spacing)).astype(int)
    spacing = femur.grid.spacing * steps
    # nothing is known beyond the image's edge along the body, so nothing is made up there
    pads = np.array([int(np.ceil(_SHELL_MM[1] / step)) for step in spacing[:2]] + [0])
    i, j, k = (int(step) for step in steps)
    occupied = np.pad(femur.phi[::i, ::j, ::k] > 0, [(int(n), int(n)) for n in pads])
    depth = scipy.ndimage.distance_transform_edt(occupied, sampling=spacing)
    away = scipy.ndimage.distance_transform_edt(~occupied, sampling=spacing)
    marrow, shell = (
        femur.grid.to_ras((np.argwhere(chosen) - pads) * steps.astype(float))
        for chosen in (depth > _DEEP_MM, (away > _SHELL_MM[0]) & (away < _SHELL_MM[1]))
    )
    shell = shell[bones.fields["hip"].sample(shell) < -1.0]
    return bones.frame.to_ras(marrow), bones.frame.to_ras(shell)


def _values(volume: Volume, places_ras: Array) -> Array:
    """Nearest voxels' values (N,) of places that lie in an image."""
    index, within = volume.grid.nearest(places_ras)
    values = np.asarray(volume.array[tuple(index[within].T)], dtype=float)
    return np.asarray(values[np.isfinite(values)])
