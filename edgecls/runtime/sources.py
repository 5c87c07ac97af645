"""Where pictures come from: files, folders, patterns, standard input."""

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecls import image
from edgecls.errors import ImageReadError
from edgecls.image import ImageLimits
from edgecls.picture_files import find_pictures

__all__ = ["STDIN", "Source", "file_source", "find_sources"]

STDIN = "-"


@dataclass(frozen=True)
class Source:
    """One picture that has not been read yet.

    Attributes:
        name: What it is called in results: its path, or "-" for standard input.
        read: Returns its encoded bytes; raises ImageReadError or ImageTooLargeError.
    """

    name: str
    read: Callable[[ImageLimits], bytes]


def find_sources(paths: Sequence[str]) -> list[Source]:
    """Turn what a user names into pictures, in that order.

    A file is taken whatever its suffix. A folder gives all pictures below it, sorted, by their
    suffixes. A name that does not exist and has ``*``, ``?`` or ``[`` in it is a pattern (``**`` for
    folders at any depth), as shells on Windows do not expand them. ``-`` is standard input. A name
    that leads to nothing becomes a source that cannot be read, so that it is reported in its place.
    """
    return [source for path in paths for source in _sources_of(path)]


def _sources_of(path: str) -> list[Source]:
    if path == STDIN:
        return [Source(STDIN, lambda limits: image.read_stdin(limits=limits))]
    if os.path.isdir(path):
        pictures = [file_source(str(picture)) for picture in find_pictures(Path(path))]
        return pictures or [_nothing(path, "the folder has no pictures")]
    if os.path.lexists(path) or not glob.has_magic(path):
        return [file_source(path)]
    matches = sorted(match for match in glob.iglob(path, recursive=True) if not os.path.isdir(match))
    return [file_source(match) for match in matches] or [_nothing(path, "no file matches the pattern")]


def file_source(path: str) -> Source:
    """Return a file, whatever its suffix, as a picture to read."""
    return Source(path, lambda limits: image.read_file(path, limits=limits))


def _nothing(name: str, reason: str) -> Source:
    def read(limits: ImageLimits) -> bytes:
        raise ImageReadError(f"cannot read {name!r}: {reason}; check the path")

    return Source(name, read)
