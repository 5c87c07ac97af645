"""An answer, and its bytes on the wire."""

import email.utils
import functools
import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus

from edgecls.serving.http.request import Request

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

    def encode(self, request: Request, *, close: bool, now_s: float) -> bytes:
        """Return head and body as they are sent.

        Args:
            request: What is answered.
            close: Whether the connection ends with this answer.
            now_s: The time of day, in seconds since the epoch.
        """
        fields = [(name, value) for name, value in self.headers if name.lower() not in _OURS]
        without_body = request.method == "HEAD" or self.status[:3] in _WITHOUT_BODY
        length = self._length_of_what_is_left_out() if without_body else str(len(self.body))
        if length:
            fields.append(("Content-Length", length))
        fields += [("Date", _date(int(now_s))), ("Server", "edgecls")]
        if close:
            fields.append(("Connection", "close"))
        elif request.version == "1.0":
            fields.append(("Connection", "keep-alive"))
        head = _head(self.status, fields).encode("latin-1", "replace")
        return head if without_body else head + self.body

    def _length_of_what_is_left_out(self) -> str:
        """Return the length that the body would have had, if the application says so."""
        return next((value for name, value in self.headers if name.lower() == "content-length"), "")


def _head(status: str, fields: list[tuple[str, str]]) -> str:
    lines = [f"HTTP/1.1 {status}", *[f"{name}: {value}" for name, value in fields]]
    head = "\r\n".join(lines)
    if not head.count("\r") == head.count("\n") == len(fields) or "\0" in head:
        # A name that came from outside may not begin a field of its own.
        head = "\r\n".join([re.sub("[\r\n\0]", " ", line) for line in lines])
    return head + "\r\n\r\n"


@functools.lru_cache(maxsize=2)
def _date(now_s: int) -> str:
    return email.utils.formatdate(now_s, usegmt=True)


_OURS = {"content-length", "transfer-encoding", "connection", "date", "server"}
_WITHOUT_BODY = {"204", "304"}


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
