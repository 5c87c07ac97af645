"""What the images that a server stores take on the disk, and which are there, without listing them each time."""

import contextlib
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from edgecls.image_files import IMAGE_SUFFIXES

__all__ = ["FolderSizes", "blocks"]

BLOCK_BYTES = 4096  # the usual block of file systems: a file of one byte takes as much
_STAGED = re.compile(r"\.[0-9a-f]{8}-[0-9a-f]{64}\.[a-z]+")  # a file on its way to its name


class FolderSizes:
    """What the files in the folders of a store take. A folder is listed again only when somebody else has changed it:
    people, and other processes of the server.

    Whether they were is seen from their time of change. Systems round that to some milliseconds, in which two processes
    may well have changed a folder; so this one sets it to the nanosecond after each change of its own.

    Args:
        root: The folder of these folders.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: dict[str, tuple[int, dict[str, int]]] = {}  # by folder: when it was changed, bytes by name of file

    def look(self) -> int:
        """Return the bytes that all files take, after a look at what others have changed.

        Unfinished files of a killed process are removed: the caller holds the lock.

        Raises:
            OSError: The folder cannot be listed.
        """
        with os.scandir(self._root) as entries:
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        self._seen = {name: seen for name in folders if (seen := self._look_into(name)) is not None}
        return sum(sum(sizes.values()) for _, sizes in self._seen.values())

    def find(self, sha256: str) -> list[Path]:
        """Return the files that hold an image, in folders that are not hidden."""
        names = [sha256 + suffix for suffix in IMAGE_SUFFIXES]
        return [
            self._root / folder / name
            for folder, (_, sizes) in self._seen.items()
            for name in names
            if not folder.startswith(".") and name in sizes
        ]

    def of(self, file: Path) -> int:
        """Return the bytes that a file takes; 0 if it is not there."""
        _, sizes = self._seen.get(file.parent.name, (0, {}))
        return sizes.get(file.name, 0)

    def note(self, files: Iterable[Path]) -> None:
        """Take note of files that were written or removed just now."""
        for file in files:
            folder = file.parent
            _, sizes = self._seen.setdefault(folder.name, (0, {}))
            sizes.pop(file.name, None)
            with contextlib.suppress(OSError):
                sizes[file.name] = blocks(file.lstat().st_size)
            changed_ns = time.time_ns()
            with contextlib.suppress(OSError):
                os.utime(folder, ns=(changed_ns, changed_ns))
                self._seen[folder.name] = folder.stat().st_mtime_ns, sizes

    def _look_into(self, name: str) -> tuple[int, dict[str, int]] | None:
        """Return what a folder has; None if it is not there any more."""
        before_ns, known = self._seen.get(name, (0, {}))
        folder = self._root / name
        try:
            changed_ns = folder.stat().st_mtime_ns
            if changed_ns == before_ns:
                return before_ns, known
            names = os.listdir(folder)
        except FileNotFoundError:
            return None
        sizes = {}
        for file in names:
            if file in known:
                sizes[file] = known[file]
                continue
            with contextlib.suppress(FileNotFoundError):
                if _STAGED.fullmatch(file):
                    (folder / file).unlink()
                else:
                    sizes[file] = blocks(os.lstat(os.path.join(folder, file)).st_size)
        return changed_ns, sizes


def blocks(size: int) -> int:
    """Return the bytes that a file of some size takes."""
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
