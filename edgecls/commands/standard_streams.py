"""Standard input, output and error, in whatever state a program is started: closed, full, a pipe that nobody reads."""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

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
    sys.stdout = _guarded(sys.stdout, _Output, number=1, flags=os.O_RDONLY)
    sys.stderr = _guarded(sys.stderr, _Messages, number=2, flags=os.O_WRONLY)


def stdout_failure(error: OSError) -> str | None:
    """Return what to tell the user if it is standard output that cannot be written, or None if it is anything else."""
    if error.filename != STDOUT_NAME:
        return None
    reason = "it is closed" if error.errno == errno.EBADF else error.strerror
    return f"cannot write to standard output: {reason}; send it to a file or a pipe that can take it"


def abandon_stdout() -> None:
    """Drop what could not be written to standard output; or else Python tries once more at its end, and complains."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Output):
        raw.is_abandoned = True


class _Output(io.FileIO):
    """Marks the errors of writing."""

    is_abandoned = False

    def write(self, data: "ReadableBuffer", /) -> int:
        if self.is_abandoned:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            error.filename = STDOUT_NAME
            raise


class _Messages(io.FileIO):
    """Drops what cannot be written: hours of work do not end because nobody can be told how far they are."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _guarded(stream: TextIO | None, kind: type[io.FileIO], *, number: int, flags: int) -> TextIO:
    """Return a stream that writes where `stream` does through `kind`; a closed one is opened as told."""
    if stream is None:
        raw = kind(_null_device(number, flags), "w")
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace")
    if stream is not (sys.__stdout__, sys.__stderr__)[number - 1] or not isinstance(stream, io.TextIOWrapper):
        return stream
    below = getattr(stream.buffer, "raw", stream.buffer)
    if type(below) is not io.FileIO:  # consoles of Windows have a class of their own
        return stream
    stream.flush()
    raw = kind(below.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through or below is stream.buffer,
    )


def _null_device(number: int, flags: int) -> int:
    descriptor = os.open(os.devnull, flags)  # takes the lowest number that is free: that of the closed stream
    if descriptor == number:
        os.set_inheritable(descriptor, True)
    return descriptor
