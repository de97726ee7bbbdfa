"""A study's record: a node of its own that knows the study's nodes by their roles, and what a person chose and said.

The record makes several studies in one scene keep apart, and a saved scene bring all of them back. Roles, parameters
and attributes are part of the format of saved scenes: none is ever renamed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..anatomy.findings import Findings
from ..anatomy.reference_values import Subject, known_sex
from ..study.provenance import Provenance
from ..study.result import StudyResult
from ..values import Array, IFIMeasureError, Side, iso_date
from .hierarchy import patient_tags, put_into_folder, rename_folder

_T = TypeVar("_T")

RECORD_ATTRIBUTE = ("IFIMeasure.study", "1")
"""Name and value of the attribute that makes a scripted module node a study's record."""

SIDE_COLORS = {Side.RIGHT: (0.90, 0.60, 0.10), Side.LEFT: (0.20, 0.60, 0.90)}
"""Colors of the sides; orange and blue stay apart for people who do not tell red from green."""

_SPACE_COLORS = {"qfs": {Side.RIGHT: (0.80, 0.47, 0.65), Side.LEFT: (0.10, 0.75, 0.55)}}


def space_color(space: str | None, side: Side) -> tuple[float, float, float]:
    """Return the color of a space of one side, in views and plots: four that anybody tells apart."""
    return _SPACE_COLORS.get(space or "", SIDE_COLORS)[side]


class StudyRecord:
    """What a scene knows of one study beside its results.

    :param record: a node that has the attribute :data:`RECORD_ATTRIBUTE`.
    """

    def __init__(self, scene: Any, record: Any) -> None:
        self.scene, self.record = scene, record

    def _kept(self, parameter: str, read: Callable[[str], _T], nothing: _T) -> _T:
        """What a parameter says; ``nothing`` where it is empty.

        :raises IFIMeasureError: where it is damaged.
        """
        text = self.record.GetParameter(parameter)
        try:
            return read(text) if text else nothing
        except (AttributeError, TypeError, ValueError):
            raise IFIMeasureError(
                f"what the scene keeps as {parameter} of '{self.name}' is damaged; say it again, or measure the study "
                "again."
            ) from None

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.record.GetName() or "study")

    def title(self, what: str) -> str:
        """Return the name of a node of this study: the study's name, and what it is.

        It becomes the name of a file in a saved scene, where Slicer does not escape ``&``: the scene would be lost.
        """
        return f"{self.name} {what}".replace("&", "+")

    def rename(self, name: str) -> None:
        """Give the study another name, and with it its folder and the nodes that are called after it."""
        before, titled = self.name, self.title("")
        self.record.SetName(name)
        rename_folder(self.record, before)
        for number in range(self.record.GetNumberOfNodeReferenceRoles()):
            node = self.node(self.record.GetNthNodeReferenceRole(number))
            if node is not None and node.GetName().startswith(titled):
                node.SetName(self.title(node.GetName().removeprefix(titled)))

    # -- nodes by their roles

    def node(self, role: str) -> Any:
        """Return the node that plays a role in this study, or None where it was never made or is gone."""
        return self.record.GetNodeReference(role)

    def set_node(self, role: str, node: Any) -> None:
        """Let a node play a role in this study; None for no node."""
        self.record.SetNodeReferenceID(role, node.GetID() if node is not None else None)

    def made(self, role: str, kind: str, name: str, side: Side | None = None) -> Any:
        """Return the node of a role; where there is none, it is made, and put into the study's folder.

        :param kind: class of the node.
        """
        node = self.node(role)
        if node is None:
            node = self.scene.AddNewNodeByClass(kind, name)
            self.take(role, node, side)
        return node

    def take(self, role: str, node: Any, side: Side | None = None) -> None:
        """Let a node play a role in this study, and put it into the study's folder, or that of the side in it."""
        self.set_node(role, node)
        put_into_folder(self.record, node, side)

    def remove(self, *roles: str) -> None:
        """Remove the nodes of roles, where there are any."""
        for role in roles:
            node = self.node(role)
            if node is not None:
                self.scene.RemoveNode(node)

    # -- what the person chose and said

    @property
    def volume(self) -> Any:
        """The image, or None."""
        return self.node("volume")

    @volume.setter
    def volume(self, node: Any) -> None:
        if node is not self.volume:
            self.same_place = False  # that was said of another image
        self.set_node("volume", node)

    @property
    def same_place(self) -> bool:
        """Whether a person has said that bones and image lie in the same place, whatever the image's edges say."""
        return self.record.GetParameter("same_place") == "1"

    @same_place.setter
    def same_place(self, said: bool) -> None:
        self.record.SetParameter("same_place", "1" if said else "")

    @property
    def second_volume(self) -> Any:
        """The fat image, or the one out of phase, of Dixon; None where there is none."""
        return self.node("second_volume")

    @second_volume.setter
    def second_volume(self, node: Any) -> None:
        self.set_node("second_volume", node)

    @property
    def segmentation(self) -> Any:
        """The segmentation, or None."""
        return self.node("segmentation")

    @segmentation.setter
    def segmentation(self, node: Any) -> None:
        self.set_node("segmentation", node)

    @property
    def mapping(self) -> dict[str, str]:
        """What a person said of segments: id to structure name (``femur_left``), or to nothing for "none of them"."""
        return self._kept("mapping", lambda text: dict(json.loads(text)), {})

    @mapping.setter
    def mapping(self, mapping: dict[str, str]) -> None:
        self.record.SetParameter("mapping", json.dumps(mapping, sort_keys=True))

    @property
    def subject(self) -> Subject:
        """What is known of the person: what was given, else sex and age of the patient in the subject hierarchy."""
        known = Subject.from_tags(patient_tags(self.volume or self.segmentation))
        numbers = {key: self._kept(key, float, getattr(known, key)) for key in ("age_years", "height_m", "weight_kg")}
        return Subject(known_sex(self.record.GetParameter("sex") or "") or known.sex, **numbers)

    def set_subject(self, subject: Subject) -> None:
        """Keep what a person gave; None for what the patient's data say."""
        self.record.SetParameter("sex", subject.sex or "")
        for key in ("age_years", "height_m", "weight_kg"):
            value = getattr(subject, key)
            self.record.SetParameter(key, "" if value is None else repr(float(value)))

    @property
    def date(self) -> str:
        """Date of the examination (ISO 8601), as the person gave it or as DICOM has it; empty where neither does."""
        given = self.record.GetParameter("date")
        return iso_date(given) or iso_date(patient_tags(self.volume or self.segmentation).get("StudyDate", ""))

    @date.setter
    def date(self, text: str) -> None:
        self.record.SetParameter("date", text)

    @property
    def findings(self) -> Findings:
        """What a reader filled in."""
        return self._kept("findings", lambda text: {Side(side): dict(of) for side, of in json.loads(text).items()}, {})

    @findings.setter
    def findings(self, findings: Findings) -> None:
        self.record.SetParameter("findings", json.dumps({side.value: of for side, of in findings.items()}))

    @property
    def notes(self) -> list[str]:
        """What a reader must know beside the values, as it was measured last."""
        return self._kept("notes", lambda text: [str(note) for note in json.loads(text)], [])

    @property
    def provenance(self) -> Provenance | None:
        """Where the last results come from; None where nothing was measured yet, or by version 0.1.0.

        :raises IFIMeasureError: where it is damaged.
        """
        text = self.record.GetParameter("provenance")
        if not text:
            return None
        try:
            document = json.loads(text)
        except ValueError:
            document = []
        return Provenance.from_document(document, self.name)

    def keep(self, result: StudyResult, structures: dict[str, str]) -> None:
        """Keep where results come from, and the notes beside them.

        :param structures: what each segment is taken for, by its id: with the nodes of image and segmentation it tells
            later whether the results are still those of what is chosen.
        """
        self.record.SetParameter("provenance", json.dumps(result.provenance.to_document()))
        self.record.SetParameter("notes", json.dumps(result.notes))
        self.record.SetParameter("measured_structures", json.dumps(structures, sort_keys=True))
        affine = None if result.volume is None else result.volume.grid.affine.tolist()
        self.record.SetParameter("measured_affine", "" if affine is None else json.dumps(affine))
        self.set_node("measured_volume", self.volume)
        self.set_node("measured_segmentation", self.segmentation)

    @property
    def measured_affine(self) -> Array | None:
        """Indices of the image that was measured last to RAS (world) millimeter, (4, 4); None where there was none."""
        return self._kept("measured_affine", lambda text: np.array(json.loads(text), float).reshape(4, 4), None)

    def measured_these_nodes(self) -> bool:
        """Whether the last results are of the image and segmentation that are chosen now."""
        return self.node("measured_volume") is self.volume and self.node("measured_segmentation") is self.segmentation

    def measured_these_structures(self, structures: dict[str, str]) -> bool:
        """Whether segments were taken for the same structures then."""
        return bool(self.record.GetParameter("measured_structures") == json.dumps(structures, sort_keys=True))

    @property
    def contrast(self) -> str:
        """What the image is: ``t1``, ``t2fs``, ``water``, ``in-phase`` (of Dixon), or nothing where no one has said."""
        return str(self.record.GetParameter("contrast") or "")

    @contrast.setter
    def contrast(self, contrast: str) -> None:
        self.record.SetParameter("contrast", contrast)
