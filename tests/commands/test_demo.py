"""edgecls demo: the whole way on drawn images, and what it refuses."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from terminal_program import run_in_terminal

from edgecls.cli import main
from edgecls.dataset.drawn_shapes import SHAPES
from edgecls.image_files import find_images

STEPS = ["demo", "train", "demo", "evaluate", "run", "serve"]
COLORS = re.compile(r"\x1b\[[0-9;]*[mK]")


def _demo(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["demo", *map(str, arguments)])


def _commands(output: str) -> list[str]:
    return re.findall(r"^\$ edgecls (\w+)", output, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Path, subprocess.CompletedProcess[str]]":
    """A folder, its demo, and what that printed without a terminal."""
    folder = tmp_path_factory.mktemp("demo") / "第一 次"
    program = [sys.executable, "-m", "edgecls", "demo", str(folder), "--images-per-label", "20", "--no-serve"]
    done = subprocess.run(program, capture_output=True, encoding="utf-8", check=False, env=_environment(folder.parent))
    return folder, done


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment with a browser that writes down what it is to open."""
    browser = folder / "browser.sh"
    browser.write_text(f'#!/bin/sh\necho "$1" >> "{folder}/opened.txt"\n')
    browser.chmod(0o755)
    without = {name: value for name, value in os.environ.items() if name not in ("CI", "SSH_CONNECTION")}
    return {**without, "BROWSER": f"{browser} %s", "DISPLAY": ":0"}


def test_it_takes_every_step_by_the_command_that_it_shows(
    first_run: "tuple[Path, subprocess.CompletedProcess[str]]",
) -> None:
    folder, done = first_run

    assert done.returncode == 0, done.stderr
    assert _commands(done.stdout)[: len(STEPS)] == STEPS
    assert f"$ edgecls train '{folder}/shapes' --quick -o '{folder}/shapes.onnx'\n" in done.stdout
    assert "All 5 steps worked, in " in done.stdout
    right = re.search(r"answered 40 requests of one image each; (\d+) of the labels are right", done.stdout)
    assert right
    assert 30 <= int(right[1]) <= 40
    assert sorted(path.name for path in folder.iterdir()) == ["shapes", "shapes.onnx", "shapes.run", "unseen"]
    assert f"report  {folder}/shapes.run/report.html\n" in done.stdout
    assert "\npage " not in done.stdout  # the server is gone
    assert not (folder.parent / "opened.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
def test_run_again_in_a_terminal_it_opens_report_and_page_and_serves_until_ctrl_c(
    first_run: "tuple[Path, subprocess.CompletedProcess[str]]", monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = first_run
    (folder / "my notes.txt").write_text("mine")
    for name, value in _environment(folder.parent).items():
        monkeypatch.setenv(name, value)
    for name in ("CI", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)

    ended = run_in_terminal(
        *("demo", folder, "--images-per-label", 20, "--port", 0),
        signals=[("The server runs until you press Ctrl-C", signal.SIGINT)],
    )

    shown = COLORS.sub("", ended.shown)
    assert ended.exit_code == 0, shown
    assert "--overwrite" in shown
    page = re.search(r"page    (http://127\.0\.0\.1:\d+)", shown)
    assert page
    assert (folder.parent / "opened.txt").read_text().split("\n") == [
        (folder / "shapes.run" / "report.html").as_uri(),
        page[1],
        "",
    ]
    assert (folder / "my notes.txt").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_sigterm_ends_it_as_ctrl_c_does() -> None:
    script = (
        "from edgecls.commands.demo import _wait_for_interrupt; _wait_for_interrupt(); print('stopping the server')"
    )
    with subprocess.Popen([sys.executable, "-uc", script], stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        while "until you press Ctrl-C" not in waiting.stdout.readline():
            assert waiting.poll() is None
        waiting.terminate()
        assert waiting.stdout.read() == "\nstopping the server\n"
    assert waiting.returncode == 0


def test_a_model_that_learned_nothing_fails_it(tmp_path: Path) -> None:
    script = (
        "import sys; from edgecls.dataset import drawn_shapes as drawn; from edgecls.cli import main\n"
        "drawn.SHAPES.update(dict.fromkeys(drawn.SHAPES, drawn.SHAPES['circle'])); main(sys.argv[1:])"
    )
    program = [sys.executable, "-c", script, "demo", "--no-serve", "--images-per-label", "20"]

    done = subprocess.run(program, capture_output=True, encoding="utf-8", cwd=tmp_path, check=False)

    assert done.returncode == 1
    assert re.search(r"Error: the model has an accuracy of 0\.[0-6]\d .*, but 0\.75 is the least", done.stderr)
    assert "steps worked" not in done.stdout


def test_it_says_first_which_packages_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecls.commands.demo.MODULES", ("onnx", "no_such_package"))

    done = _demo(tmp_path / "demo")

    assert done.exit_code == 1
    assert done.stderr == (
        "Error: the demo trains a model, which needs packages that are not installed (no_such_package); install them "
        'with: pip install "edgecls[quick]"\n'
    )
    assert not (tmp_path / "demo").exists()


def test_dataset_only_draws_and_needs_no_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecls.commands.demo.MODULES", ("no_such_package",))
    monkeypatch.chdir(tmp_path)

    done = _demo("--dataset-only", "--images-per-label", 3)

    assert done.exit_code == 0
    assert done.stdout == "drew 12 images of 4 labels in shapes: circle, square, star, triangle\n"
    assert len(find_images(tmp_path / "shapes")) == 3 * len(SHAPES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset-only", "--no-serve"], "leave out --no-serve"),
        (["--dataset-only", "--port", "80"], "leave out --port"),
        (["--images-per-label", "19"], "--images-per-label 20 or more"),
        (["--images-per-label", "0", "--dataset-only"], "not in the range"),
        (["--seed", "-1"], "not in the range"),
    ],
    ids=" ".join,
)
def test_options_without_a_meaning_are_usage_errors(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = _demo(tmp_path / "demo", *arguments)

    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("name", ["photos/a.jpg", "shapes/star/mine.jpg", "shapes/drawn.json", "shapes.onnx"])
def test_a_folder_that_is_not_its_own_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")

    done = _demo(tmp_path)

    assert done.exit_code == 1
    assert "nothing of yours is overwritten" in done.stderr
    assert (tmp_path / name).read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]


def test_a_network_that_replaced_its_model_is_kept(tmp_path: Path) -> None:
    _demo("--dataset-only", "--images-per-label", 1, tmp_path / "shapes")
    for name in ("shapes.onnx", "shapes.keras"):
        (tmp_path / name).write_text("mine")

    done = _demo(tmp_path)

    assert done.exit_code == 1
    assert "replaced by a network of yours" in done.stderr
    assert (tmp_path / "shapes.onnx").read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")

    assert _demo(tmp_path / "demo").exit_code == 2
