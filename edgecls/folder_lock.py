"""Locks on folders, which keep processes out of each other's way; one that dies lets go."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["locked_folder", "try_lock_folder"]

LOCK_FILE = ".lock"  # only where the system or its file system locks no folders: on Windows, and over NFS
LOOK_INTERVAL_S = 0.003  # between two tries


@contextlib.contextmanager
def locked_folder(folder: Path, *, timeout_s: float) -> Iterator[None]:
    """Let one caller at a time into the block, of all threads and processes that lock this folder.

    Raises:
        TimeoutError: Another has had the lock for so long.
        OSError: The folder is not there, or cannot be locked.
    """
    give_up_s = time.monotonic() + timeout_s
    while (handle := try_lock_folder(folder)) is None:
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"another process has kept {str(folder)!r} locked for {timeout_s:g} s")
        time.sleep(LOOK_INTERVAL_S)
    try:
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":

    def try_lock_folder(folder: Path) -> int | None:
        """As below."""
        import msvcrt

        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            return handle
        except OSError:
            os.close(handle)
            return None

else:

    def try_lock_folder(folder: Path) -> int | None:
        """Return a handle that locks a folder until it is closed or its process ends; None if another has the lock.

        Raises:
            OSError: The folder is not there, or cannot be locked.
        """
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
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except (BlockingIOError, PermissionError):  # both mean that another has it
            os.close(handle)
            return None
        except OSError:
            os.close(handle)
            raise
