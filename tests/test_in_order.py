"""Several at once, in order, in bounded memory; and leaving early never hangs."""

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from edgecls.in_order import AHEAD_PER_WORKER, map_in_order

PATIENCE_S = 120


@pytest.fixture
def threads_end() -> Iterator[None]:
    """The test fails if a thread that it began does not end by itself."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), thread


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_results_come_in_the_order_of_their_items(workers: int, count: int) -> None:
    assert list(map_in_order(lambda item: item * item, range(count), workers=workers)) == [
        item * item for item in range(count)
    ]


def test_several_items_are_worked_on_at_once() -> None:
    together = threading.Barrier(3, timeout=PATIENCE_S)

    assert len(list(map_in_order(lambda item: together.wait(), range(3), workers=3))) == 3


@pytest.mark.usefixtures("threads_end")
@pytest.mark.parametrize("ahead", [1, AHEAD_PER_WORKER])
def test_no_more_than_a_few_items_are_taken_ahead(ahead: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(1000):
            taken += 1
            yield item

    results = map_in_order(lambda item: item, items(), workers=2, ahead_per_worker=ahead)
    next(results)

    assert taken <= 2 * ahead


@pytest.mark.usefixtures("threads_end")
@pytest.mark.parametrize("workers", [1, 3])
def test_what_the_function_raises_comes_in_its_turn_and_nothing_new_begins(
    workers: int,
) -> None:
    begun: list[int] = []
    got: list[int] = []

    def fail(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise KeyError(item)
        return item

    with pytest.raises(KeyError):
        got.extend(map_in_order(fail, range(1000), workers=workers))
    assert got == [0, 1, 2]
    assert {0, 1, 2, 3} <= set(begun)
    assert len(begun) <= 4 + workers * AHEAD_PER_WORKER


def test_what_the_items_raise_ends_the_work_and_its_threads() -> None:
    def items() -> Iterator[int]:
        yield from range(20)
        raise ZeroDivisionError

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(lambda item: item, items(), workers=3))

    assert threading.active_count() == before


@pytest.mark.usefixtures("threads_end")
def test_leaving_waits_for_nothing() -> None:
    go_on = threading.Event()

    def blocked_from_the_second_on(item: int) -> int:
        if item:
            go_on.wait(PATIENCE_S)
        return item

    results = map_in_order(blocked_from_the_second_on, range(100), workers=2)
    try:
        assert next(results) == 0
        results.close()  # type: ignore[attr-defined]
        assert not go_on.is_set()  # a thread is within the function still
    finally:
        go_on.set()


@pytest.mark.usefixtures("threads_end")
def test_one_that_the_garbage_collector_finds_while_a_thread_starts_holds_nothing_up() -> None:
    """Up to Python 3.12, a thread that starts holds a lock which every join takes."""
    cycle: list[object] = [map_in_order(lambda item: item, range(100), workers=2)]
    next(cycle[0])  # type: ignore[call-overload]
    cycle.append(cycle)
    lock = getattr(threading, "_shutdown_locks_lock", threading.Lock())

    def collect() -> None:
        with lock:
            gc.collect()

    del cycle
    collector = threading.Thread(target=collect, daemon=True)
    collector.start()
    collector.join(PATIENCE_S)

    assert not collector.is_alive()


def test_an_interrupt_while_threads_are_started_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    before, start = threading.active_count(), threading.Thread.start
    started: list[threading.Thread] = []

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        started.append(thread)
        if len(started) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(map_in_order(lambda item: item, range(100), workers=4))

    assert threading.active_count() == before


def test_a_program_ends_although_results_were_not_asked_for() -> None:
    script = (
        "from edgecls.in_order import map_in_order\n"
        "results = map_in_order(lambda item: item, range(100), workers=2)\n"
        "print(next(results))\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)

    assert done.stdout == "0\n"
