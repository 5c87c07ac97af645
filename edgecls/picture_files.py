"""Which files in a folder are pictures."""

import os
from pathlib import Path

__all__ = ["PICTURE_SUFFIXES", "find_pictures", "is_hidden"]

PICTURE_SUFFIXES = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".webp", ".gif"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif"),
    ]
)
"""File name endings, in lower case, that mark a file in a folder as a picture.

HEIC is among them although it cannot be read: a picture that is reported beats one passed over in silence.
"""


def find_pictures(folder: Path) -> list[Path]:
    """Return every file below a folder that has a picture's suffix, sorted; hidden ones are passed over."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        found += [
            Path(parent, name)
            for name in sorted(files)
            if not is_hidden(name) and os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES
        ]
    return found


def is_hidden(name: str) -> bool:
    """True for names that systems and archivers use for their own files."""
    return name.startswith(".") or name == "__MACOSX"
