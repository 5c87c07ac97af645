"""One connection: requests are handed on when they are whole, and answered in the order in which they came."""

import asyncio
import contextlib
import enum
import functools
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from edgecls.server.http.forwarded import TrustedProxies
from edgecls.server.http.incoming import BodyPace
from edgecls.server.http.limits import BodiesBudget, HttpLimits, plain_address
from edgecls.server.http.messages import Answer, Handler, Refusal, Request, Ticket, refusal_answer
from edgecls.server.http.request_parser import RequestParser

__all__ = ["Connection", "Phase", "Surroundings"]

RECEIVE_BYTES = 256 * 1024  # read from the network in one go at most
REFUSED_CONNECTIONS = 100  # above the limit; these are told the reason, further ones are cut off

_log = logging.getLogger(__name__)


class Phase(enum.Enum):
    """What a connection is doing."""

    IDLE = "waiting for a request"
    HANDSHAKE = "negotiating TLS"
    HEAD = "receiving the head of a request"
    BODY = "receiving its body"
    WORKING = "waiting for its answer"
    SENDING = "waiting for the client to take its answers"
    LINGERING = "reading on after a refusal, so that the client gets to see it"
    CLOSING = "closed, or about to be"


class Surroundings:
    """What all connections of a server share.

    Attributes:
        handler: What answers requests.
        limits: Bounds.
        proxies: Those whose word about their clients counts.
        budget: Memory for bodies.
        connections: Those that are open.
        closing: Whether every answer ends its connection, as the server stops.
        received: Where bytes from the network go; read before any other connection gets to use it.
        encrypted: The same for those that TLS has still to decrypt.
    """

    def __init__(self, handler: Handler, limits: HttpLimits, proxies: TrustedProxies | None = None) -> None:
        self.handler = handler
        self.limits = limits
        self.proxies = proxies or TrustedProxies(())
        self.budget = BodiesBudget(limits.max_bodies_bytes)
        self.connections: set[Connection] = set()
        self.closing = False
        self.received = memoryview(bytearray(RECEIVE_BYTES))
        self.encrypted = memoryview(bytearray(RECEIVE_BYTES))


class Connection(asyncio.BufferedProtocol):
    """The server's end of a connection.

    Requests may come ahead of their answers; they are worked on one after the other.

    Attributes:
        phase: What the connection is doing.
        deadline_s: Until when it may, by time.monotonic().
    """

    def __init__(self, around: Surroundings) -> None:
        self.phase = Phase.IDLE
        self._since_s = time.monotonic()
        self.deadline_s = self._since_s + around.limits.head_s
        self._around = around
        self._limits = around.limits
        self._current: Request | None = None
        self._ticket: Ticket | None = None
        self._refusal: Refusal | None = None
        self._stream: _Stream | None = None
        self._choked = False

    @property
    def busy(self) -> bool:
        """True from the first byte of a request to the last of its answer."""
        return self.phase in _AT_WORK or self._unsent or self._stream is not None

    def close(self) -> None:
        """End the connection once what was written has been sent."""
        if not self._over:
            self._enter(Phase.CLOSING, self._limits.send_s)
            self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        self._enter(Phase.CLOSING, self._limits.send_s)
        self._transport.abort()

    def expire(self) -> None:
        """Act on a deadline that has passed."""
        if self.phase is Phase.HEAD:
            self._refuse(Refusal(408, "RequestTimeout", "the head of the request took too long to arrive"))
        elif self.phase is Phase.BODY:
            self._expire_body()
        elif self.phase is Phase.WORKING and self._current is not None:
            if self._ticket is not None:
                self._ticket.drop()
            late = Refusal(504, "Timeout", f"there was no answer within {self._limits.answer_s:g} seconds")
            self._finished(self._current, refusal_answer(late))
        elif self.phase in _AT_REST and not self._unsent:
            self.close()
        else:
            self.abort()

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._client = plain_address(str(peer[0])) if isinstance(peer, tuple) else ""
        around = self._around
        self._share = around.budget.share_of(self._client)
        self._parser = RequestParser(
            self._limits, self._share, around.handler.check, self._client, around.proxies.note_origin
        )
        around.connections.add(self)
        excess = len(around.connections) - self._limits.max_connections
        if excess > REFUSED_CONNECTIONS:
            self.abort()
        elif excess > 0:
            self._refuse(
                Refusal(503, "Busy", "too many connections are open; try again shortly", **{"Retry-After": "1"})
            )

    def handshake_began(self) -> None:
        if self.phase is Phase.IDLE:  # and not refused; the time for it has begun with the connection
            self.phase = Phase.HANDSHAKE

    def handshake_ended(self) -> None:
        if self.phase is Phase.HANDSHAKE:
            self._enter(Phase.IDLE, self._limits.head_s)

    def plain_text_came(self) -> None:
        self._refuse(Refusal(400, "BadRequest", "this port speaks HTTPS only; use https:// in the address"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._around.received

    def buffer_updated(self, nbytes: int) -> None:
        if self._refusal is not None or self._over:
            return
        try:
            self._parser.feed(self._around.received[:nbytes])
        except Refusal as refusal:
            self._refusal = refusal
        except Exception:  # noqa: BLE001  # whatever it is, the client gets an answer and the log the reason
            _log.exception("a request could not be received")
            self._refusal = _FAULT
        self._advance()

    def eof_received(self) -> None:
        # A client that closes its sending half is taken to be gone, as most servers do: the two look alike.
        if self.phase is Phase.HEAD or self.phase is Phase.BODY:
            self._refuse(Refusal(400, "BadRequest", "the request ended before its announced length; send it again"))
        self.close()

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        asyncio.get_running_loop().call_soon(self._advance)  # closing the transport from within this call fails

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = Phase.CLOSING
        if self._ticket is not None:
            self._ticket.drop()
        if self._current is not None:
            self._share.of(self._current.client).give_back(len(self._current.body))
        self._current = self._ticket = self._stream = None
        self._parser.discard()
        self._around.connections.discard(self)

    # The connection's own steps.

    @property
    def _over(self) -> bool:
        return self.phase is Phase.CLOSING

    @property
    def _unsent(self) -> bool:
        return self._transport.get_write_buffer_size() > 0

    def _enter(self, phase: Phase, seconds: float) -> None:
        if phase is not self.phase:  # otherwise each byte would extend it
            self.phase = phase
            self._since_s = time.monotonic()
            self.deadline_s = self._since_s + seconds

    def _advance(self) -> None:
        """Begin what can be begun: the next request, a refusal, or waiting for more."""
        if self._over:
            return
        if self._stream is not None:
            self._transport.pause_reading()  # until it is sent
            self._send_next_piece(self._stream)
            return
        whole = self._parser.whole
        while whole and self._current is None and not (self._choked or self._over or self._stream is not None):
            self._work(whole.popleft())
        if whole or self._choked:
            self._transport.pause_reading()  # what is ahead of its turn may wait in the network
        else:
            self._transport.resume_reading()
        if self._current is None and self._stream is None and self.phase not in _ENDING:
            self._wait()

    def _wait(self) -> None:
        """Wait for the client, or refuse it."""
        incoming = self._parser.incoming
        if self._choked:
            self._enter(Phase.SENDING, self._limits.send_s)
        elif self._refusal is not None:
            self._send_refusal(self._refusal)
        elif incoming is None:
            if self._unsent:
                self._enter(Phase.SENDING, self._limits.send_s)
            else:
                self._enter(Phase.IDLE, self._limits.idle_s)
        elif incoming.request is None:
            self._enter(Phase.HEAD, self._limits.head_s)
        else:
            if self.phase is not Phase.BODY:
                self._pace = BodyPace(self._limits, incoming.size)
            self._enter(Phase.BODY, min(self._limits.body_s, self._limits.body_window_s))
            if incoming.expects:
                incoming.expects = False
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _work(self, request: Request) -> None:
        self._current = request
        self._enter(Phase.WORKING, self._limits.answer_s)
        try:
            outcome = self._around.handler.handle(request, functools.partial(self._finished, request))
        except Exception:  # noqa: BLE001  # whatever it is, the client gets an answer and the log the reason
            _log.exception("%s %s failed", request.method, request.path)
            outcome = refusal_answer(_FAULT)
        if isinstance(outcome, Answer):
            self._send(request, outcome)
        else:
            self._ticket = outcome

    def _finished(self, request: Request, answer: Answer) -> None:
        if request is self._current:  # and it is not too late
            self._send(request, answer)
            self._advance()

    def _send(self, request: Request, answer: Answer) -> None:
        self._current = self._ticket = None
        self._share.of(request.client).give_back(len(request.body))
        streams = answer.pieces is not None and request.method != "HEAD"
        is_chunked = request.version == "1.1"
        close = self._around.closing or not request.keep_alive or (streams and not is_chunked)
        self._write(request, answer, close=close)
        if streams and answer.pieces is not None:
            self._stream = _Stream(answer.pieces, is_chunked=is_chunked, close=close)
            self._send_next_piece(self._stream)
        elif close:
            self.close()

    def _send_next_piece(self, stream: "_Stream") -> None:
        """Have the next piece of an answer made in a thread, unless the client has still to take others."""
        if stream.is_reading or self._choked:
            return
        stream.is_reading = True
        self.phase = Phase.SENDING
        self.deadline_s = time.monotonic() + self._limits.send_s  # for each piece
        future = asyncio.get_running_loop().run_in_executor(None, next, stream.pieces, None)
        future.add_done_callback(functools.partial(self._send_piece, stream))

    def _send_piece(self, stream: "_Stream", made: "asyncio.Future[bytes | None]") -> None:
        stream.is_reading = False
        if self._over or stream is not self._stream:
            return
        try:
            piece = made.result()
        except Exception:  # noqa: BLE001  # whatever it is, the client sees that the answer is cut short
            _log.exception("an answer could not be finished")
            self.abort()
            return
        if piece:
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if stream.is_chunked else piece)
        if piece is not None:
            self._send_next_piece(stream)
            return
        self._stream = None
        if stream.is_chunked:
            self._transport.write(b"0\r\n\r\n")
        if stream.close:
            self.close()
        else:
            self._advance()

    def _write(self, request: Request, answer: Answer, *, close: bool) -> None:
        try:
            self._around.handler.answered(request, answer)
        except Exception:  # noqa: BLE001  # it is answered all the same
            _log.exception("recording an answer failed")
        self._transport.write(answer.encode(request, close=close, now_s=time.time()))

    def _expire_body(self) -> None:
        """Give a body more time, as long as it comes fast enough."""
        incoming = self._parser.incoming
        try:
            self.deadline_s = self._pace.until_s(0 if incoming is None else incoming.size)
        except Refusal as refusal:
            self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        """Refuse what is arriving; the requests before it are answered first."""
        if self._refusal is None and not self._over:
            self._refusal = refusal
            self._advance()

    def _send_refusal(self, refusal: Refusal) -> None:
        incoming = self._parser.incoming
        request = None if incoming is None else incoming.request
        request = request or Request("", "", "", "", [], self._client)
        self._parser.discard_incoming()
        self._write(request, refusal_answer(refusal), close=True)
        self._enter(Phase.LINGERING, self._limits.send_s)
        if self._transport.can_write_eof():
            with contextlib.suppress(OSError):  # the client has gone already
                self._transport.write_eof()


@dataclass(slots=True)
class _Stream:
    """An answer that is being sent in pieces.

    Attributes:
        pieces: Those that have still to be made.
        is_chunked: Whether each has its length before it.
        close: Whether the connection ends with the last one.
        is_reading: Whether one is being made.
    """

    pieces: Iterator[bytes]
    is_chunked: bool
    close: bool
    is_reading: bool = False


_AT_WORK = (Phase.HANDSHAKE, Phase.HEAD, Phase.BODY, Phase.WORKING)
_AT_REST = (Phase.IDLE, Phase.SENDING)
_ENDING = (Phase.LINGERING, Phase.CLOSING)
_FAULT = Refusal(500, "InternalError", "the server failed; see its log for the reason")
