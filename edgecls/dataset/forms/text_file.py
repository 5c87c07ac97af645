"""Reading the text of a list of pictures."""

from pathlib import Path

from edgecls.errors import DatasetError
from edgecls.regular_file import open_regular

__all__ = ["read_text"]

MAX_BYTES = 256 * 1024 * 1024  # of a list: millions of pictures


def read_text(path: Path) -> str:
    """Read a file in UTF-8, with or without a byte order mark, its line ends as they are.

    Raises:
        DatasetError: It cannot be read, is larger than a list can be, or is not in UTF-8.
    """
    try:
        with open_regular(path) as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise DatasetError(
            f"cannot read {str(path)!r}: {error.strerror}; check the path and who may read it"
        ) from error
    if len(data) > MAX_BYTES:
        raise DatasetError(f"{str(path)!r} has more than {MAX_BYTES // 2**20} MiB and cannot be a list of pictures")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{str(path)!r} is not text in UTF-8 (byte {error.start}); give a list of pictures saved as UTF-8"
        ) from error
