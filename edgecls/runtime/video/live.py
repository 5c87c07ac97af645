"""Cameras and streams: always the newest frame, and a new connection when the old one is lost.

A thread of its own opens the source and reads it, as OpenCV waits for a source in C, where Ctrl-C does not reach it. It
reads as fast as frames come and keeps one of them, so that a slow network never falls behind the camera.
"""

import contextlib
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import cv2

from edgecls.errors import SourceLostError, VideoError
from edgecls.image import Pixels
from edgecls.image_limits import ImageLimits
from edgecls.runtime.video.capture import Capture, Opener, Timeline, check_frame_size, read_facts, retrieve_rgb
from edgecls.runtime.video.frames import Crop, Frame, now
from edgecls.runtime.video.source import VideoSource

__all__ = ["LiveFrames", "is_still_reading"]

GRACE_S = 1.0  # beyond the time limit, for OpenCV to keep to it
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0  # between two tries to connect; each is twice as long
STOPPING_S = 1.0  # for the thread to end; if it waits in OpenCV, the program ends without it
DRIFT_S, DRIFT_SHARE = 3.0, 0.05  # by which timestamps may be off the clock; those of MJPEG over HTTP are made up
UNREADABLE = 100  # frames one after another
_THREAD_NAME = "edgecls-video"


@dataclass(frozen=True)
class _Shot:
    """A frame as the thread leaves it: the how manieth of its connection, from 1, and where in it.

    `at_s` is by the monotonic clock.
    """

    count: int
    at_s: float
    position_s: float
    clock: datetime
    pixels: Pixels


class LiveFrames:
    """The frames of a camera or stream: whenever one is asked for, the newest.

    Args:
        source: What to read.
        opener: Opens it; called in other threads, one after another.
        every_s: At most one frame in so many seconds; None for as many as are asked for.
        crop: The part to take; None for whole frames.
        limits: Bounds on the frames.
        timeout_s: After so long without a frame, or without an answer when connecting, it is lost.
        reconnect_s: How long to try to get a lost source back; 0 for not at all.
        on_notice: Told when the source is lost, and when it is back.
        may_end: Whether the source may be a video with an end, as those on web servers are.

    Attributes:
        finite: What the source was opened as, where it turned out to be a video with an end; there are no frames then.
    """

    def __init__(
        self,
        source: VideoSource,
        opener: Opener,
        *,
        every_s: float | None,
        crop: Crop | None,
        limits: ImageLimits,
        timeout_s: float,
        reconnect_s: float,
        on_notice: Callable[[str], None],
        may_end: bool = False,
    ) -> None:
        self._source = source
        self._every_s = every_s
        self._reconnect_s = reconnect_s
        self._on_notice = on_notice
        self.finite: Capture | None = None

        def connect() -> _Connection:
            return _Connection(source, opener, crop=crop, limits=limits, timeout_s=timeout_s, may_end=may_end)

        self._connect = connect

    def __iter__(self) -> Iterator[Frame]:
        """Connect, and yield frames until the source is lost.

        Raises:
            VideoError: It cannot be opened, its frames are too large, or the crop is not within them.
            SourceLostError: It was lost, and did not come back.
        """
        connection = self._connect()
        start_s: float | None = None
        before, due_s = 0, 0.0
        offset_s = position_s = 0.0  # timestamps begin anew with each connection
        try:  # Ctrl-C may come while the thread is started, too
            connection.start()
            while True:
                found = connection.newest(from_s=due_s)
                if found is None:
                    self.finite = connection.finite
                    return
                if isinstance(found, VideoError):
                    if start_s is None or connection.is_hopeless:
                        raise _in_full(found, self._source)
                    before += connection.count
                    connection = self._connect_again(connection, found)
                    offset_s = max(position_s, connection.begun_s - start_s)
                    continue
                start_s = connection.begun_s if start_s is None else start_s
                position_s = offset_s + found.position_s
                number = before + found.count - 1
                yield Frame(self._source.shown, number, position_s, found.clock, found.pixels, connection.fps)
                if self._every_s is not None:
                    now_s = time.monotonic()
                    due_s = due_s + self._every_s if now_s - due_s < 2 * self._every_s else now_s + self._every_s
        finally:
            connection.stop()

    def _connect_again(self, connection: "_Connection", reason: VideoError) -> "_Connection":
        """Return a connection that has given a frame."""
        shown = self._source.shown
        end_s, pause_s = time.monotonic() + self._reconnect_s, FIRST_PAUSE_S
        if self._reconnect_s:
            self._on_notice(f"{shown} is lost: {reason}; trying to get it back for {self._reconnect_s:g} s")
        connection.stop()
        while (left_s := end_s - time.monotonic()) > 0:
            threading.Event().wait(min(pause_s, left_s))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            if connection.is_open:  # nothing is opened twice at once
                continue
            connection = self._connect()
            try:
                connection.start()
                has_come = connection.has_come()
            except BaseException:
                connection.stop()
                raise
            if has_come or connection.is_hopeless:
                self._on_notice(f"{shown} is back")
                return connection
            connection.stop()
        tried = f" and did not come back within {self._reconnect_s:g} s" if self._reconnect_s else ""
        raise SourceLostError(f"{shown!r} was lost{tried}: {reason}; check the camera and the network")


class _NoFramesError(VideoError):
    """A source that was opened gives no frames; the text is only the reason."""


def _in_full(error: VideoError, source: VideoSource) -> VideoError:
    if isinstance(error, _NoFramesError):
        return VideoError(f"cannot read {source.shown!r}: {error}; check the camera and the network")
    return error


class _Connection:
    """One connection: a thread that opens the source and keeps its newest frame.

    Attributes:
        count: Frames that came.
        begun_s: When the first one came, by the monotonic clock.
        fps: As the source says.
        finite: The capture, if the source has an end; the thread has ended then.
        is_hopeless: Its error would be the same another time.
    """

    def __init__(
        self,
        source: VideoSource,
        opener: Opener,
        *,
        crop: Crop | None,
        limits: ImageLimits,
        timeout_s: float,
        may_end: bool,
    ) -> None:
        self._source, self._opener = source, opener
        self._crop, self._limits = crop, limits
        self._timeout_s, self._may_end = timeout_s, may_end
        self.count, self.begun_s = 0, 0.0
        self.fps: float | None = None
        self.finite: Capture | None = None
        self.is_hopeless = False
        self._newest: deque[_Shot] = deque(maxlen=1)
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()  # in C: Ctrl-C cannot leave a lock of it held
        self._error: VideoError | None = None
        self._failure: BaseException | None = None
        self._has_ended = False
        self._wanted_from_s = 0.0
        self._heard_s = time.monotonic()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=_THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Begin to open the source."""
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """True as long as the thread has not ended."""
        return self._thread.is_alive()

    def has_come(self) -> bool:
        """Wait for the first frame; return False if there is an error instead."""
        return self._wait_for(lambda: bool(self._newest)) is None

    def newest(self, *, from_s: float) -> "_Shot | VideoError | None":
        """Wait for a frame that has not been returned yet, the newest.

        Args:
            from_s: It comes at this time of the monotonic clock or later.

        Returns:
            The frame; or why there is none; None if the source has an end.
        """
        self._wanted_from_s = from_s
        while True:
            error = self._wait_for(lambda: bool(self._newest) or self.finite is not None)
            if error is not None or not self._newest:
                return error
            shot = self._newest.popleft()
            if shot.at_s >= from_s:
                return shot

    def _wait_for(self, is_there: Callable[[], bool]) -> VideoError | None:
        while not is_there():
            if self._has_ended and not is_there():
                if self._failure is not None:
                    raise self._failure
                return self._error
            left_s = self._heard_s + self._timeout_s + GRACE_S - time.monotonic()
            if left_s <= 0:
                return self._silent()
            with contextlib.suppress(queue.Empty):
                self._news.get(timeout=left_s)
        return None

    def _tell(self) -> None:
        if self._news.empty():
            self._news.put(None)

    def _silent(self) -> VideoError:
        return _NoFramesError(f"no answer within {self._timeout_s:g} s")

    def stop(self) -> None:
        """End the thread, and wait for that a moment; see `is_still_reading`."""
        self._is_stopping = True
        if self._thread.ident is not None:
            self._thread.join(STOPPING_S)

    def _run(self) -> None:
        try:
            self._error = self._read()
        except VideoError as refused:
            self._error = refused
        except BaseException as failure:  # noqa: BLE001  raised again where frames are waited for
            self._failure = failure
        self._has_ended = True
        self._tell()

    def _read(self) -> VideoError | None:
        capture = self._opener(self._source, self._timeout_s)
        facts = read_facts(capture)
        self.fps = facts.fps
        if self._may_end and facts.frame_count is not None:
            self.finite = capture
            return None
        try:
            self._check(facts.width, facts.height)
            return self._keep_newest(capture)
        finally:
            capture.release()

    def _check(self, width: int, height: int) -> tuple[slice, slice] | None:
        """Return the part of frames of this size."""
        try:
            check_frame_size(width, height, self._source, self._limits)
            if self._crop is None or not width or not height:
                return None
            return self._crop.within(width, height, source=self._source)
        except VideoError:
            self.is_hopeless = True
            raise

    def _keep_newest(self, capture: Capture) -> VideoError | None:
        timeline = Timeline(lambda _: time.monotonic() - self.begun_s)
        first_s, unreadable, has_drifted = 0.0, 0, False
        while not self._is_stopping:
            tried_s = time.monotonic()
            if not capture.grab():
                is_late = time.monotonic() - tried_s >= self._timeout_s
                return self._silent() if is_late else _NoFramesError("it gives no more frames")
            now_s = self._heard_s = time.monotonic()
            timestamp_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if not self.count:
                self.begun_s, first_s = now_s, timestamp_s
            self.count += 1
            elapsed_s = now_s - self.begun_s
            has_drifted |= abs(timestamp_s - first_s - elapsed_s) > DRIFT_S + DRIFT_SHARE * elapsed_s
            position_s = timeline.place(math.nan if has_drifted else timestamp_s - first_s)
            if now_s < self._wanted_from_s:
                continue
            frame = retrieve_rgb(capture)
            if frame is None:
                unreadable += 1
                if unreadable == UNREADABLE:
                    return _NoFramesError("its frames cannot be read")
                continue
            unreadable = 0
            part = self._check(frame.shape[1], frame.shape[0])
            self._newest.append(_Shot(self.count, now_s, position_s, now(), frame if part is None else frame[part]))
            self._tell()
        return None


def is_still_reading() -> bool:
    """True if OpenCV waits for a source in a thread that could not be stopped.

    Python up to 3.13 aborts if such a thread comes back from C++ while the interpreter ends.
    """
    return any(thread.name == _THREAD_NAME for thread in threading.enumerate())
