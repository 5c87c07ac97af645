"""The clients of examples/ in other languages: built, and run against a server."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import edgecls
from edgecls import image

EXAMPLES = Path(__file__).parents[2] / "examples"
CLIENTS = EXAMPLES / "clients"
RED = image.encode_png(np.full((40, 60, 3), (250, 10, 20), np.uint8))
KEY = "s3cret"


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if "EDGECLS_REQUIRE_EXAMPLES" in os.environ:
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"needs {name}")
    return found


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "红 1.png"
    path.write_bytes(RED)
    return path


@pytest.fixture(scope="module")
def url(tiny_model_path: Path) -> Iterator[str]:
    with edgecls.serve(tiny_model_path) as url:
        yield url


@pytest.fixture(scope="module")
def locked_url(tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that wants a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"{KEY}\n")
    with edgecls.serve(tiny_model_path, api_keys=keys) as url:
        yield url


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ client, built without a warning."""
    program = tmp_path_factory.mktemp("cpp") / "predict"
    command = [_program("g++"), "-std=c++17", "-Wall", "-Wextra", "-Werror", "-o", program, CLIENTS / "predict.cpp"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _host_and_port(url: str) -> tuple[str, str]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, port


def test_the_cpp_client_prints_the_answer(compiled: Path, url: str, photo: Path) -> None:
    done = _run(compiled, *_host_and_port(url), photo)

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["label"] == "red"
    assert len(answer["top"]) == 3


def test_the_cpp_client_sends_a_key(compiled: Path, locked_url: str, photo: Path) -> None:
    without, with_key = (_run(compiled, *_host_and_port(locked_url), photo, *key) for key in ((), (KEY,)))

    assert without.returncode == 1
    assert json.loads(without.stderr)["error"]["type"] == "Unauthorized"
    assert with_key.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "predict HOST PORT IMAGE"),
        (("127.0.0.1", "1", "no-such-file.png"), 1, "cannot read no-such-file.png"),
        (("127.0.0.1", "1", str(EXAMPLES / "dandelion.jpg")), 1, "cannot reach the server"),
    ],
    ids=["usage", "no-file", "no-server"],
)
def test_the_cpp_client_says_what_is_wrong(compiled: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = _run(compiled, *arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_the_javascript_client_prints_the_answer(url: str, photo: Path) -> None:
    done = _run(_program("node"), CLIENTS / "predict.mjs", url, photo)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("red 0.")


def test_the_javascript_client_sends_a_key_and_says_what_is_wrong(locked_url: str, photo: Path) -> None:
    node, client = _program("node"), CLIENTS / "predict.mjs"

    assert _run(node, client, locked_url, photo, KEY).returncode == 0
    for arguments, said in (
        ((locked_url, photo), "401 Unauthorized: this needs an API key"),
        ((locked_url, client, KEY), "415 UnsupportedImageError"),
        ((locked_url, "no-such-file.png", KEY), "no such file"),
        ((f"http://127.0.0.1:{_free_port()}", photo), "ECONNREFUSED"),
    ):
        done = _run(node, client, *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
