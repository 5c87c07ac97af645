"""Photos from a camera: a live view, and a button that takes one."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPixmap
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout, QWidget

from edgecls.desktop.shared.thumbnails import to_qimage
from edgecls.desktop.shared.words import Words
from edgecls.errors import OutputError, VideoError
from edgecls.file_moves import numbered, write_new_file
from edgecls.image import Pixels, encode_jpeg
from edgecls.image_limits import DEFAULT_LIMITS
from edgecls.runtime.video.capture import Opener, open_capture
from edgecls.runtime.video.live import LiveFrames
from edgecls.runtime.video.source import parse_source

__all__ = ["CameraDialog", "save_photo"]

TIMEOUT_S = 8.0  # for a camera to give its first frame, and each one after it
SHOWN_EVERY_S = 1 / 25
JPEG_QUALITY = 95
VIEW_WIDTH, VIEW_HEIGHT = 640, 480
MAX_CAMERA = 63
SERIES_STARTS_MS = 400  # after which a click becomes a series
SERIES_EVERY_MS = 200


class CameraDialog(QDialog):
    """Shows what a camera sees; `taken` has the path of each photo.

    Args:
        parent: The window.
        words: The language.
        folder: Where photos are kept.
        opener: Opens a camera; None for OpenCV's.
        takes_series: Whether photos are taken as long as the button is held, one after another.
    """

    taken = Signal(str)

    _framed = Signal(int, object)
    _failed = Signal(int, str)

    def __init__(
        self,
        parent: QWidget | None,
        words: Words,
        *,
        folder: Path,
        opener: Opener | None = None,
        takes_series: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(words("camera.title"))
        self._words, self._folder, self._opener = words, folder, opener or open_capture
        self._run = 0  # number of the camera that was opened last
        self._is_closed = False
        self._frame: Pixels | None = None
        self._count = 0
        self.view = QLabel(words("camera.opening"))
        self.view.setFixedSize(VIEW_WIDTH, VIEW_HEIGHT)
        self.view.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.view.setWordWrap(True)
        self.number = QSpinBox()
        self.number.setRange(0, MAX_CAMERA)
        self.number.setAccessibleName(words("camera.number"))
        self.number.valueChanged.connect(self.open_camera)
        self.take_button, close = QPushButton(words("camera.take")), QPushButton(words("camera.close"))
        self.take_button.setObjectName("primary")
        self.take_button.setEnabled(False)
        self.take_button.setDefault(True)
        self.take_button.clicked.connect(self._on_click)
        self._series = QTimer(self)
        self._series.timeout.connect(self._take_next)
        self._is_series = False
        if takes_series:
            self.take_button.pressed.connect(lambda: self._series.start(SERIES_STARTS_MS))
            self.take_button.released.connect(self._series.stop)
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        self.said = QLabel(words("camera.series") if takes_series else "")
        self.said.setObjectName("soft")
        line = QHBoxLayout()
        for widget in (QLabel(words("camera.number")), self.number, self.said):
            line.addWidget(widget)
        line.addStretch()
        line.addWidget(close)
        line.addWidget(self.take_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 18, 18, 18)
        column.addWidget(self.view)
        column.addLayout(line)
        self._framed.connect(self._show_frame, Qt.ConnectionType.QueuedConnection)
        self._failed.connect(self._show_fault, Qt.ConnectionType.QueuedConnection)
        self.open_camera(0)

    def open_camera(self, number: int) -> None:
        """Show what a camera sees, by its number."""
        self._run += 1
        self._frame = None
        self.take_button.setEnabled(False)
        self.view.setText(self._words("camera.opening"))
        threading.Thread(target=self._read, args=(self._run, number), name="edgecls-camera", daemon=True).start()

    def take(self) -> None:
        """Keep what the camera sees now as a photo."""
        if self._frame is None:
            return
        try:
            path = save_photo(self._frame, self._folder)
        except OutputError as error:
            self.said.setText(str(error))
            return
        self._count += 1
        self.said.setText(self._words("camera.taken", count=self._count))
        self.taken.emit(str(path))

    def _take_next(self) -> None:
        self._is_series = True
        self._series.setInterval(SERIES_EVERY_MS)
        self.take()

    def _on_click(self) -> None:
        """Take a photo, unless the button was held for a series, which has ended."""
        if self._is_series:
            self._is_series = False
        else:
            self.take()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Let go of the camera."""
        self._stop()
        super().closeEvent(event)

    def reject(self) -> None:
        """Let go of the camera; Escape ends here."""
        self._stop()
        super().reject()

    def _stop(self) -> None:
        self._is_closed = True
        self._series.stop()
        self._run += 1

    def _read(self, run: int, number: int) -> None:
        frames = LiveFrames(
            parse_source(f"camera:{number}"),
            self._opener,
            every_s=SHOWN_EVERY_S,
            crop=None,
            limits=DEFAULT_LIMITS,
            timeout_s=TIMEOUT_S,
            reconnect_s=0,
            on_notice=lambda text: None,
        )
        try:
            for frame in frames:
                if run != self._run:
                    return
                self._framed.emit(run, frame.pixels)
        except VideoError as error:
            if run == self._run:
                self._failed.emit(run, str(error))

    def _show_frame(self, run: int, pixels: Pixels) -> None:
        if run != self._run or self._is_closed:
            return
        self._frame = pixels
        self.take_button.setEnabled(True)
        pixmap = QPixmap.fromImage(to_qimage(np.ascontiguousarray(pixels)))
        keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        self.view.setPixmap(pixmap.scaled(self.view.size(), keep, smooth))

    def _show_fault(self, run: int, message: str) -> None:
        if run != self._run or self._is_closed:
            return
        self._frame = None
        self.take_button.setEnabled(False)
        self.view.setText(message)


def save_photo(pixels: Pixels, folder: Path, *, now: Callable[[], datetime] = datetime.now) -> Path:
    """Write a photo under a name with the time, and return its path; nothing is overwritten.

    Raises:
        OutputError: It cannot be written.
    """
    path = folder / f"{now():%Y-%m-%d-%H%M%S}.jpg"
    data = encode_jpeg(pixels, quality=JPEG_QUALITY)
    number = 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                write_new_file(data, numbered(path, number))
                return numbered(path, number)
            except FileExistsError:
                number += 1
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror or error}; make room for it") from error
