"""A server that is killed while it is taught in: images, versions and the model in use are there when it starts."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from running_server import RunningServer, running_server
from taught_images import taught_image


def _images(server: RunningServer) -> dict[str, list[str]]:
    _, state = server.request("GET", "/teach")
    return {
        entry["label"]: server.request("GET", f"/teach/images?label={quote(entry['label'])}")[1]["images"]
        for entry in state["labels"]
    }


def _kill(server: RunningServer) -> None:
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def _await_training(server: RunningServer) -> dict[str, object]:
    while True:
        _, state = server.request("GET", "/teach")
        if state["training"]["state"] != "running":
            return dict(state)


def test_a_killed_server_goes_on_where_it_was(tiny_model_path: Path, tmp_path: Path) -> None:
    arguments = ("--model", tiny_model_path, "--teach", tmp_path / "taught", "--teach-min-free-mb", "0")
    with running_server(*arguments) as server:
        for color in ("red", "green"):
            for number in range(4):
                status, _ = server.request("POST", f"/teach/images?label={color}", taught_image(color, number))
                assert status == 200
        images = _images(server)
        assert {label: len(paths) for label, paths in images.items()} == {"red": 4, "green": 4}
        assert server.request("POST", "/teach/training")[0] == 200
        _kill(server)  # in the middle of the training

    with running_server(*arguments) as server:
        assert _images(server) == images
        while server.request("POST", "/teach/training")[0] == 409:  # until the other training has noticed
            pass
        state = _await_training(server)
        assert state["training"]["state"] == "finished", json.dumps(state)  # type: ignore[index]
        _kill(server)  # as soon as there is a version

    with running_server(*arguments) as server:
        _, state = server.request("GET", "/teach")
        assert [version["number"] for version in state["versions"]] == [1]
        assert server.request("POST", "/teach/versions/1/use")[1]["in_use"] == 1
        _kill(server)  # as soon as it is in use

    with running_server(*arguments) as server:
        assert _images(server) == images
        _, models = server.request("GET", "/models")
        assert [model["name"] for model in models["models"]] == ["taught", "colors"]
        _, answer = server.request("POST", "/predict", taught_image("green", 9))
        assert {score["label"] for score in answer["top"]} == {"red", "green"}
        _, state = server.request("POST", "/teach/undo")
        assert state["in_use"] is None
        assert server.stop() == 0


def test_keys_and_hosts_are_checked_for_teaching_too(tiny_model_path: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("a-key-of-some-length page\n")
    arguments = ("--model", tiny_model_path, "--teach", tmp_path / "t", "--teach-min-free-mb", "0", "--api-keys", keys)
    with running_server(*arguments) as server:
        assert server.exchange("GET", "/web/teach/teach.js")[0] == 200
        for method, path in (("GET", "/teach"), ("POST", "/teach/labels?label=x"), ("GET", "/teach/dataset.zip")):
            assert server.request(method, path)[0] == 401
        assert server.request("POST", "/teach/labels?label=x", Host="evil.example")[0] == 421
        status, state = server.request("POST", "/teach/labels?label=x", **{"X-API-Key": "a-key-of-some-length"})
        assert (status, state["labels"]) == (200, [{"label": "x", "images": 0}])
        assert server.stop() == 0


def test_what_cannot_go_together_is_refused_at_the_start(tiny_model_path: Path, tmp_path: Path) -> None:
    for more, reason in (
        (("--feedback", tmp_path / "f"), "leave feedback out"),
        (("--workers", 2), "1 worker"),
        (("--teach", tmp_path / "colors"), "a model is called 'colors'"),
    ):
        command = [sys.executable, "-m", "edgecls", "serve", "--port", "0", "--model", tiny_model_path]
        done = subprocess.run(
            [*map(str, (*command, "--teach", tmp_path / "t", *more))], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert reason in done.stderr
