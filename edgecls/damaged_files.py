"""What libraries do with files that are damaged: what they raise, and where they never return."""

import functools
import lzma
import subprocess
import sys
import tokenize
import zipfile
import zlib
from pathlib import Path

from edgecls.frozen import is_frozen

__all__ = ["ARRAYS_FAULTS", "KERAS_FAULTS", "ZIP_FAULTS", "hdf5_hindrance"]

ZIP_FAULTS: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, KeyError, ValueError, RuntimeError, NotImplementedError, OverflowError, MemoryError),
)
"""Of the module zipfile: also for members that are missing, encrypted, or packed in a way that it does not know."""

ARRAYS_FAULTS: tuple[type[Exception], ...] = (*ZIP_FAULTS, TypeError, RecursionError, tokenize.TokenError)
"""Of numpy for .npz and .npy files."""

KERAS_FAULTS: tuple[type[Exception], ...] = (*ZIP_FAULTS, TypeError, AttributeError, IndexError, ImportError)
"""Of Keras and h5py for .keras and .h5 files."""

HDF5_BASE_S, HDF5_BYTES_PER_S = 60, 5_000_000  # a slow machine needs ten seconds to import h5py

_READ_HDF5 = """
import h5py, sys
def read(name, item):
    dict(item.attrs)
with h5py.File(sys.argv[1], "r") as file:
    read("", file)
    file.visititems(read)
"""


def hdf5_hindrance(path: Path) -> str | None:
    """Return why an HDF5 file must not be opened here, or None if it may be; other damage raises exceptions there.

    HDF5's C library never returns from reading some damaged files, and cannot be interrupted then. So all groups and
    attributes are read once in a process that can be ended.

    Raises:
        OSError: There is no such file.
    """
    if is_frozen():  # there is no Python to start
        return None
    stat = path.stat()
    return _read_in_child(str(path), stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=8)  # the same weights are looked at several times, and a process takes seconds
def _read_in_child(path: str, size: int, _: int) -> str | None:
    limit_s = HDF5_BASE_S + size / HDF5_BYTES_PER_S
    command = [sys.executable, "-P", "-c", _READ_HDF5, path]
    try:
        code = subprocess.run(command, timeout=limit_s, capture_output=True, check=False).returncode  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"it is damaged, and the HDF5 library does not come to an end of reading it within {limit_s:.0f} s"
    return "it is damaged, and ends the process that reads it" if code < 0 else None
