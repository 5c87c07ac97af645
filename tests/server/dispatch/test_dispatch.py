"""Requests that compute and requests that do not, over real sockets."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from echo_server import PATIENCE_S, EchoServer, answers, eventually, read_all, request_bytes

from edgecls.server.dispatch.dispatcher import Dispatcher
from edgecls.server.http.limits import HttpLimits
from edgecls.server.http.server import HttpServer, listening_socket


@dataclass
class App:
    """A WSGI application that waits at a gate under /compute/, and fails at /fault."""

    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    paths: list[str] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        path = environ["PATH_INFO"]
        self.paths.append(path)
        if path.startswith("/compute/"):
            self.begun.release()
            assert self.gate.wait(PATIENCE_S)
        if path == "/fault":
            raise ZeroDivisionError("a detail")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [threading.current_thread().name.encode()]


@dataclass
class Served(EchoServer):
    app: App = field(default_factory=App)
    dispatcher: Dispatcher | None = None


@contextlib.contextmanager
def _served(*, max_waiting: int, **limits: Any) -> Iterator[Served]:
    app = App()
    dispatcher = Dispatcher(app, lambda method, path: path.startswith("/compute/"), max_waiting=max_waiting)
    server = HttpServer(dispatcher, listening_socket("127.0.0.1", 0), limits=HttpLimits(**limits))
    dispatcher.start()
    server.start()
    try:
        yield Served(server, None, app, dispatcher)  # type: ignore[arg-type]
    finally:
        app.gate.set()
        server.stop()
        dispatcher.stop()


def test_what_computes_and_what_does_not_run_in_threads_apart() -> None:
    with _served(max_waiting=5) as server:
        server.app.gate.set()

        assert answers(server.exchange(request_bytes("/compute/a", close=True)))[0].body.startswith(b"edgecls-compute")
        assert answers(server.exchange(request_bytes("/livez", close=True)))[0].body.startswith(b"edgecls-quick")


def test_health_is_told_while_all_that_computes_is_busy_and_the_queue_is_full() -> None:
    with _served(max_waiting=1) as server, contextlib.ExitStack() as clients:
        working = [clients.enter_context(server.connect()) for _ in range(2)]
        working[0].sendall(request_bytes("/compute/0", close=True))
        assert server.app.begun.acquire(timeout=PATIENCE_S)
        working[1].sendall(request_bytes("/compute/1", close=True))
        assert eventually(lambda: server.dispatcher is not None and server.dispatcher.waiting == 1)

        full = answers(server.exchange(request_bytes("/compute/2", b"body", close=True)))[0]
        assert (full.status, full.headers["retry-after"]) == (503, "1")
        assert json.loads(full.body)["error"]["type"] == "Busy"
        assert answers(server.exchange(request_bytes("/livez", close=True)))[0].status == 200

        server.app.gate.set()
        assert [answers(read_all(client))[0].status for client in working] == [200, 200]
        assert "/compute/2" not in server.app.paths
        server.assert_all_given_back()


def test_a_full_queue_keeps_the_connection_for_the_next_attempt() -> None:
    with _served(max_waiting=0) as server, server.connect() as first, server.connect() as second:
        first.sendall(request_bytes("/compute/0", close=True))
        assert server.app.begun.acquire(timeout=PATIENCE_S)
        second.sendall(request_bytes("/compute/1"))
        assert second.recv(65536).startswith(b"HTTP/1.1 503 ")
        server.app.gate.set()
        assert answers(read_all(first))[0].status == 200
        second.sendall(request_bytes("/compute/2", close=True))
        assert answers(read_all(second))[0].status == 200


def test_work_of_a_client_that_goes_is_left_out() -> None:
    with _served(max_waiting=5) as server, server.connect() as first:
        first.sendall(request_bytes("/compute/first", close=True))
        assert server.app.begun.acquire(timeout=PATIENCE_S)
        with server.connect() as gone:
            gone.sendall(request_bytes("/compute/gone", bytes(1000)))
            assert eventually(lambda: server.dispatcher is not None and server.dispatcher.waiting == 1)
        assert eventually(lambda: server.http.open_connections == 1)
        assert server.http.body_bytes == 0
        server.app.gate.set()
        assert answers(read_all(first))[0].status == 200
        assert answers(server.exchange(request_bytes("/compute/last", close=True)))[0].status == 200
        assert server.app.paths == ["/compute/first", "/compute/last"]


def test_work_that_waits_past_its_deadline_is_a_504_and_left_out() -> None:
    with _served(max_waiting=5, answer_s=0.01) as server, server.connect() as first, server.connect() as second:
        first.sendall(request_bytes("/compute/first", close=True))
        assert server.app.begun.acquire(timeout=PATIENCE_S)
        second.sendall(request_bytes("/compute/late", close=True))
        assert [answers(read_all(client))[0].status for client in (first, second)] == [504, 504]
        server.app.gate.set()
        assert eventually(lambda: server.dispatcher is not None and server.dispatcher.waiting == 0)
    assert server.app.paths == ["/compute/first"]


def test_a_fault_of_the_application_is_told_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    with _served(max_waiting=5) as server:
        failed, good = answers(server.exchange(request_bytes("/fault") + request_bytes("/livez", close=True)))

    assert (failed.status, failed.json["error"]["type"]) == (500, "InternalError")
    assert b"detail" not in failed.body
    assert good.status == 200
    assert "ZeroDivisionError: a detail" in caplog.text
