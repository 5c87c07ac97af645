"""Worker pools: which threads answer which request, with a bounded queue before them."""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from edgecls.server.dispatch.wsgi import Work, WorkedAnswer, call_wsgi
from edgecls.server.http.messages import Answer, Refusal, Request, refusal_answer

__all__ = ["Dispatcher", "Job", "WorkerPool"]

STOP_S = 2.0  # for work that has outlived its deadline; it ends with the process otherwise

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
        self._computing = WorkerPool("edgecls-compute", self._answer_wsgi, max_waiting=max_waiting)
        self._quick = WorkerPool("edgecls-quick", self._answer_wsgi, max_waiting=QUICK_MAX_WAITING)

    @property
    def waiting(self) -> int:
        """Number of requests that wait to compute."""
        return self._computing.waiting

    def start(self) -> None:
        """Start the threads, one of them for requests that compute."""
        self._computing.widen(1)
        self._quick.widen(QUICK_THREADS)

    def widen(self, slots: int) -> None:
        """Let `slots` requests compute at the same time."""
        self._computing.widen(slots)

    def stop(self) -> None:
        """Let the threads end."""
        self._computing.stop()
        self._quick.stop()

    def check(self, request: Request) -> Refusal | None:
        """Refuse a body before it is read, if the application would not read it."""
        return None if self._check is None else self._check(request)

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> "Job | Answer":
        """Queue a request, or refuse it as the queue is full (503 with Retry-After)."""
        computes = self._computes(request.method, request.decoded_path)
        return self._queue(Job(request, answer), computes=computes)

    def submit(
        self,
        request: Request,
        answer: Callable[[Answer], None],
        call: Callable[[Request, Work], WorkedAnswer],
        *,
        computes: bool,
    ) -> "Job | Answer":
        """Queue a request that `call` answers in a thread instead of the application, or refuse it as `handle` does."""
        return self._queue(Job(request, answer, lambda request: self._answer(request, call)), computes=computes)

    def _queue(self, job: "Job", *, computes: bool) -> "Job | Answer":
        pool = self._computing if computes else self._quick
        if pool.submit(job):
            return job
        busy = Refusal(
            503, "Busy", "too many requests are waiting; try again shortly", **{"Retry-After": str(RETRY_AFTER_S)}
        )
        return refusal_answer(busy)

    def answered(self, request: Request, answer: Answer) -> None:
        """Nothing is noted here."""

    def _answer_wsgi(self, request: Request) -> Answer:
        return self._answer(request, lambda request, work: call_wsgi(self._app, request, work))

    def _answer(self, request: Request, call: Callable[[Request, Work], WorkedAnswer]) -> Answer:
        began_s = time.monotonic()
        work = Work(queue_s=began_s - request.whole_s)
        try:
            answer = call(request, work)
            work.total_s = time.monotonic() - began_s
            return answer
        except Exception:  # noqa: BLE001  # a thread that ended would take its slot along
            _log.exception("%s %s failed", request.method, request.path)
            fault = Refusal(500, "InternalError", "the server failed; see its log for the reason")
            return refusal_answer(fault)


@dataclass(slots=True, eq=False)
class Job:
    """A request in a worker pool.

    Attributes:
        request: What is to be answered; None once nobody waits for the answer any more.
        answer: What the answer is given to, in the event loop.
        work: Answers it in a thread, without raising; None for what the pool does with all requests.
        loop: That loop.
    """

    request: Request | None
    answer: Callable[[Answer], None]
    work: Callable[[Request], Answer] | None = None
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def drop(self) -> None:
        """Leave the work out if it has not begun, and let go of the body."""
        self.request = None


class WorkerPool:
    """Threads that work off requests, first come, first served; `submit` is called in the event loop only.

    Args:
        name: What to call the threads.
        work: Answers a request, in one of the threads; it never raises.
        max_waiting: Requests that may wait for a thread.
    """

    def __init__(self, name: str, work: Callable[[Request], Answer], *, max_waiting: int) -> None:
        self._work = work
        self._name = name
        self._max_waiting = max_waiting
        self._inside = 0
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return max(0, self._inside - len(self._threads))

    def widen(self, threads: int) -> None:
        """Work on so many requests at once from now on; never on fewer than before."""
        while len(self._threads) < threads:
            thread = threading.Thread(target=self._run, name=f"{self._name}-{len(self._threads)}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let the threads end after the work that is queued, and wait a moment for that."""
        for _ in self._threads:
            self._jobs.put(None)
        give_up_s = time.monotonic() + STOP_S
        for thread in self._threads:
            thread.join(max(0.0, give_up_s - time.monotonic()))

    def submit(self, job: Job) -> bool:
        """Queue a job; False if there is no place left."""
        if self._inside >= len(self._threads) + self._max_waiting:
            return False
        self._inside += 1
        self._jobs.put(job)
        return True

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            request = job.request
            answer = None if request is None else (job.work or self._work)(request)
            try:
                job.loop.call_soon_threadsafe(self._leave, job, answer)
            except RuntimeError:  # the loop has ended: the server gave up waiting for this
                continue
            del job, request, answer  # or else an idle thread would keep a body

    def _leave(self, job: Job, answer: Answer | None) -> None:
        self._inside -= 1
        if answer is not None and job.request is not None:
            job.answer(answer)
