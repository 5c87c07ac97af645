import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sent_requests import sent

from edgecls import Classifier
from edgecls.runtime.prediction import Prediction
from edgecls.server.dispatch.wsgi import Work, WorkedAnswer
from edgecls.server.endpoints.metrics import Exposition
from edgecls.server.metrics.request_metrics import RequestMetrics
from edgecls.server.models.repository import Repository
from edgecls.server.workers.board import Gathered, WorkerStatus


def _snapshot(label: str) -> dict[str, dict[tuple[str, ...], list[float]]]:
    metrics = RequestMetrics()
    work = Work(model="tiny")
    work.ran([Prediction("", (label, "other"), (0.93, 0.07), 0.0)], infer_s=0.05)
    metrics.answered(sent(), WorkedAnswer("200 OK", [], b"", work))
    return metrics.snapshot()


@pytest.fixture
def exposition(tiny_classifier: Classifier, tiny_model_path: Path) -> Exposition:
    repository = Repository([tiny_model_path], lambda file: tiny_classifier)
    repository.load_all()
    statuses = [
        WorkerStatus(number, os.getpid(), ready=number == 1, waiting=number, snapshot=_snapshot('r"e\nd'))
        for number in (1, 2)
    ]
    return Exposition(repository, lambda: Gathered(statuses, [_snapshot("green")]))


def _samples(text: bytes) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            yield sample.name, dict(sample.labels), sample.value


def test_what_all_processes_counted_is_one_sum_those_that_are_gone_included(exposition: Exposition) -> None:
    samples = list(_samples(exposition.write("")[0]))

    assert ("edgecls_requests_total", {"model": "tiny", "code": "200"}, 3) in samples
    assert ("edgecls_predictions_total", {"model": "tiny", "label": 'r"e\nd'}, 2) in samples
    assert ("edgecls_predictions_total", {"model": "tiny", "label": "green"}, 1) in samples
    buckets = {
        labels["le"]: value
        for name, labels, value in samples
        if name == "edgecls_stage_duration_seconds_bucket" and labels["stage"] == "infer"
    }
    assert (buckets["0.025"], buckets["0.05"], buckets["+Inf"]) == (0, 3, 3)
    assert ("edgecls_confidence_sum", {"model": "tiny"}, pytest.approx(2.79)) in samples


def test_what_is_so_now_is_told_of_those_that_run(exposition: Exposition, tiny_model_path: Path) -> None:
    samples = list(_samples(exposition.write("")[0]))
    name = tiny_model_path.stem

    assert ("edgecls_queue_depth", {}, 3) in samples
    assert ("edgecls_workers_ready", {}, 1) in samples
    assert ("edgecls_model_ready", {"model": name}, 1) in samples
    assert ("edgecls_model_tuned", {"model": name}, 0) in samples
    (info,) = [labels for metric, labels, _ in samples if metric == "edgecls_model_info"]
    assert (info["model"], info["title"], info["provider"], len(info["sha256"])) == (name, "colors", "cpu", 64)
    memory = {labels["worker"]: value for metric, labels, value in samples if metric == "process_resident_memory_bytes"}
    assert set(memory) == {"1", "2"}
    assert min(memory.values()) > 1e6


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
    ],
)
def test_prometheus_gets_the_form_it_asks_for(exposition: Exposition, accept: str, content_type: str) -> None:
    text, given = exposition.write(accept)

    assert given.startswith(content_type)
    assert (b"# EOF" in text) == ("openmetrics" in accept)


def test_the_reference_lists_the_metrics_that_are_written_with_their_labels(exposition: Exposition) -> None:
    reference = (Path(__file__).parents[3] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    listed = {
        name: set(labels.split(", ")) - {""}
        for names, labels in re.findall(r"^\| (`edgecls_.*?) \| (.*?) ?\|", reference, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }

    text, _ = exposition.write("")
    written = set(re.findall(rb"^# TYPE (edgecls_\w+)", text, re.MULTILINE))

    assert sorted(listed) == sorted(name.decode() for name in written)
    for sample, labels, _ in _samples(text):
        name = re.sub(r"_(bucket|count|sum)$", "", sample)
        if name in listed:
            assert labels.keys() - {"le"} == listed[name], sample
