"""Load at a fixed rate: with a simulated clock and server its latencies follow from arithmetic; then over sockets."""

import math
import sys
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from echo_server import EchoServer, echo_server

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from open_loop import Ended, Exchange, drive, run_open_loop, summary, times_at

MS = 0.001


class SimulatedWire:
    """A server that answers one request after the other, and its clock, which only waiting and sending move.

    Args:
        service_s: How long each takes.
        connections: To the server.
        stall_s: From when to when it does nothing.
        sending_s: How long the client takes to send one.
    """

    def __init__(
        self,
        *,
        service_s: float,
        connections: int = 1000,
        stall_s: tuple[float, float] = (math.inf, math.inf),
        sending_s: float = 0.0,
    ) -> None:
        self.now_s = 0.0
        self._service_s, self._stall_s, self._sending_s = service_s, stall_s, sending_s
        self._free = deque([-math.inf] * connections)
        self._ends: deque[tuple[float, int]] = deque()
        self._idle_from_s = 0.0

    def clock(self) -> float:
        return self.now_s

    def free_since(self) -> float | None:
        return self._free[0] if self._free else None

    def send(self, number: int) -> None:
        self._free.popleft()
        self.now_s += self._sending_s
        begin_s = max(self.now_s, self._idle_from_s)
        stall_from_s, stall_to_s = self._stall_s
        if stall_from_s <= begin_s < stall_to_s:
            begin_s = stall_to_s
        self._idle_from_s = begin_s + self._service_s
        self._ends.append((self._idle_from_s, number))

    def wait(self, until_s: float) -> list[Ended]:
        if not self._ends or self._ends[0][0] > until_s:
            self.now_s = max(self.now_s, until_s)
            return []
        end_s, number = self._ends.popleft()
        self.now_s = max(self.now_s, end_s)
        self._free.append(self.now_s)
        return [Ended(number, self.now_s, True)]


def _latencies_ms(wire: SimulatedWire, rate: float, seconds: float) -> list[float]:
    exchanges = drive(times_at(rate, seconds=seconds, start_s=0.0), wire, clock=wire.clock)
    return [round(1000 * ((one.done_s or math.nan) - one.intended_s), 6) for one in exchanges]


def test_requests_are_spread_evenly() -> None:
    assert times_at(4, seconds=1, start_s=10) == [10, 10.25, 10.5, 10.75]
    assert times_at(0.1, seconds=1, start_s=10) == [10]


def test_a_server_that_keeps_up_shows_its_own_time() -> None:
    assert set(_latencies_ms(SimulatedWire(service_s=3 * MS), rate=100, seconds=1)) == {3.0}


def test_everyone_who_would_have_asked_meets_a_stall() -> None:
    """From 500 ms on the server does nothing for 100 ms; requests come every 10 ms, and take 1 ms each."""
    latencies_ms = _latencies_ms(SimulatedWire(service_s=1 * MS, stall_s=(0.5, 0.6)), rate=100, seconds=1)

    # Those of 500, 510, ..., 590 ms wait until 600 ms and then for those before them; that of 600 ms for all ten.
    in_stall = [600 - (500 + 10 * place) + (place + 1) for place in range(10)]
    assert latencies_ms[:50] == pytest.approx([1.0] * 50)
    assert latencies_ms[50:60] == pytest.approx(in_stall)
    assert latencies_ms[60] == pytest.approx(11.0)
    assert latencies_ms[61] == pytest.approx(2.0)
    assert latencies_ms[62:] == pytest.approx([1.0] * 38)


def test_who_waits_for_a_connection_counts_from_when_it_wanted_to_ask_and_the_client_is_not_late() -> None:
    """One connection, 10 ms an answer, a request every 5 ms: each waits 5 ms longer than the one before."""
    wire = SimulatedWire(service_s=10 * MS, connections=1)
    exchanges = drive(times_at(200, seconds=0.05, start_s=0.0), wire, clock=wire.clock)

    found = summary(exchanges, rate=200)
    latencies_ms = [1000 * ((one.done_s or math.nan) - one.intended_s) for one in exchanges]
    assert latencies_ms == pytest.approx([10 + 5 * place for place in range(10)])
    assert found.late_p99_ms == pytest.approx(0.0, abs=1e-9)
    assert found.per_s == pytest.approx(100)
    assert found.longest_ms == pytest.approx(55)
    assert not found.is_client_late


def test_a_slow_client_is_told_apart() -> None:
    """Sending takes 20 ms where a request is to go every 10: every one is sent later than the one before."""
    wire = SimulatedWire(service_s=0.0, sending_s=20 * MS)
    exchanges = drive(times_at(100, seconds=0.1, start_s=0.0), wire, clock=wire.clock)

    late_ms = [1000 * (one.sent_s - one.could_s) for one in exchanges if one.sent_s is not None]
    assert late_ms == pytest.approx([10 * place for place in range(10)])
    found = summary(exchanges, rate=100)
    assert found.late_p99_ms == pytest.approx(float(np.percentile(late_ms, 99)))
    assert found.is_client_late


def test_what_is_not_answered_is_given_up_and_counts_as_failed() -> None:
    wire = SimulatedWire(service_s=1 * MS, stall_s=(0.05, math.inf))
    exchanges = drive(times_at(100, seconds=0.1, start_s=0.0), wire, clock=wire.clock, patience_s=2.0)

    assert [one.ok for one in exchanges] == [True] * 5 + [False] * 5
    assert summary(exchanges, rate=100).failed == 5
    assert wire.now_s == pytest.approx(0.09 + 2.0)


def test_nothing_answered_at_all_has_no_latency() -> None:
    found = summary([Exchange(0.0)], rate=1)

    assert (found.failed, found.per_s) == (1, 0.0)
    assert math.isnan(found.p99_ms)


def _url(server: EchoServer, path: str) -> str:
    host, port = server.address
    return f"http://{host}:{port}{path}"


def test_over_sockets_every_request_is_answered_once() -> None:
    body = b"an image of 200 kilobytes" * 8000
    with echo_server() as server:
        found = run_open_loop(_url(server, "/size?1000"), body, "image/jpeg", rate=100, seconds=0.3, connections=4)

        assert [path for path, _ in server.handler.noted] == ["/size"] * 30

    assert found.failed == 0
    assert 0 < found.p50_ms <= found.p99_ms <= found.longest_ms


def test_over_sockets_what_is_refused_or_breaks_counts_as_failed() -> None:
    with echo_server() as server:
        found = run_open_loop(_url(server, "/forbidden"), b"x" * 100_000, "image/jpeg", rate=100, seconds=0.1)

    assert found.failed == 10
