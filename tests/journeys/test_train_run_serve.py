"""The whole line as a user walks it: train on folders with Chinese names, verify, run, export again, serve."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from image_folders import COLORS, write_class_folders
from running_server import running_server

from edgecls.modelfile import read_model


def _edgecls(*arguments: object, exit_code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "edgecls", *map(str, arguments)], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == exit_code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("journey") / "数据 集", per_label=30)


@pytest.fixture(scope="module")
def trained(data: Path) -> tuple[Path, str]:
    """The model file that training wrote, and what it printed."""
    path = data.parent / "模型.onnx"
    output = _edgecls(
        *("train", data, "-o", path, "--arch", "simple_cnn", "--image-size", "16", "--epochs", "8"),
        *("--batch-size", "16", "--val-split", "0.2", "--no-augment"),
    )
    return path, output


def test_training_tells_what_it_does(trained: tuple[Path, str]) -> None:
    _, output = trained

    counted = [line.split(maxsplit=1) for line in output.splitlines()[:4]]
    assert counted == [["30", label] for label in sorted(COLORS)] + [["90", "images of 3 labels"]]
    assert "starting from random weights, as there are no published ones for simple_cnn" in output
    assert "training on 72 images, validating on 18" in output
    assert output.count("val_accuracy") == 8
    assert "onnxruntime against Keras: largest difference" in output


def test_both_files_and_the_run_directory_are_there_and_nothing_else(trained: tuple[Path, str], data: Path) -> None:
    path, _ = trained

    assert sorted(entry.name for entry in path.parent.iterdir()) == sorted(
        [data.name, path.name, "模型.keras", "模型.run"]
    )
    assert sorted(entry.name for entry in (path.parent / "模型.run").iterdir()) == [
        "config.toml",
        "history.csv",
        "model.keras",
        "model.onnx",
        "plots",
        "report.html",
        "run.json",
    ]
    assert (path.parent / "模型.run" / "model.onnx").read_bytes() == path.read_bytes()


def test_the_weights_that_were_taken_are_recorded(trained: tuple[Path, str]) -> None:
    path, _ = trained

    assert 'weights = "none"' in (path.parent / "模型.run" / "config.toml").read_text(encoding="utf-8")
    run = json.loads((path.parent / "模型.run" / "run.json").read_text(encoding="utf-8"))
    training = read_model(path).card.training
    assert run["weights_from"] == training["weights_from"]
    assert training["weights_from"] == "random weights, as there are no published ones for simple_cnn"


def test_the_model_verifies_and_says_what_it_is(trained: tuple[Path, str]) -> None:
    path, _ = trained

    assert _edgecls("verify", path).startswith("passed: ")
    document = json.loads(_edgecls("info", path, "--format", "json"))
    assert document["labels"] == sorted(COLORS)
    assert document["dataset"]["train_images"] == 72
    assert document["training"]["seed"] == 0
    assert "/" not in document["golden"]["samples"][0]["name"].removeprefix(f"{sorted(COLORS)[0]}/")


def test_the_model_knows_its_own_images(trained: tuple[Path, str], data: Path) -> None:
    path, _ = trained

    rows = list(csv.DictReader(io.StringIO(_edgecls("run", "--model", path, data, "--format", "csv"))))

    right = [row["label"] == Path(row["image"]).parent.name for row in rows]
    assert len(right) == 90
    assert sum(right) >= 81


def test_the_keras_file_gives_the_same_model_again(trained: tuple[Path, str], data: Path) -> None:
    path, _ = trained
    again = path.with_name("again.onnx")

    _edgecls("export", path.with_suffix(".keras"), "-o", again)

    image = next(data.rglob("*.png"))
    first, second = (
        json.loads(_edgecls("run", "--model", model, image, "--format", "json", "--top", 3)) for model in (path, again)
    )
    assert [score["label"] for score in first["top"]] == [score["label"] for score in second["top"]]
    assert first["probability"] == pytest.approx(second["probability"], abs=1e-5)
    again.unlink()


def test_a_gate_that_fails_leaves_no_file(trained: tuple[Path, str]) -> None:
    path, _ = trained
    refused = path.with_name("refused.onnx")

    _edgecls("export", path.with_suffix(".keras"), "-o", refused, "--max-difference", "0", exit_code=1)

    assert not refused.exists()


def test_the_server_gives_the_answers_of_the_command_line(trained: tuple[Path, str], data: Path) -> None:
    path, _ = trained
    image = next(data.rglob("*.png"))
    name = image.relative_to(data).as_posix()
    by_command = json.loads(_edgecls("run", "--model", path, image, "--format", "json"))

    with running_server("--model", path, "--image-root", data) as server:
        for method, address, body in (
            ("GET", f"/predict/{quote(name)}", b""),
            ("POST", "/predict", image.read_bytes()),
            ("POST", f"/predict/{quote(name)}", image.read_bytes()),
        ):
            status, answer = server.request(method, address, body)
            assert status == 200
            assert answer["image"] == ("body" if address == "/predict" else name)
            assert (answer["label"], answer["probability"]) == (by_command["label"], by_command["probability"])


def test_training_on_a_folder_it_cannot_use_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "data" / "only").mkdir(parents=True)

    _edgecls("train", tmp_path / "data", "-o", tmp_path / "m.onnx", exit_code=1)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


@pytest.mark.parametrize(
    ("option", "value"), [("--arch", "simple_cn"), ("--weights", "gone.h5"), ("--image-size", "8")]
)
def test_training_with_settings_that_do_not_work_says_so(data: Path, tmp_path: Path, option: str, value: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "edgecls", "train", str(data), "-o", str(tmp_path / "m.onnx")),
            *("--arch", "simple_cnn", "--image-size", "16", option, value),
        ],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
