"""Requests over connections that stay open."""

import contextlib
import http.client
import re
import ssl
import time
from collections import deque
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from edgecls.errors import UnreachableError

__all__ = ["Reply", "Transport"]

MIN_WAIT_S = 0.05  # before a request is sent again, even if the server names less


@dataclass(frozen=True)
class Reply:
    """An answer as it came.

    Attributes:
        status: HTTP status code.
        body: Whole.
        retry_after_s: When the server wants to be asked again, in seconds; None if it does not say.
        location: Where the server is instead; None if it is here.
    """

    status: int
    body: bytes
    retry_after_s: float | None
    location: str | None = None


class Transport:
    """Sends requests to one server; may be used from any thread.

    Args:
        url: As in "http://127.0.0.1:8000"; a path in it is put before that of every request.
        headers: Sent along with every request.
        timeout_s: To connect, and between two pieces of an answer.
        tls: For HTTPS; None for the system's certificates.

    Raises:
        UnreachableError: The address is not one of HTTP.
    """

    def __init__(self, url: str, *, headers: dict[str, str], timeout_s: float, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            self._host, self._port = parts.hostname, parts.port
        except ValueError as error:
            raise UnreachableError(f"{url!r} is not an address of a server: {error}") from error
        if parts.scheme not in ("http", "https") or not self._host:
            raise UnreachableError(f"{url!r} is not an address of a server; give one as in http://127.0.0.1:8000")
        if parts.query or parts.fragment or parts.username is not None:
            raise UnreachableError(
                f"{url!r} is not an address of a server: it may have a path, but no query, fragment or user; "
                "an API key is given as api_key"
            )
        self._url = url
        self._prefix = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
        self._headers = headers
        self._timeout_s = timeout_s
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._is_closed = False

    def request(self, method: str, path: str, body: bytes = b"", *, max_wait_s: float) -> Reply:
        """Send a request; again where the server is too busy (503) and says when to come back.

        Args:
            method: As in "POST".
            path: Percent-encoded, with its query.
            body: Sent whole.
            max_wait_s: Longest time to wait for a server that is busy, in seconds.

        Raises:
            UnreachableError: There is no server, or it does not answer in time.
        """
        give_up_s = time.monotonic() + max_wait_s
        while True:
            reply = self._exchange(method, self._prefix + path, body)
            if reply.status != 503 or reply.retry_after_s is None:
                return reply
            wait_s = max(MIN_WAIT_S, reply.retry_after_s)
            if time.monotonic() + wait_s > give_up_s:
                return reply
            time.sleep(wait_s)

    def close(self) -> None:
        """Close the connections that are open: those in use when their answers are there."""
        self._is_closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        with contextlib.suppress(IndexError):  # another thread may close them, too
            while True:
                self._idle.pop().close()

    def _exchange(self, method: str, path: str, body: bytes) -> Reply:
        """Send a request over a connection that is open, or over a new one if the server has closed it meanwhile."""
        try:
            reused = self._idle.pop()
        except IndexError:
            reused = None
        try:
            if reused is not None:
                try:
                    return self._send(reused, method, path, body)
                except ConnectionError:
                    reused.close()
            return self._send(self._connection(), method, path, body)
        except TimeoutError as error:
            raise UnreachableError(f"{self._url} did not answer within {self._timeout_s:g} seconds") from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"cannot reach {self._url}: {error}; is the server running there?") from error

    def _send(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> Reply:
        try:
            with contextlib.suppress(BrokenPipeError):  # it would not take all of it, and may have said why
                connection.request(method, path, body or None, self._headers)
            response = connection.getresponse()
            data = response.read()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        if self._is_closed:
            self._close_idle()
        after = response.getheader("Retry-After", "")
        retry_after_s = float(after) if re.fullmatch("[0-9]{1,6}", after) else None
        location = response.getheader("Location") if 300 <= response.status < 400 else None
        return Reply(response.status, data, retry_after_s, location)

    def _connection(self) -> http.client.HTTPConnection:
        host = self._host or ""
        if self._tls is None:
            return http.client.HTTPConnection(host, self._port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(host, self._port, timeout=self._timeout_s, context=self._tls)
