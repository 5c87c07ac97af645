"""Naming requests, so that a client's complaint leads to a line of the log."""

import itertools
import os
import re

__all__ = ["REQUEST_ID_HEADER", "RequestIds"]

REQUEST_ID_HEADER = "X-Request-Id"

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class RequestIds:
    """Gives every request an identifier: the client's own if it is well-formed, else one that no other has."""

    def __init__(self) -> None:
        self._start = os.urandom(8).hex()
        self._numbers = itertools.count(1)

    def identify(self, given: str) -> str:
        """Return the identifier of a request.

        Args:
            given: What the client calls it; empty for nothing.
        """
        return given if _WELL_FORMED.fullmatch(given) else f"{self._start}-{next(self._numbers):x}"
