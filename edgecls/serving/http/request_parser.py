"""Bytes in, whole requests out."""

import re
import time
from collections import deque
from collections.abc import Callable

import httptools

from edgecls.serving.http.answer import Refusal
from edgecls.serving.http.bodies_budget import BodiesShare
from edgecls.serving.http.incoming import Incoming
from edgecls.serving.http.limits import HttpLimits
from edgecls.serving.http.request import Request

__all__ = ["RequestParser"]

LONGEST_LINE_READ = 4096  # bytes of a request line in which an address may be put right


class RequestParser:
    """Parses what a client sends; each limit is met as soon as it can be.

    Args:
        limits: Bounds.
        budget: The client's memory for bodies. What is taken belongs to the requests in `whole`, and to `incoming`.
        check: Says why a request is refused before its body is read.
        client: Address of the client.

    Attributes:
        whole: Requests that have arrived; the caller takes them out.
        incoming: The request that is arriving; None between two.
    """

    def __init__(
        self, limits: HttpLimits, budget: BodiesShare, check: Callable[[Request], Refusal | None], client: str
    ) -> None:
        self.whole: deque[Request] = deque()
        self.incoming: Incoming | None = None
        self._limits = limits
        self._budget = budget
        self._check = check
        self._client = client
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: memoryview) -> None:
        """Parse what has come.

        Raises:
            Refusal: What is arriving is refused, and nothing after it can be parsed. `whole` has what came before.
        """
        unparsed: memoryview | bytes = data
        before, whole_before = self.incoming, len(self.whole)
        if before is None:
            unparsed = _with_ascii_address(data)
        try:
            while unparsed:
                unparsed = self._feed(unparsed)
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ or error from None
        except httptools.HttpParserError as error:
            raise Refusal(400, "BadRequest", f"this is not a valid HTTP/1.1 request: {error}") from error
        if self.incoming is None:
            return
        if self.incoming is before or len(self.whole) == whole_before:
            self.incoming.fed(len(data))  # all of it; what came with the end of another request is let pass
        if excess := self.incoming.excess(self._limits.max_head_bytes):
            raise excess

    def discard(self) -> None:
        """Give back what the requests hold that have not been taken out, and parse no more."""
        self._budget.give_back(sum(len(request.body) for request in self.whole))
        self.whole.clear()
        self.discard_incoming()
        del self._parser  # it refers to this object, which would outlive its connection

    def discard_incoming(self) -> None:
        """Give back what the request holds that is arriving."""
        if self.incoming is not None:
            self._budget.give_back(self.incoming.size)
        self.incoming = None

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
        """Go on with the body of a request that asks for another protocol, which is not granted.

        Clients that would rather speak HTTP/2 ask for it in this way. The parser takes what follows for the other
        protocol; a new one is told only how the body is framed.
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
        refusal = incoming.excess(self._limits.max_head_bytes) or self._check(request)
        if refusal is not None:
            raise refusal
        if incoming.announced > self._limits.max_body_bytes or not self._budget.has_room(incoming.announced):
            raise self._no_room(incoming.announced)

    def on_body(self, body: bytes) -> None:
        incoming = self._arriving
        size = incoming.size + len(body)
        if size > self._limits.max_body_bytes or not self._budget.take(len(body)):
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
            raise RuntimeError("the parser told of a request before its beginning")
        return self.incoming

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


def _with_ascii_address(data: memoryview) -> memoryview | bytes:
    """Percent-encode a request line that has letters beyond ASCII: curl sends addresses as they were typed."""
    start = bytes(data[:LONGEST_LINE_READ])
    if start.isascii():
        return data
    line = start.partition(b"\r\n")[0]
    if line.isascii():
        return data
    return re.sub(rb"[\x80-\xff]", lambda byte: b"%%%02X" % byte[0][0], line) + data[len(line) :]
