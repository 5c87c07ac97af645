"""A registry of entries by name, which suggests a close match for an unknown name."""

import difflib
from typing import Generic, TypeVar

from edgecls.errors import ModelConfigError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Entries by name.

    Args:
        kind: The kind of entry for messages, such as "architecture".
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> None:
        """Register an entry.

        Raises:
            ModelConfigError: The name is taken.
        """
        if name in self._entries:
            raise ModelConfigError(f"there are two {self._kind}s named {name!r}; rename one")
        self._entries[name] = entry

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._entries)

    def get(self, name: str) -> T:
        """Return an entry.

        Raises:
            ModelConfigError: The name is unknown; the message lists the known ones.
        """
        if name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(name, self._entries, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ModelConfigError(f"there is no {self._kind} {name!r}; {hint}choose one of {', '.join(self.names())}")
