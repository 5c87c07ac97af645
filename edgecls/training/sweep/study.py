"""A search with Optuna: it proposes the settings of each trial and ends early those that do poorly. Extra "search"."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgecls.errors import TrainingError
from edgecls.evaluation.history import EpochReport
from edgecls.extras import import_from_extra
from edgecls.folder_lock import locked_folder
from edgecls.journal import Journal
from edgecls.models import NO_WEIGHTS
from edgecls.training.stages import plan_stages
from edgecls.training.sweep.record import LOCK_TIMEOUT_S, LOCKS_NAME, SweepRecord, SweepTrial
from edgecls.training.sweep.search_space import Choices, Domain, SearchSpace
from edgecls.training.sweep.space import Settings, size_text
from edgecls.training.sweep.trials import TakenTrial

__all__ = ["SearchedTrials"]

JOURNAL_NAME = "optuna.log"
STUDY_NAME = "edgecls"  # also decides, with the number of a trial, how early Hyperband may end it
NUMBER = "trial"  # attribute of Optuna's trials: their number in the sweep; a repeated proposal has none
REDUCTION_FACTOR = 3  # of three trials that get as far as a rung, one goes on
PRETRAINED = "pretrained"  # stands for any weights that a trial may start with
RANDOM_TRIALS = 10  # of each bracket of Hyperband at most, before the sampler follows results
REPEATS = 20  # proposals that were tried before, until one that was not is drawn instead
LISTED = 100_000  # combinations that are drawn from without repetition


class SearchedTrials:
    """Trials that Optuna proposes by its tree-structured Parzen estimator (TPE) and ends early by Hyperband.

    The next proposal depends only on the seed, on the number of the trial and on what is known of the others, so that
    a search that was interrupted goes on as it would have.

    Args:
        space: What may be tried.
        count: Number of all trials; fewer if there are not so many different ones.

    Raises:
        MissingExtraError: Optuna is not installed.
    """

    def __init__(self, space: SearchSpace, count: int) -> None:
        self._space = space
        self._count = count
        self._optuna: Any = import_from_extra("optuna", extra="search", purpose="searching for settings")
        self._study: Any = None
        self._storage: Any = None
        self._numbers: dict[int, int] = {}  # from those of the sweep to Optuna's

    @property
    def total(self) -> int:
        """Number of all trials."""
        return self._count if self._space.size is None else min(self._count, self._space.size)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is searched. The number of trials may grow when a search goes on."""
        return {"search": self._space.as_facts()}

    def open(self, record: SweepRecord, folder: Path) -> None:
        """Make the study, or read what other processes and earlier runs have left in the folder.

        Raises:
            TrainingError: The journal of the study is damaged, or does not belong to the record.
        """
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        self._optuna.logging.set_verbosity(self._optuna.logging.WARNING)
        path = folder / JOURNAL_NAME
        lock: Any = _JournalLock(
            path, folder / LOCKS_NAME / "optuna"
        )  # used as Optuna's own are, without their base class
        try:
            self._storage = JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
            self._study = self._optuna.create_study(
                storage=self._storage,
                pruner=self._pruner(),
                study_name=STUDY_NAME,
                direction="maximize",
                load_if_exists=True,
            )
            recorded = {trial.number for trial in record.trials}
            running = self._optuna.trial.TrialState.RUNNING
            ended = {number for number, trial in self._named() if trial.state != running}
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"the journal {str(path)!r} is damaged ({error}); delete the sweep's folder") from error
        if not ended <= recorded <= self._numbers.keys():
            raise TrainingError(
                f"the journal {str(path)!r} has other trials than {str(record.path)!r}; delete the sweep's folder"
            )

    def take(self, record: SweepRecord) -> TakenTrial | None:
        """Return a trial whose process has died, or else a new one."""
        states = self._optuna.trial.TrialState
        for trial in self._study.get_trials(states=(states.RUNNING,)):
            number = trial.user_attrs.get(NUMBER)
            if number is None:  # the process died between proposal and number
                self._study.tell(trial.number, state=states.FAIL)
                continue
            self._numbers[number] = trial.number
            if record.has(number):
                self.note(record.trial(number))  # it died between the record and Optuna
            elif (claim := record.claim(number)) is not None:
                return TakenTrial(number, self._settings(trial.params), claim)
        known = {number: self._settings(trial.params) for number, trial in self._named()}
        number = len(known) + 1
        if number > self.total:
            return None
        claim = record.claim(number)
        if claim is None:
            raise TrainingError(f"trial {number} is locked, but not in the study; end the other processes of the sweep")
        proposed = self._propose(number, set(known.values()))
        proposed.set_user_attr(NUMBER, number)
        self._numbers[number] = proposed.number
        return TakenTrial(number, self._settings(proposed.params), claim)

    def is_poor(self, number: int, history: Sequence[EpochReport]) -> bool:
        """Report the accuracy so far; return whether Hyperband would end the trial. The last epoch is too late."""
        study_id = self._storage.get_study_id_from_name(STUDY_NAME)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, self._numbers[number])
        trial, known = self._optuna.trial.Trial(self._study, trial_id), self._storage.get_trial(trial_id)
        best = 0.0
        for report in history:
            best = max(best, report.validation_accuracy)
            if report.epoch not in known.intermediate_values:
                trial.report(best, step=report.epoch)
        return history[-1].epoch < self._space.base.epochs and bool(trial.should_prune())

    def note(self, trial: SweepTrial) -> None:
        """Tell Optuna of a trial; one that failed counts as pruned, because TPE learns nothing from failed ones."""
        number = self._numbers[trial.number]
        if trial.state == "complete" and trial.best is not None:
            self._study.tell(number, trial.best.validation_accuracy, skip_if_finished=True)
        else:
            self._study.tell(number, state=self._optuna.trial.TrialState.PRUNED, skip_if_finished=True)

    def _named(self) -> Iterator[tuple[int, Any]]:
        """Yield Optuna's trials that are trials of the sweep, with their numbers in it."""
        for trial in self._study.get_trials():
            if (number := trial.user_attrs.get(NUMBER)) is not None:
                self._numbers[number] = trial.number
                yield number, trial

    def _propose(self, number: int, tried: set[Settings]) -> Any:
        """Return a trial of Optuna's with settings that were not tried before, if there are any."""
        distributions = {name: self._distribution(domain) for name, domain in self._space.domains.items()}
        for attempt in range(REPEATS):
            self._study.sampler = self._sampler(number, attempt)
            trial = self._study.ask(distributions)
            if self._settings(trial.params) not in tried:
                return trial
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        if self._space.size is not None:
            self._study.enqueue_trial(self._untried(number, tried))
        return self._study.ask(distributions)

    def _untried(self, number: int, tried: set[Settings]) -> dict[str, Any]:
        size = self._space.size or 1
        rng = np.random.default_rng([self._space.base.seed, number])
        places = rng.permutation(size) if size <= LISTED else rng.integers(size, size=LISTED)
        return next(
            parameters
            for parameters in (self._combination(int(place)) for place in places)
            if self._settings(parameters) not in tried
        )

    def _combination(self, place: int) -> dict[str, Any]:
        """Return one of all combinations of a finite space, by its number from 0."""
        parameters: dict[str, Any] = {}
        for name, domain in self._space.domains.items():
            place, index = divmod(place, domain.size or 1)
            parameters[name] = _text(domain.values[index]) if isinstance(domain, Choices) else int(domain.low) + index
        return parameters

    def _settings(self, parameters: Mapping[str, Any]) -> Settings:
        values = {}
        for name, domain in self._space.domains.items():
            if isinstance(domain, Choices):
                values[name] = next(value for value in domain.values if _text(value) == parameters[name])
            else:
                values[name] = domain.near(parameters[name])
        return self._space.settings(values)

    def _distribution(self, domain: Domain) -> Any:
        kinds = self._optuna.distributions
        if isinstance(domain, Choices):
            return kinds.CategoricalDistribution([_text(value) for value in domain.values])
        if domain.is_integer:
            return kinds.IntDistribution(int(domain.low), int(domain.high), log=domain.is_log)
        return kinds.FloatDistribution(domain.low, domain.high, log=domain.is_log)

    def _sampler(self, number: int, attempt: int) -> Any:
        seed = int(np.random.SeedSequence([self._space.base.seed, number, attempt]).generate_state(1)[0])
        random = max(2, min(RANDOM_TRIALS, self.total // (2 * self._brackets)))
        return self._optuna.samplers.TPESampler(seed=seed, n_startup_trials=random)

    @property
    def _least_epochs(self) -> int:
        """Epochs before a trial may be ended: one in which all layers are trained."""
        base, weights = self._space.base, self._space.domains.get("weights")
        tried = weights.values if isinstance(weights, Choices) else (base.weights,)
        starts = {NO_WEIGHTS if value == NO_WEIGHTS else PRETRAINED for value in tried}
        return max(plan_stages(replace(base, weights=start))[-1].first_epoch for start in starts)

    @property
    def _brackets(self) -> int:
        """Number of Hyperband's brackets, each of which begins to end trials later than the one before."""
        return int(math.log(max(1, self._space.base.epochs / self._least_epochs), REDUCTION_FACTOR)) + 1

    def _pruner(self) -> Any:
        least, most = self._least_epochs, self._space.base.epochs
        if least >= most:
            return self._optuna.pruners.NopPruner()
        return self._optuna.pruners.HyperbandPruner(
            min_resource=least, max_resource=most, reduction_factor=REDUCTION_FACTOR
        )


class _JournalLock:
    """The lock on Optuna's journal, which a process that dies lets go of; the next one removes an unfinished line.

    Optuna's own locks outlive a process that was killed, and it appends to a line that was cut short.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self._held = contextlib.ExitStack()

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._held.enter_context(locked_folder(self._folder, timeout_s=LOCK_TIMEOUT_S))
        with Journal(self._path):
            return True

    def release(self) -> None:
        """Let others have it."""
        self._held.close()


def _text(value: Any) -> Any:
    """Return a value as Optuna keeps it: a size as a text."""
    return size_text(value) if isinstance(value, tuple) else value
