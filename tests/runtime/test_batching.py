"""Batches of what is there."""

import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from edgecls.runtime.batching import Batcher

TIMEOUT_S = 120


def _image(value: int) -> npt.NDArray[np.uint8]:
    return np.full((2, 2, 3), value, np.uint8)


def _answers(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Give each image a row that tells which one it was."""
    return batch[:, 0, 0, :2].astype(np.float32)


class GatedRunner:
    """Answers like `_answers`, but each batch only after `let_go`; notes the sizes and threads of the batches."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.threads: list[int] = []
        self.started = threading.Semaphore(0)
        self._gate = threading.Semaphore(0)
        self._busy = threading.Lock()

    def __call__(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        assert self._busy.acquire(blocking=False), "two batches at once"
        self.sizes.append(len(batch))
        self.threads.append(threading.get_ident())
        self.started.release()
        assert self._gate.acquire(timeout=TIMEOUT_S)
        self._busy.release()
        return _answers(batch)

    def let_go(self, batches: int) -> None:
        self._gate.release(batches)


def _submit_in_threads(batcher: Batcher, values: range) -> tuple[list[threading.Thread], dict[int, object]]:
    found: dict[int, object] = {}

    def submit(value: int) -> None:
        try:
            found[value] = batcher.submit(_image(value)).row.tolist()
        except ArithmeticError as error:
            found[value] = error

    threads = [threading.Thread(target=submit, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    return threads, found


def _wait_until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(TIMEOUT_S * 1000):
        if condition():
            return
        waiting.wait(0.001)
    raise AssertionError("it never happened")


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


def test_a_lone_image_runs_at_once_in_the_thread_that_brings_it() -> None:
    runner = GatedRunner()
    runner.let_go(2)
    batcher = Batcher(runner, sizes=(8,))

    rows = [batcher.submit(_image(value)).row.tolist() for value in (3, 4)]

    assert rows == [[3, 3], [4, 4]]
    assert runner.sizes == [1, 1]
    assert set(runner.threads) == {threading.get_ident()}


def test_what_has_queued_while_a_batch_ran_goes_next() -> None:
    runner = GatedRunner()
    batcher = Batcher(runner, sizes=(4, 2, 1))
    first, found_first = _submit_in_threads(batcher, range(1))
    assert runner.started.acquire(timeout=TIMEOUT_S)
    rest, found = _submit_in_threads(batcher, range(1, 8))
    _wait_until(lambda: batcher.queued == 7)
    runner.let_go(5)
    _join([*first, *rest])

    assert runner.sizes == [1, 4, 2, 1]  # the largest size that is there
    assert {**found_first, **found} == {value: [value, value] for value in range(8)}
    assert batcher.queued == 0


def test_an_image_knows_how_long_it_waited_for_its_batch() -> None:
    runner = GatedRunner()
    batcher = Batcher(runner, sizes=(2,))
    waited: list[float] = []
    threads = [threading.Thread(target=lambda: waited.append(batcher.submit(_image(1)).queued_s)) for _ in range(2)]
    threads[0].start()
    assert runner.started.acquire(timeout=TIMEOUT_S)
    threads[1].start()
    _wait_until(lambda: batcher.queued == 1)
    queued_s = time.perf_counter()
    _wait_until(lambda: time.perf_counter() > queued_s + 0.01)
    runner.let_go(2)
    _join(threads)

    alone_s, behind_s = sorted(waited)
    assert 0 <= alone_s < behind_s
    assert behind_s >= 0.01


def test_a_batch_that_fails_fails_for_its_images_alone() -> None:
    gated = GatedRunner()

    def run(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        rows = gated(batch)
        if len(batch) == 2:
            raise ArithmeticError("no")
        return rows

    batcher = Batcher(run, sizes=(2,))
    first, found_first = _submit_in_threads(batcher, range(1))
    assert gated.started.acquire(timeout=TIMEOUT_S)
    rest, found = _submit_in_threads(batcher, range(1, 4))
    _wait_until(lambda: batcher.queued == 3)
    gated.let_go(9)
    _join([*first, *rest])

    failed = [value for value, answer in found.items() if isinstance(answer, ArithmeticError)]
    assert gated.sizes == [1, 2, 1]
    assert len(failed) == 2
    assert found_first == {0: [0, 0]}
    assert [answer for value, answer in found.items() if value not in failed] == [
        [value, value] for value in found if value not in failed
    ]
    assert batcher.submit(_image(9)).row.tolist() == [9, 9]


def test_a_runner_that_loses_a_row_is_an_error_and_not_a_wrong_answer() -> None:
    with pytest.raises(ValueError, match="zip"):
        Batcher(lambda batch: _answers(batch)[1:], sizes=(1,)).submit(_image(1))


@pytest.mark.parametrize("sizes", [(1,), (2, 1), (16, 8, 4, 2, 1), (5,)], ids=str)
def test_every_one_of_many_threads_gets_its_own_answers(sizes: tuple[int, ...]) -> None:
    seen: list[int] = []

    def run(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        seen.append(len(batch))
        return _answers(batch)

    batcher = Batcher(run, sizes)
    wrong: list[int] = []

    def submit_many(offset: int) -> None:
        for step in range(200):
            value = (offset * 31 + step) % 256
            if batcher.submit(_image(value)).row.tolist() != [value, value]:
                wrong.append(value)

    threads = [threading.Thread(target=submit_many, args=(offset,)) for offset in range(12)]
    for thread in threads:
        thread.start()
    _join(threads)

    assert wrong == []
    assert sum(seen) == 12 * 200
    assert set(seen) <= {1, *sizes}
