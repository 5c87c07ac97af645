"""What passes between the HTTP layer and what answers: requests, answers and refusals."""

import email.utils
import functools
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote

__all__ = ["Answer", "Handler", "Refusal", "Request", "Ticket", "refusal_answer"]


@dataclass(slots=True)
class Request:
    """A request as it arrived.

    Attributes:
        method: As in "POST".
        path: Percent-encoded, without the query.
        query: Percent-encoded, without the question mark.
        version: As in "1.1".
        headers: Names in lower case and values, in the order in which they came.
        client: Address of the other end, or what a trusted proxy says that it is.
        body: Empty until it has arrived.
        keep_alive: Whether the connection goes on after the answer.
        began_s: When its head was whole, by time.monotonic().
        whole_s: When all of it was; 0 until then.
        scheme: "http" or "https", where a trusted proxy says so; empty otherwise.
        prefix: The path that a trusted proxy has taken off, as in "/images"; empty for none.
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
    scheme: str = ""
    prefix: str = ""

    def header(self, name: str) -> str:
        """Return the value of a header field, by its name in lower case; "" if there is none."""
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
        pieces: What is sent after it, each piece once the client has taken those before; None for nothing. How much
            that is need not be known.
        refusal: The refusal that it carries; None for other answers. The body may be rewritten in another form.
    """

    status: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    refusal: Refusal | None = field(default=None, kw_only=True)
    pieces: Iterator[bytes] | None = field(default=None, kw_only=True)

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
        if self.pieces is not None and not without_body:
            if request.version == "1.1":
                fields.append(("Transfer-Encoding", "chunked"))
        elif length:
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


def refusal_answer(refusal: Refusal) -> Answer:
    """Return the answer for a refusal: ``{"error": {"type": ..., "message": ...}}``."""
    document = {"error": {"type": refusal.kind, "message": str(refusal)}}
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        phrase = HTTPStatus(refusal.status).phrase
    except ValueError:
        phrase = "Refused"
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **refusal.headers}
    return Answer(f"{refusal.status} {phrase}", list(headers.items()), body, refusal=refusal)


class Ticket(Protocol):
    """A request that is being worked on."""

    def drop(self) -> None:
        """Its answer is not wanted any more: leave the work out if it has not begun."""


class Handler(Protocol):
    """What answers requests; called in the event loop, so it may not wait for anything."""

    def check(self, request: Request) -> Refusal | None:
        """Say why a request is refused before its body is read; None if it is not."""

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> Ticket | Answer:
        """Start work on a whole request and call `answer` in the loop later, or answer right away."""

    def answered(self, request: Request, answer: Answer) -> None:
        """Take note of an answer that is about to be sent; it may still be completed."""
