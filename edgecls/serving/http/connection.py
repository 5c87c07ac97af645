"""One connection: requests are parsed as their bytes come, and handed on when they are whole."""

import asyncio
import contextlib
import enum
import functools
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from edgecls.serving.http.answer import Answer, Refusal, refusal_answer
from edgecls.serving.http.bodies_budget import BodiesBudget
from edgecls.serving.http.incoming import Incoming
from edgecls.serving.http.limits import HttpLimits
from edgecls.serving.http.request import Request

__all__ = ["Connection", "Handler", "Phase", "Surroundings", "Ticket"]


class Ticket(Protocol):
    """A request that is being worked on."""

    def drop(self) -> None:
        """Its answer is not wanted any more: leave the work out if it has not begun."""


class Handler(Protocol):
    """What answers requests; called in the event loop, so it may not wait for anything."""

    def check(self, request: Request) -> Refusal | None:
        """Say why a request is refused before its body is read; None if it is not."""

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> Ticket | Answer:
        """Begin to work on a whole request, and have `answer` called in the loop later; or answer at once."""

    def answered(self, request: Request, answer: Answer) -> None:
        """Take note of an answer that is being sent."""


class Phase(enum.Enum):
    """What a connection is doing."""

    IDLE = "waiting for a request"
    HEAD = "receiving the head of a request"
    BODY = "receiving its body"
    WORKING = "waiting for its answer"
    LINGERING = "reading on after a refusal, so that the client gets to see it"
    OVER = "closed, or about to be"


class Surroundings:
    """What all connections of a server have in common.

    Attributes:
        handler: What answers requests.
        limits: Bounds.
        budget: Memory for bodies.
        connections: Those that are open.
        closing: Whether every answer ends its connection, as the server stops.
    """

    def __init__(self, handler: Handler, limits: HttpLimits) -> None:
        self.handler = handler
        self.limits = limits
        self.budget = BodiesBudget(limits.max_bodies_bytes)
        self.connections: set[Connection] = set()
        self.closing = False


class Connection(asyncio.Protocol):
    """The server's end of a connection.

    Requests may come ahead of their answers; they are worked on one after the other.

    Attributes:
        phase: What it is doing.
        deadline_s: Until when it may, by time.monotonic().
    """

    def __init__(self, around: Surroundings) -> None:
        self.phase = Phase.IDLE
        self.deadline_s = time.monotonic() + around.limits.head_s
        self._around = around
        self._limits = around.limits
        self._parser = httptools.HttpRequestParser(self)
        self._incoming: Incoming | None = None
        self._whole: deque[Request] = deque()
        self._current: Request | None = None
        self._ticket: Ticket | None = None
        self._refusal: Refusal | None = None

    @property
    def busy(self) -> bool:
        """True from the first byte of a request to the last of its answer."""
        waiting = self.phase is Phase.IDLE or self.phase is Phase.OVER
        return not waiting or self._transport.get_write_buffer_size() > 0

    def close(self) -> None:
        """End the connection once what was written has been sent."""
        self.phase = Phase.OVER
        self._transport.close()

    def expire(self) -> None:
        """Act on a deadline that has passed."""
        if self.phase is Phase.HEAD or self.phase is Phase.BODY:
            part = "head" if self.phase is Phase.HEAD else "body"
            self._refuse(Refusal(408, "RequestTimeout", f"the {part} of the request took too long to arrive"))
        elif self.phase is Phase.WORKING and self._current is not None:
            if self._ticket is not None:
                self._ticket.drop()
            late = Refusal(504, "Timeout", f"there was no answer within {self._limits.answer_s:g} seconds")
            self._finished(self._current, refusal_answer(late, self._current.path))
        elif self.phase is Phase.IDLE and not self._transport.get_write_buffer_size():
            self.close()
        else:
            self._transport.abort()

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._client = str(peer[0]) if isinstance(peer, tuple) else ""
        self._around.connections.add(self)
        if len(self._around.connections) > self._limits.max_connections:
            self._refuse(Refusal(503, "Busy", "too many connections are open; try again shortly", **_RETRY))

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self.phase is Phase.OVER:
            return
        if self._incoming is not None:
            self._incoming.fed(len(data))
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # the request is answered as any other, and ends the connection
        except httptools.HttpParserError as error:
            self._refuse(Refusal(400, "BadRequest", f"this is not a valid HTTP/1.1 request: {error}"))
        if self._incoming is not None and (excess := self._incoming.excess(self._limits.max_head_bytes)):
            self._refuse(excess)

    def eof_received(self) -> None:
        if self._incoming is not None and self._current is None:
            self._refuse(Refusal(400, "BadRequest", "the request ended before its announced length; send it again"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = Phase.OVER
        if self._ticket is not None:
            self._ticket.drop()
        held = [*self._whole] if self._current is None else [self._current, *self._whole]
        self._around.budget.give_back(sum(len(request.body) for request in held))
        self._forget_incoming()
        self._whole.clear()
        self._current = self._ticket = None
        self._around.connections.discard(self)

    # What the parser finds.

    def on_message_begin(self) -> None:
        self._incoming = Incoming()
        if self.phase is Phase.IDLE:
            self._enter(Phase.HEAD, self._limits.head_s)

    def on_url(self, url: bytes) -> None:
        if self._incoming is not None:
            self._incoming.add_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._incoming is not None:
            self._incoming.add_header(name, value)

    def on_headers_complete(self) -> None:
        incoming = self._incoming
        if incoming is None:
            return
        try:
            request = incoming.end_head(
                method=self._parser.get_method().decode("latin-1"),
                version=self._parser.get_http_version(),
                client=self._client,
            )
            refusal = incoming.excess(self._limits.max_head_bytes) or self._around.handler.check(request)
            if refusal is not None:
                raise refusal
            announced = request.header("content-length")
            if announced:
                self._reserve(incoming, int(announced) if re.fullmatch("[0-9]{1,18}", announced) else 10**18)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if self._current is None:
            self._enter(Phase.BODY, self._limits.body_s)
            if request.header("expect").lower() == "100-continue":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        incoming = self._incoming
        if incoming is None:
            return
        incoming.add_body(body)
        if incoming.size > incoming.reserved:
            with contextlib.suppress(Refusal):
                self._reserve(incoming, incoming.size)
                return
            self._refuse(self._no_room(incoming.size))

    def on_message_complete(self) -> None:
        incoming, self._incoming = self._incoming, None
        if incoming is None or incoming.request is None:
            return
        request = incoming.request
        request.body = incoming.body()
        request.keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._whole.append(request)
        if self._current is None:
            self._next()
        elif len(self._whole) > self._limits.max_pipelined:
            self._refuse(Refusal(400, "BadRequest", "too many requests were sent ahead of their answers"))

    # What follows from it.

    def _enter(self, phase: Phase, seconds: float) -> None:
        self.phase = phase
        self.deadline_s = time.monotonic() + seconds

    def _reserve(self, incoming: Incoming, size: int) -> None:
        """Make room for a body of `size` bytes.

        Raises:
            Refusal: It is too large, or there is no room now.
        """
        if size > self._limits.max_body_bytes or not self._around.budget.take(size - incoming.reserved):
            raise self._no_room(size)
        incoming.reserved = size

    def _no_room(self, size: int) -> Refusal:
        largest = self._limits.max_body_bytes
        if size > largest:
            return Refusal(413, "BodyTooLarge", f"the body is larger than {largest / 2**20:.4g} MiB; send less at once")
        return Refusal(503, "Busy", "too many bodies are on their way here; try again shortly", **_RETRY)

    def _next(self) -> None:
        """Work on the requests that are whole, in turn."""
        while self._whole and self.phase is not Phase.OVER:
            request = self._current = self._whole.popleft()
            self._enter(Phase.WORKING, self._limits.answer_s)
            outcome = self._around.handler.handle(request, functools.partial(self._finished, request))
            if not isinstance(outcome, Answer):
                self._ticket = outcome
                return
            self._send(request, outcome)
        if self.phase is Phase.OVER:
            return
        if self._refusal is not None:
            self._send_refusal(self._refusal)
        elif self._incoming is None:
            unsent = self._transport.get_write_buffer_size() > 0
            self._enter(Phase.IDLE, self._limits.send_s if unsent else self._limits.idle_s)
        elif self._incoming.request is None:
            self._enter(Phase.HEAD, self._limits.head_s)
        else:
            self._enter(Phase.BODY, self._limits.body_s)

    def _finished(self, request: Request, answer: Answer) -> None:
        if request is self._current:  # and not too late
            self._send(request, answer)
            self._next()

    def _send(self, request: Request, answer: Answer) -> None:
        close = self._around.closing or not request.keep_alive
        self._transport.write(answer.encode(close=close, with_body=request.method != "HEAD", now_s=time.time()))
        self._around.budget.give_back(len(request.body))
        self._around.handler.answered(request, answer)
        self._current = self._ticket = None
        if close:
            self.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Refuse what is arriving; the requests before it are answered first."""
        if self._refusal is None and self.phase is not Phase.OVER:
            self._refusal = refusal
            if self._current is None:
                self._send_refusal(refusal)

    def _send_refusal(self, refusal: Refusal) -> None:
        request = None if self._incoming is None else self._incoming.request
        request = request or Request("", "", "", "", [], self._client)
        self._forget_incoming()
        answer = refusal_answer(refusal, request.path)
        self._transport.write(answer.encode(close=True, with_body=request.method != "HEAD", now_s=time.time()))
        self._around.handler.answered(request, answer)
        self._enter(Phase.LINGERING, self._limits.send_s)
        if self._transport.can_write_eof():
            with contextlib.suppress(OSError):  # the client has gone already
                self._transport.write_eof()

    def _forget_incoming(self) -> None:
        if self._incoming is not None:
            self._around.budget.give_back(self._incoming.reserved)
        self._incoming = None


_RETRY = {"Retry-After": "1"}
