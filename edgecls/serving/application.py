"""The routes of the server as a WSGI application."""

import contextlib
import traceback
from collections.abc import Callable
from typing import Any

from bottle import Bottle, HTTPError, HTTPResponse, Route, request

from edgecls.serving.http.answer import Refusal
from edgecls.serving.http.request import Request

__all__ = ["Application"]


class Application(Bottle):  # type: ignore[misc]  # published without types
    """A Bottle application whose routes answer with an HTTPResponse, which is sent as it is.

    Bottle on its own copies every response into one that belongs to the thread and finds out what kind it is, which
    takes longer than all the rest it does. Hooks, which work on that copy, are not called.

    What a route needs stands beside it, so that whoever asks beforehand (`computes`, `check`) finds the same route as
    the request will: ``app.route(path, method, callback, computes=True, takes_body=True)``. A route that is switched
    off may say in `off` which refusal a body gets at once, a Refusal.

    Args:
        on_error: Answers for what Bottle refuses (404, 405) and for a route that fails (500).
        refusal_of: Says the same of what Bottle refuses, by error, method and path.
    """

    def __init__(
        self,
        on_error: Callable[[HTTPError], HTTPResponse],
        refusal_of: Callable[[HTTPError, str, str], Refusal] | None = None,
    ) -> None:
        super().__init__()
        self._on_error = on_error
        self._refusal_of = refusal_of or (lambda error, method, path: Refusal(error.status_code, "Refused", path))

    def computes(self, method: str, path: str) -> bool:
        """True for the requests that take a core for a while: they decode images, or run or load a network.

        Args:
            method: As in "POST".
            path: Decoded.
        """
        try:
            return bool(self._route(method, path).config.get("computes", False))
        except HTTPError:
            return False

    def check(self, request: Request) -> Refusal | None:
        """Refuse a body that nobody would read before it arrives; None for all other requests."""
        if not request.has_body:
            return None
        try:
            config = self._route(request.method, request.decoded_path).config
        except HTTPError as error:
            return self._refusal_of(error, request.method, request.decoded_path)
        if config.get("takes_body", False):
            return None
        off: Refusal | None = config.get("off")
        return off or Refusal(
            413, "BodyNotExpected", f"{request.method} takes no body at {request.decoded_path!r}; send none"
        )

    def _route(self, method: str, path: str) -> Route:
        """Return the route that a request takes.

        Raises:
            HTTPError: There is none (404), or none for this method (405).
        """
        route, _ = self.match({"REQUEST_METHOD": method, "PATH_INFO": path})
        return route

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
        request.bind(environ)
        try:
            environ["PATH_INFO"] = _decoded(environ["PATH_INFO"])
            route, arguments = self.match(environ)
            answer = route.call(**arguments)
        except HTTPResponse as raised:
            answer = raised
        except Exception as error:  # noqa: BLE001  # whatever it is, the client is told and the log says why
            environ["wsgi.errors"].write(traceback.format_exc())
            answer = HTTPError(500, exception=error)
        return self._on_error(answer) if isinstance(answer, HTTPError) else answer


def _decoded(path: str) -> str:
    """Return a path as WSGI has it, in Latin-1, as the text that it stands for.

    Raises:
        HTTPError: It is not valid UTF-8 (400).
    """
    try:
        return path.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        raise HTTPError(400, "the path of the request is not valid UTF-8; encode it so") from None


def _whole(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if not body:
        return b""
    with contextlib.closing(body):  # a file of the page, or a part of one in pieces
        return body.read() if hasattr(body, "read") else b"".join(body)
