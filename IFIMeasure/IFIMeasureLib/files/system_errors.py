"""Errors of the system, as it tells them of a file, in a sentence for a person."""

from __future__ import annotations

import errno
import os

_WHY = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "what should be a folder on the way there is a file",
    errno.EISDIR: "this is a folder, and a file is needed",
    errno.EACCES: "you may not read or write there; ask for the right to, or choose another place",
    errno.EPERM: "you may not read or write there; ask for the right to, or choose another place",
    errno.EROFS: "nothing can be written there; choose another place",
    errno.ENOSPC: "no space is left on the disk (No space left on device); make room, or choose another place",
    errno.EDQUOT: "your share of the disk is used up; make room, or choose another place",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "the links to it lead in a circle",
    errno.EMFILE: "too many files are open at once; close other programs",
    errno.EIO: "the disk reports an error; copy the files to another one",
}


def sentence_of(error: OSError) -> str:
    """Return what the system says of a file, as a sentence that names it, without its point."""
    why = _WHY.get(error.errno or 0) or (error.strerror or str(error) or type(error).__name__).rstrip(".")
    where = error.filename if error.filename is not None else "a file or connection"
    return f"{os.fsdecode(where) if isinstance(where, (str, bytes)) else where}: {why}"
