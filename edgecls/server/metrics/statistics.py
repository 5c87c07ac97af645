"""How many inferences a model has made, and how long they took."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from edgecls.server.metrics.counters import Snapshot

__all__ = ["SNAPSHOT_NAME", "InferenceTimes", "ModelStatistics", "StageTallies", "Statistics", "Tally", "combined"]

SNAPSHOT_NAME = "inference statistics"
"""What these numbers are called in a snapshot, next to those of the metrics."""


@dataclass(frozen=True, slots=True)
class InferenceTimes:
    """Where the time of a request went, in nanoseconds.

    Attributes:
        queue_ns: Waiting for a thread.
        input_ns: Reading the request and decoding its images.
        infer_ns: Running the network.
        output_ns: Writing the answer.
    """

    queue_ns: int
    input_ns: int
    infer_ns: int
    output_ns: int

    @property
    def total_ns(self) -> int:
        """From the whole request to its answer."""
        return self.queue_ns + self.input_ns + self.infer_ns + self.output_ns


@dataclass(slots=True)
class Tally:
    """How often something was done, and how long that took in all, in nanoseconds."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int, count: int = 1) -> None:
        """Count it once more, or so often in `ns` altogether."""
        self.count += count
        self.ns += ns


@dataclass(slots=True)
class StageTallies:
    """The stages of computing, of requests that ended well."""

    input: Tally = field(default_factory=Tally)
    infer: Tally = field(default_factory=Tally)
    output: Tally = field(default_factory=Tally)

    def add(self, times: InferenceTimes) -> None:
        """Count a request."""
        self.input.add(times.input_ns)
        self.infer.add(times.infer_ns)
        self.output.add(times.output_ns)

    def by_name(self) -> dict[str, Tally]:
        """Return the stages by their names."""
        return {"input": self.input, "infer": self.infer, "output": self.output}


@dataclass(slots=True)
class ModelStatistics:
    """What a model has done since the server started.

    Attributes:
        last_inference_ms: When a request last ended well, in milliseconds since the epoch; 0 for never.
        images: Classified in requests that ended well.
        success: Such requests.
        fail: Requests that were refused for what was in them, or failed.
        queue: Waiting of requests that ended well.
        stages: Their computing.
        by_batch_size: The same, by the number of images in a request.
    """

    last_inference_ms: int = 0
    images: int = 0
    success: Tally = field(default_factory=Tally)
    fail: Tally = field(default_factory=Tally)
    queue: Tally = field(default_factory=Tally)
    stages: StageTallies = field(default_factory=StageTallies)
    by_batch_size: dict[int, StageTallies] = field(default_factory=dict)

    def numbers(self) -> dict[tuple[str, ...], list[float]]:
        """Return all of it as numbers under names; `add` takes them back."""
        tallies: dict[tuple[str, ...], Tally] = {(name,): tally for name, tally in self._tallies().items()}
        for size, stages in self.by_batch_size.items():
            tallies |= {(name, str(size)): tally for name, tally in stages.by_name().items()}
        found: dict[tuple[str, ...], list[float]] = {name: [tally.count, tally.ns] for name, tally in tallies.items()}
        return {**found, ("last",): [self.last_inference_ms], ("images",): [self.images]}

    def add(self, name: tuple[str, ...], numbers: list[float]) -> None:
        """Add what another process has counted, as its `numbers` has it."""
        whole = [int(number) for number in numbers]
        if name == ("last",):
            self.last_inference_ms = max(self.last_inference_ms, *whole)
        elif name == ("images",):
            self.images += whole[0]
        else:
            stage, *size = name
            of_size = self.by_batch_size.setdefault(int(size[0]), StageTallies()).by_name() if size else None
            (of_size or self._tallies())[stage].add(whole[1], count=whole[0])

    def _tallies(self) -> dict[str, Tally]:
        return {"success": self.success, "fail": self.fail, "queue": self.queue, **self.stages.by_name()}


class Statistics:
    """The statistics of all models, by name; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: defaultdict[str, ModelStatistics] = defaultdict(ModelStatistics)

    def succeeded(self, model: str, images: int, times: InferenceTimes) -> None:
        """Count a request that was answered."""
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            statistics = self._models[model]
            statistics.last_inference_ms = now_ms
            statistics.images += images
            statistics.success.add(times.total_ns)
            statistics.queue.add(times.queue_ns)
            statistics.stages.add(times)
            statistics.by_batch_size.setdefault(images, StageTallies()).add(times)

    def failed(self, model: str, ns: int) -> None:
        """Count a request that was not, after `ns` nanoseconds."""
        with self._lock:
            self._models[model].fail.add(ns)

    def snapshot(self) -> Snapshot:
        """Return all numbers so far."""
        with self._lock:
            models = {name: statistics.numbers() for name, statistics in self._models.items()}
        return {
            SNAPSHOT_NAME: {(model, *name): found for model, named in models.items() for name, found in named.items()}
        }


def combined(snapshots: Iterable[Snapshot], model: str) -> ModelStatistics:
    """Return what all processes have counted of a model."""
    total = ModelStatistics()
    for snapshot in snapshots:
        for (owner, *name), numbers in snapshot.get(SNAPSHOT_NAME, {}).items():
            if owner == model:
                total.add(tuple(name), numbers)
    return total
