"""Captures: what they say of themselves, and where frames are in time."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_camera import FakeCapture
from videos import BLUE, write_noise

from edgecls.errors import VideoError
from edgecls.image_limits import ImageLimits
from edgecls.runtime.video.capture import Timeline, check_frame_size, read_facts, retrieve_rgb
from edgecls.runtime.video.source import parse_source


@pytest.mark.parametrize("fps", [0.0, -1.0, math.nan, math.inf, 1000.0, 90000.0])
def test_a_rate_that_cannot_be_true_is_unknown(fps: float) -> None:
    facts = read_facts(FakeCapture([], fps=fps, frame_count=100))

    assert facts.fps is None
    assert facts.duration_s is None


@pytest.mark.parametrize("count", [0.0, -1.0, -9.2e18, math.nan, 1e18])
def test_a_number_of_frames_that_cannot_be_true_is_unknown(count: float) -> None:
    facts = read_facts(FakeCapture([], fps=25, frame_count=count))

    assert facts.frame_count is None
    assert facts.duration_s is None


def test_the_duration_is_known_where_rate_and_number_are() -> None:
    assert read_facts(FakeCapture([], fps=25, frame_count=100)).duration_s == 4


def test_frames_that_are_too_large_are_refused_before_one_is_decoded() -> None:
    limits = ImageLimits(max_pixels=1_000_000)

    with pytest.raises(VideoError, match="60000x40000 pixels, more than the 1 megapixels allowed"):
        check_frame_size(60000, 40000, parse_source("a.mp4"), limits)
    check_frame_size(1000, 1000, parse_source("a.mp4"), limits)


def test_frames_are_rgb_whatever_the_capture_gives() -> None:
    bgr = np.full((4, 6, 3), BLUE[::-1], np.uint8)
    gray = np.full((4, 6), 77, np.uint8)

    for frame, expected in ((bgr, BLUE), (gray, (77, 77, 77))):
        capture = FakeCapture([(frame, 0.0)])
        assert capture.grab()
        pixels = retrieve_rgb(capture)
        assert pixels is not None
        np.testing.assert_array_equal(pixels, np.full((4, 6, 3), expected, np.uint8))


def test_frames_of_other_types_cannot_be_had() -> None:
    capture = FakeCapture([(np.zeros((4, 6), np.uint16), 0.0)])
    assert capture.grab()

    assert retrieve_rgb(capture) is None


def _places(timestamps: list[float]) -> list[float]:
    timeline = Timeline(lambda before: before + 0.5)
    return [round(timeline.place(timestamp), 6) for timestamp in timestamps]


def test_good_timestamps_are_kept() -> None:
    assert _places([0, 0.04, 0.08, 7, 7.5]) == [0, 0.04, 0.08, 7, 7.5]


@pytest.mark.parametrize(
    "timestamps",
    [[0, 0, 0], [-0.08, 0, 0], [math.nan] * 3, [0, -5, -9], [0, 1e9, 1e9]],
    ids=["stand still", "negative", "not numbers", "go back", "leap by years"],
)
def test_bad_timestamps_are_replaced_and_time_always_grows(timestamps: list[float]) -> None:
    assert _places(timestamps) == [0, 0.5, 1]


def test_time_grows_even_where_the_clock_stands_still() -> None:
    timeline = Timeline(lambda _: 0.0)

    first, second = timeline.place(0), timeline.place(0)

    assert second > first


def test_neither_ffmpeg_nor_opencv_writes_anything(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "a.avi", 30, codec="MJPG")
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    path.write_bytes(content)
    (tmp_path / "text.mp4").write_text("no video")
    script = (
        "import sys\n"
        "from edgecls.errors import VideoError\n"
        "from edgecls.runtime.video.capture import open_capture\n"
        "from edgecls.runtime.video.source import parse_source\n"
        "capture = open_capture(parse_source(sys.argv[1]), 5)\n"
        "assert sum(capture.grab() for _ in range(40)) > 5\n"
        "for text in sys.argv[2:]:\n"
        "    try:\n"
        "        open_capture(parse_source(text), 2)\n"
        "    except VideoError:\n"
        "        continue\n"
        "    raise SystemExit(text)\n"
    )
    others = [str(tmp_path / "text.mp4"), "rtsp://127.0.0.1:1/x", "http://127.0.0.1:1/x", "camera:77"]

    done = subprocess.run(
        [sys.executable, "-c", script, str(path), *others], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
