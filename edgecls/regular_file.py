"""Opening files that are named or found, and nothing else: a pipe without a writer would be waited for without end.

A socket cannot be opened, a device can do anything when it is. So what is no regular file is refused, before it is
opened and, in case it was replaced between, after.
"""

import errno
import os
import stat
from io import BufferedRandom, BufferedReader

__all__ = ["NotRegularFileError", "open_regular", "open_regular_to_append", "read_regular"]

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


class NotRegularFileError(OSError):
    """A path leads to a pipe, a socket or a device."""

    def __str__(self) -> str:
        return str(self.strerror)


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a file for reading bytes, if it is a regular one; links to regular files are followed.

    Raises:
        NotRegularFileError: It is a pipe, a socket or a device; it was not read from.
        IsADirectoryError: It is a folder.
        OSError: It is not there or may not be read.
    """
    _check_kind(os.stat(path).st_mode, path)
    return open(path, "rb", opener=_open_without_waiting)


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Read all bytes of a regular file.

    Raises:
        As `open_regular`.
    """
    with open_regular(path) as stream:
        return stream.read()


def open_regular_to_append(path: str | os.PathLike[str]) -> BufferedRandom:
    """Open a regular file for reading and appending bytes; create it if there is none.

    Raises:
        NotRegularFileError: A pipe, a socket or a device is in its place; it was not written to.
        IsADirectoryError: It is a folder.
        OSError: It may not be written.
    """
    if os.path.lexists(path):
        _check_kind(os.stat(path).st_mode, path)
    return open(path, "a+b", opener=_open_without_waiting)


def _open_without_waiting(path: str, flags: int) -> int:
    handle = os.open(path, flags | _WITHOUT_WAITING, 0o666)
    try:
        _check_kind(os.fstat(handle).st_mode, path)
    except OSError:
        os.close(handle)
        raise
    return handle


def _check_kind(mode: int, path: str | os.PathLike[str]) -> None:
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if kind != stat.S_IFREG:
        raise NotRegularFileError(
            errno.EINVAL, f"it is {_KINDS.get(kind, 'something else')}, not a file", os.fspath(path)
        )
