"""How many inferences a model has made, and how long they took."""

import copy
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

__all__ = ["InferenceTimes", "ModelStatistics", "StageTallies", "Statistics", "Tally"]


@dataclass(frozen=True, slots=True)
class InferenceTimes:
    """Where the time of a request went, in nanoseconds.

    Attributes:
        queue_ns: Waiting for a thread.
        input_ns: Reading the request and decoding its pictures.
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

    def add(self, ns: int) -> None:
        """Count it once more."""
        self.count += 1
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


@dataclass(slots=True)
class ModelStatistics:
    """What a model has done since the server started.

    Attributes:
        last_inference_ms: When a request last ended well, in milliseconds since the epoch; 0 for never.
        pictures: Classified in requests that ended well.
        success: Such requests.
        fail: Requests that were refused for what was in them, or failed.
        queue: Waiting of requests that ended well.
        stages: Their computing.
        by_batch_size: The same, by the number of pictures in a request.
    """

    last_inference_ms: int = 0
    pictures: int = 0
    success: Tally = field(default_factory=Tally)
    fail: Tally = field(default_factory=Tally)
    queue: Tally = field(default_factory=Tally)
    stages: StageTallies = field(default_factory=StageTallies)
    by_batch_size: dict[int, StageTallies] = field(default_factory=dict)


class Statistics:
    """The statistics of all models, by name; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: defaultdict[str, ModelStatistics] = defaultdict(ModelStatistics)

    def succeeded(self, model: str, pictures: int, times: InferenceTimes) -> None:
        """Count a request that was answered."""
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            statistics = self._models[model]
            statistics.last_inference_ms = now_ms
            statistics.pictures += pictures
            statistics.success.add(times.total_ns)
            statistics.queue.add(times.queue_ns)
            statistics.stages.add(times)
            statistics.by_batch_size.setdefault(pictures, StageTallies()).add(times)

    def failed(self, model: str, ns: int) -> None:
        """Count a request that was not, after `ns` nanoseconds."""
        with self._lock:
            self._models[model].fail.add(ns)

    def of(self, model: str) -> ModelStatistics:
        """Return a copy of what is known of a model."""
        with self._lock:
            return copy.deepcopy(self._models.get(model, ModelStatistics()))
