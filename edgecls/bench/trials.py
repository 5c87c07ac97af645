"""One measurement of a setting: pictures one right after the other, or one every so often."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgecls.runtime.classifier import Classifier
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.tuning.in_memory import InMemoryRun, classify_in_memory

__all__ = ["PictureTime", "Trial", "as_trial", "take_back_to_back", "take_paced"]


@dataclass(frozen=True)
class PictureTime:
    """Where the time of a picture went, from its bytes to its answer, in milliseconds.

    Attributes:
        decode_ms: Decoding and resizing.
        queue_ms: Waiting: for the batch before to end; where pictures come at fixed times, for the picture before.
        inference_ms: The network.
    """

    decode_ms: float
    queue_ms: float
    inference_ms: float

    @property
    def latency_ms(self) -> float:
        """All of it."""
        return self.decode_ms + self.queue_ms + self.inference_ms


@dataclass(frozen=True)
class Trial:
    """One measurement of a setting.

    Attributes:
        times: Of each picture.
        elapsed_s: How long all of it took, in seconds.
    """

    times: tuple[PictureTime, ...]
    elapsed_s: float

    @property
    def pictures_per_s(self) -> float:
        """Pictures a second, decoding included."""
        return len(self.times) / self.elapsed_s


def take_back_to_back(classifier: Classifier, pictures: Sequence[bytes], count: int) -> Trial:
    """Classify pictures one right after the other, as many at once as the classifier wants.

    Args:
        classifier: How to run.
        pictures: Encoded pictures, at least one; taken over and over.
        count: How many to classify, at least 1.
    """
    return as_trial(classify_in_memory(classifier, pictures, count))


def as_trial(run: InMemoryRun) -> Trial:
    """Return the times of pictures that were classified from memory."""
    return Trial(tuple(_time_of(prediction) for prediction in run.predictions), run.elapsed_s)


def take_paced(
    classifier: Classifier,
    pictures: Sequence[bytes],
    count: int,
    *,
    pace_s: float,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Trial:
    """Classify one picture every so often; the machine idles in between, before the first one too.

    A picture that comes while the one before is still worked on waits for it, and that counts as queueing: slow
    answers must not make pictures come later.

    Args:
        classifier: How to run.
        pictures: Encoded pictures, at least one; taken over and over.
        count: How many to classify, at least 1.
        pace_s: Seconds from one picture to the next.
        clock: Tells the time in seconds.
        sleep: Waits for so many seconds.
    """
    times = []
    start_s = due_s = clock()
    for index in range(count):
        due_s += pace_s
        early_s = due_s - clock()
        if early_s > 0:
            sleep(early_s)
            due_s = clock()  # how late the system wakes a program is not the model's
        waited_s = max(0.0, clock() - due_s) if early_s <= 0 else 0.0
        prediction = classifier.predict_bytes(pictures[index % len(pictures)])
        times.append(_time_of(prediction, waited_ms=1000 * waited_s))
    return Trial(tuple(times), clock() - start_s)


def _time_of(prediction: Prediction, *, waited_ms: float = 0.0) -> PictureTime:
    return PictureTime(prediction.decode_ms, prediction.queue_ms + waited_ms, prediction.inference_ms)
