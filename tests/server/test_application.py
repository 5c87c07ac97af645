"""The routes as a WSGI application, seen by the standard's validator."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from bottle import HTTPResponse, request, static_file
from sent_requests import sent

from edgecls.server.app import Application
from edgecls.server.http.messages import Refusal


@pytest.fixture
def app(tmp_path: Path) -> Application:
    (tmp_path / "page.txt").write_text("the page")
    app = Application(lambda error: HTTPResponse(b"refused", error.status_code, **dict(error.headers)))
    app.route("/bytes", "GET", lambda: HTTPResponse(b"bytes", 201, Content_Type="text/plain"))
    app.route("/empty", "GET", lambda: HTTPResponse("", 204))
    app.route("/file", "GET", lambda: static_file("page.txt", root=str(tmp_path)))
    app.route("/gone", "GET", lambda: static_file("gone.txt", root=str(tmp_path)))
    app.route("/raised", "GET", lambda: _raise(HTTPResponse(b"raised", 202, Content_Type="text/plain")))
    app.route("/fault", "GET", lambda: _raise(ZeroDivisionError("a detail")))
    app.route("/name/<name>", "GET", lambda name: HTTPResponse(f"{name} {request.path}".encode(), Content_Type="a/b"))
    app.route("/work/<name:path>", ["GET", "POST"], lambda name: HTTPResponse(b""), computes=True, takes_body=True)
    app.route("/off", "POST", lambda: HTTPResponse(b""), off=Refusal(404, "NotFound", "this is off"))
    return app


def _raise(error: Exception) -> Iterator[bytes]:
    raise error


def _call(app: Application, path: str, *, method: str = "GET", **fields: str) -> tuple[str, dict[str, str], bytes, str]:
    errors = io.StringIO()
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path.encode().decode("latin-1")}
    environ |= {"wsgi.errors": errors, "QUERY_STRING": "", "SCRIPT_NAME": "", **fields}
    setup_testing_defaults(environ)
    started: list[Any] = []
    checked = app if path == "/fault" else validator(app)  # whose stream for errors takes no more than needed
    chunks = checked(environ, lambda status, headers, exc_info=None: started.extend([status, dict(headers)]))
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    return started[0], started[1], body, errors.getvalue()


def test_a_part_of_a_file_is_sent(app: Application) -> None:
    answered, headers, content, _ = _call(app, "/file", HTTP_RANGE="bytes=4-7")

    assert (answered, content, headers["Content-Length"]) == ("206 Partial Content", b"page", "4")


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/bytes", "201 Created", b"bytes"),
        ("/file", "200 OK", b"the page"),
        ("/raised", "202 Accepted", b"raised"),
        ("/name/猫", "200 OK", "猫 /name/猫".encode()),
    ],
)
def test_what_a_route_answers_is_sent_as_it_is(app: Application, path: str, status: str, body: bytes) -> None:
    answered, headers, content, _ = _call(app, path)

    assert (answered, content) == (status, body)
    assert headers["Content-Length"] == str(len(body))


def test_head_gets_the_length_and_no_body(app: Application) -> None:
    assert _call(app, "/file", method="HEAD")[1]["Content-Length"] == "8"
    assert _call(app, "/bytes", method="HEAD")[1]["Content-Length"] == "5"
    assert _call(app, "/bytes", method="HEAD")[2] == b""


def test_an_answer_without_a_body_has_no_length(app: Application) -> None:
    status, headers, body, _ = _call(app, "/empty")

    assert (status, body) == ("204 No Content", b"")
    assert "Content-Length" not in headers


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/nothing", "GET", "404 Not Found"),
        ("/gone", "GET", "404 Not Found"),
        ("/bytes", "POST", "405 Method Not Allowed"),
    ],
)
def test_what_bottle_refuses_is_answered_in_our_way(app: Application, path: str, method: str, status: str) -> None:
    answered, headers, body, _ = _call(app, path, method=method)

    assert (answered, body) == (status, b"refused")
    assert headers.get("Allow") == ("GET" if method == "POST" else None)


def test_a_fault_is_logged_and_told_without_its_details(app: Application) -> None:
    status, _, body, log = _call(app, "/fault")

    assert (status, body) == ("500 Internal Server Error", b"refused")
    assert "ZeroDivisionError: a detail" in log


@pytest.mark.parametrize(
    ("method", "path", "computes"),
    [
        ("GET", "/work/a", True),
        ("HEAD", "/work/a", True),
        ("HEAD", "/work/a/猫 \n", True),
        ("POST", "/work/a", True),
        ("PUT", "/work/a", False),
        ("OPTIONS", "/work/a", False),
        ("GET", "/work/", False),
        ("GET", "//work/a", False),
        ("GET", "/bytes", False),
        ("GET", "/nothing", False),
        ("OPTIONS", "/*", False),
    ],
)
def test_the_route_that_a_request_takes_says_whether_it_computes(
    app: Application, method: str, path: str, computes: bool
) -> None:
    assert app.computes(method, path) is computes


def test_a_path_that_is_no_utf_8_takes_no_route(app: Application) -> None:
    errors = io.StringIO()
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/\xffbytes", "wsgi.errors": errors}
    started: list[str] = []

    app(environ, lambda status, headers, exc_info=None: started.append(status))

    assert started == ["400 Bad Request"]


@pytest.mark.parametrize("framing", [{"Content_Length": "1"}, {"Transfer_Encoding": "chunked"}])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/work/a", None),
        ("GET", "/bytes", 413),
        ("HEAD", "/bytes", 413),
        ("POST", "/bytes", 405),
        ("OPTIONS", "/bytes", 405),
        ("POST", "/nothing", 404),
        ("OPTIONS", "*", 404),
        ("POST", "/off", 404),
    ],
)
def test_a_body_that_no_route_takes_is_refused_before_it_arrives(
    app: Application, method: str, path: str, status: int | None, framing: dict[str, str]
) -> None:
    refusal = app.check(sent(method, path, **framing))

    assert (None if refusal is None else refusal.status) == status


def test_without_a_body_nothing_is_refused_beforehand(app: Application) -> None:
    assert app.check(sent("GET", "/nothing")) is None
    assert app.check(sent("GET", "/nothing", Content_Length="0")) is None
