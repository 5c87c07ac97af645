"""Paced trials, and the figures of several trials of one setting."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgecls.measuring.trials import ImageTime, Trial
from edgecls.measuring.turns import Estimate, median_of
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.tuning.in_memory import time_of

__all__ = [
    "LEAST_ROUNDS",
    "Figures",
    "figures_of",
    "is_too_noisy",
    "take_paced",
]

LEAST_ROUNDS = 5  # needed to tell noise from a difference


def take_paced(
    classifier: Classifier,
    images: Sequence[bytes],
    count: int,
    *,
    pace_s: float,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Trial:
    """Classify one image at fixed intervals; the machine idles in between, and before the first one.

    An image that arrives while the previous one is being processed waits, which counts as queueing: slow answers must
    not delay later images.

    Args:
        classifier: How to run.
        images: Encoded images, at least one; taken over and over.
        count: How many to classify, at least 1.
        pace_s: Seconds from one image to the next.
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
        prediction = classifier.predict_bytes(images[index % len(images)])
        times.append(time_of(prediction, waited_ms=1000 * waited_s))
    return Trial(tuple(times), clock() - start_s)


@dataclass(frozen=True)
class Figures:
    """What was measured of a setting in all rounds.

    Attributes:
        images: How many were classified.
        images_per_s: In each round, decoding included; where images come at a pace, that is the pace.
        latency_ms: In each round the median time of an image from its bytes to its answer, in milliseconds.
        p95_ms: 95 % of all images were as fast or faster.
        p99_ms: 99 % were; of fewer than a hundred images, that is about the slowest.
        stages: Where the time of an image goes, in the mean of a round; of that the median over the rounds.
    """

    images: int
    images_per_s: tuple[float, ...]
    latency_ms: tuple[float, ...]
    p95_ms: float
    p99_ms: float
    stages: ImageTime

    @property
    def throughput(self) -> Estimate:
        """Images a second."""
        return median_of(self.images_per_s)

    @property
    def latency(self) -> Estimate:
        """Median time of an image, in milliseconds."""
        return median_of(self.latency_ms)


def figures_of(trials: Sequence[Trial]) -> Figures:
    """Return what trials of one setting tell.

    Args:
        trials: One for each round, at least one, each with at least one image.
    """
    times = [time.latency_ms for trial in trials for time in trial.times]
    p95_ms, p99_ms = np.percentile(times, (95, 99)).tolist()
    return Figures(
        images=len(times),
        images_per_s=tuple(trial.images_per_s for trial in trials),
        latency_ms=tuple(trial.latency_ms for trial in trials),
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        stages=ImageTime(
            *(
                statistics.median(statistics.fmean(getattr(time, stage) for time in trial.times) for trial in trials)
                for stage in ("decode_ms", "queue_ms", "inference_ms")
            )
        ),
    )


def is_too_noisy(rounds: Sequence[float]) -> bool:
    """True if there are too few rounds, or they differ so much that their median says little."""
    return len(rounds) < LEAST_ROUNDS or median_of(rounds).is_noisy
