"""What answers requests, as a connection sees it."""

from collections.abc import Callable
from typing import Protocol

from edgecls.serving.http.answer import Answer, Refusal
from edgecls.serving.http.request import Request

__all__ = ["Handler", "Ticket"]


class Ticket(Protocol):
    """A request that is being worked on."""

    def drop(self) -> None:
        """Its answer is not wanted any more: leave the work out if it has not begun."""


class Handler(Protocol):
    """What answers requests; called in the event loop, so it may not wait for anything."""

    def check(self, request: Request) -> Refusal | None:
        """Say why a request is refused before its body is read; None if it is not."""

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> Ticket | Answer:
        """Begin to work on a whole request, and have `answer` called in the loop later; or answer at once."""

    def answered(self, request: Request, answer: Answer) -> None:
        """Take note of an answer that is about to be sent; header fields may still be added to it."""
