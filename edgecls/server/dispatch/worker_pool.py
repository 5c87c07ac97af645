"""Threads that answer requests, with a bounded queue before them."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edgecls.server.http.messages import Answer, Request

__all__ = ["Job", "WorkerPool"]

STOP_S = 2.0  # for work that has outlived its deadline; it ends with the process otherwise


@dataclass(slots=True, eq=False)
class Job:
    """A request in a worker pool.

    Attributes:
        request: What is to be answered; None once nobody waits for the answer any more.
        answer: What the answer is given to, in the event loop.
        loop: That loop.
    """

    request: Request | None
    answer: Callable[[Answer], None]
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
            answer = None if request is None else self._work(request)
            try:
                job.loop.call_soon_threadsafe(self._leave, job, answer)
            except RuntimeError:  # the loop has ended: the server gave up waiting for this
                continue
            del job, request, answer  # or else an idle thread would keep a body

    def _leave(self, job: Job, answer: Answer | None) -> None:
        self._inside -= 1
        if answer is not None and job.request is not None:
            job.answer(answer)
