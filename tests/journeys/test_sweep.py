"""A sweep that is killed, goes on, and ends with charts and the best model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from image_folders import write_class_folders

SIZES = {"12x12": "failed", "16x16": "trained"}  # simple_cnn takes no image below 16 pixels

PROGRESS_NAME = "progress.txt"


def _command(data: Path, *arguments: object) -> list[str]:
    return [
        *(sys.executable, "-m", "edgecls", "sweep", str(data), "-o", str(data.parent / "最好.onnx")),
        *("--arch", "simple_cnn", "--batch-size", "8", "--batch-size", "16", "--epochs", "2"),
        *(f"--image-size={size}" for size in SIZES),
        *map(str, arguments),
    ]


def _trials(data: Path) -> list[dict[str, Any]]:
    lines = (data.parent / "最好.sweep" / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[1:]]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], str]:
    """The data, the trials that had ended before the kill, and what the resumed sweep printed.

    What the killed sweep said of its progress is in the file beside the data.
    """
    data = write_class_folders(tmp_path_factory.mktemp("sweep") / "数据 集", per_label=8)
    with open(data.parent / PROGRESS_NAME, "wb") as progress:
        process = subprocess.Popen(_command(data), stdout=subprocess.PIPE, stderr=progress, encoding="utf-8")
    assert process.stdout is not None
    while "trial 3/4" not in (line := process.stdout.readline()):
        assert line, "the sweep ended before its third trial"
    process.kill()
    process.wait()
    process.stdout.close()
    before = _trials(data)
    done = subprocess.run(_command(data, "--resume"), capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1, done.stderr  # two of the trials cannot be trained
    return data, before, done.stdout


def test_where_there_is_no_terminal_every_epoch_has_a_line(swept: tuple[Path, list[dict[str, Any]], str]) -> None:
    data, _, _ = swept

    lines = (data.parent / PROGRESS_NAME).read_text(encoding="utf-8").splitlines()

    assert "trial 3/4: arch simple_cnn, image size 16x16, batch size 8, learning rate 0.001" in lines
    told = [line for line in lines if line.startswith("trial 3/4  epoch ")]
    assert [line.split()[3] for line in told] == ["1/2", "2/2"]
    assert all("val_accuracy" in line for line in told)
    assert told[0].endswith(" left")


def test_trials_that_had_ended_are_not_repeated(swept: tuple[Path, list[dict[str, Any]], str]) -> None:
    data, before, _ = swept

    after = _trials(data)

    assert 3 <= len(before) <= 4
    assert after[: len(before)] == before
    assert [trial["number"] for trial in after] == [1, 2, 3, 4]


def test_a_trial_that_cannot_be_trained_is_recorded_with_the_reason(
    swept: tuple[Path, list[dict[str, Any]], str],
) -> None:
    data, _, printed = swept

    for trial in _trials(data):
        failed = SIZES[trial["settings"]["image_size"]] == "failed"
        assert bool(trial["error"]) == failed
        assert len(trial["history"]) == (0 if failed else 2)
    assert "failed: simple_cnn takes images of at least 16x16 pixels, got 12x12" in printed


def test_the_best_model_and_the_charts_are_written(swept: tuple[Path, list[dict[str, Any]], str]) -> None:
    data, _, printed = swept
    model = data.parent / "最好.onnx"

    verified = subprocess.run([sys.executable, "-m", "edgecls", "verify", model], check=False)
    trials = [trial for trial in _trials(data) if not trial["error"]]
    best = max(trials, key=lambda trial: max(report["validation_accuracy"] for report in trial["history"]))

    assert verified.returncode == 0
    assert model.with_suffix(".keras").exists()
    assert f"best: trial {best['number']}/4" in printed
    charts = sorted((data.parent / "最好.sweep").glob("*.png"))
    assert [chart.name for chart in charts] == ["by-batch-size.png", "epochs.png"]
    assert all(chart.read_bytes().startswith(b"\x89PNG") for chart in charts)


def test_only_the_best_trials_model_is_kept(swept: tuple[Path, list[dict[str, Any]], str]) -> None:
    data, _, _ = swept

    models = list((data.parent / "最好.sweep").rglob("*.onnx"))
    assert len(models) == 2  # the trial's, and its run directory's name for it
    assert models[0].samefile(models[1])


def test_another_sweep_in_the_same_folder_is_refused(swept: tuple[Path, list[dict[str, Any]], str]) -> None:
    data, _, _ = swept

    done = subprocess.run(_command(data), capture_output=True, encoding="utf-8", check=False)

    assert done.returncode == 1
    assert "continue it with --resume, or delete the folder" in done.stderr


def test_what_a_kill_left_of_another_trial_goes_when_the_sweep_goes_on(
    swept: tuple[Path, list[dict[str, Any]], str],
) -> None:
    data, _, _ = swept
    folder = data.parent / "最好.sweep"
    best = next(folder.glob("trial-*.onnx"))
    other = next(folder / name for name in ("trial-002.onnx", "trial-004.onnx") if name != best.name)
    other.write_bytes(best.read_bytes())
    half = folder / f".0123abcd-{other.name}"
    half.write_bytes(b"half of it")

    subprocess.run(_command(data, "--resume"), capture_output=True, check=False)

    assert best.exists()
    assert not other.exists()
    assert not half.exists()
