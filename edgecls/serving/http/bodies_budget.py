"""How much memory the bodies of all requests may take together."""

__all__ = ["BodiesBudget"]


class BodiesBudget:
    """The bytes of all bodies that are in memory or on their way there; used in the event loop only."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0

    def take(self, size: int) -> bool:
        """Make room for `size` bytes; False if there is none."""
        if self._bytes + size > self._max_bytes:
            return False
        self._bytes += size
        return True

    def give_back(self, size: int) -> None:
        """`size` bytes are not needed any more."""
        self._bytes -= size
