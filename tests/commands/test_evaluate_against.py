"""edgecls evaluate --against: images without labels, compared with the held-out ones."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from referenced_model import HELD_OUT, write_images

from edgecls.cli import main
from edgecls.modelfile import read_model


def _evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_images_of_the_same_kind_look_alike(referenced_model_path: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "new", 60, seed=5)
    done = _evaluate("--against", referenced_model_path, tmp_path / "new")

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"60 images, compared with {HELD_OUT} held-out images")
    assert "These images look like the held-out images" in done.stdout


def test_other_images_are_named_with_what_has_changed(referenced_model_path: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "dark" / "below", 60, seed=5, darker=0.3)
    done = _evaluate("--against", referenced_model_path, tmp_path / "dark")
    found = json.loads(_evaluate("--against", referenced_model_path, tmp_path / "dark", "--format", "json").stdout)

    assert done.exit_code == 0
    assert "These images are unlike the held-out images: " in done.stdout
    assert "brightness (lower)" in done.stdout
    assert "if they were like" in done.stdout
    assert found["like"] is False
    assert "brightness" in found["changed"]
    assert (found["images"], found["held_out_images"], found["left_out"]) == (60, HELD_OUT, 0)
    assert {one["what"] for one in found["comparisons"]} >= {"brightness", "label", "side_ratio"}


def test_few_and_unusable_images_are_reported(referenced_model_path: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "few", 5, seed=5)
    (tmp_path / "few" / "bad.png").write_bytes(b"nothing")
    done = _evaluate("--against", referenced_model_path, tmp_path / "few")

    assert done.exit_code == 1
    assert "left out" in done.stderr
    assert "too few images to tell; give at least 30" in done.stdout


def test_what_cannot_be_compared_is_an_error(
    referenced_model_path: Path, tiny_model_path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    write_images(folder, 1, seed=5)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"nothing")

    assert "does not describe its held-out images" in _evaluate("--against", tiny_model_path, folder).stderr
    assert "can be used" in _evaluate("--against", referenced_model_path, tmp_path / "bad").stderr
    both = _evaluate("--against", referenced_model_path, referenced_model_path, folder)
    assert (both.exit_code, "leave out DATA" in both.stderr) == (2, True)
    foreign = _evaluate("--against", referenced_model_path, folder, "--split", "val")
    assert (foreign.exit_code, "leave out --split" in foreign.stderr) == (2, True)
    alone = _evaluate(referenced_model_path)
    assert (alone.exit_code, "Missing argument 'DATA'" in alone.stderr) == (2, True)


def test_export_adds_held_out_images(familiar_model_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    for split, count, seed in (("train", 30, 7), ("val", 30, 8)):
        for number, path in enumerate(write_images(tmp_path / "all" / split, count, seed=seed)):
            label = tmp_path / "data" / split / ("red", "green", "blue")[number % 3]
            label.mkdir(parents=True, exist_ok=True)
            shutil.move(path, label / path.name)
    arguments = ["export", familiar_model_path, "-o", tmp_path / "new.onnx", "--familiarity", tmp_path / "data"]
    done = CliRunner().invoke(main, list(map(str, arguments)))

    assert done.exit_code == 0, done.output
    reference = read_model(tmp_path / "new.onnx").card.reference
    assert reference is not None
    assert reference.images == 30
    assert sum(reference.histograms["familiarity"].counts) == 30


def test_info_says_that_there_are_held_out_images_to_compare_with(
    referenced_model_path: Path, tiny_model_path: Path
) -> None:
    described, plain = (
        CliRunner().invoke(main, ["info", str(path)]) for path in (referenced_model_path, tiny_model_path)
    )

    assert f"{HELD_OUT} held-out images, which edgecls evaluate --against" in described.stdout
    assert "held-out images" not in plain.stdout
