"""Training that is killed, or stopped by Ctrl-C, as a user meets it at the terminal."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from signal import SIGINT, SIGKILL

import pytest
from click.testing import CliRunner
from image_folders import write_class_folders
from terminal_program import Ended, run_in_terminal

from edgecls.cli import main
from edgecls.modelfile import read_model

EPOCHS = 4
SETTINGS = ("--arch", "simple_cnn", "--image-size", "32", "--epochs", EPOCHS, "--batch-size", "4", "--seed", "3")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("stopping") / "数据", per_label=30)


def _history(run: Path) -> list[dict[str, str]]:
    with open(run / "history.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _train(data: Path, output: Path, *arguments: object) -> Ended:
    ended = run_in_terminal("train", data, "-o", output, *arguments)
    assert ended.exit_code == 0, ended.shown
    return ended


@pytest.fixture(scope="module")
def undisturbed(data: Path) -> list[dict[str, str]]:
    _train(data, data.parent / "undisturbed.onnx", *SETTINGS)
    return _history(data.parent / "undisturbed.run")


@pytest.fixture(scope="module")
def killed(data: Path) -> Path:
    """The run directory of a run that was killed after its first epoch, or where the machine is busy, a later one.

    Tests work on copies of it.
    """
    output = data.parent / "killed" / "模型.onnx"
    output.parent.mkdir()

    killed = run_in_terminal("train", data, "-o", output, *SETTINGS, signals=[(r"epoch 1/4[^\0]*step 10/", SIGKILL)])

    assert killed.exit_code == -SIGKILL, killed.shown
    assert re.search(r"step 10/\d+  .* s left, .* s in all", killed.shown)
    run = output.with_suffix(".run")
    assert list(output.parent.iterdir()) == [run]
    assert 1 <= len(_history(run)) < EPOCHS
    return run


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SETTINGS, "has an unfinished run; continue it with --resume"),
        (("--resume", "--learning-rate", "0.1"), "learning_rate was 0.001 and is now 0.1"),
    ],
    ids=["without-a-word", "with-other-settings"],
)
def test_a_killed_run_is_not_replaced(
    data: Path, killed: Path, tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    run = shutil.copytree(killed, tmp_path / "m.run")
    command = ["train", data, "-o", tmp_path / "m.onnx", *options]

    # In this process: starting TensorFlow takes longer than all of this.
    refused = CliRunner().invoke(main, [str(argument) for argument in command])

    assert (refused.exit_code, message in refused.stderr) == (1, True), refused.output
    assert sorted(path.name for path in run.iterdir()) == sorted(path.name for path in killed.iterdir())


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    data: Path, killed: Path, tmp_path: Path, undisturbed: list[dict[str, str]]
) -> None:
    output, run = tmp_path / "模型.onnx", shutil.copytree(killed, tmp_path / "模型.run")

    resumed = _train(data, output, "--resume")

    assert f"resuming after epoch {len(_history(killed))}/4" in resumed.shown
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
    told = re.search(r"stopped after ([23]) epochs; exporting the best of them", stopped.shown)
    assert told, stopped.shown
    assert "is not finished; continue it with --resume" in stopped.shown
    assert "Traceback" not in stopped.shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras", "m.onnx", "m.run"]
    assert read_model(output).card.metrics["best_epoch"] in range(1, int(told[1]) + 1)
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
    # In small steps, so that a busy machine cannot finish the epoch before it hears of the signal.
    command = ("train", data, "-o", tmp_path / "m.onnx", *SETTINGS, "--batch-size", "1")

    stopped = run_in_terminal(*command, signals=[("step 1/", SIGINT)])

    assert stopped.exit_code == 1
    assert "training was stopped before the first epoch was finished; there is no model yet" in stopped.shown
    assert list(tmp_path.iterdir()) == []
