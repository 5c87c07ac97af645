"""Which network addresses may be connected to."""

import ipaddress
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgecls.dataset.collect.outcomes import FetchError

__all__ = ["EVERYWHERE", "PUBLIC_ONLY", "AddressPolicy", "is_public", "resolve"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SocketAddress = tuple[socket.AddressFamily, tuple[Any, ...]]
"""The family of a socket and what its `connect` takes."""

MAX_ADDRESSES = 4
"""Addresses of one name that are tried, one after the other."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """True for an address of the open internet: no private, loopback, link-local, multicast or reserved one.

    An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) is what counts.
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


@dataclass(frozen=True)
class AddressPolicy:
    """What may be connected to: public addresses, and those of some networks.

    Attributes:
        networks: Networks that are allowed although they are not public.
    """

    networks: Sequence[Network] = ()

    def check(self, text: str, *, host: str) -> None:
        """Refuse an address, given as a socket knows it.

        Raises:
            FetchError: It is neither public nor in one of the networks.
        """
        address = _unwrapped(ipaddress.ip_address(text))
        if is_public(address) or any(address in network for network in self.networks):
            return
        where = host if host == text else f"{host} is {text}, which"
        raise FetchError("refused_address", f"{where} is no public address; allow it with --allow-private")


PUBLIC_ONLY = AddressPolicy()
"""The policy that allows no network besides the open internet."""

EVERYWHERE = AddressPolicy((ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0")))
"""The policy that refuses nothing."""


def resolve(host: str, port: int, policy: AddressPolicy, *, timeout_s: float) -> list[SocketAddress]:
    """Look a name up once and check every address it has.

    The connection must then go to one of these addresses, not to the name: whoever owns the name can
    give another answer to the next question.

    Raises:
        FetchError: There is no such name, no answer came in time, or one of the addresses is refused.
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
        raise FetchError("bad_url", f"{host!r} cannot be the name of a host")
    if answers is None and fault is None:
        raise FetchError("timeout", f"looking up {host} took more than {timeout_s:g} s", transient=True)
    if not answers:
        passing = isinstance(fault, OSError) and fault.errno == socket.EAI_AGAIN
        raise FetchError("name_not_found", f"{host} is not known: {fault}", transient=passing)
    for _, address in answers:
        policy.check(str(address[0]), host=host)
    return answers[:MAX_ADDRESSES]
