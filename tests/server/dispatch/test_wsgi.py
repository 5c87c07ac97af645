"""A whole request, as a WSGI application sees it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from edgecls.server.dispatch.wsgi import WorkedAnswer, call_wsgi
from edgecls.server.http.messages import Request

StartResponse = Callable[..., Callable[[bytes], object]]


def _environ_of(**fields: Any) -> dict[str, Any]:
    """Return what an application gets for a request; the standard's validator looks on."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        seen.update(environ, body=environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    facts = {"method": "GET", "path": "/", "query": "", "version": "1.1", "headers": [], "client": "", **fields}
    call_wsgi(validator(app), Request(**facts))
    return seen


def test_a_request_is_an_environ_by_the_standard() -> None:
    environ = _environ_of(method="POST", path="/a%2Fb", query="c=%20d", client="::1", body=b"body", version="1.0")

    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["PATH_INFO"] == "/a/b"
    assert environ["QUERY_STRING"] == "c=%20d"
    assert environ["REMOTE_ADDR"] == "::1"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert environ["body"] == b"body"


@pytest.mark.parametrize(
    ("path", "text"),
    [("/猫", "/猫"), ("/%E7%8C%AB", "/猫"), ("/a%00b", "/a\0b"), ("/100%", "/100%"), ("/%zz", "/%zz"), ("*", "/*")],
)
def test_a_path_is_decoded_as_the_standard_has_it(path: str, text: str) -> None:
    raw = "".join(char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode()) for char in path)

    assert _environ_of(path=raw)["PATH_INFO"].encode("latin-1").decode() == text


def test_fields_get_the_names_of_the_standard() -> None:
    environ = _environ_of(
        body=b"12345",
        headers=[
            ("content-type", "image/png"),
            ("content-length", "99"),
            ("transfer-encoding", "chunked"),
            ("x-a", "1"),
            ("x-a", "2"),
            ("x_a", "smuggled"),
            ("authorization", "\xe9"),
        ],
    )

    assert environ["CONTENT_TYPE"] == "image/png"
    assert environ["CONTENT_LENGTH"] == "5"
    assert environ["HTTP_X_A"] == "1,2"
    assert environ["HTTP_AUTHORIZATION"] == "\xe9"
    assert not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"} & environ.keys()


def test_the_answer_is_what_the_application_says() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response("201 Created", [("Content-Type", "text/plain"), ("X-A", "1"), ("X-A", "2")])
        return [b"a", b"", b"b"]

    answer = call_wsgi(validator(app), _get())

    assert answer == WorkedAnswer("201 Created", [("Content-Type", "text/plain"), ("X-A", "1"), ("X-A", "2")], b"ab")


def test_a_second_answer_takes_the_place_of_the_first() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        try:
            raise ValueError("a fault after all")
        except ValueError as error:
            start_response("500 Oh", [], (ValueError, error, error.__traceback__))
        return [b"sorry"]

    assert call_wsgi(app, _get()).status == "500 Oh"


def test_what_is_written_comes_before_what_is_returned() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])(b"written ")
        return [b"returned"]

    assert call_wsgi(app, _get()).body == b"written returned"


def test_chunks_are_closed_whatever_happens() -> None:
    closed: list[str] = []

    class Chunks:
        def __init__(self, *, fail: bool) -> None:
            self._fail = fail

        def __iter__(self) -> Iterator[bytes]:
            yield b"a"
            if self._fail:
                raise ZeroDivisionError

        def close(self) -> None:
            closed.append("closed")

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Chunks(fail=environ["PATH_INFO"] == "/fail")

    assert call_wsgi(app, _get()).body == b"a"
    with pytest.raises(ZeroDivisionError):
        call_wsgi(app, Request("GET", "/fail", "", "1.1", [], ""))
    assert closed == ["closed", "closed"]


def _get() -> Request:
    return Request("GET", "/", "", "1.1", [], "")


def test_an_application_that_keeps_the_environ_keeps_no_body() -> None:
    kept: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        kept.append(environ)
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    assert call_wsgi(app, Request("POST", "/", "", "1.1", [], "", body=b"body")).body == b"body"
    assert kept == [{}]
