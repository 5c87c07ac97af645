"""The simulation of queues against what is known of them, and what the server does that theory leaves out."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from fleet_queue import (
    Autoscaler,
    PodShape,
    arrivals_at,
    burst_rate,
    erlang_b,
    mdc_wait_s,
    mmc_wait_s,
    simulate,
)

COUNT = 150_000
UNBOUNDED = 10**9


def _poisson(rate: float, seed: int = 3) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, COUNT))


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.8])
def test_one_server_with_equal_times_waits_as_pollaczek_and_khinchine_say(busy: float) -> None:
    expected = busy / (2 * (1 - busy))

    assert mdc_wait_s(busy, 1.0, 1) == pytest.approx(expected, rel=1e-6)
    found = simulate(_poisson(busy), lambda: 1.0, shape=PodShape(1, UNBOUNDED))
    assert found.waits_s.mean() == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize(("servers", "busy"), [(2, 0.5), (2, 0.8), (8, 0.8)])
def test_several_servers_with_equal_times_wait_as_crommelin_says(servers: int, busy: float) -> None:
    expected = mdc_wait_s(busy * servers, 1.0, servers)

    found = simulate(_poisson(busy * servers), lambda: 1.0, shape=PodShape(servers, UNBOUNDED))

    assert found.waits_s.mean() == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize(("servers", "busy"), [(1, 0.7), (3, 0.8)])
def test_exponential_times_wait_as_erlang_says(servers: int, busy: float) -> None:
    times = np.random.default_rng(4).exponential(1.0, COUNT).tolist()

    found = simulate(_poisson(busy * servers), iter(times).__next__, shape=PodShape(servers, UNBOUNDED))

    assert found.waits_s.mean() == pytest.approx(mmc_wait_s(busy * servers, 1.0, servers), rel=0.1)


def test_the_formulas_agree_where_they_meet() -> None:
    assert mmc_wait_s(0.5, 1.0, 1) == pytest.approx(1.0)
    assert erlang_b(2.0, 2) == pytest.approx(0.4)
    assert mdc_wait_s(0.8, 1.0, 1) == pytest.approx(mmc_wait_s(0.8, 1.0, 1) / 2)


@pytest.mark.parametrize("constant", [True, False], ids=["equal-times", "exponential-times"])
def test_without_a_queue_as_many_are_refused_as_erlang_says(constant: bool) -> None:
    random = np.random.default_rng(5)
    service = (lambda: 1.0) if constant else (lambda: float(random.exponential()))

    found = simulate(_poisson(3.0), service, shape=PodShape(4, 0))

    assert found.refused == pytest.approx(erlang_b(3.0, 4), rel=0.05)
    assert found.waits_s.max() == 0


def test_a_full_queue_bounds_the_wait_and_refuses_the_rest() -> None:
    found = simulate(_poisson(3.0), lambda: 1.0, shape=PodShape(2, 10))

    assert found.waits_s.max() <= 10 / 2 + 1
    assert found.refused == pytest.approx(1 / 3, abs=0.01)
    assert len(found.waits_s) + len(found.refused_s) == COUNT
    assert found.totals_s == pytest.approx(found.waits_s + 1.0)


def test_requests_that_come_together_wait_in_the_order_in_which_they_came() -> None:
    found = simulate([0.0] * 5, lambda: 1.0, shape=PodShape(2, 2))

    assert found.waits_s.tolist() == [0, 0, 1, 1]
    assert found.refused_s.tolist() == [0]


def test_pods_take_turns() -> None:
    found = simulate([0.0] * 4, lambda: 1.0, pods=2, shape=PodShape(1, 1))

    assert sorted(found.waits_s.tolist()) == [0, 0, 1, 1]


def test_the_autoscaler_follows_a_burst_after_its_lag_and_goes_back_after_its_patience() -> None:
    rate = burst_rate(100, 4, from_s=60, for_s=120)
    arrivals = arrivals_at(rate, until_s=900, most=400, seed=6)
    scaler = Autoscaler(target=4, most=16, every_s=15, start_s=20, double_s=30, keep_s=300)

    found = simulate(arrivals, lambda: 0.01, pods=1, shape=PodShape(2, 64), autoscaler=scaler)

    grown = [(time_s, count) for time_s, count in found.pods if count > 1]
    assert 60 + scaler.start_s <= grown[0][0] <= 60 + scaler.every_s + scaler.start_s + 1
    assert max(count for _, count in found.pods) <= 4
    assert found.pods[-1][1] == 1
    assert found.pods[-1][0] >= 180 + scaler.keep_s - scaler.every_s
    during = (found.refused_s > 60) & (found.refused_s < grown[0][0] + 1)
    assert during.sum() > 0.9 * len(found.refused_s) > 0
    fixed = simulate(arrivals, lambda: 0.01, pods=1, shape=PodShape(2, 64))
    assert fixed.refused > 2 * found.refused


def test_arrivals_have_the_rate_that_was_asked_for() -> None:
    arrivals = arrivals_at(burst_rate(50, 3, from_s=100, for_s=100), until_s=300, most=150, seed=7)

    inside = ((arrivals >= 100) & (arrivals < 200)).sum()
    assert inside == pytest.approx(15_000, rel=0.03)
    assert len(arrivals) - inside == pytest.approx(10_000, rel=0.03)
    assert math.isclose(np.diff(arrivals).min(), 0, abs_tol=0.1)
    assert (np.diff(arrivals) >= 0).all()
