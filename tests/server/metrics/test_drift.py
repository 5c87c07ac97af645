"""The server's counts of what images look like."""

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from referenced_model import encoded_images
from wsgi_client import wsgi_client

from edgecls.runtime.opening import load
from edgecls.runtime.prediction import Prediction
from edgecls.server.app import AppSettings, build_app
from edgecls.server.metrics.counters import Snapshot
from edgecls.server.metrics.drift import PERIOD_S, PERIODS, DriftCounts, drift_of
from edgecls.server.models.repository import Repository
from edgecls.server.models.served_model import ServedModel
from edgecls.server.workers.board import Gathered

NOW_S = 1_000_000_000.0


@pytest.fixture
def repository(referenced_model_path: Path, tiny_model_path: Path) -> Repository:
    repository = Repository([referenced_model_path, tiny_model_path], lambda file: load(file, "cpu"))
    repository.load_all()
    return repository


@pytest.fixture
def served(repository: Repository) -> ServedModel:
    return repository.model("referenced")


def _classified(served: ServedModel, count: int, seed: int, *, darker: float = 1.0) -> list[Prediction]:
    return [served.predict(data, image_name="a") for data in encoded_images(count, seed=seed, darker=darker)]


def _counts(repository: Repository, predictions: list[Prediction], at_s: float = NOW_S) -> DriftCounts:
    counts = DriftCounts(repository.serving, lambda: at_s)
    counts.add("referenced", predictions)
    return counts


def _sent(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot as another process reads it."""
    text = json.dumps({name: list(series.items()) for name, series in snapshot.items()})
    return {name: {tuple(key): numbers for key, numbers in series} for name, series in json.loads(text).items()}


def test_counts_of_several_processes_add_up(repository: Repository, served: ServedModel) -> None:
    first, second = _classified(served, 40, 2), _classified(served, 35, 3)
    parts = [_sent(_counts(repository, part).snapshot()) for part in (first, second)]

    together = drift_of(served, parts, now_s=NOW_S)

    assert together is not None
    assert together == drift_of(served, [_counts(repository, first + second).snapshot()], now_s=NOW_S)
    assert together.images == 75
    assert together.changed == ()


def test_other_images_are_called_changed(repository: Repository, served: ServedModel) -> None:
    counts = _counts(repository, _classified(served, 60, 2, darker=0.3))
    drift = drift_of(served, [counts.snapshot()], now_s=NOW_S)

    assert drift is not None
    assert ("brightness", "lower") in [(one.what, one.change) for one in drift.changed]


def test_images_of_yesterday_do_not_count(repository: Repository, served: ServedModel) -> None:
    now = [NOW_S]
    counts = DriftCounts(repository.serving, lambda: now[0])
    counts.add("referenced", _classified(served, 31, 2, darker=0.3))
    old = counts.snapshot()
    now[0] += PERIODS * PERIOD_S
    counts.add("referenced", _classified(served, 33, 3))

    drift = drift_of(served, [counts.snapshot(), old], now_s=now[0])

    assert drift is not None
    assert drift.images == 33
    assert len({key[2] for key in counts.snapshot()["drift"]}) == 1  # nor are they kept


def test_counts_of_another_file_of_that_name_do_not_count(repository: Repository, served: ServedModel) -> None:
    snapshot = _counts(repository, _classified(served, 31, 2)).snapshot()
    other = ServedModel(served.name, served.file, "0" * 64, served.classifier)

    drift = drift_of(other, [snapshot], now_s=NOW_S)

    assert drift is not None
    assert drift.images == 0


def test_a_model_without_a_reference_counts_nothing(repository: Repository) -> None:
    counts = DriftCounts(repository.serving)
    plain = repository.model("colors")
    counts.add("colors", [plain.predict(encoded_images(1, seed=0)[0], image_name="a")])
    counts.add("none of these", [])

    assert counts.snapshot() == {"drift": {}}
    assert drift_of(plain, [counts.snapshot()]) is None
    assert not plain.classifier.measures_appearance


def test_metrics_and_status_say_it(repository: Repository, served: ServedModel) -> None:
    counts = DriftCounts(repository.serving)
    counts.add("referenced", _classified(served, 50, 2, darker=0.3))
    gathered = Gathered([], [counts.snapshot()])
    client = wsgi_client(build_app(repository, AppSettings(), gather=lambda: gathered))

    text = client("GET", "/metrics").body.decode()
    samples = {
        (sample.name, sample.labels.get("what")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("model") == "referenced"
    }
    status = client("GET", "/status").json["drift"]

    assert samples["edgecls_drift", "brightness"] > samples["edgecls_drift_noise", "brightness"]
    assert samples["edgecls_drift", "side_ratio"] < samples["edgecls_drift_noise", "side_ratio"]
    assert samples["edgecls_drift_images", None] == 50
    assert 0 < samples["edgecls_expected_accuracy", None] <= 1
    assert "only where the probabilities are calibrated" in text
    assert set(status) == {"referenced"}
    assert status["referenced"]["like"] is False
    assert "brightness" in status["referenced"]["changed"]
    assert status["referenced"]["hours"] == 24
