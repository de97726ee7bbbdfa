"""Files and folders that are exchanged as one: written beside their place, held against other runs, then put there.

A run that is killed at any point leaves the old ones or the new ones. What it left beside them is cleared by the next
run, or by whoever reads there next. What differs between Linux, macOS and Windows stands behind :func:`_swapped` and
:func:`_locked`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..values import IFIMeasureError

_NEW, _OLD = "new", "old"
"""What stands in the folder that a run works in: what it writes, and what it puts aside."""


_LONGEST_NAME = 60
"""Letters of a name that the names of what lies beside it are made of; file systems allow 255 bytes."""


_PRIVATE = "ifimeasure-"


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Hold a file or folder against other runs, and give a free path beside it to write the new one to.

    What a killed run left there is cleared first, and what lies there is removed at the end.

    :raises IFIMeasureError: where another run writes to it.
    :raises OSError: where nothing can be written beside it.
    """
    with held(target):
        working = _beside(target, "partial")
        working.mkdir(mode=0o700)
        try:
            yield working / _NEW
        finally:
            settle(target)


@contextlib.contextmanager
def held(target: Path) -> Iterator[None]:
    """Hold a file or folder against other runs until the end, however that comes, and clear what killed ones left.

    :raises IFIMeasureError: where another run holds it.
    :raises OSError: where no file can be made beside it.
    """
    lock = _beside(target, "lock")
    descriptor = _lock_file(lock)
    if descriptor is None:
        raise IFIMeasureError(
            f"{target}: another run is writing to it right now; wait until it is done, or choose another name."
        )
    try:
        settle(target)
        yield
    finally:
        _release(descriptor, lock)


def settle(target: Path) -> None:
    """Clear what lies beside a file or folder that is held; what had been put aside for a new one is put back."""
    working = _beside(target, "partial")
    if not working.exists():
        return
    if not target.exists() and (working / _OLD).exists():
        os.rename(working / _OLD, target)
    remove(working)


def restore(target: Path) -> None:
    """Put a folder back that a killed run had put aside, for whoever reads there next."""
    if not target.exists() and (_beside(target, "partial") / _OLD).exists():
        with contextlib.suppress(IFIMeasureError, OSError), held(target):
            pass


def put(new: Path, target: Path, force: bool) -> None:
    """Put what was written with :func:`beside` in its place, all of it at once.

    :param new: path that :func:`beside` gave.
    :param force: whether what is there may be replaced.
    :raises FileExistsError: where something is there that may not be replaced.
    :raises OSError: where that is not possible; all is as it was.
    """
    if not target.exists():
        _patiently(os.rename, new, target)
    elif not force:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    elif not target.is_dir():
        _patiently(os.replace, new, target)
    elif not _swapped(new, target):
        old = new.with_name(_OLD)
        _patiently(os.rename, target, old)
        try:
            _patiently(os.rename, new, target)
        except OSError:
            os.rename(old, target)
            raise


def remove(path: Path) -> None:
    """Remove a file or folder as far as that is possible; read-only ones, too."""
    if path.is_symlink() or not path.is_dir():
        with contextlib.suppress(OSError):
            path.unlink()
        return
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        for folder, _, files in os.walk(path):
            for of in (folder, *(os.path.join(folder, name) for name in files)):
                with contextlib.suppress(OSError):
                    os.chmod(of, 0o700)
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give an empty folder in the system's place for such; nothing stays in it, and what killed runs left goes, too."""
    place = Path(tempfile.gettempdir())
    for lock in place.glob(f".{_PRIVATE}*.lock"):
        descriptor = _lock_file(lock)
        if descriptor is not None:  # whoever made it lives no longer
            remove(place / lock.name[1 : -len(".lock")])
            _release(descriptor, lock)
    folder = place / f"{_PRIVATE}{secrets.token_hex(8)}"
    with held(folder):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            remove(folder)


def _beside(target: Path, ending: str) -> Path:
    """Path of a hidden file or folder beside a target."""
    name = target.name
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}.{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:16]}"
    return target.with_name(f".{name}.{ending}")


def _lock_file(path: Path) -> int | None:
    """Open a file and lock it for as long as this run lives; None where another one has."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    while True:
        try:
            descriptor = os.open(path, flags, 0o600)
        except PermissionError:
            if not path.exists():
                raise
            return None  # another person's, or open in another run
        if not _locked(descriptor):
            os.close(descriptor)
            return None
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # it was removed by the run that held it, between opening and locking


def _locked(descriptor: int) -> bool:
    """Lock an open file until it is closed, if only by the end of this run; False where another run has locked it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _release(descriptor: int, path: Path) -> None:
    """Remove a locked file; Windows removes no open one, elsewhere it must go before another run can lock it."""
    if sys.platform == "win32":
        os.close(descriptor)
    with contextlib.suppress(OSError):
        path.unlink()
    if sys.platform != "win32":
        os.close(descriptor)


def _swapped(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or its disk cannot, and nothing was done."""
    if sys.platform == "win32":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(*names, ctypes.c_uint(2))  # RENAME_SWAP
    elif hasattr(library, "renameat2"):
        here = ctypes.c_int(-100)  # AT_FDCWD
        failed = library.renameat2(here, names[0], here, names[1], ctypes.c_uint(2))  # RENAME_EXCHANGE
    else:
        return False
    code = ctypes.get_errno()
    if failed and code not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
        raise OSError(code, os.strerror(code), str(other))
    return not failed


def _patiently(rename: Callable[[Path, Path], None], one: Path, other: Path) -> None:
    """Rename; on Windows again for two seconds, as a virus scanner may have a new file open."""
    for wait in (0.1, 0.2, 0.4, 0.6, 0.7) if sys.platform == "win32" else ():
        try:
            return rename(one, other)
        except PermissionError:
            time.sleep(wait)
    return rename(one, other)
