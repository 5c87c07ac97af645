"""Comparing measurements with earlier ones: what became slower, beyond the noise."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from edgecls.bench.document import Recorded, Series
from edgecls.bench.trials import LEAST_ROUNDS
from edgecls.measuring.turns import Estimate, ratio_between

__all__ = ["Compared", "Comparison", "Verdict", "compare"]

SMALLEST_CHANGE = 1.03  # less is no news, however sure it is
LARGEST_HIDDEN = 1.1  # change that may hide in the noise of what is called level
FALSE_ALARMS = 0.05  # of comparisons of two alike, with at least one figure that seems to differ


class Verdict(StrEnum):
    """The outcome for a figure."""

    SLOWER = "slower"
    FASTER = "faster"
    LEVEL = "level"
    NOISY = "too noisy to tell"


@dataclass(frozen=True)
class Compared:
    """A figure in the baseline and now.

    Attributes:
        what: What was measured.
        baseline_ms: Its median time in the baseline, in milliseconds.
        current_ms: The same now.
        ratio: Now / baseline.
        relative_to_reference: The same of times divided by the reference workload's in the same rounds.
        verdict: The outcome.
    """

    what: str
    baseline_ms: float
    current_ms: float
    ratio: Estimate
    relative_to_reference: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """The outcome for all figures.

    Attributes:
        rows: What was measured both times, in the order of current.
        only_in_baseline: What was measured baseline, and not current.
        only_in_current: What is measured current, and was not baseline.
        differences: What else is not as it was baseline: the machine, versions, networks, images.
    """

    rows: tuple[Compared, ...]
    only_in_baseline: tuple[str, ...]
    only_in_current: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def slower(self) -> tuple[Compared, ...]:
        """What became slower."""
        return tuple(row for row in self.rows if row.verdict is Verdict.SLOWER)


def compare(baseline: Recorded, current: Recorded) -> Comparison:
    """Compare what was measured at two times.

    A figure became slower if its time grew by three percent or more and that is beyond the noise, both as measured and
    relative to the reference workload: a machine that was slower as a whole says nothing about edgecls. It is level if
    no change of ten percent can hide in the noise of one of the two. Intervals are so wide that one comparison in
    twenty reports a difference where there is none.
    """
    both = [what for what in current.series if what in baseline.series]
    confidence = 1 - FALSE_ALARMS / max(1, len(both))
    return Comparison(
        rows=tuple(_compare(what, baseline.series[what], current.series[what], confidence) for what in both),
        only_in_baseline=tuple(what for what in baseline.series if what not in current.series),
        only_in_current=tuple(what for what in current.series if what not in baseline.series),
        differences=tuple(_differences(baseline, current)),
    )


def _compare(what: str, baseline: Series, current: Series, confidence: float) -> Compared:
    ratio = ratio_between(current.times_ms, baseline.times_ms, confidence=confidence)
    beside = ratio_between(current.relative_to_reference, baseline.relative_to_reference, confidence=confidence)
    rounds = min(len(current.times_ms), len(baseline.times_ms))
    return Compared(
        what,
        statistics.median(baseline.times_ms),
        statistics.median(current.times_ms),
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


def _differences(baseline: Recorded, current: Recorded) -> Iterator[str]:
    for fact in ("processor", "usable_cores", "gpus", "driver", "providers", "system", "python", "packages"):
        before, after = baseline.machine.get(fact), current.machine.get(fact)
        if isinstance(before, dict) and isinstance(after, dict):
            for package in sorted(before.keys() | after.keys()):
                if before.get(package) != after.get(package):
                    yield f"{package}: was {before.get(package)}, is {after.get(package)}"
        elif before != after:
            yield f"{fact.replace('_', ' ')}: was {before}, is {after}"
    for name in current.networks:
        if name in baseline.networks and baseline.networks[name] != current.networks[name]:
            yield f"{name}: another network"
    if baseline.conditions["images"] != current.conditions["images"]:
        yield "other images"
    if baseline.conditions["pace"] != current.conditions["pace"]:
        yield f"pace: was {baseline.conditions['pace']:g} s, is {current.conditions['pace']:g} s"
