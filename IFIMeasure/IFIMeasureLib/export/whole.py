"""Folders written whole: beside their place, then renamed, so that each file is complete or absent."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from ..values import IFIMeasureError
from .formats import OUTPUT_FILES


def refuse_overwriting(folder: Path, force: bool, files: Collection[str] = OUTPUT_FILES) -> None:
    """Refuse a folder that holds results already, unless they may be replaced.

    :param files: names of results, or patterns of such names.
    :raises IFIMeasureError: where it does, or where ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise IFIMeasureError(f"{folder}: this is a file; name a folder.")
    there = [path.name for pattern in files for path in sorted(folder.glob(pattern))]
    if there and not force:
        raise IFIMeasureError(
            f"{folder}: there are results already ({', '.join(there[:3])}, …); choose another folder, or let them be "
            "replaced.",
            argument="force",
        )


@contextlib.contextmanager
def written_whole(folder: Path, files: Collection[str] = OUTPUT_FILES) -> Iterator[Path]:
    """Give a folder to write into; on success its files replace those of ``folder``, on failure nothing changes.

    :param files: names of results, or patterns of such names: those of an earlier run that are not written again are
        removed.
    """
    parent = folder.absolute().parent
    made = [p for p in (parent, *parent.parents) if not p.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=parent))
    except OSError as error:
        raise IFIMeasureError(
            f"{folder}: no folder can be made there ({error.strerror}); choose another folder."
        ) from None
    done = False
    try:
        try:
            yield beside
        except OSError as error:
            if error.filename is not None and not Path(str(error.filename)).is_relative_to(beside):
                raise  # of what is read, not of what is written
            why = (error.strerror or str(error)).rstrip(".")
            raise IFIMeasureError(
                f"{folder}: the results could not be written ({why}); nothing was changed there. Make room, or choose "
                "another folder."
            ) from error
        if folder.exists():
            stale = [path for pattern in files for path in folder.glob(pattern) if not (beside / path.name).exists()]
            for path in sorted(beside.iterdir()):
                target = folder / path.name
                if target.is_dir() and path.is_dir():
                    shutil.rmtree(target)
                os.replace(path, target)
            for path in stale:  # a file of an earlier run would contradict the new ones
                path.unlink()
            beside.rmdir()
        else:
            beside.chmod(0o777 & ~_umask())
            os.replace(beside, folder)
        done = True
    finally:
        if not done:
            shutil.rmtree(beside, ignore_errors=True)
            for path in made:
                with contextlib.suppress(OSError):
                    path.rmdir()


def refuse_existing(path: Path, force: bool) -> None:
    """Refuse to replace a file, unless it may be replaced.

    :raises IFIMeasureError: where there is one.
    """
    if path.exists() and not force:
        raise IFIMeasureError(
            f"{path}: there is such a file already; choose another name, or let it be replaced.", argument="force"
        )


def write_file_whole(path: Path, text: str) -> None:
    """Write a file beside its place, then rename it, so that it is complete or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    try:
        beside.write_bytes(text.encode())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
