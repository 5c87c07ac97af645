"""What libraries raise for files that are damaged; each has its own way, and some have several."""

import lzma
import tokenize
import zipfile
import zlib

__all__ = ["ARRAYS_FAULTS", "KERAS_FAULTS", "ZIP_FAULTS"]

ZIP_FAULTS: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, KeyError, ValueError, RuntimeError, NotImplementedError, OverflowError, MemoryError),
)
"""Of the module zipfile: also for members that are missing, encrypted, or packed in a way that it does not know."""

ARRAYS_FAULTS: tuple[type[Exception], ...] = (*ZIP_FAULTS, TypeError, RecursionError, tokenize.TokenError)
"""Of numpy for .npz and .npy files."""

KERAS_FAULTS: tuple[type[Exception], ...] = (*ZIP_FAULTS, TypeError, AttributeError, IndexError, ImportError)
"""Of Keras and h5py for .keras and .h5 files."""
