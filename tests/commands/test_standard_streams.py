"""The command line with standard streams that are closed or full, and pipes that nobody reads."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from edgecls.cli import main
from edgecls.commands import standard_streams

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is how a full disk is had")

FULL = "Error: cannot write to standard output: No space left on device; send it to a file or a pipe that can take it\n"
CLOSED = FULL.replace("No space left on device", "it is closed")


def _edgecls(arguments: list[str | Path], streams: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run edgecls with its streams as a shell is told to set them."""
    command = ["sh", "-c", f'exec "$@" {streams}', "sh", sys.executable, "-m", "edgecls", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], *([name, "--help"] for name in main.names)])
def test_help_and_version_that_cannot_be_written_are_an_error(arguments: list[str | Path], tmp_path: Path) -> None:
    done = _edgecls(arguments, ">/dev/full", tmp_path)

    assert (done.returncode, done.stderr) == (1, FULL)


@pytest.mark.parametrize(("streams", "stderr"), [(">/dev/full", FULL), (">&-", CLOSED)], ids=["full", "closed"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["run", "red.png", "-m", "m.onnx"],
        ["run", "red.png", "-m", "m.onnx", "--format", "json"],
        ["run", "red.png", "-m", "m.onnx", "--format", "csv"],
        ["info", "m.onnx"],
        ["info", "m.onnx", "--format", "json"],
        ["verify", "m.onnx"],
        ["architectures"],
        ["data", "stats", "classes"],
    ],
    ids=lambda arguments: " ".join(arguments).replace("m.onnx", "M"),
)
def test_results_that_cannot_be_written_are_an_error(
    arguments: list[str | Path], streams: str, stderr: str, tiny_model_path: Path, images: Path
) -> None:
    (images / "m.onnx").write_bytes(tiny_model_path.read_bytes())
    for label in ("red", "green"):
        (images / "classes" / label).mkdir(parents=True)
        (images / "classes" / label / "1.png").write_bytes((images / f"{label}.png").read_bytes())

    done = _edgecls(arguments, streams, images)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("streams", ["2>/dev/full", "2>&-", "<&- 2>&-", "<&-"])
def test_work_goes_on_without_standard_input_and_error(streams: str, tiny_model_path: Path, images: Path) -> None:
    good = _edgecls(["run", "red.png", "-m", tiny_model_path], streams, images)
    bad = _edgecls(["info", "gone.onnx"], streams, images)

    assert (good.returncode, good.stdout) == (0, "red.png  red    0.9998\n")
    assert (bad.returncode, bad.stdout) == (1, "")


def test_with_all_streams_closed_the_exit_code_tells(tiny_model_path: Path, images: Path) -> None:
    done = _edgecls(["run", "red.png", "-m", tiny_model_path], "<&- >&- 2>&-", images)
    sorted_ = _edgecls(["run", "gone.png", "-m", tiny_model_path], "<&- >&- 2>&-", images)

    assert (done.returncode, sorted_.returncode) == (1, 1)


def test_files_do_not_take_the_place_of_closed_streams(tiny_model_path: Path, images: Path) -> None:
    script = (
        "from edgecls.commands.standard_streams import guard_standard_streams\n"
        "guard_standard_streams()\n"
        "stream = open('model.onnx', 'wb')\n"
        "raise SystemExit(stream.fileno())\n"
    )
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", script]

    assert subprocess.run(command, cwd=images, check=False).returncode > 2


def test_standard_input_that_is_closed_is_a_fault_of_that_image(tiny_model_path: Path, images: Path) -> None:
    done = _edgecls(["run", "-", "red.png", "-m", tiny_model_path], "<&-", images)

    lines = done.stdout.splitlines()
    assert lines[0].endswith("error: cannot read '-': standard input is closed; pipe an image into it")
    assert lines[1].split() == ["red.png", "red", "0.9998"]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["run", "red.png"]], ids=["help", "run"])
def test_a_pipe_that_nobody_reads_ends_it_quietly(arguments: list[str], tiny_model_path: Path, images: Path) -> None:
    options = ["-m", str(tiny_model_path)] if arguments[0] == "run" else []
    command = [sys.executable, "-m", "edgecls", *arguments, *options]
    with subprocess.Popen(command, cwd=images, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        stderr = process.stderr.read()

    assert (process.returncode, stderr) == (1, b"")


@pytest.mark.parametrize(
    ("platform", "is_terminal", "environment", "encoding"),
    [
        ("win32", False, {}, "utf-8"),
        ("win32", False, {"PYTHONIOENCODING": "gbk"}, "gbk"),
        ("win32", True, {}, "gbk"),
        ("linux", False, {}, "gbk"),
        ("darwin", False, {}, "gbk"),
    ],
)
def test_windows_writes_files_and_pipes_in_utf_8_and_not_in_its_code_page(
    platform: str, is_terminal: bool, environment: dict[str, str], encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="gbk")
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)

    assert standard_streams._encoding_of(stream, platform=platform, environment=environment) == encoding
