"""Counting what images look like, and comparing the latest ones with the held-out images of their model."""

import time
from collections.abc import Callable, Iterable, Sequence

from edgecls.evaluation.drift import Drift, Tally, compare
from edgecls.runtime.prediction import Prediction
from edgecls.server.metrics.counters import Snapshot, summed
from edgecls.server.models.served_model import ServedModel

__all__ = ["HOURS", "DriftCounts", "drift_of"]

HOURS = 24
"""So old may images be that count."""

PERIOD_S = 3 * 3600  # images of one period become too old together
PERIODS = HOURS * 3600 // PERIOD_S
SNAPSHOT_NAME = "drift"
CONFIDENCE = "confidence"

Key = tuple[str, str, str]
"""Name of a model, digest of its file, and the number of the period."""


class DriftCounts:
    """The counts of one process; `add` is called in one thread only, `snapshot` in any.

    Args:
        served: Returns a model by name; None where it is not ready.
        clock: Returns the time in seconds since the epoch.
    """

    def __init__(self, served: Callable[[str], ServedModel | None], clock: Callable[[], float] = time.time) -> None:
        self._served, self._clock = served, clock
        self._tallies: dict[Key, Tally] = {}

    def add(self, name: str, predictions: Sequence[Prediction]) -> None:
        """Count images that a model has classified, if it has a reference."""
        served = self._served(name)
        reference = None if served is None else served.classifier.card.reference
        if served is None or reference is None:
            return
        period = int(self._clock() // PERIOD_S)
        key = (name, served.sha256, str(period))
        tally = self._tallies.get(key)
        if tally is None:
            kept = {old: tally for old, tally in self._tallies.items() if int(old[2]) > period - PERIODS}
            tally = kept[key] = Tally(reference)
            self._tallies = kept
        for prediction in predictions:
            tally.add(prediction)

    def snapshot(self) -> Snapshot:
        """Return all counts that are not too old."""
        series: dict[tuple[str, ...], list[float]] = {}
        for key, tally in self._tallies.items():
            series |= {(*key, what): list(counts) for what, counts in tally.counts.items()}
            series[(*key, CONFIDENCE)] = [tally.confidence]
        return {SNAPSHOT_NAME: series}


def drift_of(served: ServedModel, snapshots: Iterable[Snapshot], *, now_s: float | None = None) -> Drift | None:
    """Return how the latest images of a model compare with its held-out ones, by what all processes have counted.

    Args:
        served: The model.
        snapshots: Of all processes.
        now_s: The time in seconds since the epoch; None for now.

    Returns:
        None if its file has no reference.
    """
    card = served.classifier.card
    if card.reference is None:
        return None
    oldest = int((time.time() if now_s is None else now_s) // PERIOD_S) - PERIODS
    tally = Tally(card.reference)
    for (name, sha256, period, what), numbers in summed(snapshots).get(SNAPSHOT_NAME, {}).items():
        if (name, sha256) != (served.name, served.sha256) or int(period) <= oldest:
            continue
        if what == CONFIDENCE:
            tally.confidence += numbers[0]
        else:
            tally.counts[what] = [before + int(more) for before, more in zip(tally.counts[what], numbers, strict=True)]
    return compare(card.reference, tally.counts, tally.confidence, card.labels)
