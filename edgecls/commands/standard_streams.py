"""Standard input, output and error, in any state: closed, full, a pipe that nobody reads."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Mapping
from typing import TextIO

__all__ = ["abandon_stdout", "guard_standard_streams", "stdout_failure"]

STDOUT_NAME = "<stdout>"  # the "file name" of errors of writing to standard output, which tells them from others


def guard_standard_streams() -> None:
    """Mark the errors of writing to standard output, and make writing to standard error never fail.

    A stream that was closed before the start is opened on the null device in the direction in which nothing can be
    done with it. Otherwise the files that are opened next get its number, and what a library writes to "standard
    output" ends up in a model file. Streams that something else has taken over, as a test does, are left alone.
    """
    if sys.stdin is None:
        sys.stdin = open(_null_device(0, os.O_WRONLY), encoding="utf-8")  # noqa: SIM115  open until the end
    sys.stdout = _guarded(sys.stdout, sys.__stdout__, _Output, number=1, flags=os.O_RDONLY)
    sys.stderr = _guarded(sys.stderr, sys.__stderr__, _Messages, number=2, flags=os.O_WRONLY)


def stdout_failure(error: OSError) -> str | None:
    """Return what to tell the user if it is standard output that cannot be written, or None if it is anything else."""
    if error.filename != STDOUT_NAME:
        return None
    reason = "it is closed" if error.errno == errno.EBADF else error.strerror
    return f"cannot write to standard output: {reason}; send it to a file or a pipe that can take it"


def abandon_stdout() -> None:
    """Drop what could not be written to standard output; or else Python tries once more at its end, and complains."""
    if isinstance(sys.stdout, _Output):
        sys.stdout.is_abandoned = True


class _Output(io.TextIOWrapper):
    """Marks the errors of writing.

    Not a layer below the buffer: Ctrl-C between a write and its being noted would have the same written again.
    """

    is_abandoned = False

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            error.filename = STDOUT_NAME
            raise

    def flush(self) -> None:
        if self.is_abandoned:
            return
        try:
            super().flush()
        except OSError as error:
            error.filename = STDOUT_NAME
            raise


class _Messages(io.TextIOWrapper):
    """Drops what cannot be written: hours of work do not end because nobody can be told how far they are."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def _guarded(
    stream: TextIO | None, original: TextIO | None, kind: type[io.TextIOWrapper], *, number: int, flags: int
) -> TextIO:
    """Return a stream of another kind over the buffer of `stream`; one that is closed is opened as told."""
    if stream is None:
        return kind(io.BufferedWriter(io.FileIO(_null_device(number, flags), "w")), encoding="utf-8")
    if stream is not original or not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    return kind(
        stream.buffer,
        encoding=_encoding_of(stream),
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _encoding_of(stream: TextIO, *, platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> str:
    """Return the encoding for what is written to a stream.

    Windows has a code page for files and pipes, in which most labels cannot be written. They are UTF-8 here, as on
    other systems, unless the user says otherwise; what goes to a console is shown by Python in any script.

    Args:
        stream: Standard output or standard error.
        platform: As `sys.platform`.
        environment: As `os.environ`.
    """
    is_code_page = platform == "win32" and not stream.isatty() and not environment.get("PYTHONIOENCODING")
    return "utf-8" if is_code_page else stream.encoding


def _null_device(number: int, flags: int) -> int:
    descriptor = os.open(os.devnull, flags)  # takes the lowest number that is free: that of the closed stream
    if descriptor == number:
        os.set_inheritable(descriptor, True)
    return descriptor
