"""Made-up videos: frames of one colour each, written by OpenCV, and bytes changed by hand."""

import os
import struct
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

RED, GREEN, BLUE, GREY = (250, 10, 20), (5, 240, 30), (12, 30, 245), (128, 128, 128)
COLORS = {"red": RED, "green": GREEN, "blue": BLUE, "grey": GREY}
WIDTH, HEIGHT = 64, 48


def write_video(
    path: Path,
    colors: Iterable[str],
    *,
    codec: str = "mp4v",
    fps: float = 10,
    size_wh: tuple[int, int] = (WIDTH, HEIGHT),
) -> Path:
    """Write a video with a frame for each named colour."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size_wh)
    assert writer.isOpened()
    for color in colors:
        writer.write(np.full((size_wh[1], size_wh[0], 3), COLORS[color][::-1], np.uint8))
    writer.release()
    return path


def write_noise(path: Path, count: int, *, codec: str = "mp4v", fps: float = 10) -> Path:
    """Write a video of which every frame takes many bytes."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    rng = np.random.default_rng(4)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for _ in range(count):
        writer.write(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    writer.release()
    return path


def turn(path: Path, quarter_turns: int) -> None:
    """Set how an MP4 file says that its frames are to be turned, clockwise, as phones do."""
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter_turns]
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    one = 1 << 16
    content[matrix : matrix + 36] = struct.pack(
        ">9i", cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 1 << 30
    )
    path.write_bytes(content)
