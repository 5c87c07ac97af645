"""A camera without a camera: captures that give frames as they are told, and an opener for them."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edgecls.errors import VideoError
from edgecls.runtime.video.capture import Capture
from edgecls.runtime.video.source import VideoSource

Timed = tuple[npt.NDArray[Any], float]


def of_color(color: tuple[int, int, int], *, size_wh: tuple[int, int] = (16, 12)) -> npt.NDArray[np.uint8]:
    """Return a frame as OpenCV has it, BGR."""
    return np.full((size_wh[1], size_wh[0], 3), color[::-1], np.uint8)


class FakeCapture:
    """Gives frames with their timestamps in milliseconds.

    Args:
        frames: May be endless.
        before_grab: Called before each frame, in the thread that reads.
    """

    def __init__(
        self,
        frames: Iterable[Timed],
        *,
        fps: float = 0.0,
        frame_count: float = 0.0,
        size_wh: tuple[int, int] = (16, 12),
        before_grab: Callable[[], object] = lambda: None,
    ) -> None:
        self._frames: Iterator[Timed] = iter(frames)
        self._current: Timed | None = None
        self._before_grab = before_grab
        self._facts = {
            cv2.CAP_PROP_FPS: fps,
            cv2.CAP_PROP_FRAME_COUNT: frame_count,
            cv2.CAP_PROP_FRAME_WIDTH: size_wh[0],
            cv2.CAP_PROP_FRAME_HEIGHT: size_wh[1],
        }
        self.grabbed = 0
        self.released = threading.Event()

    def grab(self) -> bool:
        self._before_grab()
        self._current = next(self._frames, None)
        self.grabbed += self._current is not None
        return self._current is not None

    def retrieve(self) -> tuple[bool, Any]:
        return (False, None) if self._current is None else (True, self._current[0])

    def get(self, propId: int) -> float:  # noqa: N803  OpenCV's name
        if propId == cv2.CAP_PROP_POS_MSEC:
            return 0.0 if self._current is None else self._current[1]
        return self._facts.get(propId, 0.0)

    def release(self) -> None:
        self.released.set()


def opener_of(*captures: "FakeCapture | VideoError") -> Callable[[VideoSource, float], Capture]:
    """Return an opener that gives one capture after another, or raises errors in their places; the last one forever."""
    left = list(captures)

    def open_next(source: VideoSource, timeout_s: float) -> Capture:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, VideoError):
            raise found
        return found

    return open_next
