"""edgecls run --sort-into and --watch: options, output, what is left."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from familiar_model import GREY, colored
from tiny_model import tiny_model_bytes

from edgecls import image
from edgecls.cli import main


@pytest.fixture(autouse=True)
def use_the_tiny_model(monkeypatch: pytest.MonkeyPatch, tiny_model_path: Path) -> None:
    monkeypatch.setenv("EDGECLS_MODEL", str(tiny_model_path))


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


def _below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_images_are_copied_into_folders_and_the_lines_stay(images: Path, tmp_path: Path) -> None:
    plain = _run(images)

    done = _run(images, "--sort-into", tmp_path / "出")

    assert done.exit_code == 0
    assert done.stdout == plain.stdout
    assert done.stderr == "3 images: blue 1, green 1, red 1\ncopied 3 images\n"
    assert _below(tmp_path / "出") == ["blue/blue.png", "green/green.png", "red/red.png"]
    assert _below(images) == ["blue.png", "green.png", "red.png"]


def test_a_second_run_does_nothing_new(images: Path, tmp_path: Path) -> None:
    _run(images, "--sort-into", tmp_path / "out")
    times = {name: (tmp_path / "out" / name).stat().st_ctime_ns for name in _below(tmp_path / "out")}

    done = _run(images, "--sort-into", tmp_path / "out")

    assert done.stderr == "3 images: blue 1, green 1, red 1\ncopied 0 images, 3 were there already\n"
    assert {name: (tmp_path / "out" / name).stat().st_ctime_ns for name in _below(tmp_path / "out")} == times


def test_a_folder_can_be_sorted_within_itself_and_again(images: Path) -> None:
    (images / "notes.jpg").write_text("notes")

    first = _run(images, "--sort-into", images, "--move", "--format", "json")
    second = _run(images, "--sort-into", images, "--move", "--format", "json")

    assert (first.exit_code, second.exit_code) == (1, 1)
    assert _below(images) == ["blue/blue.png", "green/green.png", "notes.jpg", "red/red.png"]
    assert [Path(json.loads(line)["image"]).name for line in second.stdout.splitlines()] == ["notes.jpg"]
    assert second.stderr == "moved 0 images\n"


def test_when_all_is_moved_there_is_nothing_left_to_do(images: Path) -> None:
    _run(images, "--sort-into", images / "out", "--move")

    done = _run(images, "--sort-into", images / "out", "--move")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "moved 0 images\n")


def test_unsure_answers_go_to_a_folder_unknown(images: Path, tmp_path: Path) -> None:
    model = tmp_path / "strict.onnx"
    model.write_bytes(tiny_model_bytes(unknown_threshold=0.9))
    (images / "gray.png").write_bytes(image.encode_png(np.full((8, 8, 3), 128, np.uint8)))

    _run(images / "gray.png", images / "red.png", "--model", model, "--sort-into", tmp_path / "out")

    assert _below(tmp_path / "out") == ["red/red.png", "unknown/gray.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--move"], "--move goes with --sort-into DIR"),
        (["-", "--sort-into", "out"], "standard input has no file to sort"),
        (["--interval", "2"], "--interval goes with --watch"),
        (["red.png", "--watch"], "--watch takes folders; 'red.png' is not one"),
        (["--watch", "--interval", "0"], "0.05<=x<=86400"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(
    images: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(images)

    done = _run(".", *arguments)

    assert done.exit_code == 2
    assert message in done.stderr
    assert os.listdir(images) != []
    assert not (images / "out").exists()


def test_a_place_that_cannot_be_written_is_told_before_any_image(images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = _run(images, "--sort-into", tmp_path / "file" / "out")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot make folder" in done.stderr


def test_images_unlike_the_training_images_go_where_unknown_ones_go(
    images: Path, tmp_path: Path, familiar_model_path: Path
) -> None:
    (images / "grey.png").write_bytes(colored(GREY))

    _run(images, "--sort-into", tmp_path / "out", "--model", familiar_model_path)
    _run(images, "--sort-into", tmp_path / "all", "--model", familiar_model_path, "--min-familiarity", "off")

    assert _below(tmp_path / "out") == ["blue/blue.png", "green/green.png", "red/red.png", "unknown/grey.png"]
    assert _below(tmp_path / "all") == ["blue/blue.png", "green/green.png", "red/grey.png", "red/red.png"]
