"""Measuring in turns, and estimates with confidence intervals.

Machines drift: some slow down by half for minutes. So what is compared is measured once in every round, in an order
that changes, and compared within the rounds; an interval says how certain that is.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

__all__ = ["Estimate", "median_of", "ratio_between", "ratio_of", "take_turns", "time_rounds"]

K = TypeVar("K")
T = TypeVar("T")

RESAMPLES = 2000  # of the bootstrap
CONFIDENCE = 0.95
NOISY_FROM = 0.15  # width of the interval as a fraction of the value; figures above are too noisy to be given alone


@dataclass(frozen=True)
class Estimate:
    """A median over rounds, and how far it can be trusted.

    Attributes:
        value: The median.
        low: Lower end of its 95 % confidence interval, by bootstrap over the rounds.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def is_noisy(self) -> bool:
        """True if the interval is so wide compared with the value that the value alone would mislead."""
        return self.high - self.low > NOISY_FROM * abs(self.value)

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def median_of(values: Sequence[float]) -> Estimate:
    """Return the median of a figure measured once in every round.

    Source:
        B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979; percentile interval.
    """
    taken = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(taken), (RESAMPLES, len(taken)))
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(np.median(taken[drawn], axis=1), [tail, 100 - tail])
    return Estimate(float(np.median(taken)), float(low), float(high))


def ratio_of(subject: Sequence[float], baseline: Sequence[float]) -> Estimate:
    """Return subject / baseline within the rounds, of figures that were taken in the same rounds.

    Raises:
        ValueError: One has more rounds than the other.
    """
    return median_of([one / other for one, other in zip(subject, baseline, strict=True)])


def ratio_between(subject: Sequence[float], baseline: Sequence[float], *, confidence: float = CONFIDENCE) -> Estimate:
    """Return the ratio of the medians of figures that were taken in different rounds, as on different days.

    Whatever affected one of them as a whole is in the ratio; to avoid that, measure in the same rounds (`ratio_of`).

    Args:
        subject: Figures above 0, at least one.
        baseline: The same of what it is compared with; there may be more or fewer.
        confidence: Of the interval, below 1; for many ratios at once it has to be higher than for one.
    """
    taken, other = np.asarray(subject, np.float64), np.asarray(baseline, np.float64)
    rng = np.random.default_rng(0)
    # Tails are thinner with more confidence, and need more samples.
    resamples = max(RESAMPLES, math.ceil(RESAMPLES * (1 - CONFIDENCE) / (1 - confidence)))
    ratios = np.median(rng.choice(taken, (resamples, len(taken))), axis=1)
    ratios /= np.median(rng.choice(other, (resamples, len(other))), axis=1)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(ratios, [tail, 100 - tail])
    return Estimate(float(np.median(taken) / np.median(other)), float(low), float(high))


def take_turns(
    subjects: Mapping[K, Callable[[], T]],
    *,
    rounds: int,
    warm_up: int = 1,
    deadline_s: float = math.inf,
    clock: Callable[[], float] = time.perf_counter,
    still_running: Callable[[Mapping[K, Sequence[T]]], Collection[K]] = lambda figures: figures,
) -> dict[K, list[T]]:
    """Measure every subject once in each round, in an order that changes from round to round.

    Args:
        subjects: What to measure; each returns its figure.
        rounds: Rounds that count, at least 1.
        warm_up: Rounds before them that do not.
        deadline_s: No round begins that would end after this time by `clock`, except for the first that counts.
        clock: Tells the time in seconds.
        still_running: Called with the figures after each round that counts; returns the subjects to measure next.

    Returns:
        For each subject its figure in each round that counts; one that was taken out has fewer, the first ones.
    """
    order = np.random.default_rng(0)
    figures: dict[K, list[T]] = {subject: [] for subject in subjects}
    running = list(subjects)
    for index in range(warm_up + rounds):
        start_s = clock()
        for place in order.permutation(len(running)):
            figure = subjects[running[place]]()
            if index >= warm_up:
                figures[running[place]].append(figure)
        now_s = clock()
        if index >= warm_up:
            kept = still_running(figures)
            running = [subject for subject in subjects if subject in kept]
            if not running or now_s + (now_s - start_s) > deadline_s:
                break
    return figures


def time_rounds(subjects: Mapping[K, Callable[[], object]], *, rounds: int, warm_up: int = 1) -> dict[K, list[float]]:
    """Time every subject once in each round, in an order that changes from round to round.

    Returns:
        For each subject its time in seconds in each round that counts.
    """

    def timed(subject: Callable[[], object]) -> Callable[[], float]:
        def run() -> float:
            start_s = time.perf_counter()
            subject()
            return time.perf_counter() - start_s

        return run

    return take_turns({name: timed(subject) for name, subject in subjects.items()}, rounds=rounds, warm_up=warm_up)
