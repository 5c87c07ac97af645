"""The numbers behind metrics: one thread adds, any thread reads, and those of several processes make a sum."""

from bisect import bisect_left
from collections.abc import Iterable

from edgecls.serving.metrics.families import Family

__all__ = ["Counter", "Histogram", "Snapshot", "summed"]

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
