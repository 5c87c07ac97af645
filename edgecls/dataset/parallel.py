"""Working on many pictures at once, in order, in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["map_in_order"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

WAITING_PER_WORKER = 4  # results that may wait for an earlier, slower one


def map_in_order(
    function: Callable[[_Item], _Result], items: Iterable[_Item], *, workers: int
) -> Iterator[tuple[_Item, _Result]]:
    """Call a function for each item, several at once, and yield items with results in their order.

    No more than a few results per worker exist at any time. When the caller stops, or the function
    raises, what has begun is finished and nothing new begins.

    Args:
        function: What to do; decoding and resizing release Python's lock, so that threads help.
        items: What to do it to.
        workers: How many at once, at least 1.
    """
    waiting: deque[tuple[_Item, Future[_Result]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) >= workers * WAITING_PER_WORKER:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)
