"""Queues before a fleet: a simulation of servers with a bounded queue, bursts, and an autoscaler that lags behind.

Each pod is as `edgecls serve` is: so many requests compute at the same time, so many wait in the order in which they
came, and all others get 503 at once. Requests go to the pods in turn, as with a Service of Kubernetes on average. The
autoscaler does what deploy/kubernetes/autoscaling.yaml asks for: every 15 s it compares the mean number of waiting
requests and the busy part of the cores with their targets, and the larger need counts; it at most doubles the pods
every 30 s, and removes them only after 300 s of less need.

    python benchmarks/fleet_queue.py [--pods 10] [--rate 2000] [--burst 3] [--burst-s 60] [--start-s 30] [--help]
"""

import argparse
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = [
    "Autoscaler",
    "Outcome",
    "PodShape",
    "arrivals_at",
    "burst_rate",
    "erlang_b",
    "mdc_wait_s",
    "mmc_wait_s",
    "simulate",
]

Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PodShape:
    """A pod.

    Attributes:
        slots: Requests that compute at the same time: its cores.
        max_waiting: Requests that may wait; `edgecls serve --max-waiting`.
    """

    slots: int = 2
    max_waiting: int = 256


@dataclass(frozen=True)
class Autoscaler:
    """A HorizontalPodAutoscaler on the number of waiting requests and on how busy the cores are.

    Attributes:
        target: Waiting requests per pod that it aims at.
        busy: The part of the cores that should be busy.
        most: Pods at most.
        every_s: Seconds between two looks.
        start_s: From its decision to a pod that takes requests: scheduling, fetching the image, start, readiness.
        double_s: It may double the pods once in so many seconds.
        keep_s: It removes pods when fewer would have done for so long.
    """

    target: float = 4.0
    busy: float = 0.8
    most: int = 1000
    every_s: float = 15.0
    start_s: float = 30.0
    double_s: float = 30.0
    keep_s: float = 300.0


@dataclass
class Outcome:
    """What came of a simulation.

    Attributes:
        waits_s: Of each request that was answered, how long it waited for a slot.
        totals_s: The same with the time that it computed.
        arrivals_s: When each of these came.
        refused_s: When requests came that were refused.
        pods: When the number of pods that take requests changed, and to which, from the start.
    """

    waits_s: Times
    totals_s: Times
    arrivals_s: Times
    refused_s: Times
    pods: list[tuple[float, int]]

    @property
    def refused(self) -> float:
        """The part of all requests that was refused."""
        count = len(self.waits_s) + len(self.refused_s)
        return len(self.refused_s) / count if count else 0.0


@dataclass
class _Pod:
    free: int
    waiting: deque[tuple[float, float]] = field(default_factory=deque)  # arrival, and how long it will compute


def simulate(
    arrivals_s: Sequence[float] | Times,
    service_s: Callable[[], float],
    *,
    pods: int = 1,
    shape: PodShape = PodShape(),
    autoscaler: Autoscaler | None = None,
) -> Outcome:
    """Run requests through pods.

    Args:
        arrivals_s: When requests come, in order.
        service_s: How long the next one computes.
        pods: How many there are at the start, and at least.
        shape: Of each.
        autoscaler: Adds and removes pods; None for a fixed number.
    """
    fleet = [_Pod(shape.slots) for _ in range(pods)]
    waits: list[float] = []
    totals: list[float] = []
    came: list[float] = []
    refused: list[float] = []
    history = [(0.0, pods)]
    leaving: list[tuple[float, int, _Pod]] = []  # when a request is done
    starting: list[float] = []  # when pods that were ordered are ready
    numbers, turn = itertools.count(), 0
    look_s = autoscaler.every_s if autoscaler else math.inf
    doubled_s, wanted_before = -math.inf, deque[tuple[float, int]]()
    begun_s = 0.0  # computing time of what began since the last look

    def begin(pod: _Pod, now_s: float, came_s: float, takes_s: float) -> None:
        nonlocal begun_s
        begun_s += takes_s
        waits.append(now_s - came_s)
        totals.append(now_s - came_s + takes_s)
        came.append(came_s)
        heapq.heappush(leaving, (now_s + takes_s, next(numbers), pod))

    def advance(until_s: float) -> None:
        while leaving and leaving[0][0] <= until_s:
            now_s, _, pod = heapq.heappop(leaving)
            if pod.waiting:
                begin(pod, now_s, *pod.waiting.popleft())
            else:
                pod.free += 1

    def look(now_s: float, scaler: Autoscaler) -> None:
        nonlocal begun_s, doubled_s
        while starting and starting[0] <= now_s:
            fleet.append(_Pod(shape.slots))
            history.append((heapq.heappop(starting), len(fleet)))
        mean = sum(len(pod.waiting) for pod in fleet) / len(fleet)
        ordered = len(fleet) + len(starting)
        cores = begun_s / scaler.every_s / scaler.busy
        wanted = max(pods, math.ceil(len(fleet) * mean / scaler.target), math.ceil(cores / shape.slots))
        wanted, begun_s = min(scaler.most, wanted), 0.0
        if wanted > ordered and now_s - doubled_s >= scaler.double_s:
            for _ in range(min(wanted, 2 * ordered) - ordered):
                heapq.heappush(starting, now_s + scaler.start_s)
            doubled_s = now_s
        wanted_before.append((now_s, wanted))
        while wanted_before[0][0] < now_s - scaler.keep_s:
            wanted_before.popleft()
        keep = max(count for _, count in wanted_before)
        if keep < len(fleet) and now_s >= scaler.keep_s and not starting:
            del fleet[keep:]  # what they have in flight is finished: the server drains
            history.append((now_s, keep))

    for now_s in arrivals_s:
        while autoscaler and look_s <= now_s:
            advance(look_s)
            look(look_s, autoscaler)
            look_s += autoscaler.every_s
        while autoscaler and starting and starting[0] <= now_s:
            history.append((heapq.heappop(starting), len(fleet) + 1))
            fleet.append(_Pod(shape.slots))
        advance(now_s)
        turn = (turn + 1) % len(fleet)
        pod = fleet[turn]
        if pod.free:
            pod.free -= 1
            begin(pod, now_s, now_s, service_s())
        elif len(pod.waiting) < shape.max_waiting:
            pod.waiting.append((now_s, service_s()))
        else:
            refused.append(now_s)
    advance(math.inf)
    arrays = (np.array(values, np.float64) for values in (waits, totals, came, refused))
    return Outcome(*arrays, history)


def arrivals_at(rate: Callable[[float], float], *, until_s: float, most: float, seed: int) -> Times:
    """Return when requests of many independent clients come (a Poisson process).

    Args:
        rate: Requests a second at a time.
        until_s: When it ends.
        most: No rate is above this.
        seed: Of the random numbers.
    """
    random = np.random.default_rng(seed)
    count = random.poisson(most * until_s)
    times = np.sort(random.uniform(0, until_s, count))
    kept = random.uniform(0, most, count) < np.array([rate(time) for time in times])
    return np.asarray(times[kept], np.float64)


def burst_rate(base: float, factor: float, *, from_s: float, for_s: float) -> Callable[[float], float]:
    """Return a rate that is so many times as high for a while."""
    return lambda time_s: base * factor if from_s <= time_s < from_s + for_s else base


def erlang_b(load: float, servers: int) -> float:
    """Return the part of requests that finds all servers busy and is lost, where none may wait.

    Args:
        load: Arrival rate times mean service time. How service times are distributed makes no difference.
        servers: How many.
    """
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked


def mmc_wait_s(rate: float, service_s: float, servers: int) -> float:
    """Return the mean wait where service times are exponential (Erlang C)."""
    load = rate * service_s
    lost = erlang_b(load, servers)
    waits = lost / (1 - load / servers * (1 - lost))
    return waits * service_s / (servers - load)


def mdc_wait_s(rate: float, service_s: float, servers: int) -> float:
    """Return the mean wait where all service times are the same.

    After one service time, those who were served are gone and the new ones have come: the number in the system is a
    Markov chain, whose limit is found by following it (Crommelin, 1932).
    """
    load = rate * service_s
    size = servers + 40 + int(60 / (1 - load / servers))
    logs = np.arange(size) * math.log(load) - load - np.cumsum([0.0, *np.log(np.arange(1, size))])
    coming = np.exp(logs)
    state = np.zeros(size)
    state[0] = 1.0
    for _ in range(100_000):
        left = np.concatenate([[state[: servers + 1].sum()], state[servers + 1 :], np.zeros(servers)])
        following = np.convolve(left, coming)[:size]
        following /= following.sum()
        if np.abs(following - state).sum() < 1e-13:
            break
        state = following
    waiting = float(np.maximum(0, np.arange(size) - servers) @ state)
    return waiting / rate


def _report(found: Outcome, *, until_s: float, each_s: float) -> Iterator[str]:
    yield "| from s | pods | answered/s | refused | wait p50 ms | wait p99 ms |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for start_s in np.arange(0, until_s, each_s):
        inside = (found.arrivals_s >= start_s) & (found.arrivals_s < start_s + each_s)
        lost = int(((found.refused_s >= start_s) & (found.refused_s < start_s + each_s)).sum())
        pods = [count for time_s, count in found.pods if time_s < start_s + each_s][-1]
        waits = found.waits_s[inside] * 1000
        p50, p99 = np.percentile(waits, [50, 99]) if len(waits) else (0.0, 0.0)
        share = lost / max(1, lost + len(waits))
        yield f"| {start_s:.0f} | {pods} | {len(waits) / each_s:.0f} | {share:.1%} | {p50:.1f} | {p99:.1f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=5, help="at the start, and at least")
    parser.add_argument("--most", type=int, default=50, help="pods at most; the same as --pods for no autoscaler")
    parser.add_argument("--slots", type=int, default=2, help="cores of a pod")
    parser.add_argument("--max-waiting", type=int, default=256)
    parser.add_argument("--cpu-ms", type=float, default=3.03, help="CPU time per image")
    parser.add_argument("--rate", type=float, default=2000, help="images a second")
    parser.add_argument("--burst", type=float, default=2.5, help="how many times as many come in the burst")
    parser.add_argument("--burst-from", type=float, default=60)
    parser.add_argument("--burst-s", type=float, default=120)
    parser.add_argument("--start-s", type=float, default=30, help="from the decision to a pod that takes requests")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    rate = burst_rate(given.rate, given.burst, from_s=given.burst_from, for_s=given.burst_s)
    most = given.rate * max(1.0, given.burst)
    found = simulate(
        arrivals_at(rate, until_s=given.seconds, most=most, seed=given.seed),
        lambda: given.cpu_ms / 1000,
        pods=given.pods,
        shape=PodShape(given.slots, given.max_waiting),
        autoscaler=Autoscaler(most=given.most, start_s=given.start_s) if given.most > given.pods else None,
    )
    print("\n".join(_report(found, until_s=given.seconds, each_s=15)))
    print(f"\n{found.refused:.2%} of all requests were refused with 503.")


if __name__ == "__main__":
    main()
