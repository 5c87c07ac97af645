"""edgecls tune, and edgecls run and serve after it."""

import json
import signal
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from running_server import running_server
from terminal_program import run_in_terminal
from tiny_model import tiny_card, tiny_onnx

from edgecls import modelfile
from edgecls.cli import main
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, choices_folder, keep_choice, this_hardware
from edgecls.runtime.tuning import first_use
from edgecls.runtime.tuning.candidates import candidate_settings
from edgecls.runtime.tuning.first_use import measure_first_use

MANY = Setting(Provider.CPU, 5, 1, 2)
ONE = Setting(Provider.CPU, 1, 2, 1)
COUNTS = "3 images: blue 1, green 1, red 1\n"
TUNED_FOR_MANY = "running as tuned for this machine: cpu, 5 images at once, batches of up to 2\n"
TUNED_FOR_ONE = "running as tuned for this machine: cpu, 1 image at a time, 2 threads a run\n"


def _tune(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["tune", *map(str, arguments), "--seconds", "1", "--provider", "cpu"])


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


@pytest.fixture
def model(tiny_model_path: Path, own_cache: Path) -> Path:
    return tiny_model_path


@pytest.fixture
def tuned(model: Path) -> Path:
    digest = modelfile.read_model(model).network_sha256
    keep_choice(Choice(MANY, ONE, "2026-11-21"), digest, this_hardware(), folder=choices_folder())
    return model


def test_the_table_has_a_row_for_each_setting_and_the_choice_is_used(model: Path, images: Path) -> None:
    done = _tune(model)

    assert done.exit_code == 0, done.output
    head, *lines = done.stdout.splitlines()
    assert head.split()[:4] == ["model", "precision", "accuracy", "provider"]
    rows, chosen = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert all(row.split()[:3] == ["colors", "float32", "cpu"] for row in rows)
    assert [line.split(":")[0] for line in chosen] == ["colors, for many images", "colors, for one image"]
    assert sum("best for" in row for row in rows) in (1, 2)
    assert "'edgecls run' and 'edgecls serve' use this from now on" in done.stderr
    assert _run(images, "--model", model).stderr.startswith("running as tuned for this machine: cpu, ")


def test_several_files_are_measured_side_by_side(model: Path, tmp_path: Path, images: Path) -> None:
    other = tmp_path / "colors-int8.onnx"
    card = tiny_card(precision="int8", metrics={"accuracy": 0.875, "accuracy_float32": 0.88})
    other.write_bytes(modelfile.describe(tiny_onnx(matrix=[[2, 0, 0], [0, 2, 0], [0, 0, 2]]), card))

    done = _tune(model, other, images)

    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["colors-int8", "int8", "0.8750", "cpu"] in [row[:4] for row in rows]
    assert done.stdout.splitlines()[-1].startswith("colors-int8 classifies ")
    assert done.stdout.endswith(" times as many images a second as colors; accuracy 0.8750, 0.8800 in float32\n")
    assert len(list(choices_folder().iterdir())) == 2


def test_everything_as_json(model: Path, images: Path) -> None:
    done = _tune(model, images, "--format", "json")
    facts = json.loads(done.stdout)

    assert facts["hardware"]["cores"] == usable_cores()
    (found,) = facts["models"]
    assert (found["name"], found["precision"], found["accuracy"]) == ("colors", "float32", None)
    assert found["rows"][0]["setting"] == {
        "provider": "cpu",
        "workers": usable_cores(),
        "intra_op_threads": 1,
        "batch_size": 1,
    }
    assert set(found["choice"]) == {"throughput", "latency", "measured"}
    measured = len(found["rows"])
    assert measured + len(facts["skipped"]) == len(candidate_settings(Provider.CPU, cores=usable_cores()))


def test_without_a_model_the_usual_one_is_measured(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECLS_MODEL", str(model))

    assert _tune().stdout.splitlines()[1].startswith("colors ")


def test_a_folder_runs_as_tuned_and_says_so(tuned: Path, images: Path) -> None:
    done = _run(images, "--model", tuned)

    assert (done.exit_code, done.stderr) == (0, TUNED_FOR_MANY + COUNTS)
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["blue", "green", "red"]


def test_one_image_runs_as_tuned_for_one(tuned: Path, images: Path) -> None:
    assert _run(images / "red.png", "--model", tuned).stderr == TUNED_FOR_ONE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--no-tuned"], ""),
        (["--provider", "cpu"], TUNED_FOR_MANY),
        (["--threads", "3"], TUNED_FOR_MANY.replace("5", "3")),
    ],
    ids=["no-tuned", "provider", "threads"],
)
def test_options_win(tuned: Path, images: Path, options: list[str], said: str) -> None:
    done = _run(images, "--model", tuned, *options)

    assert (done.exit_code, done.stderr) == (0, said + COUNTS)


@pytest.mark.parametrize("command", ["run", "serve"])
@pytest.mark.parametrize("options", [["--tune", "--no-tuned"], ["--no-tuned", "--tune"]])
def test_to_measure_what_is_not_used_is_a_wrong_command_line(
    model: Path, images: Path, command: str, options: list[str]
) -> None:
    inputs = [str(images)] if command == "run" else []

    done = CliRunner().invoke(main, [command, *inputs, "--model", str(model), *options])

    assert done.exit_code == 2
    assert "--tune and --no-tuned contradict each other" in done.stderr


def test_what_was_measured_before_is_not_measured_at_the_first_use(tuned: Path, images: Path) -> None:
    done = _run(images, "--model", tuned, "--tune")

    assert (done.exit_code, done.stderr) == (0, TUNED_FOR_MANY + COUNTS)


def test_a_model_that_was_not_measured_is_at_its_first_use(
    model: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may take longer than two seconds.
    monkeypatch.setattr(first_use, "measure_first_use", partial(measure_first_use, seconds=2.0, clock=lambda: 0.0))

    done = _run(images, "--model", model, "--tune", "--threads", "3", "--provider", "cpu")

    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith("measuring for up to 2 s how colors runs best on this machine")
    assert "\ncolors: for many images " in done.stderr
    assert "\nrunning as tuned for this machine: cpu, 3 images at once" in done.stderr
    assert done.stderr.endswith(COUNTS)
    assert len(list(choices_folder().iterdir())) == 1


def test_info_tells_how_a_model_runs_best_here(tuned: Path) -> None:
    shown = CliRunner().invoke(main, ["info", str(tuned)]).stdout

    assert shown.splitlines()[-1].split(maxsplit=2) == ["tuned", "here", f"for many images {MANY}; for one image {ONE}"]


def test_info_says_nothing_of_it_where_it_was_not_measured(model: Path) -> None:
    assert "tuned here" not in CliRunner().invoke(main, ["info", str(model)]).stdout


def test_a_damaged_record_is_passed_over(tuned: Path, images: Path) -> None:
    (record,) = choices_folder().iterdir()
    record.write_bytes(record.read_bytes()[:40])

    done = _run(images, "--model", tuned)

    assert (done.exit_code, done.stderr) == (0, COUNTS)


def test_the_server_runs_as_tuned_and_says_so(tuned: Path, images: Path) -> None:
    with running_server("--model", tuned) as server:
        status, answer = server.request("POST", "/predict", (images / "green.png").read_bytes())

        assert (status, answer["label"]) == (200, "green")
        assert TUNED_FOR_MANY in server.log


def test_a_cache_that_cannot_be_written_is_named_after_the_table(model: Path, own_cache: Path) -> None:
    own_cache.parent.mkdir(parents=True)
    own_cache.write_text("a file")

    done = _tune(model)

    assert done.exit_code == 1
    assert "for many images" in done.stdout
    assert "cannot keep the choice in" in done.stderr


def test_the_same_network_twice_is_a_wrong_command_line(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(model.read_bytes())

    done = _tune(model, copy)

    assert done.exit_code == 2
    assert "hold the same network" in done.stderr


def test_images_that_cannot_be_decoded_are_named(model: Path, images: Path) -> None:
    (images / "notes.jpg").write_text("these are notes")

    done = _tune(model, images)

    assert done.exit_code == 0
    assert "left out: cannot read" in done.stderr


@pytest.mark.parametrize("name", ["gone.onnx", "gone.jpg"])
def test_a_file_that_is_not_there_ends_it(model: Path, tmp_path: Path, name: str) -> None:
    done = _tune(model, tmp_path / name)

    assert done.exit_code == 1
    assert name in done.stderr
    assert not choices_folder().exists()


def test_ctrl_c_keeps_nothing(model: Path) -> None:
    ended = run_in_terminal("tune", model, "--seconds", "600", signals=[("measuring, ", signal.SIGINT)])

    assert ended.exit_code == 1
    assert "Aborted!" in ended.shown
    assert not choices_folder().exists()
