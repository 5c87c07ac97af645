"""Training runs in a real MLflow store, a local database."""

from collections.abc import Callable
from pathlib import Path

import pytest
from image_folders import write_class_folders
from mlflow_store import needs_mlflow, new_store, quiet_mlflow, rename_table

from edgecls.errors import TrackingError
from edgecls.evaluation.history import EpochReport
from edgecls.image_spec import ImageSpec
from edgecls.tracking import Tracker, connect
from edgecls.training.config import TrainConfig
from edgecls.training.job import Listener, RunOptions, TrainingResult, run_training
from edgecls.training.run_directory import ExistingRun
from edgecls.training.tracked import TrackedTraining

pytestmark = [needs_mlflow, quiet_mlflow]

CONFIG = TrainConfig(ImageSpec(16, 16), arch="simple_cnn", epochs=3, batch_size=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("data") / "花", per_label=8)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


def _tracker(uri: str, faults: list[str]) -> Tracker:
    return connect(uri, experiment="花", on_fault=faults.append)


def _train(
    data: Path,
    folder: Path,
    tracker: Tracker,
    *,
    existing: ExistingRun = ExistingRun.REPLACE_FINISHED,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> TrainingResult:
    with TrackedTraining(tracker, "花", CONFIG) as tracked:
        listener = tracked.listening(Listener(on_epoch=on_epoch))
        result = run_training(
            data, folder / "花.onnx", CONFIG, options=RunOptions(existing=existing), listener=listener
        )
        tracked.finish(result)
    return result


def _kill(report: EpochReport) -> None:
    if report.epoch == 2:
        raise KeyboardInterrupt


def test_a_run_that_was_killed_and_goes_on_is_one_run_with_every_epoch_once(
    data: Path, tmp_path: Path, template: Path
) -> None:
    faults: list[str] = []
    store = new_store(tmp_path, template)

    with pytest.raises(KeyboardInterrupt):
        _train(data, tmp_path, _tracker(store, faults), on_epoch=_kill)
    tracker = _tracker(store, faults)
    (killed,) = tracker.client.search_runs([tracker.experiment_id])
    result = _train(data, tmp_path, tracker, existing=ExistingRun.RESUME)

    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert (killed.info.run_id, killed.info.status) == (run.info.run_id, "KILLED")
    assert (run.info.run_name, run.info.status) == ("花", "FINISHED")
    assert {name: run.data.params[name] for name in ("arch", "image_height", "train_images", "labels")} == {
        "arch": "simple_cnn",
        "image_height": "16",
        "train_images": str(24 - 3),
        "labels": "3",
    }
    logged = tracker.client.get_metric_history(run.info.run_id, "validation_loss")
    assert [(metric.step, metric.value) for metric in logged] == [
        (report.epoch, report.validation_loss) for report in result.trained.history
    ]
    assert run.data.metrics["final_validation_accuracy"] == result.evaluation.accuracy
    files = {file.path for file in tracker.client.list_artifacts(run.info.run_id)}
    assert {"花.onnx", "report.html", "config.toml", "history.csv", "confusion.png"} <= files
    assert faults == []


def test_a_run_that_replaces_another_is_a_run_of_its_own(data: Path, tmp_path: Path, template: Path) -> None:
    tracker = _tracker(new_store(tmp_path, template), [])
    with pytest.raises(KeyboardInterrupt):
        _train(data, tmp_path, tracker, on_epoch=_kill)

    with pytest.raises(KeyboardInterrupt):
        _train(data, tmp_path, tracker, existing=ExistingRun.OVERWRITE, on_epoch=_kill)

    assert len(tracker.client.search_runs([tracker.experiment_id])) == 2


def test_training_goes_on_if_the_store_fails_and_makes_up_for_it_at_the_end(
    data: Path, tmp_path: Path, template: Path
) -> None:
    faults: list[str] = []
    tracker = _tracker(new_store(tmp_path, template), faults)

    def fail_in_the_second_epoch(report: EpochReport) -> None:
        if report.epoch == 1:
            rename_table(tmp_path, "metrics", "gone")
        if report.epoch == 3:
            rename_table(tmp_path, "gone", "metrics")

    result = _train(data, tmp_path, tracker, on_epoch=fail_in_the_second_epoch)

    assert result.onnx_path.exists()
    assert len(faults) == 1
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    logged = tracker.client.get_metric_history(run.info.run_id, "accuracy")
    assert sorted(metric.step for metric in logged) == [1, 2, 3]
    assert run.info.status == "FINISHED"


def test_a_store_that_fails_before_the_first_epoch_is_an_error(data: Path, tmp_path: Path, template: Path) -> None:
    tracker = _tracker(new_store(tmp_path, template), [])
    rename_table(tmp_path, "runs", "gone")

    with pytest.raises(TrackingError, match="cannot start a run in the MLflow store"):
        _train(data, tmp_path, tracker)
    assert not (tmp_path / "花.onnx").exists()
