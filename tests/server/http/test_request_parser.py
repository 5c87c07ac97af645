"""What is a request and what is not, as a client on the network finds out."""

import itertools
from collections.abc import Iterator
from contextlib import suppress

import pytest
from echo_server import EchoServer, answers, echo_server, eventually, read_all, request_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LAST = b"GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[EchoServer]:
    with echo_server(max_body_bytes=5000, max_head_bytes=4096) as running:
        yield running


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\nHost: test\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: test\nA: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: test\r\nA: b\rc\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: test\r\nA: b\0c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: test\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : test\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\nHost: test\r\n\r\n", 400),
        (b"GET nowhere HTTP/1.1\r\nHost: test\r\n\r\n", 400),
        (b"CONNECT test:443 HTTP/1.1\r\nHost: test\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: test\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\nHost: test\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: test\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: test\r\n" + b"A: b\r\n" * 1000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: test\r\nA: " + b"b" * 300_000, 431),
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(server: EchoServer, sent: bytes, status: int) -> None:
    with server.connect() as client:
        client.sendall(sent)
        received = answers(read_all(client))

    assert [answer.status for answer in received] == [status]
    assert received[0].headers["connection"] == "close"
    assert received[0].json["error"]["message"]


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("method", [b"BREW", b"get", b"GETX", b"GE", b"X-1!", b"SETUP", b"B" * 2000])
def test_a_method_that_is_not_known_is_told_so(server: EchoServer, method: bytes, version: bytes) -> None:
    request = method + b" /a HTTP/" + version + b"\r\nHost: test\r\n\r\n"

    for sent in (
        [request],
        [b"\r\n" + request],
        [request[i : i + 1] for i in range(min(len(request), 40))] + [request[40:]],
    ):
        received = answers(server.exchange(*sent))
        assert [(answer.status, answer.json["error"]["type"]) for answer in received] == [(501, "NotImplemented")]
    first, second = answers(server.exchange(request_bytes("/first", b"body") + request))
    assert (first.status, second.status, second.headers["connection"]) == (200, 501, "close")


def test_a_method_that_is_not_known_in_a_body_says_nothing(server: EchoServer) -> None:
    inside = b"9\r\n\r\nBREW / HTTP/1.1\r\n"

    received = answers(server.exchange(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + inside))

    assert [answer.status for answer in received] == [400]


def test_chunks_in_http_1_0_are_read_and_end_the_connection(server: EchoServer) -> None:
    head = b"POST /old HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.handler.noted.clear()

    received = answers(server.exchange(head + b"4\r\nbody\r\n0\r\n\r\n" + LAST))

    assert [(answer.status, answer.json["size"]) for answer in received] == [(200, 4)]
    assert received[0].headers["connection"] == "close"
    assert server.handler.noted == [("/old", "200")]


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4",
        b"Content-Length: 4\r\nContent-Length: 5",
        b"Content-Length: 4\r\nContent-Length: 4",
        b"Content-Length: 4, 4",
        b"Content-Length: +4",
        b"Content-Length: -1",
        b"Content-Length: 0x4",
        b"Content-Length: 4 4",
        b"Content-Length:",
        b"Content-Length: 99999999999999999999999",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: \x0bchunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: gzip",
    ],
)
def test_a_body_of_doubtful_length_is_refused_and_nothing_behind_it_is_read(server: EchoServer, fields: bytes) -> None:
    hidden = b"4\r\nbody\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: test\r\n\r\n"
    server.handler.noted.clear()

    received = answers(server.exchange(b"POST / HTTP/1.1\r\nHost: test\r\n" + fields + b"\r\n\r\n" + hidden))

    assert len(received) == 1
    assert received[0].status in (400, 501)
    assert "/hidden" not in [path for path, _ in server.handler.noted]


@pytest.mark.parametrize(
    "chunks",
    [
        b"4\nbody\r\n0\r\n\r\n",
        b"4\r\nbodyX0\r\n\r\n",
        b"-4\r\nbody\r\n0\r\n\r\n",
        b"0x4\r\nbody\r\n0\r\n\r\n",
        b"4 \r\nbody\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nbody\r\n0\r\n\r\n",
        b"4;a\nb\r\nbody\r\n0\r\n\r\n",
        b"4\r\nbody\r\n0\r\nbad trailer\r\n\r\n",
    ],
)
def test_chunks_that_are_none_are_refused(server: EchoServer, chunks: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"

    received = answers(server.exchange(head + chunks + LAST))

    assert [answer.status for answer in received] == [400]


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/a?b=c&d#e", "/a", "b=c&d"),
        (b"/a#b?c", "/a", ""),
        (b"/?", "/", ""),
        (b"/a?b?c", "/a", "b?c"),
        (b"//host/path", "//host/path", ""),
        (b"/a%2Fb%00", "/a%2Fb%00", ""),
        (b"http://test/path?query", "/path", "query"),
        (b"http://[::1]:80", "/", ""),
        (b"*", "*", ""),
        ("/猫".encode(), "/%E7%8C%AB", ""),
        ("/é?".encode() + b"\xe9", "/%C3%A9", "%E9"),
    ],
)
def test_every_form_of_an_address_is_understood(server: EchoServer, target: bytes, path: str, query: str) -> None:
    image = bytes(range(256))
    head = b"OPTIONS %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 256\r\n\r\n" % target

    answer = answers(server.exchange(head + image))[0].json

    assert (answer["path"], answer["query"], answer["size"]) == (path, query, 256)


@pytest.mark.parametrize(
    "target", [b"/%FFpredict", b"/%ffpredict", b"/predict/%E7%8C", b"/%C0%AE", b"/%ED%A0%80", b"/\xe9", b"http://a/%FF"]
)
def test_a_path_that_is_no_utf_8_is_refused(server: EchoServer, target: bytes) -> None:
    answer = answers(server.exchange(b"GET %s HTTP/1.1\r\nHost: test\r\n\r\n" % target))[0]

    assert answer.status == 400
    assert "UTF-8" in answer.json["error"]["message"]


@pytest.mark.parametrize("framing", ["length", "chunks", "none"])
def test_another_protocol_that_is_asked_for_is_not_granted_and_harms_nothing(server: EchoServer, framing: str) -> None:
    upgrade = b"POST /up HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    rest = {
        "length": b"Content-Length: 4\r\n\r\nbody",
        "chunks": b"Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
        "none": b"\r\n",
    }[framing]

    for sent in ([(upgrade + rest) * 3 + LAST], [upgrade, *(rest[i : i + 1] for i in range(len(rest))), LAST]):
        *upgraded, last = answers(server.exchange(*sent))
        assert {(answer.json["path"], answer.json["size"]) for answer in upgraded} == {("/up", len(rest) > 2 and 4)}
        assert last.json["path"] == "/last"


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (b"http://other:8000/path?query", "other:8000"),
        (b"HTTP://OTHER", "OTHER"),
        (b"http://[::1]:80", "[::1]:80"),
        (b"http://user@other/", "user@other"),
        (b"/http://other/", "test"),
        (b"/?http://other", "test"),
    ],
)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_the_host_in_an_address_counts_before_the_field(
    server: EchoServer, address: bytes, host: str, version: bytes
) -> None:
    sent = b"GET " + address + b" HTTP/" + version + b"\r\nHost: test\r\nConnection: close\r\n\r\n"

    headers = answers(server.exchange(sent))[0].json["headers"]

    assert [value for name, value in headers if name == "host"] == [host]


def test_fields_arrive_as_they_were_sent(server: EchoServer) -> None:
    sent = b"GET / HTTP/1.1\r\nHOST: test\r\nA:  b c \r\nA: d\r\nE:\r\nF: \xe9\xff\r\nConnection: close\r\n\r\n"

    headers = answers(server.exchange(sent))[0].json["headers"]

    assert headers == [
        ["host", "test"],
        ["a", "b c"],
        ["a", "d"],
        ["e", ""],
        ["f", "\xe9\xff"],
        ["connection", "close"],
    ]


def test_empty_lines_before_a_request_are_passed_over(server: EchoServer) -> None:
    assert answers(server.exchange(b"\r\n\r\n" + LAST))[0].json["path"] == "/last"


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(
            [
                b"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
                b"POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n",
                b"POST /a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"POST /up HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\n",
                b"POST /forbidden HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
                b"HEAD /fault HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                b"3\r\nabc\r\n",
                b"0\r\n\r\n",
                b"0123456789",
                b"Content-Length: 5\r\n",
                b"\r\n",
                "GET /猫 HTTP/1.1\r\nHost: test\r\n".encode(),
            ]
        ),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=PIECES, cuts=st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_split_anywhere_leave_the_server_well(
    server: EchoServer, pieces: list[bytes], cuts: list[int]
) -> None:
    sent = b"".join(pieces)
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    with server.connect() as client, suppress(ConnectionError):
        for begin, end in itertools.pairwise(places):
            client.sendall(sent[begin:end])
        client.shutdown(1)
        read_all(client)

    assert eventually(lambda: server.http.open_connections == 0)
    assert server.http.body_bytes == 0
    assert answers(server.exchange(LAST))[0].json["path"] == "/last"


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies=st.lists(st.binary(max_size=300), min_size=1, max_size=5),
    chunked=st.booleans(),
    cuts=st.lists(st.integers(0, 1500), max_size=6),
)
def test_requests_split_anywhere_come_out_as_they_went_in(
    server: EchoServer, bodies: list[bytes], chunked: bool, cuts: list[int]
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
    if chunked:
        sent = b"".join(head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n" for body in bodies)
    else:
        sent = b"".join(request_bytes("/", body) for body in bodies)
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]

    received = server.exchange(*(sent[b:e] for b, e in itertools.pairwise(places)), LAST)

    assert [answer.json["size"] for answer in answers(received)] == [*map(len, bodies), 0]
