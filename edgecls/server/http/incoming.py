"""A request while it arrives."""

import re
import time

import httptools

from edgecls.server.http.limits import HttpLimits
from edgecls.server.http.messages import Refusal, Request

__all__ = ["BodyPace", "Incoming"]

MAX_CHUNK_OVERHEAD = 8  # bytes of transfer encoding for a byte of body, as when a client sends it byte by byte


class Incoming:
    """The pieces of a request, as the parser finds them.

    Attributes:
        request: The request so far; None until its head is whole.
        size: Bytes of the body so far.
        announced: Bytes the body will have; 0 if it comes in chunks.
        chunked: Whether the body comes in chunks.
        expects: Whether the client waits for "100 Continue" before it sends the body.
    """

    def __init__(self) -> None:
        self.request: Request | None = None
        self.size = 0
        self.announced = 0
        self.chunked = False
        self.expects = False
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._head_size = 0
        self._fed = 0
        self._pieces: list[bytes] = []

    def add_url(self, piece: bytes) -> None:
        """Take a piece of the request line's address."""
        self._url += piece
        self._head_size += len(piece)

    def add_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; those after the body are ignored."""
        self._head_size += len(name) + len(value) + 4
        if self.request is None:
            self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")))

    def add_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self._pieces.append(piece)
        self.size += len(piece)

    def fed(self, size: int) -> None:
        """Count `size` parsed bytes, whatever they belong to."""
        self._fed += size

    def excess(self, max_head_bytes: int) -> Refusal | None:
        """Return a refusal if anything but the body is too large."""
        head_arrives = self.request is None
        if self._head_size > max_head_bytes or (head_arrives and self._fed > max_head_bytes):
            kib = max_head_bytes // 1024
            return Refusal(431, "HeadTooLarge", f"request line and header fields are larger than {kib} KiB")
        if not head_arrives and self._fed > 2 * max_head_bytes + (1 + MAX_CHUNK_OVERHEAD) * max(self.size, 1):
            return Refusal(400, "BadRequest", "the body's chunks are almost empty; send larger ones")
        return None

    def end_head(self, *, method: str, version: str, keep_alive: bool, client: str) -> Request:
        """Return the request, still without its body.

        Raises:
            Refusal: Its version, address or header fields cannot be served.
        """
        path, query, authority = _address(self._url)
        self.request = Request(method, path, query, version, self._headers, client, keep_alive=keep_alive)
        hosts = 0
        for name, value in self._headers:
            if name == "host":
                hosts += 1
            elif name == "content-length":
                self.announced = int(value)  # the parser lets one number pass, and no other form
            elif name == "transfer-encoding":
                if value.lower() != "chunked":
                    raise Refusal(501, "NotImplemented", "of transfer encodings only chunked is possible")
                self.chunked = True
                # HTTP/1.0 has no chunks, so another program on the way may see another end than we do (RFC 9112, 6.1).
                self.request.keep_alive = keep_alive and version != "1.0"
            elif name == "expect":
                self.expects = value.lower() == "100-continue" and version == "1.1"
        if version not in ("1.1", "1.0"):
            raise Refusal(505, "VersionNotSupported", f"HTTP/{version} is not supported; use HTTP/1.1")
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            raise Refusal(400, "BadRequest", "an HTTP/1.1 request has exactly one Host field")
        if authority is not None:  # which then counts, whatever the Host field says (RFC 9112, 3.2.2)
            fields = [(name, value) for name, value in self._headers if name != "host"]
            self.request.headers = [*fields, ("host", authority)]
        try:
            self.request.decoded_path  # noqa: B018  # all later steps may rely on it
        except UnicodeDecodeError as error:
            raise Refusal(
                400, "BadRequest", "the path of the request is not valid UTF-8 after percent-decoding; encode it so"
            ) from error
        return self.request

    def body(self) -> bytes:
        """Return the body as far as it has come."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class BodyPace:
    """How fast a body comes from now on: on the whole, and in each window.

    Args:
        limits: How fast it has to.
        size: Bytes of it that are here already.
    """

    def __init__(self, limits: HttpLimits, size: int) -> None:
        self._limits = limits
        self._since_s = time.monotonic()
        self._begin_window(size)

    def until_s(self, size: int) -> float:
        """Return until when it may go on, by time.monotonic().

        Args:
            size: Bytes of the body so far.

        Raises:
            Refusal: It has come too slowly (408).
        """
        limits, now_s = self._limits, time.monotonic()
        end_s = self._since_s + limits.body_s + size / limits.body_bytes_per_s
        if end_s <= now_s:
            raise Refusal(408, "RequestTimeout", "the body of the request took too long to arrive")
        if self._window_end_s <= now_s:
            if size - self._window_size < limits.min_body_bytes_per_s * limits.body_window_s:
                least = f"{limits.min_body_bytes_per_s / 1024:.4g} KiB a second"
                raise Refusal(408, "RequestTimeout", f"the body of the request came too slowly; at least {least} must")
            self._begin_window(size)
        return min(end_s, self._window_end_s)

    def _begin_window(self, size: int) -> None:
        self._window_size = size
        self._window_end_s = time.monotonic() + self._limits.body_window_s


def _address(url: bytes) -> tuple[str, str, str | None]:
    """Return path, query and host with port of an address: "/path?query", "http://host/path?query" or "*"."""
    if not url.startswith(b"/"):
        try:
            parsed = httptools.parse_url(url)
        except httptools.HttpParserInvalidURLError as error:
            raise Refusal(400, "BadRequest", "the address of the request is not valid") from error
        authority = re.match(r"[^:/]*://([^/?#]*)", url.decode("latin-1"))
        path, query = (parsed.path or b"/").decode("latin-1"), (parsed.query or b"").decode("latin-1")
        return path, query, None if authority is None else authority[1]
    path, _, query = url.decode("latin-1").partition("#")[0].partition("?")
    return path, query, None
