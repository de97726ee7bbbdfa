"""A parametric phantom of both hips with true distances known from its equations.

Bones, tendons and muscle are unions of sphere-swept segments (round cones), spheres and sphere-swept
triangles, whose signed distances are closed forms. Truth never passes through voxels: a section of the
bones is traced on their equations, and a distance is read from those traces or from the signed distance
itself. The side frame (x lateral, y anterior, z superior, millimeter; mirrored for the left) has its
origin in the middle between the femoral head centers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ..anatomy.regions import LESSER_TROCHANTER_HALF_HEIGHT, ischium_region, lesser_trochanter_region
from ..images.frames import SideFrame
from ..images.grid import Grid
from ..images.surface import Patch, closest_between, contour_lines
from ..values import Array, Side
from .hip import NARROW, NORMAL, STRUCTURES, HipSpec, build_shapes, femur_points, pose_matrix


@dataclass(frozen=True)
class Truth:
    """What the equations say about one side; points and directions in the side frame, angles in degree."""

    head_center: Array
    lesser_trochanter_tip: Array
    greater_trochanter_tip: Array
    shaft_axis: Array
    neck_axis: Array
    angles_deg: dict[str, float]
    lengths_mm: dict[str, float]


@dataclass(frozen=True)
class Phantom:
    """Both hips. Right and left specs, and the seed of noise and bias."""

    right: HipSpec = NORMAL
    left: HipSpec = NARROW
    seed: int = 0
    _shapes: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def spec(self, side: Side) -> HipSpec:
        """Return the spec of a side."""
        return self.right if side is Side.RIGHT else self.left

    def shapes(self, side: Side) -> dict[str, list[Any]]:
        """Return the shapes of each structure of a side, side frame."""
        if side not in self._shapes:
            self._shapes[side] = build_shapes(self.spec(side))
        return dict(self._shapes[side])

    def distance(self, side: Side, structure: str, p: Array) -> Array:
        """Signed distance to a structure at side-frame points (..., 3), negative inside."""
        return np.asarray(np.minimum.reduce([s.distance(p) for s in self.shapes(side)[structure]]))

    # -- voxels -------------------------------------------------------------------------------------------

    def label_map(
        self, grid: Grid, sides: tuple[Side, ...] = (Side.RIGHT, Side.LEFT), structures: tuple[str, ...] = STRUCTURES
    ) -> Array:
        """Return labels (I, J, K) uint8: which structure each voxel center lies in."""
        labels = np.zeros(grid.shape, np.uint8)
        for index, structure in reversed(list(enumerate(STRUCTURES))):
            if structure not in structures:
                continue
            for side in sides:
                for box, phi in self._on_grid(grid, side, structure):
                    labels[box][phi < 0] = 2 * index + (1 if side is Side.RIGHT else 2)
        return labels

    def label_names(self) -> dict[int, str]:
        """Return the structure name of each label value."""
        return {
            2 * index + number: f"{structure}_{side.value}"
            for index, structure in enumerate(STRUCTURES)
            for number, side in ((1, Side.RIGHT), (2, Side.LEFT))
        }

    def _on_grid(self, grid: Grid, side: Side, structure: str, margin: float = 0.0) -> Any:
        """Yield (box, signed distance in the box) for each shape that the grid meets."""
        frame = SideFrame(side)
        for shape in self.shapes(side)[structure]:
            low, high = shape.bounds()
            ends = np.stack([low - margin, high + margin]).T
            corners_side = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T
            ijk = grid.to_ijk(frame.to_ras(corners_side))
            start = np.clip(np.floor(ijk.min(0)).astype(int), 0, grid.shape)
            stop = np.clip(np.ceil(ijk.max(0)).astype(int) + 1, 0, grid.shape)
            if (stop <= start).any():
                continue
            axes = [np.arange(a, b, dtype=float) for a, b in zip(start, stop)]
            points_ras = (
                axes[0][:, None, None, None] * grid.affine[:3, 0]
                + axes[1][None, :, None, None] * grid.affine[:3, 1]
                + axes[2][None, None, :, None] * grid.affine[:3, 2]
                + grid.affine[:3, 3]
            )
            box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop))
            yield box, shape.distance(frame.to_side(points_ras))

    def image(self, grid: Grid, contrast: str, snr: float = 40.0, bias: float = 0.15) -> Array:
        """Return an image (I, J, K) float32 of one contrast: ``t1``, ``t2fs``, ``water``, ``fat``; see :meth:`images`."""
        return self.images(grid, (contrast,), snr, bias)[contrast]

    def images(self, grid: Grid, contrasts: tuple[str, ...], snr: float = 40.0, bias: float = 0.15) -> dict[str, Array]:
        """Return images (I, J, K) float32 of several contrasts: ``t1``, ``t2fs``, ``water``, ``fat``.

        :param snr: signal of muscle in T1 over the noise's standard deviation; 0 for no noise.
        :param bias: relative change of the receive field over the image.
        """
        i, j = np.meshgrid(*[np.arange(n, dtype=float) for n in grid.shape[:2]], indexing="ij")
        result = {contrast: np.zeros(grid.shape, np.float32) for contrast in contrasts}
        depth = np.empty(grid.shape, np.float32)
        for k in range(grid.shape[2]):
            p = grid.to_ras(np.stack([i, j, np.full_like(i, k)], axis=-1))
            # skin: an ellipse across the body; its depth is that along the ray, near enough for a contrast
            r = np.sqrt((p[..., 0] / 178.0) ** 2 + ((p[..., 1] + 12.0) / 108.0) ** 2)
            depth[:, :, k] = (1.0 - r) * 108.0
        h = float(grid.spacing.min())

        def paint(tissue: str | HipSpec, phi: Array, box: Any = ...) -> None:
            weight = np.clip(0.5 - phi / h, 0.0, 1.0).astype(np.float32)
            for contrast, image in result.items():
                signal = SIGNALS[contrast]
                if isinstance(tissue, str):
                    value = signal[tissue]
                else:  # the quadratus femoris of this hip
                    lean = signal["muscle"] + tissue.edema * (signal["edema"] - signal["muscle"])
                    value = (1 - tissue.fat_fraction) * lean + tissue.fat_fraction * signal["fat"]
                image[box] += weight * (value - image[box])

        paint("fat", -depth)
        paint("muscle", 20.0 - depth)
        for side in (Side.RIGHT, Side.LEFT):
            for box, phi in self._on_grid(grid, side, "quadratus_femoris", margin=9.0):
                paint("fat", phi - 8.0, box)
            for box, phi in self._on_grid(grid, side, "quadratus_femoris"):
                paint(self.spec(side), phi, box)
            for structure in ("iliopsoas", "hamstring"):
                for box, phi in self._on_grid(grid, side, structure):
                    paint("tendon", phi, box)
            for structure in ("femur", "hip"):
                whole = np.full(grid.shape, 99.0, np.float32)
                for box, phi in self._on_grid(grid, side, structure, margin=2.0):
                    whole[box] = np.minimum(whole[box], phi)
                paint("cortex", whole)
                paint("marrow", whole + 2.2)
        for contrast, image in result.items():
            rng = np.random.default_rng(self.seed + 7919 * sorted(SIGNALS).index(contrast))
            if bias:
                c = [np.linspace(-1, 1, n, dtype=np.float32) for n in grid.shape]
                w = rng.normal(size=4)
                w /= np.abs(w).sum()
                field = (
                    w[0] * c[0][:, None, None]
                    + w[1] * c[1][None, :, None]
                    + w[2] * c[2][None, None, :]
                    + w[3] * (c[0] ** 2)[:, None, None]
                )
                image *= (1 + bias * field).astype(np.float32)
            if snr:
                sd = SIGNALS["t1"]["muscle"] / snr
                for k in range(grid.shape[2]):
                    noise = rng.normal(scale=sd, size=(2, *grid.shape[:2]))
                    image[:, :, k] = np.hypot(image[:, :, k] + noise[0], noise[1])
        return result

    # -- truth --------------------------------------------------------------------------------------------

    def truth(self, side: Side) -> Truth:
        """Return landmarks, axes, angles and lengths of a side."""
        spec = self.spec(side)
        rest = femur_points(spec)
        turn, head = pose_matrix(spec), rest["head"]

        def moved(p: Array) -> Array:
            return np.asarray(turn @ (p - head) + head)

        shaft, neck = turn @ np.array([0.0, 0.0, 1.0]), turn @ rest["neck_axis"]
        medial = -neck - shaft * (-neck @ shaft)
        angles = {
            "neck_shaft_angle": float(np.degrees(np.arccos(neck @ shaft))),
            "lt_neck_angle": spec.lesser_trochanter_angle_deg,
            "femoral_version": spec.anteversion_deg,
            "lt_version": spec.anteversion_deg - spec.lesser_trochanter_angle_deg,
            "femur_flexion": float(np.degrees(np.arctan2(-shaft[1], shaft[2]))),
            "femur_abduction": float(np.degrees(np.arctan2(-shaft[0], shaft[2]))),
            "femur_rotation_proxy": float(np.degrees(np.arctan2(medial[1], -medial[0]))),
        }
        return Truth(
            head,
            moved(rest["tip"]),
            moved(rest["greater"]) + shaft * 9.5,
            shaft,
            neck,
            angles,
            {"femoral_offset": spec.offset_mm, "head_radius": spec.head_radius_mm},
        )

    def section(self, side: Side, structure: str, level: float, step_mm: float = 0.25) -> Array:
        """Trace a structure's section by the axial plane at ``level``, near the lesser trochanter: segments (N, 2, 3), side frame."""
        low = np.min([s.bounds()[0] for s in self.shapes(side)[structure]], axis=0)
        high = np.max([s.bounds()[1] for s in self.shapes(side)[structure]], axis=0)
        tip = self.truth(side).lesser_trochanter_tip
        near = structure in ("femur", "iliopsoas")  # only what may take part in a space at the lesser trochanter
        low = np.maximum(low - 1, tip - ([32.0, 32.0, 0.0] if near else [85.0, 45.0, 0.0]))
        high = np.minimum(high + 1, tip + ([32.0, 32.0, 0.0] if near else [10.0, 35.0, 0.0]))
        x, y = np.arange(low[0], high[0], step_mm), np.arange(low[1], high[1], step_mm)
        p = np.stack(np.meshgrid(x, y, [level], indexing="ij"), axis=-1)
        lines = contour_lines(-self.distance(side, structure, p)[:, :, 0])
        return np.concatenate([np.array([x[0], y[0]]) + step_mm * lines, np.full((len(lines), 2, 1), level)], axis=2)

    def true_space(self, side: Side, space: str, level: float) -> float | None:
        """Return the true space in an axial plane: ``ifs`` or ``qfs``; None where a structure is not in it."""
        truth = self.truth(side)
        belongs = lesser_trochanter_region(truth.lesser_trochanter_tip, truth.lengths_mm["head_radius"])
        femur = self.section(side, "femur", level)
        lateral = femur[belongs(femur).any(1)] if len(femur) else femur
        if space == "qfs":
            lateral = np.concatenate([lateral, self.section(side, "iliopsoas", level)])
        pair = closest_between(self.section(side, "hip" if space == "ifs" else "hamstring", level), lateral)
        return None if pair is None else pair[0]

    def true_space_3d(self, side: Side, space: str) -> float:
        """Return the true smallest 3D distance, between points traced on the equations of both structures."""
        truth = self.truth(side)
        tip, radius = truth.lesser_trochanter_tip, truth.lengths_mm["head_radius"]
        reach = np.array([1.0, 1.0, 0.55]) * radius
        medial = "hip" if space == "ifs" else "hamstring"
        boxes = {medial: (tip - [70.0, 45.0, 60.0], tip + [15.0, 45.0, 60.0])}
        belongs = {
            medial: ischium_region(truth.head_center, radius) if space == "ifs" else lambda p: np.ones(len(p), bool)
        }
        for structure in ("femur",) if space == "ifs" else ("femur", "iliopsoas"):
            boxes[structure] = (tip - reach, tip + reach)
        belongs["femur"] = lesser_trochanter_region(tip, radius)
        belongs["iliopsoas"] = lambda p: np.abs(p[:, 2] - tip[2]) <= LESSER_TROCHANTER_HALF_HEIGHT * radius

        def traced(step: float) -> tuple[dict[str, Array], Array]:
            points = {structure: self._surface_points(side, structure, *box, step) for structure, box in boxes.items()}
            points = {structure: p[belongs[structure](p)] for structure, p in points.items()}
            return points, np.concatenate([p for structure, p in points.items() if structure != medial])

        coarse = 2.0  # its points tell where fine ones are needed
        points, lateral = traced(coarse)
        smallest = float(cKDTree(points[medial]).query(lateral)[0].min())
        for structure, p in points.items():
            others = lateral if structure == medial else points[medial]
            # a point lies within a cell's diagonal of those of another step, on both structures
            near = p[cKDTree(others).query(p)[0] < smallest + 4.0 * coarse] if len(p) else p
            if not len(near):
                del boxes[structure]
                continue
            low, high = boxes[structure]
            cells = np.floor((near.min(0) - 2.0 * coarse - low) / coarse)
            boxes[structure] = (low + coarse * np.maximum(cells, 0.0), np.minimum(near.max(0) + 2.0 * coarse, high))
        points, lateral = traced(0.5)
        return float(cKDTree(points[medial]).query(lateral)[0].min())

    def _surface_points(self, side: Side, structure: str, low: Array, high: Array, step: float) -> Array:
        """Points of a structure's surface within a box, side frame, from the equations on a grid of ``step``."""
        shape = np.ceil((high - low) / step).astype(int) + 1
        affine = np.diag([step, step, step, 1.0])
        affine[:3, 3] = low
        grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
        axes = [low[a] + step * np.arange(shape[a]) for a in range(3)]
        p = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return Patch(-self.distance(side, structure, p), grid).surface_points()


SIGNALS = {
    "t1": {"fat": 900.0, "muscle": 330.0, "marrow": 780.0, "cortex": 60.0, "tendon": 90.0, "edema": 280.0},
    "t2fs": {"fat": 90.0, "muscle": 210.0, "marrow": 110.0, "cortex": 30.0, "tendon": 40.0, "edema": 720.0},
    "water": {"fat": 40.0, "muscle": 420.0, "marrow": 90.0, "cortex": 30.0, "tendon": 40.0, "edema": 520.0},
    "fat": {"fat": 820.0, "muscle": 20.0, "marrow": 700.0, "cortex": 25.0, "tendon": 20.0, "edema": 20.0},
}
"""Signal of each tissue in each contrast, arbitrary units; marrow is fatty, cortex and tendon are dark."""
