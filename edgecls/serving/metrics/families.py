"""The metrics that are counted request by request: names, labels and buckets."""

from dataclasses import dataclass

__all__ = [
    "BATCH_SIZE",
    "CONFIDENCE",
    "DURATION",
    "FAMILIES",
    "LOG_DROPPED",
    "PREDICTIONS",
    "REQUESTS",
    "STAGE",
    "Family",
]


@dataclass(frozen=True)
class Family:
    """One metric.

    Attributes:
        name: As Prometheus knows it.
        text: What it tells.
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
    "edgecls_batch_size", "For each picture, how many the network ran together.", ("model",), (1, 2, 4, 8, 16, 32, 64)
)
PREDICTIONS = Family("edgecls_predictions_total", "Pictures classified, by answer.", ("model", "label"))
CONFIDENCE = Family(
    "edgecls_confidence",
    "Probability of the most probable label.",
    ("model",),
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0),
)
LOG_DROPPED = Family("edgecls_access_log_dropped_total", "Lines that the access log could not take or write.", ())

FAMILIES = (REQUESTS, DURATION, STAGE, BATCH_SIZE, PREDICTIONS, CONFIDENCE, LOG_DROPPED)
