"""edgecls train: what the command line refuses, and what it makes of files and settings."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner
from image_folders import write_class_folders

from edgecls.cli import main
from edgecls.commands.train_options import settings_from
from edgecls.modelfile import read_model
from edgecls.training.config import Augmentation
from edgecls.training.config_file import read_settings


def _train(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "edgecls", "train", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_resume_and_overwrite_exclude_each_other(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["train", str(tmp_path), "-o", "m.onnx", "--resume", "--overwrite"])

    assert done.exit_code == 2
    assert "--resume and --overwrite cannot be used together" in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", "0"),
        ("--schedule", "linear"),
        ("--backbone-factor", "1.5"),
        ("--label-smoothing", "1"),
        ("--device", "tpu"),
        ("--augment-rotation", "181"),
        ("--augment-zoom", "1"),
        ("--augment-shift", "-0.1"),
        ("--cache", "disc"),
        ("--config", "gone.toml"),
        ("--cache-dir", "gone"),
    ],
)
def test_values_outside_their_limits_are_usage_errors(tmp_path: Path, option: str, value: str) -> None:
    done = CliRunner().invoke(main, ["train", str(tmp_path), "-o", "m.onnx", option, value])

    assert done.exit_code == 2
    assert option in done.stderr


@pytest.mark.parametrize(
    ("options", "augmentation"),
    [
        (("--no-augment-flip",), {"flip": False}),
        (("--augment-flip", "--augment-rotation", "5"), {"flip": True, "rotation": 5.0}),
        (
            tuple(f"--augment-{name}=0.25" for name in ("shift", "zoom", "brightness", "contrast")),
            dict.fromkeys(("shift", "zoom", "brightness", "contrast"), 0.25),
        ),
        ((), None),
    ],
    ids=["no-flip", "rotation", "all-others", "none"],
)
def test_amounts_of_augmentation_are_options(options: tuple[str, ...], augmentation: dict[str, object] | None) -> None:
    from edgecls.commands.train import train

    with train.make_context("train", [".", "-o", "m.onnx", *options]) as context:
        settings = settings_from(context, {name: context.params[name] for name in context.params})

    assert settings.get("augmentation") == augmentation


def test_there_is_an_option_for_every_amount_of_augmentation() -> None:
    from edgecls.commands.train import train

    offered = {parameter.name for parameter in train.params}
    assert {f"augment_{field.name}" for field in fields(Augmentation)} <= offered


def test_what_tensorflow_says_of_itself_is_not_shown(tmp_path: Path) -> None:
    """Wherever TensorFlow is loaded: its own backend, and JAX's, beside which only the export needs it."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    script = (
        "import logging, os\nfrom edgecls.commands.keras_import import import_keras\n"
        "import_keras(purpose='training')\nimport tensorflow as tf\n"
        "tf.config.list_logical_devices()\nlogging.getLogger('tensorflow').warning('5 out of the last 5 calls')\n"
    )

    for backend in ("tensorflow", "jax"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**environment, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), backend


def test_packages_that_keras_imports_only_because_they_are_there_are_left_out() -> None:
    script = (
        "import sys\nfrom edgecls.commands.keras_import import UNNEEDED, import_keras\n"
        "import_keras(purpose='training')\nunneeded = {*UNNEEDED, 'jax'}\n"
        "print(sorted(unneeded & sys.modules.keys()))\nimport jax, sklearn\nprint(jax.__name__, sklearn.__name__)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == "[]\njax sklearn\n"


def test_options_win_over_the_config_file_and_the_whole_is_kept_with_the_run(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "数据", per_label=9)
    images = sorted(data.rglob("*.png"))
    for name, chosen in (("train", images[::3]), ("val", images[1::3]), ("test", images[2::3])):
        lines = [f"{path.relative_to(data).as_posix()}\t{path.parent.name}\n" for path in chosen]
        (data / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    config = tmp_path / "run.toml"
    config.write_text(
        'arch = "simple_cnn"\nepochs = 50\nbatch_size = 4\ncache = "stream"\n'
        "[image]\nheight = 16\n[augmentation]\nrotation = 5\nflip = false\n",
        encoding="utf-8",
    )

    done = _train(data, "-o", tmp_path / "m.onnx", "--config", config, "--epochs", "2", "--run-dir", tmp_path / "跑")

    assert done.returncode == 0, done.stderr
    assert "training on 9 images, validating on 9" in done.stdout
    assert re.search(r"^epoch 1/2 .* s left", done.stdout, re.MULTILINE)
    assert re.search(r"^test accuracy [01]\.\d{4} \([\d.]+ to [\d.]+ at 95 %\) on 9 images$", done.stdout, re.MULTILINE)
    assert "validation image" in done.stdout  # what mirroring does
    settings = read_settings(tmp_path / "跑" / "config.toml")
    assert (settings["epochs"], settings["batch_size"], settings["cache"]) == (2, 4, "stream")
    assert settings["augmentation"]["rotation"] == 5
    card = read_model(tmp_path / "m.onnx").card
    assert card.training["augmentation_flip"] is False
    assert all(not sample.name.startswith("/") for sample in card.golden.samples)
    assert not (tmp_path / "m.run").exists()
    report = (tmp_path / "跑" / "report.html").read_text(encoding="utf-8")
    assert "红 roses" in report
    assert "validation image" in report
    assert sorted(path.name for path in (tmp_path / "跑" / "plots").iterdir()) == [
        "accuracy.png",
        "confusion.png",
        "loss.png",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", "has an unknown key 'epoch'; did you mean 'epochs'?"),
        ('arch = "simple_cn"', "there is no architecture 'simple_cn'; did you mean 'simple_cnn'?"),
    ],
)
def test_a_wrong_config_file_ends_before_anything_is_written(tmp_path: Path, text: str, message: str) -> None:
    data = write_class_folders(tmp_path / "data", per_label=2)
    (tmp_path / "run.toml").write_text(text, encoding="utf-8")

    done = _train(data, "-o", tmp_path / "m.onnx", "--config", tmp_path / "run.toml")

    assert done.returncode == 1
    assert message in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "run.toml"]


def test_there_is_nothing_to_resume_where_there_is_no_run(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", per_label=2)

    done = _train(data, "-o", tmp_path / "m.onnx", "--resume")

    assert done.returncode == 1
    assert "there is no run in" in done.stderr


def test_the_heads_on_offer_are_those_there_are() -> None:
    from edgecls.commands.train import train
    from edgecls.models import head_names

    (offered,) = (parameter.type.choices for parameter in train.params if parameter.name == "head")

    assert list(offered) == head_names()
