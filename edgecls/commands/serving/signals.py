"""What the operator wants of a running server."""

import queue
import signal
from enum import Enum, auto
from types import FrameType

__all__ = ["Wish", "Wishes"]


class Wish(Enum):
    """What a signal asks for."""

    STOP = auto()
    RELOAD = auto()


class Wishes:
    """Catches SIGINT, SIGTERM and, where there is one, SIGHUP, from now on; made in the main thread."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Wish] = queue.SimpleQueue()  # which a signal may interrupt anywhere
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        stops = number in (signal.SIGINT, signal.SIGTERM)
        self._queue.put(Wish.STOP if stops else Wish.RELOAD)

    def next(self, timeout_s: float) -> Wish | None:
        """Wait for a wish, for so many seconds at most; None if none has come."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
