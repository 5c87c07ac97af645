"""An HTTP server for tests that answers with what it was asked, and raw clients for it."""

import contextlib
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from edgecls.server.http.limits import HttpLimits
from edgecls.server.http.messages import Answer, Refusal, Request
from edgecls.server.http.server import HttpServer, listening_socket

PATIENCE_S = 120


@dataclass
class HeldRequest:
    """A request to /held, which is answered when the test says so, by thread-safe `answer`."""

    request: Request
    answer: Callable[[Answer], None]
    dropped: threading.Event = field(default_factory=threading.Event)

    def drop(self) -> None:
        self.dropped.set()


class EchoHandler:
    """Answers with the request in JSON; some paths do something else.

    /forbidden is refused before its body, /held waits in `held`, /fault and /checkfault raise, /size?N answers with
    N bytes, and what a test sets in `answers` comes as it is.
    """

    def __init__(self) -> None:
        self.held: list[HeldRequest] = []
        self.held_one = threading.Semaphore(0)
        self.noted: list[tuple[str, str]] = []
        self.answers: dict[str, Answer] = {}
        self.server: HttpServer | None = None

    def check(self, request: Request) -> Refusal | None:
        if request.path == "/checkfault":
            raise ZeroDivisionError("a detail")
        return Refusal(403, "Forbidden", "not this one") if request.path == "/forbidden" else None

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> HeldRequest | Answer:
        if request.path == "/fault":
            raise ZeroDivisionError("a detail")
        if request.path == "/held":
            held = HeldRequest(request, answer)
            self.held.append(held)
            self.held_one.release()
            return held
        if request.path == "/size":
            return Answer("200 OK", [], bytes(int(request.query)))
        return self.answers.get(request.path) or echo(request)

    def answered(self, request: Request, answer: Answer) -> None:
        self.noted.append((request.path, answer.status[:3]))

    def wait_for_held(self) -> HeldRequest:
        assert self.held_one.acquire(timeout=PATIENCE_S)
        return self.held[-1]


def echo(request: Request) -> Answer:
    facts = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": [list(header) for header in request.headers],
        "size": len(request.body),
        "sha256": hashlib.sha256(request.body).hexdigest(),
    }
    return Answer("200 OK", [("Content-Type", "application/json")], json.dumps(facts).encode())


@dataclass
class EchoServer:
    """A server under test."""

    http: HttpServer
    handler: EchoHandler

    @property
    def address(self) -> tuple[str, int]:
        url = urlsplit(self.http.url)
        assert url.hostname is not None
        assert url.port is not None
        return url.hostname, url.port

    def connect(self, source: str = "") -> socket.socket:
        """Return a connection of a client, with an address of its own if one is given."""
        return socket.create_connection(self.address, PATIENCE_S, source_address=(source, 0) if source else None)

    def exchange(self, *pieces: bytes) -> bytes:
        """Send, and return all that comes until the server closes."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
            return read_all(connection)

    def finish(self, held: HeldRequest, answer: Answer | None = None) -> None:
        """Answer a request that is held, with an echo unless another answer is given."""
        self.http._loop.call_soon_threadsafe(held.answer, answer or echo(held.request))

    def in_loop(self, call: Callable[[], Any]) -> None:
        """Run something in the server's event loop, after all that waits there."""
        done = threading.Event()
        self.http._loop.call_soon_threadsafe(lambda: (call(), done.set()))
        assert done.wait(PATIENCE_S)

    def assert_all_given_back(self) -> None:
        """Every connection ends, and no body is kept."""
        assert eventually(lambda: self.http.open_connections == 0)
        assert self.http.body_bytes == 0


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until something is so."""
    pause = threading.Event()
    for _ in range(PATIENCE_S * 200):
        if condition():
            return True
        pause.wait(0.005)
    return False


@contextlib.contextmanager
def echo_server(host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None, **limits: Any) -> Iterator[EchoServer]:
    handler = EchoHandler()
    server = HttpServer(handler, listening_socket(host, 0), limits=HttpLimits(**limits), tls=tls)
    server.start()
    try:
        yield EchoServer(server, handler)
    finally:
        server.stop()


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


@dataclass(frozen=True)
class Received:
    """An answer as a client sees it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answers(received: bytes, *methods: str) -> list[Received]:
    """Take apart the answers in what was received, for requests with these methods (GET where there is none)."""
    found: list[Received] = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        status = int(status_line.split()[1])
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        empty = status < 200 or status in (204, 304) or method == "HEAD"
        size = 0 if empty else int(headers["content-length"])
        assert len(rest) >= size
        found.append(Received(status, headers, rest[:size]))
        received = rest[size:]
    return found


def request_bytes(
    path: str = "/", body: bytes = b"", *, method: str = "POST", close: bool = False, **fields: str
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    lines += ["Connection: close"] if close else []
    return "\r\n".join([*lines, "", ""]).encode() + body
