"""edgecls quantize."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from color_network import color_model_bytes, unsure_golden
from image_folders import write_class_folders

from edgecls.cli import main
from edgecls.runtime.machine import processor


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("images"), per_label=20)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "colors.onnx"
    path.write_bytes(color_model_bytes())
    return path


def _edgecls(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def test_the_table_tells_both_precisions(model: Path, images: Path, tmp_path: Path) -> None:
    done = _edgecls("quantize", model, "-o", tmp_path / "int8.onnx", "--calibrate", images, "--cpu", "x86-vnni")

    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("precision     int8 x86-vnni, ")
    assert lines[1] == "images        21 to calibrate on, 39 others to check on"
    assert lines[2] == "accuracy      1.0000, in float32 1.0000: drop 0.00 points"
    assert " images/s on one thread, in float32 " in lines[5]
    assert lines[6].startswith(f"wrote {tmp_path / 'int8.onnx'} (")
    assert done.stderr == "one of 39 images is 2.56 points: give more images to see smaller drops\n"


def test_the_file_can_be_verified_shown_and_run(model: Path, images: Path, tmp_path: Path) -> None:
    reduced = tmp_path / "int8.onnx"
    _edgecls("quantize", model, "-o", reduced, "--calibrate", images)

    verified, shown = _edgecls("verify", reduced, "--provider", "cpu"), _edgecls("info", reduced)
    run = _edgecls("run", "-m", reduced, next(images.rglob("*.png")))

    assert verified.exit_code == 0, verified.output
    assert "passed: 7 of 7 checks" in verified.stdout
    assert "precision         int8" in shown.stdout
    assert run.exit_code == 0, run.output


def test_accuracy_is_checked_on_images_of_their_own(model: Path, images: Path, tmp_path: Path) -> None:
    held_out = write_class_folders(tmp_path / "held out", per_label=5, seed=9)

    done = _edgecls("quantize", model, "-o", tmp_path / "int8.onnx", "--calibrate", images, "--check", held_out)

    assert done.exit_code == 0, done.output
    assert "images        60 to calibrate on, 15 others to check on" in done.stdout


def test_json_tells_all_of_it(model: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "int8.onnx"
    done = _edgecls("quantize", model, "-o", out, "--calibrate", images, "--max-drop", "0", "--format", "json")

    found = json.loads(done.stdout)
    assert (found["model"], found["output"], found["precision"]) == (str(model), str(out), "int8")
    assert (found["images"], found["calibration_images"]) == (39, 21)
    assert (found["accuracy"], found["accuracy_float32"], found["drop_points"], found["same_label"]) == (1, 1, 0, 1)
    assert found["bytes"] == out.stat().st_size
    assert found["golden_tolerance"] >= found["golden_difference"]
    assert len(found["attempts"]) == 2
    assert done.stderr == ""


def test_fp16_says_that_it_is_for_gpus(model: Path, images: Path, tmp_path: Path) -> None:
    done = _edgecls("quantize", model, "-o", tmp_path / "half.onnx", "--calibrate", images, "--fp16")

    assert done.exit_code == 0, done.output
    assert "precision     float16, all layers" in done.stdout
    assert "meant for GPUs" in done.stdout


@pytest.mark.parametrize(
    ("flags", "recipe"), [("flags : avx2 avx512_vnni", "x86-vnni"), ("flags : avx2", "x86")], ids=["vnni", "no-vnni"]
)
def test_the_recipe_is_that_of_this_processor(
    flags: str, recipe: str, model: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(flags)
    here = processor.read_processor
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(processor, "read_processor", lambda: here(root=tmp_path))

    done = _edgecls(
        "quantize", model, "-o", tmp_path / "int8.onnx", "--calibrate", images, "--format", "json", "--max-drop", "5"
    )

    assert json.loads(done.stdout)["recipe"] == recipe


def test_a_missed_budget_leaves_no_file_and_says_what_was_tried(model: Path, images: Path, tmp_path: Path) -> None:
    model.write_bytes(color_model_bytes(golden=unsure_golden()))

    done = _edgecls("quantize", model, "-o", tmp_path / "int8.onnx", "--calibrate", images)

    assert done.exit_code == 1
    assert "Error: model 'colors' in int8 misses its budget, so no file was written" in done.stderr
    assert "min-max, 3 of 6 layers in float32: accuracy 1.0000" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["colors.onnx"]


def test_images_of_other_labels_are_refused(model: Path, images: Path, tmp_path: Path) -> None:
    other = write_class_folders(tmp_path / "other", per_label=3)
    (other / "红 roses").rename(other / "pink")

    done = _edgecls("quantize", model, "-o", tmp_path / "int8.onnx", "--calibrate", other)

    assert done.exit_code == 1
    assert "the model does not know 'pink'; there are no images of '红 roses'" in done.stderr
    assert not (tmp_path / "int8.onnx").exists()


def test_a_place_that_cannot_be_written_is_refused_before_the_work(model: Path, tmp_path: Path) -> None:
    done = _edgecls("quantize", model, "-o", tmp_path / "no" / "int8.onnx", "--calibrate", tmp_path)

    assert done.exit_code == 1
    assert "make its folder first" in done.stderr


def test_options_that_exclude_each_other_are_a_usage_error(model: Path, tmp_path: Path) -> None:
    done = _edgecls("quantize", model, "-o", "m.onnx", "--calibrate", tmp_path, "--fp16", "--cpu", "arm")

    assert done.exit_code == 2
    assert "--cpu is for int8" in done.stderr
