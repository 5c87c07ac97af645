"""Load at a fixed rate, whatever the server does: an open loop, with latencies from the intended send times.

Closed loops such as wrk ask again when an answer is there. While a server stalls they ask nothing, so one stall counts
as one slow answer, however many clients would have met it (coordinated omission). Here every request has a time at
which it is to be sent, and its latency counts from then, also while it waits for a free connection. How late this
program itself was is told apart, so that a slow client is not taken for a slow server. It runs on the machine of the
server and shares the cores with it.

    python benchmarks/open_loop.py URL IMAGE RATE [--seconds 5] [--connections 64] [--form raw]
"""

import argparse
import gc
import math
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httptools
import numpy as np
from wrk_load import image_body

__all__ = [
    "CONNECTIONS",
    "PARTS",
    "Ended",
    "Exchange",
    "OpenLoad",
    "Wire",
    "drive",
    "rounds_of",
    "run_open_loop",
    "summary",
    "times_at",
]

PARTS = (0.5, 0.8)  # of what a closed loop gets out of a server
CONNECTIONS = 64  # kept alive; requests beyond them wait in here, and their latencies count
PATIENCE_S = 10.0  # after the last intended time
LATE_FROM = 0.1  # of the 99th percentile: from there, the client is part of it


@dataclass
class Exchange:
    """A request and its answer; times in seconds by the clock of `drive`.

    Attributes:
        intended_s: When it was to be sent.
        could_s: When it could be sent: then, or as soon as a connection was free.
        sent_s: When it was sent; None if that never happened.
        done_s: When its answer was there as a whole; None if it never was.
        ok: Whether the answer was a success.
    """

    intended_s: float
    could_s: float = math.nan
    sent_s: float | None = None
    done_s: float | None = None
    ok: bool = False


@dataclass(frozen=True)
class Ended:
    """An exchange that is over: its number, when, and whether the answer was a success."""

    number: int
    at_s: float
    ok: bool


class Wire(Protocol):
    """Connections to a server."""

    def free_since(self) -> float | None:
        """Return since when the next connection is free; None if none is."""

    def send(self, number: int) -> None:
        """Send a request of that number over it."""

    def wait(self, until_s: float) -> list[Ended]:
        """Return what has ended, as soon as anything has or the time has come."""


def times_at(rate: float, *, seconds: float, start_s: float) -> list[float]:
    """Return the times of requests at a fixed rate, at least one."""
    return [start_s + number / rate for number in range(max(1, round(rate * seconds)))]


def drive(
    intended_s: Sequence[float], wire: Wire, *, clock: Callable[[], float], patience_s: float = PATIENCE_S
) -> list[Exchange]:
    """Send a request at each of these times, in order, and return what became of each.

    Args:
        intended_s: Times by `clock`, ascending.
        wire: Sends and receives.
        clock: Tells the time in seconds.
        patience_s: How long to wait for answers after the last of these times.
    """
    exchanges = [Exchange(time_s) for time_s in intended_s]
    give_up_s = intended_s[-1] + patience_s
    waiting: deque[int] = deque()
    following, in_flight = 0, 0
    while following < len(exchanges) or waiting or in_flight:
        now_s = clock()
        if now_s >= give_up_s:
            break
        while following < len(exchanges) and intended_s[following] <= now_s:
            waiting.append(following)
            following += 1
        while waiting and (since_s := wire.free_since()) is not None:
            number = waiting.popleft()
            exchange = exchanges[number]
            exchange.could_s, exchange.sent_s = max(exchange.intended_s, since_s), clock()
            wire.send(number)
            in_flight += 1
        until_s = intended_s[following] if following < len(exchanges) else give_up_s
        for ended in wire.wait(until_s):
            exchanges[ended.number].done_s, exchanges[ended.number].ok = ended.at_s, ended.ok
            in_flight -= 1
    return exchanges


@dataclass(frozen=True)
class OpenLoad:
    """What came of it; times in milliseconds.

    Attributes:
        rate: Requests that were to be sent a second.
        per_s: Successes a second, until the last answer was there or was to be asked for.
        p50_ms: Median time from the intended send time to the answer.
        p99_ms: 99th percentile of it.
        longest_ms: The longest.
        late_p99_ms: 99th percentile of how late this program sent what it could have sent.
        failed: Answers that were no success, and requests without an answer.
    """

    rate: float
    per_s: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    late_p99_ms: float
    failed: int

    @property
    def is_client_late(self) -> bool:
        """True if this program was so late that the 99th percentile is not the server's alone."""
        return self.late_p99_ms > LATE_FROM * self.p99_ms


def summary(exchanges: Sequence[Exchange], *, rate: float) -> OpenLoad:
    """Return what came of requests at a rate."""
    good = [one for one in exchanges if one.ok and one.done_s is not None]
    taken = [1000 * ((one.done_s or 0.0) - one.intended_s) for one in good] or [math.nan]
    late = [1000 * (one.sent_s - one.could_s) for one in exchanges if one.sent_s is not None] or [math.nan]
    last_s = max((one.done_s or 0.0 for one in good), default=math.inf)
    elapsed_s = max(last_s - exchanges[0].intended_s, len(exchanges) / rate)
    p50, p99 = np.percentile(taken, (50, 99)).tolist()
    return OpenLoad(
        rate=rate,
        per_s=len(good) / elapsed_s,
        p50_ms=p50,
        p99_ms=p99,
        longest_ms=max(taken),
        late_p99_ms=float(np.percentile(late, 99)),
        failed=len(exchanges) - len(good),
    )


def rounds_of(loads: Sequence[OpenLoad]) -> dict[str, Any]:
    """Return what came of the same load in several rounds, as results hold it."""
    fields = ("rate", "per_s", "p50_ms", "p99_ms", "late_p99_ms")
    each: dict[str, Any] = {name: [round(getattr(load, name), 3) for load in loads] for name in fields}
    return {**each, "failed": sum(load.failed for load in loads), "late": sum(load.is_client_late for load in loads)}


class _Connection:
    """A connection that is kept alive; what comes is parsed by httptools, which calls `on_message_complete`."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.number = 0
        self.unsent = memoryview(b"")
        self.is_whole = False
        self.is_broken = True
        self.socket = socket.socket()

    def open(self) -> None:
        """Connect anew.

        Raises:
            OSError: Nobody answers.
        """
        self.socket.close()
        self.socket = socket.create_connection(self.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.parser = httptools.HttpResponseParser(self)
        self.is_broken = False

    def on_message_complete(self) -> None:
        """Note that the answer is there."""
        self.is_whole = True

    def send_more(self) -> None:
        """Send as much as goes."""
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self.is_broken = True

    def receive(self) -> bool:
        """Take what has come; return whether the exchange is over."""
        try:
            data = self.socket.recv(1 << 16)
            if data:
                self.parser.feed_data(data)
        except BlockingIOError:
            return False
        except (OSError, httptools.HttpParserError):
            data = b""
        self.is_broken = self.is_broken or not data
        return self.is_whole or self.is_broken


class SocketWire:
    """Connections that post the same request; a context manager.

    Args:
        url: Where to.
        body: What.
        content_type: Of the body.
        connections: How many to open, at least 1.
        clock: Tells the time in seconds.

    Raises:
        OSError: Nobody answers there.
    """

    def __init__(
        self, url: str, body: bytes, content_type: str, *, connections: int, clock: Callable[[], float]
    ) -> None:
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {content_type}\r\n"
        self._request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self._clock = clock
        # Unlike epoll, select waits for fractions of a millisecond.
        self._selector = selectors.SelectSelector()
        self._free: deque[tuple[float, _Connection]] = deque()
        for _ in range(connections):
            connection = _Connection((str(parts.hostname), parts.port or 80))
            connection.open()
            self._free.append((-math.inf, connection))

    def __enter__(self) -> "SocketWire":
        return self

    def __exit__(self, *error: object) -> None:
        for key in list(self._selector.get_map().values()):
            key.data.socket.close()
        for _, connection in self._free:
            connection.socket.close()
        self._selector.close()

    def free_since(self) -> float | None:
        """Return since when the next connection is free: the one that has been for the longest; None if none is."""
        return self._free[0][0] if self._free else None

    def send(self, number: int) -> None:
        """Send a request of that number over it."""
        _, connection = self._free.popleft()
        connection.number, connection.is_whole = number, False
        connection.unsent = memoryview(self._request)
        connection.send_more()
        self._selector.register(connection.socket, self._events(connection), connection)

    def wait(self, until_s: float) -> list[Ended]:
        """Return what has ended, as soon as anything has or the time has come."""
        ended = []
        for key, events in self._selector.select(max(0.0, until_s - self._clock())):
            connection: _Connection = key.data
            if events & selectors.EVENT_WRITE:
                connection.send_more()
                self._selector.modify(connection.socket, self._events(connection), connection)
            if (connection.receive() if events & selectors.EVENT_READ else False) or connection.is_broken:
                ended.append(self._end(connection))
        return ended

    def _end(self, connection: _Connection) -> Ended:
        at_s = self._clock()
        self._selector.unregister(connection.socket)
        ok = connection.is_whole and 200 <= connection.parser.get_status_code() < 300
        if connection.is_broken or not connection.parser.should_keep_alive() or connection.unsent:
            try:
                connection.open()
            except OSError:
                return Ended(connection.number, at_s, ok)  # without this connection from now on
        else:
            connection.parser = httptools.HttpResponseParser(connection)
        self._free.append((self._clock(), connection))
        return Ended(connection.number, at_s, ok)

    def _events(self, connection: _Connection) -> int:
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)


def run_open_loop(
    url: str, body: bytes, content_type: str, *, rate: float, seconds: float, connections: int = CONNECTIONS
) -> OpenLoad:
    """Post a body at a fixed rate for so many seconds.

    Args:
        url: Where to.
        body: What.
        content_type: Of the body.
        rate: Requests a second, above 0.
        seconds: For how long.
        connections: How many requests may be on their way at once.

    Raises:
        OSError: Nobody answers there.
    """
    clock = time.perf_counter
    with SocketWire(url, body, content_type, connections=connections, clock=clock) as wire:
        gc.collect()
        gc.disable()  # or it would make this program late
        try:
            exchanges = drive(times_at(rate, seconds=seconds, start_s=clock() + 0.05), wire, clock=clock)
        finally:
            gc.enable()
    return summary(exchanges, rate=rate)


def main() -> None:
    """Post and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("image", type=Path)
    parser.add_argument("rate", type=float, help="requests a second")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--form", choices=["raw", "multipart", "v2"], default="raw")
    given = parser.parse_args()
    body, content_type = image_body(given.image.read_bytes(), given.form)
    load = run_open_loop(
        given.url, body, content_type, rate=given.rate, seconds=given.seconds, connections=given.connections
    )
    print(
        f"{load.per_s:.1f} of {load.rate:.1f}/s  p50 {load.p50_ms:.2f} ms  p99 {load.p99_ms:.2f} ms  "
        f"longest {load.longest_ms:.1f} ms  failed {load.failed}  client late by {load.late_p99_ms:.2f} ms (p99)"
        + ("  THE CLIENT WAS TOO LATE" if load.is_client_late else "")
    )


if __name__ == "__main__":
    main()
