"""Frames, and those of a video file: all of them or one for each interval, none dropped."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import cv2

from edgecls.errors import VideoError
from edgecls.image import Pixels
from edgecls.image_limits import ImageLimits
from edgecls.runtime.video.capture import Capture, Timeline, check_frame_size, read_facts, retrieve_rgb
from edgecls.runtime.video.source import VideoSource

__all__ = ["Crop", "FileFrames", "Frame", "Schedule", "now"]

USUAL_FPS = 25.0  # where neither rate nor timestamps are known
ROUNDING_S = 1e-4  # by which timestamps may be below what is meant
ATTEMPTS = 100  # to go on after frames that cannot be decoded
SHORT_S, SHORT_SHARE = 1.0, 0.02  # by which a whole video may end before the time that its header says


@dataclass(frozen=True)
class Frame:
    """A frame of a video, camera or stream.

    Attributes:
        source: What it is from, without passwords.
        number: Counted from 0; of a live source, all that came count, also those that were passed over.
        position_s: Seconds from the beginning of the video, or since the first frame of a live source.
        clock: When it was read, in UTC.
        pixels: uint8, ``[H, W, 3]`` RGB, upright; cropped, if that was asked for.
        fps: Frames a second of the source; None if unknown.
    """

    source: str
    number: int
    position_s: float
    clock: datetime
    pixels: Pixels = field(repr=False, compare=False)
    fps: float | None = None

    @property
    def name(self) -> str:
        """What the frame is called as an image: its source and time, as in "clip.mp4#t=1.500"."""
        return f"{self.source}#t={self.position_s:.3f}"


@dataclass(frozen=True)
class Crop:
    """A part of every frame, in pixels of the upright frame.

    Raises:
        ValueError: It has no pixels, or begins outside.
    """

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.x, self.y) < 0 or min(self.width, self.height) < 1:
            raise ValueError(f"a crop has x and y from 0 and width and height from 1, got {self}")

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    def within(self, width: int, height: int, *, source: VideoSource) -> tuple[slice, slice]:
        """Return its rows and columns.

        Raises:
            VideoError: It is not within frames of this size.
        """
        if self.x + self.width > width or self.y + self.height > height:
            raise VideoError(
                f"cannot crop {self} from {source.shown!r}: its frames are {width}x{height}; give x,y,width,height "
                "within them"
            )
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


class Schedule:
    """Which frames are due: the first at or after each multiple of an interval.

    Args:
        every_s: The interval in seconds; None for every frame.
    """

    def __init__(self, every_s: float | None) -> None:
        self._every_s = every_s
        self._due_s = 0.0

    def takes(self, position_s: float) -> bool:
        """True if the frame at this position is due; positions only grow."""
        if self._every_s is None:
            return True
        at_s = position_s + ROUNDING_S
        if at_s < self._due_s:
            return False
        self._due_s = (at_s // self._every_s + 1) * self._every_s
        return True


class FileFrames:
    """The frames of a video with an end, in order.

    Args:
        capture: Opened on the video; released at the end.
        source: What it is.
        every_s: Take the first frame of each interval of so many seconds; None for all.
        crop: The part to take; None for whole frames.
        limits: Bounds on the frames.

    Attributes:
        fault: After the last frame: what is wrong with the video; None if it is whole. An exception would come before
            the answers for frames that are still being classified.

    Raises:
        VideoError: The frames are too large, or the crop is not within them.
    """

    def __init__(
        self, capture: Capture, source: VideoSource, *, every_s: float | None, crop: Crop | None, limits: ImageLimits
    ) -> None:
        self._capture = capture
        self._source = source
        self._facts = read_facts(capture)
        self.fault: str | None = None
        self._schedule = Schedule(every_s)
        try:
            check_frame_size(self._facts.width, self._facts.height, source, limits)
            width, height = self._facts.width, self._facts.height
            self._part = None if crop is None else crop.within(width, height, source=source)
        except VideoError:
            capture.release()
            raise

    @property
    def frame_bytes(self) -> int:
        """Memory that a whole frame takes."""
        return 3 * max(1, self._facts.width * self._facts.height)

    def __iter__(self) -> Iterator[Frame]:
        number, lost, position_s, longest_s = 0, 0, 0.0, 0.0
        fps = self._facts.fps
        step_s = 1 / (fps or USUAL_FPS)
        timeline = Timeline(lambda before_s: before_s + step_s)
        try:
            while (skipped := self._grab(number + lost)) is not None:
                lost += skipped
                before_s = position_s
                position_s = timeline.place(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
                longest_s = max(longest_s, position_s - before_s)
                if self._schedule.takes(position_s):
                    pixels = retrieve_rgb(self._capture, self._part)
                    if pixels is None:
                        lost += 1
                        continue
                    yield Frame(self._source.shown, number + lost, position_s, now(), pixels, fps)
                number += 1
        finally:
            self._capture.release()
        self.fault = self._fault(number, lost, position_s + step_s, longest_s)

    def _grab(self, done: int) -> int | None:
        """Go to the next frame that can be decoded; return how many were passed over, or None at the end."""
        for attempt in range(ATTEMPTS):
            if self._capture.grab():
                return attempt
            if self._facts.frame_count is not None and done + attempt >= self._facts.frame_count:
                return None
        return None

    def _fault(self, number: int, lost: int, end_s: float, longest_s: float) -> str | None:
        shown, duration_s = self._source.shown, self._facts.duration_s
        if not number:
            return f"cannot read {shown!r}: no frame can be decoded; it is damaged, or its codec is not supported"
        if lost:
            noun = "frame" if lost == 1 else "frames"
            return f"{shown!r} is damaged: {lost} {noun} could not be decoded; those that could are classified"
        is_counted = self._facts.frame_count is not None and number >= self._facts.frame_count
        if duration_s is None or is_counted:
            return None
        if duration_s - end_s > max(SHORT_S, SHORT_SHARE * duration_s, longest_s):
            return (
                f"{shown!r} ends at {end_s:.1f} s of {duration_s:.1f} s: it is cut short or damaged; the frames up to "
                "there are classified"
            )
        return None


def now() -> datetime:
    """Return the time of the clock, in UTC."""
    return datetime.now(UTC)
