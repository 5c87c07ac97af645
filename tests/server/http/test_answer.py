"""The bytes of an answer."""

import json

import pytest

from edgecls.server.http.messages import Answer, Refusal, Request, refusal_answer


def _encode(answer: Answer, *, method: str = "GET", version: str = "1.1", close: bool = False) -> bytes:
    return answer.encode(Request(method, "/", "", version, [], ""), close=close, now_s=0.0)


def test_length_date_and_server_are_ours() -> None:
    headers = [("Content-Length", "9"), ("DATE", "x"), ("Server", "x"), ("Connection", "x"), ("Transfer-Encoding", "x")]

    assert _encode(Answer("200 OK", [*headers, ("A", "b")], b"body"), close=True) == (
        b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 4\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        b"Server: edgecls\r\nConnection: close\r\n\r\nbody"
    )


@pytest.mark.parametrize("evil", ["b\r\nSet-Cookie: c", "b\nc", "b\rc", "b\0c", "\r\n\r\n<script>"])
@pytest.mark.parametrize("place", ["status", "name", "value"])
def test_no_text_begins_a_field_of_its_own(evil: str, place: str) -> None:
    status = f"200 {evil}" if place == "status" else "200 OK"
    field = (evil if place == "name" else "A", evil if place == "value" else "b")

    encoded = _encode(Answer(status, [field], b"body"))

    head, _, body = encoded.partition(b"\r\n\r\n")
    assert body == b"body"
    assert len(head.split(b"\r\n")) == 5
    assert not set(head.replace(b"\r\n", b"")) & set(b"\r\n\0")


def test_text_beyond_latin_1_does_not_break_an_answer() -> None:
    assert b"\r\nA: ? \xe9\r\n" in _encode(Answer("200 OK", [("A", "猫 é")]))


def test_a_refusal_says_its_kind_and_message() -> None:
    answer = refusal_answer(Refusal(503, "Busy", "come back, 猫", **{"Retry-After": "1"}))

    assert answer.status == "503 Service Unavailable"
    assert ("Retry-After", "1") in answer.headers
    assert json.loads(answer.body) == {"error": {"type": "Busy", "message": "come back, 猫"}}
    assert refusal_answer(Refusal(499, "Odd", "odd")).status == "499 Refused"
