"""Room for the decoded pictures of a dataset: in memory, in a file mapped into memory, or nowhere."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.dataset.pixels.cache_kind import Cache
from edgecls.errors import DatasetError

__all__ = ["allocate_pixels", "choose_cache", "free_disk_bytes"]

MEMORY_PART = 0.5  # of what is free; the rest is for the network and its batches
DISK_PART = 0.8  # of what is free


def choose_cache(size_bytes: int, *, memory_bytes: int | None, disk_bytes: int) -> Cache:
    """Choose where decoded pictures are kept: in memory rather than on disk, on disk rather than nowhere.

    Args:
        size_bytes: What all of them take.
        memory_bytes: What is free in memory; None if nobody can tell.
        disk_bytes: What is free on disk.
    """
    if memory_bytes is None or size_bytes <= memory_bytes * MEMORY_PART:
        return Cache.MEMORY
    return Cache.DISK if size_bytes <= disk_bytes * DISK_PART else Cache.STREAM


def free_disk_bytes(folder: Path) -> int:
    """Return how many bytes can be written into a folder."""
    return shutil.disk_usage(folder).free


def allocate_pixels(shape: tuple[int, int, int, int], cache: Cache, *, folder: Path) -> npt.NDArray[np.uint8] | None:
    """Return an array of uint8 to put decoded pictures into, or None for Cache.STREAM.

    The file of Cache.DISK has no name: it is gone as soon as nobody uses it, however the process
    ends. All its room is taken at once, so that a full disk is found out here.

    Args:
        shape: ``(N, height, width, channels)``.
        cache: Not AUTO.
        folder: Where the file goes.

    Raises:
        DatasetError: There is not enough room.
    """
    size_bytes = int(np.prod(shape, dtype=np.int64))
    try:
        if cache is Cache.STREAM:
            return None
        if cache is Cache.MEMORY:
            return np.empty(shape, np.uint8)
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size_bytes)
            return np.memmap(file, np.uint8, mode="w+", shape=shape)
    except MemoryError as error:
        raise DatasetError(
            f"there is no memory for {size_bytes / 1e9:.1f} GB of decoded pictures; use --cache disk or stream"
        ) from error
    except OSError as error:
        raise DatasetError(
            f"cannot keep {size_bytes / 1e9:.1f} GB of decoded pictures in {str(folder)!r}: {error.strerror}; "
            "give another --cache-dir, or use --cache stream"
        ) from error
