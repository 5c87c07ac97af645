"""How much memory the bodies of all requests may take together."""

__all__ = ["BodiesBudget"]


class BodiesBudget:
    """The bytes of all bodies that have arrived, in whole or in part; used in the event loop only.

    Attributes:
        used_bytes: Taken and not given back.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.used_bytes = 0

    def has_room(self, size: int) -> bool:
        """True if `size` bytes more would fit now."""
        return self.used_bytes + size <= self._max_bytes

    def take(self, size: int) -> bool:
        """Make room for `size` bytes; False if there is none."""
        if not self.has_room(size):
            return False
        self.used_bytes += size
        return True

    def give_back(self, size: int) -> None:
        """`size` bytes are not needed any more."""
        self.used_bytes -= size
