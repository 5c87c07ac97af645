"""A video with the answer under every frame that was classified."""

import os
from pathlib import Path

import cv2
import numpy as np

from edgecls.drawing.overlays import with_label_bar
from edgecls.errors import OutputError
from edgecls.file_moves import move_file, numbered
from edgecls.image import Pixels
from edgecls.runtime.explanation import for_viewing
from edgecls.runtime.frame_predictions import FramePrediction

__all__ = ["LabelledVideo"]

USUAL_FPS = 25.0
LOWEST_FPS, HIGHEST_FPS = 1.0, 60.0
LONGEST_S = 10.0  # that a frame is held when the next one is far away, as after a lost connection
CODEC = "mp4v"  # MPEG-4, which OpenCV can write everywhere


class LabelledVideo:
    """Writes the frames that it is given, each as long as until the next one, so that time passes as in the source.

    The file gets its name when it is closed. If the name is taken, it gets a number: "clip-2.mp4".

    Args:
        target: The file, ``.mp4``; its folder must exist.
        every_s: The interval at which frames are taken; None for all.

    Attributes:
        path: The file; None until it is closed, and if there was no frame.
    """

    def __init__(self, target: Path, *, every_s: float | None) -> None:
        self._every_s = every_s
        self._fps = USUAL_FPS
        self._longest_s = max(LONGEST_S, 2 * (every_s or 0))
        self._target = target
        self._staged = target.with_name(f".{os.urandom(4).hex()}-{target.name}")
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._last: Pixels | None = None
        self._last_s = self._shown_s = 0.0
        self._written = 0
        self.path: Path | None = None

    def add(self, found: FramePrediction) -> None:
        """Write a frame.

        Raises:
            OutputError: The file cannot be written.
        """
        answer, position_s = found.prediction, found.frame.position_s
        ground = for_viewing(found.frame.pixels)
        drawn = with_label_bar(ground, answer.described, answer.probability, is_known=answer.is_known)
        drawn = drawn[: drawn.shape[0] // 2 * 2, : drawn.shape[1] // 2 * 2]
        if self._writer is None:
            wanted = found.frame.fps or USUAL_FPS
            if self._every_s is not None:
                wanted = min(wanted, 1 / self._every_s)
            self._fps = min(max(wanted, LOWEST_FPS), HIGHEST_FPS)
            self._open((drawn.shape[1], drawn.shape[0]))
        else:
            self._shown_s += min(position_s - self._last_s, self._longest_s)
        self._last_s = position_s
        if self._size != (drawn.shape[1], drawn.shape[0]):
            drawn = np.asarray(cv2.resize(drawn, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        slot = round(self._shown_s * self._fps)
        if slot < self._written:
            return
        while self._last is not None and self._written < slot:
            self._write(self._last)
        self._last = np.asarray(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), np.uint8)
        self._write(self._last)

    def _open(self, size_wh: tuple[int, int]) -> None:
        self._size = size_wh
        code = cv2.VideoWriter.fourcc(*CODEC)
        self._writer = cv2.VideoWriter(str(self._staged), cv2.CAP_FFMPEG, code, self._fps, size_wh)
        if not self._writer.isOpened():
            self._writer = None
            raise OutputError(f"cannot write {str(self._target)!r}: OpenCV cannot make the file; choose another place")

    def _write(self, frame_bgr: Pixels) -> None:
        if self._writer is not None:
            self._writer.write(frame_bgr)
            self._written += 1

    def close(self) -> None:
        """End the file and give it its name; nothing if there was no frame.

        Raises:
            OutputError: Not all that was written is in the file.
        """
        if self._writer is None:
            return
        self._writer.release()  # says nothing of a full disk
        self._writer = None
        try:
            if _frames_in(self._staged) < self._written:
                raise OutputError(f"cannot write {str(self._target)!r}: it is not whole; is the disk full?")
            number = 1
            while self.path is None:
                try:
                    move_file(self._staged, numbered(self._target, number))
                    self.path = numbered(self._target, number)
                except FileExistsError:
                    number += 1
        except OSError as error:
            raise OutputError(f"cannot write {str(self._target)!r}: {error.strerror}; choose another place") from error
        finally:
            self._staged.unlink(missing_ok=True)


def _frames_in(path: Path) -> int:
    capture = cv2.VideoCapture(f"file:{path.absolute()}", cv2.CAP_FFMPEG)
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT) if capture.isOpened() else 0
    capture.release()
    return round(count)
