"""Which of several settings is best. Most trials and clocks are made up, so that the answer is known."""

from collections.abc import Callable
from itertools import count

import pytest

from edgecls.measuring.trials import ImageTime, Trial
from edgecls.modelfile import ModelFile
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Goal
from edgecls.runtime.tuning.candidates import Candidate, candidate_settings
from edgecls.runtime.tuning.ranking import MOST_ROUNDS, Measurement, Ranking, measure, rankings_of, take_rounds
from edgecls.runtime.tuning.timed_images import camera_like_jpegs

RANKING = Ranking(Goal.THROUGHPUT, (0, 1, 2))


def _trial(images_per_s: float, latency_ms: float) -> Trial:
    return Trial((ImageTime(0.0, 0.0, latency_ms),), 1 / images_per_s)


def _trials(*rates: list[float]) -> dict[int, list[Trial]]:
    return {number: [_trial(rate, 1000 / rate) for rate in each] for number, each in enumerate(rates)}


def test_the_best_median_leads() -> None:
    assert RANKING.leader(_trials([1, 1, 9], [2, 2, 2], [1, 3, 1])) == 1


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
def test_what_cannot_be_told_apart_is_level_in_the_order_of_the_ranking(
    rates: list[list[float]], level: tuple[int]
) -> None:
    assert RANKING.level(_trials(*rates)) == level


@pytest.mark.parametrize(
    ("rates", "is_eliminated"),
    [([50, 60], False), ([50, 60, 70], True), ([50, 90, 50], False)],
    ids=["too-early", "always", "once-near"],
)
def test_one_is_eliminated_that_was_far_behind_in_every_round(rates: list[float], is_eliminated: bool) -> None:
    assert RANKING.is_eliminated(0, _trials(rates, [100] * 3, [99] * 3)) is is_eliminated


def test_for_one_image_the_shortest_time_leads() -> None:
    trials = {0: [_trial(10, 5.0)], 1: [_trial(99, 9.0)]}

    assert Ranking(Goal.LATENCY, (0, 1)).leader(trials) == 0
    assert Ranking(Goal.THROUGHPUT, (0, 1)).leader(trials) == 1


def _runner(rates: list[float]) -> tuple[Callable[[int], Trial], list[int], Callable[[], float]]:
    """Return what runs trials of a second each, the log of who ran, and the clock."""
    log: list[int] = []

    def run(number: int) -> Trial:
        log.append(number)
        return _trial(rates[number], 1000 / rates[number])

    return run, log, lambda: float(len(log))


def test_rounds_go_on_until_the_time_is_up() -> None:
    run, log, clock = _runner([99, 100, 98])

    trials = take_rounds(run, [RANKING], deadline_s=10, clock=clock)

    assert [len(each) for each in trials.values()] == [3, 3, 3]
    assert clock() <= 10
    assert [log[:3], log[3:6], log[6:]].count([0, 1, 2]) < 3  # nobody always goes first


def test_the_first_round_is_taken_in_any_case() -> None:
    run, log, clock = _runner([99, 100, 98])

    take_rounds(run, [RANKING], deadline_s=-1, clock=clock)

    assert sorted(log) == [0, 1, 2]


def test_one_that_is_eliminated_runs_no_more_unless_it_is_in_another_ranking() -> None:
    run, _, clock = _runner([50, 100, 99, 40, 41])
    rankings = [Ranking(Goal.THROUGHPUT, (0, 1, 2, 3, 4)), Ranking(Goal.LATENCY, (3, 4))]

    trials = take_rounds(run, rankings, deadline_s=1000, clock=clock)

    assert [len(each) for each in trials.values()] == [3, *[MOST_ROUNDS] * 4]


def test_one_without_rivals_left_is_measured_only_for_its_other_ranking() -> None:
    run, _, clock = _runner([50, 100, 99])
    rankings = [Ranking(Goal.THROUGHPUT, (0, 1, 2)), Ranking(Goal.LATENCY, (0,))]

    trials = take_rounds(run, rankings, deadline_s=1000, clock=clock)

    assert [len(each) for each in trials.values()] == [3, MOST_ROUNDS, MOST_ROUNDS]


def test_a_decided_ranking_ends() -> None:
    run, log, clock = _runner([50, 100, 60])

    take_rounds(run, [RANKING], deadline_s=1000, clock=clock)

    assert len(log) == 9


def test_lasting_noise_does_not_keep_the_better_one_from_leading() -> None:
    noise = count()

    def run(number: int) -> Trial:
        rate = (100 if number == 1 else 70) * (1 + 0.1 * (next(noise) % 3))
        return _trial(rate, 1000 / rate)

    trials = take_rounds(run, [Ranking(Goal.THROUGHPUT, (0, 1))], deadline_s=1e9, clock=lambda: 0.0)

    assert Ranking(Goal.THROUGHPUT, (0, 1)).level(trials) == (1,)


def _candidates(classifier: Classifier, *settings: Setting) -> dict[int, Candidate]:
    return {number: Candidate(0, setting, classifier) for number, setting in enumerate(settings)}


def test_of_equals_the_usual_setting_of_the_cpu_is_preferred_then_the_simplest(tiny_classifier: Classifier) -> None:
    cuda = candidate_settings(Provider.CUDA, cores=4)
    candidates = _candidates(tiny_classifier, *candidate_settings(Provider.CPU, cores=4), *cuda[:1])

    throughput, latency = rankings_of(candidates)

    def told(ranking: Ranking) -> list[tuple[str, int, int, int]]:
        settings = [candidates[number].setting for number in ranking.members]
        return [(one.provider.value, one.workers, one.intra_op_threads, one.batch_size) for one in settings]

    assert told(throughput) == [
        ("cpu", 4, 1, 1),
        ("cpu", 1, 1, 1),
        ("cpu", 1, 2, 1),
        ("cpu", 2, 2, 1),
        ("cpu", 1, 4, 1),
        ("cpu", 8, 1, 1),
        ("cpu", 8, 4, 4),
        ("cpu", 32, 4, 16),
        ("cuda", 4, 1, 1),
    ]
    assert told(latency) == [("cpu", 1, 1, 1), ("cpu", 1, 2, 1), ("cpu", 1, 4, 1)]


def test_each_model_has_its_own_rankings(tiny_classifier: Classifier) -> None:
    alone = Setting(Provider.CPU, 1, 1, 1)
    candidates = {number: Candidate(number // 2, alone, tiny_classifier) for number in range(4)}

    assert rankings_of(candidates) == [
        Ranking(Goal.THROUGHPUT, (0, 1)),
        Ranking(Goal.LATENCY, (0, 1)),
        Ranking(Goal.THROUGHPUT, (2, 3)),
        Ranking(Goal.LATENCY, (2, 3)),
    ]


def test_a_setting_that_needs_too_many_images_for_the_time_is_not_measured(tiny_model: ModelFile) -> None:
    settings = Setting(Provider.CPU, 1, 1, 1), Setting(Provider.CPU, 200, 1, 100)
    candidates = [
        Candidate(0, setting, open_classifier(tiny_model, Provider.CPU, setting=setting)) for setting in settings
    ]

    reported: list[Measurement] = []
    measured = measure(
        candidates,
        camera_like_jpegs(1),
        seconds=0.01,
        deadline_s=0,
        on_progress=lambda text: None,
        on_figures=reported.append,
    )

    assert [len(each) for each in measured.trials.values()] == [1]
    assert "batches of up to 100 not measured: 400 images take too long here" in str(measured.skipped[0])
    assert [one.rounds for one in reported] == [0, 1]
    assert all(len(one.trials[0]) == 1 for one in reported)
    assert measured.rounds == 1
