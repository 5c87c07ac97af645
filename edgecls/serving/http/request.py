"""A request, whole."""

import time
from dataclasses import dataclass, field

__all__ = ["Request"]


@dataclass(slots=True)
class Request:
    """A request as it arrived.

    Attributes:
        method: As in "POST".
        path: Percent-encoded, without the query.
        query: Percent-encoded, without the question mark.
        version: As in "1.1".
        headers: Names in lower case and values, in the order in which they came.
        client: Address of the other end.
        body: Empty until it has arrived.
        keep_alive: Whether the connection goes on after the answer.
        began_s: When the first byte came, by time.monotonic().
        whole_s: When all of it was, by time.monotonic(); 0 until then.
    """

    method: str
    path: str
    query: str
    version: str
    headers: list[tuple[str, str]]
    client: str
    body: bytes = b""
    keep_alive: bool = False
    began_s: float = field(default_factory=time.monotonic)
    whole_s: float = 0.0

    def header(self, name: str) -> str:
        """Return the value of a header field, by its name in lower case; "" where there is none."""
        return next((value for key, value in self.headers if key == name), "")
