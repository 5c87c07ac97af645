"""Folder work as a user meets it: a bar on the terminal, a watched folder, a run that is killed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGKILL

import numpy as np
import pytest
from terminal_program import run_in_terminal

from edgecls import image

COLORS = ((250, 10, 20), (5, 240, 30), (12, 30, 245))


@pytest.fixture(autouse=True)
def use_the_tiny_model(monkeypatch: pytest.MonkeyPatch, tiny_model_path: Path) -> None:
    monkeypatch.setenv("EDGECLS_MODEL", str(tiny_model_path))


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """300 different noisy images, a hundred of each colour."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "照片"
    folder.mkdir()
    for index in range(300):
        pixels = np.clip(np.array(COLORS[index % 3]) + rng.normal(0, 9, (40, 50, 3)), 0, 255).astype(np.uint8)
        (folder / f"{index:03d}.png").write_bytes(image.encode_png(pixels))
    return folder


def _contents(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.rglob("*.png"))


def test_on_a_terminal_there_is_a_bar_that_leaves_the_lines_whole(many: Path) -> None:
    ended = run_in_terminal("run", many)

    assert ended.exit_code == 0
    assert re.search(r"\[#+\.*\] \d+/300  [\d.]+/s  \d+ s left", ended.shown)
    # What stays on the screen: everything between a return to the line's start and the next one is overwritten.
    lines = [line.rpartition("\x1b[K")[2].strip() for line in ended.shown.split("\n")]
    shown = [line.split()[0] for line in lines if line]
    assert shown[:-1] == [str(many / f"{index:03d}.png") for index in range(300)]
    assert next(filter(None, reversed(lines))) == "300 images: blue 100, green 100, red 100"


@pytest.mark.parametrize("options", [(), ("--move",)], ids=["copy", "move"])
def test_sorting_that_is_killed_leaves_whole_images_and_goes_on(
    many: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    contents = _contents(many)
    arguments = ("run", many, "--sort-into", tmp_path / "out", *options)

    killed = run_in_terminal(*arguments, signals=[(r"1[0-9][0-9]/300", SIGKILL)])

    assert killed.exit_code == -SIGKILL, killed.shown
    assert 0 < len(_contents(tmp_path / "out")) < 300
    assert set(_contents(tmp_path / "out")) <= set(contents)
    assert set(_contents(tmp_path / "out")) | set(_contents(many)) == set(contents)

    assert run_in_terminal(*arguments).exit_code == 0

    assert _contents(tmp_path / "out") == contents
    assert _contents(many) == ([] if options else contents)
    assert sorted(os.listdir(tmp_path / "out")) == ["blue", "green", "red"]


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`edgecls run --watch` over an empty folder, moving what it has classified."""
    (tmp_path / "热 folder").mkdir()
    options = ("--watch", "--interval", "0.05", "--sort-into", "out", "--move")
    program = subprocess.Popen(
        [sys.executable, "-m", "edgecls", "run", "热 folder", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    yield program
    program.kill()
    program.communicate()


def test_a_watched_folder_is_sorted_as_images_arrive(
    many: Path, tmp_path: Path, watcher: subprocess.Popen[str]
) -> None:
    assert watcher.stdout is not None
    assert watcher.stderr is not None
    assert watcher.stderr.readline() == "watching 热 folder; Ctrl-C ends it\n"
    for index, label in ((0, "red"), (1, "green")):
        (many / f"{index:03d}.png").rename(tmp_path / "热 folder" / f"{index:03d}.png")
        # The line is printed once the image is in its place.
        assert watcher.stdout.readline().split()[2] == label
        assert (tmp_path / "out" / label / f"{index:03d}.png").exists()

    watcher.send_signal(SIGINT)
    out, err = watcher.communicate(timeout=300)

    assert (watcher.returncode, out) == (0, "")
    assert err == "stopped; classified 2 images\nmoved 2 images\n2 images: green 1, red 1\n"
    assert os.listdir(tmp_path / "热 folder") == []
