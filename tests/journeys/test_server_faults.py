"""A real server process, and clients that are slow, greedy, broken, gone or too many."""

import contextlib
import gzip
import http.client
import json
import os
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from echo_server import Received, answers, eventually, read_all, request_bytes
from running_server import RunningServer, running_server

from edgecls import image

RED = image.encode_png(np.full((20, 30, 3), (250, 0, 0), np.uint8))
PREDICT_RED = request_bytes("/predict", RED, close=True)
PATIENCE_S = 120


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "root"
    folder.mkdir()
    (folder.parent / "secret.png").write_bytes(RED)
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    os.mkfifo(folder / "pipe.png")
    return folder


@pytest.fixture(scope="module")
def server(tiny_model_path: Path, root: Path) -> Iterator[RunningServer]:
    with running_server("--model", tiny_model_path, "--image-root", root, "--max-upload-mb", "1") as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in "".join(running.log)


def _connect(server: RunningServer) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S)


def _exchange(server: RunningServer, *pieces: bytes) -> Received:
    with _connect(server) as client:
        for piece in pieces:
            client.sendall(piece)
        return answers(read_all(client))[0]


@pytest.fixture
def proc() -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not tell of a process in /proc")


def _is_red(answer: Received) -> bool:
    return answer.status == 200 and bool(answer.json["label"] == "red")


def test_hundreds_of_slow_senders_leave_others_unharmed(server: RunningServer) -> None:
    megabyte = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    begun = [b"POST /pre", b"POST /predict HTTP/1.1\r\nHost: lo", megabyte, megabyte + RED[:20]]
    with contextlib.ExitStack() as clients:
        slow = [clients.enter_context(_connect(server)) for _ in range(600)]
        for index, client in enumerate(slow):
            client.sendall(begun[index % len(begun)])
        for _ in range(3):
            assert all(_is_red(_exchange(server, PREDICT_RED)) for _ in range(20))
            for client, more in zip(slow, b"x" * len(slow), strict=True):
                client.sendall(bytes([more]))


@pytest.mark.parametrize(
    "flood",
    [
        b"A: b\r\n" * 20_000,
        b"A: " + b"b" * 500_000,
        b"a" * 500_000,
        b"X-" + b"a" * 40_000 + b": b\r\n",
    ],
    ids=["fields", "value", "name", "one-name"],
)
def test_a_flood_of_header_fields_is_refused(server: RunningServer, flood: bytes) -> None:
    answer = _exchange(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n", flood)

    assert (answer.status, answer.json["error"]["type"]) == (431, "HeadTooLarge")


def test_a_huge_body_is_refused_at_once_and_its_sender_reads_why(server: RunningServer) -> None:
    huge = request_bytes("/predict", bytes(20_000_000))

    assert _exchange(server, huge[:200]).status == 413
    assert _exchange(server, huge).status == 413
    client = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=PATIENCE_S)
    client.request("POST", "/predict", bytes(20_000_000))
    with contextlib.closing(client), client.getresponse() as response:
        assert response.status == 413
        assert "larger than 1 MiB" in json.loads(response.read())["error"]["message"]


def _form(*parts: bytes) -> bytes:
    return request_bytes("/predict", b"".join(parts), close=True, Content_Type="multipart/form-data; boundary=AaB")


FILE = b'--AaB\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n'


@pytest.mark.parametrize(
    "form",
    [
        _form(FILE % b"a.png", RED),
        _form(FILE % b"a.png", RED, b"\r\n--Aa"),
        _form(b"--AaB\r\nContent-Disposition: form-da"),
        _form(RED),
        _form(b"--AaB--\r\n"),
        _form((FILE % b"a.png" + b"\r\n") * 100, b"--AaB--\r\n"),
        _form(b"--AaB\r\n" + b"A: b\r\n" * 10_000 + b"\r\n\r\n--AaB--\r\n"),
        _form(b"--AaB\r\n\r\n\r\n" * 50_000),
    ],
    ids=["no-end", "half-an-end", "half-a-head", "none", "empty", "many-files", "many-fields", "many-parts"],
)
def test_a_form_that_is_none_is_refused(server: RunningServer, form: bytes) -> None:
    answer = _exchange(server, form)

    assert answer.status in (400, 413)
    assert set(answer.json) == {"error"}


def _png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _gif(frames: int) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1000, 1000, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1000, 1000, 0x80, 0, 0) + bytes(6) + frame * frames + b"\x3b"


@pytest.mark.parametrize(
    ("bomb", "status"),
    [
        (_png(50_000, 50_000, zlib.compress(bytes(100_000))), 413),
        (_png(2**31 - 1, 2**31 - 1, b""), 413),
        (_png(1000, 1000, zlib.compress(bytes(10))), 422),
        (_gif(40_000), None),
        (b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + bytes(100), None),
    ],
    ids=["png-50000", "png-endless", "png-without-rows", "gif-of-many-frames", "jpeg-65535"],
)
@pytest.mark.usefixtures("proc")
def test_an_image_that_would_fill_the_memory_is_refused(server: RunningServer, bomb: bytes, status: int | None) -> None:
    before_kb = _memory_kb(server)

    answer = _exchange(server, request_bytes("/predict", bomb, close=True))

    assert answer.status == status or (status is None and answer.status in (200, 413, 415, 422))
    assert _memory_kb(server) - before_kb < 200_000
    assert _is_red(_exchange(server, PREDICT_RED))


@pytest.mark.usefixtures("proc")
def test_a_compressed_body_that_would_fill_the_memory_is_refused(server: RunningServer) -> None:
    before_kb = _memory_kb(server)
    bomb = gzip.compress(bytes(500_000_000), 9)

    answer = _exchange(server, request_bytes("/v2/models/colors/infer", bomb, close=True, Content_Encoding="gzip"))

    assert answer.status == 413
    assert isinstance(answer.json["error"], str)
    assert _memory_kb(server) - before_kb < 100_000


def _memory_kb(server: RunningServer) -> int:
    """Return the most memory that the server has ever used."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize("path", ["/predict/link.png", "/predict/pipe.png", "/predict/..%2fsecret.png", "/predict/."])
def test_what_lies_outside_the_folder_or_is_no_file_is_not_there(server: RunningServer, path: str) -> None:
    assert _exchange(server, request_bytes(path, method="GET", close=True)).status == 404


@pytest.mark.usefixtures("proc")
def test_uploads_that_break_off_leave_nothing_behind(server: RunningServer) -> None:
    open_before = _open_files(server)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    for index in range(200):
        with _connect(server) as client:
            client.sendall(head + bytes(20_000))
            if index % 2:  # a reset
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert eventually(lambda: _open_files(server) <= open_before)
    assert _is_red(_exchange(server, PREDICT_RED))


def _open_files(server: RunningServer) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_more_requests_than_may_wait_are_told_to_come_back(tiny_model_path: Path) -> None:
    with (
        running_server("--model", tiny_model_path, "--threads", "1", "--max-waiting", "1") as server,
        contextlib.ExitStack() as clients,
    ):
        encoded = image.encode_png(np.zeros((3000, 3000, 3), np.uint8))  # small to send, and slow to decode
        crowd = [clients.enter_context(_connect(server)) for _ in range(20)]
        for client in crowd:
            client.sendall(request_bytes("/predict", encoded, close=True))
        assert server.request("GET", "/livez")[0] == 200
        received = [answers(read_all(client))[0] for client in crowd]
        busy = [answer for answer in received if answer.status == 503]

    assert {answer.status for answer in received} == {200, 503}
    assert busy
    assert {answer.headers["retry-after"] for answer in busy} == {"1"}


class _Load:
    """Clients that ask again and again, half of them on new connections, until nobody listens any more."""

    def __init__(self, server: RunningServer, *, clients: int) -> None:
        self.answered = 0
        self.faults: list[str] = []
        self._server = server
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(index % 2 == 0,)) for index in range(clients)]

    def __enter__(self) -> "_Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _run(self, anew: bool) -> None:
        while True:
            client = http.client.HTTPConnection(urlsplit(self._server.url).netloc, timeout=PATIENCE_S)
            try:
                client.connect()
            except OSError:
                return
            with contextlib.closing(client):
                self._ask(client, anew)

    def _ask(self, client: http.client.HTTPConnection, anew: bool) -> None:
        """Ask until the server or, if `anew`, the client ends the connection."""
        while True:
            try:
                client.request("POST", "/predict", RED)
                with client.getresponse() as response:
                    label = json.loads(response.read()).get("label")
                    closes = response.getheader("Connection") == "close"
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(repr(error))
                return
            with self._counting:
                self.answered += 1
            if label != "red":
                self.faults.append(f"{response.status} {label}")
            if closes or anew:
                return


@pytest.mark.parametrize("attempt", range(3))
def test_no_request_is_lost_when_it_is_stopped_under_load(tiny_model_path: Path, attempt: int) -> None:
    with running_server("--model", tiny_model_path) as server:
        with _Load(server, clients=12) as load:
            assert eventually(lambda: load.answered > 100 * (attempt + 1))
            assert server.stop() == 0

        assert load.faults == []
        assert "Traceback" not in "".join(server.log)


def test_a_model_file_that_turns_to_garbage_is_served_on(tiny_model_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(tiny_model_path.read_bytes())
    with running_server("--model", file) as server:
        with _Load(server, clients=4) as load:
            assert eventually(lambda: load.answered > 50)
            file.write_bytes(b"garbage" * 1000)
            seen = load.answered
            assert eventually(lambda: load.answered > seen + 200)
            file.unlink()
            seen = load.answered
            assert eventually(lambda: load.answered > seen + 200)
            assert server.stop() == 0

        assert load.faults == []


FAULTY = """
from edgecls.cli import main
from edgecls.server.http.connection import Connection

def fail(connection):
    raise ZeroDivisionError("a fault of the loop")

Connection.{attribute} = property(fail, lambda connection, value: None)
if __name__ == "__main__":
    main(prog_name="edgecls")
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_fault_in_the_loop_while_the_server_stops_is_an_exit_code(
    tiny_model_path: Path, tmp_path: Path, workers: str
) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY.format(attribute="busy"))
    arguments = ("--model", tiny_model_path, "--workers", workers)
    with running_server(*arguments, program=(tmp_path / "faulty.py",)) as server, _connect(server):
        assert server.stop() == 1
        assert "ZeroDivisionError: a fault of the loop" in "".join(server.log)


def test_a_fault_in_the_loop_ends_a_server_that_nobody_has_told_to_stop(tiny_model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY.format(attribute="deadline_s"))
    with running_server("--model", tiny_model_path, program=(tmp_path / "faulty.py",)) as server, _connect(server):
        assert server.process.wait(PATIENCE_S) == 1
        assert server.await_log("Error: the server's own thread failed")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"OPTIONS /x", 404),
        (b"OPTIONS *", 404),
        (b"OPTIONS /predict", 405),
        (b"POST /livez", 405),
        (b"GET /livez", 413),
        (b"GET /", 413),
        (b"POST /web/page.js", 405),
        (b"POST /readyz", 405),
        (b"GET /status", 401),
        (b"POST /predict", 401),
        (b"POST /%70redict", 401),
        (b"POST /v2/models/colors/infer", 401),
    ],
)
@pytest.mark.parametrize("framing", [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"])
def test_without_a_key_no_body_is_waited_for(
    server_with_keys: RunningServer, line: bytes, status: int, framing: bytes
) -> None:
    answer = _exchange(server_with_keys, line + b" HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n\r\n")

    assert (answer.status, answer.headers["connection"]) == (status, "close")


@pytest.fixture(scope="module")
def server_with_keys(tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    keys = tmp_path_factory.mktemp("keys") / "keys.txt"
    keys.write_text("secret one\n")
    with running_server("--model", tiny_model_path, "--api-keys", keys, "--cors-origin", "*") as running:
        yield running


def test_head_requests_that_run_images_wait_with_all_that_does(tiny_model_path: Path, root: Path) -> None:
    (root / "large.png").write_bytes(image.encode_png(np.zeros((4000, 4000, 3), np.uint8)))
    arguments = ("--model", tiny_model_path, "--image-root", root, "--threads", "1", "--max-waiting", "0")
    with running_server(*arguments) as server, contextlib.ExitStack() as clients:
        flood = [clients.enter_context(_connect(server)) for _ in range(60)]
        for client in flood:
            client.sendall(request_bytes("/predict/large.png", method="HEAD", close=True))
        assert server.request("GET", "/livez")[0] == 200
        statuses = [read_all(client)[9:12] for client in flood]
        assert set(statuses) <= {b"200", b"503"}
        assert b"503" in statuses
