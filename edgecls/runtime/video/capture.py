"""OpenCV's captures, opened with time limits and in silence; what they say of themselves is believed where it can be.

Frames are upright: OpenCV turns what a phone recorded sideways.
"""

import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from edgecls.errors import VideoError
from edgecls.image import Pixels
from edgecls.image_limits import ImageLimits
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.video.source import Kind, VideoSource, check_file, why_unreadable

__all__ = [
    "Capture",
    "Opener",
    "Timeline",
    "VideoFacts",
    "check_frame_size",
    "open_capture",
    "read_facts",
    "retrieve_rgb",
]

MAX_FPS = 960.0  # 1000 and 90000 are what containers say that know no rate, but only a time base
MAX_FRAMES = 2**40
MAX_GAP_S = 6 * 3600.0  # between two frames; a larger one is a damaged timestamp
DECODING_THREADS = 4  # each holds a frame back
QUIET = "-8"  # of OPENCV_FFMPEG_LOGLEVEL: nothing at all

_CAMERA_BACKENDS = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION}


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def grab(self) -> bool:
        """Go to the next frame; False if there is none."""

    def retrieve(self) -> tuple[bool, Any]:
        """Return the frame, BGR."""

    def get(self, propId: int) -> float:  # noqa: N803  OpenCV's name
        """Return a property."""

    def release(self) -> None:
        """Close it."""


Opener = Callable[[VideoSource, float], Capture]
"""Opens a source with a time limit in seconds; raises VideoError."""


@dataclass(frozen=True)
class VideoFacts:
    """What a capture says of its source.

    Attributes:
        width: Of the upright frames, in pixels; 0 if unknown.
        height: The same.
        fps: Frames a second; None if unknown.
        frame_count: Frames in the whole video; None if it has no known end.
    """

    width: int
    height: int
    fps: float | None
    frame_count: int | None

    @property
    def duration_s(self) -> float | None:
        """Length of the video in seconds; None if unknown."""
        return None if self.fps is None or self.frame_count is None else self.frame_count / self.fps


def open_capture(source: VideoSource, timeout_s: float) -> Capture:
    """Open a source.

    Args:
        source: What to open.
        timeout_s: How long to wait for a stream's answer, and later for each of its frames; of cameras, their drivers
            decide.

    Raises:
        VideoError: It cannot be opened.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)
    milliseconds = max(1, round(1000 * timeout_s))
    of_ffmpeg = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds),
        *(cv2.CAP_PROP_N_THREADS, min(DECODING_THREADS, usable_cores())),
    ]
    begun_s = time.monotonic()
    try:
        if source.kind is Kind.CAMERA:
            return _opened_camera(source)
        if source.kind is Kind.FILE:
            check_file(source)
            # or else FFmpeg takes a name with a colon for a protocol
            capture = cv2.VideoCapture(f"file:{os.path.abspath(source.address)}", cv2.CAP_FFMPEG, of_ffmpeg)
            if capture.isOpened():
                return capture
            raise VideoError(f"cannot read {source.shown!r}: {why_unreadable(source)}")
        capture = cv2.VideoCapture(source.address, cv2.CAP_FFMPEG, of_ffmpeg)
    except (cv2.error, UnicodeError) as error:  # its text may have the address in it
        raise VideoError(f"cannot open {source.shown!r}: OpenCV does not take the name") from error
    if not capture.isOpened():
        is_late = time.monotonic() - begun_s >= timeout_s
        reason = (
            f"it gave no video within {timeout_s:g} s" if is_late else "it cannot be reached, refuses or has no video"
        )
        raise VideoError(f"cannot open {source.shown!r}: {reason}; check address, name, password and network")
    return capture


def _opened_camera(source: VideoSource) -> Capture:
    backend = _CAMERA_BACKENDS.get(sys.platform, cv2.CAP_ANY)
    camera: int | str = int(source.address) if source.address.isdecimal() else source.address
    capture = cv2.VideoCapture(camera, backend)
    if not capture.isOpened():
        raise VideoError(
            f"cannot open {source.shown!r}: there is no such camera, another program uses it, or it may not be opened; "
            "check that it is plugged in, and who may use it"
        )
    opened: Capture = capture
    return opened


def read_facts(capture: Capture) -> VideoFacts:
    """Return what a capture says, where it can be true."""
    width, height = (
        _within(capture.get(what), 2**31) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    fps = _within(capture.get(cv2.CAP_PROP_FPS), MAX_FPS)
    count = _within(capture.get(cv2.CAP_PROP_FRAME_COUNT), MAX_FRAMES)
    return VideoFacts(int(width or 0), int(height or 0), fps, None if count is None else int(count))


def _within(value: float, largest: float) -> float | None:
    return value if math.isfinite(value) and 0 < value <= largest else None


def check_frame_size(width: int, height: int, source: VideoSource, limits: ImageLimits) -> None:
    """Refuse frames that are too large, before one is decoded.

    Raises:
        VideoError: They have more pixels than the limits allow.
    """
    if width * height > limits.max_pixels:
        raise VideoError(
            f"cannot use {source.shown!r}: its frames are {width}x{height} pixels, more than the "
            f"{limits.max_pixels / 1e6:.4g} megapixels allowed; scale it down or raise the limit"
        )


def retrieve_rgb(capture: Capture, crop: tuple[slice, slice] | None = None) -> Pixels | None:
    """Return the frame that was grabbed; None if it cannot be had.

    Args:
        capture: Where it was grabbed.
        crop: Rows and columns to take; None for all.

    Returns:
        uint8, ``[H, W, 3]`` RGB.
    """
    try:
        is_there, frame = capture.retrieve()
    except cv2.error:
        return None
    if not is_there or frame is None or frame.dtype != np.uint8 or frame.size == 0:
        return None
    part = frame if crop is None else frame[crop]
    code = cv2.COLOR_BGR2RGB if part.ndim == 3 and part.shape[2] == 3 else cv2.COLOR_GRAY2RGB
    return np.asarray(cv2.cvtColor(part, code), np.uint8)


class Timeline:
    """Where frames are in time, from timestamps that may be missing, stand still, go back or be damaged.

    Args:
        clock_s: Seconds for frames whose timestamp is of no use: given the position before, the next one.
    """

    def __init__(self, clock_s: Callable[[float], float]) -> None:
        self._clock_s = clock_s
        self._at_s: float | None = None

    def place(self, timestamp_s: float) -> float:
        """Return the seconds from the beginning at which the next frame is; later than the one before."""
        before_s = self._at_s
        if before_s is None:
            self._at_s = timestamp_s if 0 <= timestamp_s <= MAX_GAP_S else 0.0
        elif before_s < timestamp_s <= before_s + MAX_GAP_S:  # false for NaN
            self._at_s = timestamp_s
        else:
            self._at_s = max(self._clock_s(before_s), math.nextafter(before_s, math.inf))
        return self._at_s
