"""How often one host is asked, with a clock of our own."""

import pytest

from edgecls.dataset.collect.outcomes import FetchError, StoppedError
from edgecls.dataset.collect.pace import Pace


class _Clock:
    """Time that passes by waiting only."""

    def __init__(self) -> None:
        self.now = 100.0

    def pause(self, seconds: float) -> bool:
        self.now += seconds
        return False


def _waits(pace: Pace, clock: _Clock, *hosts: str) -> list[float]:
    waits = []
    for host in hosts:
        before = clock.now
        pace.wait(host)
        waits.append(clock.now - before)
    return waits


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def pace(clock: _Clock) -> Pace:
    return Pace(0.5, max_hold_s=60, pause=clock.pause, clock=lambda: clock.now)


def test_requests_to_one_host_are_spread_and_hosts_do_not_wait_for_each_other(pace: Pace, clock: _Clock) -> None:
    assert _waits(pace, clock, "a", "b", "a", "b", "a") == [0, 0, 0.5, 0, 0.5]


def test_a_host_that_was_not_asked_for_a_while_has_saved_nothing_up(pace: Pace, clock: _Clock) -> None:
    _waits(pace, clock, "a")
    clock.now += 10

    assert _waits(pace, clock, "a", "a") == [0, 0.5]


def test_a_host_is_left_alone_as_long_as_it_asks(pace: Pace, clock: _Clock) -> None:
    pace.hold("a", 20)
    pace.hold("a", 5)

    assert _waits(pace, clock, "b", "a", "a") == [0, 20, 0.5]


def test_a_wish_that_comes_while_waiting_is_kept_too() -> None:
    clock = _Clock()

    def pause(seconds: float) -> bool:
        if clock.now == 100 and seconds:
            pace.hold("a", 30)
        return clock.pause(seconds)

    pace = Pace(0.5, max_hold_s=60, pause=pause, clock=lambda: clock.now)

    assert _waits(pace, clock, "a", "a") == [0, 30]


def test_a_host_that_asks_for_too_long_is_given_up(pace: Pace) -> None:
    pace.hold("a", 61)

    with pytest.raises(FetchError, match="a pause of 61 s") as caught:
        pace.wait("a")
    assert caught.value.outcome == "host_busy"


def test_a_crawl_delay_makes_one_host_slower_never_faster(pace: Pace, clock: _Clock) -> None:
    pace.slow_down("a", 4)
    pace.slow_down("b", 0.1)

    assert _waits(pace, clock, "a", "b", "a", "b") == [0, 0, 4, 0]
    assert _waits(pace, clock, "b") == [0.5]


def test_waiting_ends_when_the_work_is_stopped() -> None:
    pace = Pace(0.5, max_hold_s=60, pause=lambda seconds: True)

    with pytest.raises(StoppedError):
        pace.wait("a")
