"""What lies in deploy/ names only what there is: metrics and their labels, options, addresses."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from prometheus_client.parser import text_string_to_metric_families
from referenced_model import encoded_images
from sent_requests import sent

from edgecls import Classifier
from edgecls.cli import main
from edgecls.runtime.opening import load
from edgecls.runtime.prediction import Prediction
from edgecls.server.app import AppSettings, build_app
from edgecls.server.dispatch.wsgi import Work, WorkedAnswer
from edgecls.server.endpoints.metrics import Exposition
from edgecls.server.metrics.drift import DriftCounts
from edgecls.server.metrics.request_metrics import RequestMetrics
from edgecls.server.models.repository import Repository
from edgecls.server.workers.board import Gathered, WorkerStatus

DEPLOY = Path(__file__).parent.parent / "deploy"
METRIC = re.compile(r"\b((?:edgecls|process)_[a-z_]+)(?:\{([^}]*)\})?")


def _expressions(node: Any) -> Iterator[str]:
    """Yield every query of a dashboard."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "definition"):
                yield value
            else:
                yield from _expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _expressions(value)


@pytest.fixture
def repository(tiny_classifier: Classifier, tiny_model_path: Path) -> Repository:
    repository = Repository([tiny_model_path], lambda file: tiny_classifier)
    repository.load_all()
    return repository


@pytest.fixture
def served(referenced_model_path: Path) -> dict[str, set[str]]:
    """The names of all samples at /metrics once images were classified, and their labels."""
    repository = Repository([referenced_model_path], load)
    repository.load_all()
    metrics = RequestMetrics(DriftCounts(repository.serving))
    drifting = Work(model="referenced")
    for data in encoded_images(30, seed=2):
        drifting.classified(repository.model().predict(data, image_name="image"), data)
    metrics.answered(sent(), WorkedAnswer("200 OK", [], b"", drifting))
    work = Work(model="tiny")
    unlike = Prediction("", ("red", "blue"), (0.9, 0.1), 0.0, familiarity=0.2, min_familiarity=0.5)
    work.ran([Prediction("", ("red", "blue"), (0.9, 0.1), 0.0), unlike], infer_s=0.1)
    metrics.answered(sent(), WorkedAnswer("200 OK", [], b"", work))
    status = WorkerStatus(1, pid=os.getpid(), ready=True, waiting=0, snapshot=metrics.snapshot())
    text, _ = Exposition(repository, lambda: Gathered([status], [])).write("")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_metric_of_the_dashboard_is_served_with_the_labels_it_asks_for(served: dict[str, set[str]]) -> None:
    expressions = list(_expressions(json.loads((DEPLOY / "grafana" / "edgecls.json").read_text())))

    assert len(expressions) > 10
    for expression in expressions:
        names = METRIC.findall(expression)
        assert names, expression
        for name, selectors in names:
            assert name in served, expression
            assert set(re.findall(r"(\w+)=", selectors)) <= served[name], expression
        grouped = {label for by in re.findall(r"\bby \(([^)]*)\)", expression) for label in by.split(", ")}
        assert grouped <= set.union(*(served[name] for name, _ in names)) | {"le"}, expression


def test_every_metric_of_an_alert_is_served_with_the_labels_that_it_names(served: dict[str, set[str]]) -> None:
    text = (DEPLOY / "prometheus" / "rules.yml").read_text()
    expressions = re.findall(r"expr: (.+)", text)
    names = {name for expression in expressions for name in re.findall(r"edgecls_\w+", expression)}

    assert expressions
    assert names <= served.keys()
    assert set(re.findall(r"\$labels\.(\w+)", text)) <= set.intersection(*(served[name] for name in names))


def _served_options() -> set[str]:
    command = main.get_command(click.Context(main), "serve")
    assert command is not None
    return {option for param in command.params for option in param.opts}


@pytest.mark.parametrize(
    "file",
    [
        "systemd/edgecls.service",
        "Dockerfile",
        "kubernetes/deployment.yaml",
        "kserve/runtime.yaml",
        "compose.yaml",
        "nginx/edgecls.conf",
        "caddy/Caddyfile",
    ],
)
def test_every_option_exists(file: str) -> None:
    text = (DEPLOY / file).read_text()
    commands = re.findall(r"(?:edgecls serve|EDGECLS_OPTIONS=)(.*)", text) + re.findall(
        r"(?:ENTRYPOINT|args:|command:) (\[.*\])", text
    )
    options = {word for command in commands for word in shlex.split(command.strip("[]").replace(",", " "))}

    named = {word for word in options if word.startswith("--")}
    assert named
    assert named <= _served_options()


def test_probes_and_scrapes_ask_for_what_is_served(repository: Repository) -> None:
    app = build_app(repository, AppSettings())
    asked = re.findall(r"(?:httpGet: \{|/)path: (/\w+)", (DEPLOY / "kubernetes" / "deployment.yaml").read_text())
    by_others = re.findall(
        r"(?:httpGet: \{|/|metrics_)path: (/[\w/]+)",
        (DEPLOY / "kserve" / "runtime.yaml").read_text() + (DEPLOY / "prometheus" / "prometheus.yml").read_text(),
    )

    assert sorted(asked) == ["/livez", "/metrics", "/readyz", "/readyz"]
    assert sorted(by_others) == ["/metrics", "/metrics", "/v2/health/live", "/v2/health/ready"]
    for path in asked + by_others:
        app.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})  # raises where there is no such address


def test_what_pods_are_scaled_by_is_served(served: dict[str, set[str]]) -> None:
    named = re.findall(r"metric: \{name: (\w+)\}", (DEPLOY / "kubernetes" / "autoscaling.yaml").read_text())

    assert named
    assert set(named) <= served.keys()


def test_no_file_is_left_unchecked() -> None:
    checked = {
        "Dockerfile",
        "caddy/Caddyfile",
        "compose.yaml",
        "grafana/edgecls.json",
        "grafana/provisioning/dashboards/edgecls.yaml",
        "grafana/provisioning/datasources/prometheus.yaml",
        "nginx/edgecls.conf",
        "prometheus/prometheus.yml",
        "prometheus/rules.yml",
        "systemd/edgecls.service",
    }
    files = {path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file()}

    # tests/deploy/test_kubernetes.py takes what lies in these two folders.
    assert {file for file in files if not file.startswith(("kubernetes/", "kserve/"))} == checked
