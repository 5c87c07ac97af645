"""A server that is killed while it is taught in: images, versions and the model in use are there when it starts."""

import json
import signal
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
