"""Moving, copying and writing files so that nothing is ever overwritten and no moment is without a whole copy."""

import errno
import os
import shutil
from pathlib import Path

from edgecls.regular_file import open_regular

__all__ = ["copy_file", "flush", "link_or_copy", "move_file", "numbered", "same_content", "write_new_file"]

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES}
"""What systems answer that cannot give the file a second name there: another file system, one without links."""


def move_file(source: Path, target: Path) -> None:
    """Move a file, also to another file system; its folder must exist.

    The file gets its second name before it loses the first one, so that a kill in between leaves both.
    A symbolic link is moved as it is, with the text it holds.

    Raises:
        FileExistsError: Something has the target's name.
        OSError: It cannot be moved; the source is as it was.
    """
    if source.is_symlink():
        os.symlink(os.readlink(source), target)
    else:
        link_or_copy(source, target)
    try:
        source.unlink()
    except OSError:
        target.unlink()
        raise


def copy_file(source: Path, target: Path) -> None:
    """Copy a file with its times; the folder of the target must exist.

    The target appears whole or not at all. Of a symbolic link, what it leads to is copied.

    Raises:
        FileExistsError: Something has the target's name.
        OSError: It cannot be copied.
    """
    temporary = _temporary(target)
    try:
        shutil.copy2(source, temporary)
        _rename(temporary, target)  # not flushed to disk before: the source stays, so nothing can be lost
    finally:
        temporary.unlink(missing_ok=True)


def write_new_file(data: bytes, target: Path) -> None:
    """Write a file that is not there yet; its folder must exist. It appears whole or not at all.

    Raises:
        FileExistsError: Something has the target's name.
        OSError: It cannot be written.
    """
    temporary = _temporary(target)
    try:
        temporary.write_bytes(data)
        _rename(temporary, target)  # not flushed to disk before: it can be made again
    finally:
        temporary.unlink(missing_ok=True)


def numbered(path: Path, number: int) -> Path:
    """Return the path with a number at the end of its name, "rose-2.jpg"; for number 1 as it is."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, or where the file system has no such thing, copy it.

    Raises:
        FileExistsError: Something has the target's name.
        OSError: It cannot be copied.
    """
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy_to_keep(source, target)


def _copy_to_keep(source: Path, target: Path) -> None:
    """Copy under a temporary name, flush to disk, then give it its own name."""
    temporary = _temporary(target)
    try:
        shutil.copy2(source, temporary)
        flush(temporary)
        _rename(temporary, target)
        if os.name == "posix":
            flush(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(target: Path) -> Path:
    return target.with_name(f".{os.urandom(4).hex()}.moving")


def _rename(temporary: Path, target: Path) -> None:
    """Give a file its own name, unless that is taken; it may keep the other one as well."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        os.rename(temporary, target)


def flush(path: Path) -> None:
    """Return once the content of a file is on the disk.

    Raises:
        OSError: It cannot be.
    """
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def same_content(one: Path, other: Path) -> bool:
    """True if two paths are one file, or two files of the same bytes, or links that hold the same text."""
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and os.readlink(one) == os.readlink(other)
    if one.is_file() != other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    if one.samefile(other):
        return True
    with open_regular(one) as first, open_regular(other) as second:
        while chunk := first.read(1 << 20):
            if chunk != second.read(1 << 20):
                return False
    return True
