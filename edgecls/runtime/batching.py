"""Batches of what is there: the images that were queued while the last batch ran go next."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Batcher", "Ran"]

Pixels = npt.NDArray[np.uint8]
Row = TypeVar("Row")


class Ran(NamedTuple, Generic[Row]):
    """The outcome for an image.

    Attributes:
        row: Its part of what `run` gave.
        batch_size: Images that were run together, this one among them.
        queued_s: How long it waited for its batch to begin, in seconds.
    """

    row: Row
    batch_size: int
    queued_s: float


class Batcher(Generic[Row]):
    """Runs the images of many threads together, one batch after the other.

    No thread of its own: the thread whose image is first in the queue runs the next batch, for all in it. So a
    lone image runs at once, in the thread that brings it, and nothing ever waits for a batch to fill.

    Args:
        run: Gives one thing for each of the uint8 images ``[N, height, width, channels]``, such as the rows of their
            probabilities; it is never called by two threads at once.
        sizes: The sizes that a batch may have, each at least 1; 1 is always among them.
    """

    def __init__(self, run: Callable[[Pixels], Iterable[Row]], sizes: Sequence[int]) -> None:
        self._run = run
        self._sizes = sorted({1, *sizes}, reverse=True)
        self._lock = threading.Lock()
        self._queue: deque[_Request[Row]] = deque()
        self._is_running = False

    @property
    def queued(self) -> int:
        """Images that wait for the batch that is running to end."""
        return len(self._queue)

    def submit(self, pixels: Pixels) -> Ran[Row]:
        """Return what `run` gives for an image; waits for the batch that is running, if there is one.

        Args:
            pixels: uint8, ``[height, width, channels]``, of the same shape in all calls.

        Raises:
            BaseException: What `run` raised for the batch that the image was in.
        """
        arrived_s = time.perf_counter()
        request: _Request[Row] = _Request(pixels)
        with self._lock:
            self._queue.append(request)
            is_first, self._is_running = not self._is_running, True
        if not is_first:
            request.turn.acquire()
        if not request.is_done:
            self._run_batch()
        if request.error is not None:
            raise request.error
        return Ran(request.row, request.batch_size, max(0.0, request.begun_s - arrived_s))

    def _run_batch(self) -> None:
        """Run the head of the queue, then wake whoever is next to run, and those who were in the batch."""
        with self._lock:
            size = next(size for size in self._sizes if size <= len(self._queue))
            batch = [self._queue.popleft() for _ in range(size)]
        begun_s = time.perf_counter()
        try:
            for request, row in zip(batch, self._run(np.stack([one.pixels for one in batch])), strict=True):
                request.row = row
        except BaseException as error:  # noqa: BLE001  raised in the thread of each image
            for request in batch:
                request.error = error
        for request in batch:
            request.batch_size = size
            request.begun_s = begun_s
            request.is_done = True
        with self._lock:
            self._is_running = bool(self._queue)
            woken = [self._queue[0], *batch[1:]] if self._queue else batch[1:]
        for request in woken:
            request.turn.release()


class _Request(Generic[Row]):
    """An image in the queue, and its outcome."""

    __slots__ = ("batch_size", "begun_s", "error", "is_done", "pixels", "row", "turn")

    row: Row
    batch_size: int
    begun_s: float

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self.is_done = False
        self.error: BaseException | None = None
        self.turn = threading.Lock()  # released when the image is done, or its thread must run a batch
        self.turn.acquire()
