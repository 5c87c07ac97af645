"""A count that several threads add to."""

import threading

__all__ = ["Tally"]


class Tally:
    """Counts what was done since the server started.

    Attributes:
        total: The count.
    """

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Add to the count."""
        with self._lock:
            self.total += count
