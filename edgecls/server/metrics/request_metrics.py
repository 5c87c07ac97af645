"""Counting the requests that are answered."""

import threading
import time

from edgecls.server.dispatch.wsgi import Work, WorkedAnswer
from edgecls.server.http.messages import Answer, Request
from edgecls.server.metrics import counters as families
from edgecls.server.metrics.counters import Counter, Histogram, Snapshot
from edgecls.server.metrics.drift import DriftCounts

__all__ = ["RequestMetrics"]


class RequestMetrics:
    """The numbers of one process; `answered` is called in one thread only, the other methods in any.

    Args:
        drift: Counts what images look like; None for nothing.
    """

    def __init__(self, drift: DriftCounts | None = None) -> None:
        self._drift = drift
        self._requests = Counter(families.REQUESTS)
        self._predictions = Counter(families.PREDICTIONS)
        self._unknown = Counter(families.UNKNOWN)
        self._log_dropped = Counter(families.LOG_DROPPED)
        self._log_dropped.add((), 0)
        self._dropping = threading.Lock()
        self._model_loads = Counter(families.MODEL_LOADS)
        self._loading = threading.Lock()
        self._durations = Histogram(families.DURATION)
        self._stages = Histogram(families.STAGE)
        self._batch_sizes = Histogram(families.BATCH_SIZE)
        self._confidences = Histogram(families.CONFIDENCE)

    def answered(self, request: Request, answer: Answer) -> None:
        """Count a request and its answer."""
        work = answer.work if isinstance(answer, WorkedAnswer) else _NO_WORK
        model = work.model
        self._requests.add((model, answer.status[:3]))
        self._durations.observe((model,), time.monotonic() - request.began_s)
        if not model:
            return
        observe_stage = self._stages.observe
        observe_stage((model, "receive"), request.whole_s - request.began_s)
        observe_stage((model, "queue"), work.queue_s)
        observe_stage((model, "decode"), work.decode_s)
        observe_stage((model, "infer"), work.infer_s)
        observe_stage((model, "rest"), work.total_s - work.decode_s - work.infer_s)
        for size in work.batch_sizes:
            self._batch_sizes.observe((model,), size)
        for prediction in work.predictions:
            self._predictions.add((model, prediction.label))
            self._confidences.observe((model,), prediction.probability)
            if prediction.unknown_reason is not None:
                self._unknown.add((model, prediction.unknown_reason))
        if self._drift is not None and work.predictions:
            self._drift.add(model, work.predictions)

    def log_dropped(self, count: int = 1) -> None:
        """Count lines that the access log could not take or write."""
        with self._dropping:
            self._log_dropped.add((), count)

    def model_loaded(self, model: str, outcome: str) -> None:
        """Count a try to load a model; `outcome` is as in `counters.MODEL_LOADS`."""
        with self._loading:
            self._model_loads.add((model, outcome))

    def snapshot(self) -> Snapshot:
        """Return all numbers so far."""
        counters = (self._requests, self._predictions, self._unknown, self._log_dropped, self._model_loads)
        histograms = (self._durations, self._stages, self._batch_sizes, self._confidences)
        found = {numbers.family.name: numbers.snapshot() for numbers in (*counters, *histograms)}
        return found if self._drift is None else {**found, **self._drift.snapshot()}


_NO_WORK = Work()
