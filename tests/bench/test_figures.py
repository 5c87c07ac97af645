"""Figures: what trials tell, and when it is too little."""

import pytest

from edgecls.bench.trials import LEAST_ROUNDS, figures_of, is_too_noisy
from edgecls.measuring.trials import ImageTime, Trial


def _trial(*latencies_ms: float) -> Trial:
    return Trial(tuple(ImageTime(1.0, 2.0, latency - 3.0) for latency in latencies_ms), sum(latencies_ms) / 1000)


def test_medians_are_taken_over_rounds_and_percentiles_over_all_images() -> None:
    figures = figures_of([_trial(10, 10, 10), _trial(12, 12, 100), _trial(11, 11, 11)])

    assert figures.images == 9
    assert figures.latency_ms == (10, 12, 11)
    assert figures.latency.value == 11
    assert figures.images_per_s == pytest.approx((100, 3000 / 124, 3000 / 33))
    assert 12 < figures.p95_ms < figures.p99_ms < 100


def test_stages_are_means_so_that_they_add_up() -> None:
    figures = figures_of([_trial(10, 20), _trial(10, 20)])

    assert figures.stages == ImageTime(1.0, 2.0, 12.0)
    assert figures.stages.latency_ms == 15


@pytest.mark.parametrize(
    ("rounds", "noisy"),
    [
        ([10.0] * LEAST_ROUNDS, False),
        ([10.0, 10.1, 9.9, 10.0, 10.2, 9.8], False),
        ([10.0] * (LEAST_ROUNDS - 1), True),
        ([10.0, 20.0, 9.0, 18.0, 10.0, 19.0], True),
        ([], True),
    ],
    ids=["steady", "nearly steady", "few rounds", "jumping", "none"],
)
def test_few_rounds_and_rounds_that_jump_are_too_noisy(rounds: list[float], noisy: bool) -> None:
    assert is_too_noisy(rounds) is noisy
