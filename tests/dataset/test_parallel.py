"""Working on several items at once."""

import threading
from collections.abc import Iterator

import pytest

from edgecls.dataset.parallel import WAITING_PER_WORKER, map_in_order


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_with_their_items_in_order(workers: int) -> None:
    assert list(map_in_order(lambda item: item * item, range(50), workers=workers)) == [
        (item, item * item) for item in range(50)
    ]


def test_several_items_are_worked_on_at_once() -> None:
    together = threading.Barrier(3, timeout=20)

    assert len(list(map_in_order(lambda item: together.wait(), range(3), workers=3))) == 3


def test_no_more_than_a_few_items_are_taken_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(1000):
            taken += 1
            yield item

    results = map_in_order(lambda item: item, items(), workers=2)
    next(results)

    assert taken <= 2 * WAITING_PER_WORKER
    results.close()  # type: ignore[attr-defined]


def test_a_failure_comes_out_and_nothing_new_begins() -> None:
    begun: list[int] = []

    def fail(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise KeyError(item)
        return item

    with pytest.raises(KeyError):
        list(map_in_order(fail, range(1000), workers=1))
    assert len(begun) <= 3 + WAITING_PER_WORKER + 1
