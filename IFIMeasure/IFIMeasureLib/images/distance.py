"""Shortest distances between points and line segments, in any one frame."""

from __future__ import annotations

import numpy as np
import scipy

from ..values import Array


def closest_between(first: Array, second: Array) -> tuple[float, Array, Array] | None:
    """Return the smallest distance between two sets of segments (N, 2, 3), (M, 2, 3) that do not cross.

    :returns: the distance, the place on the first and the place on the second; None where one of them is empty.
    """
    if not len(first) or not len(second):
        return None
    tree = scipy.spatial.cKDTree(second.reshape(-1, 3))
    rough, _ = tree.query(first.reshape(-1, 3))
    limit = rough.min() + 1.5 * max(_longest(first), _longest(second))
    near_first = first[(rough <= limit).reshape(-1, 2).any(1)]
    back, _ = scipy.spatial.cKDTree(near_first.reshape(-1, 3)).query(second.reshape(-1, 3))
    near_second = second[(back <= limit).reshape(-1, 2).any(1)]
    forward = closest_on_segments(near_first.reshape(-1, 3), near_second)
    backward = closest_on_segments(near_second.reshape(-1, 3), near_first)
    assert forward is not None and backward is not None
    if backward[0] < forward[0]:
        return backward[0], backward[2], backward[1]
    return forward


def closest_on_segments(points: Array, segments: Array) -> tuple[float, Array, Array] | None:
    """Return the smallest distance from points (N, 3) to segments (M, 2, 3).

    :returns: the distance, the point, and the place on the segment; None where there are no points or no segments.
    """
    if not len(points) or not len(segments):
        return None
    start = segments[:, 0]
    along = segments[:, 1] - start
    length = np.maximum((along**2).sum(1), 1e-18)
    best: tuple[float, Array, Array] | None = None
    for low in range(0, len(points), 512):
        block = points[low : low + 512]
        t = np.clip(np.einsum("nmc,mc->nm", block[:, None] - start[None], along) / length, 0, 1)
        place = start[None] + t[..., None] * along[None]
        squared = ((block[:, None] - place) ** 2).sum(2)
        flat = int(squared.argmin())
        n, m = divmod(flat, len(segments))
        if best is None or squared[n, m] < best[0] ** 2:
            best = (float(np.sqrt(squared[n, m])), block[n], place[n, m])
    return best


def _longest(segments: Array) -> float:
    return float(np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1).max())
