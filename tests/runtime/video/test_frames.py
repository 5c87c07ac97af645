"""Frames of video files: none dropped, at the right time, upright, in the right colours, and damage told."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_camera import FakeCapture, of_color
from videos import BLUE, COLORS, GREEN, RED, turn, write_noise, write_video

from edgecls.errors import VideoError
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
from edgecls.runtime.video.capture import open_capture
from edgecls.runtime.video.frames import Crop, FileFrames, Frame, Schedule
from edgecls.runtime.video.source import parse_source


def _read(
    path: Path, *, every_s: float | None = None, crop: Crop | None = None, limits: ImageLimits = DEFAULT_LIMITS
) -> tuple[list[Frame], str | None]:
    source = parse_source(path)
    frames = FileFrames(open_capture(source, 10), source, every_s=every_s, crop=crop, limits=limits)
    return list(frames), frames.fault


def _color(frame: Frame) -> str:
    mean = frame.pixels.reshape(-1, 3).mean(axis=0)
    return min(COLORS, key=lambda name: float(np.abs(mean - COLORS[name]).sum()))


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.avi", "MJPG"), ("a.mp4", "mp4v"), ("a.mov", "mp4v"), ("a.mkv", "VP80"), ("a.mkv", "FFV1"), ("a.wmv", "WMV2")],
)
def test_every_frame_comes_once_in_order_with_its_time_and_colour(tmp_path: Path, name: str, codec: str) -> None:
    colors = ["red"] * 7 + ["green"] * 5 + ["blue"] * 8

    frames, fault = _read(write_video(tmp_path / name, colors, codec=codec))

    assert fault is None
    assert [_color(frame) for frame in frames] == colors
    assert [frame.number for frame in frames] == list(range(20))
    np.testing.assert_allclose([frame.position_s for frame in frames], np.arange(20) / 10, atol=1e-3)
    assert frames[0].pixels.dtype == np.uint8
    assert frames[0].pixels.shape == (48, 64, 3)
    assert frames[0].fps == 10
    assert frames[15].name == f"{tmp_path / name}#t=1.500"
    assert frames[0].clock <= frames[-1].clock


@pytest.mark.parametrize(
    ("every_s", "numbers"),
    [(0.5, [0, 5, 10, 15, 20]), (1.0, [0, 10, 20]), (0.25, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23]), (60.0, [0])],
)
def test_an_interval_takes_the_first_frame_of_each(tmp_path: Path, every_s: float, numbers: list[int]) -> None:
    frames, _ = _read(write_video(tmp_path / "a.mp4", ["red"] * 25), every_s=every_s)

    assert [frame.number for frame in frames] == numbers


def test_an_interval_shorter_than_a_frame_takes_all(tmp_path: Path) -> None:
    frames, _ = _read(write_video(tmp_path / "a.mp4", ["red"] * 12, fps=29.97), every_s=0.001)

    assert len(frames) == 12


def test_a_gap_in_time_is_one_frame_and_the_grid_stays() -> None:
    schedule = Schedule(1.0)

    taken = [position for position in (0, 0.4, 0.99995, 1.4, 5.3, 5.9, 6.1) if schedule.takes(position)]

    assert taken == [0, 0.99995, 5.3, 6.1]


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_phones_video_is_upright(tmp_path: Path, quarter_turns: int) -> None:
    stored = np.full((48, 64, 3), RED, np.uint8)
    stored[:24, :32] = BLUE
    path = tmp_path / "a.mp4"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for _ in range(3):
        writer.write(stored[:, :, ::-1].copy())
    writer.release()
    turn(path, quarter_turns)

    frames, _ = _read(path)

    upright = np.rot90(stored, -quarter_turns)
    assert frames[0].pixels.shape == upright.shape
    assert np.abs(frames[0].pixels.astype(int) - upright).mean() < 12


def test_a_crop_is_taken_from_the_upright_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", ["green"] * 2)
    turn(path, 1)

    frames, _ = _read(path, crop=Crop(8, 50, 40, 14))

    assert frames[0].pixels.shape == (14, 40, 3)
    assert _color(frames[0]) == "green"


@pytest.mark.parametrize("crop", [Crop(0, 0, 65, 10), Crop(60, 0, 5, 5), Crop(0, 48, 1, 1)])
def test_a_crop_outside_the_frame_is_refused_and_the_file_closed(tmp_path: Path, crop: Crop) -> None:
    capture = FakeCapture([(of_color(RED), 0.0)], size_wh=(64, 48))

    with pytest.raises(VideoError, match=r"its frames are 64x48; give x,y,width,height within them"):
        FileFrames(capture, parse_source("a.mp4"), every_s=None, crop=crop, limits=DEFAULT_LIMITS)
    assert capture.released.is_set()


@pytest.mark.parametrize("numbers", [(-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 5, 0)])
def test_a_crop_without_pixels_is_no_crop(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="a crop has x and y from 0"):
        Crop(*numbers)


def test_frames_above_the_limit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="its frames are 64x48 pixels, more than"):
        _read(write_video(tmp_path / "a.mp4", ["red"]), limits=ImageLimits(max_pixels=3000))


def test_a_video_that_is_cut_short_gives_its_frames_and_then_says_so(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "a.mkv", 60, codec="VP80")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    frames, fault = _read(path)

    assert 15 < len(frames) < 45
    assert fault is not None
    assert "of 6.0 s: it is cut short or damaged" in fault


def test_damage_in_the_middle_costs_only_the_frames_there(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "a.avi", 60, codec="MJPG")
    content = bytearray(path.read_bytes())
    for at in np.random.default_rng(1).integers(len(content) // 4, len(content) * 3 // 4, 400):
        content[at] ^= 0x55
    path.write_bytes(content)

    frames, fault = _read(path)

    assert len(frames) > 40
    assert frames[-1].position_s > 5.5
    assert fault is not None
    assert "could not be decoded; those that could are classified" in fault


def test_a_video_without_a_frame_is_a_fault() -> None:
    frames = FileFrames(FakeCapture([], fps=10), parse_source("a.mp4"), every_s=None, crop=None, limits=DEFAULT_LIMITS)

    assert list(frames) == []
    assert frames.fault is not None
    assert "no frame can be decoded" in frames.fault


def test_frames_without_rate_and_timestamps_still_have_times() -> None:
    capture = FakeCapture([(of_color(GREEN), 0.0)] * 60, fps=1000)
    frames = FileFrames(capture, parse_source("a.h264"), every_s=1.0, crop=None, limits=DEFAULT_LIMITS)

    assert [round(frame.position_s, 3) for frame in frames] == [0, 1, 2]
    assert frames.fault is None


def test_frames_at_uneven_times_are_taken_by_their_timestamps() -> None:
    times = [0, 100, 200, 2200, 2210, 5000]
    capture = FakeCapture([(of_color(GREEN), time) for time in times], fps=25, frame_count=150)
    frames = FileFrames(capture, parse_source("a.mkv"), every_s=1.0, crop=None, limits=DEFAULT_LIMITS)

    assert [frame.position_s for frame in frames] == [0, 2.2, 5]
    assert frames.fault is None  # its last frame may be shown as long as others were
