"""Rounds: turns are fair, and what they tell is no more than they can."""

import time

import pytest

from edgecls.measuring.turns import Estimate, median_of, ratio_between, ratio_of, take_turns, time_rounds


def _differs_from_1(found: Estimate) -> bool:
    return not found.low <= 1 <= found.high


def test_every_subject_is_measured_once_a_round_and_warm_up_is_left_out() -> None:
    calls: list[str] = []

    def subject(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    found = take_turns({"a": lambda: subject("a"), "b": lambda: subject("b")}, rounds=3, warm_up=2)

    assert [sorted(calls[turn : turn + 2]) for turn in range(0, 10, 2)] == [["a", "b"]] * 5
    assert sorted(found["a"] + found["b"]) == [5, 6, 7, 8, 9, 10]


def test_nobody_always_goes_first() -> None:
    firsts: list[str] = []
    taken = 0

    def subject(name: str) -> float:
        nonlocal taken
        if taken % 2 == 0:
            firsts.append(name)
        taken += 1
        return 0.0

    take_turns({"a": lambda: subject("a"), "b": lambda: subject("b")}, rounds=20, warm_up=0)

    assert set(firsts) == {"a", "b"}


def test_times_are_those_of_the_subject() -> None:
    def spin() -> None:
        end_s = time.perf_counter() + 0.002
        while time.perf_counter() < end_s:
            pass

    assert all(taken >= 0.002 for taken in time_rounds({"spin": spin}, rounds=3)["spin"])


def test_a_steady_figure_has_a_narrow_interval() -> None:
    found = median_of([10.0, 10.1, 9.9, 10.0, 10.05])

    assert found.low <= found.value <= found.high
    assert found.value == 10.0
    assert not found.is_noisy


def test_a_figure_that_jumps_is_noisy() -> None:
    assert median_of([10.0, 17.0, 9.0, 20.0, 10.5]).is_noisy


def test_a_drift_that_hits_both_leaves_the_ratio_alone() -> None:
    baseline = [1.0, 2.0, 4.0, 1.5, 3.0]

    found = ratio_of([1.2 * value for value in baseline], baseline)

    assert found.value == pytest.approx(1.2)
    assert _differs_from_1(found)
    assert not found.is_noisy


def test_a_difference_within_the_noise_is_none() -> None:
    assert not _differs_from_1(ratio_of([1.0, 0.9, 1.2, 1.1, 0.95], [1.0] * 5))


def test_rounds_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio_of([1.0, 2.0], [1.0])


def test_no_round_begins_that_would_end_too_late() -> None:
    times_s = iter(range(100))

    def take(*, deadline_s: float) -> int:
        now_s = 0

        def work() -> int:
            nonlocal now_s
            now_s += 10
            return next(times_s)

        found = take_turns({"a": work}, rounds=20, warm_up=1, deadline_s=deadline_s, clock=lambda: now_s)
        return len(found["a"])

    assert take(deadline_s=45) == 3  # after a warm-up of 10 s: they end at 20, 30 and 40
    assert take(deadline_s=0) == 1
    assert take(deadline_s=1000) == 20


def test_figures_of_different_rounds_are_compared_by_their_medians() -> None:
    found = ratio_between([1.2, 1.21, 1.19, 1.2, 1.22, 1.18], [1.0, 1.01, 0.99, 1.0])

    assert found.value == pytest.approx(1.2)
    assert _differs_from_1(found)
    assert not _differs_from_1(ratio_between([1.0, 0.6, 1.9, 1.3], [1.0, 1.7, 0.8, 0.7]))


def test_more_confidence_takes_a_wider_interval() -> None:
    values = [1.0, 1.1, 0.9, 1.2, 0.8, 1.05]
    usual, sure = (ratio_between(values, values, confidence=confidence) for confidence in (0.95, 0.999))

    assert sure.low < usual.low < 1 < usual.high < sure.high
