"""Which files in a folder are images."""

import contextlib
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

NAMES_PER_PACK = 50_000

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
    """Yield what `find_images` returns as text, one folder at a time.

    Of a folder with millions of images, little more is in memory than the characters of their names.

    Args:
        folder: Where to look; a folder that cannot be read is passed over.
        passing_over: Folders within it that are left out, by their real paths (`os.path.realpath`).
        on_other: Told every file that is no image, hidden ones included.
    """
    waiting = [os.fspath(folder)]
    while waiting:
        parent = waiting.pop()
        beginning = "" if parent == os.curdir else os.path.join(parent, "")
        images = _SortedNames()
        folders = list[str]()
        with contextlib.suppress(OSError), os.scandir(parent) as entries:
            for entry in entries:
                if not _is_folder(entry):
                    if has_image_name(entry.name):
                        images.add(entry.name)
                    elif on_other is not None:
                        on_other(beginning + entry.name)
                elif not is_hidden(entry.name) and not entry.is_symlink():
                    folders.append(beginning + entry.name)
        if passing_over:
            folders = [path for path in folders if os.path.realpath(path) not in passing_over]
        waiting += sorted(folders, reverse=True)
        for name in images:
            yield beginning + name


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


class _SortedNames:
    """File names, which come sorted. Of many, most are kept as bytes: as text, a name takes four times as much."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._packed: list[bytes] = []

    def add(self, name: str) -> None:
        self._names.append(name)
        if len(self._names) == NAMES_PER_PACK:
            self._packed.append(b"\0".join(map(os.fsencode, sorted(self._names))) + b"\0")
            self._names.clear()

    def __iter__(self) -> Iterator[str]:
        if not self._packed:
            return iter(sorted(self._names))
        from heapq import merge

        return merge(sorted(self._names), *map(_unpacked, self._packed))


def _unpacked(names: bytes) -> Iterator[str]:
    start = 0
    while (end := names.find(b"\0", start)) >= 0:
        yield os.fsdecode(names[start:end])
        start = end + 1


def has_image_name(name: str) -> bool:
    """True if a file of this name in a folder is taken for an image."""
    return name.lower().endswith(_SUFFIXES) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """True for names that systems, archivers and NAS devices use for their own files, thumbnails among them."""
    return name.startswith(".") or name.casefold() in _OF_SYSTEMS
