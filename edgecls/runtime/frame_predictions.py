"""Classifying the frames of a video, camera or stream, and finding out when the answer changes."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from edgecls.errors import VideoError
from edgecls.in_order import map_in_order
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.video.capture import Opener, open_capture
from edgecls.runtime.video.frames import Crop, FileFrames, Frame
from edgecls.runtime.video.live import LiveFrames
from edgecls.runtime.video.source import Kind, parse_source

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier

__all__ = [
    "DEFAULT_RECONNECT_S",
    "DEFAULT_TIMEOUT_S",
    "Change",
    "FramePrediction",
    "VideoSettings",
    "changes",
    "predict_frames",
]

DEFAULT_TIMEOUT_S = 10.0
DEFAULT_RECONNECT_S = 300.0
AHEAD_PER_WORKER = 2  # frames of a file
MAX_AHEAD_BYTES = 512 * 2**20  # of frames that wait for their answer


@dataclass(frozen=True)
class FramePrediction:
    """A frame and the answer for it."""

    frame: Frame
    prediction: Prediction

    def as_dict(self, *, top: int = 1, embedding: bool = False) -> dict[str, Any]:
        """Return the line of JSON for a frame: where and when it is, and what `Prediction.as_dict` gives."""
        answer = self.prediction.as_dict(top=top, embedding=embedding)
        frame = self.frame
        return {
            "image": answer.pop("image"),
            "source": frame.source,
            "frame": frame.number,
            "position_s": round(frame.position_s, 3),
            "time": clock_text(frame.clock),
            **answer,
        }


@dataclass(frozen=True)
class Change:
    """A change of the answer that several frames in a row agree on.

    Attributes:
        confirmed: The frame with which it is certain.
        first: The first of those frames.
        previous: The answer before; None at the beginning.
    """

    confirmed: FramePrediction
    first: Frame
    previous: str | None

    def as_dict(self, *, top: int = 1, embedding: bool = False) -> dict[str, Any]:
        """Return the line of JSON: that of the frame, the answer before, and since when the new one holds."""
        since = {"since_s": round(self.first.position_s, 3), "since": clock_text(self.first.clock)}
        return {**self.confirmed.as_dict(top=top, embedding=embedding), "previous": self.previous, **since}


@dataclass(frozen=True)
class VideoSettings:
    """How to read a video, camera or stream.

    Attributes:
        every_s: Take a frame every so many seconds; None for all frames of a video, and of a live source as many as
            can be classified.
        crop: The part of each frame to classify; None for whole frames.
        timeout_s: After so many seconds without an answer or a frame, a live source is lost.
        reconnect_s: For how many seconds to try to get it back.
        on_notice: Told when a live source is lost, and when it is back.
        opener: Opens sources.

    Raises:
        ValueError: A number is out of range.
    """

    every_s: float | None = None
    crop: Crop | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    reconnect_s: float = DEFAULT_RECONNECT_S
    on_notice: Callable[[str], None] = lambda _: None
    opener: Opener = open_capture

    def __post_init__(self) -> None:
        if self.every_s is not None and not self.every_s > 0:
            raise ValueError(f"every_s must be above 0, got {self.every_s}")
        if not self.timeout_s > 0 or not self.reconnect_s >= 0:
            raise ValueError(
                f"time limits must be above 0, got timeout_s={self.timeout_s}, reconnect_s={self.reconnect_s}"
            )


def predict_frames(
    classifier: "Classifier",
    source: str | os.PathLike[str],
    settings: VideoSettings,
    *,
    workers: int | None = None,
) -> Generator[FramePrediction, None, None]:
    """Classify the frames of a source.

    Of a video with an end every frame that is due is classified, several at once. Of a live source it is the newest
    frame, whenever the one before is done.

    Args:
        classifier: The opened model.
        source: A path, ``camera:N``, or a URL.
        settings: How to read it.
        workers: How many frames of a video to work on at once; None for `Classifier.workers`.

    Raises:
        VideoError: It cannot be opened; the crop is not within its frames; or, after the last frame, the video is
            damaged or cut short.
        SourceLostError: A live source was lost, and did not come back.
    """
    parsed = parse_source(source)
    if parsed.kind is Kind.FILE:
        capture = settings.opener(parsed, settings.timeout_s)
    else:
        live = LiveFrames(
            parsed,
            settings.opener,
            every_s=settings.every_s,
            crop=settings.crop,
            limits=classifier.limits,
            timeout_s=settings.timeout_s,
            reconnect_s=settings.reconnect_s,
            on_notice=settings.on_notice,
            may_end=parsed.address.startswith("http"),
        )
        for frame in live:
            yield _predict(classifier, frame)
        if live.finite is None:
            return
        capture = live.finite
    frames = FileFrames(capture, parsed, every_s=settings.every_s, crop=settings.crop, limits=classifier.limits)
    most = MAX_AHEAD_BYTES // (AHEAD_PER_WORKER * frames.frame_bytes)
    yield from map_in_order(
        lambda frame: _predict(classifier, frame),
        frames,
        workers=max(1, min(workers or classifier.workers, most)),
        ahead_per_worker=AHEAD_PER_WORKER,
    )
    if frames.fault is not None:
        raise VideoError(frames.fault)


def _predict(classifier: "Classifier", frame: Frame) -> FramePrediction:
    return FramePrediction(frame, classifier.predict(frame.pixels, name=frame.name))


def changes(predictions: Iterable[FramePrediction], *, confirm: int) -> Iterator[Change]:
    """Yield a change whenever an answer other than the last one has come several times in a row.

    Args:
        predictions: In their order.
        confirm: How many equal answers in a row make a change, from 1.
    """
    state: str | None = None
    label: str | None = None
    first, count = None, 0
    for found in predictions:
        if found.prediction.label != label:
            label, first, count = found.prediction.label, found.frame, 0
        count += 1
        if count >= confirm and label != state and first is not None:
            yield Change(found, first, state)
            state = label


def clock_text(clock: datetime) -> str:
    """Return a time as it is printed: ISO 8601, to the millisecond."""
    return clock.isoformat(timespec="milliseconds")
