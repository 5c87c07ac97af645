"""Where things that can be made again are kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecls.runtime.machine.cache_folder import cache_folder, look_at_cache


@pytest.mark.parametrize(
    ("platform", "environment", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/var/tmp/cache"}, Path("/var/tmp/cache/edgecls")),
        ("linux", {"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache" / "edgecls"),
        ("linux", {}, Path.home() / ".cache" / "edgecls"),
        ("darwin", {}, Path.home() / "Library" / "Caches" / "edgecls"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/edgecls/Cache")),
        ("win32", {}, Path.home() / "AppData" / "Local" / "edgecls" / "Cache"),
    ],
    ids=["xdg", "xdg-relative", "linux", "macos", "windows", "windows-bare"],
)
def test_the_platforms_convention_is_kept(platform: str, environment: dict[str, str], folder: Path) -> None:
    assert cache_folder(environment=environment, platform=platform) == folder


def test_looking_measures_and_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "edgecls"

    assert (look_at_cache(folder).size_bytes, look_at_cache(folder).writable) == (0, True)
    assert not folder.parent.exists()

    (folder / "tensorrt").mkdir(parents=True)
    (folder / "tensorrt" / "engine").write_bytes(b"x" * 1000)
    assert look_at_cache(folder).size_bytes == 1000


def test_a_file_in_the_way_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")

    assert not look_at_cache(tmp_path / "cache" / "edgecls").writable


WITHOUT_HOME = (
    "import pwd, sys\n"
    "def unknown(uid):\n"
    "    raise KeyError(uid)\n"
    "pwd.getpwuid = unknown\n"
    "from edgecls.cli import main\n"
    "main(sys.argv[1:], prog_name='edgecls')\n"
)
"""edgecls as a user runs it who is in no list, as in a container with a number for a user."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another list of users")
@pytest.mark.parametrize(
    "variables",
    [{}, {"HOME": "relative"}, {"XDG_CACHE_HOME": "/" + "long" * 100}, {"XDG_CACHE_HOME": "/dev/null"}],
    ids=["none", "relative", "too-long", "no-folder"],
)
@pytest.mark.parametrize("command", ["run", "doctor"])
def test_without_a_place_for_a_cache_commands_work(
    variables: dict[str, str], command: str, tiny_model_path: Path, images: Path
) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")}
    arguments = [command, "--model", str(tiny_model_path), *(["red.png"] if command == "run" else [])]

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HOME, *arguments],
        env={**environment, **variables},
        cwd=images,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "red.png  red    0.9998\n" or "verdict: fine" in done.stdout
    assert not (images / "relative").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another list of users")
def test_tuning_says_at_once_that_there_is_no_place_for_its_choice(tiny_model_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")}

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HOME, "tune", str(tiny_model_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("Error: there is no place to keep the choice")
