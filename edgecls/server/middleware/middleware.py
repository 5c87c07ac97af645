"""What holds for every request, whichever part of the server answers it."""

import itertools
import os
import re
import time
from collections.abc import Callable

from edgecls.server.dispatch.wsgi import WorkedAnswer
from edgecls.server.http.messages import Answer, Handler, Refusal, Request, Ticket
from edgecls.server.metrics.request_metrics import RequestMetrics
from edgecls.server.middleware.access_log import AccessLog, Entry
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.middleware.cors import Cors
from edgecls.server.middleware.hosts import AllowedHosts

__all__ = ["REQUEST_ID_HEADER", "SECURITY_HEADERS", "Middleware", "RequestIds"]

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


SECURITY_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


class Middleware:
    """A handler around another: requests for other hosts are refused, keys are checked, answers completed,
    counted and logged. Refusals of the HTTP layer pass through here too.

    Args:
        handler: What answers.
        metrics: Counts the answers.
        hosts: Which names requests may be for; None for any.
        keys: Which of them a request needs one of; None for none.
        cors: Which other sites may ask; None for none.
        log: Where requests are logged; None for nowhere.
        error_body: Returns the body of a refusal, by the path of its request; None for the usual one everywhere.
    """

    def __init__(
        self,
        handler: Handler,
        metrics: RequestMetrics,
        *,
        hosts: AllowedHosts | None = None,
        keys: ApiKeys | None = None,
        cors: Cors | None = None,
        log: AccessLog | None = None,
        error_body: Callable[[Refusal, str], bytes] | None = None,
    ) -> None:
        self._handler = handler
        self._metrics = metrics
        self._hosts = hosts
        self._keys = keys
        self._cors = cors
        self._log = log
        self._error_body = error_body
        self._ids = RequestIds()

    def check(self, request: Request) -> Refusal | None:
        """Refuse a request for another host or without a key before its body is read."""
        refusal = None if self._hosts is None else self._hosts.check(request)
        if refusal is None and self._keys is not None:
            refusal = self._keys.check(request)
        return refusal or self._handler.check(request)

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> Ticket | Answer:
        """Answer preflight requests, and pass on all others."""
        preflight = None if self._cors is None else self._cors.preflight(request)
        return preflight or self._handler.handle(request, answer)

    def answered(self, request: Request, answer: Answer) -> None:
        """Give a refusal the shape of its address, and every answer its header fields; count it, and log it."""
        if answer.refusal is not None and self._error_body is not None:
            answer.body = self._error_body(answer.refusal, request.path)
        answer.headers += SECURITY_HEADERS
        if self._cors is not None:
            answer.headers += self._cors.headers(request)
        if self._log is not None:
            self._note(self._log, request, answer)
        self._metrics.answered(request, answer)
        self._handler.answered(request, answer)

    def _note(self, log: AccessLog, request: Request, answer: Answer) -> None:
        identifier = self._ids.identify(request.header(REQUEST_ID_HEADER.lower()))
        answer.headers.append((REQUEST_ID_HEADER, identifier))
        work = answer.work if isinstance(answer, WorkedAnswer) else None
        entry = Entry(
            time_s=time.time(),
            id=identifier,
            method=request.method,
            path=request.path,
            status=int(answer.status[:3]),
            bytes_in=len(request.body),
            bytes_out=0 if request.method == "HEAD" else len(answer.body),
            duration_ms=round((time.monotonic() - request.began_s) * 1000, 3),
            queue_ms=0.0 if work is None else round(work.queue_s * 1000, 3),
            model="" if work is None else work.model,
            client=request.client,
            key="" if self._keys is None else self._keys.name_of(request) or "",
        )
        if not log.put(entry):
            self._metrics.log_dropped()
