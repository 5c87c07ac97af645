"""edgecls gui on an X server without a screen: keys as a keyboard sends them, a kill in the middle, and a new start."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgecls.desktop.display import check_display
from edgecls.errors import EdgeclsError

TIMEOUT_S = 60
LOOK_S = 0.05


def _what_is_missing() -> str | None:
    """Return why there is no window here; in CI, EDGECLS_REQUIRE_DESKTOP makes that a failure."""
    if "EDGECLS_REQUIRE_DESKTOP" in os.environ:
        return None
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        return "needs Xvfb and xdotool (Debian: apt install xvfb xdotool)"
    try:
        check_display(environment={"DISPLAY": ":0"}, answers=lambda display: True)
    except EdgeclsError as error:
        return str(error)
    return None


_MISSING = _what_is_missing()
pytestmark = pytest.mark.skipif(_MISSING is not None, reason=str(_MISSING))


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A display, and folders of no user."""
    server, number = _until(_x_server)
    kept = {name: value for name, value in os.environ.items() if name not in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY")}
    homes = {name: str(tmp_path / "home") for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    yield {**kept, **homes, "DISPLAY": f":{number}", "LANG": "C.UTF-8"}
    server.terminate()
    server.wait(TIMEOUT_S)


def _x_server() -> tuple[subprocess.Popen[bytes], str] | None:
    """Start an X server, and return it with its number; None if another one that begins now has taken the number."""
    reading, writing = os.pipe()
    # Without -noreset it begins anew when its last client is gone, and refuses those that come meanwhile.
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x1000x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with open(reading) as stream:
        number = stream.readline().strip()
    shown = ["xdotool", "getdisplaygeometry"]
    asked = subprocess.run(shown, env={**os.environ, "DISPLAY": f":{number}"}, capture_output=True, check=False)
    if number and asked.returncode == 0 and server.poll() is None:
        return server, number
    server.terminate()
    server.wait(TIMEOUT_S)
    return None


def _until(what: Callable[[], Any]) -> Any:
    """Return what is there, once it is."""
    pause = threading.Event()
    for _ in range(round(TIMEOUT_S / LOOK_S)):
        if found := what():
            return found
        pause.wait(LOOK_S)
    raise AssertionError("it has not come about")


class _Screen:
    """Keys for windows, by their titles."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def _xdotool(self, *arguments: str) -> str:
        command = ["xdotool", *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False).stdout

    def focus(self, title: str) -> None:
        """Wait for a window, and give it the keyboard, as there is no window manager that would."""
        window = _until(lambda: self._xdotool("search", "--onlyvisible", "--name", title).split())[-1]
        self._xdotool("windowfocus", "--sync", window)

    def press(self, *keys: str) -> None:
        self._xdotool("key", "--delay", "30", *keys)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "5", text)


@pytest.fixture
def start(environment: dict[str, str], tiny_model_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the program with images; what is still running after the test is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def start_program(*paths: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edgecls", "gui", str(tiny_model_path), *map(str, paths)]
        started.append(subprocess.Popen(command, env=environment))
        return started[-1]

    yield start_program
    for program in started:
        program.kill()
        program.wait(TIMEOUT_S)


def test_corrections_survive_a_kill_and_are_exported(
    environment: dict[str, str], start: Callable[..., subprocess.Popen[bytes]], images: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "home" / "edgecls" / "desktop" / "window-1" / "decisions.jsonl"
    screen = _Screen(environment)

    def decided(count: int) -> None:
        """Wait until so many labels were set or taken back."""
        _until(
            lambda: (
                journal.exists()
                and sum(json.loads(line)["do"] in ("label", "undo") for line in journal.read_text().splitlines())
                == count
            )
        )

    program = start(images)
    screen.focus("3 images.*colors")
    screen.press("1")  # blue.png is red
    decided(1)
    screen.press("3")  # green.png is blue
    decided(2)
    screen.press("ctrl+z")
    decided(3)
    program.send_signal(signal.SIGKILL)
    program.wait(TIMEOUT_S)

    program = start()
    screen.focus("3 images.*colors")
    screen.press("ctrl+e")
    screen.focus("Export as CSV")
    screen.press("ctrl+a")
    screen.type(str(tmp_path / "results.csv"))
    screen.press("Return")
    _until((tmp_path / "results.csv").exists)
    screen.focus("3 images.*colors")
    screen.press("ctrl+q")

    assert program.wait(TIMEOUT_S) == 0
    rows = list(csv.DictReader((tmp_path / "results.csv").read_text("utf-8-sig").splitlines()))
    assert [(Path(row["image"]).name, row["label"], row["corrected"]) for row in rows] == [
        ("blue.png", "red", "true"),
        ("green.png", "green", "false"),
        ("red.png", "red", "false"),
    ]
