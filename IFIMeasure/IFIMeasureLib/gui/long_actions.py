"""What takes long, and what goes wrong: shown to the person in one way everywhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import qt
import slicer
import slicer.util
from slicer.i18n import tr as _

from ..files.system_errors import sentence_of
from ..study.result import Progress
from ..values import IFIMeasureError

PROGRESS_STEPS = 12


class Cancelled(Exception):
    """The person has stopped a long action."""


class LongActions:
    """Runs long actions one at a time.

    :param on_stopped: called when the person has stopped one.
    :param on_done: called when one has ended, however it did: for what changed meanwhile.
    """

    def __init__(self, *, on_stopped: Callable[[], None], on_done: Callable[[], None]) -> None:
        self._on_stopped, self._on_done = on_stopped, on_done
        self.busy = False

    @contextlib.contextmanager
    def showing_errors(self, title: str) -> Iterator[None]:
        """Show what is wrong with the input as one sentence; anything else is a fault of ours, with its details."""
        with slicer.util.tryWithErrorDisplay(title):
            try:
                yield
            except IFIMeasureError as error:
                # what a person can mend is no error of the application: its log keeps those apart
                slicer.util.warningDisplay(f"{title}\n\n{error}")
            except OSError as error:
                slicer.util.errorDisplay(f"{title}\n\n{sentence_of(error)}.")
            except Cancelled:
                self._on_stopped()

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[Progress]:
        """Give a function that shows each step of a long action, and raises Cancelled where the person stops it."""
        # modal: a scene that is closed, or a button pressed again, half-way would leave half a study
        dialog = slicer.util.createProgressDialog(windowTitle=title, labelText=title, maximum=PROGRESS_STEPS)
        dialog.setWindowModality(qt.Qt.ApplicationModal)
        self.busy = True
        try:
            slicer.app.processEvents()
            with slicer.util.RenderBlocker():  # the views are drawn once, not for each node that is added
                yield _sayer(dialog)
        finally:
            self.busy = False
            self._on_done()
            dialog.close()
            dialog.deleteLater()

    @contextlib.contextmanager
    def quietly(self) -> Iterator[None]:
        """Let what is done here begin nothing anew."""
        self.busy = True
        try:
            yield
        finally:
            self.busy = False


def _sayer(dialog: Any) -> Progress:
    def say(text: str) -> None:
        dialog.labelText = text
        dialog.value = min(dialog.value + 1, PROGRESS_STEPS - 1)  # at its maximum the dialog would close
        slicer.app.processEvents()
        if dialog.wasCanceled:
            raise Cancelled

    return say


def agrees_to_same_place(error: IFIMeasureError) -> bool:
    """Ask whether bones and image lie in the same place though the image says that they do not."""
    question = _("{reason}\n\nMeasure all the same, as if bones and image lay in the same place?")
    return bool(slicer.util.confirmOkCancelDisplay(question.format(reason=error)))


def offer_packages(missing: list[str]) -> bool:
    """Install packages that 3D Slicer lacks, if the person agrees; returns whether they are there."""
    question = _(
        "The chosen files need {packages}, which 3D Slicer does not have yet. "
        "Install now (from the internet, some megabytes)?"
    )
    if not missing:
        return True
    if not slicer.util.confirmOkCancelDisplay(question.format(packages=", ".join(missing))):
        return False
    with slicer.util.tryWithErrorDisplay(_("The packages could not be installed."), waitCursor=True):
        slicer.util.pip_install(missing)
        return True
    return False
