"""Draw the small pictures that the panel shows, from the phantom: one a landmark it places, and the sample's thumbnail.

python Docs/landmark_pictures.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from IFIMeasureLib.anatomy.landmarks import landmark_definitions
from IFIMeasureLib.images.grid import Grid
from IFIMeasureLib.images.masks import Segmentation, SegmentRef
from IFIMeasureLib.present.bones import first_surface
from IFIMeasureLib.present.picture import png_bytes
from IFIMeasureLib.study.prepared import measure_study
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid
from IFIMeasureLib.values import Side
from scipy import ndimage

SIZE = 192
COLORS = {"hip": (228, 218, 186), "femur": (214, 190, 140), "hamstring": (190, 120, 200), "iliopsoas": (120, 170, 220)}


def hip_from_behind() -> tuple[np.ndarray, dict[str, tuple[float, float]]]:
    """Return a picture (SIZE, SIZE, 3) of the right hip from behind, and the landmarks' places (column, row) in it."""
    phantom, grid = Phantom(), sample_grid((0.9, 0.9, 1.5))
    refs = [SegmentRef(name, 0, value) for value, name in phantom.label_names().items()]
    segmentation = Segmentation([phantom.label_map(grid)], grid, refs, Path("phantom"), named=True)
    hip = measure_study(segmentation, resolve_structures(segmentation, None), sides=(Side.RIGHT,)).hips[Side.RIGHT]
    x, y, z = np.linspace(-2, 166, SIZE), np.arange(-90.0, 60.0, 2.0), np.linspace(-136, 32, SIZE)
    color = np.full((SIZE, SIZE, 3), 255.0)
    depth = np.full((SIZE, SIZE), np.inf)
    for key in ("hip", "femur", "hamstring", "iliopsoas"):
        first = first_surface(hip.masks[key], x, y, z)
        slope = np.gradient(ndimage.gaussian_filter(np.where(np.isfinite(first), first, 60.0), 1.0), x[1] - x[0])
        shade = 0.3 + 0.7 / np.sqrt(1.0 + slope[0] ** 2 + slope[1] ** 2)
        seen = np.isfinite(first) & (first < depth)
        color[seen] = (shade[..., None] * np.array(COLORS[key]))[seen]
        depth[seen] = first[seen]
    places = {
        key: (
            (mark.position_ras_mm[0] - x[0]) / (x[1] - x[0]),
            SIZE - 1 - (mark.position_ras_mm[2] - z[0]) / (z[1] - z[0]),
        )
        for key, mark in hip.landmarks.items()
        if mark.position_ras_mm is not None
    }
    return color.transpose(1, 0, 2)[::-1], places


def knee_from_below() -> tuple[np.ndarray, dict[str, tuple[float, float]]]:
    """Return a drawing of the right femur's lower end from below, posterior down, with both posterior condyles."""
    column, row = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    outline = np.zeros((SIZE, SIZE))
    for cx, cy, rx, ry in ((62, 110, 36, 56), (132, 108, 38, 52), (96, 78, 56, 34)):
        outline = np.maximum(outline, 1.0 - np.sqrt(((column - cx) / rx) ** 2 + ((row - cy) / ry) ** 2))
    inside = outline > 0
    shade = 0.55 + 0.45 * np.clip(outline * 2.5, 0, 1)
    color = np.full((SIZE, SIZE, 3), 255.0)
    color[inside] = (shade[..., None] * np.array(COLORS["femur"]))[inside]
    # the right side seen from below, as in an axial image: lateral is on the left
    return color, {"posterior_condyle_lateral": (62.0, 164.0), "posterior_condyle_medial": (132.0, 158.0)}


def thumbnail() -> np.ndarray:
    """Return an axial T1 picture of the phantom, (280, 260, 3), the patient's right on the left."""
    grid = Grid(
        (260, 280, 2), np.array([[1.35, 0, 0, -175.0], [0, 1.35, 0, -200.0], [0, 0, 2.0, -57.0], [0, 0, 0, 1.0]])
    )
    image = Phantom(seed=1).image(grid, "t1")[:, :, 0]
    gray = np.clip(image / np.percentile(image, 99.0) * 255.0, 0, 255).T[::-1, ::-1]
    return np.repeat(gray[..., None], 3, axis=2)


def main() -> int:
    """Write one picture a landmark that the program places, and the thumbnail."""
    folder = Path(__file__).resolve().parents[1] / "IFIMeasure" / "Resources" / "Icons" / "Landmarks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "IFIHipPhantom.png").write_bytes(png_bytes(thumbnail().astype(np.uint8)))
    column, row = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    for base, places in (hip_from_behind(), knee_from_below()):
        for key, (x, y) in places.items():
            picture = base.copy()
            away = np.hypot(column - x, row - y)
            for low, high, paint in ((6.5, 9.5, (255, 255, 255)), (0.0, 6.5, (200, 0, 0))):
                picture[(away >= low) & (away < high)] = paint
            (folder / f"{key}.png").write_bytes(png_bytes(picture.astype(np.uint8)))
    placed = [definition.id for definition in landmark_definitions().values() if not definition.by_hand]
    missing = [key for key in placed if not (folder / f"{key}.png").exists()]
    if missing:
        print(f"no picture of {', '.join(missing)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
