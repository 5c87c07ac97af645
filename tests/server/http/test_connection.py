"""One connection: what is sent, split, cut off or held back, and what comes back."""

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest
from echo_server import EchoServer, HeldRequest, answers, echo_server, eventually, read_all, request_bytes

from edgecls.server.http.messages import Answer

LAST = request_bytes("/last", method="GET", close=True)


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with echo_server(max_body_bytes=10_000, max_head_bytes=4096, max_bodies_bytes=25_000) as running:
        yield running
        running.assert_all_given_back()


def test_requests_sent_ahead_are_answered_in_their_order(server: EchoServer) -> None:
    ahead = b"".join(request_bytes(f"/{index}", bytes(index)) for index in range(50))

    received = answers(server.exchange(ahead + LAST))

    assert [answer.json["path"] for answer in received] == [*(f"/{index}" for index in range(50)), "/last"]
    assert [answer.json["size"] for answer in received] == [*range(50), 0]


def test_a_request_behind_one_in_work_waits_its_turn(server: EchoServer) -> None:
    with server.connect() as client:
        client.sendall(request_bytes("/held") + request_bytes("/held") + LAST)
        first = server.handler.wait_for_held()
        assert len(server.handler.held) == 1
        server.finish(first)
        server.finish(server.handler.wait_for_held())
        assert [answer.json["path"] for answer in answers(read_all(client))] == ["/held", "/held", "/last"]


def test_a_refusal_waits_for_the_answers_before_it(server: EchoServer) -> None:
    with server.connect() as client:
        client.sendall(request_bytes("/held") + b"nonsense\r\n\r\n")
        server.finish(server.handler.wait_for_held())
        assert [answer.status for answer in answers(read_all(client))] == [200, 400]


def test_nothing_behind_a_refusal_is_worked_on(server: EchoServer) -> None:
    received = server.exchange(request_bytes("/good") + request_bytes("/forbidden", b"body") + request_bytes("/after"))

    assert [answer.status for answer in answers(received)] == [200, 403]
    assert server.handler.noted == [("/good", "200"), ("/forbidden", "403")]


def test_nothing_behind_a_request_that_closes_is_worked_on(server: EchoServer) -> None:
    received = server.exchange(LAST + request_bytes("/after"))

    assert [answer.json["path"] for answer in answers(received)] == ["/last"]
    assert server.handler.noted == [("/last", "200")]


def test_too_many_requests_ahead_of_their_answers_are_refused() -> None:
    with echo_server(max_pipelined=3) as server:
        received = answers(server.exchange(request_bytes("/") * 5))

        assert [answer.status for answer in received] == [200, 200, 200, 200, 400]
        server.assert_all_given_back()


def test_bodies_ahead_of_their_turn_stay_in_the_network(server: EchoServer) -> None:
    with server.connect() as client:
        client.sendall(request_bytes("/held"))
        held = server.handler.wait_for_held()
        client.sendall(request_bytes("/next", bytes(9000)))
        assert eventually(lambda: server.http.body_bytes == 9000)
        client.sendall(request_bytes("/then", bytes(9000)) + LAST)
        server.in_loop(lambda: None)
        assert server.http.body_bytes == 9000
        server.finish(held)
        assert [answer.json["size"] for answer in answers(read_all(client))] == [0, 9000, 9000, 0]


@pytest.mark.parametrize("size", [0, 1, 9999, 10_000])
def test_a_body_arrives_byte_for_byte(server: EchoServer, size: int) -> None:
    body = bytes(index * 7 % 256 for index in range(size))

    answer = answers(server.exchange(request_bytes("/", body, close=True)))[0]

    assert answer.json == {**answer.json, "size": size}


def test_a_request_may_come_byte_by_byte(server: EchoServer) -> None:
    request = request_bytes("/a?b=c", b"body", close=True)

    answer = answers(server.exchange(*(request[index : index + 1] for index in range(len(request)))))[0]

    assert (answer.json["path"], answer.json["query"], answer.json["size"]) == ("/a", "b=c", 4)


def test_chunks_with_extensions_and_trailers_make_a_body(server: EchoServer) -> None:
    head = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n"
    chunks = b'4;name="value";other\r\nbody\r\n00002;x\r\n, \r\n4\r\nmore\r\n0;end\r\nSum: 1\r\nHost: trailer\r\n\r\n'

    first, last = answers(server.exchange(head + chunks + LAST))

    assert first.json["size"] == len(b"body, more")
    assert ["sum", "1"] not in first.json["headers"]
    assert last.json["path"] == "/last"


def test_all_but_empty_chunks_are_refused(server: EchoServer) -> None:
    head = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
    with server.connect() as client:
        client.sendall(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                client.sendall((b"1;" + b"x" * 200 + b"\r\nb\r\n") * 5)
        assert answers(read_all(client))[0].status == 400


def test_endless_trailers_are_refused(server: EchoServer) -> None:
    head = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n"

    assert answers(server.exchange(head + b"A: b\r\n" * 2000))[0].status == 431


def test_head_is_answered_with_the_length_and_without_the_body(server: EchoServer) -> None:
    server.handler.answers["/page"] = Answer("200 OK", [("Content-Length", "11")], b"")

    first, last = answers(server.exchange(request_bytes("/page", method="HEAD") + LAST), "HEAD", "GET")

    assert first.headers["content-length"] == "11"
    assert last.json["path"] == "/last"


def test_a_refusal_of_head_has_no_body(server: EchoServer) -> None:
    received = server.exchange(request_bytes("/forbidden", method="HEAD"))

    assert received.startswith(b"HTTP/1.1 403 ")
    assert received.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_that_never_have_a_body_have_no_length(server: EchoServer, status: str) -> None:
    server.handler.answers["/none"] = Answer(status)

    first, last = answers(server.exchange(request_bytes("/none", method="GET") + LAST))

    assert "content-length" not in first.headers
    assert last.status == 200


def test_http_1_0_is_kept_alive_if_it_asks_for_it(server: EchoServer) -> None:
    kept = b"GET /kept HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    first, last = answers(server.exchange(kept + b"GET /last HTTP/1.0\r\n\r\n"))

    assert first.headers["connection"] == "keep-alive"
    assert last.headers["connection"] == "close"


def test_continue_is_said_to_who_waits_for_it(server: EchoServer) -> None:
    head, body = request_bytes("/", b"body", close=True, Expect="100-Continue").split(b"\r\n\r\n")
    with server.connect() as client:
        client.sendall(head + b"\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert answers(read_all(client))[0].json["size"] == 4


def test_continue_is_said_only_when_it_is_its_turn(server: EchoServer) -> None:
    head, body = request_bytes("/", b"body", close=True, Expect="100-continue").split(b"\r\n\r\n")
    with server.connect() as client:
        client.sendall(request_bytes("/held") + head + b"\r\n\r\n")
        server.finish(server.handler.wait_for_held())
        received = b""
        while not received.endswith(b"100 Continue\r\n\r\n"):
            received += client.recv(65536)
        client.sendall(body)
        assert [answer.status for answer in answers(received + read_all(client))] == [200, 100, 200]


def test_continue_is_not_said_before_a_refusal(server: EchoServer) -> None:
    head = request_bytes("/forbidden", b"body", Expect="100-continue").split(b"\r\n\r\n")[0]

    assert server.exchange(head + b"\r\n\r\n").startswith(b"HTTP/1.1 403 ")


def test_continue_is_not_said_to_who_has_sent_the_body(server: EchoServer) -> None:
    received = server.exchange(request_bytes("/", b"body", close=True, Expect="100-continue"))

    assert received.startswith(b"HTTP/1.1 200 ")


def test_a_body_above_the_limit_is_refused_before_it_is_sent(server: EchoServer) -> None:
    answer = answers(server.exchange(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10001\r\n\r\n"))[0]

    assert (answer.status, answer.headers["connection"]) == (413, "close")


def test_who_sends_on_regardless_still_gets_to_read_the_refusal(server: EchoServer) -> None:
    with server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 8000000\r\n\r\n")
        for _ in range(80):
            client.sendall(bytes(100_000))
        assert answers(read_all(client))[0].status == 413


def test_chunks_above_the_limit_are_refused(server: EchoServer) -> None:
    chunk = b"fa0\r\n" + bytes(4000) + b"\r\n"
    head = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert answers(server.exchange(head + 3 * chunk))[0].status == 413


def test_who_announces_much_and_sends_nothing_takes_no_room(server: EchoServer) -> None:
    head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10000\r\n\r\n"
    with contextlib.ExitStack() as clients:
        for _ in range(20):
            clients.enter_context(server.connect()).sendall(head)
        assert answers(server.exchange(request_bytes("/", bytes(9000), close=True)))[0].status == 200


def test_bodies_above_what_all_may_take_are_told_to_come_back(server: EchoServer) -> None:
    with contextlib.ExitStack() as clients:
        held = []
        for source in ("127.0.0.2", "127.0.0.3"):
            clients.enter_context(server.connect(source)).sendall(request_bytes("/held", bytes(8000)))
            held.append(server.handler.wait_for_held())
        answer = answers(server.exchange(request_bytes("/", bytes(10_000))))[0]
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        for request in held:
            server.finish(request)
        assert eventually(lambda: server.http.body_bytes == 0)
        assert answers(server.exchange(request_bytes("/", bytes(10_000), close=True)))[0].status == 200


def test_room_that_runs_out_on_the_way_is_told(server: EchoServer) -> None:
    with contextlib.ExitStack() as clients:
        slow = clients.enter_context(server.connect())
        slow.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10000\r\n\r\n" + bytes(4000))
        assert eventually(lambda: server.http.body_bytes == 4000)
        for source in ("127.0.0.2", "127.0.0.3"):
            clients.enter_context(server.connect(source)).sendall(request_bytes("/held", bytes(7000)))
            server.handler.wait_for_held()
        slow.sendall(bytes(6000))
        assert answers(read_all(slow))[0].status == 503
        assert server.http.body_bytes == 14_000


def test_one_client_address_leaves_room_for_others(server: EchoServer) -> None:
    with contextlib.ExitStack() as clients:
        for _ in range(3):
            clients.enter_context(server.connect("127.0.0.2")).sendall(request_bytes("/held", bytes(4000)))
            server.handler.wait_for_held()
        with server.connect("127.0.0.2") as fourth:
            fourth.sendall(request_bytes("/held", bytes(4000)))
            assert answers(read_all(fourth))[0].status == 503
        assert answers(server.exchange(request_bytes("/", bytes(4000), close=True)))[0].status == 200


@pytest.mark.parametrize("path", ["/fault", "/checkfault"])
def test_a_fault_of_the_handler_is_told_without_its_details(
    server: EchoServer, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = answers(server.exchange(request_bytes(path, b"body", close=True)))[0]

    assert (answer.status, answer.json["error"]["type"]) == (500, "InternalError")
    assert b"detail" not in answer.body
    assert "ZeroDivisionError: a detail" in caplog.text


def test_a_fault_in_taking_note_spares_the_client(
    server: EchoServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server.handler, "answered", None)

    assert len(answers(server.exchange(request_bytes("/") + LAST))) == 2
    assert "recording an answer failed" in caplog.text


def test_work_for_a_client_that_is_gone_is_dropped(server: EchoServer) -> None:
    with server.connect() as client:
        client.sendall(request_bytes("/held", b"body"))
        held = server.handler.wait_for_held()

    assert held.dropped.wait(20)
    server.assert_all_given_back()
    server.finish(held)
    server.in_loop(lambda: None)
    assert server.handler.noted == []


def test_a_client_that_resets_the_connection_is_gone(server: EchoServer, caplog: pytest.LogCaptureFixture) -> None:
    with server.connect() as client:
        client.sendall(request_bytes("/held"))
        held = server.handler.wait_for_held()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert held.dropped.wait(20)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: te",
        b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nshort",
        b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo",
    ],
    ids=["head", "body", "chunk"],
)
def test_a_request_that_is_cut_short_is_told_so(server: EchoServer, sent: bytes) -> None:
    with server.connect() as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert answers(read_all(client))[0].status == 400


def test_a_client_that_says_nothing_and_goes_gets_nothing(server: EchoServer) -> None:
    with server.connect() as client:
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b""


def test_an_answer_is_taken_in_the_client_s_own_time(server: EchoServer) -> None:
    with server.connect() as client:
        client.sendall(request_bytes("/size?20000000") + LAST)
        big, last = answers(read_all(client))
        assert len(big.body) == 20_000_000
        assert last.json["path"] == "/last"


def test_who_takes_no_answers_gets_no_more_worked_on(server: EchoServer) -> None:
    with server.connect() as client:
        client.sendall(request_bytes("/size?20000000") + request_bytes("/after"))
        assert eventually(lambda: ("/size", "200") in server.handler.noted)
        server.in_loop(lambda: None)
        assert ("/after", "200") not in server.handler.noted


def _held(server: EchoServer, client: socket.socket, version: str = "1.1") -> HeldRequest:
    client.sendall(request_bytes("/held", method="GET").replace(b"HTTP/1.1", b"HTTP/" + version.encode()))
    return server.handler.wait_for_held()


def test_an_answer_in_pieces_is_sent_as_they_are_made_and_the_next_request_waits(server: EchoServer) -> None:
    pieces = [b"first,", b"", b"x" * 300_000, b",last"]
    with server.connect() as client:
        held = _held(server, client)
        client.sendall(LAST)
        server.finish(held, Answer("200 OK", pieces=iter(pieces)))
        received = read_all(client)

    head, _, rest = received.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            break
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    assert body == b"".join(pieces)
    assert [answer.json["path"] for answer in answers(rest.removeprefix(b"\r\n"))] == ["/last"]


def test_an_old_client_gets_the_pieces_until_the_connection_ends(server: EchoServer) -> None:
    with server.connect() as client:
        server.finish(_held(server, client, "1.0"), Answer("200 OK", pieces=iter([b"one", b"two"])))
        received = read_all(client)

    assert received.endswith(b"\r\n\r\nonetwo")
    assert b"chunked" not in received


def test_no_more_pieces_are_made_than_the_client_takes(server: EchoServer) -> None:
    made = []

    def pieces() -> Iterator[bytes]:
        for number in range(1000):
            made.append(number)
            yield bytes(1 << 20)

    with server.connect() as client:
        server.finish(_held(server, client), Answer("200 OK", pieces=pieces()))
        assert client.recv(10)
        assert eventually(lambda: len(made) >= 2)
        assert len(made) < 100  # what the system's buffers hold


def test_an_answer_that_cannot_be_finished_is_cut_off_visibly(server: EchoServer) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise OSError("the disk is gone")

    with server.connect() as client:
        server.finish(_held(server, client), Answer("200 OK", pieces=pieces()))
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(1000):
                received += piece
        assert b"one" in received
        assert not received.endswith(b"0\r\n\r\n")
