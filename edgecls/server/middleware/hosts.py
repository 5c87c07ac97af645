"""Which names a server answers to: the defence against DNS rebinding.

A page at a name whose address its owner changes to 127.0.0.1 is, to a browser, of the same origin as a server there.
What gives it away is the Host field, which holds that name.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgecls.errors import ServerError
from edgecls.server.http.messages import Refusal, Request

__all__ = ["AllowedHosts", "Authority", "read_authority"]

_ANY = "*"
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})  # nobody else controls where these lead
_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{0,5}))?")
LARGEST_PORT = 65535
LONGEST_TOLD = 100  # characters of a name that an answer repeats


@dataclass(frozen=True)
class Authority:
    """Host and port, as in the Host field.

    Attributes:
        host: In lower case, without a dot at its end; an IPv6 address in its shortest form, without brackets.
        port: None where it is left out.
    """

    host: str
    port: int | None


def read_authority(text: str) -> Authority | None:
    """Return what a text like "localhost:8000" or "[::1]" names; None if it is not a host with an optional port."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    try:
        host = found["name"] or ipaddress.IPv6Address(found["ipv6"]).compressed
    except ValueError:
        return None
    host, port = host.lower().removesuffix("."), int(found["port"]) if found["port"] else None
    return Authority(host, port) if host and (port or 0) <= LARGEST_PORT else None


class AllowedHosts:
    """The hosts that requests may be for, whatever the port: tunnels and proxies change that.

    A server on a loopback address answers to localhost, 127.0.0.1, [::1] and the name it listens on, in addition
    to those allowed. Any other answers to all names, or if some are allowed, to those and these.

    Args:
        names: Allowed hosts, as in "api.example" or "192.168.1.20"; "*" for all.
        listening_on: Name or address that the server listens on, as given.
        bound_to: The address that this is.

    Raises:
        ServerError: A name is not a host.
    """

    def __init__(self, names: Sequence[str], *, listening_on: str, bound_to: str) -> None:
        given = {_ANY if name == _ANY else _host(name) for name in names}
        bound = ipaddress.ip_address(bound_to.partition("%")[0])
        is_loopback = (getattr(bound, "ipv4_mapped", None) or bound).is_loopback
        self._any = _ANY in given or not (given or is_loopback)
        own = {listening_on.lower().removesuffix("."), bound.compressed} - {""}
        self._hosts = given | _LOOPBACK_HOSTS | (set() if bound.is_unspecified else own)

    def check(self, request: Request) -> Refusal | None:
        """Return why a request is refused; None if it is meant for this server.

        HTTP/1.0 knows requests without a Host field, which no browser sends.
        """
        if self._any:
            return None
        fields = [value for name, value in request.headers if name == "host"]
        if all((named := read_authority(field)) is not None and named.host in self._hosts for field in fields):
            return None
        return Refusal(
            421,
            "MisdirectedRequest",
            f"this server does not answer to the name {fields[0][:LONGEST_TOLD]!r}; use localhost, or start "
            "it with --allowed-host NAME for each name that it is reached by",
        )


def _host(name: str) -> str:
    """Return an allowed host in the form in which hosts are compared."""
    try:
        return ipaddress.IPv6Address(name.removeprefix("[").removesuffix("]")).compressed
    except ValueError:
        named = read_authority(name)
    if named is None or name.rpartition(":")[1]:
        raise ServerError(
            f"{name!r} is not a host to allow; give a name or an address without scheme and port, as in api.example, "
            "or * for all"
        )
    return named.host
