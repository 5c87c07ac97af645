"""`GET /metrics`: metrics for Prometheus."""

import itertools
import platform
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bottle import Bottle, HTTPResponse, request

from edgecls import __version__
from edgecls.evaluation.drift import CHANCE
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.server.endpoints.operations import operation
from edgecls.server.metrics.counters import FAMILIES, Family, Snapshot, summed
from edgecls.server.metrics.drift import HOURS, drift_of
from edgecls.server.models.repository import Repository
from edgecls.server.workers.board import Gathered, WorkerStatus

if TYPE_CHECKING:
    from prometheus_client import Metric

__all__ = ["PATHS", "SCHEMAS", "Exposition", "mount_metrics"]


class Exposition:
    """Writes the metrics of a server.

    Args:
        repository: The models.
        gather: Returns what all processes of the server say.
    """

    def __init__(self, repository: Repository, gather: Callable[[], Gathered]) -> None:
        self._repository = repository
        self._gather = gather

    def write(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics, and the type of that text.

        Args:
            accept: The types that the reader takes, as in the header field; Prometheus and OpenMetrics have one each.
        """
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder

        registry = CollectorRegistry()
        registry.register(self)
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    def describe(self) -> list["Metric"]:
        """Return nothing, or the registry would collect to find out the names."""
        return []

    def collect(self) -> Iterator["Metric"]:
        """Yield every metric (what a registry of prometheus_client asks for)."""
        gathered = self._gather()
        yield from _counted(summed(gathered.snapshots))
        yield from _current(gathered.statuses)
        yield from _about_models(self._repository)
        yield from _about_drift(self._repository, gathered.snapshots)
        yield from _processes(gathered.statuses)


def _counted(snapshot: Snapshot) -> Iterator["Metric"]:
    for family in FAMILIES:
        series = snapshot.get(family.name, {})
        yield _histogram(family, series) if family.bounds else _counter(family, series)


def _counter(family: Family, series: dict[tuple[str, ...], list[float]]) -> "Metric":
    from prometheus_client.core import CounterMetricFamily

    metric = CounterMetricFamily(family.name, family.text, labels=family.labels)
    for labels, (count,) in series.items():
        metric.add_metric(labels, count)
    return metric


def _histogram(family: Family, series: dict[tuple[str, ...], list[float]]) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily

    metric = HistogramMetricFamily(family.name, family.text, labels=family.labels)
    bounds = [*map(str, map(float, family.bounds)), "+Inf"]
    for labels, (*counts, total) in series.items():
        cumulative = list(itertools.accumulate(counts))
        metric.add_metric(labels, list(zip(bounds, cumulative, strict=True)), total)
    return metric


def _current(statuses: Sequence[WorkerStatus]) -> Iterator["Metric"]:
    from prometheus_client.core import GaugeMetricFamily

    waiting = sum(status.waiting for status in statuses)
    yield GaugeMetricFamily("edgecls_queue_depth", "Requests that wait for a thread to compute.", value=waiting)
    ready = sum(status.ready for status in statuses)
    yield GaugeMetricFamily("edgecls_workers_ready", "Processes of the server that can serve.", value=ready)
    build = GaugeMetricFamily(
        "edgecls_build_info", "What the server is made of.", labels=("version", "onnxruntime", "python")
    )
    build.add_metric((__version__, load_onnxruntime().__version__, platform.python_version()), 1)
    yield build


def _about_models(repository: Repository) -> Iterator["Metric"]:
    from prometheus_client.core import GaugeMetricFamily

    info = GaugeMetricFamily(
        "edgecls_model_info",
        "The models that are served.",
        labels=("model", "title", "sha256", "architecture", "precision", "provider"),
    )
    nodes = GaugeMetricFamily(
        "edgecls_provider_nodes", "Nodes of the network on each provider.", labels=("model", "provider")
    )
    tuned = GaugeMetricFamily(
        "edgecls_model_tuned", "Whether a model runs as was measured to be best on this machine.", labels=("model",)
    )
    ready = GaugeMetricFamily("edgecls_model_ready", "Whether a model can be asked.", labels=("model",))
    for entry in repository.index():
        served = repository.serving(entry.name)
        ready.add_metric((entry.name,), served is not None)
        if served is None:
            continue
        classifier, card = served.classifier, served.classifier.card
        info.add_metric(
            (entry.name, card.name, served.sha256, card.architecture, card.precision, classifier.provider.value), 1
        )
        tuned.add_metric((entry.name,), classifier.setting is not None)
        for provider, count in classifier.nodes.items():
            nodes.add_metric((entry.name, provider), count)
    yield from (info, nodes, tuned, ready)


def _about_drift(repository: Repository, snapshots: Sequence[Snapshot]) -> Iterator["Metric"]:
    from prometheus_client.core import GaugeMetricFamily

    labels = ("model", "what")
    distance = GaugeMetricFamily(
        "edgecls_drift",
        f"Jensen-Shannon distance, 0 to 1, of the images of the last {HOURS} hours from the model's held-out images, "
        "by what is compared. Above edgecls_drift_noise, chance does not explain it.",
        labels=labels,
    )
    noise = GaugeMetricFamily(
        "edgecls_drift_noise",
        f"What chance exceeds once in {1 / CHANCE:.0f} times with this number of images of the same kind.",
        labels=labels,
    )
    images = GaugeMetricFamily(
        "edgecls_drift_images", f"Images of the last {HOURS} hours that are compared.", labels=("model",)
    )
    accuracy = GaugeMetricFamily(
        "edgecls_expected_accuracy",
        f"Mean of the largest probability of the images of the last {HOURS} hours. It is the accuracy to be expected, "
        "unknown answers included, only where the probabilities are calibrated (edgecls train does that) and no "
        "edgecls_drift is above its noise.",
        labels=("model",),
    )
    for entry in repository.index():
        served = repository.serving(entry.name)
        drift = None if served is None else drift_of(served, snapshots)
        if drift is None:
            continue
        images.add_metric((entry.name,), drift.images)
        if drift.expected_accuracy is not None:
            accuracy.add_metric((entry.name,), drift.expected_accuracy)
        for comparison in drift.comparisons:
            distance.add_metric((entry.name, comparison.what), comparison.distance)
            noise.add_metric((entry.name, comparison.what), comparison.noise)
    yield from (distance, noise, images, accuracy)


def _processes(statuses: Sequence[WorkerStatus]) -> Iterator["Metric"]:
    """Yield the standard metrics of all processes, with the number of each."""
    metrics: dict[str, Metric] = {}
    for status in statuses:
        for metric in _process(status):
            if metric.name in metrics:
                metrics[metric.name].samples += metric.samples
            else:
                metrics[metric.name] = metric
    yield from metrics.values()


def _process(status: WorkerStatus) -> Iterator["Metric"]:
    from prometheus_client import ProcessCollector

    for metric in ProcessCollector(pid=lambda: status.pid, registry=None).collect():
        metric.samples = [sample._replace(labels={"worker": str(status.number)}) for sample in metric.samples]
        yield metric


def mount_metrics(app: Bottle, exposition: Exposition) -> None:
    """Add the metrics to an application."""

    def metrics() -> HTTPResponse:
        text, content_type = exposition.write(request.get_header("Accept", ""))
        return HTTPResponse(text, **{"Content-Type": content_type, "Cache-Control": "no-store"})

    app.route("/metrics", "GET", metrics)


_TEXT = {"schema": {"type": "string"}}

PATHS: dict[str, Any] = {
    "/metrics": {
        "get": operation(
            "Metrics for Prometheus",
            group="health",
            success={"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
        )
    },
}

SCHEMAS: dict[str, Any] = {}
