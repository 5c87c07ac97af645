"""The class folders that images are saved to: whole images, each content once."""

import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edgecls import image
from edgecls.atomic_write import whole_files
from edgecls.dataset.collect.manifest import Record, is_large_enough
from edgecls.errors import ImageError, ImageTooLargeError, OutputError, UnsupportedImageError
from edgecls.folder_names import class_folder
from edgecls.image_files import SUFFIXES_OF_FORMAT, find_images
from edgecls.image_formats import read_header
from edgecls.image_limits import ImageLimits
from edgecls.regular_file import open_regular

__all__ = ["ImageStore", "Stored"]

NAME_DIGITS = 20
"""Digits of the SHA-256 that name a file: 80 bits."""


@dataclass(frozen=True)
class Stored:
    """The outcome of storing some bytes.

    Attributes:
        outcome: saved, duplicate, too_small, too_large, too_many_pixels, damaged or not_an_image.
        sha256: Of the bytes.
        width: Of the image, upright; None if they are not an image.
        height: Of the image, upright.
        file: The image below the root; for a duplicate, the one that was there first.
        detail: The reason in words, if it was not saved.
    """

    outcome: str
    sha256: str
    width: int | None = None
    height: int | None = None
    file: str | None = None
    detail: str | None = None


class ImageStore:
    """Class folders below one root; may be used by several threads.

    Args:
        root: The folder of class folders; created with the first image.
        min_sides: Smallest sides in pixels, in either orientation.
        limits: Limits on bytes and pixels of an image.
        earlier: Records of earlier runs: what they saved is not saved again, even if it has been deleted.
        on_read: Called with the number of files read and of all, while existing images are read.

    Raises:
        OutputError: An existing image cannot be read.
    """

    def __init__(
        self,
        root: Path,
        *,
        min_sides: tuple[int, int],
        limits: ImageLimits,
        earlier: Iterable[Record] = (),
        on_read: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self._root = root
        self._min_sides = min_sides
        self._limits = limits
        self._lock = threading.Lock()
        self._files = {record.sha256: record.file for record in earlier if record.outcome == "saved" and record.sha256}
        paths = find_images(root)
        for index, path in enumerate(paths):
            self._files[_digest_of(path)] = self._name(path)
            on_read(index + 1, len(paths))

    def count(self, label: str) -> int:
        """Return the number of images in a label's folder."""
        return len(find_images(class_folder(self._root, label)))

    def add(self, data: bytes, label: str, *, name: str) -> Stored:
        """Check an image and, if it is whole, large enough and new, save it under its label.

        Args:
            data: The encoded image.
            label: The class, as `folder_names.folder_label` returns it.
            name: Its name in messages.

        Raises:
            OutputError: It cannot be written.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        # One at a time: a decoded image may take hundreds of megabytes, and two threads may bring the same one.
        with self._lock:
            if sha256 in self._files:
                return Stored("duplicate", sha256, file=self._files[sha256])
            try:
                header = read_header(data, name=name)
                height, width = header.upright_hw
                if not is_large_enough(width, height, self._min_sides):
                    return Stored("too_small", sha256, width, height)
                if width * height > self._limits.max_pixels:
                    return Stored("too_many_pixels", sha256, width, height)
                image.decode(data, name=name, limits=self._limits)
            except ImageError as error:
                return Stored(_outcome_of(error), sha256, detail=str(error))
            path = self._save(data, label, sha256[:NAME_DIGITS] + SUFFIXES_OF_FORMAT[header.format][0])
            self._files[sha256] = self._name(path)
            return Stored("saved", sha256, width, height, self._files[sha256])

    def _save(self, data: bytes, label: str, name: str) -> Path:
        folder = class_folder(self._root, label)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot create {str(folder)!r}: {error.strerror}; choose another place") from error
        with whole_files(folder / name) as (staged,):
            staged.write_bytes(data)
        return folder / name

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _digest_of(path: Path) -> str:
    try:
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise OutputError(f"cannot read {str(path)!r}, which is in the output folder: {error.strerror}") from error


def _outcome_of(error: ImageError) -> str:
    if isinstance(error, ImageTooLargeError):
        return "too_large"
    return "not_an_image" if isinstance(error, UnsupportedImageError) else "damaged"
