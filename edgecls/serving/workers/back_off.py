"""How long to wait before a process that died is started again."""

__all__ = ["BackOff"]

FIRST_S = 0.5
LONGEST_S = 30.0
LONG_LIVED_S = 20.0  # one that has lived so long starts at once


class BackOff:
    """Doubles the wait each time one dies soon after its start."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def after(self, lived_s: float) -> float:
        """Return the seconds to wait after a process has died that lived so long."""
        if lived_s >= LONG_LIVED_S:
            self._next_s = 0.0
        wait_s, self._next_s = self._next_s, min(LONGEST_S, max(FIRST_S, 2 * self._next_s))
        return wait_s
