"""Training that is killed, or stopped by Ctrl-C, as a user meets it at the terminal."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from signal import SIGINT, SIGKILL

import pytest
from picture_folders import write_class_folders
from terminal_program import Ended, run_in_terminal

from edgecls.modelfile import read_model

EPOCHS = 4
SETTINGS = ("--arch", "simple_cnn", "--image-size", "32", "--epochs", EPOCHS, "--batch-size", "4", "--seed", "3")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("stopping") / "数据", per_label=30)


def _history(run: Path) -> list[dict[str, str]]:
    with open(run / "history.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _train(data: Path, output: Path, *arguments: object, exit_code: int = 0) -> Ended:
    ended = run_in_terminal("train", data, "-o", output, *arguments)
    assert ended.exit_code == exit_code, ended.shown
    return ended


@pytest.fixture(scope="module")
def undisturbed(data: Path) -> list[dict[str, str]]:
    _train(data, data.parent / "undisturbed.onnx", *SETTINGS)
    return _history(data.parent / "undisturbed.run")


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    data: Path, tmp_path: Path, undisturbed: list[dict[str, str]]
) -> None:
    output, run = tmp_path / "模型.onnx", tmp_path / "模型.run"
    killed = run_in_terminal("train", data, "-o", output, *SETTINGS, signals=[(r"epoch 1/4[^\0]*step 10/", SIGKILL)])

    assert killed.exit_code == -SIGKILL, killed.shown
    assert "epoch 2/4" not in killed.shown
    assert sorted(path.name for path in tmp_path.iterdir()) == [run.name]
    assert len(_history(run)) == 1
    refused = _train(data, output, *SETTINGS, exit_code=1)
    assert "has a run that was not finished; go on with --resume" in refused.shown
    other = _train(data, output, "--resume", "--learning-rate", "0.1", exit_code=1)
    assert "learning_rate was 0.001 and is now 0.1" in other.shown

    resumed = _train(data, output, "--resume")

    assert "going on after epoch 1/4" in resumed.shown
    history = _history(run)
    assert [row["epoch"] for row in history] == [row["epoch"] for row in undisturbed]
    for row, expected in zip(history, undisturbed, strict=True):
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate"):
            assert float(row[name]) == pytest.approx(float(expected[name]), abs=1e-3), (row["epoch"], name)
    assert not list(run.glob("checkpoint*")) + list(run.glob("best-*"))
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["finished"] is True
    assert read_model(output).card.metrics["best_epoch"] == int(
        max(undisturbed, key=lambda row: (float(row["validation_accuracy"]), -float(row["validation_loss"])))["epoch"]
    )


def test_control_c_exports_the_best_epoch_and_the_run_goes_on_later(
    data: Path, tmp_path: Path, undisturbed: list[dict[str, str]]
) -> None:
    output, run = tmp_path / "m.onnx", tmp_path / "m.run"

    stopped = run_in_terminal("train", data, "-o", output, *SETTINGS, signals=[(r"epoch 2/4[^\0]*step 3/", SIGINT)])

    assert stopped.exit_code == 130, stopped.shown
    assert "stopped after 2 epochs; exporting the best of them" in stopped.shown
    assert "is not finished; go on with --resume" in stopped.shown
    assert "Traceback" not in stopped.shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras", "m.onnx", "m.run"]
    assert read_model(output).card.metrics["best_epoch"] in (1, 2)
    done = subprocess.run([sys.executable, "-m", "edgecls", "verify", str(output)], check=False, capture_output=True)
    assert done.returncode == 0

    _train(data, output, "--resume")

    losses = [float(row["loss"]) for row in _history(run)]
    assert losses == pytest.approx([float(row["loss"]) for row in undisturbed], abs=1e-3)


def test_a_second_control_c_ends_at_once_and_leaves_what_can_be_resumed(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "m.onnx"

    stopped = run_in_terminal(
        *("train", data, "-o", output, *SETTINGS),
        signals=[(r"epoch 1/4[^\0]*step 3/", SIGINT), ("exporting", SIGINT)],
    )

    assert stopped.exit_code == 1, stopped.shown
    assert "Aborted!" in stopped.shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.run"]
    assert (tmp_path / "m.run" / "checkpoint.npz").is_file()


def test_control_c_before_the_first_epoch_is_over_leaves_nothing(data: Path, tmp_path: Path) -> None:
    stopped = run_in_terminal("train", data, "-o", tmp_path / "m.onnx", *SETTINGS, signals=[("step 1/", SIGINT)])

    assert stopped.exit_code == 1
    assert "training was stopped before the first epoch was finished; there is no model yet" in stopped.shown
    assert list(tmp_path.iterdir()) == []
