"""The border at which whatever goes wrong becomes one sentence and an exit code; what libraries print goes nowhere."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from .arguments import flag_of
from .printing import visible


def run_command(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; returns its exit code. What goes wrong is told in one sentence."""
    from ..files.system_errors import sentence_of
    from ..values import IFIMeasureError  # with it comes numpy

    with _noise_kept_away(options.debug):
        try:
            return int(run(options))
        except IFIMeasureError as error:
            flag = flag_of(error.argument, options)
            message = f"{str(error).rstrip('.')} ({flag})." if flag else str(error)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except KeyboardInterrupt:
            fail("stopped.")
            return 130
        except MemoryError:
            message = "there is not enough memory for this study; crop the segmentation to both hips."
        except OSError as error:
            message = f"{sentence_of(error)}."
        except Exception as error:  # the last resort: a fault of ours, which still must not look like one of the input
            message = (
                f"{FAULT} ({type(error).__name__}: {' '.join(str(error).split())[:200]}); "
                "run it again with --debug before the command, and report what it says."
            )
        if options.debug:
            traceback.print_exc()
        return fail(message)


FAULT = "this is a fault of IFIMeasure"
"""How the sentence begins where nothing else is known of what went wrong."""


def fail(message: str) -> int:
    """Print what went wrong; returns the exit code."""
    print(f"ifimeasure: {visible(message)}", file=sys.stderr)
    return 1


@contextlib.contextmanager
def _noise_kept_away(debug: bool) -> Iterator[None]:
    """Keep off the terminal what ITK, VTK, HDF5 and others write on their own; what matters is said in our words.

    Their C++ writes to the process's own standard error; ours goes to a copy of it meanwhile.
    """
    if debug:
        yield
        return
    level, hook = logging.root.manager.disable, sys.unraisablehook
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda unraisable: None
    try:
        with warnings.catch_warnings(), _standard_error_apart():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        sys.unraisablehook = hook


@contextlib.contextmanager
def _standard_error_apart() -> Iterator[None]:
    ours = cast(TextIO | None, sys.stderr)
    try:
        number = -1 if ours is None else ours.fileno()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):  # there is none, as in a notebook
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with contextlib.ExitStack() as stack:
            if ours is not None and number == 2:
                ours.flush()
                copy: Any = stack.enter_context(
                    open(kept, "w", encoding=ours.encoding, errors="backslashreplace", buffering=1, closefd=False)
                )
                stack.enter_context(contextlib.redirect_stderr(copy))
            os.dup2(nowhere, 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
