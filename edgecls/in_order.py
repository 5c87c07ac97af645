"""An ordered parallel map in bounded memory: several items at once, results in the order of the items."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # a single image should not pay for the import
    from queue import SimpleQueue

__all__ = ["map_in_order"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

AHEAD_PER_WORKER = 4  # items begun, or done and waiting for an earlier, slower one
IDLE_S = 1.0  # after which a thread without work looks whether the program has ended


def map_in_order(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    workers: int,
    ahead_per_worker: int = AHEAD_PER_WORKER,
) -> Iterator[_Result]:
    """Call a function for each item, several at once, and yield what it returns in the order of the items.

    With one worker or a single item there are no threads. An exception of the function is raised in place of its
    result. After that, or when the caller stops iterating, nothing new begins, and what has begun is finished.

    Args:
        function: Called for each item; must be thread-safe.
        items: Its arguments; taken one by one, in the caller's thread, a few ahead of the results.
        workers: How many at once, at least 1.
        ahead_per_worker: For each worker, how many items may be taken ahead of the result that is asked for.
    """
    items = iter(items)
    first = list(islice(items, 2))
    items = chain(first, items)
    if workers == 1 or len(first) < 2:
        yield from map(function, items)
    else:
        yield from _in_threads(function, items, workers, workers * ahead_per_worker)


def _in_threads(
    function: Callable[[_Item], _Result], items: Iterator[_Item], workers: int, ahead: int
) -> Iterator[_Result]:
    """Do it with bare threads and queues.

    concurrent.futures costs 3 % of an image on a network of a millisecond, and its import a hundredth of a second.
    """
    from queue import Empty, SimpleQueue

    todo: SimpleQueue[tuple[int, _Item] | None] = SimpleQueue()
    done: SimpleQueue[tuple[int, _Result | _Raised]] = SimpleQueue()
    tasks = enumerate(items)
    first = list(islice(tasks, ahead))
    for task in first:
        todo.put(task)
    threads = [
        threading.Thread(target=_work, args=(function, todo, done), name="edgecls-in-order")
        for _ in range(min(workers, len(first)))
    ]
    early: dict[int, _Result | _Raised] = {}
    under_way, wanted = len(first), 0
    is_left = False
    try:  # Ctrl-C may come while threads are started, too
        for thread in threads:
            thread.start()
        while under_way:
            while wanted not in early:
                index, result = done.get()
                early[index] = result
            result = early.pop(wanted)
            if isinstance(result, _Raised):
                raise result.error
            yield result
            wanted, under_way = wanted + 1, under_way - 1
            for task in islice(tasks, 1):
                todo.put(task)
                under_way += 1
    except GeneratorExit:
        # The garbage collector may raise this in any thread, which may hold a lock of `threading`, even while
        # starting one: waiting for a thread would then deadlock. The threads end by themselves.
        is_left = True
        raise
    finally:
        with contextlib.suppress(Empty):
            while True:
                todo.get_nowait()
        for _ in threads:
            todo.put(None)
        if not is_left:
            for thread in threads:
                if thread.is_alive():
                    thread.join()


class _Raised:
    """What the function raised in a thread; it is raised again where its result is waited for."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _work(
    function: Callable[[_Item], _Result],
    todo: "SimpleQueue[tuple[int, _Item] | None]",
    done: "SimpleQueue[tuple[int, _Result | _Raised]]",
) -> None:
    from queue import Empty

    while True:
        try:
            task = todo.get(timeout=IDLE_S)
        except Empty:
            if threading.main_thread().is_alive():
                continue
            return  # results were left unasked for as the program ended, and it waits for this thread
        if task is None:
            return
        index, item = task
        try:
            done.put((index, function(item)))
        except BaseException as error:  # noqa: BLE001
            done.put((index, _Raised(error)))
        del task, item  # or else an idle thread would keep an image
