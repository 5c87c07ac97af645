"""Which threads answer which request."""

import logging
import time
from collections.abc import Callable, Iterable

from edgecls.server.dispatch.worker_pool import Job, WorkerPool
from edgecls.server.dispatch.wsgi import Work, call_wsgi
from edgecls.server.http.messages import Answer, Refusal, Request, refusal_answer

__all__ = ["Dispatcher"]

QUICK_THREADS = 2  # for health, metrics, the page: they never wait behind images
QUICK_MAX_WAITING = 1000
RETRY_AFTER_S = 1

_log = logging.getLogger(__name__)


class Dispatcher:
    """Hands whole requests to an application in two worker pools: one for those that compute, one for all others.

    Args:
        app: A WSGI application.
        computes: Whether a request computes, by method and decoded path.
        max_waiting: Requests that may wait to compute.
        check: Says why a request is refused before its body arrives; None for no such check.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        computes: Callable[[str, str], bool],
        *,
        max_waiting: int,
        check: Callable[[Request], Refusal | None] | None = None,
    ) -> None:
        self._app = app
        self._check = check
        self._computes = computes
        self._computing = WorkerPool("edgecls-compute", self._answer, max_waiting=max_waiting)
        self._quick = WorkerPool("edgecls-quick", self._answer, max_waiting=QUICK_MAX_WAITING)

    @property
    def waiting(self) -> int:
        """Number of requests that wait to compute."""
        return self._computing.waiting

    def start(self) -> None:
        """Start the threads, one of them for requests that compute."""
        self._computing.widen(1)
        self._quick.widen(QUICK_THREADS)

    def widen(self, slots: int) -> None:
        """Have so many requests compute at once."""
        self._computing.widen(slots)

    def stop(self) -> None:
        """Let the threads end."""
        self._computing.stop()
        self._quick.stop()

    def check(self, request: Request) -> Refusal | None:
        """Refuse a body before it is read, if the application would not read it."""
        return None if self._check is None else self._check(request)

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> Job | Answer:
        """Queue a request, or refuse it as the queue is full (503 with Retry-After)."""
        job = Job(request, answer)
        pool = self._computing if self._computes(request.method, request.decoded_path) else self._quick
        if pool.submit(job):
            return job
        busy = Refusal(
            503, "Busy", "too many requests are waiting; try again shortly", **{"Retry-After": str(RETRY_AFTER_S)}
        )
        return refusal_answer(busy)

    def answered(self, request: Request, answer: Answer) -> None:
        """Nothing is noted here."""

    def _answer(self, request: Request) -> Answer:
        began_s = time.monotonic()
        work = Work(queue_s=began_s - request.whole_s)
        try:
            answer = call_wsgi(self._app, request, work)
            work.total_s = time.monotonic() - began_s
            return answer
        except Exception:  # noqa: BLE001  # a thread that ended would take its slot along
            _log.exception("%s %s failed", request.method, request.path)
            fault = Refusal(500, "InternalError", "the server failed; its log says why")
            return refusal_answer(fault)
