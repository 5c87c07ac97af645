"""Which files in a folder are images."""

import itertools
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

__all__ = ["IMAGE_SUFFIXES", "SUFFIXES_OF_FORMAT", "find_images", "has_image_name", "image_names", "is_hidden"]

SUFFIXES_OF_FORMAT = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp", ".dib"),
    "WebP": (".webp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pnm"),
    "PBM": (".pbm", ".pnm"),
    "AVIF": (".avif",),
    "HEIC": (".heic", ".heif", ".hif"),
}
"""The file name endings of each format (`edgecls.image_formats`), the usual one first."""

IMAGE_SUFFIXES = frozenset(itertools.chain.from_iterable(SUFFIXES_OF_FORMAT.values()))
"""File name endings, in lower case, that mark a file in a folder as an image.

HEIC is among them also where it cannot be read: an image that is reported beats one passed over in silence.
"""

_SUFFIXES = tuple(IMAGE_SUFFIXES)

_OF_SYSTEMS = frozenset(
    [
        *("__macosx", "network trash folder", "temporary items"),  # macOS
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),  # Windows
        *("@eadir", "#recycle", "#snapshot", "@tmp"),  # Synology
        *("@recycle", "@recently-snapshot", "@transcode"),  # QNAP
        *("lost+found", "__pycache__"),
    ]
)


def find_images(folder: Path) -> list[Path]:
    """Return every file below a folder that has an image's suffix, sorted; hidden ones are passed over."""
    return list(map(Path, image_names(folder)))


def image_names(
    folder: Path, *, passing_over: Collection[str] = (), on_other: Callable[[str], object] | None = None
) -> Iterator[str]:
    """Yield what `find_images` returns as text, one folder at a time: huge folders cost less so.

    Args:
        folder: Where to look.
        passing_over: Folders within it that are left out, by their real paths (`os.path.realpath`).
        on_other: Told every file that is no image, hidden ones included.
    """
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        if passing_over:
            folders[:] = [name for name in folders if os.path.realpath(os.path.join(parent, name)) not in passing_over]
        beginning = "" if parent == os.curdir else os.path.join(parent, "")
        for name in sorted(files):
            if has_image_name(name):
                yield beginning + name
            elif on_other is not None:
                on_other(beginning + name)


def has_image_name(name: str) -> bool:
    """True if a file of this name in a folder is taken for an image."""
    return name.lower().endswith(_SUFFIXES) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """True for names that systems, archivers and NAS devices use for their own files, thumbnails among them."""
    return name.startswith(".") or name.casefold() in _OF_SYSTEMS
