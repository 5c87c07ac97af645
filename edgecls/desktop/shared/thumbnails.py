"""Small versions of images for the grid, made when they are first seen, and kept in bounded memory."""

import threading
from collections import OrderedDict

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage, QPixmap

from edgecls.errors import ImageError
from edgecls.image import Pixels, decode_to_fit, read_file
from edgecls.image_formats import read_header
from edgecls.image_spec import Fit, ImageSpec

__all__ = ["Thumbnails", "decode_preview", "to_qimage"]

WORKERS = 2
MAX_BYTES = 48 << 20  # of all thumbnails
MOST_WAITING = 256  # the oldest are dropped: they were scrolled away, and are asked for again when they are seen
PREVIEW_SIDE = 1280  # pixels of the longer side


class Thumbnails(QObject):
    """Makes thumbnails in threads: the ones asked for last first.

    Args:
        side: Of the square thumbnails, in pixels.
        max_bytes: Of all thumbnails that are kept.
    """

    ready = Signal(str)
    """A thumbnail has been made, or cannot be; with the path of the image."""

    _made = Signal(str, object)

    def __init__(self, side: int, *, max_bytes: int = MAX_BYTES) -> None:
        super().__init__()
        self._spec = ImageSpec(side, side, fit=Fit.CROP)
        self._most = max(1, max_bytes // (side * side * 4))
        self._kept: OrderedDict[str, QPixmap | None] = OrderedDict()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._under_way: set[str] = set()
        self._changed = threading.Condition()
        self._is_closed = False
        self._made.connect(self._keep, Qt.ConnectionType.QueuedConnection)
        self._threads = [
            threading.Thread(target=self._work, name="edgecls-thumbnails", daemon=True) for _ in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def get(self, path: str) -> QPixmap | None:
        """Return the thumbnail of an image; None if it is not there yet, or cannot be made."""
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        with self._changed:
            if path not in self._under_way:
                self._waiting[path] = None
                self._waiting.move_to_end(path)
                if len(self._waiting) > MOST_WAITING:
                    self._waiting.popitem(last=False)
                self._changed.notify()
        return None

    def is_broken(self, path: str) -> bool:
        """True if there can be no thumbnail of an image."""
        return path in self._kept and self._kept[path] is None

    def close(self) -> None:
        """End the threads."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if self._is_closed:
                    return
                path, _ = self._waiting.popitem()
                self._under_way.add(path)
            try:
                made: QImage | None = to_qimage(decode_to_fit(read_file(path), self._spec, name=path))
            except ImageError:
                made = None
            with self._changed:
                if self._is_closed:
                    return
            self._made.emit(path, made)

    def _keep(self, path: str, made: QImage | None) -> None:
        with self._changed:
            self._under_way.discard(path)
        self._kept[path] = None if made is None else QPixmap.fromImage(made)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        self.ready.emit(path)


def to_qimage(pixels: Pixels) -> QImage:
    """Return pixels, uint8 ``[H, W, 3]`` RGB, as an image of Qt, which has a copy of them."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def decode_preview(path: str, *, max_side: int = PREVIEW_SIDE) -> Pixels:
    """Return an image for viewing: uint8, ``[H, W, 3]`` RGB, upright, no side longer than `max_side`.

    Large JPEGs are decoded at a smaller scale, so that this is quick.

    Raises:
        ImageError: It cannot be read.
    """
    data = read_file(path)
    height, width = read_header(data, name=path).upright_hw
    scale = min(1.0, max_side / max(height, width))
    spec = ImageSpec(max(1, round(height * scale)), max(1, round(width * scale)), fit=Fit.STRETCH)
    return decode_to_fit(data, spec, name=path)
