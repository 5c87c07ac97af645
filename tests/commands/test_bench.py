"""edgecls bench, and comparing with an earlier time."""

import json
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from color_folders import write_color_folders
from made_up_benchmark import made_up_document
from terminal_program import run_in_terminal
from tiny_model import tiny_card, tiny_onnx

from edgecls import modelfile
from edgecls.cli import main


def _bench(*arguments: object, seconds: float = 1) -> Result:
    fast = ["--seconds", str(seconds), "--pace", "0.005", "--provider", "cpu"]
    return CliRunner().invoke(main, ["bench", *map(str, arguments), *fast])


@pytest.fixture
def model(tiny_model_path: Path, own_cache: Path) -> Path:
    return tiny_model_path


def _as_if(path: Path, *, times_as_long: float) -> Path:
    """Turn a file of measurements into one in which everything took so many times as long, except the reference."""
    document = json.loads(path.read_text(encoding="utf-8"))
    for loads in document["reference_s"].values():
        for rounds in loads.values():
            rounds[:] = [1e-2] * 9
    for row in document["settings"]:
        row["back_to_back"]["images_per_s"]["rounds"] = [1000 / times_as_long] * 9
        if row["paced"]:
            row["paced"]["latency_ms"]["rounds"] = [times_as_long] * 9
    for place in document["placements"]:
        place["start_s"]["rounds"] = [0.2 * times_as_long] * 9
    changed = path.with_name(f"{times_as_long} times.json")
    changed.write_text(json.dumps(document), encoding="utf-8")
    return changed


def test_measured_kept_drawn_and_compared(model: Path, images: Path, tmp_path: Path) -> None:
    kept, plot = tmp_path / "旧.json", tmp_path / "图.png"

    first = _bench(model, images, "--output", kept, "--plot", plot)

    assert first.exit_code == 0, first.output
    titles = [line for line in first.stdout.splitlines() if line and line.split()[0] not in ("colors", "model")]
    assert titles == [
        "back-to-back",
        "paced, an image every 0.005 s",
        "'edgecls run' from a cold start, with one image",
    ]
    assert f"wrote {kept}" in first.stderr
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert json.loads(kept.read_text(encoding="utf-8"))["images"]["count"] == 3

    second = _bench(model, images, "--compare", _as_if(kept, times_as_long=1000))

    assert second.exit_code == 0, second.output
    assert "nothing became slower beyond the noise" in second.stdout
    assert "SETUP DIFFERS" not in second.stdout

    past = _as_if(kept, times_as_long=0.001)
    for seconds in (5, 30, 120):  # a machine that is slow or busy has too few rounds in the first
        third = _bench(model, images, "--compare", past, "--format", "json", seconds=seconds)
        verdicts = {row["verdict"] for row in json.loads(third.stdout)["comparison"]["rows"]}
        if verdicts != {"too noisy to tell"}:
            break

    assert third.exit_code == 1, third.output
    assert json.loads(third.stdout)["comparison"]["slower"]


def test_two_precisions_and_accuracy_side_by_side(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "颜色-int8.onnx"
    other.write_bytes(
        modelfile.describe(tiny_onnx(matrix=[[2, 0, 0], [0, 2, 0], [0, 0, 2]]), tiny_card(precision="int8"))
    )
    data = write_color_folders(tmp_path / "data")
    (data / "red" / "notes.png").write_text("these are notes")

    done = _bench(model, other, "--labelled", data, "--format", "json")

    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [(entry["name"], entry["precision"]) for entry in document["models"]] == [
        ("colors", "float32"),
        ("颜色-int8", "int8"),
    ]
    for place in document["placements"]:
        assert place["accuracy"]["value"] == pytest.approx(8 / 9)
        assert place["accuracy"]["images"] == 9
    assert "left out: " in done.stderr
    assert "notes.png" in done.stderr


def test_without_a_model_the_usual_one_is_measured(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECLS_MODEL", str(model))

    assert _bench().stdout.splitlines()[2].startswith("colors ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read"),
        ("{", "it is damaged"),
        ("{}", "'edgecls bench' did not write it"),
        (json.dumps({**made_up_document(), "format": 9}), "it has format 9, this edgecls reads 1"),
    ],
    ids=["missing", "damaged", "something else", "of another format"],
)
def test_a_file_that_cannot_be_compared_with_is_named_before_anything_is_measured(
    model: Path, tmp_path: Path, content: str | None, said: str
) -> None:
    old = tmp_path / "old.json"
    if content is not None:
        old.write_text(content)

    done = _bench(model, "--compare", old)

    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert "old.json" in done.stderr


def test_another_machine_is_said_aloud_and_compared_all_the_same(model: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(json.dumps(made_up_document()), encoding="utf-8")

    done = _bench(model, "--compare", old)

    assert done.exit_code == 0, done.output
    assert "SETUP DIFFERS: processor: was Slide Rule 3, " in done.stdout
    assert "SETUP DIFFERS: other images" in done.stdout
    assert "only in the baseline: 花, cpu, start" in done.stdout
    assert "the two measurements have nothing in common" in done.stdout


@pytest.mark.parametrize("option", ["--output", "--plot"])
def test_a_place_that_cannot_be_written_is_named_before_anything_is_measured(
    model: Path, tmp_path: Path, option: str
) -> None:
    done = _bench(model, option, tmp_path / "gone" / "file")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot write" in done.stderr


@pytest.mark.parametrize("options", [["--split", "test"], ["--ignore-unknown-labels"]], ids=str)
def test_options_of_labelled_images_without_any_are_a_wrong_command_line(model: Path, options: list[str]) -> None:
    done = _bench(model, *options)

    assert done.exit_code == 2
    assert "--labelled" in done.stderr


def test_labels_that_the_model_does_not_know_end_it_before_anything_is_measured(model: Path, tmp_path: Path) -> None:
    data = write_color_folders(tmp_path / "data")
    (data / "blue").rename(data / "violet")

    done = _bench(model, "--labelled", data)

    assert (done.exit_code, done.stdout) == (1, "")
    assert "does not know 1 label(s) of the data: 'violet'" in done.stderr


@pytest.mark.parametrize("name", ["gone.onnx", "gone.jpg"])
def test_a_file_that_is_not_there_ends_it(model: Path, tmp_path: Path, name: str) -> None:
    done = _bench(model, tmp_path / name)

    assert (done.exit_code, done.stdout) == (1, "")
    assert name in done.stderr


def test_ctrl_c_writes_nothing(model: Path, tmp_path: Path) -> None:
    output = tmp_path / "result.json"

    ended = run_in_terminal(
        "bench", model, "--seconds", "600", "-o", output, signals=[("back-to-back, ", signal.SIGINT)]
    )

    assert ended.exit_code == 1
    assert "Aborted!" in ended.shown
    assert list(tmp_path.glob("*.json")) == []
