"""A search that is stopped, killed, and finished by two processes at once; logged to MLflow."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from image_folders import write_class_folders
from mlflow_store import needs_mlflow, quiet_mlflow

if "EDGECLS_REQUIRE_SEARCH" not in os.environ:
    pytest.importorskip("optuna")

TRIALS = 3
EPOCHS = 3
NAME = "最好"


def _command(data: Path, *arguments: object) -> list[str]:
    return [
        *(sys.executable, "-m", "edgecls", "sweep", str(data), "-o", str(data.parent / f"{NAME}.onnx")),
        *("--arch", "simple_cnn", "--image-size", "16", "--epochs", str(EPOCHS), "--trials", str(TRIALS), "--resume"),
        *("--search", "learning_rate=1e-4..1e-2:log", "--search", "batch_size=4,8"),
        *(argument for argument in map(str, arguments)),
    ]


def _end_at(process: "subprocess.Popen[str]", line: str, number: int) -> list[str]:
    """Send a process a signal as soon as it has said so, wait for it, and return all that it said on standard error."""
    assert process.stderr is not None
    said = []
    for told in process.stderr:
        said.append(told.rstrip())
        if line in told:
            process.send_signal(number)
            break
    else:
        pytest.fail(f"it never said {line!r}, but {said}")
    said += process.stderr.read().splitlines()
    process.wait()
    process.stderr.close()
    return said


class Searched:
    """What a search has left, and what its processes said."""

    def __init__(self, root: Path, store: list[str]) -> None:
        self.data = root / "数据 集"
        for split, count in (("train", 8), ("val", 4), ("test", 4)):
            write_class_folders(self.data / split, per_label=count, seed=len(split))
        command = _command(self.data, *store)
        pipes: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "encoding": "utf-8"}
        with subprocess.Popen(command, **pipes) as process:
            self.stopped = _end_at(process, f"trial 1/{TRIALS}  epoch 1/{EPOCHS}", signal.SIGINT)
            self.exit_code_stopped = process.returncode
        with subprocess.Popen(command, **pipes) as process:
            self.killed = _end_at(process, f"trial 2/{TRIALS}  epoch 1/{EPOCHS}", signal.SIGKILL)
        pipes["stdout"] = subprocess.PIPE
        both = [subprocess.Popen(command, **pipes) for _ in range(2)]
        outputs = [process.communicate() for process in both]
        assert [process.returncode for process in both] == [0, 0], outputs
        self.printed = [printed for printed, _ in outputs]
        self.said = [line for _, said in outputs for line in said.splitlines()]
        self.folder = self.data.parent / f"{NAME}.sweep"

    @property
    def trials(self) -> list[dict[str, Any]]:
        lines = (self.folder / "trials.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines[1:]]

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
        return found


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    root = tmp_path_factory.mktemp("search")
    has_mlflow = importlib.util.find_spec("mlflow") is not None
    return Searched(root, ["--mlflow", f"sqlite:///{root / 'mlflow.db'}"] if has_mlflow else [])


def test_ctrl_c_leaves_a_folder_that_can_go_on(searched: Searched) -> None:
    assert searched.exit_code_stopped == 130
    assert searched.stopped[-1].endswith(f"{NAME}.sweep is not finished, continue it with --resume")


def test_an_interrupted_trial_goes_on_after_its_last_epoch(searched: Searched) -> None:
    assert not any(f"trial 1/{TRIALS}  epoch 1/" in line for line in [*searched.killed, *searched.said])
    assert not any(f"trial 2/{TRIALS}  epoch 1/" in line for line in searched.said)


def test_no_trial_counts_twice_whatever_happened(searched: Searched) -> None:
    assert Counter(trial["number"] for trial in searched.trials) == Counter(range(1, TRIALS + 1))
    for trial in searched.trials:
        epochs = [report["epoch"] for report in trial["history"]]
        assert epochs == list(range(1, len(epochs) + 1))
        assert len(epochs) == EPOCHS or trial["pruned"]


def test_the_last_process_writes_the_best_model_with_its_accuracy_on_the_test_split(searched: Searched) -> None:
    result = searched.result
    best = next(trial for trial in result["trials"] if trial["number"] == result["best"])
    complete = [trial for trial in result["trials"] if trial["state"] == "complete"]
    last = next(printed for printed in searched.printed if "best: trial" in printed)

    assert best["validation_accuracy"] == max(trial["validation_accuracy"] for trial in complete)
    assert result["test"]["trial"] == result["best"]
    assert result["test"]["images"] == 12
    assert f"test accuracy {result['test']['accuracy']:.4f} (" in last
    assert any("warning: the best of 3 trials was chosen on the same 12 images" in line for line in searched.said)
    assert (searched.folder / "report.html").exists()
    verified = subprocess.run(
        [sys.executable, "-m", "edgecls", "verify", searched.data.parent / f"{NAME}.onnx"], check=False
    )
    assert verified.returncode == 0


def test_no_trial_has_seen_the_test_split(searched: Searched) -> None:
    reports = list(searched.folder.glob("trial-*.run/report.html"))

    assert reports
    for report in [*reports, searched.folder / "report.html"]:
        text = re.sub(r"<[^>]*>", " ", report.read_text(encoding="utf-8"))
        split = "test" if report.parent == searched.folder else "validation"
        assert re.search(rf"\bsplit\s+{split}\b", text), report


def test_going_on_with_a_finished_search_measures_nothing_again(searched: Searched) -> None:
    before = (searched.folder / "report.html").stat().st_mtime_ns
    done = subprocess.run(
        _command(searched.data, "--format", "json"), capture_output=True, encoding="utf-8", check=False
    )

    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["test"] == searched.result["test"]
    assert [trial["number"] for trial in printed["trials"]] == list(range(1, TRIALS + 1))
    assert (searched.folder / "report.html").stat().st_mtime_ns == before


@needs_mlflow
@quiet_mlflow
def test_the_search_is_a_run_in_mlflow_and_each_trial_a_part_of_it_with_every_epoch_once(searched: Searched) -> None:
    from edgecls.tracking import connect

    uri = f"sqlite:///{searched.data.parent / 'mlflow.db'}"
    tracker = connect(uri, experiment=searched.data.name, on_fault=pytest.fail)
    runs = {run.info.run_name: run for run in tracker.client.search_runs([tracker.experiment_id])}

    assert runs.keys() == {NAME, *(f"trial {number}" for number in range(1, TRIALS + 1))}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    whole = runs.pop(NAME)
    assert whole.data.metrics["final_test_accuracy"] == searched.result["test"]["accuracy"]
    assert whole.data.params["search_learning_rate"] == "0.0001..0.01:log"
    assert f"{NAME}.onnx" in {file.path for file in tracker.client.list_artifacts(whole.info.run_id)}
    for trial in searched.trials:
        run = runs[f"trial {trial['number']}"]
        assert run.data.tags["mlflow.parentRunId"] == whole.info.run_id
        assert run.data.params["learning_rate"] == str(trial["settings"]["learning_rate"])
        logged = tracker.client.get_metric_history(run.info.run_id, "validation_accuracy")
        assert [metric.step for metric in logged] == [report["epoch"] for report in trial["history"]]
