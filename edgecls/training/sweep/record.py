"""The record of a sweep: one JSON line per trial, written when it ends, so that a killed sweep can be resumed.

Several processes may work on one sweep. A lock on its folder lets one of them at a time choose a trial or add to the
record; each locks the trial that it works on, and lets go of it when it dies.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecls.errors import OutputError, TrainingError
from edgecls.evaluation.history import EpochReport, best_of, epoch_report, is_better
from edgecls.folder_lock import locked_folder, try_lock_folder
from edgecls.journal import DamagedLineError, Journal

__all__ = ["LOCKS_NAME", "LOCK_TIMEOUT_S", "SweepRecord", "SweepTrial"]

FILE_NAME = "trials.jsonl"
LOCKS_NAME = "locks"
LOCK_TIMEOUT_S = 120.0  # a process keeps the folder locked while it chooses its next trial


@dataclass(frozen=True)
class SweepTrial:
    """The outcome of one trial.

    Attributes:
        number: From 1, in the order of the sweep.
        settings: Its settings, by name.
        history: Its epochs; empty if it failed.
        error: Why it failed; empty if it did not.
        duration_s: Seconds it took.
        pruned: Whether it was ended early because others do better; it has no model then.
    """

    number: int
    settings: Mapping[str, Any]
    history: tuple[EpochReport, ...] = ()
    error: str = ""
    duration_s: float = 0.0
    pruned: bool = False

    @property
    def best(self) -> EpochReport | None:
        """Its best epoch; None if it failed."""
        return best_of(self.history)

    @property
    def state(self) -> str:
        """How it ended: "complete", "pruned" or "failed"."""
        return "failed" if self.error else "pruned" if self.pruned else "complete"


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
        with self._whole_record():
            folder.mkdir(parents=True, exist_ok=True)
            with locked_folder(folder, timeout_s=LOCK_TIMEOUT_S), Journal(self.path) as journal:
                if journal.records:
                    self._take_up(journal.records, facts, resume=resume)
                else:
                    _append(journal, facts)

    @property
    def trials(self) -> tuple[SweepTrial, ...]:
        """The trials that have ended, by number."""
        return tuple(self._trials[number] for number in sorted(self._trials))

    @property
    def best(self) -> SweepTrial | None:
        """The complete trial with the highest accuracy; of equals, the one with the lowest loss, then the first."""
        best: SweepTrial | None = None
        for trial in self.trials:
            if trial.best is None or trial.pruned:
                continue
            score = trial.best.validation_accuracy, trial.best.validation_loss
            if is_better(*score, than=best.best if best else None):
                best = trial
        return best

    def has(self, number: int) -> bool:
        """Return whether a trial has ended."""
        return number in self._trials

    def trial(self, number: int) -> SweepTrial:
        """Return a trial that has ended.

        Raises:
            KeyError: It has not.
        """
        return self._trials[number]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Read the record again, and keep other processes from choosing trials and from adding to it in the block.

        Raises:
            OutputError: The folder cannot be locked, or another process keeps it locked.
            TrainingError: The record is damaged.
        """
        with contextlib.ExitStack() as lock:
            with self._whole_record():
                lock.enter_context(locked_folder(self.path.parent, timeout_s=LOCK_TIMEOUT_S))
                with Journal(self.path) as journal:
                    self._read(journal.records)
            yield

    def claim(self, number: int) -> int | None:
        """Lock a trial for this process, until the returned handle is closed or the process ends.

        Returns:
            A handle for `os.close`; None if another process is working on the trial.

        Raises:
            OutputError: The folder cannot be written.
        """
        with self._whole_record():
            folder = self.path.parent / LOCKS_NAME / f"trial-{number:03d}"
            folder.mkdir(parents=True, exist_ok=True)
            return try_lock_folder(folder)

    def add(self, trial: SweepTrial) -> None:
        """Record a finished trial."""
        with self.locked():
            if not self.has(trial.number):
                with Journal(self.path) as journal:
                    _append(journal, asdict(trial))
                self._trials[trial.number] = trial

    @contextlib.contextmanager
    def _whole_record(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise OutputError(f"{error}; end that process, or wait for it") from error
        except DamagedLineError as error:
            raise self._damaged(error) from error
        except OSError as error:
            raise OutputError(f"cannot keep the record {str(self.path)!r}: {error.strerror or error}") from error

    def _take_up(self, records: Sequence[dict[str, Any]], facts: Mapping[str, Any], *, resume: bool) -> None:
        if not resume:
            raise TrainingError(
                f"there is already a sweep in {str(self.path.parent)!r}; "
                "continue it with --resume, or delete the folder"
            )
        self._read(records)
        head = records[0]
        current = json.loads(json.dumps(facts))
        different = (key for key in head.keys() | current.keys() if head.get(key) != current.get(key))
        changed = sorted(key if key in current else repr(key) for key in different)
        if changed:
            raise TrainingError(
                f"the sweep in {str(self.path.parent)!r} was started with another {', '.join(changed)}; "
                "repeat it with the same options, or give another --sweep-dir"
            )

    def _read(self, records: Sequence[dict[str, Any]]) -> None:
        try:
            self._trials = {entry["number"]: _trial(entry) for entry in records[1:]}
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> TrainingError:
        return TrainingError(f"the record {str(self.path)!r} is damaged ({error}); delete it to start again")


def _append(journal: Journal, entry: Mapping[str, Any]) -> None:
    journal.append(dict(entry))
    journal.sync()


_TRIAL_KINDS: dict[str, tuple[type, ...]] = {
    "number": (int,),
    "settings": (dict,),
    "history": (list,),
    "error": (str,),
    "duration_s": (int, float),
    "pruned": (bool,),
}


def _trial(entry: Mapping[str, Any]) -> SweepTrial:
    for name, value in entry.items():
        if not isinstance(value, _TRIAL_KINDS.get(name, ())) or isinstance(value, bool) != (name == "pruned"):
            raise ValueError(f"{name!r} of a trial is {str(value)[:80]!r}")
    return SweepTrial(**{**entry, "history": tuple(map(epoch_report, entry["history"]))})
