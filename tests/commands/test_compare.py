"""edgecls compare."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from color_folders import write_color_folders
from tiny_model import tiny_card, tiny_onnx

from edgecls import modelfile
from edgecls.cli import main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_color_folders(tmp_path / "data")


@pytest.fixture
def blind(tmp_path: Path) -> Path:
    """A model that takes blue for green."""
    path = tmp_path / "盲.onnx"
    path.write_bytes(modelfile.describe(tiny_onnx(matrix=[[1, 0, 0], [0, 1, 0], [0, 1, 0]]), tiny_card()))
    return path


def _compare(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def test_models_stand_below_each_other(tiny_model_path: Path, blind: Path, data: Path, tmp_path: Path) -> None:
    done = _compare(tiny_model_path, blind, data, "--plot", tmp_path / "t.png")

    assert done.exit_code == 0
    header, good, bad, empty, verdict = done.stdout.splitlines()
    assert header.split()[0] == "model"
    assert (good.split()[:2], bad.split()[:2]) == (["colors", "0.8889"], ["盲", "0.6667"])
    assert empty == ""
    assert verdict == "only colors is correct for 2 images, only 盲 for 0: not significant (p = 0.5)"
    assert done.stderr == f"wrote {tmp_path / 't.png'}\n"
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_json_has_accuracy_latency_and_size(tiny_model_path: Path, blind: Path, data: Path) -> None:
    document = json.loads(_compare(tiny_model_path, blind, data, "--format", "json").stdout)

    good, bad = document["models"]
    assert (good["name"], bad["name"], document["images"]) == ("colors", "盲", 9)
    assert good["accuracy"] == pytest.approx(8 / 9)
    assert bad["macro_f1"] < good["macro_f1"]
    assert good["size_bytes"] == tiny_model_path.stat().st_size
    assert 0 < good["latency_ms"]["median_ms"] <= good["latency_ms"]["p95_ms"]
    assert document["disagreements"][0]["only_first"] == 2


def test_files_named_alike_are_called_by_their_paths(tiny_model_path: Path, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / tiny_model_path.name
    other.parent.mkdir()
    other.write_bytes(tiny_model_path.read_bytes())

    document = json.loads(_compare(tiny_model_path, other, data, "--format", "json").stdout)

    assert [entry["name"] for entry in document["models"]] == [str(tiny_model_path), str(other)]


def test_a_damaged_image_fails_the_command_in_the_end(tiny_model_path: Path, blind: Path, data: Path) -> None:
    (data / "blue" / "0.png").write_bytes(b"")

    done = _compare(tiny_model_path, blind, data)

    assert done.exit_code == 1
    assert done.stderr.count("left out: ") == 1
    assert "0.8750" in done.stdout


def test_one_model_is_too_few(tiny_model_path: Path, data: Path) -> None:
    done = _compare(tiny_model_path, data)

    assert done.exit_code == 2
    assert "at least two models" in done.stderr
