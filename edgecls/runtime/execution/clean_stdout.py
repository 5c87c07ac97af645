"""Keeping standard output for results, whatever compiled libraries print."""

import contextlib
import os
import sys
from collections.abc import Iterator

__all__ = ["stdout_to_stderr"]


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what is written to standard output in the block, by Python or past it, to standard error instead.

    The whole process is affected, its other threads too.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        original = os.dup(1)
    except OSError:  # there is no standard output
        yield
        return
    try:
        with contextlib.suppress(OSError):  # there is no standard error
            os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(original, 1)
        os.close(original)
