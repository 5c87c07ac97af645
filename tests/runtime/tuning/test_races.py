"""Which of several settings is best. Trials and clock are made up, so that the answer is known."""

from collections.abc import Callable
from itertools import count

import pytest

from edgecls.measuring.trials import ImageTime, Trial
from edgecls.runtime.tuned import Goal
from edgecls.runtime.tuning.races import MOST_ROUNDS, Race, take_rounds

RACE = Race(Goal.THROUGHPUT, (0, 1, 2))


def _trial(images_per_s: float, latency_ms: float) -> Trial:
    return Trial((ImageTime(0.0, 0.0, latency_ms),), 1 / images_per_s)


def _trials(*rates: list[float]) -> dict[int, list[Trial]]:
    return {number: [_trial(rate, 1000 / rate) for rate in each] for number, each in enumerate(rates)}


def test_the_best_median_leads() -> None:
    assert RACE.leader(_trials([1, 1, 9], [2, 2, 2], [1, 3, 1])) == 1


@pytest.mark.parametrize(
    ("rates", "level"),
    [
        ([[98, 97, 99], [100, 100, 100], [90, 91, 92]], (0, 1)),
        ([[60, 110, 60, 120, 60], [100, 100, 100, 100, 100], [99, 50, 99, 50, 50]], (0, 1)),
        ([[80, 81, 82], [90, 91, 92], [100, 101, 102]], (2,)),
        ([[50, 100, 25], [51, 102, 26], [40, 80, 20]], (0, 1)),
    ],
    ids=["within-3-percent", "sometimes-ahead", "apart", "drifting-machine"],
)
def test_what_cannot_be_told_apart_is_level_in_the_order_of_the_race(
    rates: list[list[float]], level: tuple[int]
) -> None:
    assert RACE.level(_trials(*rates)) == level


@pytest.mark.parametrize(
    ("rates", "has_lost"),
    [([50, 60], False), ([50, 60, 70], True), ([50, 90, 50], False)],
    ids=["too-early", "always", "once-near"],
)
def test_one_has_lost_that_was_far_behind_in_every_round(rates: list[float], has_lost: bool) -> None:
    assert RACE.has_lost(0, _trials(rates, [100] * 3, [99] * 3)) is has_lost


def test_for_one_image_the_shortest_time_leads() -> None:
    trials = {0: [_trial(10, 5.0)], 1: [_trial(99, 9.0)]}

    assert Race(Goal.LATENCY, (0, 1)).leader(trials) == 0
    assert Race(Goal.THROUGHPUT, (0, 1)).leader(trials) == 1


def _runner(rates: list[float]) -> tuple[Callable[[int], Trial], list[int], Callable[[], float]]:
    """Return what runs trials of a second each, the log of who ran, and the clock."""
    log: list[int] = []

    def run(number: int) -> Trial:
        log.append(number)
        return _trial(rates[number], 1000 / rates[number])

    return run, log, lambda: float(len(log))


def test_rounds_go_on_until_the_time_is_up() -> None:
    run, log, clock = _runner([99, 100, 98])

    trials = take_rounds(run, [RACE], deadline_s=10, clock=clock)

    assert [len(each) for each in trials.values()] == [3, 3, 3]
    assert clock() <= 10
    assert [log[:3], log[3:6], log[6:]].count([0, 1, 2]) < 3  # nobody always goes first


def test_the_first_round_is_taken_in_any_case() -> None:
    run, log, clock = _runner([99, 100, 98])

    take_rounds(run, [RACE], deadline_s=-1, clock=clock)

    assert sorted(log) == [0, 1, 2]


def test_one_that_has_lost_runs_no_more_unless_it_is_in_another_race() -> None:
    run, _, clock = _runner([50, 100, 99, 40, 41])
    races = [Race(Goal.THROUGHPUT, (0, 1, 2, 3, 4)), Race(Goal.LATENCY, (3, 4))]

    trials = take_rounds(run, races, deadline_s=1000, clock=clock)

    assert [len(each) for each in trials.values()] == [3, *[MOST_ROUNDS] * 4]


def test_one_that_has_nobody_to_race_with_is_measured_only_for_its_other_race() -> None:
    run, _, clock = _runner([50, 100, 99])
    races = [Race(Goal.THROUGHPUT, (0, 1, 2)), Race(Goal.LATENCY, (0,))]

    trials = take_rounds(run, races, deadline_s=1000, clock=clock)

    assert [len(each) for each in trials.values()] == [3, MOST_ROUNDS, MOST_ROUNDS]


def test_a_decided_race_ends() -> None:
    run, log, clock = _runner([50, 100, 60])

    take_rounds(run, [RACE], deadline_s=1000, clock=clock)

    assert len(log) == 9


def test_lasting_noise_does_not_keep_the_better_one_from_leading() -> None:
    noise = count()

    def run(number: int) -> Trial:
        rate = (100 if number == 1 else 70) * (1 + 0.1 * (next(noise) % 3))
        return _trial(rate, 1000 / rate)

    trials = take_rounds(run, [Race(Goal.THROUGHPUT, (0, 1))], deadline_s=1e9, clock=lambda: 0.0)

    assert Race(Goal.THROUGHPUT, (0, 1)).level(trials) == (1,)
