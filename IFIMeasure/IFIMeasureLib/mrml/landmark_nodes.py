"""One side's landmarks as a list of control points, and who placed each; RAS (world) millimeter.

Who placed a landmark is kept in an attribute of the list, since Slicer's control points have no field for it: for
each landmark that the program placed, where it put it in the list's own frame; for each that is missing, why and who
said so. From that and the points as they stand follows the rest: a point that lies elsewhere, or is missing though
the program did not say so, is a person's. So whatever moves or marks points, Slicer's own menus included, counts as
it should, and moving bones and list together under a transform leaves the program's points the program's.

Slicer's own files of points keep no attributes. The descriptions of the points tell the same to people and, once,
where a list has no attribute: it was read from such a file, or comes from a scene of version 0.1.0.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import slicer
from vtkmodules.vtkCommonDataModel import vtkVector3d

from ..anatomy.landmarks import (
    MARKED_MISSING,
    NOT_PLACED,
    Landmark,
    LandmarkSet,
    LandmarkStatus,
    PlacedBy,
    empty_landmarks,
    landmark_definitions,
    landmark_label,
    parse_label,
)
from ..files.markups import describe_landmark, parse_automatic, parse_description, still_there
from ..values import IFIMeasureError, Side, point3

_ORIGINS = {side: f"IFIMeasure.landmarks_{side.value}" for side in Side}
"""Attribute of a list with a side's landmarks: JSON of origins by landmark id."""

_SIDE = "IFIMeasure.side"
_Point = tuple[float, float, float]


@dataclass(frozen=True)
class _Origin:
    """What was said of a landmark.

    :param placed_at: where the program put it, in the list's own frame; None where it is said to be missing.
    :param reason: why it is missing.
    :param by: who placed it or says so.
    """

    placed_at: _Point | None = None
    reason: str = ""
    by: PlacedBy = PlacedBy.PROGRAM

    def holds(self, status: LandmarkStatus, local: _Point) -> bool:
        """Whether it is still so for a point of this status at this place (in the list's own frame)."""
        if self.placed_at is None:
            return status is LandmarkStatus.MISSING
        return status is LandmarkStatus.DEFINED and still_there(self.placed_at, local)


_Origins = Mapping[str, _Origin]


def make_list(scene: Any, name: str, side: Side) -> Any:
    """Return a new list of the landmarks of a side, none of them placed."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    node.SetAttribute(_SIDE, side.value)
    complete_list(node, side)
    node.SetFixedNumberOfControlPoints(True)
    return node


def complete_list(node: Any, side: Side) -> None:
    """Add the landmarks that a list lacks, not placed, after what it holds; nothing that is there is touched.

    A list may be older than a landmark, or someone has renamed a point: points with other labels are left alone.
    Who placed what is taken from the descriptions where the list does not know it yet.
    """
    present = _indices(node, side)
    lacking = [key for key in landmark_definitions() if key not in present]
    if lacking:
        fixed = node.GetFixedNumberOfControlPoints()
        node.SetFixedNumberOfControlPoints(False)
        for key in lacking:
            index = node.AddControlPoint(vtkVector3d(0.0, 0.0, 0.0), landmark_label(side, key))
            node.UnsetNthControlPointPosition(index)
            node.SetNthControlPointDescription(index, landmark_definitions()[key].how)
        node.SetFixedNumberOfControlPoints(fixed)
    if node.GetAttribute(_ORIGINS[side]) is None:
        _keep_origins(node, side, _origins(node, side))


def landmark_index(node: Any, side: Side, landmark_id: str) -> int:
    """Return the number of a landmark's control point in a whole list, as :func:`complete_list` leaves it."""
    return _indices(node, side)[landmark_id]


def read_landmarks_of(node: Any, side: Side, strict: bool = True) -> LandmarkSet:
    """Return one side's landmarks as a list shows them; those that it lacks are not placed.

    :param strict: whether a position that is not a finite number is refused; otherwise it counts as not placed.
    :raises IFIMeasureError: where a position is refused.
    """
    found = empty_landmarks()
    origins = _origins(node, side)
    for key, index in _indices(node, side).items():
        status, local = _status(node, index), _local(node, index)
        world = [0.0] * 3
        node.GetNthControlPointPositionWorld(index, world)
        if status is LandmarkStatus.DEFINED and not all(math.isfinite(v) for v in (*world, *local)):
            if not strict:
                continue
            raise IFIMeasureError(
                f"{node.GetName()}: the position of '{node.GetNthControlPointLabel(index)}' is not a finite number; "
                "place the point again."
            )
        origin = origins.get(key)
        found[key] = _landmark(status, point3(world), origin if origin and origin.holds(status, local) else None)
    return found


def write_landmarks_into(node: Any, side: Side, landmarks: Mapping[str, Landmark]) -> None:
    """Write landmarks into a whole list, with who placed them.

    What was said before of other points, and no longer holds, is forgotten: it is a person's word from now on, even
    if its point should come to lie there again.
    """
    indices = _indices(node, side)
    origins = {}
    for key, origin in _origins(node, side).items():
        index = indices.get(key)
        if key in landmarks or index is None:
            continue
        status, local = _status(node, index), _local(node, index)
        if origin.holds(status, local):
            origins[key] = origin
        else:
            _describe(node, index, key, _landmark(status, local, None))
    for key, landmark in landmarks.items():
        local = _put(node, indices[key], landmark)
        if landmark.status is LandmarkStatus.MISSING:
            assert landmark.placed_by is not None
            origins[key] = _Origin(None, landmark.reason, landmark.placed_by)
        elif landmark.status is LandmarkStatus.DEFINED and not landmark.by_person:
            origins[key] = _Origin(local)
        # in the list's own frame, as files of the list have its positions
        here = Landmark(landmark.status, local, landmark.placed_by) if landmark.position_ras_mm else landmark
        _describe(node, indices[key], key, here)
    _keep_origins(node, side, origins)


def _indices(node: Any, side: Side) -> dict[str, int]:
    """Number of each landmark's control point; the first where two have one label."""
    found: dict[str, int] = {}
    for index in range(node.GetNumberOfControlPoints()):
        parsed = parse_label(node.GetNthControlPointLabel(index))
        if parsed is not None and parsed[0] is side:
            found.setdefault(parsed[1], index)
    return {key: found[key] for key in landmark_definitions() if key in found}


def _status(node: Any, index: int) -> LandmarkStatus:
    status = node.GetNthControlPointPositionStatus(index)
    if status == slicer.vtkMRMLMarkupsNode.PositionMissing:
        return LandmarkStatus.MISSING
    defined = status == slicer.vtkMRMLMarkupsNode.PositionDefined  # a preview follows the mouse, and is none yet
    return LandmarkStatus.DEFINED if defined else LandmarkStatus.UNDEFINED


def _local(node: Any, index: int) -> _Point:
    """Where a point lies in the list's own frame; stale where it is not defined."""
    place = [0.0] * 3
    node.GetNthControlPointPosition(index, place)
    return (place[0], place[1], place[2])


def _landmark(status: LandmarkStatus, position_ras_mm: _Point, origin: _Origin | None) -> Landmark:
    """The landmark of a point, from what was said of it where that still holds."""
    if status is LandmarkStatus.UNDEFINED:
        return NOT_PLACED
    if status is LandmarkStatus.MISSING:
        origin = origin or _Origin(None, MARKED_MISSING, PlacedBy.PERSON)
        return Landmark.missing(origin.reason, origin.by)
    return Landmark.manual(position_ras_mm) if origin is None else Landmark.automatic(position_ras_mm)


def _put(node: Any, index: int, landmark: Landmark) -> _Point:
    """Set status and place of a point; returns the place in the list's own frame."""
    if landmark.position_ras_mm is not None:
        node.SetNthControlPointPositionWorld(index, *landmark.position_ras_mm)
    elif landmark.status is LandmarkStatus.MISSING:
        node.SetNthControlPointPositionMissing(index)
    else:
        node.UnsetNthControlPointPosition(index)
    return _local(node, index)


def _describe(node: Any, index: int, key: str, landmark: Landmark) -> None:
    node.SetNthControlPointDescription(index, describe_landmark(key, landmark))


def _origins(node: Any, side: Side) -> _Origins:
    text = node.GetAttribute(_ORIGINS[side])
    return _origins_of_descriptions(node, side) if text is None else _parse_origins(text)


@functools.lru_cache(maxsize=64)
def _parse_origins(text: str) -> _Origins:
    """Read the attribute, once for each of its values; what someone has spoiled says nothing."""
    try:
        return {str(key): _parse_origin(entry) for key, entry in json.loads(text).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _parse_origin(entry: Mapping[str, Any]) -> _Origin:
    if "placed_at" in entry:
        return _Origin(point3(entry["placed_at"]))
    return _Origin(None, str(entry["missing"]), PlacedBy(entry["by"]))


def _keep_origins(node: Any, side: Side, origins: _Origins) -> None:
    entries = {
        key: {"placed_at": list(origin.placed_at)}
        if origin.placed_at is not None
        else {"missing": origin.reason, "by": origin.by.value}
        for key, origin in origins.items()
    }
    node.SetAttribute(_ORIGINS[side], json.dumps(entries, ensure_ascii=False))


def _origins_of_descriptions(node: Any, side: Side) -> _Origins:
    """What the descriptions say, of a list that Slicer read from a file of points or version 0.1.0 wrote."""
    found = {}
    for key, index in _indices(node, side).items():
        text = node.GetNthControlPointDescription(index) or ""
        placed_at = parse_automatic(text)
        if placed_at is not None:
            found[key] = _Origin(placed_at)
        elif _status(node, index) is LandmarkStatus.MISSING:
            said = parse_description(text, None, LandmarkStatus.MISSING)
            assert said.placed_by is not None
            found[key] = _Origin(None, said.reason, said.placed_by)
    return found
