"""What an image was said to show is held against DICOM and against the image itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from IFIMeasureLib.images.masks import Segmentation, SegmentRef, Volume
from IFIMeasureLib.muscle.images import CONTRASTS
from IFIMeasureLib.study.contrast import FAT_IS_BRIGHT, contrast_notes, fat_is_bright, told_by_dicom
from IFIMeasureLib.study.prepared import PreparedStudy
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import IFIMeasureError

GRID = sample_grid((1.4, 1.4, 4.0))


@pytest.fixture(scope="module")
def images() -> dict[str, Volume]:
    made = Phantom(seed=3).images(GRID, ("t1", "t2fs", "water", "fat"))
    made["in-phase"] = made["water"] + made["fat"]
    return {name: Volume(array, GRID, Path(f"{name}.nii")) for name, array in made.items()}


@pytest.fixture(scope="module")
def bones() -> list:
    phantom = Phantom(seed=3)
    refs = [SegmentRef(name, 0, value) for value, name in phantom.label_names().items()]
    segmentation = Segmentation([phantom.label_map(GRID)], GRID, refs, Path("bones"), named=True)
    return list(PreparedStudy(segmentation, resolve_structures(segmentation, None)).bones.values())


def said(volume: Volume, contrast: str, **tags: str) -> Volume:
    return Volume(volume.array, volume.grid, volume.path, tags, contrast=contrast)


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_the_image_tells_whether_fat_is_bright(images, bones, contrast):
    assert fat_is_bright(images[contrast], bones) is FAT_IS_BRIGHT[contrast]
    assert contrast_notes(said(images[contrast], contrast), bones) == []


@pytest.mark.parametrize(("shown", "told"), [("t2fs", "t1"), ("water", "in-phase"), ("t1", "t2fs"), ("fat", "water")])
def test_an_image_that_shows_otherwise_than_was_said_is_refused(images, bones, shown, told):
    bright = "darker" if shown in ("t2fs", "water") else "brighter"
    with pytest.raises(IFIMeasureError, match=rf"{shown}\.nii: .* said to be {told}, but fat .* {bright} than muscle"):
        contrast_notes(said(images[shown], told), bones)


SPIN_ECHO = {"EchoTime": "12", "RepetitionTime": "600"}
LATE = {"EchoTime": "70", "RepetitionTime": "4200"}


@pytest.mark.parametrize(
    ("tags", "contrast"),
    [
        ({**LATE, "ScanOptions": "FS"}, "t1"),
        ({**LATE, "InversionTime": "160"}, "t1"),
        (LATE, "t1"),
        ({"SeriesDescription": "COR STIR"}, "t1"),
        ({"SeriesDescription": "t2_tse_fs_tra"}, "t1"),
        ({"ProtocolName": "T1 fs post"}, "t1"),
        ({**SPIN_ECHO, "ScanOptions": "['SAT_GEMS', 'FS']"}, "t1"),
        (SPIN_ECHO, "t2fs"),
        ({"ImageType": "['DERIVED', 'PRIMARY', 'DIXON', 'WATER']"}, "t1"),
        ({"ImageType": "['ORIGINAL', 'PRIMARY', 'M', 'F']"}, "water"),
        ({"ImageType": "['DERIVED', 'PRIMARY', 'OUT_OF_PHASE']"}, "in-phase"),
        ({"SeriesDescription": "t1_vibe_dixon_tra_W"}, "in-phase"),
        ({"Modality": "CT"}, "t1"),
    ],
)
def test_what_dicom_contradicts_is_refused(images, bones, tags, contrast):
    with pytest.raises(IFIMeasureError, match=f"said to be {contrast}, but DICOM tells"):
        contrast_notes(said(images[contrast], contrast, **{"Modality": "MR", **tags}), bones)


@pytest.mark.parametrize(
    ("tags", "contrast"),
    [
        (SPIN_ECHO, "t1"),
        ({"ProtocolName": "t1_tse_ax Becken 8 mm ohne Distanzfaktor", "EchoTime": "20", "RepetitionTime": "877"}, "t1"),
        ({**LATE, "ScanOptions": "FS"}, "t2fs"),
        (LATE, "t2fs"),
        ({"SeriesDescription": "pd_tirm_cor"}, "t2fs"),
        ({"ImageType": "['ORIGINAL', 'PRIMARY', 'M', 'NORM', 'DIS2D']"}, "t1"),
        ({"ImageType": "['ORIGINAL', 'PRIMARY', 'IN_PHASE']"}, "in-phase"),
        ({"SeriesDescription": "t1 dixon W", **SPIN_ECHO}, "water"),
        ({"SeriesDescription": "t1 and t2, both hips"}, "t1"),
        ({"EchoTime": "none", "RepetitionTime": ""}, "t1"),
        ({}, "t1"),
    ],
)
def test_what_dicom_does_not_contradict_is_taken(images, bones, tags, contrast):
    assert contrast_notes(said(images[contrast], contrast, **tags), bones) == []


def test_where_nothing_was_said_it_is_found_out_and_told(images, bones):
    (note,) = contrast_notes(said(images["t1"], "", **SPIN_ECHO), bones)
    assert "it looks like t1 or in-phase (DICOM: echo time 12 ms, repetition time 600 ms" in note
    (note,) = contrast_notes(said(images["t2fs"], ""), bones)
    assert note.endswith("it looks like t2fs or water (fat is darker than muscle)")
    (note,) = contrast_notes(said(images["t2fs"], "", **LATE, ScanOptions="FS"), bones)
    assert "it looks like t2fs (" in note


def test_an_image_of_another_modality_is_told_nothing_of(images, bones):
    assert contrast_notes(said(images["t1"], "", Modality="CT"), bones) == []
    assert told_by_dicom({"Modality": "CT"})[0] == ("CT",)
