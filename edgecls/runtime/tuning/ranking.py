"""Measuring candidates in turns, and ranking them for each goal.

Machines drift, and other programs use them too. So trials are compared within the rounds they were taken in, never
across them, and what cannot be told apart counts as level.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgecls.measuring.trials import Trial
from edgecls.measuring.turns import take_turns
from edgecls.runtime.execution.providers import Provider, SkippedProvider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Goal
from edgecls.runtime.tuning.candidates import Candidate
from edgecls.runtime.tuning.in_memory import classify_in_memory, least_images, warm_up

__all__ = ["ELIMINATED_AFTER", "Measurement", "Ranking", "measure", "rankings_of", "take_rounds"]

PLANNED_ROUNDS = 8
MOST_ROUNDS = 16
LEAST_TRIAL_S = 0.02
ELIMINATED_AFTER = 3  # rounds
ELIMINATED_BELOW = 0.85  # of the leader, in every round
LEVEL_FROM = 0.97  # of the leader, in the median

Trials = Mapping[int, Sequence[Trial]]
"""The trials of each candidate in their rounds; one that was eliminated has fewer, the first ones."""


@dataclass(frozen=True)
class Measurement:
    """What was measured of candidates.

    Attributes:
        trials: Of each candidate by its number: its rounds, or before the first one is over how it warmed up.
        rankings: What they were taken for.
        skipped: What was not measured, with the reason.
        rounds: How many rounds are over.
    """

    trials: Trials
    rankings: Sequence["Ranking"]
    skipped: Sequence[SkippedProvider]
    rounds: int


def measure(
    candidates: Sequence[Candidate],
    images: Sequence[bytes],
    *,
    seconds: float,
    deadline_s: float,
    on_progress: Callable[[str], None],
    on_figures: Callable[[Measurement], None] = lambda measured: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Measurement:
    """Measure candidates: each warms up alone, then they take turns.

    Args:
        candidates: What to measure, those of a model together, its default setting before others of that provider.
        images: Encoded images.
        seconds: How long all of it should take.
        deadline_s: When it should end, by `clock`.
        on_progress: Called with what is going on.
        on_figures: Called with what there is when all have warmed up, and after every round.
        clock: Tells the time in seconds.
    """
    warm, skipped = warm_up(candidates, images, seconds=seconds, on_progress=on_progress)
    trial_s = max(LEAST_TRIAL_S, (deadline_s - clock()) / (PLANNED_ROUNDS * len(warm)))

    def run(number: int) -> Trial:
        candidate = candidates[number]
        on_progress(f"measuring, {max(0.0, deadline_s - clock()):.0f} s left: {candidate.setting}")
        count = max(least_images(candidate.setting), round(warm[number].images_per_s * trial_s))
        return classify_in_memory(candidate.classifier, images, count)

    rankings = rankings_of({number: candidates[number] for number in warm})
    on_figures(Measurement({number: [trial] for number, trial in warm.items()}, rankings, skipped, 0))

    def measured(trials: Trials) -> Measurement:
        return Measurement(trials, rankings, skipped, max(map(len, trials.values())))

    def report(trials: Trials) -> None:
        on_figures(measured(trials))

    return measured(take_rounds(run, rankings, deadline_s=deadline_s, clock=clock, on_round=report))


@dataclass(frozen=True)
class Ranking:
    """Candidates compared for one goal.

    Attributes:
        goal: What they are compared by.
        members: Numbers of the candidates, those to prefer first.
    """

    goal: Goal
    members: tuple[int, ...]

    def leader(self, trials: Trials) -> int:
        """Return the candidate with the best median."""
        return max(
            self.members, key=lambda member: statistics.median(_score(trial, self.goal) for trial in trials[member])
        )

    def level(self, trials: Trials) -> tuple[int, ...]:
        """Return those that cannot be told from the leader, itself included, those to prefer first.

        They are within three percent of it in the median of the rounds, or ahead of it in a quarter of them.
        """
        leader = self.leader(trials)
        return tuple(
            member
            for member in self.members
            if statistics.median(ratios := self._ratios(member, leader, trials)) >= LEVEL_FROM
            or np.percentile(ratios, 75) > 1
        )

    def is_eliminated(self, member: int, trials: Trials) -> bool:
        """True if a candidate was far behind the leader in every one of at least three rounds."""
        ratios = self._ratios(member, self.leader(trials), trials)
        return len(ratios) >= ELIMINATED_AFTER and max(ratios) < ELIMINATED_BELOW

    def _ratios(self, member: int, leader: int, trials: Trials) -> list[float]:
        pairs = zip(trials[member], trials[leader], strict=False)
        return [_score(one, self.goal) / _score(other, self.goal) for one, other in pairs]


def _score(trial: Trial, goal: Goal) -> float:
    """Return how good a trial is for a goal; more is better."""
    return trial.images_per_s if goal is Goal.THROUGHPUT else 1 / trial.latency_ms


def rankings_of(candidates: Mapping[int, Candidate]) -> list[Ranking]:
    """Return a ranking for each goal of each model, those of the first model first: throughput, then latency.

    Args:
        candidates: By number, the default setting of each provider before its others.
    """
    rankings = []
    for model in dict.fromkeys(candidate.model for candidate in candidates.values()):
        members = [number for number, candidate in candidates.items() if candidate.model == model]
        usual = {candidates[number].setting.provider: candidates[number].setting for number in reversed(members)}
        members.sort(key=lambda number: _complexity(candidates[number].setting, usual))
        alone = [number for number in members if candidates[number].setting.workers == 1]
        rankings += [Ranking(Goal.THROUGHPUT, tuple(members)), Ranking(Goal.LATENCY, tuple(alone))]
    return rankings


def _complexity(setting: Setting, usual: Mapping[Provider, Setting]) -> tuple[bool, bool, int, int, int]:
    """Return what orders settings: the CPU's before others, the default first, then from simple to intricate."""
    threads = setting.workers * setting.intra_op_threads
    is_unusual = setting != usual[setting.provider]
    return setting.provider != Provider.CPU, is_unusual, setting.batch_size, threads, setting.intra_op_threads


def take_rounds(
    run: Callable[[int], Trial],
    rankings: Sequence[Ranking],
    *,
    deadline_s: float,
    clock: Callable[[], float],
    on_round: Callable[[Trials], None] = lambda trials: None,
) -> dict[int, list[Trial]]:
    """Run every candidate once in each round, in changing order, until time is up or all rankings are decided.

    A candidate stops when it is eliminated from each of its rankings, or these are decided.

    Args:
        run: Takes one trial of a candidate.
        rankings: What the trials are for.
        deadline_s: No round begins that would end after this time by `clock`, except for the first.
        clock: Tells the time in seconds.
        on_round: Called with the trials after every round.
    """

    def still_running(trials: Trials) -> set[int]:
        on_round(trials)
        left = [
            [one for one in ranking.members if one in running and not ranking.is_eliminated(one, trials)]
            for ranking in rankings
        ]
        running.intersection_update(member for members in left if len(members) > 1 for member in members)
        return running

    members = list(dict.fromkeys(member for ranking in rankings for member in ranking.members))
    running = set(members)
    return take_turns(
        {member: partial(run, member) for member in members},
        rounds=MOST_ROUNDS,
        warm_up=0,
        deadline_s=deadline_s,
        clock=clock,
        still_running=still_running,
    )
