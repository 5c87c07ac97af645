"""Labelled videos: as long as their source, with the answer under each frame, nothing overwritten."""

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from videos import BLUE, RED

from edgecls.errors import OutputError
from edgecls.runtime.frame_predictions import FramePrediction
from edgecls.runtime.labelled_video import LabelledVideo
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.video.frames import Frame


def _found(
    number: int,
    position_s: float,
    *,
    color: tuple[int, int, int] = RED,
    size_wh: tuple[int, int] = (64, 48),
    fps: float | None = 10,
) -> FramePrediction:
    pixels = np.full((size_wh[1], size_wh[0], 3), color, np.uint8)
    frame = Frame("a.mp4", number, position_s, datetime.now(UTC), pixels, fps)
    return FramePrediction(frame, Prediction(frame.name, ("玫瑰", "雏菊"), (0.9, 0.1), 1.0))


def _read(path: Path) -> tuple[list[np.ndarray], float]:
    capture = cv2.VideoCapture(f"file:{path}", cv2.CAP_FFMPEG)
    frames = []
    while True:
        is_there, frame = capture.read()
        if not is_there:
            return frames, capture.get(cv2.CAP_PROP_FPS)
        frames.append(frame[:, :, ::-1])


def test_every_frame_is_there_with_its_label_under_it(tmp_path: Path) -> None:
    video = LabelledVideo(tmp_path / "a.mp4", every_s=None)
    for number in range(12):
        video.add(_found(number, number / 10, color=RED if number < 6 else BLUE))
    video.close()

    frames, fps = _read(tmp_path / "a.mp4")

    assert video.path == tmp_path / "a.mp4"
    assert (len(frames), fps) == (12, 10)
    assert frames[0].shape[1] == 480
    assert frames[0].shape[0] > 380
    assert np.abs(frames[0][:350].reshape(-1, 3).mean(axis=0) - RED).max() < 12
    assert np.abs(frames[11][:350].reshape(-1, 3).mean(axis=0) - BLUE).max() < 12
    bar = frames[0][366:]
    assert bar.std() > 20  # something is written there
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_time_passes_as_in_the_source(tmp_path: Path) -> None:
    video = LabelledVideo(tmp_path / "a.mp4", every_s=2.0)
    for number, position_s in enumerate((0.0, 2.0, 4.0, 8.0)):
        video.add(_found(number, position_s))
    video.close()

    frames, fps = _read(tmp_path / "a.mp4")

    assert len(frames) / fps == 9


def test_frames_faster_than_the_video_are_left_out_and_a_lost_connection_is_no_hour_of_video(tmp_path: Path) -> None:
    video = LabelledVideo(tmp_path / "a.mp4", every_s=None)
    for number, position_s in enumerate((0.0, 0.001, 0.002, 3600.0)):
        video.add(_found(number, position_s))
    video.close()

    frames, fps = _read(tmp_path / "a.mp4")

    assert len(frames) / fps == pytest.approx(10, abs=0.2)


def test_frames_of_another_size_are_brought_to_the_first_ones(tmp_path: Path) -> None:
    video = LabelledVideo(tmp_path / "a.mp4", every_s=None)
    video.add(_found(0, 0.0))
    video.add(_found(1, 0.1, size_wh=(31, 77)))
    video.close()

    frames, _ = _read(tmp_path / "a.mp4")

    assert len({frame.shape for frame in frames}) == 1
    assert len(frames) == 2


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("mine")
    video = LabelledVideo(tmp_path / "a.mp4", every_s=None)
    video.add(_found(0, 0.0))
    video.close()

    assert video.path == tmp_path / "a-2.mp4"
    assert (tmp_path / "a.mp4").read_text() == "mine"


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    video = LabelledVideo(tmp_path / "a.mp4", every_s=None)
    video.close()

    assert video.path is None
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written_is_an_error(tmp_path: Path) -> None:
    video = LabelledVideo(tmp_path / "gone" / "a.mp4", every_s=None)

    with pytest.raises(OutputError, match="cannot write"):
        video.add(_found(0, 0.0))
    video.close()


def test_a_file_that_is_not_whole_is_an_error_and_removed(tmp_path: Path) -> None:
    video = LabelledVideo(tmp_path / "a.mp4", every_s=None)
    video.add(_found(0, 0.0))
    for path in tmp_path.iterdir():
        path.unlink()  # as if the disk had lost it

    with pytest.raises(OutputError, match="it is not whole; is the disk full"):
        video.close()
    assert list(tmp_path.iterdir()) == []
