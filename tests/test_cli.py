"""The command line as a whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_model import tiny_model_bytes

from edgecls import __version__
from edgecls.cli import main

COMMANDS = main.names


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])

    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: main {name}")


def test_help_lists_all_commands() -> None:
    output = CliRunner().invoke(main, ["--help"]).output

    assert [line.split()[0] for line in output.partition("Commands:\n")[2].splitlines() if line] == sorted(COMMANDS)


def test_help_of_all_commands_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from edgecls.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) & {"numpy", "cv2", "onnxruntime", "tensorflow", "keras", "onnx", "bottle"} == set()


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"edgecls, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["classify"],
        ["run"],
        ["run", "--top", "0", "x.jpg"],
        ["run", "--provider", "gpu", "x.jpg"],
        ["export", "a.keras"],
    ],
)
def test_a_wrong_command_line_has_exit_code_2(arguments: list[str]) -> None:
    done = CliRunner().invoke(main, arguments)

    assert done.exit_code == 2
    assert "Error" in done.stderr


def test_an_error_of_edgecls_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["info", str(tmp_path / "gone.onnx")])

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: cannot open model")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["info", "verify"])
def test_labels_that_the_terminal_cannot_show_do_not_end_the_work(command: str, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(tiny_model_bytes(name="花", labels=("红", "绿", "蓝🐱")))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(
        [sys.executable, "-m", "edgecls", command, str(model)], env=environment, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_python_m_edgecls_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "edgecls", "--version"], capture_output=True, text=True, check=True)

    assert done.stdout == f"edgecls, version {__version__}\n"


@pytest.mark.parametrize("group", [[], ["data"]], ids=["edgecls", "data"])
def test_the_list_of_commands_shows_whole_summaries_in_80_columns(group: list[str]) -> None:
    listed = CliRunner().invoke(main, [*group, "--help"], terminal_width=80).output.partition("Commands:\n")[2]

    assert listed
    for line in listed.splitlines():
        assert len(line) <= 80
        assert line.endswith(".")
        assert not line.endswith("...")
