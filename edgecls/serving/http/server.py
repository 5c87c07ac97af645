"""The HTTP server: an event loop that receives and sends, and computes nothing."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time

from edgecls.errors import ServerError
from edgecls.serving.http.connection import Connection, Handler, Surroundings
from edgecls.serving.http.limits import HttpLimits

__all__ = ["HttpServer", "listening_socket"]

LISTEN_BACKLOG = 1024  # connections waiting to be accepted; with 5, 16 clients at once met resets and waits of 1 s
ACCEPTED_AT_ONCE = 8  # before the connections that are open get their turn again
SWEEP_INTERVAL_S = 0.25  # between two looks at the deadlines
GRACE_S = 0.5  # when stopping, for requests that are on their way through the network
BUSY_CHECK_S = 0.02


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: Address or name to listen on.
        port: Port to listen on; 0 for any that is free.

    Raises:
        ServerError: The address cannot be listened on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=LISTEN_BACKLOG)
    except (OSError, UnicodeError) as error:
        raise ServerError(
            f"cannot listen on {host}:{port}: {error}; choose another --port, or stop what uses this one"
        ) from error


class HttpServer:
    """Serves a handler from a thread of its own.

    Args:
        handler: What answers requests.
        listener: A socket that listens; the server closes it.
        limits: Bounds.
        tls: For HTTPS; None for plain HTTP.
    """

    def __init__(
        self,
        handler: Handler,
        listener: socket.socket,
        *,
        limits: HttpLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or HttpLimits()
        self._around = Surroundings(handler, self._limits)
        self._listener = listener
        self._tls = tls
        self._address = listener.getsockname()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="edgecls-http", daemon=True)

    @property
    def url(self) -> str:
        """Where the server is reached."""
        host, port = self._address[:2]
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def start(self) -> None:
        """Begin to accept connections; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests in flight, and those that arrive within a moment; then close, and return."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        around = self._around
        server = await self._loop.create_server(
            lambda: Connection(around), sock=self._listener, backlog=ACCEPTED_AT_ONCE, ssl=self._tls
        )
        self._listener.listen(LISTEN_BACKLOG)  # for asyncio both are one number
        sweeping = self._loop.create_task(self._sweep())
        await self._stopping.wait()
        give_up_s = time.monotonic() + self._limits.drain_s
        around.closing = True
        # A client that has just connected, or has just been answered, may have a request under way. It is answered.
        if around.connections:
            await asyncio.sleep(GRACE_S)
        server.close()
        await self._settle(give_up_s)
        sweeping.cancel()
        for connection in list(around.connections):
            connection.close()
        await asyncio.sleep(0)

    async def _settle(self, give_up_s: float) -> None:
        """Wait until no connection has been busy for a moment."""
        quiet_since_s = time.monotonic()
        while self._around.connections and time.monotonic() < give_up_s:
            now = time.monotonic()
            if any(connection.busy for connection in self._around.connections):
                quiet_since_s = now
            elif now - quiet_since_s > GRACE_S:
                return
            await asyncio.sleep(BUSY_CHECK_S)

    async def _sweep(self) -> None:
        """Act on the deadlines that pass."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = time.monotonic()
            for connection in list(self._around.connections):
                if connection.deadline_s <= now:
                    connection.expire()
