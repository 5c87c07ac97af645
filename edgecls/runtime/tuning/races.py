"""Which of several settings is best, told from trials that were taken in turns.

Machines drift, and others use them too. So trials are compared within the rounds they were taken in, never
across them, and what cannot be told apart counts as level.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgecls.measuring.trials import Trial
from edgecls.measuring.turns import take_turns
from edgecls.runtime.tuned import Goal

__all__ = ["Race", "take_rounds"]

MOST_ROUNDS = 16
LOST_AFTER = 3  # rounds
LOST_BELOW = 0.85  # of the leader, in every round
LEVEL_FROM = 0.97  # of the leader, in the median


Trials = Mapping[int, Sequence[Trial]]
"""The trials of each contender in their rounds; one that has stopped has fewer, the first ones."""


@dataclass(frozen=True)
class Race:
    """Contenders for one goal.

    Attributes:
        goal: What they are compared by.
        members: Numbers of the contenders, those to prefer first.
    """

    goal: Goal
    members: tuple[int, ...]

    def leader(self, trials: Trials) -> int:
        """Return the contender with the best median."""
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

    def has_lost(self, member: int, trials: Trials) -> bool:
        """True if a contender was far behind the leader in every one of at least three rounds."""
        ratios = self._ratios(member, self.leader(trials), trials)
        return len(ratios) >= LOST_AFTER and max(ratios) < LOST_BELOW

    def _ratios(self, member: int, leader: int, trials: Trials) -> list[float]:
        pairs = zip(trials[member], trials[leader], strict=False)
        return [_score(one, self.goal) / _score(other, self.goal) for one, other in pairs]


def take_rounds(
    run: Callable[[int], Trial], races: Sequence[Race], *, deadline_s: float, clock: Callable[[], float]
) -> dict[int, list[Trial]]:
    """Let all contenders run once in each round, in changing order, until the time is up or all races are decided.

    One runs no more when each race it is in is lost, or decided.

    Args:
        run: Takes one trial of a contender.
        races: What they run for.
        deadline_s: No round begins that would end after this time by `clock`, but for the first.
        clock: Tells the time in seconds.
    """

    def going_on(trials: Trials) -> set[int]:
        left = [[one for one in race.members if one in running and not race.has_lost(one, trials)] for race in races]
        running.intersection_update(member for members in left if len(members) > 1 for member in members)
        return running

    running = {member for race in races for member in race.members}
    members = list(dict.fromkeys(member for race in races for member in race.members))
    return take_turns(
        {member: partial(run, member) for member in members},
        rounds=MOST_ROUNDS,
        warm_up=0,
        deadline_s=deadline_s,
        clock=clock,
        going_on=going_on,
    )


def _score(trial: Trial, goal: Goal) -> float:
    """Return how good a trial is for a goal; more is better."""
    return trial.images_per_s if goal is Goal.THROUGHPUT else 1 / trial.latency_ms
