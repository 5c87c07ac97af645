"""Familiarity from folders of images, by the commands export and adopt."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from color_network import color_model_bytes
from foreign_nets import net
from image_folders import write_class_folders

import edgecls
from edgecls import image
from edgecls.cli import main
from edgecls.modelfile import read_model


def _export(source: Path, *options: object) -> Result:
    given = [source, "-o", source.parent / "out.onnx", *options]
    return CliRunner().invoke(main, ["export", *map(str, given)])


@pytest.fixture
def colors(tmp_path: Path) -> Path:
    path = tmp_path / "colors.onnx"
    path.write_bytes(color_model_bytes())
    return path


def _write_gray(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.encode_png(np.full((30, 30, 3), 190, np.uint8)))
    return path


def test_a_model_file_gets_it_from_class_folders(colors: Path, color_folders: Path, tmp_path: Path) -> None:
    done = _export(colors, "--familiarity", color_folders)

    assert done.exit_code == 0, done.output
    assert re.search(r"images below a familiarity of \d\.\d+ are unknown: \d+\.\d% of 60 images", done.output)
    classifier = edgecls.load(tmp_path / "out.onnx", "cpu")
    assert all(result.passed for result in classifier.verify())
    facts = classifier.card.familiarity
    assert facts is not None
    assert (facts.held_out, len(facts.levels)) == (60, 4)
    assert classifier.predict(_write_gray(tmp_path / "gray.png")).unknown_reason == "unlike"
    assert classifier.predict(next(color_folders.rglob("*.png"))).is_known


@pytest.mark.parametrize("folder", ["", "pictures", "pictures/inner"])
def test_a_plain_folder_is_one_group(colors: Path, color_folders: Path, tmp_path: Path, folder: str) -> None:
    data = tmp_path / "data"
    (data / folder).mkdir(parents=True)
    for index, path in enumerate(sorted(color_folders.rglob("*.png"))):
        (data / folder / f"{index}.png").write_bytes(path.read_bytes())
    if folder == "pictures/inner":
        data = data / "pictures"

    done = _export(colors, "--familiarity", data)

    assert done.exit_code == 0, done.output
    card = read_model(tmp_path / "out.onnx").card
    assert card.familiarity is not None
    assert card.familiarity.held_out == 60


def test_held_out_splits_give_the_threshold(colors: Path, tmp_path: Path) -> None:
    write_class_folders(tmp_path / "data" / "train", per_label=10)
    write_class_folders(tmp_path / "data" / "val", per_label=40, seed=1)

    done = _export(colors, "--familiarity", tmp_path / "data")

    assert done.exit_code == 0, done.output
    facts = read_model(tmp_path / "out.onnx").card.familiarity
    assert facts is not None
    assert facts.held_out == 120


def test_labels_need_not_be_those_of_the_model(colors: Path, tmp_path: Path) -> None:
    write_class_folders(tmp_path / "data", per_label=3)
    for index, folder in enumerate(sorted((tmp_path / "data").iterdir())):
        folder.rename(folder.with_name(f"other {index}"))

    assert _export(colors, "--familiarity", tmp_path / "data").exit_code == 0


def test_images_that_cannot_be_read_are_named_and_left_out(colors: Path, tmp_path: Path) -> None:
    write_class_folders(tmp_path / "data", per_label=3)
    damaged = next((tmp_path / "data").rglob("*.png"))
    damaged.write_bytes(b"no image")

    done = _export(colors, "--familiarity", tmp_path / "data")

    assert done.exit_code == 0, done.output
    assert re.search(rf"left out: .*{re.escape(damaged.name)}", done.stderr)
    facts = read_model(tmp_path / "out.onnx").card.familiarity
    assert facts is not None
    assert facts.held_out == 8


def test_what_it_replaces_is_gone(colors: Path, color_folders: Path, tmp_path: Path) -> None:
    assert _export(colors, "--familiarity", color_folders).exit_code == 0
    first = (tmp_path / "out.onnx").read_bytes()
    (tmp_path / "again.onnx").write_bytes(first)

    assert _export(tmp_path / "again.onnx", "--familiarity", color_folders).exit_code == 0

    again = onnx.load(tmp_path / "out.onnx").graph
    assert again.node == onnx.load_from_string(first).graph.node
    assert again.output == onnx.load_from_string(first).graph.output


@pytest.mark.parametrize(
    ("options", "message", "exit_code"),
    [
        ((), "colors.onnx' is ONNX already.*edgecls adopt", 2),
        (("--familiarity", "EMPTY"), "has no images; give a folder with images that the model was trained on", 1),
        (("--familiarity", "SINGLE"), "at least 2 images that the model was trained on, and 1 of 1 can be used", 1),
        (("--familiarity", "EMPTY", "--logits"), "taken as it is; leave --logits out", 2),
        (("--familiarity", "GONE"), "does not exist", 2),
    ],
    ids=["nothing", "empty", "single", "options", "missing"],
)
def test_what_cannot_be_done_is_refused_and_nothing_written(
    colors: Path, tmp_path: Path, options: tuple[str, ...], message: str, exit_code: int
) -> None:
    folders = {"EMPTY": tmp_path / "empty", "SINGLE": tmp_path / "single", "GONE": tmp_path / "gone"}
    folders["EMPTY"].mkdir()
    _write_gray(folders["SINGLE"] / "a.png")

    done = _export(colors, *(folders.get(option, option) for option in options))

    assert done.exit_code == exit_code
    assert re.search(message, " ".join(done.stderr.split())), done.stderr
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize("element_type", ["float32", "float16", "uint8"])
def test_an_adopted_network_gets_it(
    adopt: Callable[..., Result], element_type: str, color_folders: Path, tmp_path: Path
) -> None:
    pixels = () if element_type == "uint8" else ("--preset", "torchvision")

    done = adopt(net(element_type=element_type), "--familiarity", color_folders, *pixels)

    assert done.exit_code == 0, done.output
    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    assert all(result.passed for result in classifier.verify())
    assert classifier.card.familiarity is not None
