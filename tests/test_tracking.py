"""Logging to a real MLflow store, a local database."""

import os
from pathlib import Path

import pytest
from mlflow_store import needs_mlflow, new_store, quiet_mlflow, rename_table

from edgecls.errors import OutputError, TrackingError
from edgecls.tracking import RETRY_AFTER_S, TrackedRun, Tracker, connect

pytestmark = [needs_mlflow, quiet_mlflow]

ACCURACIES = {1: {"accuracy": 0.5}, 2: {"accuracy": 0.7}, 3: {"accuracy": 0.6}}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def store(tmp_path: Path, template: Path) -> str:
    return new_store(tmp_path, template)


def _connected(store: str, faults: list[str] | None = None) -> Tracker:
    return connect(store, experiment="花", on_fault=pytest.fail if faults is None else faults.append)


def _history(tracker: Tracker, run: TrackedRun, name: str) -> list[tuple[int, float]]:
    return [(metric.step, metric.value) for metric in tracker.client.get_metric_history(run.run_id, name)]


def test_a_run_has_settings_metrics_and_files(store: str, tmp_path: Path) -> None:
    tracker = _connected(store)
    report = tmp_path / "报告.html"
    report.write_text("<p>", encoding="utf-8")

    with tracker.run("first", settings={"arch": "simple_cnn", "augment": True}) as run:
        run.log_steps(ACCURACIES)
        run.log_metrics({"best_epoch": 2})
        run.log_files(report, tmp_path / "missing.png")

    found = tracker.client.get_run(run.run_id)
    assert (found.info.run_name, found.info.status) == ("first", "FINISHED")
    assert found.data.params == {"arch": "simple_cnn", "augment": "True"}
    assert _history(tracker, run, "accuracy") == [(1, 0.5), (2, 0.7), (3, 0.6)]
    assert found.data.metrics["best_epoch"] == 2
    assert [file.path for file in tracker.client.list_artifacts(run.run_id)] == ["报告.html"]
    assert (tmp_path / "mlruns" / run.run_id / "artifacts" / "报告.html").exists()


def test_a_recorded_run_goes_on_without_logging_a_step_twice(store: str, tmp_path: Path) -> None:
    first = _connected(store).run("run", tmp_path, settings={"epochs": 3})
    first.log_steps({1: {"accuracy": 0.5}})  # and then the process is killed

    tracker = _connected(store)
    again = tracker.run("run", tmp_path, settings={"epochs": 3})
    again.log_steps(ACCURACIES)

    assert again.run_id == first.run_id
    assert _history(tracker, again, "accuracy") == [(1, 0.5), (2, 0.7), (3, 0.6)]
    assert len(tracker.client.search_runs([tracker.experiment_id])) == 1


def test_a_recorded_run_that_was_deleted_or_is_in_another_store_is_replaced(
    store: str, tmp_path: Path, template: Path
) -> None:
    tracker = _connected(store)
    first = tracker.run("run", tmp_path, settings={})
    tracker.client.delete_run(first.run_id)

    second = tracker.run("run", tmp_path, settings={})
    (tmp_path / "other").mkdir()
    third = _connected(new_store(tmp_path / "other", template)).run("run", tmp_path, settings={})

    assert len({first.run_id, second.run_id, third.run_id}) == 3


def test_a_run_is_part_of_another(store: str) -> None:
    tracker = _connected(store)
    whole = tracker.run("sweep", settings={})
    part = tracker.run("trial 1", settings={}, parent=whole.run_id)

    tags = tracker.client.get_run(part.run_id).data.tags
    assert tags["mlflow.parentRunId"] == whole.run_id


@pytest.mark.parametrize(
    ("error", "status"),
    [(OutputError("disk full"), "FAILED"), (KeyboardInterrupt(), "KILLED")],
    ids=["error", "ctrl-c"],
)
def test_a_run_that_does_not_end_well_says_so(store: str, error: BaseException, status: str) -> None:
    tracker = _connected(store)
    run = tracker.run("run", settings={})

    with pytest.raises(type(error)), run:
        raise error

    found = tracker.client.get_run(run.run_id)
    assert found.info.status == status
    assert found.data.tags.get("error") == ("disk full" if status == "FAILED" else None)


def test_a_store_that_fails_later_costs_nothing_but_is_told_once_and_made_up_for(store: str, tmp_path: Path) -> None:
    faults: list[str] = []
    tracker = _connected(store, faults)
    now_s = 0.0
    run = TrackedRun(tracker, tracker.run("run", settings={}).run_id, clock=lambda: now_s)
    rename_table(tmp_path, "metrics", "gone")

    run.log_steps({1: ACCURACIES[1]})
    run.log_metrics({"accuracy": 0.1})
    run.log_steps({1: ACCURACIES[1], 2: ACCURACIES[2]})
    rename_table(tmp_path, "gone", "metrics")
    run.log_steps({1: ACCURACIES[1], 2: ACCURACIES[2]})  # too early to try again
    assert _history(tracker, run, "accuracy") == []
    now_s = RETRY_AFTER_S + 1
    run.log_steps(ACCURACIES)

    assert len(faults) == 1
    assert "cannot log metrics to the MLflow store" in faults[0]
    assert "the work goes on" in faults[0]
    assert _history(tracker, run, "accuracy") == [(1, 0.5), (2, 0.7), (3, 0.6)]


def test_the_last_steps_are_tried_at_once(store: str, tmp_path: Path) -> None:
    faults: list[str] = []
    tracker = _connected(store, faults)
    run = tracker.run("run", settings={})
    rename_table(tmp_path, "metrics", "gone")
    run.log_steps(ACCURACIES)
    rename_table(tmp_path, "gone", "metrics")

    run.log_steps(ACCURACIES, is_last=True)

    assert len(faults) == 1
    assert len(_history(tracker, run, "accuracy")) == 3


def test_a_deleted_experiment_is_an_error(store: str) -> None:
    tracker = _connected(store)
    tracker.client.delete_experiment(tracker.experiment_id)

    with pytest.raises(TrackingError, match=r"experiment '花' .* is deleted; restore it or choose another"):
        _connected(store)


@pytest.mark.parametrize("uri", ["mlruns", "gopher://x"], ids=["folder", "unknown-scheme"])
def test_what_is_no_store_is_an_error_that_says_what_is(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(TrackingError, match=r"cannot use the MLflow store .* as sqlite:///mlflow\.db"):
        _connected(uri)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_cannot_be_reached_is_an_error_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(TrackingError, match=r"cannot use the MLflow store 'http://127\.0\.0\.1:9/'") as caught:
        _connected("http://me:geheim@127.0.0.1:9/")

    assert "geheim" not in str(caught.value)


def test_a_database_whose_folder_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="make its folder first"):
        _connected(f"sqlite:///{tmp_path / 'missing' / 'mlflow.db'}")


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be taken for a damaged one" * 20)

    with pytest.raises(TrackingError, match="cannot use the MLflow store"):
        _connected(f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_telemetry_is_off_unless_it_is_asked_for(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    _connected(store)
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"

    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    _connected(store)
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"
