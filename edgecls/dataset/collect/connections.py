"""Connections to checked network addresses only: what may be connected to, and sockets that another thread can cut."""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from edgecls.dataset.collect.outcomes import FetchError

__all__ = [
    "EVERYWHERE",
    "POOL_CLASSES",
    "PUBLIC_ONLY",
    "AddressPolicy",
    "Exchange",
    "exchange_of_this_thread",
    "is_public",
    "resolve",
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SocketAddress = tuple[socket.AddressFamily, tuple[Any, ...]]
"""The family of a socket and the argument of its `connect`."""

MAX_ADDRESSES = 4
"""Number of addresses of one name that are tried in turn."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class AddressPolicy:
    """What may be connected to: public addresses, and those of given networks.

    Attributes:
        networks: Networks that are allowed even if they are not public.
    """

    networks: Sequence[Network] = ()

    def check(self, text: str, *, host: str) -> None:
        """Refuse an address, as a socket gives it.

        Raises:
            FetchError: It is neither public nor in one of the networks.
        """
        address = _unwrapped(ipaddress.ip_address(text))
        if is_public(address) or any(address in network for network in self.networks):
            return
        where = host if host == text else f"{host} is {text}, which"
        raise FetchError("refused_address", f"{where} is not a public address; allow it with --allow-private")


PUBLIC_ONLY = AddressPolicy()
"""The policy that allows only public addresses."""

EVERYWHERE = AddressPolicy((ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0")))
"""The policy that refuses nothing."""


def is_public(address: Address) -> bool:
    """Return whether an address is public: not private, loopback, link-local, multicast or reserved.

    Of an IPv6 address with an IPv4 one inside (mapped, 6to4, NAT64), the inner one counts.
    """
    address = _unwrapped(address)
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def resolve(host: str, port: int, policy: AddressPolicy, *, timeout_s: float) -> list[SocketAddress]:
    """Look a name up once and check every address it has.

    The connection must then go to one of these addresses, not to the name: whoever owns the name can
    answer the next lookup differently.

    Raises:
        FetchError: The name does not exist, no answer came in time, or one of the addresses is refused.
    """
    answers: list[SocketAddress] | None = None
    fault: OSError | UnicodeError | None = None

    def look_up() -> None:
        nonlocal answers, fault
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers = [(family, address) for family, _, _, _, address in found]
        except (OSError, UnicodeError) as error:
            fault = error

    # In a thread of its own: the system's resolver has no timeout and cannot be interrupted.
    thread = threading.Thread(target=look_up, name="edgecls-resolve", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if isinstance(fault, UnicodeError):
        raise FetchError("bad_url", f"{host!r} is not a valid host name")
    if answers is None and fault is None:
        raise FetchError("timeout", f"looking up {host} took more than {timeout_s:g} s", transient=True)
    if not answers:
        passing = isinstance(fault, OSError) and fault.errno == socket.EAI_AGAIN
        raise FetchError("name_not_found", f"{host} is not known: {fault}", transient=passing)
    for _, address in answers:
        policy.check(str(address[0]), host=host)
    return answers[:MAX_ADDRESSES]


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
        """End all connections now, whichever thread is waiting for them."""
        with self._lock:
            self.is_cut = True
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections."""
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
        if not isinstance(self.timeout, int | float):
            raise TypeError(f"a connection needs a timeout in seconds, got {self.timeout!r}")
        return _current.get().connect(self.host.strip("[]"), self.port, timeout_s=self.timeout)


class _CheckedHTTPSConnection(_CheckedHTTPConnection, HTTPSConnection):
    pass


class _CheckedHTTPConnectionPool(HTTPConnectionPool):
    ConnectionCls = _CheckedHTTPConnection


class _CheckedHTTPSConnectionPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedHTTPSConnection


POOL_CLASSES: dict[str, type[HTTPConnectionPool]] = {
    "http": _CheckedHTTPConnectionPool,
    "https": _CheckedHTTPSConnectionPool,
}
"""The `pool_classes_by_scheme` of a urllib3.PoolManager; usable inside `exchange_of_this_thread` only."""
