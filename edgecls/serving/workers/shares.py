"""Dividing what the server may use among its processes."""

__all__ = ["share"]


def share(total: int, *, parts: int, number: int) -> int:
    """Return the part of a whole number that falls to one of several, as even as can be.

    Args:
        total: At least 0.
        parts: How many there are.
        number: Which one, from 1.
    """
    return total // parts + (number <= total % parts)
