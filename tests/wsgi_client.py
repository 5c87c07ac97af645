"""The application, called as a plain WSGI application through the standard's validator."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from bottle import Bottle

__all__ = ["Answer", "Client", "wsgi_client"]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)


Client = Callable[..., Answer]
"""Takes method, path, body, `query` and header fields by name."""


def wsgi_client(app: Bottle) -> Client:
    validated = validator(app)

    def call(method: str, path: str, body: bytes = b"", *, query: str = "", **headers: str) -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": query,
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
        }
        setup_testing_defaults(environ)
        environ.pop("HTTP_HOST")
        for name, value in headers.items():
            environ["CONTENT_TYPE" if name == "content_type" else f"HTTP_{name.upper()}"] = value
        started: list[Any] = []
        chunks = validated(environ, lambda status, fields, exc_info=None: started.extend([status, dict(fields)]))
        answered = b"".join(chunks)
        chunks.close()
        return Answer(int(started[0][:3]), started[1], answered)

    return call
