"""What every kind of training prints: about its images, the time that is left, and what came out."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from edgecls.commands.any_text import on_one_line
from edgecls.commands.progress_bar import duration_text

if TYPE_CHECKING:
    from edgecls.dataset.forms.labelled_pictures import Dataset
    from edgecls.evaluation.record import Evaluation
    from edgecls.training.history import EpochReport
    from edgecls.training.pictures import PreparedPictures

__all__ = ["TimeLeft", "found_text", "prepared_text", "print_remarks", "test_text"]


def found_text(dataset: "Dataset") -> str:
    """Return a line for each label with its number of pictures, and one for all."""
    found = dataset.whole
    lines = [f"{count:7d}  {label}" for label, count in found.counts.items()]
    return "\n".join([*lines, f"{len(found.paths):7d}  pictures of {len(found.labels)} labels"])


def print_remarks(remarks: Sequence[str]) -> None:
    """Print what is worth knowing before training to standard error, a line each."""
    for remark in remarks:
        click.echo(on_one_line(f"note: {remark}"), err=True)


def prepared_text(pictures: "PreparedPictures") -> str:
    """Return a line for each picture that cannot be used, and one on what the others are for."""
    faults = [f"left out: {error}" for error in pictures.cached.failures]
    counts = len(pictures.train_indices), len(pictures.validation_indices)
    return "\n".join([*faults, "training on {} pictures, validating on {}".format(*counts)])


def test_text(found: "Evaluation") -> str:
    """Return a line on how good a model is on the test split."""
    low, high = found.accuracy_interval
    unused = f"; {len(found.failures)} more could not be used" if found.failures else ""
    return f"test accuracy {found.accuracy:.4f} ({low:.4f} to {high:.4f} at 95 %) on {found.pictures} pictures{unused}"


class TimeLeft:
    """How long a training run will still take, from what its steps have taken.

    Args:
        epochs: Number of all epochs.
        clock: Tells the time in seconds.
    """

    def __init__(self, epochs: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = epochs  # epochs that are not finished
        self._epochs = epochs
        self._clock = clock
        self._first: tuple[int, float] | None = None  # a step of this epoch, and when it was done
        self._last_s = 0.0  # when the last step was done
        self._step_s: float | None = None
        self._after_s = 0.0  # from the last step of an epoch to its end: validation and checkpoint
        self._total = 0

    def after_step(self, done: int, total: int) -> str:
        """Return what is left of the epoch and of the run; empty until there are two steps to go by.

        Args:
            done: Steps done of this epoch.
            total: Steps of an epoch.
        """
        self._last_s, self._total = self._clock(), total
        if self._first is None:  # not timed: the first step of all builds the network
            self._first = done, self._last_s
        elif done > self._first[0]:
            self._step_s = (self._last_s - self._first[1]) / (done - self._first[0])
        if self._step_s is None:
            return ""
        epoch_s = (total - done) * self._step_s + self._after_s
        run_s = epoch_s + (self._rest - 1) * self._an_epoch_s
        return f"{duration_text(epoch_s)} left, {duration_text(run_s)} in all"

    def after_epoch(self, report: "EpochReport") -> str:
        """Return what is left of the run; empty if nothing is."""
        if self._first is not None:
            self._after_s = self._clock() - self._last_s
        self._first = None
        self._rest = self._epochs - report.epoch
        if not self._rest:
            return ""
        epoch_s = report.duration_s if self._step_s is None else self._an_epoch_s
        return f"{duration_text(self._rest * epoch_s)} left"

    @property
    def _an_epoch_s(self) -> float:
        return self._total * (self._step_s or 0.0) + self._after_s
