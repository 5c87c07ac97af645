"""How many requests compute at once, and how many may wait for that."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgecls.serving.answers import Refusal

__all__ = ["Admission"]

RETRY_AFTER_S = 1


class Admission:
    """A bounded waiting room in front of the cores.

    Args:
        slots: Requests that compute at once; more than there are cores only slows all of them down.
        max_waiting: Requests that may wait for a slot.
        max_wait_s: Longest wait in seconds.
    """

    def __init__(self, *, slots: int, max_waiting: int, max_wait_s: float) -> None:
        self._slots = threading.BoundedSemaphore(slots)
        self._places = threading.BoundedSemaphore(slots + max_waiting)
        self._max_wait_s = max_wait_s

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot while computing.

        Raises:
            Refusal: The waiting room is full, or the wait took too long (503 with Retry-After).
        """
        if not self._places.acquire(blocking=False):
            raise _busy("too many requests are waiting")
        try:
            if not self._slots.acquire(timeout=self._max_wait_s):
                raise _busy(f"no core became free within {self._max_wait_s:g} seconds")
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._places.release()


def _busy(reason: str) -> Refusal:
    return Refusal(503, "Busy", f"{reason}; try again shortly", **{"Retry-After": str(RETRY_AFTER_S)})
