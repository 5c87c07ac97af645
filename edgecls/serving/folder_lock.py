"""Locks on folders, which keep processes out of each other's way; one that dies lets go."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["locked_folder", "try_lock_folder"]

LOCK_FILE = ".lock"  # only where the system or its file system locks no folders: on Windows, and over NFS


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Let one caller at a time into the block, of all threads and processes that lock this folder.

    Raises:
        OSError: The folder is not there, or cannot be locked.
    """
    handle = _lock(folder)
    try:
        yield
    finally:
        os.close(handle)


def try_lock_folder(folder: Path) -> int | None:
    """Return a handle that locks a folder until it is closed or the process has ended; None if another has the lock.

    POSIX only.

    Raises:
        OSError: The folder is not there, or cannot be locked.
    """
    if sys.platform == "win32":
        raise OSError("folders are locked for good on POSIX systems only")
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return handle
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise


if sys.platform == "win32":

    def _lock(folder: Path) -> int:
        import msvcrt

        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT)
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # tries for ten seconds
                return handle
            except OSError:
                continue

else:

    def _lock(folder: Path) -> int:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            return handle
        except OSError:
            os.close(handle)
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX)
            return handle
        except OSError:
            os.close(handle)
            raise
