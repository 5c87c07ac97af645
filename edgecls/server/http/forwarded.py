"""Requests that came through a proxy: whose they really are, by the header fields that the proxy adds.

Anybody can send these fields, so only those of proxies that the server was told to trust count.
"""

import ipaddress
import re
from collections.abc import Sequence

from edgecls.errors import ServerError
from edgecls.server.http.messages import Request

__all__ = ["TrustedProxies"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/?")
_SCHEMES = ("http", "https")


class TrustedProxies:
    """The proxies whose word counts.

    Args:
        names: Their addresses, or networks of them, as in "10.0.0.7" or "10.0.0.0/8".

    Raises:
        ServerError: One is neither.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._networks = [_network(name) for name in names]

    def note_origin(self, request: Request) -> None:
        """Put into a request what a trusted proxy says about it; leave any other request as it is.

        - `client`, from ``X-Forwarded-For``: the last address that is not itself a trusted proxy's. What stands
          before it was written by the client, and may be made up.
        - `scheme`, from ``X-Forwarded-Proto``.
        - `prefix`, from ``X-Forwarded-Prefix``: the path that the proxy takes off.
        """
        if not self._trusts(request.client):
            return
        fields = ",".join(value for name, value in request.headers if name == "x-forwarded-for")
        for text in reversed([text.strip() for text in fields.split(",") if text.strip()]):
            address = _address(text)
            if address is None:
                break
            request.client = address
            if not self._trusts(address):
                break
        scheme = _last(request.header("x-forwarded-proto")).lower()
        if scheme in _SCHEMES:
            request.scheme = scheme
        prefix = _last(request.header("x-forwarded-prefix"))
        if _PREFIX.fullmatch(prefix):
            request.prefix = prefix.rstrip("/")

    def _trusts(self, client: str) -> bool:
        try:
            address = ipaddress.ip_address(client)
        except ValueError:  # the other end of a socket without addresses
            return False
        return any(address in network for network in self._networks)


def _network(name: str) -> _Network:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError as error:
        raise ServerError(
            f"{name!r} is not a proxy to trust; give an address or a network, as in 10.0.0.7 or 10.0.0.0/8"
        ) from error


def _address(text: str) -> str | None:
    """Return an address without port and brackets; None if it is none."""
    found = _WITH_PORT.fullmatch(text)
    plain = (found[1] or found[2]) if found else text
    try:
        address = ipaddress.ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _last(text: str) -> str:
    return text.rpartition(",")[2].strip()
