"""Classifying frames: the same answers as for images, in order, and changes of the answer."""

import itertools
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fake_camera import FakeCapture, of_color, opener_of
from videos import BLUE, RED, write_noise, write_video

from edgecls.errors import ClosedError, SourceLostError, VideoError
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.frame_predictions import FramePrediction, VideoSettings, changes, predict_frames
from edgecls.runtime.opening import load
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.video.frames import Frame


def test_the_answers_for_a_video_are_those_for_its_frames(tiny_classifier: Classifier, tmp_path: Path) -> None:
    colors = ["red", "green", "blue"] * 5

    found = list(tiny_classifier.predict_video(write_video(tmp_path / "a.avi", colors, codec="MJPG"), workers=3))

    assert [one.prediction.label for one in found] == colors
    assert [one.frame.number for one in found] == list(range(15))
    for one in found:
        alone = tiny_classifier.predict(one.frame.pixels)
        np.testing.assert_allclose(one.prediction.probabilities, alone.probabilities, atol=1e-6)
        assert one.prediction.image == one.frame.name


def test_a_frame_and_its_image_get_the_same_answer_in_rgb(tiny_classifier: Classifier, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", ["red"], codec="MJPG")

    (found,) = tiny_classifier.predict_video(str(path))

    assert np.abs(found.frame.pixels.reshape(-1, 3).mean(axis=0) - RED).max() < 6
    assert found.prediction.label == "red"


def test_frames_unlike_the_training_images_are_unknown_with_the_reason(
    familiar_model_path: Path, tmp_path: Path
) -> None:
    classifier = load(familiar_model_path, "cpu")

    red, grey = classifier.predict_video(write_video(tmp_path / "a.avi", ["red", "grey"], codec="MJPG"))

    assert red.prediction.is_known
    line = grey.as_dict()
    assert (line["label"], line["known"], line["reason"]) == ("unknown", False, "unlike")


def test_a_line_says_where_and_when_the_frame_is() -> None:
    clock = datetime(2030, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
    frame = Frame("clip.mp4", 37, 1.48, clock, np.zeros((2, 2, 3), np.uint8))
    prediction = Prediction(frame.name, ("a", "b"), (0.25, 0.75), 1.5)

    assert FramePrediction(frame, prediction).as_dict(top=1) == {
        "image": "clip.mp4#t=1.480",
        "source": "clip.mp4",
        "frame": 37,
        "position_s": 1.48,
        "time": "2030-01-02T03:04:05.678+00:00",
        "label": "b",
        "known": True,
        "reason": None,
        "probability": 0.75,
        "familiarity": None,
        "top": [{"label": "b", "probability": 0.75}],
        "time_ms": 1.5,
    }


@pytest.mark.parametrize("workers", [1, 3])
def test_all_frames_of_a_damaged_video_are_answered_before_the_error(
    tiny_classifier: Classifier, tmp_path: Path, workers: int
) -> None:
    path = write_noise(tmp_path / "a.mkv", 60, codec="VP80")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    predictions = tiny_classifier.predict_video(path, workers=workers)
    found: list[int] = []

    with pytest.raises(VideoError, match="cut short or damaged"):
        found.extend(one.frame.number for one in predictions)

    assert found == list(range(len(found)))
    assert len(found) > 15


def test_stopping_closes_the_video(tiny_classifier: Classifier) -> None:
    capture = FakeCapture(((of_color(RED), 40.0 * number) for number in itertools.count()), fps=25, frame_count=1e6)
    settings = VideoSettings(opener=opener_of(capture))

    found = predict_frames(tiny_classifier, "a.mp4", settings, workers=2)
    next(found)
    found.close()
    del found

    assert capture.released.wait(30)


def test_a_live_source_is_classified_until_it_is_lost(tiny_classifier: Classifier) -> None:
    settings = VideoSettings(opener=opener_of(FakeCapture([(of_color(BLUE), 0.0)])), reconnect_s=0)
    found = predict_frames(tiny_classifier, "camera:0", settings)

    assert next(found).prediction.label == "blue"
    with pytest.raises(SourceLostError):
        next(found)


def test_a_video_on_a_web_server_is_read_to_its_end_without_dropping_frames(tiny_classifier: Classifier) -> None:
    frames = [(of_color(RED), 40.0 * number) for number in range(50)]
    settings = VideoSettings(opener=opener_of(FakeCapture(frames, fps=25, frame_count=50)))

    found = list(predict_frames(tiny_classifier, "https://user:secret@host/a.mp4", settings))

    assert [one.frame.number for one in found] == list(range(50))
    assert found[0].prediction.image == "https://***@host/a.mp4#t=0.000"


def test_huge_frames_are_worked_on_one_at_a_time(tiny_classifier: Classifier) -> None:
    threads = set()
    frames = ((of_color(RED, size_wh=(2, 2)), 40.0 * number) for number in range(6))
    capture = FakeCapture(frames, fps=25, frame_count=6, size_wh=(9000, 11000))
    settings = VideoSettings(opener=opener_of(capture))

    for _ in predict_frames(tiny_classifier, "a.mp4", settings, workers=4):
        threads |= {thread.name for thread in threading.enumerate() if thread.name == "edgecls-in-order"}

    assert threads == set()


@pytest.mark.parametrize(
    "options",
    [{"every_s": 0}, {"every_s": -1}, {"timeout_s": 0}, {"reconnect_s": -1}, {"workers": 0}, {"crop": (0, 0, 0, 1)}],
)
def test_numbers_out_of_range_are_refused_at_once(tiny_classifier: Classifier, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="got"):
        tiny_classifier.predict_video("a.mp4", **options)  # type: ignore[arg-type]


def test_a_closed_classifier_says_so_at_once(tiny_model_path: Path) -> None:
    classifier = load(tiny_model_path, "cpu")
    classifier.close()

    with pytest.raises(ClosedError):
        classifier.predict_video("a.mp4")


def _answers(labels: Iterable[str]) -> list[FramePrediction]:
    found = []
    for number, label in enumerate(labels):
        frame = Frame("a.mp4", number, number / 10, datetime.fromtimestamp(number, UTC), np.zeros((1, 1, 3), np.uint8))
        probabilities = tuple(1.0 if other == label else 0.0 for other in "abc")
        found.append(FramePrediction(frame, Prediction(frame.name, tuple("abc"), probabilities, 1.0)))
    return found


@pytest.mark.parametrize(
    ("labels", "confirm", "expected"),
    [
        ("aaaa", 1, [(None, "a", 0, 0)]),
        ("aabba", 1, [(None, "a", 0, 0), ("a", "b", 2, 2), ("b", "a", 4, 4)]),
        ("aabaabbba", 3, [(None, "b", 7, 5)]),
        ("aaabaaabbb", 3, [(None, "a", 2, 0), ("a", "b", 9, 7)]),
        ("aaabaaa", 3, [(None, "a", 2, 0)]),
        ("abab", 2, []),
        ("", 1, []),
    ],
)
def test_a_change_needs_equal_answers_in_a_row(
    labels: str, confirm: int, expected: list[tuple[str | None, str, int, int]]
) -> None:
    found = [
        (change.previous, change.confirmed.prediction.label, change.confirmed.frame.number, change.first.number)
        for change in changes(_answers(labels), confirm=confirm)
    ]

    assert found == expected


def test_the_line_of_a_change_has_what_was_before_and_since_when() -> None:
    _, change = changes(_answers("aabb"), confirm=2)

    line = change.as_dict()

    assert (line["label"], line["frame"], line["position_s"]) == ("b", 3, 0.3)
    assert (line["previous"], line["since_s"], line["since"]) == ("a", 0.2, "1970-01-01T00:00:02.000+00:00")
