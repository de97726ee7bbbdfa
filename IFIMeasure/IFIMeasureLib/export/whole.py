"""Files and folders written whole: beside their place, then exchanged as one (see :mod:`..files.exchange`)."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from ..files.exchange import beside, put
from ..values import IFIMeasureError
from .formats import OUTPUT_FILES

_MOST_OTHERS = 2000
"""Files that are no results and move with the folder when it is exchanged; more of them are a folder of other use."""


def refuse_overwriting(folder: Path, force: bool, files: Collection[str] = OUTPUT_FILES) -> None:
    """Refuse a folder that holds results already, unless they may be replaced, and one that cannot be exchanged.

    :param files: names of results, or patterns of such names.
    :raises IFIMeasureError: where it does, or cannot, or where ``folder`` is a file.
    """
    _refuse_name(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise IFIMeasureError(f"{folder}: this is a file; name a folder.")
    there = [path.name for pattern in files for path in sorted(folder.glob(pattern))]
    if there and not force:
        raise IFIMeasureError(
            f"{folder}: there are results already ({', '.join(there[:3])}, …); choose another folder, or let them be "
            "replaced.",
            argument="force",
        )
    why = _why_not_exchanged(folder)
    if why:
        raise IFIMeasureError(
            f"{folder}: {why}, so results cannot be exchanged as one there; name a folder in it, such as "
            f"{folder / 'results'}."
        )


def _refuse_name(path: Path) -> None:
    """Refuse a name that other libraries cannot write down."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise IFIMeasureError(f"{shown}: the name is not valid UTF-8; choose another one.") from None


def _why_not_exchanged(folder: Path) -> str:
    real = _real(folder)
    with contextlib.suppress(OSError):  # the folder it runs in was removed
        if Path.cwd().is_relative_to(real):
            return "this program runs in it"
    if os.path.ismount(real):
        return "it is a disk of its own"
    others = 0
    for _, below, names in os.walk(real):
        others += len(below) + len(names)
        if others > _MOST_OTHERS:
            return f"it holds more than {_MOST_OTHERS} other files"
    return ""


@contextlib.contextmanager
def written_whole(folder: Path, force: bool, files: Collection[str] = OUTPUT_FILES) -> Iterator[Path]:
    """Give a folder to write into; on success it takes the place of ``folder``, on failure nothing changes.

    Files of ``folder`` that are no results stay in it.

    :param force: whether results that are in the folder may be replaced.
    :param files: names of results, or patterns of such names: those of an earlier run that are not written again are
        removed.
    :raises IFIMeasureError: where that is not possible, or another run was faster; one sentence.
    """
    target = _real(folder)
    with _told(folder, "results"), _parents_of(target), beside(target) as new:
        refuse_overwriting(folder, force, files)
        new.mkdir()
        with _reading_apart(new):
            yield new
        refuse_overwriting(folder, force, files)
        if target.exists():
            _carry(target, new, files)
        put(new, target, force=True)


@contextlib.contextmanager
def file_written_whole(path: Path, force: bool) -> Iterator[Path]:
    """Give a path to write a file to; on success that takes the place of ``path``, on failure nothing changes.

    :param force: whether a file that is there may be replaced.
    :raises IFIMeasureError: where that is not possible, or another run was faster; one sentence.
    """
    target = _real(path)
    with _told(path, "file"), _parents_of(target), beside(target) as new:
        refuse_existing(path, force)
        with _reading_apart(new):
            yield new
        refuse_existing(path, force)
        put(new, target, force=True)


def refuse_existing(path: Path, force: bool) -> None:
    """Refuse to replace a file, unless it may be replaced.

    :raises IFIMeasureError: where there is one, or a folder of this name.
    """
    _refuse_name(path)
    if path.is_dir():
        raise IFIMeasureError(f"{path}: this is a folder; name a file.")
    if path.exists() and not force:
        raise IFIMeasureError(
            f"{path}: there is such a file already; choose another name, or let it be replaced.", argument="force"
        )


def write_file_whole(path: Path, text: str, force: bool) -> None:
    """Write a text so that the file is complete or as it was.

    :raises IFIMeasureError: as :func:`file_written_whole`.
    """
    with file_written_whole(path, force) as new:
        new.write_bytes(text.encode())


class _Unread(Exception):
    """What is read, not what is written, cannot be: passes by the sentence that is about writing."""


@contextlib.contextmanager
def _reading_apart(new: Path) -> Iterator[None]:
    """Tell an error of a file that is read from those of the files that are written."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and not Path(str(error.filename)).is_relative_to(new.parent):
            raise _Unread from error
        raise


@contextlib.contextmanager
def _told(target: Path, what: str) -> Iterator[None]:
    """Make one sentence of what stands against writing; it names the place a person chose, no file in between."""
    try:
        yield
    except _Unread as error:
        assert error.__cause__ is not None
        raise error.__cause__ from None
    except OSError as error:
        raise IFIMeasureError(
            f"{target}: the {what} could not be written ({_why(error)}); nothing was changed there. Make room, or "
            "choose another place."
        ) from error


def _why(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "it may not be written to, or is open in another program"
    return (error.strerror or str(error)).rstrip(".")


@contextlib.contextmanager
def _parents_of(target: Path) -> Iterator[None]:
    """Make the folders above; on failure those that were made go again."""
    made = [path for path in target.parents if not path.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for path in () if target.exists() else made:
            with contextlib.suppress(OSError):
                path.rmdir()


def _carry(old: Path, new: Path, files: Collection[str]) -> None:
    """Let everything of a folder that is no result, and is not written anew, stand in the new folder, too."""
    results = {path.name for pattern in files for path in old.glob(pattern)}
    for path in old.iterdir():
        if path.name not in results and not (new / path.name).exists():
            _link(path, new / path.name)
    shutil.copystat(old, new)


def _link(path: Path, there: Path) -> None:
    """Let a file or folder stand in a second place, without a copy where the disk can do that."""
    if path.is_symlink():
        there.symlink_to(os.readlink(path))
    elif path.is_dir():
        there.mkdir()
        for below in path.iterdir():
            _link(below, there / below.name)
        shutil.copystat(path, there)
    else:
        try:
            os.link(path, there)
        except OSError:
            if path.is_file():  # a pipe would be waited for
                shutil.copy2(path, there)


def _real(path: Path) -> Path:
    """The place itself, where a name is a link to it."""
    return Path(os.path.realpath(path))
