"""A parametric phantom of both hips with true distances known from its equations.

Bones, tendons and muscle are unions of sphere-swept segments (round cones), spheres and sphere-swept
triangles, whose signed distances are closed forms. Truth never passes through voxels: a section of the
bones is traced on their equations, and a distance is read from those traces or from the signed distance
itself. The side frame (x lateral, y anterior, z superior, millimeter; mirrored for the left) has its
origin in the middle between the femoral head centers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from ..anatomy.regions import LESSER_TROCHANTER_HALF_HEIGHT, Region, ischium_region, lesser_trochanter_region
from ..images.distance import closest_between
from ..images.frames import SideFrame
from ..images.grid import Grid, box_corners
from ..images.surface import Patch, contour_lines
from ..values import Array, Side
from .hip import NARROW, NORMAL, STRUCTURES, HipSpec, build_shapes, femur_points, pose_matrix
from .shapes import Shape
from .signals import SIGNALS, Painter, add_bias, add_noise, depth_below_skin


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
    _shapes: dict[Side, dict[str, list[Shape]]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def spec(self, side: Side) -> HipSpec:
        """Return the spec of a side."""
        return self.right if side is Side.RIGHT else self.left

    def shapes(self, side: Side) -> dict[str, list[Shape]]:
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
        """Return labels (I, J, K) uint8: which structure each voxel center lies in; see :meth:`label_names`."""
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

    def image(self, grid: Grid, contrast: str, snr: float = 40.0, bias: float = 0.15) -> Array:
        """Return an image (I, J, K) float32 of one contrast; see :meth:`images`."""
        return self.images(grid, (contrast,), snr, bias)[contrast]

    def images(self, grid: Grid, contrasts: tuple[str, ...], snr: float = 40.0, bias: float = 0.15) -> dict[str, Array]:
        """Return images (I, J, K) float32 of several contrasts: ``t1``, ``t2fs``, ``water``, ``fat``.

        :param snr: signal of muscle in T1 over the noise's standard deviation; 0 for no noise.
        :param bias: relative change of the receive field over the image.
        """
        painter = Painter(grid, contrasts)
        depth = depth_below_skin(grid)
        painter.paint("fat", -depth)
        painter.paint("muscle", 20.0 - depth)
        for side in (Side.RIGHT, Side.LEFT):
            self._paint_hip(painter, grid, side)
        for contrast, image in painter.images.items():
            rng = np.random.default_rng(self.seed + 7919 * sorted(SIGNALS).index(contrast))
            if bias:
                add_bias(image, bias, rng)
            if snr:
                add_noise(image, snr, rng)
        return painter.images

    def _paint_hip(self, painter: Painter, grid: Grid, side: Side) -> None:
        """Muscle in its fat, tendons, and bones with a cortex around their marrow."""
        for box, distance in self._on_grid(grid, side, "quadratus_femoris", margin=9.0):
            painter.paint("fat", distance - 8.0, box)
        for box, distance in self._on_grid(grid, side, "quadratus_femoris"):
            painter.paint_muscle(self.spec(side), distance, box)
        for structure in ("iliopsoas", "hamstring"):
            for box, distance in self._on_grid(grid, side, structure):
                painter.paint("tendon", distance, box)
        for structure in ("femur", "hip"):
            whole = np.full(grid.shape, 99.0, np.float32)
            for box, distance in self._on_grid(grid, side, structure, margin=2.0):
                whole[box] = np.minimum(whole[box], distance)
            painter.paint("cortex", whole)
            painter.paint("marrow", whole + 2.2)

    def _on_grid(
        self, grid: Grid, side: Side, structure: str, margin: float = 0.0
    ) -> Iterator[tuple[tuple[slice, ...], Array]]:
        """Yield (box, signed distance in the box) for each shape that the grid meets."""
        frame = SideFrame(side)
        for shape in self.shapes(side)[structure]:
            low, high = shape.bounds()
            ijk = grid.to_ijk(frame.to_ras(box_corners(low - margin, high + margin)))
            start = np.clip(np.floor(ijk.min(0)).astype(int), 0, grid.shape)
            stop = np.clip(np.ceil(ijk.max(0)).astype(int) + 1, 0, grid.shape)
            if (stop <= start).any():
                continue
            i, j, k = (np.arange(a, b, dtype=float) for a, b in zip(start, stop))
            points_ras = (
                i[:, None, None, None] * grid.affine[:3, 0]
                + j[None, :, None, None] * grid.affine[:3, 1]
                + k[None, None, :, None] * grid.affine[:3, 2]
                + grid.affine[:3, 3]
            )
            box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop))
            yield box, shape.distance(frame.to_side(points_ras))

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
        return Truth(
            head_center=head,
            lesser_trochanter_tip=moved(rest["tip"]),
            greater_trochanter_tip=moved(rest["greater"]) + shaft * 9.5,
            shaft_axis=shaft,
            neck_axis=neck,
            angles_deg={
                "neck_shaft_angle": float(np.degrees(np.arccos(neck @ shaft))),
                "lt_neck_angle": spec.lesser_trochanter_angle_deg,
                "femoral_version": spec.anteversion_deg,
                "lt_version": spec.anteversion_deg - spec.lesser_trochanter_angle_deg,
                "femur_flexion": float(np.degrees(np.arctan2(-shaft[1], shaft[2]))),
                "femur_abduction": float(np.degrees(np.arctan2(-shaft[0], shaft[2]))),
                "femur_rotation_proxy": float(np.degrees(np.arctan2(medial[1], -medial[0]))),
            },
            lengths_mm={"femoral_offset": spec.offset_mm, "head_radius": spec.head_radius_mm},
        )

    def section(self, side: Side, structure: str, level: float, step_mm: float = 0.25) -> Array:
        """Trace a structure's section by an axial plane near the lesser trochanter.

        :param level: superior coordinate of the plane, millimeter.
        :returns: segments (N, 2, 3), side frame.
        """
        low = np.min([s.bounds()[0] for s in self.shapes(side)[structure]], axis=0)
        high = np.max([s.bounds()[1] for s in self.shapes(side)[structure]], axis=0)
        tip = self.truth(side).lesser_trochanter_tip
        # only what may take part in a space at the lesser trochanter
        lateral = structure in ("femur", "iliopsoas")
        low = np.maximum(low - 1, tip - ([32.0, 32.0, 0.0] if lateral else [85.0, 45.0, 0.0]))
        high = np.minimum(high + 1, tip + ([32.0, 32.0, 0.0] if lateral else [10.0, 35.0, 0.0]))
        x, y = np.arange(low[0], high[0], step_mm), np.arange(low[1], high[1], step_mm)
        p = np.stack(np.meshgrid(x, y, [level], indexing="ij"), axis=-1)
        lines = contour_lines(-self.distance(side, structure, p)[:, :, 0])
        places = np.array([x[0], y[0]]) + step_mm * lines
        return np.concatenate([places, np.full((len(lines), 2, 1), level)], axis=2)

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
        medial = "hip" if space == "ifs" else "hamstring"
        lateral = ("femur",) if space == "ifs" else ("femur", "iliopsoas")
        parts = self._parts_of_a_space(side)
        boxes = {structure: parts[structure][0] for structure in (medial, *lateral)}

        def traced(step: float) -> dict[str, Array]:
            points = {structure: self._surface_points(side, structure, *box, step) for structure, box in boxes.items()}
            return {structure: p[parts[structure][1](p)] for structure, p in points.items()}

        def lateral_of(points: dict[str, Array]) -> Array:
            return np.concatenate([p for structure, p in points.items() if structure != medial])

        coarse = 2.0  # its points tell where fine ones are needed
        points = traced(coarse)
        smallest = float(cKDTree(points[medial]).query(lateral_of(points))[0].min())
        for structure, p in points.items():
            others = lateral_of(points) if structure == medial else points[medial]
            # a point lies within a cell's diagonal of those of another step, on both structures
            near = p[cKDTree(others).query(p)[0] < smallest + 4.0 * coarse] if len(p) else p
            if not len(near):
                del boxes[structure]
                continue
            low, high = boxes[structure]
            cells = np.floor((near.min(0) - 2.0 * coarse - low) / coarse)
            boxes[structure] = (low + coarse * np.maximum(cells, 0.0), np.minimum(near.max(0) + 2.0 * coarse, high))
        points = traced(0.5)
        return float(cKDTree(points[medial]).query(lateral_of(points))[0].min())

    def _parts_of_a_space(self, side: Side) -> dict[str, tuple[tuple[Array, Array], Region]]:
        """By structure, the box in which it may take part in a space, and which of its points there count."""
        truth = self.truth(side)
        tip, radius = truth.lesser_trochanter_tip, truth.lengths_mm["head_radius"]
        medial_box = (tip - [70.0, 45.0, 60.0], tip + [15.0, 45.0, 60.0])
        reach = np.array([1.0, 1.0, 0.55]) * radius
        lateral_box = (tip - reach, tip + reach)
        half_height = LESSER_TROCHANTER_HALF_HEIGHT * radius
        return {
            "hip": (medial_box, ischium_region(truth.head_center, radius)),
            "hamstring": (medial_box, lambda p: np.ones(len(p), bool)),
            "femur": (lateral_box, lesser_trochanter_region(tip, radius)),
            "iliopsoas": (lateral_box, lambda p: np.abs(p[:, 2] - tip[2]) <= half_height),
        }

    def _surface_points(self, side: Side, structure: str, low: Array, high: Array, step: float) -> Array:
        """Points of a structure's surface within a box, side frame, from the equations on a grid of ``step``."""
        grid = Grid.covering(low, high, step)
        return Patch(-self.distance(side, structure, grid.points()), grid).surface_points()
