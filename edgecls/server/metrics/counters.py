"""The metrics that are counted request by request: names, labels and buckets."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "BATCH_SIZE",
    "CONFIDENCE",
    "DURATION",
    "FAMILIES",
    "LOG_DROPPED",
    "MODEL_LOADS",
    "PREDICTIONS",
    "REQUESTS",
    "STAGE",
    "UNKNOWN",
    "Counter",
    "Family",
    "Histogram",
    "Snapshot",
    "summed",
]


@dataclass(frozen=True)
class Family:
    """One metric.

    Attributes:
        name: As Prometheus knows it.
        text: What it counts.
        labels: Names of its labels.
        bounds: Upper bounds of a histogram's buckets, ascending; a counter has none.
    """

    name: str
    text: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()


_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

REQUESTS = Family("edgecls_requests_total", "Requests answered, by model and HTTP status.", ("model", "code"))
DURATION = Family("edgecls_request_duration_seconds", "From the head of a request to its answer.", ("model",), _SECONDS)
STAGE = Family(
    "edgecls_stage_duration_seconds",
    "Parts of the duration of requests that were worked on: receive, queue, decode, infer, rest.",
    ("model", "stage"),
    (0.0001, 0.00025, 0.0005, *_SECONDS),
)
BATCH_SIZE = Family(
    "edgecls_batch_size", "For each image, how many the network ran together.", ("model",), (1, 2, 4, 8, 16, 32, 64)
)
PREDICTIONS = Family("edgecls_predictions_total", "Images classified, by answer.", ("model", "label"))
UNKNOWN = Family(
    "edgecls_unknown_total",
    "Images answered with unknown, by reason: unlike the training images, or undecided.",
    ("model", "reason"),
)
CONFIDENCE = Family(
    "edgecls_confidence",
    "Probability of the most probable label.",
    ("model",),
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0),
)
LOG_DROPPED = Family("edgecls_access_log_dropped_total", "Lines that the access log could not take or write.", ())
MODEL_LOADS = Family(
    "edgecls_model_loads_total",
    "Tries to load a model file, by outcome: ok, unsigned (refused by --require-signature) or failed.",
    ("model", "outcome"),
)

FAMILIES = (REQUESTS, DURATION, STAGE, BATCH_SIZE, PREDICTIONS, UNKNOWN, CONFIDENCE, LOG_DROPPED, MODEL_LOADS)


Snapshot = dict[str, dict[tuple[str, ...], list[float]]]
"""By name of the metric and values of its labels: a counter's number; or a histogram's count in each bucket, the last
without bound, and the sum of what was observed."""


class Counter:
    """A count for each combination of labels that has come."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self._counts: dict[tuple[str, ...], float] = {}

    def add(self, labels: tuple[str, ...], count: float = 1) -> None:
        """Add to the count of one combination of labels."""
        self._counts[labels] = self._counts.get(labels, 0) + count

    def snapshot(self) -> dict[tuple[str, ...], list[float]]:
        """Return the counts so far."""
        return {labels: [count] for labels, count in list(self._counts.items())}


class Histogram:
    """Observations, counted in buckets, for each combination of labels that has come."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self._empty = [0.0] * (len(family.bounds) + 2)
        self._series: dict[tuple[str, ...], list[float]] = {}

    def observe(self, labels: tuple[str, ...], value: float) -> None:
        """Add an observation."""
        numbers = self._series.get(labels)
        if numbers is None:
            numbers = self._series[labels] = self._empty.copy()
        numbers[bisect_left(self.family.bounds, value)] += 1
        numbers[-1] += value

    def snapshot(self) -> dict[tuple[str, ...], list[float]]:
        """Return the numbers so far."""
        return {labels: numbers.copy() for labels, numbers in list(self._series.items())}


def summed(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the sum of several snapshots."""
    total: Snapshot = {}
    for snapshot in snapshots:
        for name, series in snapshot.items():
            sums = total.setdefault(name, {})
            for labels, numbers in series.items():
                before = sums.get(labels)
                sums[labels] = numbers if before is None else [a + b for a, b in zip(before, numbers, strict=True)]
    return total
