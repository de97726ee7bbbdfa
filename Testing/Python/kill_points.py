"""Every point at which a run can be killed: before each operation on files, one after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

OPERATIONS = (
    "open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.utime",
    "os.setxattr", "ctypes.call_function", "ctypes.dlsym",
)  # fmt: skip
KILLED = 77


def killed_at_every_point(action: Callable[[], None], most: int = 1000, step: int = 1) -> Iterator[int]:
    """Run an action in forked processes, killed before its first, second, … operation; yields after each.

    Ends when the action came to its end; what the action raised makes the process end with 1.
    """
    for point in range(1, most, step):
        process = os.fork()
        if process == 0:
            _run(action, point)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        assert code in (0, KILLED), code
        if code == 0:
            return
        yield point
    raise AssertionError("the action has no end")


def _run(action: Callable[[], None], point: int) -> None:
    left = point

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in OPERATIONS:
            left -= 1
            if left == 0:
                os._exit(KILLED)

    try:
        sys.addaudithook(hook)
        action()
        os._exit(0)
    except BaseException:
        os._exit(1)
