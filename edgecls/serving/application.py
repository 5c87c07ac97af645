"""The routes of the server as a WSGI application."""

import contextlib
import traceback
from collections.abc import Callable
from typing import Any

from bottle import Bottle, HTTPError, HTTPResponse, request

__all__ = ["Application"]


class Application(Bottle):  # type: ignore[misc]  # published without types
    """A Bottle application whose routes answer with an HTTPResponse, which is sent as it is.

    Bottle on its own copies every response into one that belongs to the thread and finds out what kind it is, which
    takes longer than all the rest it does. Hooks, which work on that copy, are not called.

    Args:
        on_error: Answers for what Bottle refuses (404, 405) and for a route that fails (500).
    """

    def __init__(self, on_error: Callable[[HTTPError], HTTPResponse]) -> None:
        super().__init__()
        self._on_error = on_error

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        """Answer a request, by the WSGI standard."""
        answer = self._answer(environ)
        body = _whole(answer.body)
        headers = [*answer.headerlist]
        if answer.status_code not in (204, 304) and "Content-Length" not in answer.headers:  # of files it is known
            headers.append(("Content-Length", str(len(body))))
        start_response(answer.status_line, headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _answer(self, environ: dict[str, Any]) -> HTTPResponse:
        environ["PATH_INFO"] = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "ignore")
        request.bind(environ)
        try:
            route, arguments = self.match(environ)
            answer = route.call(**arguments)
        except HTTPResponse as raised:
            answer = raised
        except Exception as error:  # noqa: BLE001  # whatever it is, the client is told and the log says why
            environ["wsgi.errors"].write(traceback.format_exc())
            answer = HTTPError(500, exception=error)
        return self._on_error(answer) if isinstance(answer, HTTPError) else answer


def _whole(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if not body:
        return b""
    with contextlib.closing(body):  # a file of the page, or a part of one in pieces
        return body.read() if hasattr(body, "read") else b"".join(body)
