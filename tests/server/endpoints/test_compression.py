"""Compressed bodies: bounded when they are unpacked, and compressed only where that helps."""

import gzip
import random
import tracemalloc
import zlib

import pytest
from bottle import HTTPResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.server.endpoints.bodies import compress_answer, decompress
from edgecls.server.http.messages import Refusal

ANSWER = b'{"probabilities": [0.25, 0.75]}' * 100


@given(st.binary(max_size=2000))
@settings(deadline=None)
def test_what_was_packed_comes_out(body: bytes) -> None:
    for coding, packed in (("gzip", gzip.compress(body)), ("Deflate ", zlib.compress(body)), ("", body)):
        assert decompress(packed, coding, max_bytes=2000) == body


@pytest.mark.parametrize(
    ("body", "coding", "status", "message"),
    [
        (gzip.compress(bytes(1001), mtime=0), "gzip", 413, "larger than .* when unpacked"),
        (b"plain", "gzip", 400, "not valid gzip"),
        (b"plain", "deflate", 400, "not valid deflate"),
        (gzip.compress(b"whole", mtime=0)[:-3], "gzip", 400, "cut short"),
        (b"", "gzip", 400, "cut short"),
        (zlib.compress(b"whole") + b"more", "deflate", 400, "something follows it"),
        (b"any", "br", 415, "'br' is not supported; use gzip or deflate"),
        (b"any", "gzip, gzip", 415, "not supported"),
    ],
)
def test_what_cannot_or_may_not_be_unpacked_is_refused(body: bytes, coding: str, status: int, message: str) -> None:
    with pytest.raises(Refusal, match=message) as caught:
        decompress(body, coding, max_bytes=1000)
    assert caught.value.status == status


def test_a_bomb_is_never_unpacked() -> None:
    bomb = gzip.compress(bytes(200 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(Refusal):
            decompress(bomb, "gzip", max_bytes=2**20)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("br;q=1, *;q=0.1", "gzip"),
        ("gzip;q=0, *", "deflate"),
        ("", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("br", None),
        ("gzip;q=nonsense", None),
    ],
)
def test_the_coding_is_one_that_the_client_accepts(accepted: str, coding: str | None) -> None:
    answer = compress_answer(HTTPResponse(ANSWER), accepted)

    assert answer.get_header("Content-Encoding") == coding
    assert answer.get_header("Vary") == "Accept-Encoding"
    unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding]
    assert unpack(answer.body) == ANSWER
    assert (len(answer.body) < len(ANSWER) / 10) == (coding is not None)


@pytest.mark.parametrize("body", [b"", b"short" * 10, ANSWER[:1023], random.Random(0).randbytes(2000)])
def test_answers_that_would_gain_nothing_are_sent_as_they_are(body: bytes) -> None:
    answer = compress_answer(HTTPResponse(body), "gzip")

    assert answer.body == body
    assert answer.get_header("Content-Encoding") is None
