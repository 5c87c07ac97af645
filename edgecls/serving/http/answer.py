"""An answer, and its bytes on the wire."""

import email.utils
import functools
import json
from dataclasses import dataclass, field
from http import HTTPStatus

__all__ = ["Answer", "Refusal", "error_document", "refusal_answer"]

V2_PREFIX = "/v2"  # the addresses of the Open Inference Protocol, which has a shape of its own for errors


class Refusal(Exception):  # noqa: N818  # it is an answer, not a fault of ours
    """A request that is not served.

    Attributes:
        status: HTTP status code.
        kind: What the answer names as the type of the error.
        headers: Header fields to send along.
    """

    def __init__(self, status: int, kind: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.headers = headers


@dataclass(slots=True)
class Answer:
    """What goes back to the client; the connection adds length and date.

    Attributes:
        status: As in "200 OK".
        headers: Names and values.
        body: Sent whole.
    """

    status: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def encode(self, *, close: bool, with_body: bool, now_s: float) -> bytes:
        """Return head and body as they are sent.

        Args:
            close: Whether the connection ends with this answer.
            with_body: False for the answer to HEAD.
            now_s: The time of day, in seconds since the epoch.
        """
        lines = [f"HTTP/1.1 {self.status}"]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() not in _OURS]
        lines.append(f"Content-Length: {len(self.body)}")
        lines.append(f"Date: {_date(int(now_s))}")
        lines.append("Server: edgecls")
        if close:
            lines.append("Connection: close")
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        return head + self.body if with_body else head


@functools.lru_cache(maxsize=2)
def _date(now_s: int) -> str:
    return email.utils.formatdate(now_s, usegmt=True)


_OURS = {"content-length", "connection", "date", "server"}


def error_document(kind: str, message: str, path: str) -> dict[str, object]:
    """Return an error: ``{"error": {"type": ..., "message": ...}}``, or what protocol v2 wants at its addresses.

    Args:
        kind: Name of the type of the error.
        message: What happened, and what to do.
        path: Of the request.
    """
    if path == V2_PREFIX or path.startswith(V2_PREFIX + "/"):
        return {"error": message}
    return {"error": {"type": kind, "message": message}}


def refusal_answer(refusal: Refusal, path: str) -> Answer:
    """Return the answer for a refusal, in the shape that holds at this address."""
    document = error_document(refusal.kind, str(refusal), path)
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        phrase = HTTPStatus(refusal.status).phrase
    except ValueError:
        phrase = "Refused"
    headers = {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **refusal.headers,
    }
    return Answer(f"{refusal.status} {phrase}", list(headers.items()), body)
