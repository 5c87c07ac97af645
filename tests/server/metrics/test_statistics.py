"""Counts and times of inference."""

import json
from concurrent.futures import ThreadPoolExecutor

from edgecls.server.metrics.statistics import (
    SNAPSHOT_NAME,
    InferenceTimes,
    ModelStatistics,
    Statistics,
    Tally,
    combined,
)


def test_times_are_added_up_in_all_and_by_batch_size() -> None:
    statistics = Statistics()

    statistics.succeeded("a", 1, InferenceTimes(1, 10, 100, 1000))
    statistics.succeeded("a", 4, InferenceTimes(2, 20, 200, 2000))
    statistics.succeeded("a", 4, InferenceTimes(3, 30, 300, 3000))
    statistics.failed("a", 7)

    found = combined([statistics.snapshot()], "a")
    assert found.images == 9
    assert found.success == Tally(3, 6666)
    assert found.fail == Tally(1, 7)
    assert found.queue == Tally(3, 6)
    assert (found.stages.input, found.stages.infer, found.stages.output) == (
        Tally(3, 60),
        Tally(3, 600),
        Tally(3, 6000),
    )
    assert set(found.by_batch_size) == {1, 4}
    assert found.by_batch_size[4].infer == Tally(2, 500)
    assert found.last_inference_ms > 1_700_000_000_000


def test_a_model_that_did_nothing_has_zeros() -> None:
    statistics = Statistics()
    statistics.failed("a", 7)

    assert combined([statistics.snapshot()], "b") == ModelStatistics()


def test_what_was_asked_for_does_not_change_afterwards() -> None:
    statistics = Statistics()
    before = combined([statistics.snapshot()], "a")

    statistics.succeeded("a", 1, InferenceTimes(1, 1, 1, 1))

    assert before == ModelStatistics()


def test_threads_do_not_lose_counts() -> None:
    statistics = Statistics()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(2000):
            pool.submit(statistics.succeeded, "a", 1, InferenceTimes(1, 1, 1, 1))

    assert combined([statistics.snapshot()], "a").success == Tally(2000, 8000)


def test_the_counts_of_several_processes_make_one() -> None:
    here, there = Statistics(), Statistics()
    here.succeeded("a", 2, InferenceTimes(1, 10, 100, 1000))
    here.failed("a", 5)
    there.succeeded("a", 2, InferenceTimes(2, 20, 200, 2000))
    there.succeeded("b", 1, InferenceTimes(9, 9, 9, 9))
    # As it comes from another process.
    told = json.loads(json.dumps([list(series.items()) for series in there.snapshot().values()]))
    snapshots = [here.snapshot(), {SNAPSHOT_NAME: {tuple(name): numbers for name, numbers in told[0]}}]

    found = combined(snapshots, "a")

    assert (found.images, found.success, found.fail) == (4, Tally(2, 3333), Tally(1, 5))
    assert found.by_batch_size[2].infer == found.stages.infer == Tally(2, 300)
    assert found.last_inference_ms == max(combined([one], "a").last_inference_ms for one in snapshots)
