"""Calling a WSGI application with a request that is whole."""

import io
import sys
from collections.abc import Callable, Iterable
from typing import Any

from edgecls.serving.http.answer import Answer
from edgecls.serving.http.request import Request
from edgecls.serving.work import WORK_KEY, Work, WorkedAnswer

__all__ = ["call_wsgi"]


def call_wsgi(app: Callable[..., Iterable[bytes]], request: Request, work: Work | None = None) -> Answer:
    """Return the application's answer; what it raises is raised.

    Args:
        app: A WSGI application.
        request: Whole.
        work: Where it notes what it does; None for a record that only the answer has.
    """
    work = work or Work()
    started: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        started[:] = [status, headers]
        return written.append

    environ = _environ(request, work)
    chunks = app(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    environ.clear()  # Bottle has it until the thread's next request, and would keep the body so long
    status, headers = started
    return WorkedAnswer(status, headers, b"".join(written) + body if written else body, work)


def _environ(request: Request, work: Work) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.decoded_path.encode().decode("latin-1"),
        "QUERY_STRING": request.query,
        "REMOTE_ADDR": request.client,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        WORK_KEY: work,
    }
    for name, value in request.headers:
        if name == "transfer-encoding" or "_" in name:
            continue  # the body has been put together; and "a_b" could pass itself off as "a-b"
        key = "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ.pop("HTTP_CONTENT_LENGTH", None)
    return environ
