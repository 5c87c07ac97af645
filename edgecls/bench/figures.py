"""What the trials of a setting tell."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgecls.bench.trials import PictureTime, Trial
from edgecls.rounds import Estimate, median_of

__all__ = ["LEAST_ROUNDS", "Figures", "figures_of", "is_too_noisy"]

LEAST_ROUNDS = 5  # that it takes to tell noise from a difference


@dataclass(frozen=True)
class Figures:
    """What was measured of a setting in all rounds.

    Attributes:
        pictures: How many were classified.
        pictures_per_s: In each round, decoding included; where pictures come at a pace, that is the pace.
        latency_ms: In each round the median time of a picture from its bytes to its answer, in milliseconds.
        p95_ms: 95 % of all pictures were as fast or faster.
        p99_ms: 99 % were; of fewer than a hundred pictures, that is about the slowest.
        stages: Where the time of a picture goes, in the mean of a round; of that the median over the rounds.
    """

    pictures: int
    pictures_per_s: tuple[float, ...]
    latency_ms: tuple[float, ...]
    p95_ms: float
    p99_ms: float
    stages: PictureTime

    @property
    def throughput(self) -> Estimate:
        """Pictures a second."""
        return median_of(self.pictures_per_s)

    @property
    def latency(self) -> Estimate:
        """Median time of a picture, in milliseconds."""
        return median_of(self.latency_ms)


def figures_of(trials: Sequence[Trial]) -> Figures:
    """Return what trials of one setting tell.

    Args:
        trials: One for each round, at least one, each with at least one picture.
    """
    times = [time.latency_ms for trial in trials for time in trial.times]
    p95_ms, p99_ms = np.percentile(times, (95, 99)).tolist()
    return Figures(
        pictures=len(times),
        pictures_per_s=tuple(trial.pictures_per_s for trial in trials),
        latency_ms=tuple(statistics.median(time.latency_ms for time in trial.times) for trial in trials),
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        stages=PictureTime(
            *(
                statistics.median(statistics.fmean(getattr(time, stage) for time in trial.times) for trial in trials)
                for stage in ("decode_ms", "queue_ms", "inference_ms")
            )
        ),
    )


def is_too_noisy(rounds: Sequence[float]) -> bool:
    """True if there are too few rounds, or they differ so much that their median says little."""
    return len(rounds) < LEAST_ROUNDS or median_of(rounds).is_noisy
