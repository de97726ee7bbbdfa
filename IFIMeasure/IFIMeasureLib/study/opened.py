"""A study that was kept in files or a scene, opened: ready to be measured again."""

from __future__ import annotations

from dataclasses import dataclass

from ..anatomy.landmarks import LandmarkSet
from ..anatomy.reference_values import Subject
from ..values import Side
from .prepared import PreparedStudy, measure_landmarks
from .result import Progress, StudyResult


@dataclass(frozen=True)
class OpenedStudy:
    """A study that was kept.

    :param name: of the study, as its folder or scene calls it.
    :param landmarks: of each side as they were kept, RAS (world) millimeter; a person's win when it is measured, and
        the others are placed again.
    :param subject: what is known of the person.
    :param prepared: its bones, image, muscle, subject, findings, date and provenance; None for a study of landmarks
        alone.
    """

    name: str
    landmarks: dict[Side, LandmarkSet]
    subject: Subject
    prepared: PreparedStudy | None

    def measure(self, progress: Progress | None = None) -> StudyResult:
        """Measure it again.

        :raises IFIMeasureError: where landmarks contradict each other.
        """
        if self.prepared is None:
            return measure_landmarks(self.landmarks, self.subject)
        return self.prepared.measure(self.landmarks, progress=progress)
