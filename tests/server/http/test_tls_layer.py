"""TLS over real sockets: what is agreed, what is refused, and what a server that stops owes to its clients."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
from echo_server import PATIENCE_S, EchoServer, answers, echo_server, eventually, read_all, request_bytes
from issued_certificate import IssuedCertificate, issue

from edgecls.server.http.tls import Certificate

LONG_S = 600.0
SHORT_S = 0.01
LAST = request_bytes("/last", method="GET", close=True)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> IssuedCertificate:
    return issue(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def context(issued: IssuedCertificate) -> ssl.SSLContext:
    return Certificate(issued.certificate, issued.key).context


@pytest.fixture
def server(context: ssl.SSLContext) -> Iterator[EchoServer]:
    with echo_server(tls=context) as running:
        yield running
        running.assert_all_given_back()


class HalfClient:
    """A client of TLS that sends its handshake when the test says so."""

    def __init__(self, server: EchoServer, context: ssl.SSLContext) -> None:
        self.network = server.connect()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self.hello = self._outgoing.read()

    def exchange(self, request: bytes) -> bytes:
        """Go on with the handshake, send a request and return all that comes."""
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                break
            self._receive()
        self._tls.write(request)
        self.network.sendall(self._outgoing.read())
        received = b""
        while True:
            try:
                piece = self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._receive()
                continue
            if not piece:
                return received
            received += piece

    def _receive(self) -> None:
        self.network.sendall(self._outgoing.read())
        data = self.network.recv(65536)
        assert data
        self._incoming.write(data)


def _secure(server: EchoServer, issued: IssuedCertificate) -> ssl.SSLSocket:
    return issued.client.wrap_socket(server.connect(), server_hostname="127.0.0.1")


@contextlib.contextmanager
def _stopping(server: EchoServer) -> Iterator[None]:
    """Stop a server; in the block nobody is let in any more."""
    stopping = threading.Thread(target=server.http.stop)
    stopping.start()
    assert eventually(lambda: _is_refused(server))
    yield
    stopping.join(PATIENCE_S)
    assert not stopping.is_alive()
    server.http.stop = lambda: None  # type: ignore[method-assign]


def _is_refused(server: EchoServer) -> bool:
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize(
    "sent",
    [LAST, b"POST / HTTP/1.1\r\n", b"G", b"\r\nGET / HTTP/1.1\r\n\r\n"],
    ids=["whole", "part", "byte", "empty-line"],
)
def test_plain_http_is_told_in_plain_http_to_come_with_https(server: EchoServer, sent: bytes) -> None:
    answer = answers(server.exchange(sent))[0]

    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert "https://" in answer.json["error"]["message"]
    assert server.handler.noted == [("", "400")]


@pytest.mark.parametrize(
    "sent", [bytes(100), b"\x16\x03\x01\x00\x05hello", b"\x80\x2e\x01\x00\x02" + bytes(50), b"\xff" * 9]
)
def test_what_is_neither_is_cut_off_in_silence(
    server: EchoServer, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.suppress(ConnectionResetError):
        assert not server.exchange(sent).startswith(b"HTTP/")
    assert caplog.text == ""


def test_a_body_of_many_records_arrives_and_a_large_answer_goes_back(
    server: EchoServer, issued: IssuedCertificate
) -> None:
    with _secure(server, issued) as client:
        client.sendall(request_bytes("/", bytes(3_000_000)) + request_bytes("/size?5000000", close=True))
        first, second = answers(read_all(client))

    assert first.json["size"] == 3_000_000
    assert len(second.body) == 5_000_000


def test_requests_sent_ahead_are_answered_in_their_order(server: EchoServer, issued: IssuedCertificate) -> None:
    with _secure(server, issued) as client:
        client.sendall(request_bytes("/held") + b"".join(request_bytes(f"/{i}") for i in range(50)) + LAST)
        server.finish(server.handler.wait_for_held())
        paths = [answer.json["path"] for answer in answers(read_all(client))]

    assert paths == ["/held", *(f"/{i}" for i in range(50)), "/last"]


def test_who_sends_on_after_a_refusal_still_gets_to_read_it(server: EchoServer, issued: IssuedCertificate) -> None:
    with _secure(server, issued) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(80):
            client.sendall(bytes(100_000))
        assert answers(read_all(client))[0].status == 413


@pytest.mark.parametrize("part", [0, 1, 50], ids=["nothing", "a-byte", "half"])
def test_a_handshake_that_is_not_finished_is_a_connection(
    server: EchoServer, issued: IssuedCertificate, part: int
) -> None:
    client = HalfClient(server, issued.client)
    client.network.sendall(client.hello[:part])

    assert eventually(lambda: server.http.open_connections == 1)
    client.network.close()


def test_unfinished_handshakes_count_towards_the_limit(context: ssl.SSLContext, issued: IssuedCertificate) -> None:
    with echo_server(tls=context, max_connections=2) as server, contextlib.ExitStack() as clients:
        for _ in range(2):
            client = HalfClient(server, issued.client)
            clients.enter_context(client.network).sendall(client.hello[:50])
        with _secure(server, issued) as client:
            assert answers(read_all(client))[0].status == 503


def test_a_flood_of_unfinished_handshakes_is_cut_off(context: ssl.SSLContext) -> None:
    with echo_server(tls=context, max_connections=1) as server, contextlib.ExitStack() as clients:
        for _ in range(150):
            clients.enter_context(server.connect())
        assert eventually(lambda: server.http.open_connections == 101)


@pytest.mark.parametrize("part", [0, 50], ids=["nothing", "half"])
def test_a_handshake_that_takes_too_long_is_cut_off(
    context: ssl.SSLContext, issued: IssuedCertificate, part: int
) -> None:
    with echo_server(tls=context, head_s=SHORT_S, idle_s=LONG_S) as server:
        client = HalfClient(server, issued.client)
        with client.network:
            client.network.sendall(client.hello[:part])
            with contextlib.suppress(ConnectionResetError):
                assert client.network.recv(10) == b""
        server.assert_all_given_back()


def test_a_handshake_that_has_begun_is_finished_when_the_server_stops(
    server: EchoServer, issued: IssuedCertificate
) -> None:
    client = HalfClient(server, issued.client)
    with client.network:
        client.network.sendall(client.hello[:50])
        assert eventually(lambda: server.http.open_connections == 1)
        with _stopping(server):
            client.network.sendall(client.hello[50:])
            answer = answers(client.exchange(LAST))[0]

    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_a_client_that_takes_its_answer_slowly_gets_all_of_it_when_the_server_stops(
    server: EchoServer, issued: IssuedCertificate
) -> None:
    with _secure(server, issued) as client:
        client.sendall(request_bytes("/size?20000000", close=True))
        assert eventually(lambda: ("/size", "200") in server.handler.noted)
        with _stopping(server):
            received = answers(read_all(client))

    assert len(received[0].body) == 20_000_000


@pytest.mark.parametrize("close", [True, False])
def test_a_client_that_goes_while_it_is_answered_harms_nobody(
    server: EchoServer, issued: IssuedCertificate, close: bool, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        with _secure(server, issued) as gone:
            gone.sendall(request_bytes("/size?3000000", close=close))
            assert gone.recv(10)
        with _secure(server, issued) as leaving:
            leaving.sendall(LAST)
            with contextlib.suppress(OSError):
                leaving.unwrap()
    server.assert_all_given_back()
    assert caplog.text == ""


def test_no_request_is_lost_when_it_stops_under_load(context: ssl.SSLContext, issued: IssuedCertificate) -> None:
    with echo_server(tls=context) as server:
        faults: list[str] = []
        clients = [threading.Thread(target=_ask_on, args=(server, issued, n % 2 == 0, faults)) for n in range(24)]
        for client in clients:
            client.start()
        assert eventually(lambda: len(server.handler.noted) > 200)
        server.http.stop()
        server.http.stop = lambda: None  # type: ignore[method-assign]
        for client in clients:
            client.join(PATIENCE_S)

    assert faults == []


def _ask_on(server: EchoServer, issued: IssuedCertificate, keeps: bool, faults: list[str]) -> None:
    """Ask again and again, on one connection or each time on a new one, until nobody is let in any more."""
    while True:
        try:
            network = server.connect()
        except ConnectionRefusedError:
            return
        try:
            with issued.client.wrap_socket(network, server_hostname="127.0.0.1") as client:
                while _ask(client, keeps=keeps):
                    pass
        except (OSError, IndexError) as error:  # reset, or closed without an answer
            faults.append(repr(error))


def _ask(client: ssl.SSLSocket, *, keeps: bool) -> bool:
    """Ask once; True if the connection goes on."""
    client.sendall(request_bytes("/size?5000", close=not keeps))
    received = client.recv(65536)
    while received and len(received.partition(b"\r\n\r\n")[2]) < 5000:
        received += client.recv(65536)
    return answers(received)[0].headers.get("connection") != "close"


def test_a_connection_that_ends_without_goodbye_is_gone(server: EchoServer, issued: IssuedCertificate) -> None:
    client = _secure(server, issued)
    client.sendall(request_bytes("/held", b"body"))
    held = server.handler.wait_for_held()
    client.shutdown(socket.SHUT_RDWR)
    client.close()

    assert held.dropped.wait(PATIENCE_S)
