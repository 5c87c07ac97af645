import pytest

from edgecls.server.metrics.counters import Counter, Family, Histogram, summed

COUNT = Family("things_total", "Things.", ("kind",))
TIMES = Family("times_seconds", "Times.", ("kind",), (0.1, 1.0))


def test_a_counter_counts_by_labels() -> None:
    counter = Counter(COUNT)
    counter.add(("a",))
    counter.add(("b",), 3)
    counter.add(("a",))

    assert counter.snapshot() == {("a",): [2], ("b",): [3]}


@pytest.mark.parametrize(
    ("value", "counts"),
    [(0.0, [1, 0, 0]), (0.1, [1, 0, 0]), (0.11, [0, 1, 0]), (1.0, [0, 1, 0]), (99.0, [0, 0, 1])],
)
def test_an_observation_falls_into_the_first_bucket_whose_bound_holds_it(value: float, counts: list[int]) -> None:
    histogram = Histogram(TIMES)
    histogram.observe(("a",), value)

    assert histogram.snapshot() == {("a",): [*counts, value]}


def test_a_snapshot_does_not_change_afterwards() -> None:
    counter, histogram = Counter(COUNT), Histogram(TIMES)
    counter.add(("a",))
    histogram.observe(("a",), 0.5)
    taken = counter.snapshot(), histogram.snapshot()
    counter.add(("a",))
    histogram.observe(("a",), 0.5)

    assert taken == ({("a",): [1]}, {("a",): [0, 1, 0, 0.5]})


def test_snapshots_of_several_processes_make_a_sum() -> None:
    first = {"things_total": {("a",): [1.0], ("b",): [2.0]}}
    second = {"things_total": {("b",): [5.0]}, "times_seconds": {("a",): [1.0, 0.0, 0.0, 0.25]}}

    assert summed([first, second, {}]) == {
        "things_total": {("a",): [1], ("b",): [7]},
        "times_seconds": {("a",): [1, 0, 0, 0.25]},
    }
    assert first == {"things_total": {("a",): [1.0], ("b",): [2.0]}}
