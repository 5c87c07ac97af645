"""Listening, limits on connections, TLS, and stopping without losing anything."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from echo_server import PATIENCE_S, EchoHandler, Received, answers, echo_server, eventually, read_all, request_bytes

from edgecls.errors import ServerError
from edgecls.server.http.limits import HttpLimits
from edgecls.server.http.server import HttpServer, listening_socket

LAST = request_bytes("/last", method="GET", close=True)


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_ipv6_is_served_under_an_address_with_brackets() -> None:
    try:
        listening_socket("::1", 0).close()
    except ServerError:
        pytest.skip("this machine has no IPv6")
    with echo_server("::1") as server:
        assert server.http.url.startswith("http://[::1]:")
        assert answers(server.exchange(LAST))[0].status == 200


def test_all_addresses_are_those_of_both_families() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with echo_server("::") as server:
        port = server.address[1]
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), timeout=PATIENCE_S) as client:
                client.sendall(LAST)
                assert answers(read_all(client))[0].status == 200


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, "\0"])
def test_an_address_that_cannot_be_listened_on_is_named(host: str) -> None:
    with pytest.raises(ServerError, match="cannot listen on"):
        listening_socket(host, 0)


def test_connections_above_the_limit_are_told_to_come_back() -> None:
    with echo_server(max_connections=2) as server, contextlib.ExitStack() as clients:
        for _ in range(2):
            client = clients.enter_context(server.connect())
            client.sendall(request_bytes("/"))
            assert client.recv(10)
        refused = answers(server.exchange())[0]
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        clients.close()
        assert eventually(lambda: server.http.open_connections == 0)
        assert answers(server.exchange(LAST))[0].status == 200


def test_a_flood_of_connections_is_cut_off() -> None:
    with echo_server(max_connections=1) as server, contextlib.ExitStack() as clients:
        for _ in range(150):
            clients.enter_context(server.connect())
        assert eventually(lambda: server.http.open_connections == 101)


def test_stopping_answers_what_has_begun_and_ends_the_connection() -> None:
    with echo_server() as server, server.connect() as working, server.connect() as sending, server.connect() as idle:
        working.sendall(request_bytes("/held"))
        held = server.handler.wait_for_held()
        sending.sendall(request_bytes("/slow", b"body")[:-1])
        idle.sendall(request_bytes("/first"))
        assert idle.recv(10)
        assert eventually(lambda: server.http.body_bytes == 3)
        stopping = threading.Thread(target=server.http.stop)
        stopping.start()
        _refused_at_last(server.address)
        sending.sendall(b"y")
        assert answers(read_all(sending))[0].headers["connection"] == "close"
        server.finish(held)
        assert answers(read_all(working))[0].headers["connection"] == "close"
        read_all(idle)
        stopping.join(PATIENCE_S)
        assert not stopping.is_alive()
        server.http.stop = lambda: None  # type: ignore[method-assign]


def _refused_at_last(address: tuple[str, int]) -> None:
    """Connect again and again until nobody listens any more; each connection before that is answered."""
    while True:
        try:
            client = socket.create_connection(address, timeout=PATIENCE_S)
        except ConnectionRefusedError:
            return
        with client:
            client.sendall(LAST)
            assert answers(read_all(client))[0].status == 200


def test_no_request_is_lost_when_it_stops_under_load() -> None:
    handler = EchoHandler()
    server = HttpServer(handler, listening_socket("127.0.0.1", 0))
    server.start()
    with contextlib.ExitStack() as stack:
        load = stack.enter_context(_Load(server.url, clients=8))
        assert eventually(lambda: len(handler.noted) > 200)
        began_s = time.monotonic()
        server.stop()
        assert time.monotonic() - began_s < HttpLimits().drain_s
    assert load.faults == []


def test_stopping_ends_in_time_though_a_request_does_not() -> None:
    with echo_server(drain_s=0.1) as server, server.connect() as client:
        client.sendall(request_bytes("/held"))
        held = server.handler.wait_for_held()
        server.http.stop()
        assert held.dropped.is_set()
        assert read_all(client) == b""
        server.http.stop = lambda: None  # type: ignore[method-assign]


class _Load:
    """Clients that each open one connection after another, until none is accepted."""

    def __init__(self, url: str, *, clients: int) -> None:
        host, port = url.removeprefix("http://").rsplit(":", 1)
        self._address = host, int(port)
        self.faults: list[str] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> "_Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _run(self) -> None:
        while True:
            try:
                client = socket.create_connection(self._address, timeout=PATIENCE_S)
            except ConnectionRefusedError:
                return
            with client:
                try:
                    client.sendall(LAST)
                    if answers(read_all(client))[0].status != 200:
                        self.faults.append("status")
                except (OSError, IndexError) as error:  # reset, or closed without an answer
                    self.faults.append(repr(error))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command to make a certificate")
def test_tls_is_spoken_and_ends_cleanly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", "req", "-x509", *made, *name], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = HttpServer(EchoHandler(), listening_socket("127.0.0.1", 0), tls=context)
    server.start()
    address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    trusting = ssl.create_default_context(cafile=str(certificate))
    try:
        assert server.url.startswith("https://127.0.0.1:")
        with socket.create_connection(address, PATIENCE_S) as plain:
            plain.sendall(LAST)
            assert not read_all(plain).startswith(b"HTTP/1.1 200")
        for sent, statuses in (
            (request_bytes("/", bytes(500_000)) + LAST, [200, 200]),
            (request_bytes("/forbidden"), [403]),
            (request_bytes("/size?3000000", close=True), [200]),
        ):
            with trusting.wrap_socket(
                socket.create_connection(address, PATIENCE_S), server_hostname="127.0.0.1"
            ) as tls:
                tls.sendall(sent)
                received = b""
                while len(done := _whole_answers(received)) < len(statuses):
                    received += tls.recv(65536)
                assert [answer.status for answer in done] == statuses
        idle = trusting.wrap_socket(socket.create_connection(address, PATIENCE_S), server_hostname="127.0.0.1")
    finally:
        server.stop()
    with idle:
        assert idle.recv(10) == b""
    assert server.open_connections == 0
    assert caplog.text == ""


def _whole_answers(received: bytes) -> list[Received]:
    try:
        return [*answers(received)]
    except (AssertionError, KeyError, IndexError, ValueError):
        return []
