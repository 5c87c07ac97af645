"""Bytes in, whole requests out."""

import re
import time
from collections import deque
from collections.abc import Callable

import httptools

from edgecls.server.http.incoming import Incoming
from edgecls.server.http.limits import BodiesShare, HttpLimits
from edgecls.server.http.messages import Refusal, Request

__all__ = ["RequestParser"]

LONGEST_LINE_READ = 4096  # bytes of a request line that is waited for, and in which an address may be put right

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
"""Those of HTTP itself (RFC 9110 and 5789)."""


class RequestParser:
    """Parses what a client sends; each limit is enforced as early as possible.

    Args:
        limits: Bounds.
        budget: The client's memory for bodies. What is taken belongs to the requests in `whole`, and to `incoming`.
        check: Says why a request is refused before its body is read.
        client: Address of the client.
        note_origin: Puts into a request what a proxy says about it.

    Attributes:
        whole: Requests that have arrived; the caller takes them out.
        incoming: The request that is arriving; None between two.
    """

    def __init__(
        self,
        limits: HttpLimits,
        budget: BodiesShare,
        check: Callable[[Request], Refusal | None],
        client: str,
        note_origin: Callable[[Request], None] = lambda request: None,
    ) -> None:
        self.whole: deque[Request] = deque()
        self.incoming: Incoming | None = None
        self._limits = limits
        self._budget = budget
        self._check = check
        self._client = client
        self._note_origin = note_origin
        self._line = b""  # the first line of a request, until it is whole
        self._longest_line = min(LONGEST_LINE_READ, limits.max_head_bytes)
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: memoryview) -> None:
        """Parse what has come.

        Raises:
            Refusal: What is arriving is refused, and nothing after it can be parsed. `whole` has what came before.
        """
        before, whole_before = self.incoming, len(self.whole)
        sent = unparsed = self._from_whole_line(data) if before is None or self._line else data
        try:
            while unparsed:
                unparsed = self._feed(unparsed)
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ or error from None
        except httptools.HttpParserError as error:
            if isinstance(error, httptools.HttpParserInvalidMethodError) or "Invalid method" in str(error):
                raise _unknown_method(bytes(sent)) from error
            raise _no_request(error) from error
        if self.incoming is None:
            return
        if self.incoming is before or len(self.whole) == whole_before:
            self.incoming.fed(len(data))  # all of it; what came with the end of another request is let pass
        if excess := self.incoming.excess(self._limits.max_head_bytes):
            raise excess

    def discard(self) -> None:
        """Release what the requests hold that have not been taken out, and stop parsing."""
        for request in self.whole:
            self._share_of(request).give_back(len(request.body))
        self.whole.clear()
        self.discard_incoming()
        del self._parser  # it refers to this object, which would outlive its connection

    def discard_incoming(self) -> None:
        """Release what the arriving request holds."""
        if self.incoming is not None:
            self._share_of(self.incoming.request).give_back(self.incoming.size)
        self.incoming = None

    def _from_whole_line(self, data: memoryview) -> memoryview | bytes:
        """Return what begins a request, once its first line is whole; nothing before that.

        So a method that is not known is told from what is no request at all, and an address with letters beyond ASCII,
        as curl sends it as it was typed, can be percent-encoded.
        """
        start = self._line + bytes(data[:LONGEST_LINE_READ])
        line, ended, _ = start.lstrip(b"\r\n").partition(b"\n")
        if not ended and len(start) < self._longest_line and _BEGINNING.fullmatch(line):
            self._line = start
            self.incoming = self.incoming or Incoming()
            return b""
        if not self._line and line.isascii():
            return data
        begun, self._line = self._line + bytes(data), b""
        if line.isascii():
            return begun
        return begun.replace(line, re.sub(rb"[\x80-\xff]", lambda byte: b"%%%02X" % byte[0][0], line), 1)

    def _feed(self, data: memoryview | bytes) -> memoryview | bytes:
        """Parse up to the end, or to the end of a request with an Upgrade field, and return the rest."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.incoming is not None:
                self._begin_body_again(self.incoming)
            return data[upgrade.args[0] :]
        return b""

    def _begin_body_again(self, incoming: Incoming) -> None:
        """Go on with the body of a request to switch protocols, which is not granted.

        Clients that prefer HTTP/2 ask in this way. The parser takes what follows for the other
        protocol; a new parser learns only how the body is framed.
        """
        framing = b"Transfer-Encoding: chunked" if incoming.chunked else b"Content-Length: %d" % incoming.announced
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%s\r\n\r\n" % framing)

    # What the parser finds. An error in one of these ends the parsing.

    def on_message_begin(self) -> None:
        if self.incoming is None:
            self.incoming = Incoming()

    def on_url(self, url: bytes) -> None:
        self._arriving.add_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._arriving.add_header(name, value)

    def on_headers_complete(self) -> None:
        incoming = self._arriving
        if incoming.request is not None:
            return
        request = incoming.end_head(
            method=self._parser.get_method().decode("latin-1"),
            version=self._parser.get_http_version(),
            keep_alive=self._parser.should_keep_alive(),
            client=self._client,
        )
        self._note_origin(request)
        refusal = incoming.excess(self._limits.max_head_bytes) or self._check(request)
        if refusal is not None:
            raise refusal
        if incoming.announced > self._limits.max_body_bytes or not self._share_of(request).has_room(incoming.announced):
            raise self._no_room(incoming.announced)

    def on_body(self, body: bytes) -> None:
        incoming = self._arriving
        size = incoming.size + len(body)
        if size > self._limits.max_body_bytes or not self._share_of(incoming.request).take(len(body)):
            raise self._no_room(size)
        incoming.add_body(body)

    def on_message_complete(self) -> None:
        incoming = self._arriving
        if incoming.request is None or (self._parser.should_upgrade() and (incoming.chunked or incoming.announced)):
            return  # its body is still to come
        request = incoming.request
        request.body = incoming.body()
        request.whole_s = time.monotonic()
        self.incoming = None
        self.whole.append(request)
        if len(self.whole) > self._limits.max_pipelined:
            raise Refusal(400, "BadRequest", "too many requests were sent ahead of their answers")

    @property
    def _arriving(self) -> Incoming:
        if self.incoming is None:
            raise RuntimeError("the parser reported a request before its beginning")
        return self.incoming

    def _share_of(self, request: Request | None) -> BodiesShare:
        """Return the memory of a request's client, who may be another one with each request of a proxy."""
        if request is None or request.client == self._client:
            return self._budget
        return self._budget.of(request.client)

    def _no_room(self, size: int) -> Refusal:
        largest = self._limits.max_body_bytes
        if size > largest:
            return Refusal(413, "BodyTooLarge", f"the body is larger than {largest / 2**20:.4g} MiB; send less at once")
        return Refusal(
            503,
            "Busy",
            "too many bodies are on their way here, or too many of yours; try again shortly",
            **{"Retry-After": "1"},
        )


_TOKEN = rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_BEGINNING = re.compile(_TOKEN + rb"( [^\r\n]*\r?)?")
_FIRST_LINE = re.compile(rb"(?:\A|\r\n)(" + _TOKEN + rb") [^ \r\n]+ HTTP/1\.[01]\r\n")


def _unknown_method(sent: bytes) -> Refusal:
    """Return how a request is refused whose method the parser does not know, if what was sent is a request at all.

    The parser knows all registered methods; those that no route has are refused with 405, by the application.
    """
    methods = [line[1].decode("latin-1") for line in _FIRST_LINE.finditer(sent)]
    unknown = next((method for method in methods if method not in METHODS), None)
    if unknown is None:
        return _no_request("its method is not valid")
    return Refusal(
        501, "NotImplemented", f"the method {unknown[:40]!r} is not known; GET, HEAD, POST and OPTIONS are served"
    )


def _no_request(error: Exception | str) -> Refusal:
    return Refusal(400, "BadRequest", f"this is not a valid HTTP/1.1 request: {error}")
