"""Where the trials of a sweep come from: a list that is known in advance, or a search that learns from results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgecls.evaluation.history import EpochReport
from edgecls.training.sweep.record import SweepRecord, SweepTrial
from edgecls.training.sweep.space import Settings

__all__ = ["ListedTrials", "TakenTrial", "Trials"]


@dataclass(frozen=True)
class TakenTrial:
    """A trial that this process works on.

    Attributes:
        number: From 1, in the order of the sweep.
        settings: What to train with.
        claim: What `SweepRecord.claim` returned for it; to be closed when it has ended.
    """

    number: int
    settings: Settings
    claim: int


class Trials(Protocol):
    """The trials of a sweep. `take` and `note` are called while the record is locked."""

    @property
    def total(self) -> int:
        """Number of all trials."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What they are, as far as a resumed sweep has to agree."""

    def open(self, record: SweepRecord, folder: Path) -> None:
        """Begin, or go on with what is in the folder of the sweep; called once, before all others, under the lock."""

    def take(self, record: SweepRecord) -> TakenTrial | None:
        """Return a trial that has not ended and that no living process works on, locked; None if there is none."""

    def is_poor(self, number: int, history: Sequence[EpochReport]) -> bool:
        """Return whether a trial should end early, after the last epoch of `history`, because others do better."""

    def note(self, trial: SweepTrial) -> None:
        """Learn from a trial that has ended and is in the record."""


class ListedTrials:
    """Trials that are known in advance: every combination of settings, or random ones.

    Args:
        trials: The settings to try, at least one.
    """

    def __init__(self, trials: Sequence[Settings]) -> None:
        self._trials = tuple(trials)

    @property
    def total(self) -> int:
        """Number of all trials."""
        return len(self._trials)

    @property
    def facts(self) -> Mapping[str, Any]:
        """All settings."""
        return {"trials": [settings.as_facts() for settings in self._trials]}

    def open(self, record: SweepRecord, folder: Path) -> None:
        """Do nothing."""

    def take(self, record: SweepRecord) -> TakenTrial | None:
        """Return the first trial that has not ended and that no other process works on."""
        for number, settings in enumerate(self._trials, start=1):
            if not record.has(number) and (claim := record.claim(number)) is not None:
                return TakenTrial(number, settings, claim)
        return None

    def is_poor(self, number: int, history: Sequence[EpochReport]) -> bool:
        """Every trial has all its epochs."""
        return False

    def note(self, trial: SweepTrial) -> None:
        """Do nothing."""
