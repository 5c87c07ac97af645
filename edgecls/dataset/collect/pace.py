"""The rate of requests to each host."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable

from edgecls.dataset.collect.outcomes import FetchError, StoppedError

__all__ = ["Pace"]


class Pace:
    """Spreads the requests to each host evenly over time; used by all threads together.

    Args:
        interval_s: Shortest time between two requests to a host.
        max_hold_s: A host that asks for a longer pause is given up.
        pause: Waits for some seconds and returns True if the collection was stopped.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        interval_s: float,
        *,
        max_hold_s: float,
        pause: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_hold_s = max_hold_s
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._interval_s: defaultdict[str, float] = defaultdict(lambda: interval_s)
        self._next_turn: dict[str, float] = {}
        self._held_until: dict[str, float] = {}

    def wait(self, host: str) -> None:
        """Wait until it is the caller's turn to send a request to a host.

        Raises:
            FetchError: The host asked for too long a pause.
            StoppedError: The collection was stopped.
        """
        while True:
            with self._lock:
                now = self._clock()
                held_s = self._held_until.get(host, now) - now
                if held_s > self._max_hold_s:
                    raise FetchError("host_busy", f"{host} asked for a pause of {held_s:.0f} s more")
                turn = max(now + held_s, self._next_turn.get(host, now), now)
                self._next_turn[host] = turn + self._interval_s[host]
            if self._pause(max(0, turn - now)):
                raise StoppedError
            with self._lock:
                if self._held_until.get(host, 0) <= self._clock():
                    return

    def hold(self, host: str, seconds: float) -> None:
        """Pause requests to a host, because it asked for that."""
        with self._lock:
            until = self._clock() + seconds
            self._held_until[host] = max(self._held_until.get(host, until), until)

    def slow_down(self, host: str, interval_s: float) -> None:
        """Send requests to a host at most once per interval."""
        with self._lock:
            self._interval_s[host] = max(self._interval_s[host], interval_s)
