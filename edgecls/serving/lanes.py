"""Threads that answer requests, with a bounded queue before them."""

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from edgecls.serving.http.answer import Answer
from edgecls.serving.http.request import Request

__all__ = ["Job", "Lane"]


@dataclass(slots=True, eq=False)
class Job:
    """A request in a lane.

    Attributes:
        request: What is to be answered.
        answer: What the answer is given to, in the event loop.
        loop: That loop.
        dropped: Whether nobody waits for the answer any more.
    """

    request: Request
    answer: Callable[[Answer], None]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    dropped: bool = False

    def drop(self) -> None:
        """Leave the work out if it has not begun."""
        self.dropped = True


class Lane:
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
        """Let the threads end after the work that is queued; does not wait for it."""
        for _ in self._threads:
            self._jobs.put(None)

    def submit(self, job: Job) -> bool:
        """Queue a job; False if there is no place left."""
        if self._inside >= len(self._threads) + self._max_waiting:
            return False
        self._inside += 1
        self._jobs.put(job)
        return True

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            answer = None if job.dropped else self._work(job.request)
            try:
                job.loop.call_soon_threadsafe(self._leave, job, answer)
            except RuntimeError:  # the loop has ended: the server stopped before this was done
                return

    def _leave(self, job: Job, answer: Answer | None) -> None:
        self._inside -= 1
        if answer is not None and not job.dropped:
            job.answer(answer)
