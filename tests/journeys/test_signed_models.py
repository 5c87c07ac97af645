"""A server that loads signed models only: at its start, when files change, on request, and when one is taught."""

import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from running_server import running_server
from signed_files import make_keys, sign
from taught_images import taught_image
from tiny_model import tiny_model_bytes

from edgecls import image

RED = image.encode_png(np.full((12, 16, 3), (250, 10, 20), np.uint8))


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return make_keys(tmp_path)


@pytest.fixture
def model(tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    path = tmp_path / "colors.onnx"
    path.write_bytes(tiny_model_bytes())
    sign(path, keys[0])
    return path


def test_a_server_with_a_model_that_is_not_signed_does_not_start(
    model: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(tiny_model_bytes(name="other"))

    done = subprocess.run(
        [sys.executable, "-m", "edgecls", "serve", model, other, "--port", "0", "--require-signature", keys[1]],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 1
    assert f"Error: model {str(other)!r} is not signed: there is no" in done.stderr
    assert "Traceback" not in done.stderr


def test_only_signed_files_take_the_place_of_a_model(model: Path, keys: tuple[Path, Path]) -> None:
    with running_server(model, "--require-signature", keys[1], "--reload-on-change", "--allow-model-control") as server:
        assert server.request("POST", "/predict", RED)[1]["label"] == "red"

        model.write_bytes(tiny_model_bytes(labels=("rouge", "vert", "bleu")))
        assert "it is not what was signed" in server.await_log("not reloaded, what was there before stays in use")
        status, answer = server.request("POST", "/v2/repository/models/colors/load")
        assert (status, "it is not what was signed" in answer["error"]) == (409, True)
        assert server.request("POST", "/predict", RED)[1]["label"] == "red"
        _, _, metrics = server.exchange("GET", "/metrics")
        assert b'edgecls_model_loads_total{model="colors",outcome="unsigned"}' in metrics

        sign(model, keys[0])  # and the server sees it
        server.await_log("model colors was loaded again")
        assert server.request("POST", "/predict", RED)[1]["label"] == "rouge"
        assert server.stop() == 0


def test_several_processes_verify_each_for_itself(model: Path, keys: tuple[Path, Path]) -> None:
    with running_server(model, "--require-signature", keys[1], "--workers", "2") as server:
        server.await_log("ready: serving with 2 processes")
        model.write_bytes(b"garbage")
        server.process.send_signal(signal.SIGHUP)
        for number in (1, 2):
            assert "it is not what was signed" in server.await_log(f"process {number}: not reloaded")
        assert server.request("POST", "/predict", RED)[1]["label"] == "red"


def test_a_taught_model_is_signed_before_it_is_used(model: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("imagehash")
    folder = tmp_path / "taught"
    with running_server(model, "--require-signature", keys[1], "--teach", folder) as server:
        for color in ("red", "green"):
            for number in range(4):
                path = f"/teach/images?label={quote(color)}&batch=1"
                assert server.request("POST", path, taught_image(color, number))[0] == 200
        server.request("POST", "/teach/training")
        while (state := server.request("GET", "/teach")[1])["training"]["state"] == "running":
            pass
        assert state["training"]["state"] == "finished"
        (version,) = folder.rglob("model.onnx")

        for what, body in (("try", taught_image("red", 9)), ("use", b"")):
            status, answer = server.request("POST", f"/teach/versions/1/{what}", body)
            assert (status, answer["error"]["type"]) == (409, "SignatureError"), answer
            assert "is not signed" in answer["error"]["message"]
        assert server.request("GET", "/teach")[1]["in_use"] is None

        sign(version, keys[0])
        assert server.request("POST", "/teach/versions/1/use")[1]["in_use"] == 1
        assert server.stop() == 0
    with running_server(model, "--require-signature", keys[1], "--teach", folder) as server:
        assert server.request("POST", "/predict", taught_image("red", 9))[0] == 200
