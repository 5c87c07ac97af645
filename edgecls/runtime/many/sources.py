"""Where pictures come from: files, folders, patterns, standard input."""

import glob
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecls import image
from edgecls.errors import ImageReadError
from edgecls.image import ImageLimits
from edgecls.picture_files import picture_names

__all__ = ["STDIN", "Source", "file_source", "find_names", "open_source"]

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """One picture that has not been read yet.

    Attributes:
        name: What it is called in results: its path, or "-" for standard input.
        read: Returns its encoded bytes; raises ImageReadError or ImageTooLargeError.
    """

    name: str
    read: Callable[[ImageLimits], bytes]


def find_names(paths: Sequence[str], *, passing_over: Collection[str] = ()) -> list[str]:
    """Turn what a user names into the names of pictures, in that order. `open_source` opens each.

    A file is taken whatever its suffix. A folder gives all pictures below it, sorted, by their
    suffixes. A name that does not exist and has ``*``, ``?`` or ``[`` in it is a pattern (``**`` for
    folders at any depth), as shells on Windows do not expand them. ``-`` is standard input. A name
    that leads to nothing is kept, so that it is reported in its place.

    Args:
        paths: Files, folders, patterns, "-".
        passing_over: Folders below those of `paths` that are left out, by their real paths. If there are
            any, a folder without pictures is no fault: they may all be in there.
    """
    # Names and not sources: of a million pictures, these take a hundred megabytes, those would take several.
    return [name for path in paths for name in _names_of(path, passing_over)]


def _names_of(path: str, passing_over: Collection[str]) -> list[str]:
    if path == STDIN:
        return [path]
    if os.path.isdir(path):
        pictures = list(picture_names(Path(path), passing_over=passing_over))
        return pictures if pictures or passing_over else [path]
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    matches = sorted(match for match in glob.iglob(path, recursive=True) if not os.path.isdir(match))
    return [os.path.join(os.curdir, match) if match == STDIN else match for match in matches] or [path]


def open_source(name: str) -> Source:
    """Return a picture that `find_names` has named."""
    if name == STDIN:
        return Source(STDIN, lambda limits: image.read_stdin(limits=limits))
    return Source(name, lambda limits: _read_named(name, limits))


def file_source(path: str) -> Source:
    """Return a file, whatever its name, as a picture to read."""
    return Source(path, lambda limits: image.read_file(path, limits=limits))


def _read_named(name: str, limits: ImageLimits) -> bytes:
    try:
        return image.read_file(name, limits=limits)
    except ImageReadError as error:
        if os.path.isdir(name):
            reason = "the folder has no pictures"
        elif glob.has_magic(name) and not os.path.lexists(name):
            reason = "no file matches the pattern"
        else:
            raise
        raise ImageReadError(f"cannot read {name!r}: {reason}; check the path") from error
