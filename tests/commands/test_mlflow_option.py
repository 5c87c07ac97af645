"""--mlflow of edgecls evaluate and edgecls train, with a local database."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from color_folders import write_color_folders
from image_folders import write_class_folders
from mlflow_store import needs_mlflow, new_store, quiet_mlflow

from edgecls.cli import main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_color_folders(tmp_path / "数据")


@needs_mlflow
@quiet_mlflow
def test_an_evaluation_is_a_run_with_metrics_report_and_model(
    tiny_model_path: Path, data: Path, tmp_path: Path
) -> None:
    from edgecls.tracking import connect

    store = new_store(tmp_path, tmp_path)

    done = CliRunner().invoke(main, ["evaluate", str(tiny_model_path), str(data), "--mlflow", store])

    assert done.exit_code == 0, done.output
    tracker = connect(store, experiment="数据", on_fault=pytest.fail)
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert (run.info.run_name, run.info.status) == ("colors on 数据", "FINISHED")
    assert run.data.metrics["accuracy"] == pytest.approx(8 / 9)
    assert run.data.params["split"] == "all"
    assert {file.path for file in tracker.client.list_artifacts(run.info.run_id)} == {"colors.onnx", "report.html"}


@needs_mlflow
@quiet_mlflow
def test_a_classical_model_is_a_run_in_the_experiment_of_that_name(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    from edgecls.tracking import connect

    store, output = new_store(tmp_path, tmp_path), tmp_path / "knn.onnx"
    options = ["--arch", "knn", "--image-size", "16", "--mlflow", store, "--mlflow-experiment", "baselines"]

    done = CliRunner().invoke(main, ["train", str(data), "-o", str(output), *options])

    assert done.exit_code == 0, done.output
    tracker = connect(store, experiment="baselines", on_fault=pytest.fail)
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert run.data.params["arch"] == "knn"
    assert "validation_accuracy" in run.data.metrics
    assert [file.path for file in tracker.client.list_artifacts(run.info.run_id)] == ["knn.onnx"]


@needs_mlflow
@quiet_mlflow
def test_quick_training_is_a_run_with_metrics_report_and_model(tmp_path: Path) -> None:
    from edgecls.tracking import connect

    data = write_class_folders(tmp_path / "photos", per_label=4)
    store, output = new_store(tmp_path, tmp_path), tmp_path / "quick.onnx"

    done = CliRunner().invoke(main, ["train", str(data), "-o", str(output), "--quick", "--mlflow", store])

    assert done.exit_code == 0, done.output
    tracker = connect(store, experiment="photos", on_fault=pytest.fail)
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert (run.info.run_name, run.info.status) == ("quick", "FINISHED")
    assert "validation_accuracy" in run.data.metrics
    assert {file.path for file in tracker.client.list_artifacts(run.info.run_id)} == {"quick.onnx", "report.html"}


@pytest.mark.parametrize("command", [["evaluate", "m.onnx"], ["train", "-o", "m.onnx"], ["sweep", "-o", "m.onnx"]])
def test_an_experiment_without_a_store_is_a_usage_error(command: list[str], tiny_model_path: Path, data: Path) -> None:
    name, *rest = [str(tiny_model_path) if part == "m.onnx" and command[0] == "evaluate" else part for part in command]

    done = CliRunner().invoke(main, [name, *rest, str(data), "--mlflow-experiment", "x"])

    assert done.exit_code == 2
    assert "--mlflow-experiment needs a store; give it with --mlflow" in done.stderr


def test_without_the_option_nothing_of_mlflow_is_loaded(tiny_model_path: Path, data: Path) -> None:
    script = (
        "import sys; from edgecls.cli import main\n"
        f"main(['evaluate', {str(tiny_model_path)!r}, {str(data)!r}], standalone_mode=False)\n"
        "print({'mlflow', 'sqlalchemy', 'optuna'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)

    assert done.stdout.splitlines()[-1] == "set()"
