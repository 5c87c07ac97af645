"""One port for several processes: each listens with a socket of its own, and the system spreads the connections.

With one socket for all, the process that is awake takes everything: of 16 simultaneous connections, all 16 went to one
of two processes now and then, and the other one had nothing to do.
"""

import socket
from dataclasses import dataclass

from edgecls.errors import ServerError
from edgecls.server.http.server import LISTEN_BACKLOG, listening_socket, listens_on_both

__all__ = ["SharedPort", "hold_port", "share"]


@dataclass(frozen=True)
class SharedPort:
    """Where several processes listen.

    Attributes:
        family: Of the address.
        address: Host and port.
    """

    family: int
    address: tuple[str, int]

    def listen(self) -> socket.socket:
        """Return one more socket that listens there."""
        return socket.create_server(
            self.address,
            family=self.family,
            backlog=LISTEN_BACKLOG,
            reuse_port=True,
            dualstack_ipv6=listens_on_both(self.address[0]),
        )


def hold_port(host: str, port: int) -> tuple[socket.socket, SharedPort]:
    """Return a socket that keeps a port from being given to others while it is open, and what is needed to share it.

    Args:
        host: Address or name to listen on.
        port: Port to listen on; 0 for any that is free.

    Raises:
        ServerError: The address cannot be listened on, or this system cannot share ports.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ServerError("several processes cannot share a port on this system; leave --workers at 1")
    with listening_socket(host, port) as alone:  # fails where a server is, which sharing would join
        shared = SharedPort(alone.family, alone.getsockname()[:2])
    holder = socket.socket(shared.family, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if shared.family == socket.AF_INET6:
        holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not listens_on_both(shared.address[0]))
    holder.bind(shared.address)
    return holder, shared


def share(total: int, *, parts: int, number: int) -> int:
    """Return the part of a whole number that falls to one of several, as evenly as possible.

    Args:
        total: At least 0.
        parts: How many there are.
        number: Which one, from 1.
    """
    return total // parts + (number <= total % parts)
