"""--quiet and --verbose, which every command has."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from edgecls.cli import main
from edgecls.commands.lazy_group import LazyGroup


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def _commands(group: LazyGroup) -> Iterator[click.Command]:
    for name in group.names:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield command
        if isinstance(command, LazyGroup):
            yield from _commands(command)


def test_every_command_has_them_once() -> None:
    for command in [main, *_commands(main), *_commands(main)]:
        options = [option for param in command.params for option in param.opts]
        assert options.count("--quiet") == options.count("-q") == options.count("--verbose") == 1, command.name
        assert len(options) == len(set(options))


@pytest.mark.parametrize("first", [True, False], ids=["before-the-command", "after-it"])
def test_quiet_says_nothing_but_results_and_errors(tiny_model_path: Path, images: Path, first: bool) -> None:
    def run(*arguments: str | Path) -> Result:
        return _run("--quiet", *arguments) if first else _run(*arguments, "-q")

    good = run("run", images, "-m", tiny_model_path)
    failed = run("run", images, images / "gone.png", "-m", tiny_model_path)
    wrong = run("info", images / "gone.onnx")

    assert (good.exit_code, good.stderr, len(good.stdout.splitlines())) == (0, "", 3)
    assert (failed.exit_code, failed.stderr, len(failed.stdout.splitlines())) == (1, "", 4)
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (1, 1)
    assert wrong.stderr.startswith("Error: cannot open model")


@pytest.mark.parametrize("first", [True, False], ids=["before-the-command", "after-it"])
def test_verbose_says_versions_model_and_time(tiny_model_path: Path, images: Path, first: bool) -> None:
    arguments = ["run", images / "red.png", "-m", tiny_model_path, "--threads", "3"]

    done = _run("-v", *arguments) if first else _run(*arguments, "--verbose")

    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("python 3.")
    assert lines[1].startswith("<Classifier 'colors': 3 labels (red, green, blue), 8x8 rgb, float32, on ")
    assert lines[1].endswith(f"from {tiny_model_path}, 3 at once")
    assert lines[-1].startswith("took ")


def test_verbose_says_where_an_error_comes_from(images: Path) -> None:
    done = _run("info", images / "gone.onnx", "--verbose")

    assert done.exit_code == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: cannot open model")


def test_both_are_a_wrong_command_line(images: Path) -> None:
    for arguments in (["-q", "info", "x", "-v"], ["info", "x", "-v", "-q"], ["-q", "-v", "info", "x"]):
        done = _run(*arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "exclude each other" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rnu"], " Did you mean 'run'?"),
        (["RUN"], " Did you mean 'run'?"),
        (["data", "chek"], " Did you mean 'check'?"),
        (["stats", "folder"], " Did you mean 'data stats'?"),
        (["frobnicate"], ""),
    ],
)
def test_a_misspelt_command_suggests_the_right_one(arguments: list[str], hint: str) -> None:
    done = _run(*arguments)

    assert done.exit_code == 2
    assert done.stderr.endswith(f"No such command {arguments[-1 if arguments[0] == 'data' else 0]!r}.{hint}\n")
