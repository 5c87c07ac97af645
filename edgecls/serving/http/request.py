"""A request, whole."""

import time
from dataclasses import dataclass, field
from urllib.parse import unquote

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
        began_s: When its head was whole, by time.monotonic().
        whole_s: When all of it was; 0 until then.
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

    @property
    def has_body(self) -> bool:
        """True if a body was announced, by its length or in chunks."""
        return self.header("content-length").strip("0") != "" or self.header("transfer-encoding") != ""

    @property
    def decoded_path(self) -> str:
        """The path with its percent signs decoded, from which the route is found; "/*" for "*".

        Raises:
            UnicodeDecodeError: It is not valid UTF-8; such a request is refused before anyone asks.
        """
        return "/*" if self.path == "*" else unquote(self.path, errors="strict")
