"""What a client may use of the server before its request is whole, and how long it may take."""

import ipaddress
from collections import Counter
from dataclasses import dataclass

__all__ = ["BodiesBudget", "BodiesShare", "HttpLimits", "plain_address"]


@dataclass(frozen=True)
class HttpLimits:
    """Bounds of connections and of requests that arrive.

    Attributes:
        max_body_bytes: Largest body of a request.
        max_bodies_bytes: All bodies in memory together, as far as they have arrived. A client may hold as much as it
            leaves free, so at most half, and a body must fit into that.
        max_head_bytes: Request line and header fields together.
        max_connections: Connections open at the same time.
        max_pipelined: Requests that may arrive at once, ahead of their answers.
        idle_s: A connection without a request is closed after so long, in seconds.
        head_s: Time for the whole head of a request to arrive.
        body_s: Time for the body, and more as below.
        body_bytes_per_s: What has come of a body earns it time: a second for each so many bytes.
        min_body_bytes_per_s: But from its start no body may be slower than this, over each window.
        body_window_s: How long a window is.
        answer_s: Time from the whole request to its answer.
        send_s: Time for a client to take its answer, and to end what it sends after a refusal.
        drain_s: Time for the requests in flight when the server stops.
    """

    max_body_bytes: int = 32 * 2**20
    max_bodies_bytes: int = 512 * 2**20
    max_head_bytes: int = 32 * 2**10
    max_connections: int = 2000
    max_pipelined: int = 100
    idle_s: float = 60.0
    head_s: float = 10.0
    body_s: float = 60.0
    body_bytes_per_s: float = 256 * 2**10
    min_body_bytes_per_s: float = 32 * 2**10
    body_window_s: float = 10.0
    answer_s: float = 30.0
    send_s: float = 30.0
    drain_s: float = 25.0  # Kubernetes ends a container 30 seconds after it has asked it to stop


IPV6_PREFIX = 64  # bits that identify a network; within one a client may have any number of addresses


class BodiesBudget:
    """The bytes of all bodies that have arrived, in whole or in part; used in the event loop only.

    No client may hold more than it leaves free: one takes half at most, two a third each, and so on. So there is always
    space for one more, and where many are at work all of the memory is used.

    Attributes:
        used_bytes: Taken and not given back.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: Counter[str] = Counter()
        self.used_bytes = 0

    def share_of(self, client: str) -> "BodiesShare":
        """Return what a client takes from, by its address; those of one IPv6 network are one client."""
        return BodiesShare(self, _network(client))

    def has_room(self, size: int, holder: str) -> bool:
        """True if `size` bytes more of this holder would fit now."""
        left = self._max_bytes - self.used_bytes - size
        return size == 0 or self._held[holder] + size <= left

    def take(self, size: int, holder: str) -> bool:
        """Reserve `size` bytes; False if there is not enough space."""
        if not self.has_room(size, holder):
            return False
        self.used_bytes += size
        self._held[holder] += size
        return True

    def give_back(self, size: int, holder: str) -> None:
        """Release `size` bytes."""
        self.used_bytes -= size
        self._held[holder] -= size
        if not self._held[holder]:
            del self._held[holder]


class BodiesShare:
    """The budget as one client sees it."""

    def __init__(self, budget: BodiesBudget, holder: str) -> None:
        self._budget = budget
        self._holder = holder

    def of(self, client: str) -> "BodiesShare":
        """Return what another client takes from, whose requests come over the same connection."""
        return self._budget.share_of(client)

    def has_room(self, size: int) -> bool:
        """True if `size` bytes more would fit now."""
        return self._budget.has_room(size, self._holder)

    def take(self, size: int) -> bool:
        """Reserve `size` bytes; False if there is not enough space."""
        return self._budget.take(size, self._holder)

    def give_back(self, size: int) -> None:
        """Release `size` bytes."""
        self._budget.give_back(size, self._holder)


def plain_address(address: str) -> str:
    """Return a client's address; one of IPv4 in its own form, also if it came to a socket of IPv6."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def _network(client: str) -> str:
    if ":" not in client:
        return client
    return str(ipaddress.IPv6Network((client.partition("%")[0], IPV6_PREFIX), strict=False))
