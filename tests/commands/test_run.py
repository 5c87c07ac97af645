"""edgecls run."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from familiar_model import DARK_RED, GREY, TURQUOISE, colored
from tiny_model import tiny_model_bytes

from edgecls import image
from edgecls.cli import main
from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.providers import Provider, installed_providers


@pytest.fixture(autouse=True)
def use_the_tiny_model(monkeypatch: pytest.MonkeyPatch, tiny_model_path: Path) -> None:
    monkeypatch.setenv("EDGECLS_MODEL", str(tiny_model_path))


def _run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)], input=stdin)


def test_an_image_gives_a_line_with_label_and_probability(images: Path) -> None:
    done = _run(images / "red.png")

    assert done.exit_code == 0
    assert done.stdout == f"{images / 'red.png'}  red    0.9998\n"
    assert done.stderr == ""


def test_a_folder_gives_aligned_lines_in_order(images: Path) -> None:
    done = _run(images, "--top", "2", "--threads", "2")

    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["blue", "green", "red"]
    assert len({line.index(line.split()[1]) for line in lines}) == 1
    assert all(len(line.split()) == 5 for line in lines)


def test_wide_characters_keep_the_columns_aligned(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(images)
    (images / "猫🐱.png").write_bytes((images / "red.png").read_bytes())

    lines = _run(".").stdout.splitlines()

    starts = [line.index(label) for line, label in zip(lines, ["  blue", "  green", "  red", "  red"], strict=True)]
    # Each of the two characters in the last name takes two columns of a terminal.
    assert starts[3] + 2 == starts[2] == starts[1] == starts[0]


def test_json_is_one_object_a_line_for_errors_too(images: Path) -> None:
    (images / "notes.jpg").write_text("these are notes")

    done = _run(images, images / "gone.png", "--format", "json", "--top", "2")

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


def test_csv_has_a_column_for_everything(images: Path) -> None:
    (images / "no,tes.jpg").write_text("these are notes")

    done = _run(images, "--format", "csv", "--top", "2")

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == [
        *("image", "label", "known", "probability", "label_2", "probability_2"),
        *("best_label", "familiarity", "reason", "time_ms", "error"),
    ]
    assert [row["label"] for row in rows] == ["blue", "green", "", "red"]
    assert [row["known"] for row in rows] == ["true", "true", "", "true"]
    assert {row["familiarity"] + row["reason"] for row in rows} == {""}
    assert "not an image" in rows[2]["error"]
    assert done.exit_code == 1


def test_a_bad_file_is_reported_on_its_line_and_the_rest_go_on(images: Path) -> None:
    (images / "a.jpg").write_bytes(b"")

    done = _run(images)

    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 4
    assert "error: cannot read" in done.stdout.splitlines()[0]
    assert done.stderr == "3 images: blue 1, green 1, red 1\n1 of 4 images could not be classified\n"


def test_it_ends_with_how_many_got_which_label(images: Path, tmp_path: Path) -> None:
    (images / "another.png").write_bytes((images / "red.png").read_bytes())
    model = tmp_path / "strict.onnx"
    model.write_bytes(tiny_model_bytes(unknown_threshold=0.99965))

    table, strict = _run(images), _run(images, "--model", model)

    assert table.stderr == "4 images: red 2, blue 1, green 1\n"
    assert strict.stderr == "4 images: red 2, blue 1, unknown 1\n"
    for output_format in ("json", "csv"):
        assert _run(images, "--format", output_format).stderr == ""


def test_of_many_labels_the_frequent_ones_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edgecls.commands.prediction_output import Tally, make_writer
    from edgecls.runtime.prediction import Outcome, Prediction

    labels = tuple(f"l{number:02}" for number in range(30))
    rows = [tuple(float(index == best) for index in range(30)) for best in (*range(30), 7, 7)]
    tally = Tally(make_writer("csv", labels, [], top=1), None, None)
    tally.take([Outcome("x", Prediction("x", labels, row, 1.0)) for row in rows], total=1)

    tally.report_labels()

    told = capsys.readouterr().err
    assert told.startswith("32 images: l07 3, l00 1, l01 1, ")
    assert told.endswith("l19 1, 10 other labels 10\n")


@pytest.mark.parametrize(
    "arguments",
    [["-", "-"], ["-", "--watch"], ["-", "--sort-into", "out"]],
    ids=["twice", "watched", "sorted"],
)
def test_what_cannot_be_done_with_standard_input_is_a_wrong_command_line(
    images: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images)

    done = _run(*arguments, stdin=(images / "green.png").read_bytes())

    assert (done.exit_code, done.stdout) == (2, "")
    assert not (images / "out").exists()


@pytest.mark.parametrize("output_format", ["table", "json", "csv"])
@pytest.mark.parametrize("paths", [["-"], ["red.png", "-"], ["-", "red.png", "gone.png"], ["*.png", "-"]], ids=" ".join)
@pytest.mark.parametrize("drawn", [[], ["--explain", "out", "--annotate", "out"]], ids=["plain", "drawn"])
def test_standard_input_stands_in_its_place_among_others(
    images: Path, monkeypatch: pytest.MonkeyPatch, output_format: str, paths: list[str], drawn: list[str]
) -> None:
    monkeypatch.chdir(images)

    done = _run(*paths, *drawn, "--format", output_format, stdin=(images / "green.png").read_bytes())

    (line,) = [line for line in done.stdout.splitlines() if "green" in line and "green.png" not in line]
    assert line.startswith({"table": "- ", "json": '{"image": "-"', "csv": "-,green"}[output_format])
    assert done.exit_code == (1 if "gone.png" in paths else 0)
    assert (images / "out" / "stdin.jpg").exists() == bool(drawn)


def test_pipes_may_be_images_by_name(images: Path, tiny_model_path: Path) -> None:
    script = '"$@" /dev/stdin <green.png && cat red.png | "$@" -'
    command = ["sh", "-c", script, "sh", sys.executable, "-m", "edgecls", "run", "-m", str(tiny_model_path)]

    done = subprocess.run(command, cwd=images, capture_output=True, text=True, check=True)

    assert [line.split()[1] for line in done.stdout.splitlines()] == ["green", "red"]


def test_a_folder_in_the_place_of_a_model_is_explained(images: Path, tiny_model_path: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").touch()

    told = [_run("x", "--model", folder).stderr for folder in (images, tiny_model_path.parent, saved)]

    assert told[0].endswith("it is a folder; give a model file (.onnx); there is none in it\n")
    assert told[1].endswith(f"give one of the model files in it: {str(tiny_model_path)!r}\n")
    assert told[2].endswith("it holds a SavedModel; make a model file of it with edgecls export\n")


def test_standard_input_is_an_image(images: Path) -> None:
    done = _run("-", "--format", "json", stdin=(images / "green.png").read_bytes())

    assert json.loads(done.stdout)["image"] == "-"
    assert json.loads(done.stdout)["label"] == "green"


def test_names_with_control_characters_stay_on_their_line(images: Path) -> None:
    (images / "two\nlines\x1b[31m.png").write_bytes((images / "red.png").read_bytes())

    done = _run(images)

    assert len(done.stdout.splitlines()) == 4
    assert "\x1b" not in done.stdout


def test_a_name_that_is_no_unicode_is_printed_as_far_as_it_goes(images: Path) -> None:
    raw = bytes(images) + b"/caf\xe9.png"
    with open(raw, "wb") as stream:
        stream.write((images / "red.png").read_bytes())

    for output_format in ("table", "json", "csv"):
        done = _run(images, "--format", output_format)
        assert done.exit_code == 0
        assert "caf?.png" in done.stdout


def test_the_pixel_limit_can_be_set(images: Path) -> None:
    done = _run(images / "red.png", "--max-megapixels", "0.0001")

    assert done.exit_code == 1
    assert "16x12 pixels" in done.stdout


def test_a_model_that_cannot_be_used_ends_the_run(images: Path) -> None:
    done = _run(images, "--model", images / "red.png")

    assert done.exit_code == 1
    assert "cannot use model" in done.stderr


def test_without_a_model_the_bundled_one_is_used(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGECLS_MODEL")

    done = _run(images / "red.png", "--top", "5", "--format", "json")

    labels = {score["label"] for score in json.loads(done.stdout)["top"]}
    assert labels == {"daisy", "dandelion", "roses", "sunflowers", "tulips"}


def test_the_threshold_in_the_file_makes_unsure_answers_unknown(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images)
    model = tmp_path / "strict.onnx"
    model.write_bytes(tiny_model_bytes(unknown_threshold=0.9))
    gray = np.full((8, 8, 3), 128, np.uint8)
    (images / "gray.png").write_bytes(image.encode_png(gray))

    lines = _run(".", "--model", model).stdout.splitlines()

    assert [line.split(".png")[1].split() for line in lines] == [
        ["blue", "0.9997"],
        ["unknown", "0.3333", "undecided", "between", "red", "and", "green"],
        ["green", "0.9996"],
        ["red", "0.9998"],
    ]
    assert len({line.index("0.") for line in lines}) == 1


@pytest.mark.parametrize(("threshold", "label"), [("0.9999", "unknown"), ("0", "red")], ids=["stricter", "off"])
def test_the_threshold_can_be_set_for_a_run(images: Path, tmp_path: Path, threshold: str, label: str) -> None:
    model = tmp_path / "strict.onnx"
    model.write_bytes(tiny_model_bytes(unknown_threshold=0.99985))
    arguments = (images / "red.png", "--model", model, "--unknown-threshold", threshold)

    record = json.loads(_run(*arguments, "--format", "json").stdout)
    (row,) = csv.DictReader(io.StringIO(_run(*arguments, "--format", "csv").stdout))

    assert (record["label"], record["known"], record["top"][0]["label"]) == (label, label == "red", "red")
    assert (row["label"], row["best_label"], row["probability"]) == (label, "red", "0.999797")


def test_a_threshold_on_a_model_that_has_a_label_unknown_is_refused(images: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(tiny_model_bytes(labels=("red", "green", "unknown")))

    done = _run(images / "red.png", "--model", model, "--unknown-threshold", "0.5")

    assert done.exit_code == 1
    assert "a model with a label 'unknown' cannot have an unknown_threshold" in done.stderr


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """A folder with an image that is like the training images, and two that are not."""
    folder = tmp_path / "strange"
    folder.mkdir()
    for name, color in (("a-red", DARK_RED), ("b-grey", GREY), ("c-turquoise", TURQUOISE)):
        (folder / f"{name}.png").write_bytes(colored(color))
    return folder


def test_an_image_unlike_the_training_images_is_unknown_for_that_reason(
    strange: Path, familiar_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(strange)
    options = (".", "--model", familiar_model_path)

    table = _run(*options)
    records = [json.loads(line) for line in _run(*options, "--format", "json").stdout.splitlines()]
    rows = list(csv.DictReader(io.StringIO(_run(*options, "--format", "csv").stdout)))

    assert [line.split(".png")[1].split(maxsplit=2) for line in table.stdout.splitlines()] == [
        ["red", "0.9785"],
        ["unknown", "0.3333", "unlike the training images (red?)"],
        ["unknown", "0.5966", "unlike the training images (green?)"],
    ]
    assert table.stderr == "3 images: unknown 2, red 1\n"
    assert [(record["label"], record["known"], record["reason"]) for record in records] == [
        ("red", True, None),
        ("unknown", False, "unlike"),
        ("unknown", False, "unlike"),
    ]
    assert [record["familiarity"] for record in records] == pytest.approx([0.998, 0.577, 0.724], abs=1e-3)
    assert [(row["known"], row["reason"]) for row in rows] == [("true", ""), ("false", "unlike"), ("false", "unlike")]
    assert [row["familiarity"] for row in rows] == [f"{record['familiarity']:.6f}" for record in records]


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (("--min-familiarity", "0.7"), ["red", "unknown", "green"]),
        (("--min-familiarity", "90%"), ["red", "unknown", "unknown"]),
        (("--min-familiarity", "off"), ["red", "red", "green"]),
        (("--min-familiarity", "off", "--unknown-threshold", "0.5"), ["red", "unknown", "green"]),
    ],
)
def test_how_familiar_an_image_must_be_can_be_set_for_a_run(
    strange: Path, familiar_model_path: Path, options: tuple[str, ...], labels: list[str]
) -> None:
    done = _run(strange, "--model", familiar_model_path, "--format", "json", *options)

    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == labels


def test_a_level_that_means_nothing_is_refused(images: Path, familiar_model_path: Path) -> None:
    no_level = _run(images, "--model", familiar_model_path, "--min-familiarity", "97%")
    no_familiarity = _run(images, "--min-familiarity", "95%")
    nothing = _run(images, "--min-familiarity", "lots")

    assert (no_level.exit_code, no_familiarity.exit_code, nothing.exit_code) == (1, 1, 2)
    assert "it has those for: 90%, 95%, 98%" in no_level.stderr
    assert "does not judge familiarity" in no_familiarity.stderr
    assert "neither a percentage as in 95%, nor a familiarity as in 0.6, nor off" in nothing.stderr


def test_embeddings_are_added_to_json_and_written_for_numpy(
    strange: Path, familiar_model_path: Path, tmp_path: Path
) -> None:
    (strange / "notes.png").write_text("notes")
    options = (strange, "--model", familiar_model_path, "--format", "json")

    plain = _run(*options)
    done = _run(*options, "--embeddings", "--save-embeddings", tmp_path / "e.npz", "--threads", "2")

    assert all("embedding" not in json.loads(line) for line in plain.stdout.splitlines())
    assert done.exit_code == 1
    assert done.stderr.endswith(f"wrote 3 embeddings to {tmp_path / 'e.npz'}\n")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    np.testing.assert_allclose([record["embedding"] for record in records[:3]], [DARK_RED, GREY, TURQUOISE], atol=1e-3)
    with np.load(tmp_path / "e.npz") as arrays:
        assert set(arrays) == {"embeddings", "images", "labels"}
        assert arrays["embeddings"].dtype == np.float32
        np.testing.assert_allclose(arrays["embeddings"], [DARK_RED, GREY, TURQUOISE], atol=1e-3)
        assert arrays["images"].tolist() == [record["image"] for record in records[:3]]
        assert arrays["labels"].tolist() == ["red", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--embeddings",), "--embeddings goes with --format json"),
        (("--save-embeddings", "e.txt"), "'e.txt' does not end in .npz"),
        (("--save-embeddings", "e.npz", "--watch"), "does not go with --watch"),
        (("--save-embeddings", "e.npz", "--on", "ray", "-o", "out"), "--save-embeddings does not go with --on ray"),
    ],
)
def test_options_for_embeddings_that_cannot_be_followed_are_refused(
    images: Path, options: tuple[str, ...], message: str
) -> None:
    done = _run(images, *options)

    assert done.exit_code == 2
    assert message in done.stderr


def test_a_model_without_features_has_no_embeddings(images: Path, tmp_path: Path) -> None:
    for options in (("--embeddings", "--format", "json"), ("--save-embeddings", str(tmp_path / "e.npz"))):
        done = _run(images, *options)

        assert (done.exit_code, done.stdout) == (1, "")
        assert "has no features; add them with 'edgecls export --familiarity DIR'" in done.stderr
    assert not (tmp_path / "e.npz").exists()


@pytest.mark.skipif(
    Provider.CUDA not in installed_providers() or bool(this_machine().gpus),
    reason="needs the wheel onnxruntime-gpu on a machine without a GPU",
)
def test_with_the_gpu_wheel_and_no_gpu_auto_says_why_and_cuda_fails(tiny_model_path: Path, images: Path) -> None:
    options = ["--model", str(tiny_model_path), "--format", "json", str(images / "red.png")]

    auto = CliRunner().invoke(main, ["run", *options])
    cuda = CliRunner().invoke(main, ["run", "--provider", "cuda", *options])

    assert (auto.exit_code, json.loads(auto.stdout)["label"]) == (0, "red")
    assert auto.stderr.count("\n") == 1
    assert auto.stderr.startswith("running on cpu; skipped tensorrt: cannot load libcuda.so.1")
    assert (cuda.exit_code, cuda.stdout) == (1, "")
    assert "cuda: cannot load libcuda.so.1" in cuda.stderr
