"""Connections that go to checked addresses only, and that can be cut from another thread."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from edgecls.dataset.collect.addresses import AddressPolicy, resolve
from edgecls.dataset.collect.outcomes import FetchError

__all__ = ["POOL_CLASSES", "Exchange", "exchange_of_this_thread"]


class Exchange:
    """One request and its answer, with all connections made for it.

    Args:
        policy: Which addresses may be connected to.
    """

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.is_cut = False

    def connect(self, host: str, port: int, *, timeout_s: float) -> socket.socket:
        """Return a connection to one of the host's addresses, all of which were checked.

        Raises:
            FetchError: An address is refused, or none answers.
        """
        started = time.monotonic()
        fault: OSError | None = None
        for family, address in resolve(host, port, self._policy, timeout_s=timeout_s):
            left_s = timeout_s - (time.monotonic() - started)
            if left_s <= 0:
                break
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(left_s)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._watch(connection)
                connection.connect(address)
                connection.settimeout(timeout_s)
                return connection
            except OSError as error:
                connection.close()
                fault = error
        if fault is None or isinstance(fault, TimeoutError):
            raise FetchError("timeout", f"{host} did not answer within {timeout_s:g} s", transient=True)
        raise FetchError("connection_failed", f"cannot connect to {host}: {fault}", transient=True)

    def _watch(self, connection: socket.socket) -> None:
        # A second handle: the first one is taken over by TLS, or closed while the answer is still being read.
        with self._lock:
            if self.is_cut:
                raise TimeoutError("cut before the connection was made")
            self._sockets.append(connection.dup())

    def cut(self) -> None:
        """End all connections now, whoever is waiting on them."""
        with self._lock:
            self.is_cut = True
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()


_current: ContextVar[Exchange] = ContextVar("edgecls-exchange")


@contextlib.contextmanager
def exchange_of_this_thread(exchange: Exchange) -> Iterator[None]:
    """Make the connections that urllib3 opens in this block, in this thread, part of an exchange."""
    token = _current.set(exchange)
    try:
        yield
    finally:
        _current.reset(token)
        exchange.close()


class _CheckedHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _CheckedHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)


def _connected(connection: HTTPConnection) -> socket.socket:
    timeout = connection.timeout
    if not isinstance(timeout, int | float):
        raise TypeError(f"a connection needs a timeout in seconds, got {timeout!r}")
    host = connection.host.strip("[]")
    return _current.get().connect(host, connection.port, timeout_s=timeout)


class _CheckedHTTPConnectionPool(HTTPConnectionPool):
    ConnectionCls = _CheckedHTTPConnection


class _CheckedHTTPSConnectionPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedHTTPSConnection


POOL_CLASSES: dict[str, type[HTTPConnectionPool]] = {
    "http": _CheckedHTTPConnectionPool,
    "https": _CheckedHTTPSConnectionPool,
}
"""What a urllib3.PoolManager needs as `pool_classes_by_scheme`; usable inside `exchange_of_this_thread` only."""
