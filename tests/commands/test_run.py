"""edgecls run."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_model import tiny_model_bytes

from edgecls import image
from edgecls.cli import main
from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.providers import Provider, ready_made_providers


@pytest.fixture(autouse=True)
def use_the_tiny_model(monkeypatch: pytest.MonkeyPatch, tiny_model_path: Path) -> None:
    monkeypatch.setenv("EDGECLS_MODEL", str(tiny_model_path))


def _run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)], input=stdin)


def test_a_picture_gives_a_line_with_label_and_probability(pictures: Path) -> None:
    done = _run(pictures / "red.png")

    assert done.exit_code == 0
    assert done.stdout == f"{pictures / 'red.png'}  red    0.9998\n"
    assert done.stderr == ""


def test_a_folder_gives_aligned_lines_in_order(pictures: Path) -> None:
    done = _run(pictures, "--top", "2", "--threads", "2")

    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["blue", "green", "red"]
    assert len({line.index(line.split()[1]) for line in lines}) == 1
    assert all(len(line.split()) == 5 for line in lines)


def test_wide_characters_keep_the_columns_aligned(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    (pictures / "猫🐱.png").write_bytes((pictures / "red.png").read_bytes())

    lines = _run(".").stdout.splitlines()

    starts = [line.index(label) for line, label in zip(lines, ["  blue", "  green", "  red", "  red"], strict=True)]
    # Each of the two characters in the last name takes two columns of a terminal.
    assert starts[3] + 2 == starts[2] == starts[1] == starts[0]


def test_json_is_one_object_a_line_for_errors_too(pictures: Path) -> None:
    (pictures / "notes.jpg").write_text("these are notes")

    done = _run(pictures, pictures / "gone.png", "--format", "json", "--top", "2")

    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(record["image"]).name for record in records] == [
        "blue.png",
        "green.png",
        "notes.jpg",
        "red.png",
        "gone.png",
    ]
    assert [record.get("label") for record in records] == ["blue", "green", None, "red", None]
    assert [len(record["top"]) for record in records if "top" in record] == [2, 2, 2]
    assert records[2]["error"]["type"] == "UnsupportedImageError"
    assert records[4]["error"]["type"] == "ImageReadError"
    assert done.exit_code == 1


def test_csv_has_a_column_for_everything(pictures: Path) -> None:
    (pictures / "no,tes.jpg").write_text("these are notes")

    done = _run(pictures, "--format", "csv", "--top", "2")

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == [
        *("image", "label", "probability", "label_2", "probability_2"),
        *("best_label", "time_ms", "error"),
    ]
    assert [row["label"] for row in rows] == ["blue", "green", "", "red"]
    assert "not a picture" in rows[2]["error"]
    assert done.exit_code == 1


def test_a_bad_file_is_reported_on_its_line_and_the_rest_go_on(pictures: Path) -> None:
    (pictures / "a.jpg").write_bytes(b"")

    done = _run(pictures)

    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 4
    assert "error: cannot read" in done.stdout.splitlines()[0]
    assert done.stderr == "1 of 4 pictures could not be classified\n"


def test_standard_input_is_a_picture(pictures: Path) -> None:
    done = _run("-", "--format", "json", stdin=(pictures / "green.png").read_bytes())

    assert json.loads(done.stdout)["image"] == "-"
    assert json.loads(done.stdout)["label"] == "green"


def test_names_with_control_characters_stay_on_their_line(pictures: Path) -> None:
    (pictures / "two\nlines\x1b[31m.png").write_bytes((pictures / "red.png").read_bytes())

    done = _run(pictures)

    assert len(done.stdout.splitlines()) == 4
    assert "\x1b" not in done.stdout


def test_a_name_that_is_no_unicode_is_printed_as_far_as_it_goes(pictures: Path) -> None:
    raw = bytes(pictures) + b"/caf\xe9.png"
    with open(raw, "wb") as stream:
        stream.write((pictures / "red.png").read_bytes())

    for output_format in ("table", "json", "csv"):
        done = _run(pictures, "--format", output_format)
        assert done.exit_code == 0
        assert "caf?.png" in done.stdout


def test_the_pixel_limit_can_be_set(pictures: Path) -> None:
    done = _run(pictures / "red.png", "--max-megapixels", "0.0001")

    assert done.exit_code == 1
    assert "16x12 pixels" in done.stdout


def test_a_model_that_cannot_be_used_ends_the_run(pictures: Path) -> None:
    done = _run(pictures, "--model", pictures / "red.png")

    assert done.exit_code == 1
    assert "cannot use model" in done.stderr


def test_without_a_model_the_bundled_one_is_used(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGECLS_MODEL")

    done = _run(pictures / "red.png", "--top", "5", "--format", "json")

    labels = {score["label"] for score in json.loads(done.stdout)["top"]}
    assert labels == {"daisy", "dandelion", "roses", "sunflowers", "tulips"}


def test_the_threshold_in_the_file_makes_unsure_answers_unknown(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    model = tmp_path / "strict.onnx"
    model.write_bytes(tiny_model_bytes(unknown_threshold=0.9))
    gray = np.full((8, 8, 3), 128, np.uint8)
    (pictures / "gray.png").write_bytes(image.encode_png(gray))

    lines = _run(".", "--model", model).stdout.splitlines()

    assert [line.split(".png")[1].split() for line in lines] == [
        ["blue", "0.9997"],
        ["unknown", "(red?)", "0.3333"],
        ["green", "0.9996"],
        ["red", "0.9998"],
    ]
    assert len({line.index("0.") for line in lines}) == 1


@pytest.mark.parametrize(("threshold", "label"), [("0.9999", "unknown"), ("0", "red")], ids=["stricter", "off"])
def test_the_threshold_can_be_set_for_a_run(pictures: Path, tmp_path: Path, threshold: str, label: str) -> None:
    model = tmp_path / "strict.onnx"
    model.write_bytes(tiny_model_bytes(unknown_threshold=0.99985))
    arguments = (pictures / "red.png", "--model", model, "--unknown-threshold", threshold)

    record = json.loads(_run(*arguments, "--format", "json").stdout)
    (row,) = csv.DictReader(io.StringIO(_run(*arguments, "--format", "csv").stdout))

    assert (record["label"], record["known"], record["top"][0]["label"]) == (label, label == "red", "red")
    assert (row["label"], row["best_label"], row["probability"]) == (label, "red", "0.999797")


def test_a_threshold_on_a_model_that_has_a_label_unknown_is_refused(pictures: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(tiny_model_bytes(labels=("red", "green", "unknown")))

    done = _run(pictures / "red.png", "--model", model, "--unknown-threshold", "0.5")

    assert done.exit_code == 1
    assert "a model with a label 'unknown' cannot have an unknown_threshold" in done.stderr


@pytest.mark.skipif(
    Provider.CUDA not in ready_made_providers() or bool(this_machine().gpus),
    reason="needs the wheel onnxruntime-gpu on a machine without a GPU",
)
def test_with_the_gpu_wheel_and_no_gpu_auto_says_why_and_cuda_fails(tiny_model_path: Path, pictures: Path) -> None:
    options = ["--model", str(tiny_model_path), "--format", "json", str(pictures / "red.png")]

    auto = CliRunner().invoke(main, ["run", *options])
    cuda = CliRunner().invoke(main, ["run", "--provider", "cuda", *options])

    assert (auto.exit_code, json.loads(auto.stdout)["label"]) == (0, "red")
    assert auto.stderr.count("\n") == 1
    assert auto.stderr.startswith("running on cpu; skipped tensorrt: cannot load libcuda.so.1")
    assert (cuda.exit_code, cuda.stdout) == (1, "")
    assert "cuda: cannot load libcuda.so.1" in cuda.stderr
