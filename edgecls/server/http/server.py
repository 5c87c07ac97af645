"""The HTTP server: an event loop that receives and sends, and computes nothing."""

import asyncio
import contextlib
import dataclasses
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from edgecls.errors import ServerError
from edgecls.server.http.connection import REFUSED_CONNECTIONS, Connection, Surroundings
from edgecls.server.http.forwarded import TrustedProxies
from edgecls.server.http.limits import HttpLimits
from edgecls.server.http.messages import Handler
from edgecls.server.http.tls import TlsLayer

__all__ = ["LISTEN_BACKLOG", "HttpServer", "listening_socket", "listens_on_both", "raise_handle_limit"]


def raise_handle_limit(wanted: int) -> int:
    """Let this process open `wanted` files and connections if its user may; return how many it may now."""
    if sys.platform == "win32":  # it has no such limit
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # some systems have a lower limit than they report
        return soft
    return allowed


LISTEN_BACKLOG = 1024  # connections waiting to be accepted; with 5, 16 clients at once met resets and waits of 1 s
ACCEPTED_AT_ONCE = 8  # before the connections that are open get their turn again
SWEEP_INTERVAL_S = 0.25  # between two looks at the deadlines
GRACE_S = 0.5  # when stopping, for requests that are on their way through the network
BUSY_CHECK_S = 0.02
OTHER_HANDLES = REFUSED_CONNECTIONS + 150  # files that are open besides the connections

_log = logging.getLogger(__name__)


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: Address or name to listen on; "::" for all of IPv6, and of IPv4 where the system has both in one.
        port: Port to listen on; 0 for any that is free.

    Raises:
        ServerError: The address cannot be listened on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        both = listens_on_both(str(address[0]))
        return socket.create_server(address[:2], family=family, backlog=LISTEN_BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:
        raise ServerError(
            f"cannot listen on {host}:{port}: {error}; choose another --port, or stop what uses this one"
        ) from error


def listens_on_both(host: str) -> bool:
    """True for the address of IPv6 under which a socket takes connections of IPv4 too."""
    return host == "::" and socket.has_dualstack_ipv6()


class HttpServer:
    """Serves a handler from a thread of its own.

    Args:
        handler: What answers requests.
        listener: A socket that listens; the server closes it.
        limits: Bounds.
        tls: For HTTPS; None for plain HTTP.
        proxies: Those whose word about their clients counts; None for none.
    """

    def __init__(
        self,
        handler: Handler,
        listener: socket.socket,
        *,
        limits: HttpLimits | None = None,
        tls: ssl.SSLContext | None = None,
        proxies: TrustedProxies | None = None,
    ) -> None:
        self._limits = _within_handles(limits or HttpLimits())
        self._around = Surroundings(handler, self._limits, proxies)
        self._listener = listener
        self._tls = tls
        self._address = listener.getsockname()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._stop_beside: Callable[[float], Coroutine[Any, Any, None]] | None = None
        self._ended_well = False
        self._thread = threading.Thread(target=self._run, name="edgecls-http", daemon=True)

    @property
    def url(self) -> str:
        """Where the server is reached."""
        host, port = self._address[:2]
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @property
    def open_connections(self) -> int:
        """Number of connections that are open."""
        return len(self._around.connections)

    @property
    def body_bytes(self) -> int:
        """Bytes of memory that bodies take which have arrived, in whole or in part, and are not answered."""
        return self._around.budget.used_bytes

    @property
    def failed(self) -> bool:
        """True if the thread has ended by a fault: nobody is served any more."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._ended_well

    def start(self) -> None:
        """Begin to accept connections; returns at once."""
        self._thread.start()

    def start_beside(
        self, start: Callable[[], Coroutine[Any, Any, None]], stop: Callable[[float], Coroutine[Any, Any, None]]
    ) -> None:
        """Start another server in the same event loop, once `start` was called here; what it raises is raised.

        Args:
            start: Starts it.
            stop: Finishes its requests, within so many seconds. Called when this server stops, which does the same.
        """

        async def begin() -> None:
            await start()
            self._stop_beside = stop

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result()

    def stop(self) -> None:
        """Finish the requests in flight, and those that arrive within a moment; then close, and return.

        Raises:
            ServerError: The thread has ended by a fault, now or before, so requests may have been lost.
        """
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        if self.failed:
            raise ServerError(
                "the server's own thread failed, so requests may have been lost; the traceback above says why; "
                "start the server again, and report it as a fault of edgecls"
            )

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())
        self._ended_well = True

    async def _serve(self) -> None:
        around = self._around
        self._loop.set_exception_handler(_note_fault)
        server = await self._loop.create_server(
            self._connection,
            sock=self._listener,
            backlog=ACCEPTED_AT_ONCE,
        )
        self._listener.listen(LISTEN_BACKLOG)  # for asyncio both are one number
        sweeping = self._loop.create_task(self._sweep())
        stopping = self._loop.create_task(self._stopping.wait())
        await asyncio.wait({stopping, sweeping}, return_when=asyncio.FIRST_COMPLETED)
        if sweeping.done():
            stopping.cancel()
            sweeping.result()  # which it never returns by itself: without deadlines nothing may go on
        give_up_s = time.monotonic() + self._limits.drain_s
        around.closing = True
        beside = None
        if self._stop_beside is not None:
            beside = self._loop.create_task(self._stop_beside(self._limits.drain_s))
        # A client that has just connected, or has just been answered, may have a request under way. It is answered.
        if around.connections:
            await asyncio.sleep(GRACE_S)
        await self._close_listener(server)
        await self._settle(give_up_s)
        if beside is not None:
            await asyncio.wait({beside})
            if not beside.cancelled() and (error := beside.exception()) is not None:
                _note_fault(self._loop, {"message": "the server beside failed to stop", "exception": error})
        sweeping.cancel()
        await self._close_connections()

    def _connection(self) -> Connection | TlsLayer:
        connection = Connection(self._around)
        return connection if self._tls is None else TlsLayer(connection, self._tls, self._around.encrypted)

    async def _close_listener(self, server: asyncio.Server) -> None:
        """Accept no more connections, but those that the system has accepted for us already."""
        with contextlib.suppress(NotImplementedError):  # on Windows
            self._loop.remove_reader(self._listener)
        await asyncio.sleep(BUSY_CHECK_S)  # what asyncio has just accepted fails if its server closes at once
        late = []
        with contextlib.suppress(BlockingIOError):
            while True:
                late.append(self._listener.accept()[0])
        server.close()
        outcomes = await asyncio.gather(
            *(self._loop.connect_accepted_socket(self._connection, peer) for peer in late),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                _note_fault(self._loop, {"message": "a connection was lost", "exception": outcome})

    async def _settle(self, give_up_s: float) -> None:
        """Wait until no connection has been busy for a moment."""
        quiet_since_s = time.monotonic()
        while True:
            await asyncio.sleep(BUSY_CHECK_S)
            now_s = time.monotonic()
            if any(connection.busy for connection in self._around.connections):
                quiet_since_s = now_s
            elif not self._around.connections or now_s - quiet_since_s > GRACE_S:
                return
            if now_s > give_up_s:
                return

    async def _close_connections(self) -> None:
        for end in (Connection.close, Connection.abort):
            for connection in list(self._around.connections):
                end(connection)
            await asyncio.sleep(BUSY_CHECK_S if self._around.connections else 0)

    async def _sweep(self) -> None:
        """Act on the deadlines that pass."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = time.monotonic()
            for connection in list(self._around.connections):
                if connection.deadline_s <= now:
                    self._expire(connection)

    def _expire(self, connection: Connection) -> None:
        try:
            connection.expire()
        except Exception:  # noqa: BLE001  # the deadlines of the others hold all the same
            _log.exception("a deadline could not be kept")
            connection.abort()


def _within_handles(limits: HttpLimits) -> HttpLimits:
    """Return the limits with as many connections as this process may have open."""
    handles = raise_handle_limit(limits.max_connections + OTHER_HANDLES)
    return dataclasses.replace(limits, max_connections=min(limits.max_connections, max(1, handles - OTHER_HANDLES)))


def _note_fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what went wrong in the loop; the network's faults, which are nobody's here, without a traceback."""
    error = context.get("exception")
    if isinstance(error, OSError):
        _log.warning("%s: %s", context["message"], error)
    else:
        _log.error("%s", context["message"], exc_info=error)
