"""The record of a sweep: one JSON line per trial, written when it ends, so that a killed sweep can be resumed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecls.errors import OutputError, TrainingError
from edgecls.evaluation.history import EpochReport, best_of, is_better
from edgecls.journal import DamagedLineError, Journal

__all__ = ["SweepRecord", "SweepTrial"]

FILE_NAME = "trials.jsonl"


@dataclass(frozen=True)
class SweepTrial:
    """The outcome of one trial.

    Attributes:
        number: From 1, in the order of the sweep.
        settings: Its settings, by name.
        history: Its epochs; empty if it failed.
        error: Why it failed; empty if it did not.
        duration_s: Seconds it took.
    """

    number: int
    settings: Mapping[str, Any]
    history: tuple[EpochReport, ...] = ()
    error: str = ""
    duration_s: float = 0.0

    @property
    def best(self) -> EpochReport | None:
        """Its best epoch; None if it failed."""
        return best_of(self.history)


class SweepRecord:
    """The finished trials of a sweep, on disk.

    Args:
        folder: The sweep's folder.
        facts: Everything the trials depend on; a record with other facts belongs to another sweep.
        resume: Whether to resume an existing sweep.

    Raises:
        TrainingError: There is already a sweep and `resume` is false, or it had other settings.
        OutputError: The folder cannot be written.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any], *, resume: bool) -> None:
        self.path = folder / FILE_NAME
        self._trials: dict[int, SweepTrial] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with Journal(self.path) as journal:
                records = journal.records
            if records:
                self._take_up(records, facts, resume=resume)
            else:
                self._append(facts)
        except OSError as error:
            raise OutputError(f"cannot keep the record {str(self.path)!r}: {error.strerror or error}") from error
        except DamagedLineError as error:
            raise self._damaged(error) from error

    @property
    def trials(self) -> tuple[SweepTrial, ...]:
        """The trials that have ended, by number."""
        return tuple(self._trials[number] for number in sorted(self._trials))

    @property
    def best(self) -> SweepTrial | None:
        """The trial with the highest accuracy; of equals, the one with the lowest loss, then the first."""
        best: SweepTrial | None = None
        for trial in self.trials:
            if trial.best is None:
                continue
            score = trial.best.validation_accuracy, trial.best.validation_loss
            if is_better(*score, than=best.best if best else None):
                best = trial
        return best

    def has(self, number: int) -> bool:
        """Return whether a trial has ended."""
        return number in self._trials

    def add(self, trial: SweepTrial) -> None:
        """Record a finished trial."""
        self._append(asdict(trial))
        self._trials[trial.number] = trial

    def _append(self, entry: Mapping[str, Any]) -> None:
        with Journal(self.path) as journal:
            journal.append(dict(entry))
            journal.sync()

    def _take_up(self, records: Sequence[dict[str, Any]], facts: Mapping[str, Any], *, resume: bool) -> None:
        if not resume:
            raise TrainingError(
                f"there is already a sweep in {str(self.path.parent)!r}; "
                "continue it with --resume, or delete the folder"
            )
        try:
            head, *rest = records
            self._trials = {entry["number"]: _trial(entry) for entry in rest}
        except (KeyError, TypeError) as error:
            raise self._damaged(error) from error
        current = json.loads(json.dumps(facts))
        changed = sorted(key for key in head.keys() | current.keys() if head.get(key) != current.get(key))
        if changed:
            raise TrainingError(
                f"the sweep in {str(self.path.parent)!r} was started with another {', '.join(changed)}; "
                "repeat it with the same options, or give another --sweep-dir"
            )

    def _damaged(self, error: Exception) -> TrainingError:
        return TrainingError(f"the record {str(self.path)!r} is damaged ({error}); delete it to start again")


def _trial(entry: Mapping[str, Any]) -> SweepTrial:
    return SweepTrial(**{**entry, "history": tuple(EpochReport(**report) for report in entry["history"])})
