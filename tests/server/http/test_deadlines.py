"""What takes too long is ended, and only that."""

import contextlib

import pytest
from echo_server import answers, echo_server, eventually, read_all, request_bytes

LONG_S = 600.0
SHORT_S = 0.01
ENOUGH_S = 1.0  # for an answer that is not held, on a busy machine


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        (b"POST / HT", "head"),
        (b"POST / HTTP/1.1\r\nHost: test\r\nA: ", "head"),
        (b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nshort", "body"),
        (b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo", "body"),
    ],
)
def test_a_request_that_does_not_arrive_is_refused(sent: bytes, part: str) -> None:
    limits = {"head_s": LONG_S, "body_s": LONG_S, f"{part}_s": SHORT_S}
    with echo_server(**limits) as server:
        answer = answers(server.exchange(sent))[0]

        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert part in answer.json["error"]["message"]
        server.assert_all_given_back()


def test_a_body_that_comes_fast_enough_may_take_longer() -> None:
    with echo_server(body_s=SHORT_S, body_bytes_per_s=1.0) as server:
        head = b"POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 1001\r\n\r\n"
        with server.connect() as client, server.connect() as other:
            client.sendall(head + bytes(1000))
            assert eventually(lambda: server.http.body_bytes == 1000)
            other.sendall(head)
            assert answers(read_all(other))[0].status == 408  # so the deadlines were looked at
            client.sendall(b"x")
            assert answers(read_all(client))[0].status == 200


def test_a_body_that_comes_too_slowly_is_refused_though_there_is_time_left() -> None:
    with echo_server(body_s=LONG_S, body_window_s=SHORT_S, min_body_bytes_per_s=1e6) as server:
        head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100001\r\n\r\n"
        for sent in (head, head + bytes(100), head.replace(b"Content-Length: 100001", b"Transfer-Encoding: chunked")):
            answer = answers(server.exchange(sent))[0]

            assert answer.status == 408
            assert "at least 976.6 KiB a second" in answer.json["error"]["message"]


def test_a_body_that_stalls_after_a_fast_start_is_refused() -> None:
    with echo_server(body_s=LONG_S, body_window_s=SHORT_S, min_body_bytes_per_s=100.0) as server:
        head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1001\r\n\r\n"
        assert answers(server.exchange(head + bytes(1000)))[0].status == 408
        server.assert_all_given_back()


def test_a_connection_without_a_request_is_closed() -> None:
    with echo_server(head_s=LONG_S, idle_s=SHORT_S) as server, server.connect() as client:
        client.sendall(request_bytes("/"))
        assert [answer.status for answer in answers(read_all(client))] == [200]


def test_a_connection_that_never_sends_is_closed() -> None:
    with echo_server(head_s=SHORT_S, idle_s=LONG_S) as server, server.connect() as client:
        assert read_all(client) == b""


def test_an_answer_that_does_not_come_is_a_504_and_its_work_is_dropped() -> None:
    with echo_server(answer_s=ENOUGH_S) as server, server.connect() as client:
        client.sendall(request_bytes("/held", b"body") + request_bytes("/last", close=True))
        held = server.handler.wait_for_held()
        received = answers(read_all(client))

        assert [answer.status for answer in received] == [504, 200]
        assert held.dropped.is_set()
        server.finish(held)
        server.assert_all_given_back()
        assert ("/held", "200") not in server.handler.noted


def test_who_takes_no_answer_is_cut_off() -> None:
    with echo_server(send_s=SHORT_S) as server, server.connect() as client:
        client.sendall(request_bytes("/size?50000000"))
        server.assert_all_given_back()
        with contextlib.suppress(ConnectionError):
            assert len(read_all(client)) < 50_000_000


def test_who_takes_no_last_answer_is_cut_off() -> None:
    with echo_server(send_s=SHORT_S, answer_s=LONG_S) as server, server.connect() as client:
        client.sendall(request_bytes("/size?50000000", close=True))
        server.assert_all_given_back()


def test_who_sends_on_after_a_refusal_is_cut_off() -> None:
    with echo_server(send_s=SHORT_S) as server, server.connect() as client:
        client.sendall(request_bytes("/forbidden"))
        assert answers(read_all(client))[0].status == 403
        server.assert_all_given_back()


def test_waiting_for_its_turn_takes_nothing_off_a_body_s_time() -> None:
    with echo_server(body_s=LONG_S, answer_s=ENOUGH_S) as server, server.connect() as client:
        request = request_bytes("/next", b"body", close=True)
        client.sendall(request_bytes("/held") + request[:-1])
        received = client.recv(65536)
        client.sendall(request[-1:])
        assert [answer.status for answer in answers(received + read_all(client))] == [504, 200]
