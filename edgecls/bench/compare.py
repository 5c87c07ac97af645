"""What became slower since another time, beyond the noise."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from edgecls.bench.recorded import Recorded, Series
from edgecls.bench.trials import LEAST_ROUNDS
from edgecls.measuring.turns import Estimate, ratio_between

__all__ = ["Compared", "Comparison", "Verdict", "compare"]

SMALLEST_CHANGE = 1.03  # less is no news, however sure it is
LARGEST_HIDDEN = 1.1  # change that may hide in the noise of what is called level
FALSE_ALARMS = 0.05  # of comparisons of two alike, with at least one figure that seems to differ


class Verdict(StrEnum):
    """What became of a figure."""

    SLOWER = "slower"
    FASTER = "faster"
    LEVEL = "level"
    NOISY = "too noisy to tell"


@dataclass(frozen=True)
class Compared:
    """A figure then and now.

    Attributes:
        what: What it is of.
        then_ms: Median of what it took, in milliseconds.
        now_ms: The same now.
        ratio: Now / then.
        relative_to_reference: Now / then, each as a multiple of what the reference workload took in the same rounds.
        verdict: What became of it.
    """

    what: str
    then_ms: float
    now_ms: float
    ratio: Estimate
    relative_to_reference: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """What became of all figures.

    Attributes:
        rows: What was measured both times, in the order of now.
        only_then: What was measured then, and not now.
        only_now: What is measured now, and was not then.
        differences: What else is not as it was then: the machine, versions, networks, images.
    """

    rows: tuple[Compared, ...]
    only_then: tuple[str, ...]
    only_now: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def slower(self) -> tuple[Compared, ...]:
        """What became slower."""
        return tuple(row for row in self.rows if row.verdict is Verdict.SLOWER)


def compare(then: Recorded, now: Recorded) -> Comparison:
    """Compare what was measured at two times.

    A figure became slower if its time grew by three percent or more and that is beyond the noise, both as measured and
    relative to the reference workload: a machine that was slower as a whole says nothing about edgecls. It is level if
    no change of ten percent can hide in the noise of one of the two. Intervals are so wide that one comparison in
    twenty reports a difference where there is none.
    """
    both = [what for what in now.series if what in then.series]
    confidence = 1 - FALSE_ALARMS / max(1, len(both))
    return Comparison(
        rows=tuple(_compare(what, then.series[what], now.series[what], confidence) for what in both),
        only_then=tuple(what for what in then.series if what not in now.series),
        only_now=tuple(what for what in now.series if what not in then.series),
        differences=tuple(_differences(then, now)),
    )


def _compare(what: str, then: Series, now: Series, confidence: float) -> Compared:
    ratio = ratio_between(now.times_ms, then.times_ms, confidence=confidence)
    beside = ratio_between(now.relative_to_reference, then.relative_to_reference, confidence=confidence)
    rounds = min(len(now.times_ms), len(then.times_ms))
    return Compared(
        what,
        statistics.median(then.times_ms),
        statistics.median(now.times_ms),
        ratio,
        beside,
        _verdict(ratio, beside) if rounds >= LEAST_ROUNDS else Verdict.NOISY,
    )


def _verdict(*ratios: Estimate) -> Verdict:
    if all(ratio.low > 1 and ratio.value >= SMALLEST_CHANGE for ratio in ratios):
        return Verdict.SLOWER
    if all(ratio.high < 1 and ratio.value <= 1 / SMALLEST_CHANGE for ratio in ratios):
        return Verdict.FASTER
    is_sure = any(ratio.low > 1 / LARGEST_HIDDEN and ratio.high < LARGEST_HIDDEN for ratio in ratios)
    return Verdict.LEVEL if is_sure else Verdict.NOISY


def _differences(then: Recorded, now: Recorded) -> Iterator[str]:
    for fact in ("processor", "usable_cores", "gpus", "driver", "providers", "system", "python", "packages"):
        before, after = then.machine.get(fact), now.machine.get(fact)
        if isinstance(before, dict) and isinstance(after, dict):
            for package in sorted(before.keys() | after.keys()):
                if before.get(package) != after.get(package):
                    yield f"{package}: {before.get(package)} then, {after.get(package)} now"
        elif before != after:
            yield f"{fact.replace('_', ' ')}: {before} then, {after} now"
    for name in now.networks:
        if name in then.networks and then.networks[name] != now.networks[name]:
            yield f"{name}: another network then"
    if then.conditions["images"] != now.conditions["images"]:
        yield "other images then"
    if then.conditions["pace"] != now.conditions["pace"]:
        yield f"pace: {then.conditions['pace']:g} s then, {now.conditions['pace']:g} s now"
