"""The HTTP server beneath the application: cheroot, with deadlines and JSON for its own errors too."""

import json
import threading
from http import HTTPStatus
from typing import Any

from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest

from edgecls.errors import ServerError
from edgecls.serving.deadlines import Deadlines, Watch

__all__ = ["HttpServer"]

THREADS = 64  # that receive and send; how many compute is up to the application
LISTEN_BACKLOG = (
    1024  # connections waiting to be accepted; with cheroot's 5, 16 clients at once met resets and waits of 1 s
)
IDLE_TIMEOUT_S = 10  # without a single byte
HEADER_TIMEOUT_S = 10.0  # for the whole header of a request
BODY_TIMEOUT_S = 60.0  # for the whole body of a request
SHUTDOWN_TIMEOUT_S = 30  # for requests in flight
MAX_HEADER_BYTES = 32 * 1024


class HttpServer:
    """Serves an application from its own threads.

    Args:
        app: A WSGI application.
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.

    Raises:
        ServerError: The address cannot be listened on.
    """

    def __init__(self, app: Any, *, host: str, port: int) -> None:
        self._server = _Server(app, host, port)
        try:
            self._server.prepare()
        except OSError as error:
            raise ServerError(
                f"cannot listen on {host}:{port}: {error}; choose another --port, or stop what uses this one"
            ) from error
        self._thread = threading.Thread(target=self._server.serve, name="edgecls-accept", daemon=True)

    @property
    def url(self) -> str:
        """Where the server is reached."""
        host, port = self._server.bind_addr[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Begin to accept connections; returns at once."""
        self._server.deadlines.start()
        self._thread.start()

    def stop(self) -> None:
        """Accept no more connections, finish the requests in flight, and return."""
        self._server.stop()
        self._thread.join()
        self._server.deadlines.close()


class _Request(HTTPRequest):
    """A request with deadlines, whose failures have the same JSON shape as the application's."""

    server: "_Server"
    receiving: Watch | None = None

    def parse_request(self) -> None:
        with self.server.deadlines.watch(self.conn.socket, HEADER_TIMEOUT_S):
            super().parse_request()

    def respond(self) -> None:
        with self.server.deadlines.watch(self.conn.socket, BODY_TIMEOUT_S) as self.receiving:
            super().respond()

    def simple_response(self, status: Any, msg: str = "") -> None:
        """Answer what never reaches the application: a malformed request, headers that are too large."""
        code = int(str(status)[:3])
        message = msg or f"the request cannot be served: {str(status)[4:]}"
        kind = HTTPStatus(code).phrase.title().replace(" ", "")
        body = json.dumps({"error": {"type": kind, "message": message}}).encode() + b"\n"
        head = (
            f"{self.server.protocol} {status}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.close_connection = True
        self.conn.wfile.write(head.encode("latin-1") + body)


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request


class _Gateway(wsgi.Gateway_10):
    def get_environ(self) -> Any:
        environ = super().get_environ()  # type: ignore[no-untyped-call]
        environ["edgecls.receiving"] = self.req.receiving
        return environ


class _Server(wsgi.Server):
    version = "edgecls"  # what the Server header says
    max_request_header_size = MAX_HEADER_BYTES
    ConnectionClass = _Connection

    def __init__(self, app: Any, host: str, port: int) -> None:
        super().__init__(
            (host, port),
            app,
            numthreads=THREADS,
            request_queue_size=LISTEN_BACKLOG,
            timeout=IDLE_TIMEOUT_S,
            shutdown_timeout=SHUTDOWN_TIMEOUT_S,
        )
        self.gateway = _Gateway
        self.deadlines = Deadlines()
