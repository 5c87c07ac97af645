"""A real server process and a real HTTP client."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from running_server import RunningServer, running_server

from edgecls import image

RED = image.encode_png(np.full((20, 30, 3), (250, 0, 0), np.uint8))
BLUE = image.encode_png(np.full((20, 30, 3), (0, 0, 250), np.uint8))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web") / "root"
    (folder / "数据 集").mkdir(parents=True)
    (folder / "img.png").write_bytes(RED)
    (folder / "数据 集" / "猫🐱.png").write_bytes(BLUE)
    (folder.parent / "secret.png").write_bytes(BLUE)
    return folder


@pytest.fixture(scope="module")
def server(tiny_model_path: Path, root: Path) -> RunningServer:  # type: ignore[misc]
    with running_server("--model", tiny_model_path, "--image-root", root, "--max-upload-mb", "1") as running:
        yield running


def test_it_listens_on_loopback_and_is_ready(server: RunningServer) -> None:
    assert urlsplit(server.url).hostname == "127.0.0.1"
    assert server.request("GET", "/readyz")[1]["model"] == "colors"


@pytest.mark.parametrize(
    "path",
    [
        "/predict/../secret.png",
        "/predict/../../etc/passwd",
        "/predict/..%2f..%2fetc%2fpasswd",
        "/predict/%2e%2e/secret.png",
        "/predict/%2e%2e%2fsecret.png",
        "/predict/%252e%252e%252fsecret.png",
        "/predict/..%5csecret.png",
        "/predict//etc/passwd",
        "/predict/%2fetc%2fpasswd",
        "/predict/..;/secret.png",
        "/predict/%c0%ae%c0%ae/secret.png",
        "/predict/img.png%00.txt",
        "/predict/./../secret.png",
        "/web/../server.py",
        "/web/%2e%2e/server.py",
        "/../../../../etc/passwd",
    ],
)
def test_no_form_of_an_address_leads_out_of_the_folder(server: RunningServer, path: str) -> None:
    status, answer = server.request("GET", path)

    assert 400 <= status < 500
    assert set(answer) == {"error"}


def test_an_image_in_the_folder_is_answered(server: RunningServer) -> None:
    assert server.request("GET", "/predict/img.png")[1]["label"] == "red"
    assert (
        server.request("GET", "/predict/%E6%95%B0%E6%8D%AE%20%E9%9B%86/%E7%8C%AB%F0%9F%90%B1.png")[1]["label"] == "blue"
    )


def test_many_clients_get_their_own_answers(server: RunningServer) -> None:
    def ask(index: int) -> bool:
        name, body, label = ("a", RED, "red") if index % 2 else ("b", BLUE, "blue")
        status, answer = server.request("POST", f"/predict/{name}-{index}", body)
        return (status, answer["image"], answer["label"]) == (200, f"{name}-{index}", label)

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(ask, range(400)))


def _raw(server: RunningServer, request: bytes, *, shutdown: bool = False) -> bytes:
    """Send bytes as they are and return all that comes back."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=120) as connection:
        connection.sendall(request)
        if shutdown:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"GET /livez HTTP/9.9\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 40_000 + b"\r\n\r\n", b"431"),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n", b"400"),
        (
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\nConnection: close\r\n\r\n",
            b"413",
        ),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\nConnection: close\r\n\r\nshort", b"400"),
    ],
    ids=["garbage", "version", "long-header", "length-no-number", "length-too-large", "cut-short"],
)
def test_what_is_no_request_is_refused_in_the_one_shape(
    server: RunningServer, request_bytes: bytes, status: bytes
) -> None:
    received = _raw(server, request_bytes, shutdown=True)

    head, _, body = received.partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert b"Content-Type: application/json" in head
    assert body.startswith(b'{"error": {"type": ')


def test_a_body_in_chunks_is_read(server: RunningServer) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (RED[:50], RED[50:])) + b"0\r\n\r\n"
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

    assert b'"label": "red"' in _raw(server, head + chunks)


def test_chunks_without_end_stop_at_the_limit(server: RunningServer) -> None:
    chunk = b"%x\r\n%s\r\n" % (1 << 20, bytes(1 << 20))
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

    assert b"413" in _raw(server, head + 2 * chunk).split(b"\r\n")[0]


def test_a_connection_serves_one_request_after_another(server: RunningServer) -> None:
    one = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(RED)

    received = _raw(server, one + b"\r\n" + RED + one + b"Connection: close\r\n\r\n" + RED)

    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_sigterm_ends_it_with_exit_code_0(tiny_model_path: Path) -> None:
    with running_server("--model", tiny_model_path) as server:
        assert server.stop() == 0
        assert "Traceback" not in "".join(server.log)


def test_a_port_that_is_taken_is_named(server: RunningServer, tiny_model_path: Path) -> None:
    port = str(urlsplit(server.url).port)
    command = [sys.executable, "-m", "edgecls", "serve", "--model", str(tiny_model_path), "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
