"""Live sources, through captures that are told what to do: the newest frame, and connections lost and made again."""

import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from fake_camera import FakeCapture, Timed, of_color, opener_of
from videos import BLUE, GREEN, RED

from edgecls.errors import SourceLostError, VideoError
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
from edgecls.runtime.video import live
from edgecls.runtime.video.capture import Capture, Opener
from edgecls.runtime.video.frames import Crop, Frame
from edgecls.runtime.video.live import LiveFrames
from edgecls.runtime.video.source import VideoSource, parse_source

CAMERA = parse_source("camera:0")


@pytest.fixture(autouse=True)
def try_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(live, "LONGEST_PAUSE_S", 0.002)


def _frames(
    opener: Opener,
    *,
    source: VideoSource = CAMERA,
    every_s: float | None = None,
    crop: Crop | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
    timeout_s: float = 30,
    reconnect_s: float = 30,
    notices: list[str] | None = None,
    may_end: bool = False,
) -> LiveFrames:
    heard = [] if notices is None else notices
    return LiveFrames(
        source,
        opener,
        every_s=every_s,
        crop=crop,
        limits=limits,
        timeout_s=timeout_s,
        reconnect_s=reconnect_s,
        on_notice=heard.append,
        may_end=may_end,
    )


def _endless(color: tuple[int, int, int] = RED) -> Iterator[Timed]:
    return ((of_color(color), 0.0) for _ in itertools.count())


class _OnCue:
    """Lets a capture grab a number of frames at a time."""

    def __init__(self) -> None:
        self._allowed = threading.Semaphore(0)

    def wait(self) -> None:
        self._allowed.acquire()

    def allow(self, count: int) -> None:
        self._allowed.release(count)


def test_a_slow_reader_gets_the_newest_frame_and_the_others_are_passed_over() -> None:
    cue = _OnCue()
    numbered = (((np.full((12, 16, 3), number, np.uint8)), 40.0 * number) for number in itertools.count())
    capture = FakeCapture(numbered, before_grab=cue.wait)
    frames = iter(_frames(opener_of(capture)))
    cue.allow(1)
    first = next(frames)

    cue.allow(9)
    while capture.grabbed < 10:
        threading.Event().wait(0.001)
    cue.allow(1)  # now the tenth has been left
    while capture.grabbed < 11:
        threading.Event().wait(0.001)
    newest = next(frames)
    cue.allow(100)
    frames.close()  # type: ignore[attr-defined]  # a generator

    assert first.number == 0
    assert newest.number in (9, 10)
    assert newest.pixels[0, 0].tolist() == [newest.number] * 3
    assert newest.position_s == pytest.approx(0.04 * newest.number)
    assert capture.released.wait(30)


def test_without_timestamps_the_clock_tells_the_time() -> None:
    frames = iter(_frames(opener_of(FakeCapture(_endless()))))

    positions = [next(frames).position_s for _ in range(3)]

    assert 0 <= positions[0] < positions[1] < positions[2] < 60


@pytest.mark.parametrize("pace", [0.0, 1e6], ids=["slower", "faster"])
def test_timestamps_that_drift_from_the_clock_are_given_up(monkeypatch: pytest.MonkeyPatch, pace: float) -> None:
    monkeypatch.setattr(live, "DRIFT_S", 0.005)
    made_up = ((of_color(RED), 1e-6 + pace * number) for number in itertools.count())
    frames = iter(_frames(opener_of(FakeCapture(made_up)), every_s=0.02))

    taken = [next(frames) for _ in range(4)]

    assert 0.005 < taken[3].position_s - taken[1].position_s < 60


def test_an_interval_holds_frames_back() -> None:
    waits = []

    def wait_a_little() -> None:
        threading.Event().wait(0.002)
        waits.append(None)

    frames = iter(_frames(opener_of(FakeCapture(_endless(), before_grab=wait_a_little)), every_s=0.1))

    taken = [next(frames) for _ in range(3)]

    assert taken[2].clock.timestamp() - taken[0].clock.timestamp() > 0.19
    assert taken[1].number - taken[0].number > 1


def test_a_lost_source_is_opened_again_and_counts_on() -> None:
    first = FakeCapture([(of_color(RED), 0.0), (of_color(RED), 40.0)])
    second = FakeCapture(_endless(BLUE))
    notices: list[str] = []
    refusals = [VideoError("cannot open 'camera:0': not yet")] * 3
    frames = iter(_frames(opener_of(first, *refusals, second), notices=notices))

    seen: list[Frame] = []
    for frame in frames:
        seen.append(frame)
        if frame.pixels[0, 0].tolist() == list(BLUE):
            break
    frames.close()  # type: ignore[attr-defined]  # a generator

    assert seen[0].pixels[0, 0].tolist() == list(RED)
    assert seen[-1].number >= 2
    assert seen[-1].position_s >= seen[-2].position_s
    assert notices[0] == "camera:0 is lost: it gives no more frames; trying to get it back for 30 s"
    assert notices[1:] == ["camera:0 is back"]
    assert first.released.is_set()
    assert second.released.wait(30)


def test_a_source_that_does_not_come_back_is_lost_and_an_end_is_no_success() -> None:
    lost = FakeCapture([(of_color(RED), 0.0)])
    opener = opener_of(lost, VideoError("cannot open 'camera:0': gone"))

    with pytest.raises(SourceLostError, match=r"'camera:0' was lost and did not come back within 0\.05 s: it gives no"):
        list(_frames(opener, reconnect_s=0.05))


def test_without_reconnecting_a_lost_source_ends_at_once() -> None:
    notices: list[str] = []

    with pytest.raises(SourceLostError, match="'camera:0' was lost: it gives no more frames"):
        list(_frames(opener_of(FakeCapture([(of_color(RED), 0.0)])), reconnect_s=0, notices=notices))
    assert notices == []


def test_a_source_that_cannot_be_opened_is_not_tried_again() -> None:
    opened = []

    def refuse(source: VideoSource, timeout_s: float) -> Capture:
        opened.append(source)
        raise VideoError("cannot open 'camera:0': no such camera")

    with pytest.raises(VideoError, match="no such camera") as raised:
        list(_frames(refuse))
    assert type(raised.value) is VideoError
    assert len(opened) == 1


def test_a_source_that_never_gives_a_frame_is_an_error() -> None:
    with pytest.raises(VideoError, match="cannot read 'camera:0': it gives no more frames"):
        list(_frames(opener_of(FakeCapture([]))))


def test_a_driver_that_hangs_does_not_hang_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "GRACE_S", 0.0)
    monkeypatch.setattr(live, "STOPPING_S", 0.01)
    let_go = threading.Event()
    hanging = FakeCapture(_endless(), before_grab=let_go.wait)

    with pytest.raises(VideoError, match=r"cannot read 'camera:0': no answer within 0\.05 s"):
        list(_frames(opener_of(hanging), timeout_s=0.05))
    let_go.set()

    assert hanging.released.wait(30)


def test_a_camera_is_never_opened_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "GRACE_S", 0.0)
    monkeypatch.setattr(live, "STOPPING_S", 0.01)
    let_go = threading.Event()
    starts = iter([False, True, True, True])
    hanging = FakeCapture(_endless(), before_grab=lambda: next(starts, True) and let_go.wait())
    opened = []

    def open_it(source: VideoSource, timeout_s: float) -> Capture:
        opened.append(source)
        return hanging

    with pytest.raises(SourceLostError, match="was lost"):
        list(_frames(open_it, timeout_s=2, reconnect_s=0.1))
    let_go.set()

    assert len(opened) == 1
    assert hanging.released.wait(30)


def test_a_crop_outside_the_frames_is_not_tried_again() -> None:
    with pytest.raises(VideoError, match="its frames are 16x12"):
        list(_frames(opener_of(FakeCapture(_endless())), crop=Crop(10, 0, 10, 5)))


def test_a_camera_that_comes_back_with_smaller_frames_ends_with_the_reason() -> None:
    small = FakeCapture([(of_color(GREEN, size_wh=(8, 6)), 0.0)] * 3, size_wh=(8, 6))
    opener = opener_of(FakeCapture([(of_color(RED), 0.0)]), small)

    with pytest.raises(VideoError, match="its frames are 8x6"):
        list(_frames(opener, crop=Crop(8, 6, 8, 6)))


def test_frames_above_the_limit_are_refused_also_where_only_the_frame_tells_its_size() -> None:
    unknown = FakeCapture(_endless(), size_wh=(0, 0))

    with pytest.raises(VideoError, match="its frames are 16x12 pixels, more than"):
        list(_frames(opener_of(unknown), limits=ImageLimits(max_pixels=100)))
    assert unknown.released.is_set()


def test_a_frame_that_cannot_be_retrieved_is_passed_over() -> None:
    bad: Timed = (np.zeros((0, 0, 3), np.uint8), 0.0)
    frames = iter(_frames(opener_of(FakeCapture(itertools.chain([bad] * 3, _endless())))))

    assert next(frames).number >= 3


def test_a_video_with_an_end_is_left_to_the_caller() -> None:
    finite = FakeCapture([(of_color(RED), 0.0)], fps=25, frame_count=100)
    frames = _frames(opener_of(finite), may_end=True)

    assert list(frames) == []
    assert frames.finite is finite
    assert not finite.released.is_set()


def test_an_unexpected_failure_of_the_thread_is_raised_where_frames_are_taken() -> None:
    def fail(source: VideoSource, timeout_s: float) -> Capture:
        raise MemoryError("no memory")

    with pytest.raises(MemoryError, match="no memory"):
        list(_frames(fail))
